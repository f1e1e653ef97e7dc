/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys that are not octets of ours: in a token, a TPM, wherever a URI leads. */
#include "crypto/openssl_lib.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME_LEN 32 /* with the final NUL */

/* Who may know a scheme without being set up in openssl.cnf. */
struct scheme {
	const char *name;
	const char *provider;
	const char *engine;  /* if there is no such provider; NULL: none */
	const char *package; /* of Debian, which has one of them */
};

static const struct scheme schemes[] = {
	{ "pkcs11", "pkcs11", "pkcs11", "libengine-pkcs11-openssl" },
	{ "handle", "tpm2", NULL, "tpm2-openssl" },
};

/*
 * Who looks for a key goes through lists of slots and objects that who signs reads: the one waits
 * for the others.
 */
static CRYPTO_RWLOCK *lock;
static UI_METHOD *nobody;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

/* Asked for a PIN: notes that, and has none. */
static int ask_nobody(UI *ui, UI_STRING *question)
{
	bool *asked = UI_get0_user_data(ui);
	enum UI_string_types type = UI_get_string_type(question);

	if (type != UIT_PROMPT && type != UIT_VERIFY && type != UIT_BOOLEAN)
		return 1;
	if (asked != NULL)
		*asked = true;
	return 0;
}

static void prepare(void)
{
	lock = CRYPTO_THREAD_lock_new();
	nobody = UI_create_method("nobody");
	if (nobody != NULL)
		UI_method_set_reader(nobody, ask_nobody);
}

static bool is_prepared(void)
{
	return CRYPTO_THREAD_run_once(&once, prepare) == 1 && lock != NULL && nobody != NULL;
}

bool lib_sign_outside(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		      struct blob *out)
{
	bool good;

	if (!is_prepared() || CRYPTO_THREAD_read_lock(lock) != 1)
		return false;
	good = lib_sign_der(k, scheme, tbs, out);
	CRYPTO_THREAD_unlock(lock);
	return good;
}

/* --- looking for it ------------------------------------------------------------------------ */

static const struct scheme *scheme_row(const char *name)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}

static bool store_knows(const char *name)
{
	OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(NULL, name, NULL);
	bool knows = loader != NULL;

	OSSL_STORE_LOADER_free(loader);
	return knows;
}

static EVP_PKEY *store_key(const char *uri, bool *asked)
{
	OSSL_STORE_CTX *store =
		OSSL_STORE_open_ex(uri, NULL, NULL, nobody, asked, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	if (store == NULL)
		return NULL;
	(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	while (key == NULL && OSSL_STORE_eof(store) == 0 && OSSL_STORE_error(store) == 0) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store);
	return key;
}

static int unknown(const char *name, const struct scheme *row, char why[static KEY_WHY_LEN])
{
	if (row == NULL)
		snprintf(why, KEY_WHY_LEN, "no provider that OpenSSL %s has here knows \"%s:\"",
			 OpenSSL_version(OPENSSL_VERSION_STRING), name);
	else
		snprintf(why, KEY_WHY_LEN,
			 "OpenSSL %s has nothing here that knows \"%s:\": apt install %s",
			 OpenSSL_version(OPENSSL_VERSION_STRING), name, row->package);
	return -ENOSYS;
}

/* The deepest error is what happened; those after it tell whom it happened to. */
static int failed(bool asked, char why[static KEY_WHY_LEN])
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (asked) {
		snprintf(why, KEY_WHY_LEN,
			 "a PIN is wanted, and nobody is there to type it: it goes behind the URI, "
			 "as ?pin-source=FILE");
		return -EACCES;
	}
	if (reason == NULL || strcmp(reason, "object not found") == 0) {
		snprintf(why, KEY_WHY_LEN,
			 "no token or device that is there has such a private key "
			 "(pkcs11-tool --list-token-slots, --list-objects --login)");
		return -ENOENT;
	}
	if (strcmp(reason, "invalid id") == 0)
		reason = "that is no URI of PKCS#11 (RFC 7512)";
	snprintf(why, KEY_WHY_LEN, "%s", reason);
	return strncmp(reason, "PIN", 3) == 0 ? -EACCES : -EIO;
}

