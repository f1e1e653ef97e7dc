/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diffie-Hellman groups. OpenSSL's own check of a peer's value raises it to the order of the group,
 * which costs seven times the derivation. RFC 6989 2.1 does not ask for that where the prime is
 * safe and the private value is used once: 1 < r < p-1 is checked here, and its check left out. A
 * point is checked to be on the curve when it is decoded (RFC 6989 2.3; the cofactor is 1).
 */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define EC_UNCOMPRESSED 0x04 /* SEC 1 2.3.3; IKE sends the coordinates without it, RFC 5903 7 */

static const struct group_name {
	const char *name;
	const char *type;
} group_names[] = {
	{ "modp_2048", "DH" }, { "modp_3072", "DH" }, { "modp_4096", "DH" },
	{ "P-256", "EC" },     { "P-384", "EC" },     { "X25519", "X25519" },
};

enum group_kind {
	GROUP_MODP,
	GROUP_CURVE,	  /* x | y on the wire */
	GROUP_MONTGOMERY, /* octets as they are; a group without parameters */
};

struct group {
	enum group_kind kind;
	EVP_PKEY *params; /* domain parameters, no key; none for GROUP_MONTGOMERY */
	BIGNUM *p_minus_1;
};

/* Written once, under CRYPTO_THREAD_run_once(), and read-only from then on. */
static struct group groups[N_ELEMENTS(group_names)];
static CRYPTO_ONCE groups_once = CRYPTO_ONCE_STATIC_INIT;

static EVP_PKEY *group_params(const struct group_name *name)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name->type, NULL);
	EVP_PKEY *params = NULL;

	if (ctx == NULL || EVP_PKEY_paramgen_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_group_name(ctx, name->name) <= 0 ||
	    EVP_PKEY_paramgen(ctx, &params) <= 0)
		params = NULL;
	EVP_PKEY_CTX_free(ctx);
	return params;
}

static void groups_load(void)
{
	for (size_t i = 0; i < N_ELEMENTS(group_names); i++) {
		struct group *g = &groups[i];

		g->kind = strcmp(group_names[i].type, "DH") == 0   ? GROUP_MODP
			  : strcmp(group_names[i].type, "EC") == 0 ? GROUP_CURVE
								   : GROUP_MONTGOMERY;
		if (g->kind == GROUP_MONTGOMERY)
			continue;
		g->params = group_params(&group_names[i]);
		if (g->params == NULL || g->kind != GROUP_MODP)
			continue;
		if (EVP_PKEY_get_bn_param(g->params, OSSL_PKEY_PARAM_FFC_P, &g->p_minus_1) != 1 ||
		    BN_sub_word(g->p_minus_1, 1) != 1) {
			EVP_PKEY_free(g->params);
			g->params = NULL;
		}
	}
	ERR_clear_error();
}

void lib_groups_renew(void)
{
	(void)CRYPTO_THREAD_run_once(&groups_once, groups_load);
	for (size_t i = 0; i < N_ELEMENTS(group_names); i++) {
		EVP_PKEY_free(groups[i].params);
		BN_free(groups[i].p_minus_1);
		groups[i] = (struct group){ 0 };
	}
	groups_load();
}

const char *lib_group_type(const char *group)
{
	for (size_t i = 0; i < N_ELEMENTS(group_names); i++)
		if (strcmp(group_names[i].name, group) == 0)
			return group_names[i].type;
	return NULL;
}

static const struct group *group_find(const char *name)
{
	if (!CRYPTO_THREAD_run_once(&groups_once, groups_load))
		return NULL;
	for (size_t i = 0; i < N_ELEMENTS(group_names); i++) {
		if (strcmp(group_names[i].name, name) != 0)
			continue;
		return groups[i].kind == GROUP_MONTGOMERY || groups[i].params != NULL ? &groups[i]
										      : NULL;
	}
	return NULL;
}

bool ossl_has_group(const char *name)
{
	return group_find(name) != NULL;
}

/* The value for the wire, exactly alg->public_len octets. */
static bool public_get(const struct ke_alg *alg, const struct group *g, EVP_PKEY *pkey,
		       uint8_t *out)
{
	uint8_t encoded[1 + KE_MAX_PUBLIC];
	size_t skip = g->kind == GROUP_CURVE ? 1 : 0;
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, encoded,
					    sizeof(encoded), &n) != 1)
		return false;
	if (n != skip + alg->public_len || (skip == 1 && encoded[0] != EC_UNCOMPRESSED))
		return false;
	memcpy(out, encoded + skip, alg->public_len);
	return true;
}

struct ke_key *lib_ke_key(EVP_PKEY *pkey)
{
	struct ke_key *key = calloc(1, sizeof(*key));

	if (key != NULL)
		key->pkey = pkey;
	else
		EVP_PKEY_free(pkey);
	return key;
}

int ossl_ke_generate(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value)
{
	const struct group *g = group_find(alg->fetch);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	int r = -EIO;

	*key = NULL;
	if (g == NULL)
		return -EIO;
	ctx = g->params != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, g->params, NULL)
				: EVP_PKEY_CTX_new_from_name(NULL, alg->fetch, NULL);
	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_keygen(ctx, &pkey) > 0 &&
	    public_get(alg, g, pkey, public_value)) {
		*key = lib_ke_key(pkey);
		pkey = NULL;
		r = *key != NULL ? 0 : -ENOMEM;
	}
	EVP_PKEY_CTX_free(ctx);
	if (r != 0) {
		EVP_PKEY_free(pkey);
		ERR_clear_error();
	}
	return r;
}

