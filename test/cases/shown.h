/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer of a case shows of itself: certificates, and who it says it is. */
#ifndef IKEMESH_TEST_CASES_SHOWN_H
#define IKEMESH_TEST_CASES_SHOWN_H

#include "cases/scene.h"
#include "lib/testpki.h"

/*
 * Made once for all rounds: what is known of certificates that were verified is kept, up to a
 * bound, and new ones in each round would look like growth.
 */
enum kept {
	KEPT_CA, /* the one that the core trusts, made once more: the same name and key */
	KEPT_STRANGER,
	KEPT_HOST,
	KEPT_REVOKED,
	KEPT_E3,
	KEPT_TELLING, /* and the next */
	KEPT_LAST = KEPT_TELLING + 1,
};

/* Freed when the program ends. */
struct testpki_cert *shown_once(enum kept which, const struct testpki_spec *spec);
struct testpki_cert *shown_ca(void);
/* The peer's name, another key, of nobody's CA. */
struct testpki_cert *shown_stranger(void);
struct testpki_cert *shown_host(void);

/* The first CERT payload, and IDi, of an IKE_AUTH request become these. */
void shown_cert(struct draft *said, struct bytes der);
void shown_id(struct draft *said, uint8_t type, struct bytes data);
/* Where the first CERT payload is, and one more CERT payload at a place. */
size_t shown_place(struct draft *said);
void shown_cert_at(struct draft *said, size_t at, struct bytes der);

/*
 * IKE_AUTH of a peer with this certificate (and the one above it, if not NULL), signed with its own
 * key if we would sign with such a one; id: empty for the one that it has.
 */
enum outcome shown(struct scene *s, const struct testpki_cert *leaf,
		   const struct testpki_cert *above, uint8_t id_type, struct bytes id);

#endif
