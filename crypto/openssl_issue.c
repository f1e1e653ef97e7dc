/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/issue.h"
#include "crypto/openssl_lib.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define KEY_BITS ((size_t)3072)
#define SERIAL_BITS 159 /* RFC 5280 4.1.2.2: at most 20 octets, positive */
#define DAY ((time_t)86400)
#define ORGANISATION "ikemesh"

/* --- what it is made from -------------------------------------------------------------------- */

struct issuer {
	X509 *certificate; /* NULL: it signs itself */
	EVP_PKEY *key;
};

static X509 *read_certificate(struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *c = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return c;
}

/* Never asks for a pass phrase. */
static int no_phrase(char *out, int room, int writing, void *arg)
{
	(void)out;
	(void)room;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *read_key(struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *k = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL) : NULL;

	BIO_free(bio);
	return k;
}

static int issuer_read(struct bytes certificate, struct bytes key, struct issuer *out)
{
	if (certificate.n == 0)
		return 0;
	out->certificate = read_certificate(certificate);
	out->key = read_key(key);
	if (out->certificate == NULL || out->key == NULL ||
	    X509_check_private_key(out->certificate, out->key) != 1 ||
	    X509_check_ca(out->certificate) != 1)
		return -EINVAL;
	return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_host_name(const char *name)
{
	const size_t n = strlen(name);

	if (n == 0 || n > 253 || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
			return false;
	}
	return true;
}

static GENERAL_NAME *general_name(const char *name)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *text;

	if (g != NULL && address != NULL) {
		GENERAL_NAME_set0_value(g, GEN_IPADD, address);
		return g;
	}
	text = ASN1_IA5STRING_new();
	if (g != NULL && text != NULL && is_host_name(name) &&
	    ASN1_STRING_set(text, name, -1) == 1) {
		GENERAL_NAME_set0_value(g, GEN_DNS, text);
		return g;
	}
	ASN1_OCTET_STRING_free(address);
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(g);
	return NULL;
}

static int add_names(X509 *c, const struct issue_spec *spec)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	int r = all != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < spec->n_names; i++) {
		GENERAL_NAME *g = general_name(spec->names[i]);

		if (g == NULL)
			r = -EINVAL;
		else if (sk_GENERAL_NAME_push(all, g) <= 0)
			r = -ENOMEM;
	}
	if (r == 0 && spec->n_names > 0 &&
	    X509_add1_ext_i2d(c, NID_subject_alt_name, all, 0, 0) != 1)
		r = -EIO;
	GENERAL_NAMES_free(all);
	return r;
}

static int set_subject(X509 *c, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(c);

	if (common_name[0] == '\0' || strlen(common_name) > ISSUE_NAME_MAX)
		return -EINVAL;
	for (const char *p = common_name; *p != '\0'; p++) {
		if (!isprint((unsigned char)*p))
			return -EINVAL;
	}
	if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)ORGANISATION, -1,
				       -1, 0) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1,
				       -1, 0) != 1)
		return -EIO;
	return 0;
}

/* --- the certificate -------------------------------------------------------------------------- */

static bool set_serial(X509 *c)
{
	BIGNUM *n = BN_new();
	bool good = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		    !BN_is_zero(n) && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(c)) != NULL;

	BN_free(n);
	return good;
}

static bool set_dates(X509 *c, const struct issue_spec *spec, const X509 *issuer)
{
	time_t until = spec->from + (time_t)spec->days * DAY;

	if (issuer != NULL && lib_time(X509_get0_notAfter(issuer)) < until)
		until = lib_time(X509_get0_notAfter(issuer));
	return ASN1_TIME_set(X509_getm_notBefore(c), spec->from) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(c), until) != NULL;
}

static bool extend(X509 *c, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool good = e != NULL && X509_add_ext(c, e, -1) == 1;

	X509_EXTENSION_free(e);
	return good;
}

/* RFC 5280 4.2.1; RFC 4945 5.1.3. */
static bool extend_all(X509 *c, X509 *issuer, bool ca)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	return extend(c, &ctx, NID_basic_constraints,
		      ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       extend(c, &ctx, NID_key_usage,
		      ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       (ca || extend(c, &ctx, NID_ext_key_usage, "serverAuth,clientAuth")) &&
	       extend(c, &ctx, NID_subject_key_identifier, "hash") &&
	       extend(c, &ctx, NID_authority_key_identifier, "keyid");
}

static int fill(X509 *c, const struct issue_spec *spec, const struct issuer *by, EVP_PKEY *key)
{
	X509 *issuer = by->certificate != NULL ? by->certificate : c;
	int r = set_subject(c, spec->common_name);

	if (r != 0)
		return r;
	if (X509_set_version(c, X509_VERSION_3) != 1 || !set_serial(c) ||
	    X509_set_issuer_name(c, X509_get_subject_name(issuer)) != 1 ||
	    X509_set_pubkey(c, key) != 1 || !set_dates(c, spec, by->certificate) ||
	    !extend_all(c, issuer, spec->ca))
		return -EIO;
	r = add_names(c, spec);
	if (r == 0 && X509_sign(c, by->key != NULL ? by->key : key, EVP_sha256()) <= 0)
		r = -EIO;
	return r;
}

/* --- as text ---------------------------------------------------------------------------------- */

static int put_certificate(X509 *c, struct blob *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *p = NULL;
	long n = 0;
	int r = -EIO;

	if (bio != NULL && PEM_write_bio_X509(bio, c) == 1)
		n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		r = blob_copy(out, BYTES(p, (size_t)n));
	BIO_free(bio);
	return r;
}

static int put_key(EVP_PKEY *key, struct secret *out)
{
	BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
	uint8_t *p = NULL;
	long n = 0;
	int r = -EIO;

	if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		r = secret_copy(out, BYTES(p, (size_t)n));
	BIO_free(bio);
	return r;
}

int issue_make(const struct issue_spec *spec, struct bytes issuer_certificate,
	       struct bytes issuer_key, struct issued *out)
{
	struct issuer by = { 0 };
	EVP_PKEY *key = NULL;
	X509 *c = NULL;
	int r = issuer_read(issuer_certificate, issuer_key, &by);

	*out = (struct issued){ 0 };
	if (r == 0 && by.certificate != NULL &&
	    lib_time(X509_get0_notAfter(by.certificate)) <= spec->from)
		r = -EKEYEXPIRED;
	if (r != 0)
		goto out;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", KEY_BITS);
	c = X509_new();
	r = key != NULL && c != NULL ? fill(c, spec, &by, key) : -EIO;
	if (r == 0)
		r = put_certificate(c, &out->certificate);
	if (r == 0)
		r = put_key(key, &out->key);
	if (r != 0)
		issued_free(out);
out:
	X509_free(c);
	EVP_PKEY_free(key);
	X509_free(by.certificate);
	EVP_PKEY_free(by.key);
	ERR_clear_error();
	return r;
}

void issued_free(struct issued *i)
{
	blob_free(&i->certificate);
	secret_free(&i->key);
}
