/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and names taken apart and put into words. */
#include "crypto/openssl_lib.h"
#include "crypto/pem.h"
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* The names of attributes in strongSwan's status output; others are shown by number. */
static const struct {
	int nid;
	const char *name;
} attribute_names[] = {
	{ NID_commonName, "CN" },
	{ NID_surname, "SN" },
	{ NID_serialNumber, "serialNumber" },
	{ NID_countryName, "C" },
	{ NID_localityName, "L" },
	{ NID_stateOrProvinceName, "ST" },
	{ NID_streetAddress, "STREET" },
	{ NID_organizationName, "O" },
	{ NID_organizationalUnitName, "OU" },
	{ NID_title, "T" },
	{ NID_description, "D" },
	{ NID_postalCode, "postalCode" },
	{ NID_name, "N" },
	{ NID_givenName, "G" },
	{ NID_initials, "I" },
	{ NID_dnQualifier, "dnQualifier" },
	{ NID_x500UniqueIdentifier, "ID" },
	{ NID_pkcs9_emailAddress, "E" },
	{ NID_pkcs9_unstructuredName, "unstructuredName" },
	{ NID_domainComponent, "DC" },
	{ NID_userId, "UID" },
};

X509_NAME *lib_name(struct bytes der)
{
	const uint8_t *p = der.p;
	X509_NAME *name;

	if (der.n == 0 || der.n > CERT_SIZE_MAX)
		return NULL;
	name = d2i_X509_NAME(NULL, &p, (long)der.n);
	if (name != NULL && p == der.p + der.n)
		return name;
	X509_NAME_free(name);
	ERR_clear_error();
	return NULL;
}

time_t lib_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
		ERR_clear_error();
		return 0;
	}
	return timegm(&tm);
}

void lib_text_append(char *out, size_t out_size, struct bytes octets, const char *special)
{
	size_t at = strlen(out);

	for (size_t i = 0; i < octets.n; i++) {
		uint8_t c = octets.p[i];
		bool printable = c >= 0x20 && c < 0x7f;
		size_t need = !printable ? 4 : strchr(special, c) != NULL ? 2 : 1;

		if (at + need >= out_size)
			return;
		if (!printable)
			(void)snprintf(out + at, out_size - at, "\\x%02x", c);
		else
			(void)snprintf(out + at, out_size - at, need == 2 ? "\\%c" : "%c", c);
		at += need;
	}
}

static void append(char *out, size_t out_size, const char *text)
{
	lib_text_append(out, out_size, BYTES((const uint8_t *)text, strlen(text)), "");
}

int lib_attribute_nid(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(attribute_names); i++)
		if (strcasecmp(attribute_names[i].name, name) == 0)
			return attribute_names[i].nid;
	return NID_undef;
}

static void append_attribute_name(const ASN1_OBJECT *type, char *out, size_t out_size)
{
	int nid = OBJ_obj2nid(type);
	char number[80];

	for (size_t i = 0; i < N_ELEMENTS(attribute_names); i++) {
		if (attribute_names[i].nid == nid) {
			append(out, out_size, attribute_names[i].name);
			return;
		}
	}
	if (OBJ_obj2txt(number, sizeof(number), type, 1) > 0)
		append(out, out_size, number);
}

static void append_attribute(const X509_NAME_ENTRY *entry, char *out, size_t out_size)
{
	/* Commas and plus signs part attributes: one within a value must not look like that. */
	static const char special[] = "\\,+\"";
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	uint8_t *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, value);

	append_attribute_name(X509_NAME_ENTRY_get_object(entry), out, out_size);
	append(out, out_size, "=");
	if (n >= 0)
		lib_text_append(out, out_size, BYTES(utf8, (size_t)n), special);
	else /* not a type of characters: its octets */
		lib_text_append(
			out, out_size,
			BYTES(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)),
			special);
	OPENSSL_free(utf8);
}

void lib_name_text(const X509_NAME *name, char *out, size_t out_size)
{
	int n = X509_NAME_entry_count(name);
	int last_set = -1;

	out[0] = '\0';
	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int set = X509_NAME_ENTRY_set(entry);

		if (i > 0)
			append(out, out_size, set == last_set ? " + " : ", ");
		last_set = set;
		append_attribute(entry, out, out_size);
	}
	ERR_clear_error();
}

void dn_to_text(struct bytes der_name, char *out, size_t out_size)
{
	X509_NAME *name = lib_name(der_name);

	if (out_size == 0)
		goto out;
	if (name == NULL)
		(void)snprintf(out, out_size, "(malformed name)");
	else
		lib_name_text(name, out, out_size);
out:
	X509_NAME_free(name);
}

