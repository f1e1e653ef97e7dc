/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces, and which of them a packet leaves by: rtnetlink, asked once. */
#ifndef IKEMESH_XFRM_LINK_H
#define IKEMESH_XFRM_LINK_H

#include "ike/ip.h"

#define LINK_NAME_LEN 16 /* octets with NUL */

struct link {
	unsigned index;
	unsigned master; /* index of the bridge or bond that it belongs to; 0: none */
	unsigned mtu;	 /* octets of an IP packet */
	bool up, loopback;
	char name[LINK_NAME_LEN];
	char kind[LINK_NAME_LEN]; /* veth, bridge, vxlan ...; "" for hardware */
};

/* All interfaces of this network namespace; *out is the caller's to free(). 0 or negative errno. */
int links_read(struct link **out, size_t *n);

struct way {
	unsigned link; /* index */
	struct ip via; /* the gateway; family 0: none, the destination is on the link */
};

/* As the routes have it. No policy is asked. Negative errno: -ENETUNREACH, -EHOSTUNREACH ... */
int link_way(const struct ip *to, struct way *out);

enum neighbour {
	NEIGHBOUR_UNKNOWN, /* behind a gateway, or not spoken to of late */
	NEIGHBOUR_ALIVE,   /* it has answered ARP or neighbour discovery */
	NEIGHBOUR_GONE,	   /* it has not */
};

/* What the kernel knows of an address on one of its links, as it was last used. */
enum neighbour link_neighbour(const struct ip *address);

#endif