static int find(const char *uri, const char *name, EVP_PKEY **out, char why[static KEY_WHY_LEN])
{
	const struct scheme *row = scheme_row(name);
	bool asked = false;

	if (row != NULL && OSSL_PROVIDER_available(NULL, row->provider) != 1)
		(void)OSSL_PROVIDER_try_load(NULL, row->provider, 1);
	if (store_knows(name)) {
		ERR_clear_error();
		*out = store_key(uri, &asked);
	} else if (row != NULL && row->engine != NULL && lib_engine_ready(row->engine)) {
		ERR_clear_error();
		*out = lib_engine_key(row->engine, uri, nobody, &asked);
	} else {
		return unknown(name, row, why);
	}
	return *out != NULL ? 0 : failed(asked, why);
}

/* --- what was found ------------------------------------------------------------------------ */

/* A key of its own, which nothing leads back to the device. */
static EVP_PKEY *public_copy(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *p = der;
	EVP_PKEY *copy = n > 0 ? d2i_PUBKEY(NULL, &p, n) : NULL;

	OPENSSL_free(der);
	return copy;
}

static int take(EVP_PKEY *pkey, struct sign_key **out, char why[static KEY_WHY_LEN])
{
	EVP_PKEY *public = public_copy(pkey);
	struct sign_key *key = calloc(1, sizeof(*key));

	if (key == NULL || public == NULL || lib_key_type(public) == KEY_NONE) {
		snprintf(why, KEY_WHY_LEN,
			 "the object is not an RSA, ECDSA or Ed25519 key with its public part");
		EVP_PKEY_free(public);
		EVP_PKEY_free(pkey);
		free(key);
		return key == NULL ? -ENOMEM : -EINVAL;
	}
	*key = (struct sign_key){ .pkey = pkey, .public = public, .type = lib_key_type(public) };
	*out = key;
	return 0;
}

/* An object may be there and not allowed to sign, or be half of two pairs that do not fit. */
static int try_out(const struct sign_key *key, char why[static KEY_WHY_LEN])
{
	static const uint8_t text[] = "ikemesh";
	const struct bytes tbs = BYTES(text, sizeof(text));
	const struct sig_scheme *scheme =
		sig_choose(key->type,
			   1u << HASH_SHA2_256 | 1u << HASH_SHA2_384 | 1u << HASH_SHA2_512 |
				   1u << HASH_IDENTITY,
			   NULL);
	struct blob signature = { 0 };
	int r = sign_key_sign(key, scheme, tbs, &signature);

	if (r == 0 && lib_verify(key->public, scheme, tbs, blob_view(&signature)) != VERDICT_GOOD)
		r = -EINVAL;
	blob_free(&signature);
	if (r == -EINVAL)
		snprintf(why, KEY_WHY_LEN, "what it signs does not verify under its public key");
	else if (r != 0)
		snprintf(why, KEY_WHY_LEN, "it is there, and does not sign");
	return r;
}

int sign_key_from_uri(const char *uri, struct sign_key **out, char why[static KEY_WHY_LEN])
{
	char name[SCHEME_LEN];
	EVP_PKEY *pkey = NULL;
	int r;

	*out = NULL;
	why[0] = '\0';
	if (strcspn(uri, ":") >= sizeof(name))
		return unknown("", NULL, why);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(uri, ":"), uri);
	if (!is_prepared() || CRYPTO_THREAD_write_lock(lock) != 1)
		return -ENOMEM;
	ERR_clear_error();
	r = find(uri, name, &pkey, why);
	if (r == 0)
		r = take(pkey, out, why);
	CRYPTO_THREAD_unlock(lock);
	if (r == 0) {
		r = try_out(*out, why);
		if (r != 0) {
			sign_key_free(*out);
			*out = NULL;
		}
	}
	ERR_clear_error();
	return r;
}