/* A value cut short by a NUL in somebody else's reading must not count as another's. */
static bool has_nul(const X509_NAME *name)
{
	int n_entries = X509_NAME_entry_count(name);
	bool found = false;

	for (int i = 0; !found && i < n_entries; i++) {
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
		uint8_t *utf8 = NULL;
		int n = ASN1_STRING_to_UTF8(&utf8, value);

		found = n > 0 && memchr(utf8, 0, (size_t)n) != NULL;
		OPENSSL_free(utf8);
	}
	ERR_clear_error();
	return found;
}

/* The library compares the canonical form: case and white space folded, all types as UTF-8. */
bool lib_name_equal(const X509_NAME *a, const X509_NAME *b)
{
	return X509_NAME_cmp(a, b) == 0 && !has_nul(a) && !has_nul(b);
}

bool dn_equal(struct bytes a, struct bytes b)
{
	X509_NAME *name_a = lib_name(a);
	X509_NAME *name_b = lib_name(b);
	bool equal = name_a != NULL && name_b != NULL && lib_name_equal(name_a, name_b);

	X509_NAME_free(name_a);
	X509_NAME_free(name_b);
	return equal;
}

void lib_hex_colons(struct bytes octets, char *out, size_t out_size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < octets.n && at + 3 < out_size; i++)
		at += (size_t)snprintf(out + at, out_size - at, i > 0 ? ":%02x" : "%02x",
				       octets.p[i]);
}

static void describe_serial(const X509 *cert, struct cert_info *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

	lib_hex_colons(BYTES(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)),
		       out->serial, sizeof(out->serial));
}

static void describe_digests(const X509 *cert, struct cert_info *out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint8_t *spki = NULL;
	unsigned n = 0;
	int spki_len;

	if (X509_digest(cert, lib_digest("SHA256"), digest, &n) == 1)
		lib_hex_colons(BYTES(digest, n), out->fingerprint, sizeof(out->fingerprint));
	spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	if (spki_len > 0)
		(void)sha1(&BYTES(spki, (size_t)spki_len), 1, out->spki_sha1);
	OPENSSL_free(spki);
}

void lib_cert_info(X509 *cert, struct cert_info *out)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	*out = (struct cert_info){ 0 };
	lib_name_text(X509_get_subject_name(cert), out->subject, sizeof(out->subject));
	lib_name_text(X509_get_issuer_name(cert), out->issuer, sizeof(out->issuer));
	describe_serial(cert, out);
	describe_digests(cert, out);
	out->not_before = lib_time(X509_get0_notBefore(cert));
	out->not_after = lib_time(X509_get0_notAfter(cert));
	if (key != NULL) {
		int bits = EVP_PKEY_get_bits(key);

		out->key = lib_key_type(key);
		out->key_bits = bits > 0 ? (unsigned)bits : 0;
	}
	out->is_ca = X509_check_ca(cert) == 1;
	ERR_clear_error();
}

int cert_describe(struct bytes der, struct cert_info *out)
{
	X509 *cert = lib_cert(der);

	*out = (struct cert_info){ 0 };
	if (cert == NULL)
		return -EINVAL;
	lib_cert_info(cert, out);
	X509_free(cert);
	return 0;
}

int cert_subject_der(struct bytes der, struct blob *out)
{
	X509 *cert = lib_cert(der);
	const uint8_t *name = NULL;
	size_t n = 0;
	int r = -EINVAL;

	*out = (struct blob){ 0 };
	if (cert != NULL && X509_NAME_get0_der(X509_get_subject_name(cert), &name, &n) == 1)
		r = blob_copy(out, BYTES(name, n));
	X509_free(cert);
	return r;
}

static bool is_certificate(const struct pem_block *block)
{
	static const char label[] = "CERTIFICATE";
	static const char old_label[] = "X509 CERTIFICATE";

	return bytes_equal(block->label, BYTES((const uint8_t *)label, strlen(label))) ||
	       bytes_equal(block->label, BYTES((const uint8_t *)old_label, strlen(old_label)));
}

static int decode_certificate(const struct pem_block *block, struct blob *out)
{
	struct secret der;
	X509 *cert;
	int r = pem_decode(block, &der);

	if (r != 0)
		return r;
	cert = lib_cert(secret_view(&der));
	r = cert != NULL ? blob_copy(out, secret_view(&der)) : -EINVAL;
	X509_free(cert);
	secret_free(&der);
	return r;
}

int pem_certs(struct bytes pem, struct blob *out, size_t *n)
{
	struct pem_block block;
	size_t room = *n, found = 0;
	int r;

	while ((r = pem_next(&pem, &block)) == 0) {
		if (!is_certificate(&block))
			continue;
		r = found < room ? decode_certificate(&block, &out[found]) : -E2BIG;
		if (r != 0)
			break;
		found++;
	}
	if (r == -ENOENT && found > 0)
		r = 0;
	while (r != 0 && found > 0)
		blob_free(&out[--found]);
	*n = found;
	return r;
}
