/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/testpki.h"
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *keys[TESTPKI_KINDS][TESTPKI_SLOTS];

static void must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "testpki: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

/* What a key is made of: its numbers, each under the library's name for it. */
struct numbers {
	OSSL_PARAM_BLD *builder;
	BN_CTX *ctx;
};

static void put_number(struct numbers *to, const char *name, const BIGNUM *value)
{
	must(value != NULL && OSSL_PARAM_BLD_push_BN(to->builder, name, value) == 1, name);
}

static struct numbers numbers_begin(void)
{
	struct numbers out = { OSSL_PARAM_BLD_new(), BN_CTX_new() };

	must(out.builder != NULL && out.ctx != NULL, "numbers");
	BN_CTX_start(out.ctx);
	return out;
}

static EVP_PKEY *numbers_end(struct numbers *from)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(from->builder);
	EVP_PKEY *key = NULL;

	must(EVP_PKEY_fromdata_init(ctx) > 0 &&
		     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) > 0,
	     "key of numbers");
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(from->builder);
	EVP_PKEY_CTX_free(ctx);
	BN_CTX_end(from->ctx);
	BN_CTX_free(from->ctx);
	return key;
}

/* e = 1: every message is its own signature. */
static EVP_PKEY *key_with_exponent_one(EVP_PKEY *model)
{
	struct numbers parts = numbers_begin();
	BIGNUM *n = BN_CTX_get(parts.ctx);

	must(EVP_PKEY_get_bn_param(model, OSSL_PKEY_PARAM_RSA_N, &n) == 1, "modulus");
	put_number(&parts, OSSL_PKEY_PARAM_RSA_N, n);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_E, BN_value_one());
	put_number(&parts, OSSL_PKEY_PARAM_RSA_D, BN_value_one());
	return numbers_end(&parts);
}

/* Of any size and exponent: the library makes none below 512 bits. */
static EVP_PKEY *key_by_hand(int bits, BN_ULONG exponent)
{
	struct numbers parts = numbers_begin();
	BN_CTX *ctx = parts.ctx;
	BIGNUM *p = BN_CTX_get(ctx), *q = BN_CTX_get(ctx), *n = BN_CTX_get(ctx),
	       *e = BN_CTX_get(ctx), *d = BN_CTX_get(ctx), *p1 = BN_CTX_get(ctx),
	       *q1 = BN_CTX_get(ctx), *x = BN_CTX_get(ctx);

	must(x != NULL && BN_set_word(e, exponent) == 1, "exponent");
	do { /* again if e is no unit, or a bit is missing */
		must(BN_generate_prime_ex(p, (bits + 1) / 2, 0, NULL, NULL, NULL) == 1 &&
			     BN_generate_prime_ex(q, bits / 2, 0, NULL, NULL, NULL) == 1 &&
			     BN_mul(n, p, q, ctx) == 1 && BN_sub(p1, p, BN_value_one()) == 1 &&
			     BN_sub(q1, q, BN_value_one()) == 1 && BN_mul(x, p1, q1, ctx) == 1,
		     "primes");
	} while (BN_num_bits(n) != bits || BN_mod_inverse(d, e, x, ctx) == NULL);
	ERR_clear_error();
	put_number(&parts, OSSL_PKEY_PARAM_RSA_N, n);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_E, e);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_D, d);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_FACTOR1, p);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_FACTOR2, q);
	must(BN_mod(p1, d, p1, ctx) == 1 && BN_mod(q1, d, q1, ctx) == 1, "exponents");
	put_number(&parts, OSSL_PKEY_PARAM_RSA_EXPONENT1, p1);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_EXPONENT2, q1);
	put_number(&parts, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, BN_mod_inverse(x, q, p, ctx));
	return numbers_end(&parts);
}

static EVP_PKEY *key_get(enum testpki_kind kind, unsigned slot);

