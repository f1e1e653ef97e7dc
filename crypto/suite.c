/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include "crypto/openssl_ops.h"
#include <errno.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 4868 2.4 */
#define PRF(hash, octets)                                                      \
	{                                                                      \
		.id = PRF_HMAC_SHA2_##hash, .name = "PRF_HMAC_SHA2_" #hash,    \
		.keyword = "prfsha" #hash, .len = octets, .compute = ossl_prf, \
		.fetch = "SHA" #hash                                           \
	}

static const struct prf_alg prf_sha256 = PRF(256, 32);
static const struct prf_alg prf_sha384 = PRF(384, 48);
static const struct prf_alg prf_sha512 = PRF(512, 64);
static const struct prf_alg *const prf_rows[] = { &prf_sha256, &prf_sha384, &prf_sha512, NULL };

/* RFC 4868 2.3: the key is as long as the hash, the ICV half of it. */
#define INTEG(hash, icv_bits)                                                        \
	{                                                                            \
		.id = AUTH_HMAC_SHA2_##hash##_##icv_bits,                            \
		.name = "HMAC_SHA2_" #hash "_" #icv_bits, .keyword = "sha" #hash,    \
		.key_len = hash / 8, .icv_len = icv_bits / 8, .compute = ossl_integ, \
		.fetch = "SHA" #hash                                                 \
	}

static const struct integ_alg integ_sha256 = INTEG(256, 128);
static const struct integ_alg integ_sha384 = INTEG(384, 192);
static const struct integ_alg integ_sha512 = INTEG(512, 256);
static const struct integ_alg *const integ_rows[] = { &integ_sha256, &integ_sha384, &integ_sha512,
						      NULL };

/* RFC 3602 */
#define CBC(bits)                                                                          \
	{                                                                                  \
		.id = ENCR_AES_CBC, .key_bits = bits, .name = "AES_CBC_" #bits,            \
		.keyword = "aes" #bits, .key_len = bits / 8, .iv_len = 16, .block = 16,    \
		.seal = ossl_cbc_seal, .open = ossl_cbc_open, .fetch = "AES-" #bits "-CBC" \
	}

/* RFC 4106, RFC 5282 */
#define GCM(bits)                                                                                \
	{                                                                                        \
		.id = ENCR_AES_GCM_16, .key_bits = bits, .name = "AES_GCM_16_" #bits,            \
		.keyword = "aes" #bits "gcm16", .key_len = bits / 8, .salt_len = 4, .iv_len = 8, \
		.icv_len = 16, .block = 1, .aead = true, .seal = ossl_gcm_seal,                  \
		.open = ossl_gcm_open, .fetch = "AES-" #bits "-GCM"                              \
	}

static const struct encr_alg aes_cbc_128 = CBC(128);
static const struct encr_alg aes_cbc_256 = CBC(256);
static const struct encr_alg aes_gcm_128 = GCM(128);
static const struct encr_alg aes_gcm_256 = GCM(256);
static const struct encr_alg *const encr_rows[] = { &aes_cbc_128, &aes_cbc_256, &aes_gcm_128,
						    &aes_gcm_256, NULL };

#define KE(group, status_name, word, on_wire, shared, library)                                 \
	{                                                                                      \
		.id = group, .name = status_name, .keyword = word, .public_len = on_wire,      \
		.response_len = on_wire, .secret_len = shared, .generate = ossl_ke_generate,   \
		.derive = ossl_ke_derive, .free = ossl_ke_free, .private_get = ossl_ke_export, \
		.private_set = ossl_ke_import, .fetch = library                                \
	}

/* RFC 3526 3 to 5; RFC 5903 7 (x | y, the secret is x alone); RFC 8031 */
static const struct ke_alg modp2048 =
	KE(KE_MODP_2048, "MODP_2048", "modp2048", 256, 256, "modp_2048");
static const struct ke_alg modp3072 =
	KE(KE_MODP_3072, "MODP_3072", "modp3072", 384, 384, "modp_3072");
static const struct ke_alg modp4096 =
	KE(KE_MODP_4096, "MODP_4096", "modp4096", 512, 512, "modp_4096");
