/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates taken apart, fast.
 *
 * With each certificate OpenSSL 3.0 looks through all decoders of all providers for one that takes
 * the public key, which costs more than twice what verifying its signature does; a peer not yet
 * authenticated makes us do that for each certificate it sends. So certificates are read in a
 * library context whose only provider hands on the default provider's algorithms without the
 * decoders, and an RSA key, of which everything is known, is put in afterwards. Whatever does not
 * come out of that octet for octet as it went in is read the ordinary way instead.
 */
#include "crypto/openssl_lib.h"
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <string.h>

/* Written once, under CRYPTO_THREAD_run_once(), and read-only from then on. */
static struct {
	OSSL_LIB_CTX *base; /* with the default provider, for its sake alone */
	OSSL_PROVIDER *provider;
	OSSL_LIB_CTX *slim; /* NULL: could not be set up, everything goes the ordinary way */
	bool restricted;    /* it has other properties than the process: no longer used */
} context;
static CRYPTO_ONCE context_once = CRYPTO_ONCE_STATIC_INIT;

static const OSSL_ALGORITHM *slim_query(void *provider_context, int operation, int *no_cache)
{
	(void)provider_context;
	if (operation == OSSL_OP_DECODER || operation == OSSL_OP_ENCODER ||
	    operation == OSSL_OP_STORE) {
		*no_cache = 0;
		return NULL;
	}
	return OSSL_PROVIDER_query_operation(context.provider, operation, no_cache);
}

static int slim_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		     const OSSL_DISPATCH **out, void **provider_context)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))slim_query },
		{ 0, NULL },
	};

	(void)handle;
	(void)in;
	*out = functions;
	*provider_context = OSSL_PROVIDER_get0_provider_ctx(context.provider);
	return 1;
}

static void context_make(void)
{
	OSSL_LIB_CTX *slim = OSSL_LIB_CTX_new();

	context.base = OSSL_LIB_CTX_new();
	context.provider =
		context.base == NULL ? NULL : OSSL_PROVIDER_load(context.base, "default");
	if (slim != NULL && context.provider != NULL &&
	    OSSL_PROVIDER_add_builtin(slim, "slim", slim_init) == 1 &&
	    OSSL_PROVIDER_load(slim, "slim") != NULL)
		context.slim = slim;
	else
		OSSL_LIB_CTX_free(slim);
	ERR_clear_error();
}

/* An RSA key (RFC 3279 2.3.1, parameters NULL) is put in place. */
static bool set_rsa_key(X509 *cert)
{
	const X509_PUBKEY *spki = X509_get_X509_PUBKEY(cert);
	ASN1_OBJECT *oid = NULL;
	X509_ALGOR *algorithm = NULL;
	const uint8_t *p = NULL, *start;
	EVP_PKEY *key;
	int n = 0, parameters = 0;
	bool good;

	if (X509_PUBKEY_get0_param(&oid, &p, &n, &algorithm, spki) != 1)
		return false;
	X509_ALGOR_get0(NULL, &parameters, NULL, algorithm);
	if (OBJ_obj2nid(oid) != NID_rsaEncryption || parameters != V_ASN1_NULL)
		return false;
	start = p;
	key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
	good = key != NULL && p == start + n && X509_set_pubkey(cert, key) == 1;
	EVP_PKEY_free(key);
	return good;
}

static bool encodes_to(const X509 *cert, struct bytes der)
{
	uint8_t *again = NULL;
	int n = i2d_X509(cert, &again);
	bool same = n > 0 && bytes_equal(BYTES(again, (size_t)n), der);

	OPENSSL_free(again);
	return same;
}

void lib_parse_restrict(void)
{
	(void)CRYPTO_THREAD_run_once(&context_once, context_make);
	context.restricted = true;
}

/* NULL: this way does not do, and *hopeless if no way does. */
static X509 *parse_fast(struct bytes der, bool *hopeless)
{
	const uint8_t *p = der.p;
	X509 *cert;

	*hopeless = false;
	if (!CRYPTO_THREAD_run_once(&context_once, context_make) || context.slim == NULL ||
	    context.restricted)
		return NULL;
	cert = X509_new_ex(context.slim, NULL);
	if (cert == NULL)
		return NULL;
	if (d2i_X509(&cert, &p, (long)der.n) == NULL) { /* which has freed it */
		*hopeless = true;
		return NULL;
	}
	*hopeless = p != der.p + der.n;
	if (!*hopeless && set_rsa_key(cert) && encodes_to(cert, der))
		return cert;
	X509_free(cert);
	return NULL;
}

static X509 *parse_ordinary(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);

	if (cert != NULL && p == der.p + der.n)
		return cert;
	X509_free(cert);
	return NULL;
}

X509 *lib_cert(struct bytes der)
{
	X509 *cert;
	bool hopeless;

	if (der.n == 0 || der.n > CERT_SIZE_MAX)
		return NULL;
	cert = parse_fast(der, &hopeless);
	if (cert == NULL && !hopeless)
		cert = parse_ordinary(der);
	if (cert == NULL)
		ERR_clear_error();
	return cert;
}
