# SPDX-License-Identifier: GPL-2.0-only
#
# Read twice: by make, and by the kernel's build system (KERNELRELEASE set).

ifneq ($(KERNELRELEASE),)

subdir-ccflags-y := -I$(src)/include -include $(src)/ksocket/compat.h

ksocket-dirs := ksocket examples harness/modules
ifdef CONFIG_KUNIT
ksocket-dirs += kunit
endif
obj-m += $(foreach d,$(ksocket-dirs),$(if $(wildcard $(src)/$d/Kbuild),$d/))

else

LAB := PYTHONPATH=harness /usr/bin/python3 -B -m lab
K ?= deb6.12

all: modules

## modules: build the modules: for the running kernel, KDIR=<dir> (ARCH=), or Debian's 6.12
modules:
	@$(LAB) modules $(if $(KDIR),--kdir '$(KDIR)') $(if $(ARCH),--arch '$(ARCH)')

## install: install the modules that make built, with modules_install
install:
	@$(LAB) install $(if $(KDIR),--kdir '$(KDIR)') $(if $(ARCH),--arch '$(ARCH)')

## test: everything that a change must pass; the last line is the count
test:
	@$(LAB) test

## harness: the pytest harness in a guest: K=deb6.12|deb6.1|debug|uml T=<pytest expression>
harness:
	@$(LAB) harness --kernel '$(K)' --tests '$(T)'

## clean: remove what make built here (cached kernels stay)
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  make \1\t/p' Makefile | expand -t 20

.PHONY: all modules install test harness clean help

endif
