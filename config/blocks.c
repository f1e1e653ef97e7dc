/* SPDX-License-Identifier: Apache-2.0 */
#include "config/blocks.h"
#include "config/find.h"
#include <ctype.h>
#include <string.h>

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

/* One past the dashes that end a BEGIN or END line, or the line's end where they are missing. */
static size_t boundary_end(struct bytes text, size_t after_mark)
{
	size_t line = bytes_line_end(text, after_mark),
	       close = bytes_find(text, after_mark, dashes);

	return close < line ? close + strlen(dashes) : line;
}

static void label_copy(struct bytes text, size_t from, char out[static BLOCK_LABEL_LEN])
{
	size_t line = bytes_line_end(text, from), close = bytes_find(text, from, dashes), n = 0;

	for (; from < line && from < close && n + 1 < BLOCK_LABEL_LEN; from++)
		out[n++] = isprint(text.p[from]) ? (char)text.p[from] : '?';
	out[n] = '\0';
}

static void advance(struct bytes text, struct block_cursor *c, size_t to)
{
	for (; c->at < to; c->at++)
		c->line += text.p[c->at] == '\n';
}

bool block_next(struct bytes text, struct block_cursor *c, struct block *out)
{
	size_t begin = bytes_find(text, c->at, begin_mark), after = begin + strlen(begin_mark);
	size_t next, end, to;

	if (begin == text.n)
		return false;
	advance(text, c, begin);
	next = bytes_find(text, after, begin_mark);
	end = bytes_find(BYTES(text.p, next), after, end_mark);
	out->closed = end < next;
	to = out->closed ? boundary_end(text, end + strlen(end_mark)) : next;
	label_copy(text, after, out->label);
	out->text = BYTES(text.p + begin, to - begin);
	out->line = c->line;
	out->folded = out->closed && bytes_line_end(text, begin) > end;
	advance(text, c, to);
	return true;
}

static bool is_stray(uint8_t c)
{
	return !isalnum(c) && !isspace(c) && c != '+' && c != '/' && c != '=';
}

bool block_stray(const struct block *b, unsigned *line, unsigned *column)
{
	size_t end = bytes_find(b->text, strlen(begin_mark), end_mark);
	size_t start = bytes_line_end(b->text, 0) + 1;

	for (*line = 1; start < end; (*line)++) {
		size_t to = bytes_line_end(b->text, start);
		bool header = bytes_find(b->text, start, ":") < to;

		for (size_t i = start; !header && i < to && i < end; i++) {
			*column = (unsigned)(i - start) + 1;
			if (is_stray(b->text.p[i]))
				return true;
		}
		start = to + 1;
	}
	return false;
}
