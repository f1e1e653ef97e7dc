/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file as lines: what a person would see and mend. Only as much YAML is understood here as
 * telling keys, list dashes and values apart takes.
 */
#ifndef IKEMESH_CONFIG_TEXT_H
#define IKEMESH_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* An owned text; p ends with a NUL that n does not count. */
struct text {
	char *p;
	size_t n;
};

/* One line, as views into the text. Columns are octets from 0. */
struct line {
	const char *p; /* not ended by NUL */
	size_t n;      /* without the line end */
	size_t next;   /* where the line after it starts in the text */
	size_t indent; /* spaces before the first character */
	bool dash;     /* "- " stands there */
	size_t dash_at;
	size_t key, key_n; /* "key:"; key_n 0: none */
	size_t value;	   /* what follows, or n */
};

/* The line that starts at octet at; false at the end of the text. */
bool line_read(const struct text *t, size_t at, struct line *out);

/* Line number (from 1); false if there is none. *at is where it starts. */
bool line_number(const struct text *t, unsigned number, struct line *out, size_t *at);

/* Nothing but spaces, or a comment. */
bool line_is_blank(const struct line *l);

bool line_key_is(const struct line *l, const char *key);

/* Its value is a block indicator: `|`, `>-`, `|2`, perhaps with a comment behind it. */
bool line_opens_block(const struct line *l);

/* Puts other octets in the place of from .. to. 0 or -ENOMEM. */
int text_replace(struct text *t, size_t from, size_t to, const char *with, size_t n);

/* 0 or -ENOMEM. */
int text_copy(struct text *to, const struct text *from);

void text_free(struct text *t);

#endif