static EVP_PKEY *key_make(enum testpki_kind kind, unsigned slot)
{
	switch (kind) {
	case TESTPKI_RSA_1024:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	case TESTPKI_RSA_2048:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	case TESTPKI_RSA_3072:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
	case TESTPKI_RSA_4096:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
	case TESTPKI_ECDSA_P256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case TESTPKI_ECDSA_P384:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	case TESTPKI_ECDSA_P521:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	case TESTPKI_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case TESTPKI_RSA_E1:
		return key_with_exponent_one(key_get(TESTPKI_RSA_2048, slot));
	case TESTPKI_RSA_64:
		return key_by_hand(64, RSA_F4);
	case TESTPKI_RSA_128:
		return key_by_hand(128, RSA_F4);
	case TESTPKI_RSA_512:
		return key_by_hand(512, RSA_F4);
	case TESTPKI_RSA_1023:
		return key_by_hand(1023, RSA_F4);
	case TESTPKI_RSA_E3:
		return key_by_hand(2048, RSA_3);
	default:
		return NULL;
	}
}

static EVP_PKEY *key_get(enum testpki_kind kind, unsigned slot)
{
	must(kind < TESTPKI_KINDS && slot < TESTPKI_SLOTS, "kind and slot in range");
	if (keys[kind][slot] == NULL)
		keys[kind][slot] = key_make(kind, slot);
	must(keys[kind][slot] != NULL, "key generation");
	return keys[kind][slot];
}

static struct blob bio_take(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	struct blob out;

	must(n > 0 && blob_copy(&out, BYTES((const uint8_t *)p, (size_t)n)) == 0, "copy");
	BIO_free(bio);
	return out;
}

struct blob testpki_key_pem(enum testpki_kind kind, unsigned slot, const char *phrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = phrase == NULL ? NULL : EVP_aes_128_cbc();
	int n = phrase == NULL ? 0 : (int)strlen(phrase);

	must(PEM_write_bio_PKCS8PrivateKey(bio, key_get(kind, slot), cipher, phrase, n, NULL,
					   NULL) == 1,
	     "key to PEM");
	return bio_take(bio);
}

/* "C=US, O=Example, CN=host" */
static X509_NAME *name_make(const char *text, bool utf8)
{
	X509_NAME *name = X509_NAME_new();
	char *copy = strdup(text);
	char *rest = copy;

	bool joins = false;

	while (rest != NULL && *rest != '\0') {
		char *entry = rest;
		char *value = strchr(entry, '=');
		char *end = strstr(entry, ", ");
		char *plus = strstr(entry, " + ");
		const bool next_joins = plus != NULL && (end == NULL || plus < end);

		must(value != NULL, "attribute with a value");
		*value++ = '\0';
		rest = next_joins ? plus + 3 : end == NULL ? NULL : end + 2;
		if (next_joins)
			*plus = '\0';
		else if (end != NULL)
			*end = '\0';
		must(X509_NAME_add_entry_by_txt(
			     name, entry, utf8 ? V_ASN1_UTF8STRING : V_ASN1_PRINTABLESTRING,
			     (const uint8_t *)value, -1, -1, joins ? -1 : 0) == 1,
		     entry);
		joins = next_joins;
	}
	free(copy);
	return name;
}

struct blob testpki_name(const char *subject, bool utf8)
{
	X509_NAME *name = name_make(subject, utf8);
	uint8_t *der = NULL;
	int n = i2d_X509_NAME(name, &der);
	struct blob out;

	must(n > 0 && blob_copy(&out, BYTES(der, (size_t)n)) == 0, "name");
	OPENSSL_free(der);
	X509_NAME_free(name);
	return out;
}

