/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns held against certificates; see pattern.h. */
#include "crypto/openssl_pattern.h"
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

/* ---- matching text ------------------------------------------------------------------------- */

/*
 * PATTERN_ANY is one or more octets but `stop`. Of several the last is the one to be made longer:
 * what an earlier one could take instead it can take as well, since neither goes beyond a stop.
 */
static bool glob(struct bytes pattern, struct bytes text, uint8_t stop)
{
	size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;

	while (t < text.n || p < pattern.n) {
		if (p < pattern.n && pattern.p[p] == PATTERN_ANY && t < text.n &&
		    text.p[t] != stop) {
			star = p++;
			taken = ++t;
		} else if (p < pattern.n && t < text.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX && taken < text.n && text.p[taken] != stop) {
			p = star + 1;
			t = ++taken;
		} else {
			return false;
		}
	}
	return true;
}

/* ---- the subject --------------------------------------------------------------------------- */

/* Where each RDN of a name begins; at[n] is its end. 0 if there are too many. */
static size_t rdns_of(const X509_NAME *name, int at[PATTERN_RDNS + 1])
{
	int entries = X509_NAME_entry_count(name), last = -1;
	size_t n = 0;

	for (int i = 0; i < entries; i++) {
		int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i));

		if (i > 0 && set == last)
			continue;
		if (n == PATTERN_RDNS)
			return 0;
		at[n++] = i;
		last = set;
	}
	at[n] = entries;
	return n;
}

static bool value_matches(struct bytes pattern, const ASN1_STRING *in_cert)
{
	uint8_t *value = NULL;
	int n = ASN1_STRING_to_UTF8(&value, in_cert);
	bool matches = false;

	if (n > 0 && memchr(value, 0, (size_t)n) == NULL) {
		const size_t length = pattern_canonical(value, (size_t)n);
		const bool any = pattern.n == 1 && pattern.p[0] == PATTERN_ANY;

		/* A star in the certificate might be meant to stand for something. */
		matches = length > 0 && memchr(value, '*', length) == NULL &&
			  (any || glob(pattern, BYTES(value, length), '.'));
	}
	OPENSSL_free(value);
	return matches;
}

/* Attribute i and those after it, each with an entry of its own among those not used yet. */
static bool set_matches(const struct pattern_rdn *r, size_t i, const X509_NAME *name, int from,
			int to, unsigned used)
{
	if (i == r->n)
		return true;
	for (int k = from; k < to; k++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, k);
		const unsigned bit = 1u << (k - from);

		if ((used & bit) == 0 &&
		    OBJ_cmp(r->a[i].type, X509_NAME_ENTRY_get_object(entry)) == 0 &&
		    value_matches(blob_view(&r->a[i].value), X509_NAME_ENTRY_get_data(entry)) &&
		    set_matches(r, i + 1, name, from, to, used | bit))
			return true;
	}
	return false;
}

struct subject {
	const X509_NAME *name;
	int at[PATTERN_RDNS + 1];
	size_t n;
};

static bool rdn_matches(const struct pattern_rdn *r, const struct subject *s, size_t i)
{
	const int from = s->at[i], to = s->at[i + 1];

	return (size_t)(to - from) == r->n && set_matches(r, 0, s->name, from, to, 0);
}

/* RDN i of the pattern, as it is written or read from its end. */
static const struct pattern_rdn *rdn_of(const struct pattern *p, size_t i, bool backwards)
{
	return &p->rdns[backwards ? p->n - 1 - i : i];
}

static bool subject_matches(const struct pattern *p, const struct subject *s, bool backwards)
{
	size_t i = 0, tail;

	while (i < p->n && !rdn_of(p, i, backwards)->any) {
		if (i == s->n || !rdn_matches(rdn_of(p, i, backwards), s, i))
			return false;
		i++;
	}
	if (i == p->n)
		return i == s->n;
	tail = p->n - 1 - i;
	if (s->n < i + tail)
		return false;
	for (size_t k = 1; k <= tail; k++)
		if (!rdn_matches(rdn_of(p, p->n - k, backwards), s, s->n - k))
			return false;
	return true;
}

static bool dn_matches(const struct pattern *p, X509 *cert)
{
	struct subject s = { .name = X509_get_subject_name(cert) };
	bool matches;

	s.n = rdns_of(s.name, s.at);
	/* An empty name says nothing, so it proves nothing. */
	matches = s.n > 0 && (subject_matches(p, &s, false) || subject_matches(p, &s, true));
	ERR_clear_error();
	return matches;
}

/* ---- subjectAltName ------------------------------------------------------------------------ */

/* A copy of the name in a certificate; false for what no name may have in it. */
static bool plain_copy(const ASN1_STRING *s, uint8_t *out, size_t room, size_t *n)
{
	*n = (size_t)ASN1_STRING_length(s);
	if (*n == 0 || *n >= room)
		return false;
	memcpy(out, ASN1_STRING_get0_data(s), *n);
	out[*n] = '\0';
	return memchr(out, 0, *n) == NULL && memchr(out, '*', *n) == NULL &&
	       memchr(out, PATTERN_ANY, *n) == NULL;
}

static bool host_matches(const struct pattern *p, uint8_t *host, size_t n)
{
	return pattern_host_canonical(host, &n) && glob(blob_view(&p->host), BYTES(host, n), '.');
}

static bool dns_matches(const struct pattern *p, const ASN1_STRING *name)
{
	uint8_t host[PATTERN_TEXT_LEN];
	size_t n;

	return plain_copy(name, host, sizeof(host), &n) && host_matches(p, host, n);
}

static bool mailbox_matches(const struct pattern *p, const ASN1_STRING *name)
{
	uint8_t box[PATTERN_TEXT_LEN];
	const uint8_t *at;
	size_t n, local;

	if (!plain_copy(name, box, sizeof(box), &n))
		return false;
	at = memchr(box, '@', n);
	if (at == NULL || at != memrchr(box, '@', n))
		return false;
	local = (size_t)(at - box);
	return glob(blob_view(&p->local), BYTES(box, local), '@') &&
	       host_matches(p, box + local + 1, n - local - 1);
}

static bool address_matches(const struct pattern *p, const ASN1_STRING *name)
{
	const uint8_t *a = ASN1_STRING_get0_data(name);
	const unsigned whole = p->prefix / 8, bits = p->prefix % 8;

	if ((size_t)ASN1_STRING_length(name) != p->address_n || memcmp(a, p->address, whole) != 0)
		return false;
	return bits == 0 || ((a[whole] ^ p->address[whole]) >> (8 - bits)) == 0;
}

static bool alternative_matches(const struct pattern *p, const GENERAL_NAME *name)
{
	if (name->type != p->kind)
		return false;
	switch (p->kind) {
	case GEN_DNS:
		return dns_matches(p, name->d.dNSName);
	case GEN_EMAIL:
		return mailbox_matches(p, name->d.rfc822Name);
	default:
		return address_matches(p, name->d.iPAddress);
	}
}

bool lib_pattern_matches(const struct pattern *p, X509 *cert)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (p->kind == GEN_DIRNAME)
		return dn_matches(p, cert);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = alternative_matches(p, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

bool pattern_matches(const struct pattern *p, struct bytes der)
{
	X509 *cert = lib_cert(der);
	bool matches = cert != NULL && lib_pattern_matches(p, cert);

	X509_free(cert);
	return matches;
}
