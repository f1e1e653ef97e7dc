/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is anybody at a peer's IKE port? What the peer's kernel says of it in ICMP is refused where the
 * peer is protected, as anything in the clear: so the daemon never hears it. A socket of one's own
 * that passes the policies does.
 */
#ifndef IKEMESH_CTL_KNOCK_H
#define IKEMESH_CTL_KNOCK_H

#include "ike/ip.h"

enum knock {
	KNOCK_NOTHING,	 /* no word of it: it is heard there, or lost on the way */
	KNOCK_CLOSED,	 /* nobody listens: port unreachable */
	KNOCK_FORBIDDEN, /* a firewall says so */
};

/* Sends an octet that means nothing to UDP port 500, thrice at most. Takes up to a second. */
enum knock knock_ike(const struct ip *peer);

/* What an ICMP (IPv4: with the IP header) or ICMPv6 message says of what we sent there. Pure. */
enum knock knock_heard(struct bytes message, const struct ip *peer, uint16_t port);

#endif
