/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lift.h"
#include "config/find.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STAND_IN_LEN 3 /* octets of U+E000 + block in UTF-8: EE 80 80 .. EE 80 8F */

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

/* Where the body of a key lies; octets of it that are not base64 stay. */
struct body {
	size_t from, to;
	bool closed; /* an END follows */
};

static bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '=';
}

/* A label that means nothing secret follows the BEGIN. */
static bool is_public(const uint8_t *label, size_t n)
{
	return memmem(label, n, "CERTIFICATE", 11) || memmem(label, n, "PUBLIC", 6);
}

static bool starts(struct bytes text, size_t at, const char *what)
{
	size_t n = strlen(what);

	return text.n - at >= n && !memcmp(text.p + at, what, n);
}

/* The next block from *at on that may be secret. */
static bool next_block(struct bytes text, size_t *at, struct body *out)
{
	size_t begin;

	while ((begin = bytes_find(text, *at, begin_mark)) < text.n) {
		size_t label = begin + strlen(begin_mark), line = bytes_line_end(text, label);
		size_t close = bytes_find(BYTES(text.p, line), label, dashes);

		*at = label;
		if (close == line || is_public(text.p + label, close - label))
			continue;
		out->from = close + strlen(dashes);
		out->to = bytes_find(text, out->from, dashes);
		out->closed = starts(text, out->to, end_mark);
		*at = out->to;
		return true;
	}
	return false;
}

static bool is_one_of(struct bytes text, size_t at, const char *chars)
{
	return at < text.n && text.p[at] != '\0' && strchr(chars, text.p[at]) != NULL;
}

static size_t skip(struct bytes text, size_t at, const char *chars)
{
	while (is_one_of(text, at, chars))
		at++;
	return at;
}

static size_t find_one_of(struct bytes text, size_t at, const char *chars)
{
	while (at < text.n && !is_one_of(text, at, chars))
		at++;
	return at;
}

/* The lines after the one of `at` that are indented by more than `column`. */
static size_t deeper_lines_end(struct bytes text, size_t at, size_t column)
{
	size_t end = bytes_line_end(text, at);

	while (end < text.n) {
		size_t line = end + 1, first = skip(text, line, " \t\r");

		if (first < text.n && text.p[first] != '\n' && first - line <= column)
			break;
		end = bytes_line_end(text, line);
	}
	return end;
}

static size_t column_of(struct bytes text, size_t at)
{
	size_t column = 0;

	while (column < at && text.p[at - column - 1] != '\n')
		column++;
	return column;
}

/* Where the value that begins at `from` ends; its key stands at `key`. */
static size_t value_end(struct bytes text, size_t key, size_t from)
{
	if (is_one_of(text, from, "\"'"))
		return find_one_of(text, from + 1, text.p[from] == '"' ? "\"" : "'");
	if (from >= text.n || is_one_of(text, from, "|>\r\n#"))
		return deeper_lines_end(text, from, column_of(text, key));
	return find_one_of(text, from, ",}\r\n");
}

/* The next value of the key `ppk` from `at` on: `ppk: 0x…`, "ppk": "0x…", or in lines of its own.
 */
static bool next_ppk(struct bytes text, size_t at, struct body *out)
{
	for (size_t key; (key = bytes_find(text, at, "ppk")) < text.n; at = key + 1) {
		size_t after = skip(text, key + 3, "\"'"), colon = skip(text, after, " \t");

		if ((key > 0 && !is_one_of(text, key - 1, " \t\n{,\"'")) ||
		    !is_one_of(text, colon, ":"))
			continue;
		out->from = skip(text, colon + 1, " \t");
		out->to = value_end(text, key, out->from);
		out->closed = true;
		return true;
	}
	return false;
}

/* The next PIN in a URI of a key from `at` on: pin-value=… (RFC 7512 2.4). */
static bool next_pin(struct bytes text, size_t at, struct body *out)
{
	static const char name[] = "pin-value=";
	size_t found = bytes_find(text, at, name);

	if (found == text.n)
		return false;
	out->from = found + strlen(name);
	out->to = find_one_of(text, out->from, "&;,}\"' \t\r\n");
	out->closed = true;
	return true;
}

enum body_kind { BODY_BLOCK, BODY_PPK, BODY_PIN, BODY_KINDS };

/* A walk over all; what was found ahead is kept, so that nothing is looked for twice. */
struct scan {
	struct bytes text;
	size_t at;
	struct body ahead[BODY_KINDS]; /* from SIZE_MAX: none is left */
	bool has[BODY_KINDS];
	size_t block_after; /* where to go on after the block */
};

static bool find_body(struct scan *s, enum body_kind kind)
{
	struct body *out = &s->ahead[kind];

	if (kind == BODY_PPK)
		return next_ppk(s->text, s->at, out);
	if (kind == BODY_PIN)
		return next_pin(s->text, s->at, out);
	s->block_after = s->at;
	return next_block(s->text, &s->block_after, out);
}

static enum body_kind look_ahead(struct scan *s)
{
	enum body_kind first = BODY_BLOCK;

	for (enum body_kind k = BODY_BLOCK; k < BODY_KINDS; k++) {
		if ((!s->has[k] || s->ahead[k].from < s->at) && !find_body(s, k))
			s->ahead[k] = (struct body){ .from = SIZE_MAX };
		s->has[k] = true;
		if (s->ahead[k].from < s->ahead[first].from)
			first = k;
	}
	return first;
}

