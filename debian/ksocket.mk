# SPDX-License-Identifier: GPL-2.0-only
#
# For a consumer's Kbuild to include: finds the headers, and the symbols of the
# ksocket.ko that DKMS has built for the kernel that the consumer is built for.

subdir-ccflags-y += -I/usr/share/ksocket/include
KBUILD_EXTRA_SYMBOLS += /var/lib/dkms/ksocket/kernel-$(KERNELRELEASE)-$(shell uname -m)/module/Module.symvers
