/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations behind the rows of suite.c, by OpenSSL. The contracts stand in suite.h; nobody but
 * suite.c and the known-answer tests needs this header.
 */
#ifndef IKEMESH_CRYPTO_OPENSSL_OPS_H
#define IKEMESH_CRYPTO_OPENSSL_OPS_H

#include "crypto/suite.h"

int ossl_prf(const struct prf_alg *alg, struct bytes key, const struct bytes *parts, size_t n_parts,
	     uint8_t *out);
int ossl_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
	       size_t n_parts, uint8_t *icv);

int ossl_cbc_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, uint8_t *icv);
int ossl_cbc_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv);
int ossl_gcm_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, uint8_t *icv);
int ossl_gcm_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv);

int ossl_ke_generate(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value);
int ossl_ke_derive(const struct ke_alg *alg, const struct ke_key *key, struct bytes peer,
		   uint8_t *secret);
void ossl_ke_free(struct ke_key *key);

/* KEMs, by the library's name; since OpenSSL 3.5 there is ML-KEM. Keys are freed by ossl_ke_free.
 */
int ossl_kem_generate(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value);
int ossl_kem_encapsulate(const struct ke_alg *alg, struct bytes peer, uint8_t *response,
			 uint8_t *secret);
int ossl_kem_decapsulate(const struct ke_alg *alg, const struct ke_key *key, struct bytes response,
			 uint8_t *secret);

int ossl_kem_export(const struct ke_alg *alg, const struct ke_key *key, struct secret *value);
int ossl_kem_import(const struct ke_alg *alg, struct bytes private_value, struct ke_key **key);

/* A group's private value: a big-endian number, or 32 octets of X25519. */
int ossl_ke_export(const struct ke_alg *alg, const struct ke_key *key, struct secret *value);
int ossl_ke_import(const struct ke_alg *alg, struct bytes private_value, struct ke_key **key);

/* The library knows it. */
bool ossl_has_digest(const char *name);
bool ossl_has_cipher(const char *name);
bool ossl_has_group(const char *name);
bool ossl_has_kem(const char *name);

#endif
