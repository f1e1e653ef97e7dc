/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC, SHA-1, and the handles of all digests and ciphers.
 *
 * Contexts with the digest in place are kept and duplicated: each initialisation would look the
 * digest up by name again.
 */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const digest_names[] = { "SHA1", "SHA256", "SHA384", "SHA512" };
static const char *const cipher_names[] = { "AES-128-CBC", "AES-256-CBC", "AES-128-GCM",
					    "AES-256-GCM" };

/* Written once, under CRYPTO_THREAD_run_once(). */
static struct {
	EVP_MD *digest[N_ELEMENTS(digest_names)];
	EVP_MAC_CTX *hmac[N_ELEMENTS(digest_names)];
	EVP_CIPHER *cipher[N_ELEMENTS(cipher_names)];
} handles;
static CRYPTO_ONCE handles_once = CRYPTO_ONCE_STATIC_INIT;

static EVP_MAC_CTX *hmac_prepare(EVP_MAC *mac, const char *digest)
{
	/* OSSL_PARAM is not const, though nothing writes there. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	if (ctx != NULL && EVP_MAC_init(ctx, (const uint8_t *)"key", 3, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void handles_fetch(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	for (size_t i = 0; i < N_ELEMENTS(digest_names); i++) {
		handles.digest[i] = EVP_MD_fetch(NULL, digest_names[i], NULL);
		if (mac != NULL && handles.digest[i] != NULL)
			handles.hmac[i] = hmac_prepare(mac, digest_names[i]);
	}
	for (size_t i = 0; i < N_ELEMENTS(cipher_names); i++)
		handles.cipher[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
	EVP_MAC_free(mac);
	ERR_clear_error();
}

void lib_handles_renew(void)
{
	(void)CRYPTO_THREAD_run_once(&handles_once, handles_fetch);
	for (size_t i = 0; i < N_ELEMENTS(digest_names); i++) {
		EVP_MAC_CTX_free(handles.hmac[i]);
		EVP_MD_free(handles.digest[i]);
		handles.hmac[i] = NULL;
	}
	for (size_t i = 0; i < N_ELEMENTS(cipher_names); i++)
		EVP_CIPHER_free(handles.cipher[i]);
	handles_fetch();
}

/* Index of a name, or -1. */
static int handle_index(const char *const *names, size_t n, const char *name)
{
	if (!CRYPTO_THREAD_run_once(&handles_once, handles_fetch))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

const EVP_MD *lib_digest(const char *name)
{
	int i = handle_index(digest_names, N_ELEMENTS(digest_names), name);
	return i < 0 ? NULL : handles.digest[i];
}

const EVP_MAC_CTX *lib_hmac(const char *digest)
{
	int i = handle_index(digest_names, N_ELEMENTS(digest_names), digest);
	return i < 0 ? NULL : handles.hmac[i];
}

const EVP_CIPHER *lib_cipher(const char *name)
{
	int i = handle_index(cipher_names, N_ELEMENTS(cipher_names), name);
	return i < 0 ? NULL : handles.cipher[i];
}

bool ossl_has_digest(const char *name)
{
	return lib_digest(name) != NULL && lib_hmac(name) != NULL;
}

bool ossl_has_cipher(const char *name)
{
	return lib_cipher(name) != NULL;
}

/* out_len octets, the first of the HMAC. */
static int hmac(const char *digest, struct bytes key, const struct bytes *parts, size_t n_parts,
		uint8_t *out, size_t out_len)
{
	const EVP_MAC_CTX *prepared = lib_hmac(digest);
	EVP_MAC_CTX *ctx = prepared == NULL ? NULL : EVP_MAC_CTX_dup(prepared);
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t full_len = 0;
	/* A key of no octets is a key: NULL would mean the one of before. */
	const uint8_t *key_octets = key.n > 0 ? key.p : (const uint8_t *)"";
	bool good = ctx != NULL && EVP_MAC_init(ctx, key_octets, key.n, NULL) == 1;

	for (size_t i = 0; good && i < n_parts; i++)
		good = parts[i].n == 0 || EVP_MAC_update(ctx, parts[i].p, parts[i].n) == 1;
	good = good && EVP_MAC_final(ctx, full, &full_len, sizeof(full)) == 1 &&
	       full_len >= out_len;
	if (good)
		memcpy(out, full, out_len);
	else
		ERR_clear_error();
	EVP_MAC_CTX_free(ctx);
	wipe(full, sizeof(full));
	return good ? 0 : -EIO;
}

int ossl_prf(const struct prf_alg *alg, struct bytes key, const struct bytes *parts, size_t n_parts,
	     uint8_t *out)
{
	return hmac(alg->fetch, key, parts, n_parts, out, alg->len);
}

int ossl_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
	       size_t n_parts, uint8_t *icv)
{
	return hmac(alg->fetch, key, parts, n_parts, icv, alg->icv_len);
}

int sha1(const struct bytes *parts, size_t n_parts, uint8_t out[static 20])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestInit_ex2(ctx, lib_digest("SHA1"), NULL) == 1;

	for (size_t i = 0; good && i < n_parts; i++)
		good = parts[i].n == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
	good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good ? 0 : -EIO;
}