static const struct ke_alg ecp256 = KE(KE_ECP_256, "ECP_256", "ecp256", 64, 32, "P-256");
static const struct ke_alg ecp384 = KE(KE_ECP_384, "ECP_384", "ecp384", 96, 48, "P-384");
static const struct ke_alg curve25519 =
	KE(KE_CURVE25519, "CURVE_25519", "curve25519", 32, 32, "X25519");

/* FIPS 203 8; draft-ietf-ipsecme-ikev2-mlkem 2.1: encapsulation key one way, ciphertext the other
 */
#define ML_KEM(level, key_len, ciphertext_len)                                                   \
	{                                                                                        \
		.id = KE_ML_KEM_##level, .name = "ML_KEM_" #level, .keyword = "mlkem" #level,    \
		.public_len = key_len, .response_len = ciphertext_len, .secret_len = 32,         \
		.optional = true, .generate = ossl_kem_generate, .derive = ossl_kem_decapsulate, \
		.encapsulate = ossl_kem_encapsulate, .free = ossl_ke_free,                       \
		.private_get = ossl_kem_export, .private_set = ossl_kem_import,                  \
		.fetch = "ML-KEM-" #level                                                        \
	}

static const struct ke_alg ml_kem_512 = ML_KEM(512, 800, 768);
static const struct ke_alg ml_kem_768 = ML_KEM(768, 1184, 1088);
static const struct ke_alg ml_kem_1024 = ML_KEM(1024, 1568, 1568);
static const struct ke_alg *const ke_rows[] = { &modp2048,    &modp3072,   &modp4096,	&ecp256,
						&ecp384,      &curve25519, &ml_kem_512, &ml_kem_768,
						&ml_kem_1024, NULL };

const struct prf_alg *prf_by_id(uint16_t id)
{
	for (size_t i = 0; prf_rows[i] != NULL; i++)
		if (prf_rows[i]->id == id)
			return prf_rows[i];
	return NULL;
}

const struct encr_alg *encr_by_id(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; encr_rows[i] != NULL; i++)
		if (encr_rows[i]->id == id && encr_rows[i]->key_bits == key_bits)
			return encr_rows[i];
	return NULL;
}

const struct integ_alg *integ_by_id(uint16_t id)
{
	for (size_t i = 0; integ_rows[i] != NULL; i++)
		if (integ_rows[i]->id == id)
			return integ_rows[i];
	return NULL;
}

const struct ke_alg *ke_by_id(uint16_t id)
{
	for (size_t i = 0; ke_rows[i] != NULL; i++)
		if (ke_rows[i]->id == id)
			return ke_rows[i];
	return NULL;
}

const struct prf_alg *const *prf_all(void)
{
	return prf_rows;
}

const struct encr_alg *const *encr_all(void)
{
	return encr_rows;
}

const struct integ_alg *const *integ_all(void)
{
	return integ_rows;
}

const struct ke_alg *const *ke_all(void)
{
	return ke_rows;
}

bool ke_available(const struct ke_alg *alg)
{
	if (alg->encapsulate != NULL)
		return ossl_has_kem(alg->fetch);
	return ossl_has_group(alg->fetch);
}

/* The name of the first row that the library does not know; NULL if it knows them all. */
static const char *suite_missing(void)
{
	for (size_t i = 0; prf_rows[i] != NULL; i++)
		if (!ossl_has_digest(prf_rows[i]->fetch))
			return prf_rows[i]->name;
	for (size_t i = 0; integ_rows[i] != NULL; i++)
		if (!ossl_has_digest(integ_rows[i]->fetch))
			return integ_rows[i]->name;
	for (size_t i = 0; encr_rows[i] != NULL; i++)
		if (!ossl_has_cipher(encr_rows[i]->fetch))
			return encr_rows[i]->name;
	for (size_t i = 0; ke_rows[i] != NULL; i++)
		if (!ke_rows[i]->optional && !ke_available(ke_rows[i]))
			return ke_rows[i]->name;
	for (const struct sig_scheme *const *s = sig_all(); *s != NULL; s++)
		if ((*s)->digest != NULL && !ossl_has_digest((*s)->digest))
			return (*s)->name;
	return NULL;
}

int suite_self_check(const char **missing)
{
	*missing = suite_missing();
	return *missing == NULL ? 0 : -ENOENT;
}
