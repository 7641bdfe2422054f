# SPDX-License-Identifier: GPL-2.0-only
#
# Read twice: by make, and by the kernel's build system (KERNELRELEASE set).

ifneq ($(KERNELRELEASE),)

subdir-ccflags-y := -I$(src)/include -include $(src)/ksocket/compat.h

ksocket-dirs := ksocket ksocket/kinet examples docs/from-hooks harness/modules
ifdef CONFIG_KUNIT
ksocket-dirs += kunit kunit/kinet
endif
ifdef KSOCKET_BENCH
ksocket-dirs += bench/modules
endif
obj-m += $(foreach d,$(ksocket-dirs),$(if $(wildcard $(src)/$d/Kbuild),$d/))

else

LAB := PYTHONPATH=harness /usr/bin/python3 -B -m lab

all: modules

## modules: build the modules: for the running kernel, KDIR=<dir> (ARCH=), or Debian's 6.12
modules:
	@$(LAB) modules $(if $(KDIR),--kdir '$(KDIR)') $(if $(ARCH),--arch '$(ARCH)')

## install: install ksocket.ko, kinet.ko (INSTALL_MOD_PATH=) and the man pages (MANDIR=, DESTDIR=)
install:
	@$(LAB) install $(if $(KDIR),--kdir '$(KDIR)') $(if $(ARCH),--arch '$(ARCH)') \
		$(if $(DESTDIR),--destdir '$(DESTDIR)') $(if $(MANDIR),--mandir '$(MANDIR)')

## docs: the reference as HTML, in build/docs/html, and the man pages, in build/docs/man
docs:
	@$(LAB) docs

## tools: what tools/kinet-run preloads, in build/tools/
tools: build/tools/kinet-preload.so

build/tools/kinet-preload.so: tools/kinet-preload.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 -Wall -o $@ $<

## deb: the Debian packages, ksocket-dkms and ksocket-dev, in build/deb/
deb:
	@$(LAB) deb

## test: everything that a change must pass; the last line is the count
test:
	@$(LAB) test

## demo: real traffic through the modules, in a guest, as a transcript
demo:
	@$(LAB) demo

## shell: a guest with the modules loaded and a network up, to play in (K=)
shell:
	@$(LAB) shell $(if $(K),--kernel '$(K)')

## harness: the tests in a guest: K=deb6.12|deb6.1|debug|uml T=<pytest -k expression>
harness:
	@$(LAB) harness $(if $(K),--kernel '$(K)') --tests '$(T)'

## kunit: the KUnit suites under QEMU, on the debug kernel
kunit:
	@$(LAB) kunit --kernel debug

## kunit-uml: the KUnit suites in user-mode Linux, in seconds; or LOTS= random schedules of streams
kunit-uml:
	@$(LAB) kunit --kernel uml $(if $(LOTS),--lots '$(LOTS)')

## check: checkpatch, sparse, W=1, kernel-doc, include directions, python and shell lint
check:
	@$(LAB) check

## selftest: the laboratory's tests of itself (T=)
selftest:
	@$(LAB) selftest --tests '$(T)'

## deb-test: install the Debian packages into a system of their own, and load what DKMS built (T=)
deb-test:
	@$(LAB) deb-test --tests '$(T)'

## soak: the long runs (K=, T=)
soak:
	@$(LAB) soak $(if $(K),--kernel '$(K)') --tests '$(T)'

## bench: what calls cost, beside what is below them: build/bench/index.html (T=<row>, P=<row>)
bench:
	@$(LAB) bench --tests '$(T)' $(if $(P),--profile '$(P)')

## clean: remove what make built here (cached kernels stay)
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  make \1\t/p' Makefile | expand -t 20

.PHONY: all tools modules install docs deb deb-test test demo shell harness kunit kunit-uml check selftest soak bench clean help

endif
