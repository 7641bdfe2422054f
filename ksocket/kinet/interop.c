// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire of any host: UDP and TCP, as everybody speaks them
 */
#include "kinet.h"

const struct kinet_wire kinet_interop = {
	.name		= "interop",
	.dgram		= IPPROTO_UDP,
	.stream		= IPPROTO_TCP,
	.claim		= kinet_claim_take,
	.unclaim	= kinet_claim_drop,
	.route		= kinet_ip_route,
	.mtu		= kinet_ip_mtu,
	.xmit		= kinet_ip_xmit,
};
