/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl_chain.h"
#include "crypto/pattern.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANY 0xff /* a star, in a pattern's octets: no UTF-8 has that */
#define RDNS_MAX 32
#define SET_MAX 8 /* attributes in one RDN */

struct attribute {
	ASN1_OBJECT *type;
	struct blob value; /* canonical, with ANY */
};

struct rdn {
	bool any; /* a star in place of RDNs */
	struct attribute a[SET_MAX];
	size_t n;
};

struct pattern {
	char text[PATTERN_TEXT_LEN];
	int kind;	  /* GEN_DIRNAME, GEN_DNS, GEN_EMAIL, GEN_IPADD */
	struct rdn *rdns; /* RDNS_MAX of them */
	size_t n;
	struct blob local; /* of a mailbox */
	struct blob host;  /* of a mailbox, or a host's name */
	uint8_t address[16];
	size_t address_n; /* octets */
	unsigned prefix;
};

/* ---- matching text ------------------------------------------------------------------------- */

/*
 * ANY is one or more octets but `stop`. Of several the last is the one to be made longer: what an
 * earlier one could take instead it can take as well, since neither goes beyond a stop.
 */
static bool glob(struct bytes pattern, struct bytes text, uint8_t stop)
{
	size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;

	while (t < text.n || p < pattern.n) {
		if (p < pattern.n && pattern.p[p] == ANY && t < text.n && text.p[t] != stop) {
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

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* RFC 5280 7.1: case and runs of spaces folded, in place. Returns the new length. */
static size_t canonical(uint8_t *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_space(p[i]))
			p[out++] = lower(p[i]);
		else if (out > 0 && p[out - 1] != ' ')
			p[out++] = ' ';
	}
	return out > 0 && p[out - 1] == ' ' ? out - 1 : out;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void attribute_free(struct attribute *a)
{
	ASN1_OBJECT_free(a->type);
	blob_free(&a->value);
}

void pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->rdns[i].n; j++)
			attribute_free(&p->rdns[i].a[j]);
	free(p->rdns);
	blob_free(&p->local);
	blob_free(&p->host);
	free(p);
}

const char *pattern_text(const struct pattern *p)
{
	return p->text;
}

/* Up to one of `ends`, unescaped, or the end of the text. Escapes are resolved, stars are ANY. */
static const char *take_value(const char *text, const char *ends, uint8_t *out, size_t *n)
{
	size_t i = 0;

	for (; *text != '\0' && strchr(ends, *text) == NULL; text++) {
		const bool escaped = *text == '\\' && text[1] != '\0';

		if (escaped)
			text++;
		out[i++] = *text == '*' && !escaped ? ANY : (uint8_t)*text;
	}
	*n = i;
	return text;
}

/* The type before the equals sign, by the names that statusall uses, or by number. */
static ASN1_OBJECT *take_type(const char **text)
{
	const char *from = *text, *equals = strchr(from, '=');
	char name[80];
	size_t n;
	int nid;

	if (equals == NULL)
		return NULL;
	*text = equals + 1;
	while (is_space((uint8_t)*from))
		from++;
	n = (size_t)(equals - from);
	while (n > 0 && is_space((uint8_t)from[n - 1]))
		n--;
	if (n == 0 || n >= sizeof(name))
		return NULL;
	memcpy(name, from, n);
	name[n] = '\0';
	nid = lib_attribute_nid(name);
	return nid != NID_undef ? OBJ_nid2obj(nid) : OBJ_txt2obj(name, 0);
}

static int take_attribute(const char **text, struct rdn *r, const char **why)
{
	uint8_t value[PATTERN_TEXT_LEN];
	struct attribute *a = &r->a[r->n];
	size_t n;

	*why = "has too many attributes joined by +";
	if (r->n == SET_MAX)
		return -EINVAL;
	a->type = take_type(text);
	*why = "has an attribute of no known name (C, O, OU, CN ...)";
	if (a->type == NULL)
		return -EINVAL;
	r->n++;
	*text = take_value(*text, ",+", value, &n);
	n = canonical(value, n);
	*why = "has an attribute without a value";
	return n == 0 ? -EINVAL : blob_copy(&a->value, BYTES(value, n));
}

/* A star that stands for attributes: nothing else up to the comma. */
static bool take_any(const char **text)
{
	const char *at = *text;

	while (is_space((uint8_t)*at))
		at++;
	if (*at++ != '*')
		return false;
	while (is_space((uint8_t)*at))
		at++;
	if (*at != '\0' && *at != ',')
		return false;
	*text = at;
	return true;
}

static int take_rdn(const char **text, struct rdn *r, const char **why)
{
	int e;

	r->any = take_any(text);
	if (r->any)
		return 0;
	e = take_attribute(text, r, why);
	while (e == 0 && **text == '+') {
		++*text;
		e = take_attribute(text, r, why);
	}
	return e;
}

static int read_subject(struct pattern *p, const char *text, const char **why)
{
	size_t stars = 0;
	int e = 0;

	*why = "starts with a slash: write C=US, O=Example, CN=host";
	if (*text == '/')
		return -EINVAL;
	p->rdns = calloc(RDNS_MAX, sizeof(*p->rdns));
	if (p->rdns == NULL)
		return -ENOMEM;
	for (bool more = true; e == 0 && more;) {
		*why = "has too many attributes";
		if (p->n == RDNS_MAX)
			return -EINVAL;
		e = take_rdn(&text, &p->rdns[p->n++], why);
		stars += p->rdns[p->n - 1].any;
		more = *text == ',';
		text += more;
	}
	if (e != 0 || stars <= 1)
		return e;
	*why = "has more than one star in place of attributes";
	return -EINVAL;
}