static bool next_body(struct scan *s, struct body *out)
{
	enum body_kind first = look_ahead(s);

	*out = s->ahead[first];
	if (out->from == SIZE_MAX)
		return false;
	s->at = first == BODY_BLOCK ? s->block_after : out->to;
	s->has[first] = false;
	return true;
}

/* Lines like "Proc-Type: 4,ENCRYPTED" are no part of the key. */
static bool is_header(struct bytes text, size_t from, size_t to)
{
	while (from < to && text.p[from] == ' ')
		from++;
	while (from < to && (isalpha(text.p[from]) || text.p[from] == '-'))
		from++;
	return to - from >= 2 && text.p[from] == ':' && text.p[from + 1] == ' ';
}

static bool all_base64(struct bytes text, size_t from, size_t to)
{
	for (; from < to; from++)
		if (!is_base64(text.p[from]) && !isspace(text.p[from]))
			return false;
	return true;
}

struct masking {
	struct bytes text;
	char *out;
	size_t n;
	struct secret *body; /* where the lifted characters go */
	size_t body_n;
	unsigned block;
};

static void mask_line(struct masking *m, size_t from, size_t to, bool lift)
{
	for (size_t i = from; i < to; i++) {
		uint8_t c = m->text.p[i];
		/* In a quoted text "\n" is a line end, not the letter n. */
		bool escape = i > 0 && m->text.p[i - 1] == '\\';

		if (!lift || !is_base64(c) || escape) {
			m->out[m->n++] = (char)c;
			continue;
		}
		m->body->p[m->body_n++] = c;
		m->out[m->n++] = (char)0xee;
		m->out[m->n++] = (char)0x80;
		m->out[m->n++] = (char)(0x80 + m->block);
	}
}

static int mask_body(struct masking *m, const struct body *b, struct lifted *l)
{
	int r;

	if (l->n == LIFT_MAX)
		return -E2BIG;
	m->block = (unsigned)l->n;
	m->body = &l->body[l->n++];
	m->body_n = 0;
	r = secret_new(m->body, b->to - b->from + 1);
	if (r)
		return r;
	for (size_t from = b->from, to; from < b->to; from = to) {
		to = bytes_line_end(m->text, from);
		to = to < b->to ? to + 1 : b->to;
		mask_line(m, from, to,
			  b->closed ? !is_header(m->text, from, to)
				    : all_base64(m->text, from, to));
	}
	m->body->n = m->body_n;
	return 0;
}

bool lift_has(const char *text, size_t n)
{
	const char *end = text + n;

	while ((text = memmem(text, (size_t)(end - text), "\xee\x80", 2))) {
		if (end - text >= STAND_IN_LEN && (uint8_t)text[2] < 0x80 + LIFT_MAX)
			return true;
		text += 2;
	}
	return false;
}

static bool own_stand_in(struct bytes text, size_t *where)
{
	for (size_t i = 0; i + STAND_IN_LEN <= text.n; i++) {
		const uint8_t *found = memchr(text.p + i, 0xee, text.n - i);

		if (!found)
			return false;
		i = (size_t)(found - text.p);
		*where = i;
		if (i + STAND_IN_LEN <= text.n && lift_has((const char *)found, STAND_IN_LEN))
			return true;
	}
	return false;
}

/* Octets that the masked text can have at most. */
static size_t masked_room(struct bytes text)
{
	struct scan scan = { .text = text };
	size_t room = text.n + 1;
	struct body b;

	while (next_body(&scan, &b))
		room += (b.to - b.from) * (STAND_IN_LEN - 1);
	return room;
}

int lift_keys(struct bytes text, struct text *masked, struct lifted *l, size_t *where)
{
	struct masking m = { .text = text };
	struct scan scan = { .text = text };
	size_t done = 0;
	struct body b;
	int r = 0;

	*masked = (struct text){ 0 };
	*l = (struct lifted){ 0 };
	if (own_stand_in(text, where))
		return -EILSEQ;
	m.out = malloc(masked_room(text));
	if (!m.out)
		return -ENOMEM;
	while (!r && next_body(&scan, &b)) {
		mask_line(&m, done, b.from, false);
		r = mask_body(&m, &b, l);
		done = b.to;
	}
	if (r) {
		free(m.out);
		lift_free(l);
		return r;
	}
	mask_line(&m, done, text.n, false);
	m.out[m.n] = '\0';
	*masked = (struct text){ .p = m.out, .n = m.n };
	return 0;
}

void lift_free(struct lifted *l)
{
	for (size_t i = 0; i < LIFT_MAX; i++) {
		/* The room is larger than what was used of it; all of that has been written. */
		secret_free(&l->body[i]);
	}
	l->n = 0;
}

/* The block that a stand-in at p belongs to, -1 if p is none. */
static int stand_in(const uint8_t *p)
{
	if (p[0] != 0xee || p[1] != 0x80 || p[2] < 0x80 || p[2] >= 0x80 + LIFT_MAX)
		return -1;
	return p[2] - 0x80;
}

int lift_restore(const struct lifted *l, const char *value, struct secret *out)
{
	const uint8_t *v = (const uint8_t *)value;
	size_t used[LIFT_MAX] = { 0 }, n = 0;
	int r = secret_new(out, strlen(value) + 1);

	if (r)
		return r;
	while (*v) {
		int block = stand_in(v);

		if (block < 0) {
			out->p[n++] = *v++;
			continue;
		}
		if ((size_t)block >= l->n || used[block] == l->body[block].n) {
			secret_free(out);
			return -EINVAL;
		}
		out->p[n++] = l->body[block].p[used[block]++];
		v += STAND_IN_LEN;
	}
	out->n = n;
	return 0;
}
