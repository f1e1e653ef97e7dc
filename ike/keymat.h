/* SPDX-License-Identifier: Apache-2.0 */
/* Keying material, RFC 7296 2.14, 2.17 and 2.18. */
#ifndef IKEMESH_IKE_KEYMAT_H
#define IKEMESH_IKE_KEYMAT_H

#include "crypto/secret.h"
#include "crypto/suite.h"

struct ike_suite {
	const struct encr_alg *encr;
	const struct integ_alg *integ; /* NULL with AEAD */
	const struct prf_alg *prf;
	const struct ke_alg *ke;
	const struct ke_alg *add_ke[ADDKE_MAX]; /* RFC 9370, in the order in which they are made */
	size_t n_add_ke;
};

struct ike_keys {
	struct secret d, ai, ar, ei, er, pi, pr; /* SK_d … SK_pr */
};

void ike_keys_free(struct ike_keys *k);

/*
 * First keys of an IKE SA: SKEYSEED = prf(Ni | Nr, g^ir), then prf+. 0 or negative errno; k is
 * empty on failure.
 */
int keymat_init(const struct ike_suite *s, struct bytes ni, struct bytes nr, struct bytes shared,
		uint64_t spi_i, uint64_t spi_r, struct ike_keys *k);

/*
 * Rekeyed IKE SA: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the old SA's prf (2.18).
 * An additional key exchange of an IKE SA that begins: the same, with the SA's own prf (RFC
 * 9370 2.2.2). more: SK(1) | ... | SK(n) of what followed a rekeying (2.2.4), behind Nr; else
 * empty.
 */
int keymat_rekey(const struct prf_alg *old_prf, struct bytes old_sk_d, const struct ike_suite *s,
		 struct bytes ni, struct bytes nr, struct bytes shared, struct bytes more,
		 uint64_t spi_i, uint64_t spi_r, struct ike_keys *k);

/*
 * KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr): out_len octets (2.17). shared is empty without PFS.
 */
int keymat_child(const struct prf_alg *prf, struct bytes sk_d, struct bytes shared, struct bytes ni,
		 struct bytes nr, uint8_t *out, size_t out_len);

#endif
