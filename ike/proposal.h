/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing from SA payloads, RFC 7296 2.7 and 3.3.6. */
#ifndef IKEMESH_IKE_PROPOSAL_H
#define IKEMESH_IKE_PROPOSAL_H

#include "ike/keymat.h"
#include "ike/message/payload.h"

struct esp_suite {
	const struct encr_alg *encr;
	const struct integ_alg *integ; /* NULL with AEAD */
	const struct ke_alg *ke;       /* PFS; NULL without */
	bool esn;
};

struct chosen {
	uint8_t number;			     /* of the peer's proposal */
	struct bytes spi;		     /* the peer's; view into its payload */
	struct transform t[TRANSFORM_TYPES]; /* as the answer carries them */
	size_t n;
};

/*
 * The first of our proposals (in our order) that one of the peer's can satisfy. with_ke: false in
 * IKE_AUTH, where a CHILD_SA has no key exchange of its own and KE transforms are left out of ours.
 * false: NO_PROPOSAL_CHOSEN.
 */
bool proposal_choose(const struct proposal_spec *ours, size_t n_ours, uint8_t protocol,
		     bool with_ke, const struct sa_view *theirs, struct chosen *out);

/*
 * Checks the peer's answer to our offer: exactly one proposal, of the protocol, with one transform
 * of each type, all of them offered (RFC 7296 2.7: otherwise the exchange fails).
 */
bool proposal_accept(const struct proposal_spec *ours, size_t n_ours, uint8_t protocol,
		     bool with_ke, const struct sa_view *answer, struct chosen *out);

/* Rows for what was chosen; false if one is missing (never for our own proposals). */
bool ike_suite_of(const struct chosen *c, struct ike_suite *out);
bool esp_suite_of(const struct chosen *c, struct esp_suite *out);

/* Copies without the KE transforms: what goes into IKE_AUTH. Returns the number of proposals. */
size_t proposal_without_ke(const struct proposal_spec *from, size_t n, struct proposal_spec *to);

/* First KE group of our proposals; 0: none. */
uint16_t proposal_first_ke(const struct proposal_spec *specs, size_t n);
bool proposal_has_ke(const struct proposal_spec *specs, size_t n, uint16_t group);

/*
 * Ours for the rekeying of an IKE SA that has additional key exchanges (RFC 9370): those alone that
 * have some, and insist on them, so that its successor has them too. If there are none any more,
 * all. Returns the number of proposals.
 */
size_t proposal_for_rekey(const struct proposal_spec *from, size_t n, bool has_add_ke,
			  struct proposal_spec *to);

/* Additional key exchanges (RFC 9370) are offered, or would be accepted. */
bool proposal_has_add_ke(const struct proposal_spec *specs, size_t n);

/* "AES_CBC_128/HMAC_SHA2_256_128/…; …" of what the peer offered, for people. */
void proposals_text(const struct sa_view *v, char *out, size_t size);

#endif
