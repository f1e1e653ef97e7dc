/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include "crypto/provider.h"
#include <errno.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN 64

struct provider_view {
	OSSL_LIB_CTX *ctx; /* its default properties are the query */
};

/* ---- providers -------------------------------------------------------------------------- */

/* What a clause like `provider=NAME` names; "fips" for `fips=yes`, "" for others. */
static void clause_name(const char *clause, size_t n, char out[static NAME_LEN])
{
	static const char key[] = "provider=";

	while (n > 0 && *clause == ' ') {
		clause++;
		n--;
	}
	while (n > 0 && clause[n - 1] == ' ')
		n--;
	out[0] = '\0';
	if (n == 8 && strncmp(clause, "fips=yes", n) == 0)
		snprintf(out, NAME_LEN, "fips");
	else if (n > sizeof(key) - 1 && strncmp(clause, key, sizeof(key) - 1) == 0)
		snprintf(out, NAME_LEN, "%.*s", (int)(n - sizeof(key) + 1),
			 clause + sizeof(key) - 1);
}

/* Providers that the query names, beside those of openssl.cnf or the default one. */
static void load_named(OSSL_LIB_CTX *ctx, const char *properties)
{
	while (*properties != '\0') {
		size_t n = strcspn(properties, ",");
		char name[NAME_LEN];

		clause_name(properties, n, name);
		if (name[0] != '\0' && OSSL_PROVIDER_available(ctx, name) != 1)
			(void)OSSL_PROVIDER_try_load(ctx, name, 1);
		properties += n + (properties[n] == ',');
	}
	ERR_clear_error();
}

/* The first provider that the query names and that is not there; "" if there is none. */
static void missing_provider(OSSL_LIB_CTX *ctx, const char *properties, char out[static NAME_LEN])
{
	out[0] = '\0';
	while (*properties != '\0' && out[0] == '\0') {
		size_t n = strcspn(properties, ",");

		clause_name(properties, n, out);
		if (out[0] != '\0' && OSSL_PROVIDER_available(ctx, out) == 1)
			out[0] = '\0';
		properties += n + (properties[n] == ',');
	}
}

/* ---- a view ----------------------------------------------------------------------------- */

static OSSL_LIB_CTX *context_new(const char *properties)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
	char *file = ctx != NULL ? CONF_get1_default_config_file() : NULL;

	if (ctx == NULL)
		return NULL;
	if (file != NULL)
		(void)OSSL_LIB_CTX_load_config(ctx, file);
	OPENSSL_free(file);
	load_named(ctx, properties);
	return ctx;
}

static bool has_digest(OSSL_LIB_CTX *ctx, const char *name)
{
	EVP_MD *md = EVP_MD_fetch(ctx, name, NULL);
	EVP_MAC *mac = EVP_MAC_fetch(ctx, "HMAC", NULL);
	bool has = md != NULL && mac != NULL;

	EVP_MD_free(md);
	EVP_MAC_free(mac);
	return has;
}

static bool has_cipher(OSSL_LIB_CTX *ctx, const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(ctx, name, NULL);
	bool has = cipher != NULL;

	EVP_CIPHER_free(cipher);
	return has;
}

static bool has_group(OSSL_LIB_CTX *ctx, const char *name)
{
	const char *type = lib_group_type(name);
	const char *exchange = type != NULL && strcmp(type, "EC") == 0 ? "ECDH" : type;
	EVP_KEYMGMT *keys = type == NULL ? NULL : EVP_KEYMGMT_fetch(ctx, type, NULL);
	EVP_KEYEXCH *derive = type == NULL ? NULL : EVP_KEYEXCH_fetch(ctx, exchange, NULL);
	bool has = keys != NULL && derive != NULL;

	EVP_KEYMGMT_free(keys);
	EVP_KEYEXCH_free(derive);
	return has;
}

static bool has_kem(OSSL_LIB_CTX *ctx, const char *name)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(ctx, name, NULL);
	EVP_KEM *kem = EVP_KEM_fetch(ctx, name, NULL);
	bool has = keys != NULL && kem != NULL;

	EVP_KEYMGMT_free(keys);
	EVP_KEM_free(kem);
	return has;
}

static bool has_ke(OSSL_LIB_CTX *ctx, const struct ke_alg *ke)
{
	return ke->encapsulate != NULL ? has_kem(ctx, ke->fetch) : has_group(ctx, ke->fetch);
}