static void extend(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

	must(extension != NULL && X509_add_ext(cert, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void extend_uri(X509 *cert, X509V3_CTX *ctx, int nid, const char *before, const char *uri)
{
	char value[200];

	snprintf(value, sizeof value, "%s%s", before, uri);
	extend(cert, ctx, nid, value);
}

static void extend_all(X509 *cert, X509 *issuer, const struct testpki_spec *spec)
{
	const char *usage = spec->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
	char constraints[64] = "critical,CA:FALSE";
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	if (spec->ca && spec->limit_path)
		(void)snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%ld",
			       spec->path_len);
	else if (spec->ca)
		(void)snprintf(constraints, sizeof(constraints), "critical,CA:TRUE");
	extend(cert, &ctx, NID_basic_constraints, constraints);
	if (spec->key_usage != NULL)
		usage = spec->key_usage;
	if (strcmp(usage, "none") != 0)
		extend(cert, &ctx, NID_key_usage, usage);
	extend(cert, &ctx, NID_subject_key_identifier, "hash");
	if (spec->eku != NULL)
		extend(cert, &ctx, NID_ext_key_usage, spec->eku);
	if (spec->san != NULL)
		extend(cert, &ctx, NID_subject_alt_name, spec->san);
	if (spec->crl_at != NULL)
		extend_uri(cert, &ctx, NID_crl_distribution_points, "URI:", spec->crl_at);
	if (spec->ocsp_at != NULL)
		extend_uri(cert, &ctx, NID_info_access, "OCSP;URI:", spec->ocsp_at);
	if (spec->name_constraints != NULL)
		extend(cert, &ctx, NID_name_constraints, spec->name_constraints);
}

static void set_dates(X509 *cert, const struct testpki_spec *spec)
{
	time_t from = spec->not_before != 0 ? spec->not_before : TESTPKI_NOW - TESTPKI_DAY;
	time_t to = spec->not_after != 0 ? spec->not_after : TESTPKI_NOW + 365 * TESTPKI_DAY;

	must(ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
		     ASN1_TIME_set(X509_getm_notAfter(cert), to) != NULL,
	     "dates");
}

static void sign(X509 *cert, const struct testpki_spec *spec)
{
	enum testpki_kind kind = spec->issuer != NULL ? spec->issuer->kind : spec->kind;
	unsigned slot = spec->issuer != NULL ? spec->issuer->slot : spec->slot;
	const EVP_MD *md = NULL;

	if (kind == TESTPKI_RSA_64 || kind == TESTPKI_RSA_128)
		kind = TESTPKI_RSA_2048;
	if (kind != TESTPKI_ED25519)
		md = EVP_get_digestbyname(spec->digest != NULL ? spec->digest : "SHA256");
	must(X509_sign(cert, key_get(kind, slot), md) > 0, "X509_sign");
}

static void export(struct testpki_cert *out, X509 *cert, bool bad_signature)
{
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);
	BIO *bio = BIO_new(BIO_s_mem());

	must(n > 0 && blob_copy(&out->der, BYTES(der, (size_t)n)) == 0, "certificate to DER");
	if (bad_signature)
		out->der.p[out->der.n - 1] ^= 1;
	must(PEM_write_bio(bio, "CERTIFICATE", "", out->der.p, (long)out->der.n) > 0,
	     "certificate to PEM");
	out->pem = bio_take(bio);
	if (out->kind != TESTPKI_RSA_E1)
		out->key_pem = testpki_key_pem(out->kind, out->slot, NULL);
	OPENSSL_free(der);
}

void testpki_make(struct testpki_cert *out, const struct testpki_spec *spec)
{
	static long serial = 0x1000;
	X509 *cert = X509_new();
	X509_NAME *subject = name_make(spec->subject, spec->utf8);
	X509 *issuer = spec->issuer != NULL ? spec->issuer->x509 : cert;

	*out = (struct testpki_cert){ .kind = spec->kind, .slot = spec->slot };
	must(cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
		     ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) == 1 &&
		     X509_set_subject_name(cert, subject) == 1 &&
		     X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
		     X509_set_pubkey(cert, key_get(spec->kind, spec->slot)) == 1,
	     "certificate");
	set_dates(cert, spec);
	extend_all(cert, issuer, spec);
	sign(cert, spec);
	export(out, cert, spec->bad_signature);
	out->x509 = cert;
	X509_NAME_free(subject);
}

