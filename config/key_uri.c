/* SPDX-License-Identifier: Apache-2.0 */
#include "config/key_uri.h"
#include "config/file.h"
#include "config/source.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN 200

static const char pin_value[] = "pin-value=";
static const char pin_source[] = "pin-source=";

bool key_uri_is(const char *text)
{
	size_t n = 0;

	/* RFC 3986 3.1 */
	while (isalnum((unsigned char)text[n]) || (n && text[n] && strchr("+-.", text[n])))
		n++;
	if (n < 2 || !isalpha((unsigned char)*text) || text[n] != ':' || !text[n + 1])
		return false;
	for (const char *c = text; *c; c++)
		if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
			return false;
	return true;
}

/* What may be shown: all before the attributes that a PIN is among. */
static const char *name_of(const char *uri, char out[static NAME_LEN])
{
	const char *pin = strstr(uri, "pin-");
	size_t n = strcspn(uri, "?");

	if (pin && (size_t)(pin - uri) < n)
		n = (size_t)(pin - uri);
	snprintf(out, NAME_LEN, "%.*s", n < NAME_LEN ? (int)n : NAME_LEN - 1, uri);
	return out;
}

static void problem(struct reading *r, const struct node *node, enum problem_level level,
		    const char *why)
{
	char name[NAME_LEN];

	report_add(&r->report, level, node_place(node), NULL, "instance_private_key: %s: %s",
		   name_of(node->text, name), why);
}

/* --- the PIN ------------------------------------------------------------------------------- */

struct uri {
	struct reading *r;
	const struct node *node;
	struct secret text; /* with the PIN, ended by NUL */
};

static unsigned digit(char c)
{
	return (unsigned)(isdigit((unsigned char)c) ? c - '0'
						    : tolower((unsigned char)c) - 'a' + 10);
}

/* %41 is A: RFC 3986 2.1. In place. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == '%' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2])) {
			*to++ = (char)(digit(text[1]) << 4 | digit(text[2]));
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* The path that a pin-source of n octets names; the caller's. NULL after having said why. */
static char *pin_path(struct uri *u, const char *source, size_t n)
{
	char *name = strndup(source, n), *path = NULL;
	const char *from = name;

	if (!name) {
		u->r->report.no_memory = true;
		return NULL;
	}
	decode(name);
	if (!strncmp(from, "file:", 5))
		from += !strncmp(from, "file:///", 8) ? 7 : 5;
	if (*from == '|' || !*from)
		problem(u->r, u->node, PROBLEM_ERROR,
			"pin-source is the path of a file; no program is run for a PIN");
	else
		path = source_path(u->r, from);
	free(name);
	return path;
}

static void check_mode(struct uri *u, const char *file, mode_t mode)
{
	if (mode & 077)
		report_add(&u->r->report, PROBLEM_WARNING, node_place(u->node), NULL,
			   "%s holds the PIN of the private key and is open to others than its "
			   "owner (mode %04o): chmod 600 %s",
			   file, (unsigned)mode, file);
}

/* The first line of the file, in *content. */
static bool read_pin(struct uri *u, const char *path, struct secret *content, struct bytes *pin)
{
	mode_t mode;
	int e = file_read(path, content, &mode);

	*pin = BYTES(content->p, 0);
	if (e == -ENOMEM) {
		u->r->report.no_memory = true;
		return false;
	}
	while (pin->n < content->n && !strchr("\r\n", pin->p[pin->n]))
		pin->n++;
	if (e || !pin->n) {
		report_add(&u->r->report, PROBLEM_ERROR, node_place(u->node), NULL,
			   "instance_private_key: pin-source: %s: %s", path,
			   e ? file_error(e) : "its first line is empty");
		return false;
	}
	check_mode(u, path, mode);
	return true;
}

/* `old` of the URI's octets at `at` become pin-value=PIN. */
static bool put_pin(struct uri *u, size_t at, size_t old, struct bytes pin)
{
	static const char hex[] = "0123456789ABCDEF";
	const size_t rest = u->text.n - at - old;
	struct secret with = { 0 };
	uint8_t *p;

	if (secret_new(&with, u->text.n + sizeof(pin_value) + 3 * pin.n)) {
		u->r->report.no_memory = true;
		return false;
	}
	memcpy(with.p, u->text.p, at);
	memcpy(with.p + at, pin_value, sizeof(pin_value) - 1);
	p = with.p + at + sizeof(pin_value) - 1;
	for (size_t i = 0; i < pin.n; i++) {
		*p++ = '%';
		*p++ = (uint8_t)hex[pin.p[i] >> 4];
		*p++ = (uint8_t)hex[pin.p[i] & 15];
	}
	memcpy(p, u->text.p + at + old, rest);
	secret_move(&u->text, &with);
	return true;
}

static bool resolve_source(struct uri *u, const char *attribute)
{
	const char *text = (const char *)u->text.p, *source = attribute + strlen(pin_source);
	size_t n = strcspn(source, "&;");
	struct secret content = { 0 };
	struct bytes pin;
	char *path = pin_path(u, source, n);
	bool good = path && read_pin(u, path, &content, &pin) &&
		    put_pin(u, (size_t)(attribute - text), strlen(pin_source) + n, pin);

	secret_free(&content);
	free(path);
	return good;
}

/* RFC 7512 2.4: a PIN stands in the URI or in a file that it names, not both. */
static bool resolve_pin(struct uri *u)
{
	const char *text = (const char *)u->text.p;
	const char *source = strstr(text, pin_source);

	if (strncmp(text, "pkcs11:", 7) != 0)
		return true;
	if (strstr(text, pin_value)) {
		check_mode(u, u->r->report.file, u->r->mode);
		if (source)
			problem(u->r, u->node, PROBLEM_ERROR,
				"has both pin-value and pin-source: one of them is right");
		return !source;
	}
	return !source || resolve_source(u, source);
}

/* --- together ------------------------------------------------------------------------------ */

static bool open_uri(struct uri *u)
{
	struct secret text = { 0 };
	bool good;

	if (!strncmp(u->node->text, "file:", 5)) {
		problem(u->r, u->node, PROBLEM_ERROR,
			"a file is named by its path alone, as in instance_private_key: "
			"/etc/ikemesh/instance.key");
		return false;
	}
	if (lift_restore(&u->r->keys, u->node->text, &text) || secret_new(&u->text, text.n + 1)) {
		secret_free(&text);
		problem(u->r, u->node, PROBLEM_ERROR, "the text is damaged");
		return false;
	}
	memcpy(u->text.p, text.p, text.n);
	good = resolve_pin(u);
	secret_free(&text);
	return good;
}

struct sign_key *key_uri_read(struct reading *r, const struct node *node)
{
	struct uri u = { .r = r, .node = node };
	struct sign_key *key = NULL;
	char why[KEY_WHY_LEN];
	int e;

	if (open_uri(&u)) {
		e = sign_key_from_uri((const char *)u.text.p, &key, why);
		if (e == -ENOMEM)
			r->report.no_memory = true;
		else if (e)
			problem(r, node, PROBLEM_ERROR, why);
	}
	secret_free(&u.text);
	return key;
}
