/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key encapsulation by the library's name. Nothing here is newer than OpenSSL 3.0, so it builds
 * everywhere; whether there is a KEM of that name shows at run time (ossl_has_kem).
 */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

bool ossl_has_kem(const char *name)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, name, NULL);
	EVP_KEM *kem = EVP_KEM_fetch(NULL, name, NULL);
	bool has = keys != NULL && kem != NULL;

	EVP_KEYMGMT_free(keys);
	EVP_KEM_free(kem);
	ERR_clear_error();
	return has;
}

static EVP_PKEY *pair_new(const char *name)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
	EVP_PKEY *pair = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_keygen(ctx, &pair) <= 0)
		pair = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pair;
}

int ossl_kem_generate(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value)
{
	EVP_PKEY *pair = pair_new(alg->fetch);
	size_t n = alg->public_len;
	int r = -EIO;

	*key = NULL;
	if (pair != NULL && EVP_PKEY_get_raw_public_key(pair, public_value, &n) == 1 &&
	    n == alg->public_len) {
		*key = calloc(1, sizeof(**key));
		r = *key != NULL ? 0 : -ENOMEM;
	}
	if (r == 0) {
		(*key)->pkey = pair;
	} else {
		EVP_PKEY_free(pair);
		ERR_clear_error();
	}
	return r;
}

int ossl_kem_encapsulate(const struct ke_alg *alg, struct bytes peer, uint8_t *response,
			 uint8_t *secret)
{
	size_t response_len = alg->response_len, secret_len = alg->secret_len;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey;
	int r = -EIO;

	if (peer.n != alg->public_len)
		return -EINVAL;
	/* FIPS 203 7.2: the type check and the modulus check are made when the key is loaded. */
	pkey = EVP_PKEY_new_raw_public_key_ex(NULL, alg->fetch, NULL, peer.p, peer.n);
	if (pkey == NULL) {
		r = -EINVAL;
		goto out;
	}
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx != NULL && EVP_PKEY_encapsulate_init(ctx, NULL) > 0 &&
	    EVP_PKEY_encapsulate(ctx, response, &response_len, secret, &secret_len) > 0 &&
	    response_len == alg->response_len && secret_len == alg->secret_len)
		r = 0;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (r != 0) {
		wipe(secret, alg->secret_len);
		ERR_clear_error();
	}
	return r;
}

int ossl_kem_decapsulate(const struct ke_alg *alg, const struct ke_key *key, struct bytes response,
			 uint8_t *secret)
{
	size_t n = alg->secret_len;
	EVP_PKEY_CTX *ctx;
	int r = -EIO;

	if (key == NULL)
		return -EIO;
	if (response.n != alg->response_len)
		return -EINVAL;
	/* FIPS 203 6.3: a response that is none gives a secret that nobody has. */
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) > 0 &&
	    EVP_PKEY_decapsulate(ctx, secret, &n, response.p, response.n) > 0 &&
	    n == alg->secret_len)
		r = 0;
	EVP_PKEY_CTX_free(ctx);
	if (r != 0) {
		wipe(secret, alg->secret_len);
		ERR_clear_error();
	}
	return r;
}

int ossl_kem_export(const struct ke_alg *alg, const struct ke_key *key, struct secret *value)
{
	int err = lib_raw_private(key->pkey, value);

	(void)alg;
	if (err != 0)
		ERR_clear_error();
	return err;
}

int ossl_kem_import(const struct ke_alg *alg, struct bytes private_value, struct ke_key **key)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, alg->fetch, NULL, private_value.p,
							 private_value.n);

	*key = NULL;
	if (pkey == NULL) {
		ERR_clear_error();
		return -EINVAL;
	}
	*key = lib_ke_key(pkey);
	return *key != NULL ? 0 : -ENOMEM;
}
