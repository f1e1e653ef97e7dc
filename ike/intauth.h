/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IntAuth, RFC 9242 3.3.2: what IKE_AUTH signs of the IKE_INTERMEDIATE messages, which nothing else
 * authenticates. Each message is taken as it is before encryption and fragmentation, under the
 * SK_pi or SK_pr that were there when its exchange began.
 */
#ifndef IKEMESH_IKE_INTAUTH_H
#define IKEMESH_IKE_INTAUTH_H

#include "ike/core.h"

/* A message of ours, about to be sealed; content: its inner payloads. 0 or negative errno. */
int intauth_sent(struct ike_sa *sa, const struct ike_header *h, uint8_t first,
		 struct bytes content);

/* A message of the peer's, put together if it came in fragments. */
struct intauth_message {
	const uint8_t *header; /* its IKE_HEADER_LEN octets, of any fragment */
	uint8_t first;	       /* type of the first inner payload */
	uint8_t reserved;      /* second octet of the SK payload, or of the first fragment's SKF */
	struct bytes content;
};
int intauth_received(struct ike_sa *sa, const struct intauth_message *m);

/*
 * What follows in the octets that either side signs: IntAuth_iN | IntAuth_rN | IKE_AUTH_MID. Empty
 * if there was no IKE_INTERMEDIATE. *out is the caller's. 0 or -ENOMEM.
 */
int intauth_octets(const struct ike_sa *sa, struct blob *out);

#endif