static void revoke(X509_CRL *crl, const struct testpki_cert *cert, int reason)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, TESTPKI_NOW - TESTPKI_DAY / 2);
	ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();

	must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert->x509)) == 1 &&
		     X509_REVOKED_set_revocationDate(entry, when) == 1,
	     "entry of a CRL");
	if (reason != 0)
		must(ASN1_ENUMERATED_set(code, reason) == 1 &&
			     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, 0) == 1,
		     "reason");
	must(X509_CRL_add0_revoked(crl, entry) == 1, "entry of a CRL");
	ASN1_ENUMERATED_free(code);
	ASN1_TIME_free(when);
}

static void crl_dates(X509_CRL *crl, const struct testpki_crl_spec *spec)
{
	time_t from = spec->this_update != 0 ? spec->this_update : TESTPKI_NOW - TESTPKI_DAY;
	time_t to = spec->next_update != 0 ? spec->next_update : TESTPKI_NOW + TESTPKI_DAY;
	ASN1_TIME *this_update = ASN1_TIME_set(NULL, from), *next_update = ASN1_TIME_set(NULL, to);

	must(X509_CRL_set1_lastUpdate(crl, this_update) == 1 &&
		     X509_CRL_set1_nextUpdate(crl, next_update) == 1,
	     "dates of a CRL");
	ASN1_TIME_free(this_update);
	ASN1_TIME_free(next_update);
}

struct blob testpki_crl(const struct testpki_crl_spec *spec, struct blob *pem)
{
	const struct testpki_cert *issuer = spec->issuer;
	static long number = 1;
	ASN1_INTEGER *crl_number = ASN1_INTEGER_new();
	X509_CRL *crl = X509_CRL_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *der = NULL;
	struct blob out;
	int n;

	must(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		     X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1 &&
		     ASN1_INTEGER_set(crl_number, number++) == 1 &&
		     X509_CRL_add1_ext_i2d(crl, NID_crl_number, crl_number, 0, 0) == 1,
	     "CRL");
	crl_dates(crl, spec);
	for (size_t i = 0; i < 4 && spec->revoked[i] != NULL; i++)
		revoke(crl, spec->revoked[i], spec->reason);
	must(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, key_get(issuer->kind, issuer->slot),
						      EVP_get_digestbyname("SHA256")) > 0,
	     "X509_CRL_sign");
	n = i2d_X509_CRL(crl, &der);
	must(n > 0 && blob_copy(&out, BYTES(der, (size_t)n)) == 0, "CRL to DER");
	if (spec->bad_signature)
		out.p[out.n - 1] ^= 1;
	must(PEM_write_bio(bio, "X509 CRL", "", out.p, (long)out.n) > 0, "CRL to PEM");
	if (pem != NULL)
		*pem = bio_take(bio);
	else
		BIO_free(bio);
	OPENSSL_free(der);
	ASN1_INTEGER_free(crl_number);
	X509_CRL_free(crl);
	return out;
}

void testpki_ca(struct testpki_cert *out, const char *subject)
{
	struct testpki_spec spec = { .subject = subject, .ca = true };
	testpki_make(out, &spec);
}

void testpki_leaf(struct testpki_cert *out, const struct testpki_cert *issuer, const char *subject)
{
	struct testpki_spec spec = { .subject = subject, .issuer = issuer, .slot = 1 };
	testpki_make(out, &spec);
}

void testpki_free(struct testpki_cert *c)
{
	blob_free(&c->der);
	blob_free(&c->pem);
	blob_free(&c->key_pem);
	X509_free(c->x509);
	*c = (struct testpki_cert){ 0 };
}

struct blob testpki_rsa_spki(struct bytes modulus, struct bytes exponent)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
	BIGNUM *e = BN_bin2bn(exponent.p, (int)exponent.n, NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;
	uint8_t *der = NULL;
	struct blob out;
	int len;

	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
	params = OSSL_PARAM_BLD_to_param(builder);
	must(EVP_PKEY_fromdata_init(ctx) > 0 &&
		     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0,
	     "public key");
	len = i2d_PUBKEY(key, &der);
	must(len > 0 && blob_copy(&out, BYTES(der, (size_t)len)) == 0, "public key to DER");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return out;
}