/* RFC 6989 2.1: 1 < r < p-1 */
static bool modp_in_range(const struct group *g, struct bytes peer)
{
	BIGNUM *r = BN_bin2bn(peer.p, (int)peer.n, NULL);
	bool good = r != NULL && BN_cmp(r, BN_value_one()) > 0 && BN_cmp(r, g->p_minus_1) < 0;

	BN_free(r);
	return good;
}

/* The peer's value as a key; NULL if it is not acceptable. peer is alg->public_len octets. */
static EVP_PKEY *peer_load(const struct ke_alg *alg, const struct group *g, struct bytes peer)
{
	uint8_t encoded[1 + KE_MAX_PUBLIC];
	size_t skip = g->kind == GROUP_CURVE ? 1 : 0;
	EVP_PKEY *pkey;

	if (g->kind == GROUP_MONTGOMERY)
		return EVP_PKEY_new_raw_public_key_ex(NULL, alg->fetch, NULL, peer.p, peer.n);
	if (g->kind == GROUP_MODP && !modp_in_range(g, peer))
		return NULL;
	encoded[0] = EC_UNCOMPRESSED;
	memcpy(encoded + skip, peer.p, peer.n);
	pkey = EVP_PKEY_new();
	if (pkey != NULL && EVP_PKEY_copy_parameters(pkey, g->params) == 1 &&
	    EVP_PKEY_set1_encoded_public_key(pkey, encoded, skip + peer.n) == 1)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

int ossl_ke_derive(const struct ke_alg *alg, const struct ke_key *key, struct bytes peer,
		   uint8_t *secret)
{
	/* RFC 7296 2.14: leading zeros are part of the shared secret. */
	unsigned pad = 1;
	OSSL_PARAM padded[] = {
		OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
		OSSL_PARAM_construct_end(),
	};
	const struct group *g = group_find(alg->fetch);
	size_t n = alg->secret_len;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *peer_key;
	int r = -EINVAL;

	if (g == NULL || key == NULL)
		return -EIO;
	if (peer.n != alg->public_len) /* RFC 7296 3.4 */
		return -EINVAL;
	peer_key = peer_load(alg, g, peer);
	if (peer_key == NULL)
		goto out;
	r = -EIO;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (ctx == NULL ||
	    EVP_PKEY_derive_init_ex(ctx, g->kind == GROUP_MODP ? padded : NULL) <= 0 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, peer_key, 0) <= 0)
		goto out;
	if (EVP_PKEY_derive(ctx, secret, &n) <= 0) {
		/* RFC 8031 5: with a good key of ours it fails only where the result is all zero.
		 */
		r = g->kind == GROUP_MONTGOMERY ? -EINVAL : -EIO;
		goto out;
	}
	r = n == alg->secret_len ? 0 : -EIO;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer_key);
	if (r != 0) {
		wipe(secret, alg->secret_len);
		ERR_clear_error();
	}
	return r;
}

void ossl_ke_free(struct ke_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey); /* wipes the private value */
	free(key);
}

/* The private value of a group with parameters, as EVP_PKEY_fromdata() wants it. */
static OSSL_PARAM *import_params(const struct ke_alg *alg, struct bytes private_value)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *x = BN_bin2bn(private_value.p, (int)private_value.n, NULL);
	OSSL_PARAM *params = NULL;

	if (builder != NULL && x != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, alg->fetch, 0) ==
		    1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, x) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	BN_clear_free(x);
	OSSL_PARAM_BLD_free(builder);
	return params;
}

static EVP_PKEY *import_pkey(const struct ke_alg *alg, const struct group *g,
			     struct bytes private_value)
{
	OSSL_PARAM *params;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *pkey = NULL;

	if (g->kind == GROUP_MONTGOMERY)
		return EVP_PKEY_new_raw_private_key_ex(NULL, alg->fetch, NULL, private_value.p,
						       private_value.n);
	params = import_params(alg, private_value);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, g->params, NULL);
	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

int ossl_ke_import(const struct ke_alg *alg, struct bytes private_value, struct ke_key **key)
{
	const struct group *g = group_find(alg->fetch);
	EVP_PKEY *pkey;

	*key = NULL;
	if (g == NULL)
		return -EIO;
	pkey = import_pkey(alg, g, private_value);
	if (pkey == NULL) {
		ERR_clear_error();
		return -EINVAL;
	}
	*key = lib_ke_key(pkey);
	return *key != NULL ? 0 : -ENOMEM;
}

int lib_raw_private(const EVP_PKEY *pkey, struct secret *value)
{
	size_t n = 0;
	int err;

	if (EVP_PKEY_get_raw_private_key(pkey, NULL, &n) != 1)
		return -EIO;
	err = secret_new(value, n);
	if (err == 0 && EVP_PKEY_get_raw_private_key(pkey, value->p, &n) != 1) {
		secret_free(value);
		err = -EIO;
	}
	return err;
}

static int number_get(const EVP_PKEY *pkey, struct secret *value)
{
	BIGNUM *x = NULL;
	int err = -EIO;

	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &x) == 1) {
		err = secret_new(value, (size_t)BN_num_bytes(x));
		if (err == 0)
			BN_bn2bin(x, value->p);
	}
	BN_clear_free(x);
	return err;
}

int ossl_ke_export(const struct ke_alg *alg, const struct ke_key *key, struct secret *value)
{
	const struct group *g = group_find(alg->fetch);
	int err = -EIO;

	if (g != NULL)
		err = g->kind == GROUP_MONTGOMERY ? lib_raw_private(key->pkey, value)
						  : number_get(key->pkey, value);
	if (err != 0)
		ERR_clear_error();
	return err;
}
