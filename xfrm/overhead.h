/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ESP in transport mode adds to a packet (RFC 4303 2), as the kernel lays it out. Pure.
 *
 * Between the IP header and what it carries come the ESP header (8 octets), the IV and, in UDP
 * (RFC 3948 2.1), 8 more; behind it padding, two octets of trailer, and the ICV. The padding makes
 * the encrypted part a multiple of 4 octets, or of the cipher's block where that is more.
 */
#ifndef IKEMESH_XFRM_OVERHEAD_H
#define IKEMESH_XFRM_OVERHEAD_H

#include "crypto/suite.h"

struct overhead {
	size_t min, max; /* octets that a packet grows by: without padding, and with most of it */
	size_t block;	 /* octets that the encrypted part is a multiple of */
};

/* integ: NULL with an AEAD. */
struct overhead overhead_of(const struct encr_alg *encr, const struct integ_alg *integ, bool udp);

/* Octets on the wire of an IP packet of so many octets, of them a header of 20 (IPv4) or 40. */
size_t overhead_packet(const struct overhead *o, uint8_t family, size_t packet);

/* The largest IP packet that becomes one of at most mtu octets; 0 if not even an empty one does. */
size_t overhead_largest(const struct overhead *o, uint8_t family, size_t mtu);

#endif
