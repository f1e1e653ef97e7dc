/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <string.h>

#define GCM_NONCE_LEN 12 /* RFC 5282 4: salt of 4 octets, then IV of 8 */

/* EVP_CipherUpdate() over all of data, in place. */
static bool cipher_over(EVP_CIPHER_CTX *ctx, uint8_t *data, size_t n)
{
	int got = 0;

	if (n == 0)
		return true;
	return n <= INT_MAX && EVP_CipherUpdate(ctx, data, &got, data, (int)n) == 1 &&
	       (size_t)got == n;
}

static bool cipher_aad(EVP_CIPHER_CTX *ctx, struct bytes aad)
{
	int got = 0;

	if (aad.n == 0)
		return true;
	return aad.n <= INT_MAX && EVP_CipherUpdate(ctx, NULL, &got, aad.p, (int)aad.n) == 1;
}

static int cbc(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv, uint8_t *data,
	       size_t n, int encrypt)
{
	EVP_CIPHER_CTX *ctx;
	bool good;

	if (n % alg->block != 0 || n > INT_MAX)
		return -EINVAL;
	ctx = EVP_CIPHER_CTX_new();
	/* The padding is IKE's own (RFC 7296 3.14). */
	good = ctx != NULL &&
	       EVP_CipherInit_ex2(ctx, lib_cipher(alg->fetch), key, iv, encrypt, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && cipher_over(ctx, data, n);
	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good ? 0 : -EIO;
}

int ossl_cbc_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, uint8_t *icv)
{
	(void)aad;
	(void)icv;
	return cbc(alg, key, iv, data, n, 1);
}

int ossl_cbc_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv)
{
	(void)aad;
	(void)icv;
	return cbc(alg, key, iv, data, n, 0);
}

/* A context set up with key and nonce, past the associated data; NULL if the library fails. */
static EVP_CIPHER_CTX *gcm_begin(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
				 struct bytes aad, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[GCM_NONCE_LEN];

	memcpy(nonce, key + alg->key_len, alg->salt_len);
	memcpy(nonce + alg->salt_len, iv, alg->iv_len);
	if (ctx != NULL &&
	    EVP_CipherInit_ex2(ctx, lib_cipher(alg->fetch), key, nonce, encrypt, NULL) == 1 &&
	    cipher_aad(ctx, aad))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int ossl_gcm_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, uint8_t *icv)
{
	EVP_CIPHER_CTX *ctx = gcm_begin(alg, key, iv, aad, 1);
	int none = 0;
	bool good = ctx != NULL && cipher_over(ctx, data, n) &&
		    EVP_CipherFinal_ex(ctx, icv, &none) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)alg->icv_len, icv) == 1;

	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good ? 0 : -EIO;
}

int ossl_gcm_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		  struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv)
{
	EVP_CIPHER_CTX *ctx = gcm_begin(alg, key, iv, aad, 0);
	uint8_t expected[ICV_MAX_LEN];
	int none = 0;
	int r = -EIO;

	memcpy(expected, icv, alg->icv_len);
	if (ctx != NULL && cipher_over(ctx, data, n) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)alg->icv_len, expected) == 1)
		r = EVP_CipherFinal_ex(ctx, expected, &none) == 1 ? 0 : -EBADMSG;
	EVP_CIPHER_CTX_free(ctx);
	if (r != 0) {
		wipe(data, n);
		ERR_clear_error();
	}
	return r;
}
