/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that this project supports, in one
 * place: Debian's 6.1 and 6.12. Force-included, so that no .c file needs an
 * #if on the kernel's version.
 */
#ifndef _KSOCKET_COMPAT_H
#define _KSOCKET_COMPAT_H

#include <linux/version.h>

#endif /* _KSOCKET_COMPAT_H */