bool provider_has(const struct provider_view *v, uint8_t type, uint16_t id, uint16_t key_bits)
{
	const struct encr_alg *encr = encr_by_id(id, key_bits);
	const struct prf_alg *prf = prf_by_id(id);
	const struct integ_alg *integ = integ_by_id(id);
	const struct ke_alg *ke = ke_by_id(id);
	bool has = true;

	if (type == TRANSFORM_ENCR)
		has = encr != NULL && has_cipher(v->ctx, encr->fetch);
	else if (type == TRANSFORM_PRF)
		has = prf != NULL && has_digest(v->ctx, prf->fetch);
	else if (type == TRANSFORM_INTEG)
		has = integ != NULL && has_digest(v->ctx, integ->fetch);
	else if ((type == TRANSFORM_KE || type >= TRANSFORM_ADDKE1) && id != KE_NONE)
		has = ke != NULL && has_ke(v->ctx, ke);
	ERR_clear_error();
	return has;
}

bool provider_can_sign(const struct provider_view *v, enum key_type key)
{
	const char *name = key == KEY_RSA ? "RSA" : key == KEY_ED25519 ? "ED25519" : "ECDSA";
	EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(v->ctx, name, NULL);
	bool can = s != NULL;

	EVP_SIGNATURE_free(s);
	ERR_clear_error();
	return can;
}

static bool has_anything(const struct provider_view *v)
{
	for (const struct encr_alg *const *a = encr_all(); *a != NULL; a++)
		if (has_cipher(v->ctx, (*a)->fetch))
			return true;
	for (const struct prf_alg *const *a = prf_all(); *a != NULL; a++)
		if (has_digest(v->ctx, (*a)->fetch))
			return true;
	return false;
}

static int nothing(const struct provider_view *v, const char *properties,
		   char why[static PROVIDER_TEXT_LEN])
{
	char name[NAME_LEN];

	missing_provider(v->ctx, properties, name);
	if (name[0] != '\0')
		snprintf(why, PROVIDER_TEXT_LEN,
			 "OpenSSL %s has no provider \"%s\" here: it is not installed, or "
			 "openssl.cnf does not set it up",
			 OpenSSL_version(OPENSSL_VERSION_STRING), name);
	else
		snprintf(why, PROVIDER_TEXT_LEN, "no algorithm of OpenSSL %s satisfies it",
			 OpenSSL_version(OPENSSL_VERSION_STRING));
	return -ENOENT;
}

int provider_view_new(const char *properties, struct provider_view **out,
		      char why[static PROVIDER_TEXT_LEN])
{
	struct provider_view *v = calloc(1, sizeof(*v));
	int r = 0;

	*out = NULL;
	why[0] = '\0';
	if (v == NULL)
		return -ENOMEM;
	v->ctx = context_new(properties);
	if (v->ctx == NULL) {
		r = -ENOMEM;
	} else if (EVP_set_default_properties(v->ctx, properties) != 1) {
		snprintf(why, PROVIDER_TEXT_LEN, "not a property query of OpenSSL");
		r = -EINVAL;
	} else if (!has_anything(v)) {
		r = nothing(v, properties, why);
	}
	ERR_clear_error();
	if (r != 0)
		provider_view_free(v);
	else
		*out = v;
	return r;
}

void provider_view_free(struct provider_view *v)
{
	if (v == NULL)
		return;
	OSSL_LIB_CTX_free(v->ctx);
	free(v);
}

const char *provider_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* ---- the process ------------------------------------------------------------------------ */

int provider_use(const char *properties)
{
	struct provider_view *v;
	char why[PROVIDER_TEXT_LEN];
	int r = provider_view_new(properties, &v, why);

	if (r != 0)
		return r;
	provider_view_free(v);
	load_named(NULL, properties);
	/* Too late if randomness was drawn already: then it stays with the generator that it has.
	 */
	(void)RAND_set_DRBG_type(NULL, "CTR-DRBG", properties, "AES-256-CTR", NULL);
	ERR_clear_error();
	if (EVP_set_default_properties(NULL, properties) != 1)
		return -EINVAL;
	lib_handles_renew();
	lib_groups_renew();
	lib_parse_restrict();
	return 0;
}
