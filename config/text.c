/* SPDX-License-Identifier: Apache-2.0 */
#include "config/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t spaces(const struct line *l, size_t from)
{
	while (from < l->n && l->p[from] == ' ')
		from++;
	return from;
}

static bool is_key_letter(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Dashes, then a key, then the value. */
static void split(struct line *l)
{
	size_t at = l->indent, end;

	while (at < l->n && l->p[at] == '-' && (at + 1 == l->n || l->p[at + 1] == ' ')) {
		l->dash = true;
		l->dash_at = at;
		at = spaces(l, at + 1);
	}
	for (end = at; end < l->n && is_key_letter(l->p[end]);)
		end++;
	if (end > at && end < l->n && l->p[end] == ':' &&
	    (end + 1 == l->n || l->p[end + 1] == ' ')) {
		l->key = at;
		l->key_n = end - at;
		at = spaces(l, end + 1);
	}
	l->value = at;
}

bool line_read(const struct text *t, size_t at, struct line *out)
{
	const char *end;

	if (at >= t->n)
		return false;
	*out = (struct line){ .p = t->p + at };
	end = memchr(out->p, '\n', t->n - at);
	out->n = end ? (size_t)(end - out->p) : t->n - at;
	out->next = at + out->n + (end != NULL);
	while (out->n && isspace((unsigned char)out->p[out->n - 1]))
		out->n--;
	out->indent = spaces(out, 0);
	split(out);
	return true;
}

bool line_number(const struct text *t, unsigned number, struct line *out, size_t *at)
{
	size_t from = 0;

	for (unsigned i = 1; line_read(t, from, out); i++) {
		if (i == number) {
			*at = from;
			return true;
		}
		from = out->next;
	}
	return false;
}

bool line_is_blank(const struct line *l)
{
	return l->indent == l->n || l->p[l->indent] == '#';
}

bool line_key_is(const struct line *l, const char *key)
{
	return l->key_n == strlen(key) && !memcmp(l->p + l->key, key, l->key_n);
}

bool line_opens_block(const struct line *l)
{
	size_t at = l->value;

	if (at == l->n || (l->p[at] != '|' && l->p[at] != '>'))
		return false;
	for (at++;
	     at < l->n && (l->p[at] == '-' || l->p[at] == '+' || isdigit((unsigned char)l->p[at]));)
		at++;
	at = spaces(l, at);
	return at == l->n || l->p[at] == '#';
}

int text_replace(struct text *t, size_t from, size_t to, const char *with, size_t n)
{
	size_t rest = t->n - to;
	char *p = malloc(from + n + rest + 1);

	if (!p)
		return -ENOMEM;
	memcpy(p, t->p, from);
	memcpy(p + from, with, n);
	memcpy(p + from + n, t->p + to, rest);
	p[from + n + rest] = '\0';
	free(t->p);
	*t = (struct text){ .p = p, .n = from + n + rest };
	return 0;
}

int text_copy(struct text *to, const struct text *from)
{
	*to = (struct text){ .p = malloc(from->n + 1), .n = from->n };
	if (!to->p)
		return -ENOMEM;
	memcpy(to->p, from->p, from->n + 1);
	return 0;
}

void text_free(struct text *t)
{
	free(t->p);
	*t = (struct text){ 0 };
}
