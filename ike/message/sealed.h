/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Encrypted payload (RFC 7296 3.14, RFC 5282) and its fragments (RFC 7383 2.5). Works on whole
 * messages, since integrity covers the header.
 */
#ifndef IKEMESH_IKE_MESSAGE_SEALED_H
#define IKEMESH_IKE_MESSAGE_SEALED_H

#include "crypto/suite.h"
#include "ike/message/message.h"

/* One direction's keys. Views: the IKE SA owns the octets. */
struct seal_keys {
	const struct encr_alg *encr;
	const struct integ_alg *integ; /* NULL with AEAD */
	struct bytes sk_e;             /* key and salt */
	struct bytes sk_a;
	/*
	 * AEAD IVs must never repeat under a key: a counter, moved on by each sealing (RFC 5282 3.1
	 * leaves the choice). CBC IVs are random. Owned by the IKE SA.
	 */
	uint64_t *iv_counter;
};

/*
 * Octets of the whole message that an inner chain of n octets becomes, header and payload header
 * included; and of a fragment with a part of n octets.
 */
size_t sealed_size(const struct seal_keys *k, size_t n);
size_t sealed_fragment_size(const struct seal_keys *k, size_t n);

/*
 * The whole message { header, SK { chain } }: written to out, which must have room for
 * sealed_size(). inner_first: type of the chain's first payload (0 if empty). Returns its length,
 * 0 on failure.
 */
size_t sealed_seal(const struct seal_keys *k, const struct ike_header *h, uint8_t inner_first,
		   struct bytes chain, uint8_t *out, size_t room);

/*
 * One fragment { header, SKF { number, total, part } } (RFC 7383 2.5). inner_first goes into
 * fragment 1, others carry 0.
 */
size_t sealed_seal_fragment(const struct seal_keys *k, const struct ike_header *h,
			    uint8_t inner_first, uint16_t number, uint16_t total,
			    struct bytes part, uint8_t *out, size_t room);

/*
 * Opens the SK or SKF payload that ends `datagram` (ps: its decoded outer chain, whose last payload
 * it is). Decrypts in place: datagram's octets change. *plain: view of the inner octets without
 * padding. 0; -EBADMSG: integrity failed or lengths cannot be (nothing may be concluded from the
 * message, drop it); -ENOMEM/-EIO.
 */
int sealed_open(const struct seal_keys *k, uint8_t *datagram, size_t n, const struct payloads *ps,
		struct bytes *plain);

/* Number and total of an SKF payload's body; false if too short (RFC 7383 2.5). */
bool skf_numbers(struct bytes body, uint16_t *number, uint16_t *total);

#endif
