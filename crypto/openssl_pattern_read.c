/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns from text; see pattern.h. */
#include "crypto/openssl_pattern.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

bool pattern_is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t pattern_canonical(uint8_t *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (!pattern_is_space(p[i]))
			p[out++] = lower(p[i]);
		else if (out > 0 && p[out - 1] != ' ')
			p[out++] = ' ';
	}
	return out > 0 && p[out - 1] == ' ' ? out - 1 : out;
}

bool pattern_host_canonical(uint8_t *p, size_t *n)
{
	if (*n > 0 && p[*n - 1] == '.')
		--*n;
	if (*n == 0 || p[0] == '.' || p[*n - 1] == '.')
		return false;
	for (size_t i = 0; i < *n; i++) {
		p[i] = lower(p[i]);
		if (p[i] != PATTERN_ANY && (p[i] <= ' ' || p[i] >= 0x7f))
			return false;
		if (p[i] == '.' && i + 1 < *n && p[i + 1] == '.')
			return false;
	}
	return true;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void attribute_free(struct pattern_attribute *a)
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

/* Up to one of `ends`, unescaped, or the end of the text. Escapes are resolved, stars are
 * PATTERN_ANY. */
static const char *take_value(const char *text, const char *ends, uint8_t *out, size_t *n)
{
	size_t i = 0;

	for (; *text != '\0' && strchr(ends, *text) == NULL; text++) {
		const bool escaped = *text == '\\' && text[1] != '\0';

		if (escaped)
			text++;
		out[i++] = *text == '*' && !escaped ? PATTERN_ANY : (uint8_t)*text;
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
	while (pattern_is_space((uint8_t)*from))
		from++;
	n = (size_t)(equals - from);
	while (n > 0 && pattern_is_space((uint8_t)from[n - 1]))
		n--;
	if (n == 0 || n >= sizeof(name))
		return NULL;
	memcpy(name, from, n);
	name[n] = '\0';
	nid = lib_attribute_nid(name);
	return nid != NID_undef ? OBJ_nid2obj(nid) : OBJ_txt2obj(name, 0);
}

static int take_attribute(const char **text, struct pattern_rdn *r, const char **why)
{
	uint8_t value[PATTERN_TEXT_LEN];
	struct pattern_attribute *a = &r->a[r->n];
	size_t n;

	*why = "has too many attributes joined by +";
	if (r->n == PATTERN_SET)
		return -EINVAL;
	a->type = take_type(text);
	*why = "has an attribute of no known name (C, O, OU, CN ...)";
	if (a->type == NULL)
		return -EINVAL;
	r->n++;
	*text = take_value(*text, ",+", value, &n);
	n = pattern_canonical(value, n);
	*why = "has an attribute without a value";
	return n == 0 ? -EINVAL : blob_copy(&a->value, BYTES(value, n));
}

/* A star that stands for attributes: nothing else up to the comma. */
static bool take_any(const char **text)
{
	const char *at = *text;

	while (pattern_is_space((uint8_t)*at))
		at++;
	if (*at++ != '*')
		return false;
	while (pattern_is_space((uint8_t)*at))
		at++;
	if (*at != '\0' && *at != ',')
		return false;
	*text = at;
	return true;
}

static int take_rdn(const char **text, struct pattern_rdn *r, const char **why)
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
	p->rdns = calloc(PATTERN_RDNS, sizeof(*p->rdns));
	if (p->rdns == NULL)
		return -ENOMEM;
	for (bool more = true; e == 0 && more;) {
		*why = "has too many attributes";
		if (p->n == PATTERN_RDNS)
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

static int read_host(struct pattern *p, const char *text, const char **why)
{
	uint8_t host[PATTERN_TEXT_LEN];
	size_t n;

	(void)take_value(text, "", host, &n);
	*why = "is neither a subject (CN=...), a host's name, an address nor a mailbox";
	if (!pattern_host_canonical(host, &n) || memchr(host, '/', n) != NULL)
		return -EINVAL;
	*why = "stands for any name: leave the key out to take any certificate under the CAs";
	if (n == 1 && host[0] == PATTERN_ANY)
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
	if (n == 0 || *at == '\0' || strchr(at + 1, '@') != NULL) /* each of its @ may be escaped */
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
