/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kinet, as programs see it
 *
 * Addresses are ordinary struct sockaddr_in and sockaddr_in6, with AF_INET and
 * AF_INET6 in them: only the domain that is given to socket(2) is another.
 */
#ifndef _UAPI_LINUX_KINET_H
#define _UAPI_LINUX_KINET_H

/*
 * The domains for IPv4 and IPv6. Where one of them is taken, or another was
 * asked for when the module was loaded, /proc/net/kinet/families says so.
 */
#define PF_KINET		22
#define PF_KINET6		25
#define PF_KINET_FALLBACK	18

/* The protocols that stand for kinet on PF_INET and PF_INET6 */
#define KINET_PROTO_STREAM	135
#define KINET_PROTO_DGRAM	258
#define KINET_PROTO_RAW		259

/* Socket options of level SOL_KINET */
#define SOL_KINET		0x6b6e
/* int: IP protocol of a raw socket that was made by KINET_PROTO_RAW, once */
#define KINET_RAW_PROTOCOL	1

#endif /* _UAPI_LINUX_KINET_H */
