// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire of any host: UDP, as everybody speaks it
 */
#include "kinet.h"

const struct kinet_wire kinet_interop = {
	.name		= "interop",
	.dgram		= IPPROTO_UDP,
	.claim		= kinet_claim_take,
	.unclaim	= kinet_claim_drop,
	.route		= kinet_ip_route,
	.mtu		= kinet_ip_mtu,
	.xmit		= kinet_ip_xmit,
};