static int read_address(struct pattern *p, const char *text, const char **why)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	const size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char *end = NULL;

	*why = "is no address";
	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(AF_INET, address, p->address) == 1)
		p->address_n = 4;
	else if (inet_pton(AF_INET6, address, p->address) == 1)
		p->address_n = 16;
	else
		return -EINVAL;
	p->prefix = (unsigned)p->address_n * 8;
	*why = "has no such prefix length";
	if (slash == NULL)
		return 0;
	if (!isdigit((unsigned char)slash[1]) || strtoul(slash + 1, &end, 10) > p->prefix ||
	    *end != '\0')
		return -EINVAL;
	p->prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	*why = "has bits set behind its prefix";
	for (unsigned i = p->prefix; i < p->address_n * 8; i++)
		if ((p->address[i / 8] >> (7 - i % 8)) & 1)
			return -EINVAL;
	return 0;
}

/* A host's name in lower case, without a dot at its end, each label with something in it. */
static bool host_canonical(uint8_t *p, size_t *n)
{
	if (*n > 0 && p[*n - 1] == '.')
		--*n;
	if (*n == 0 || p[0] == '.' || p[*n - 1] == '.')
		return false;
	for (size_t i = 0; i < *n; i++) {
		p[i] = lower(p[i]);
		if (p[i] != ANY && (p[i] <= ' ' || p[i] >= 0x7f))
			return false;
		if (p[i] == '.' && p[i + 1] == '.')
			return false;
	}
	return true;
}

static int read_host(struct pattern *p, const char *text, const char **why)
{
	uint8_t host[PATTERN_TEXT_LEN];
	size_t n;

	(void)take_value(text, "", host, &n);
	*why = "is neither a subject (CN=...), a host's name, an address nor a mailbox";
	if (!host_canonical(host, &n) || memchr(host, '/', n) != NULL)
		return -EINVAL;
	*why = "stands for any name: leave the key out to take any certificate under the CAs";
	if (n == 1 && host[0] == ANY)
		return -EINVAL;
	return blob_copy(&p->host, BYTES(host, n));
}

static int read_mailbox(struct pattern *p, const char *text, const char **why)
{
	uint8_t local[PATTERN_TEXT_LEN];
	const char *at;
	size_t n;
	int e;

	at = take_value(text, "@", local, &n);
	*why = "is no mailbox";
	if (n == 0 || strchr(at + 1, '@') != NULL)
		return -EINVAL;
	e = blob_copy(&p->local, BYTES(local, n));
	return e != 0 ? e : read_host(p, at + 1, why);
}

static int read_any(struct pattern *p, const char *text, const char **why)
{
	uint8_t address[16];

	*why = "is too long";
	if (snprintf(p->text, sizeof(p->text), "%s", text) >= (int)sizeof(p->text))
		return -EINVAL;
	if (strchr(text, '=') != NULL) {
		p->kind = GEN_DIRNAME;
		return read_subject(p, text, why);
	}
	if (strchr(text, '@') != NULL) {
		p->kind = GEN_EMAIL;
		return read_mailbox(p, text, why);
	}
	if (strchr(text, '/') != NULL || strchr(text, ':') != NULL ||
	    inet_pton(AF_INET, text, address) == 1) {
		p->kind = GEN_IPADD;
		return read_address(p, text, why);
	}
	p->kind = GEN_DNS;
	return read_host(p, text, why);
}

int pattern_parse(const char *text, struct pattern **out, const char **why)
{
	struct pattern *p = calloc(1, sizeof(*p));
	int e = p == NULL ? -ENOMEM : read_any(p, text, why);

	*out = NULL;
	ERR_clear_error();
	if (e == 0)
		*out = p;
	else
		pattern_free(p);
	return e;
}

/* ---- the subject --------------------------------------------------------------------------- */

/* Where each RDN of a name begins; at[n] is its end. 0 if there are too many. */
static size_t rdns_of(const X509_NAME *name, int at[RDNS_MAX + 1])
{
	int entries = X509_NAME_entry_count(name), last = -1;
	size_t n = 0;

	for (int i = 0; i < entries; i++) {
		int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i));

		if (i > 0 && set == last)
			continue;
		if (n == RDNS_MAX)
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
		const size_t length = canonical(value, (size_t)n);
		const bool any = pattern.n == 1 && pattern.p[0] == ANY;

		/* A star in the certificate might be meant to stand for something. */
		matches = length > 0 && memchr(value, '*', length) == NULL &&
			  (any || glob(pattern, BYTES(value, length), '.'));
	}
	OPENSSL_free(value);
	return matches;
}

/* Attribute i and those after it, each with an entry of its own among those not used yet. */
static bool set_matches(const struct rdn *r, size_t i, const X509_NAME *name, int from, int to,
			unsigned used)
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
	int at[RDNS_MAX + 1];
	size_t n;
};

static bool rdn_matches(const struct rdn *r, const struct subject *s, size_t i)
{
	const int from = s->at[i], to = s->at[i + 1];

	return (size_t)(to - from) == r->n && set_matches(r, 0, s->name, from, to, 0);
}

/* RDN i of the pattern, as it is written or read from its end. */
static const struct rdn *rdn_of(const struct pattern *p, size_t i, bool backwards)
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
	       memchr(out, ANY, *n) == NULL;
}

static bool host_matches(const struct pattern *p, uint8_t *host, size_t n)
{
	return host_canonical(host, &n) && glob(blob_view(&p->host), BYTES(host, n), '.');
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
