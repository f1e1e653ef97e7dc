/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an identity is in a certificate: RFC 4945 3.1, RFC 5280 7. */
#include "crypto/openssl_chain.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

static struct bytes string_view(const ASN1_STRING *s)
{
	return BYTES(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static bool same_ignoring_case(struct bytes a, struct bytes b)
{
	return a.n == b.n && strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

/* Neither empty, nor with a NUL, nor (a star) a pattern: T36, RFC 4945 3.1.2. */
static bool is_plain_name(struct bytes name)
{
	return name.n > 0 && memchr(name.p, 0, name.n) == NULL &&
	       memchr(name.p, '*', name.n) == NULL;
}

static bool dns_matches(struct bytes in_cert, struct bytes id)
{
	return is_plain_name(in_cert) && same_ignoring_case(in_cert, id);
}

/* RFC 5280 7.5: the mailbox by octets, the host without regard to case. */
static bool mailbox_matches(struct bytes in_cert, struct bytes id)
{
	const uint8_t *at;
	size_t local;

	if (!is_plain_name(in_cert) || in_cert.n != id.n)
		return false;
	at = memrchr(in_cert.p, '@', in_cert.n);
	if (at == NULL)
		return false;
	local = (size_t)(at - in_cert.p) + 1;
	return bytes_equal(BYTES(in_cert.p, local), BYTES(id.p, local)) &&
	       same_ignoring_case(BYTES(in_cert.p + local, in_cert.n - local),
				  BYTES(id.p + local, id.n - local));
}

static bool general_name_matches(const GENERAL_NAME *name, uint8_t id_type, struct bytes id)
{
	switch (id_type) {
	case ID_FQDN:
		return name->type == GEN_DNS && dns_matches(string_view(name->d.dNSName), id);
	case ID_RFC822_ADDR:
		return name->type == GEN_EMAIL &&
		       mailbox_matches(string_view(name->d.rfc822Name), id);
	case ID_IPV4_ADDR:
		return name->type == GEN_IPADD && id.n == 4 &&
		       bytes_equal(string_view(name->d.iPAddress), id);
	case ID_IPV6_ADDR:
		return name->type == GEN_IPADD && id.n == 16 &&
		       bytes_equal(string_view(name->d.iPAddress), id);
	default:
		return false;
	}
}

static bool subject_matches(X509 *cert, struct bytes id)
{
	X509_NAME *name = lib_name(id);
	/* The empty name says nothing, so it proves nothing. */
	bool equal = name != NULL && X509_NAME_entry_count(name) > 0 &&
		     lib_name_equal(name, X509_get_subject_name(cert));

	X509_NAME_free(name);
	return equal;
}

bool lib_id_matches(X509 *cert, uint8_t id_type, struct bytes id)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (id_type == ID_DER_ASN1_DN)
		return subject_matches(cert, id);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = general_name_matches(sk_GENERAL_NAME_value(names, i), id_type, id);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

bool lib_has_address(X509 *cert, struct bytes address)
{
	return lib_id_matches(cert, address.n == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, address);
}

bool trust_id_matches(struct bytes leaf, uint8_t id_type, struct bytes id)
{
	X509 *cert = lib_cert(leaf);
	bool matches = cert != NULL && lib_id_matches(cert, id_type, id);

	X509_free(cert);
	return matches;
}

void lib_id_text(uint8_t id_type, struct bytes id, char *out, size_t out_size)
{
	out[0] = '\0';
	if (id_type == ID_DER_ASN1_DN)
		dn_to_text(id, out, out_size);
	else if (id_type == ID_IPV4_ADDR && id.n == 4)
		(void)inet_ntop(AF_INET, id.p, out, (socklen_t)out_size);
	else if (id_type == ID_IPV6_ADDR && id.n == 16)
		(void)inet_ntop(AF_INET6, id.p, out, (socklen_t)out_size);
	else
		lib_text_append(out, out_size, id, "\\\"");
}
