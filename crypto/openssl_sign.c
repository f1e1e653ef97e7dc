/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys, signing and verifying. */
#include "crypto/openssl_lib.h"
#include "crypto/pem.h"
#include <errno.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_BITS_MAX 64
#define ECDSA_DER_MAX 144 /* octets; P-521 needs at most 139 */

static enum key_type curve_type(const EVP_PKEY *key)
{
	char name[64];
	size_t n = 0;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), &n) != 1)
		return KEY_NONE; /* explicit parameters among others */
	switch (OBJ_txt2nid(name)) {
	case NID_X9_62_prime256v1:
		return KEY_ECDSA_P256;
	case NID_secp384r1:
		return KEY_ECDSA_P384;
	case NID_secp521r1:
		return KEY_ECDSA_P521;
	default:
		return KEY_NONE;
	}
}

enum key_type lib_key_type(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return KEY_RSA;
	if (EVP_PKEY_is_a(key, "EC"))
		return curve_type(key);
	if (EVP_PKEY_is_a(key, "ED25519"))
		return KEY_ED25519;
	return KEY_NONE;
}

bool lib_key_is_sane(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *e = NULL;
	bool good;

	if (lib_key_type(key) != KEY_RSA)
		return true;
	good = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
	       !BN_is_one(e) && BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;
	BN_free(e);
	return good;
}

/* A key of an engine is not asked by name. */
static bool mgf1_set(EVP_PKEY_CTX *ctx, const char *digest)
{
	return EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, digest, NULL) > 0 ||
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(digest)) > 0;
}

/* Padding of an operation just initialised. */
static bool padding_set(EVP_PKEY_CTX *ctx, const struct sig_scheme *scheme)
{
	if (scheme->key != KEY_RSA)
		return true;
	if (!scheme->pss)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	/* The hash of MGF1 is named, as a key restricted to PSS may prefer another one. */
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       mgf1_set(ctx, scheme->digest) &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)scheme->salt_len) > 0;
}

/* RFC 4754 7: methods 9, 10 and 11 send r | s, each as long as the order of the curve. */
static size_t raw_half(const struct sig_scheme *scheme)
{
	switch (scheme->method) {
	case AUTH_METHOD_ECDSA_256:
		return 32;
	case AUTH_METHOD_ECDSA_384:
		return 48;
	case AUTH_METHOD_ECDSA_521:
		return 66;
	default:
		return 0;
	}
}

/* r | s to the DER form that the library takes. Its length, or 0. */
static size_t ecdsa_to_der(struct bytes raw, size_t half, uint8_t der[static ECDSA_DER_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r, *s;
	uint8_t *end = der;
	int n = 0;

	if (raw.n != 2 * half || sig == NULL) {
		ECDSA_SIG_free(sig);
		return 0;
	}
	r = BN_bin2bn(raw.p, (int)half, NULL);
	s = BN_bin2bn(raw.p + half, (int)half, NULL);
	if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else if (i2d_ECDSA_SIG(sig, NULL) <= ECDSA_DER_MAX) {
		n = i2d_ECDSA_SIG(sig, &end);
	}
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

static bool ecdsa_from_der(const struct blob *der, size_t half, uint8_t *raw)
{
	const uint8_t *p = der->p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der->n);
	bool good = sig != NULL &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half) == (int)half &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half) == (int)half;

	ECDSA_SIG_free(sig);
	return good;
}

static enum verdict verify_der(EVP_PKEY *key, const struct sig_scheme *scheme, struct bytes tbs,
			       struct bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	enum verdict v = VERDICT_FAILED;

	if (ctx == NULL)
		return VERDICT_FAILED;
	if (EVP_DigestVerifyInit_ex(ctx, &key_ctx, scheme->digest, NULL, NULL, key, NULL) != 1 ||
	    !padding_set(key_ctx, scheme))
		v = VERDICT_WRONG_KEY_TYPE; /* a key restricted to PSS, or to another hash */
	else if (EVP_DigestVerify(ctx, signature.p, signature.n, tbs.p, tbs.n) == 1)
		v = VERDICT_GOOD;
	else
		v = VERDICT_BAD_SIGNATURE;
	EVP_MD_CTX_free(ctx);
	return v;
}

enum verdict lib_verify(EVP_PKEY *key, const struct sig_scheme *scheme, struct bytes tbs,
			struct bytes signature)
{
	uint8_t der[ECDSA_DER_MAX];
	size_t half;
	enum verdict v;

	if (scheme == NULL || !sig_fits(scheme, lib_key_type(key)))
		return VERDICT_WRONG_KEY_TYPE;
	half = raw_half(scheme);
	if (half > 0)
		signature = BYTES(der, ecdsa_to_der(signature, half, der));
	/* RFC 8017 8.1.2, 8.2.2 step 1: exactly as long as the modulus. */
	if (signature.n == 0 ||
	    (scheme->key == KEY_RSA && signature.n != (size_t)EVP_PKEY_get_size(key)))
		v = VERDICT_BAD_SIGNATURE;
	else
		v = verify_der(key, scheme, tbs, signature);
	ERR_clear_error();
	return v;
}

enum verdict spki_check_signature(struct bytes spki, const struct sig_scheme *scheme,
				  struct bytes tbs, struct bytes signature)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *key = spki.n > LONG_MAX ? NULL : d2i_PUBKEY(NULL, &p, (long)spki.n);
	enum verdict v = VERDICT_MALFORMED;

	if (key != NULL && p == spki.p + spki.n)
		v = lib_key_is_sane(key) ? lib_verify(key, scheme, tbs, signature)
					 : VERDICT_WEAK_KEY;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return v;
}

