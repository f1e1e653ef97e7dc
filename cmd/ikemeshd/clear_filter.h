/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the packets that reach this host came in the clear and only because IPsec is optional:
 * as a filter for the kernel, which keeps away what is surely nothing of the kind, and as a
 * judgement of the packet, which is exact. Pure.
 */
#ifndef IKEMESH_CMD_CLEAR_FILTER_H
#define IKEMESH_CMD_CLEAR_FILTER_H

#include "xfrm/policy.h"

#include <linux/filter.h>

#define CLEAR_FILTER_MAX 640 /* instructions */
#define CLEAR_SNAP 128	     /* octets that it hands over of a packet */

/* Does any inbound policy of this family let cleartext in that it would protect? */
bool clear_filter_wanted(const struct policy_set *policies, uint8_t family);

/*
 * For a packet socket (SOCK_DGRAM: the IP header comes first) of one family. It lets through what
 * is for this host itself and neither ESP nor for our IKE ports, from an address that the inbound
 * policies make optional, other than seen ones as far as there is room (some 100 of IPv4, 30 of
 * IPv6). It may let through too much: where a policy concerns one protocol only, and where there
 * are more policies than a filter has room for. Never too little. Returns its length.
 */
size_t clear_filter(const struct policy_set *policies, uint8_t family, const struct ip *seen,
		    size_t n_seen, struct sock_filter out[static CLEAR_FILTER_MAX]);

/* The same judgement, exact. n octets at p, from the IP header on; *src is who sent it. */
bool clear_packet(const struct policy_set *policies, uint8_t family, const uint8_t *p, size_t n,
		  struct ip *src);

#endif
