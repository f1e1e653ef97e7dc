/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lift.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STAND_IN_LEN 3 /* octets of U+E000 + block in UTF-8: EE 80 80 .. EE 80 8F */

static const char begin_mark[] = "-----BEGIN ";
static const char dashes[] = "-----";

/* Where the body of a key lies; octets of it that are not base64 stay. */
struct body {
	size_t from, to;
	bool closed; /* an END follows */
};

static const uint8_t *find(struct bytes text, size_t from, const char *what)
{
	if (from >= text.n)
		return NULL;
	return memmem(text.p + from, text.n - from, what, strlen(what));
}

static bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '=';
}

static size_t line_end(struct bytes text, size_t from)
{
	const uint8_t *end = from < text.n ? memchr(text.p + from, '\n', text.n - from) : NULL;

	return end ? (size_t)(end - text.p) : text.n;
}

/* A label that means nothing secret follows the BEGIN. */
static bool is_public(const uint8_t *label, size_t n)
{
	return memmem(label, n, "CERTIFICATE", 11) || memmem(label, n, "PUBLIC", 6);
}

/* The next block from *at on that may be secret. */
static bool next_body(struct bytes text, size_t *at, struct body *out)
{
	const uint8_t *begin;

	while ((begin = find(text, *at, begin_mark))) {
		size_t label = (size_t)(begin - text.p) + strlen(begin_mark);
		size_t line = line_end(text, label);
		const uint8_t *close = memmem(text.p + label, line - label, dashes, 5);
		const uint8_t *next;

		*at = label;
		if (!close || is_public(text.p + label, (size_t)(close - text.p) - label))
			continue;
		out->from = (size_t)(close - text.p) + strlen(dashes);
		next = find(text, out->from, dashes);
		out->to = next ? (size_t)(next - text.p) : text.n;
		out->closed = next && text.n - out->to >= 9 && !memcmp(next, "-----END ", 9);
		*at = out->to;
		return true;
	}
	return false;
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
		to = line_end(m->text, from);
		to = to < b->to ? to + 1 : b->to;
		mask_line(m, from, to,
			  b->closed ? !is_header(m->text, from, to) :
				      all_base64(m->text, from, to));
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
	size_t room = text.n + 1, at = 0;
	struct body b;

	while (next_body(text, &at, &b))
		room += (b.to - b.from) * (STAND_IN_LEN - 1);
	return room;
}

int lift_keys(struct bytes text, struct text *masked, struct lifted *l, size_t *where)
{
	struct masking m = { .text = text };
	size_t done = 0, at = 0;
	struct body b;
	int r = 0;

	*masked = (struct text){ 0 };
	*l = (struct lifted){ 0 };
	if (own_stand_in(text, where))
		return -EILSEQ;
	m.out = malloc(masked_room(text));
	if (!m.out)
		return -ENOMEM;
	while (!r && next_body(text, &at, &b)) {
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
