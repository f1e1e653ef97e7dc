/* SPDX-License-Identifier: Apache-2.0 */
#include "config/problem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *escaped(const char *text, bool keep_line_ends)
{
	static const char hex[] = "0123456789abcdef";
	char *out = malloc(4 * strlen(text) + 1), *w = out;

	if (!out)
		return NULL;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 0x20 && c < 0x7f) || (keep_line_ends && c == '\n')) {
			*w++ = (char)c;
			continue;
		}
		*w++ = '\\';
		*w++ = 'x';
		*w++ = hex[c >> 4];
		*w++ = hex[c & 15];
	}
	*w = '\0';
	return out;
}

static void problem_wipe(struct problem *p)
{
	free(p->file);
	free(p->message);
	free(p->mend);
	*p = (struct problem){ 0 };
}

static bool keep(struct problems *ps, struct problem *p)
{
	struct problem *grown = realloc(ps->p, (ps->n + 1) * sizeof(*grown));

	if (!grown)
		return false;
	ps->p = grown;
	ps->p[ps->n++] = *p;
	return true;
}

static void add(struct report *r, enum problem_level level, struct place at, const char *mend,
		const char *message)
{
	struct problem p = { .level = level, .line = at.line, .column = at.column };

	p.file = strdup(at.file ? at.file : r->file);
	p.message = escaped(message, false);
	p.mend = mend ? escaped(mend, true) : NULL;
	if (!p.file || !p.message || (mend && !p.mend) || !keep(r->ps, &p)) {
		r->no_memory = true;
		problem_wipe(&p);
	}
}

void report_add(struct report *r, enum problem_level level, struct place at, const char *mend,
		const char *format, ...)
{
	char *message;
	va_list args;
	int len;

	r->ps->errors += level == PROBLEM_ERROR;
	r->ps->faults += level == PROBLEM_FAULT;
	if (r->ps->n > PROBLEMS_KEPT)
		return;
	if (r->ps->n == PROBLEMS_KEPT) {
		add(r, level, (struct place){ 0 }, NULL, "more was found than is told here");
		return;
	}
	va_start(args, format);
	len = vasprintf(&message, format, args);
	va_end(args);
	if (len < 0) {
		r->no_memory = true;
		return;
	}
	add(r, level, at, mend, message);
	free(message);
}

bool report_has_error(const struct report *r, unsigned line)
{
	for (size_t i = 0; i < r->ps->n; i++) {
		const struct problem *p = &r->ps->p[i];

		if (p->level == PROBLEM_ERROR && p->line == line && !strcmp(p->file, r->file))
			return true;
	}
	return false;
}

char *report_text(struct report *r, const char *format, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len >= 0)
		return text;
	r->no_memory = true;
	return NULL;
}

static bool goes_before(const struct problem *a, const struct problem *b, const char *file)
{
	bool a_own = a->line && !strcmp(a->file, file);
	bool b_own = b->line && !strcmp(b->file, file);

	if (a_own != b_own)
		return a_own;
	if (!a_own)
		return false;
	if (a->line != b->line)
		return a->line < b->line;
	return a->column < b->column;
}

void problems_sort(struct problems *ps, const char *file)
{
	/* By insertion: at most PROBLEMS_KEPT + 1, and those of one place keep their order. */
	for (size_t i = 1; i < ps->n; i++) {
		struct problem p = ps->p[i];
		size_t to = i;

		for (; to > 0 && goes_before(&p, &ps->p[to - 1], file); to--)
			ps->p[to] = ps->p[to - 1];
		ps->p[to] = p;
	}
}

void problems_free(struct problems *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->n; i++)
		problem_wipe(&ps->p[i]);
	free(ps->p);
	*ps = (struct problems){ 0 };
}

static const char *level_name(enum problem_level level)
{
	switch (level) {
	case PROBLEM_NOTICE:
		return "notice";
	case PROBLEM_WARNING:
		return "warning";
	case PROBLEM_FAULT:
	case PROBLEM_ERROR:
		break;
	}
	return "error";
}

char *problem_text(const struct problem *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fputs(p->file, f);
	if (p->line)
		fprintf(f, ":%u:%u", p->line, p->column);
	fprintf(f, ": %s: %s", level_name(p->level), p->message);
	if (p->mend)
		fputs("\n    write: ", f);
	for (const char *c = p->mend; c && *c; c++) {
		fputc(*c, f);
		if (*c == '\n')
			fputs("           ", f); /* under the first line's text */
	}
	if (ferror(f) | fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

const char *shown(const char *text, char out[static SHOWN_LEN])
{
	size_t n = strlen(text);

	if (n < SHOWN_LEN) {
		memcpy(out, text, n + 1);
	} else {
		memcpy(out, text, SHOWN_LEN - 4);
		memcpy(out + SHOWN_LEN - 4, "...", 4);
	}
	return out;
}
