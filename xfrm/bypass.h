/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes without IPsec: the no-IPsec subnets, which win over every protected one whatever the
 * prefixes (with PRECEDENCE_LONGEST: over those that are not longer), and what no host can live
 * without. Pure.
 *
 * A no-IPsec subnet becomes one policy out, one in and one fwd per local address of its family,
 * with the same selectors as a protected one, so that it can take away from our own policies only
 * and never from those of others on this host.
 *
 * Built in, for each family that has a protected subnet, and for both under strict_default: IPv6
 * neighbour discovery (RFC 4861: router and neighbour solicitation and advertisement, redirect),
 * link-local addresses, multicast (with multicast listener discovery and IGMP), broadcast (limited,
 * and to each local network), DHCP and DHCPv6 between client and server. The daemon's own IKE
 * traffic needs no policy: its sockets carry their bypass with them. What a host sends to itself:
 * own.h.
 *
 * With allow_icmp_errors, ICMP 'fragmentation needed' and ICMPv6 'packet too big' come in from
 * every protected subnet: a router in there that is no IPsec peer must be able to tell that a
 * packet is too large for its next link. They go in alone: fwd is not needed, since what such an
 * error quotes is our own ESP packet.
 *
 * IPv4 link-local yields where an ipsec_subnets entry lies within it: who lists such an address
 * means it. A protected 0.0.0.0/0 leaves it open (metadata services of clouds are there).
 */
#ifndef IKEMESH_XFRM_BYPASS_H
#define IKEMESH_XFRM_BYPASS_H

#include "xfrm/policy.h"

/* Appends to out and numbers what has no template. 0, -ENOMEM, or -ENOSPC (out of indices). */
int bypass_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
		 struct policy_set *out);

/* The broadcast address of each local network, both ways. Appends; 0 or -ENOMEM. */
int bypass_broadcasts(const struct spec *spec, const struct ip *broadcasts, size_t n,
		      struct policy_set *out);

/* Gives each policy of the set that has no template an index of ours. 0 or -ENOSPC. */
int bypass_number(struct policy_set *set);

/* The nth index of our own in a direction; 0 when there are no more. */
uint32_t bypass_index(enum policy_dir dir, uint32_t n);

#endif