static int key_from_der(struct bytes der, struct sign_key **out)
{
	const uint8_t *p = der.p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
	struct sign_key *key;

	if (pkey == NULL || p != der.p + der.n || lib_key_type(pkey) == KEY_NONE) {
		EVP_PKEY_free(pkey);
		ERR_clear_error();
		return -EINVAL;
	}
	key = calloc(1, sizeof(*key));
	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return -ENOMEM;
	}
	*key = (struct sign_key){ .pkey = pkey, .type = lib_key_type(pkey) };
	*out = key;
	return 0;
}

static bool label_is(const struct pem_block *block, const char *label)
{
	return bytes_equal(block->label, BYTES((const uint8_t *)label, strlen(label)));
}

int sign_key_from_pem(struct bytes pem, struct sign_key **out)
{
	struct pem_block block;
	struct secret der;

	*out = NULL;
	while (pem_next(&pem, &block) == 0) {
		int r;

		if (label_is(&block, "ENCRYPTED PRIVATE KEY") || pem_is_encrypted(&block))
			return -EACCES;
		if (!label_is(&block, "PRIVATE KEY") && !label_is(&block, "RSA PRIVATE KEY") &&
		    !label_is(&block, "EC PRIVATE KEY"))
			continue; /* a certificate, EC PARAMETERS */
		r = pem_decode(&block, &der);
		if (r == 0) {
			r = key_from_der(secret_view(&der), out);
			secret_free(&der);
		}
		return r;
	}
	return -EINVAL;
}

void sign_key_free(struct sign_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey); /* wipes the private numbers */
	EVP_PKEY_free(k->public);
	free(k);
}

struct sign_key *sign_key_share(const struct sign_key *k)
{
	struct sign_key *other = malloc(sizeof(*other));

	if (other == NULL)
		return NULL;
	*other = *k;
	if (k->public != NULL && EVP_PKEY_up_ref(k->public) != 1) {
		free(other);
		return NULL;
	}
	if (EVP_PKEY_up_ref(k->pkey) == 1)
		return other;
	EVP_PKEY_free(k->public);
	free(other);
	return NULL;
}

/* What can be asked for without the private numbers. */
static const EVP_PKEY *public_part(const struct sign_key *k)
{
	return k->public != NULL ? k->public : k->pkey;
}

enum key_type sign_key_type(const struct sign_key *k)
{
	return k->type;
}

bool sign_key_is_outside(const struct sign_key *k)
{
	return k->public != NULL;
}

unsigned sign_key_bits(const struct sign_key *k)
{
	int bits = EVP_PKEY_get_bits(public_part(k));
	return bits > 0 ? (unsigned)bits : 0;
}

bool sign_key_matches(const struct sign_key *k, struct bytes cert_der)
{
	X509 *cert = lib_cert(cert_der);
	EVP_PKEY *pkey = cert == NULL ? NULL : X509_get0_pubkey(cert);
	bool same = pkey != NULL && EVP_PKEY_eq(pkey, public_part(k)) == 1;

	X509_free(cert);
	ERR_clear_error();
	return same;
}

static bool sign_with(EVP_PKEY *key, const struct sig_scheme *scheme, struct bytes tbs,
		      struct blob *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	bool good =
		ctx != NULL &&
		EVP_DigestSignInit_ex(ctx, &key_ctx, scheme->digest, NULL, NULL, key, NULL) == 1 &&
		padding_set(key_ctx, scheme) &&
		EVP_DigestSign(ctx, out->p, &out->n, tbs.p, tbs.n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

/*
 * RSA's blinding lives in the key, for 32 signatures. If memory was short while it was turned (seen
 * with OpenSSL 3.0), those that follow come out wrong, and nobody says so: a copy of the key has
 * none yet. So each signature is held against the public part, which costs a fortieth of it; a
 * signature that a fault made wrong never leaves, from which the key could be computed.
 */
bool lib_sign_der(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		  struct blob *out)
{
	const size_t room = out->n;
	EVP_PKEY *copy;
	bool good;

	if (!sign_with(k->pkey, scheme, tbs, out))
		return false;
	if (k->type != KEY_RSA || verify_der(k->public != NULL ? k->public : k->pkey, scheme, tbs,
					     blob_view(out)) == VERDICT_GOOD)
		return true;
	copy = EVP_PKEY_dup(k->pkey);
	out->n = room;
	good = copy != NULL && sign_with(copy, scheme, tbs, out) &&
	       verify_der(copy, scheme, tbs, blob_view(out)) == VERDICT_GOOD;
	EVP_PKEY_free(copy);
	return good;
}

/* Turns the DER in *signature into r | s. */
static int make_raw(struct blob *signature, size_t half)
{
	uint8_t *raw = malloc(2 * half);

	if (raw == NULL)
		return -ENOMEM;
	if (!ecdsa_from_der(signature, half, raw)) {
		free(raw);
		return -EIO;
	}
	blob_free(signature);
	*signature = (struct blob){ .p = raw, .n = 2 * half };
	return 0;
}

int sign_key_sign(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		  struct blob *signature)
{
	int size = EVP_PKEY_get_size(public_part(k));
	size_t half;
	int r = 0;

	*signature = (struct blob){ 0 };
	if (scheme == NULL || size <= 0 || !sig_fits(scheme, k->type))
		return -EINVAL;
	signature->p = malloc((size_t)size);
	if (signature->p == NULL)
		return -ENOMEM;
	signature->n = (size_t)size;
	half = raw_half(scheme);
	if (!(k->public != NULL ? lib_sign_outside(k, scheme, tbs, signature)
				: lib_sign_der(k, scheme, tbs, signature)))
		r = -EIO;
	else if (half > 0)
		r = make_raw(signature, half);
	if (r != 0) {
		blob_free(signature);
		ERR_clear_error();
	}
	return r;
}
