/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lift.h"
#include "config/mend.h"
#include "config/schema.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_LINE_MAX 160 /* octets of a line that are worth showing */
#define KEY_MAX 64

/* A fault, the line that it was seen on, and the line where what it ended began. */
struct scene {
	const struct text *t;
	const struct yaml_fault *fault;
	struct line line, start;
	size_t line_at, start_at;
	bool has_line, has_start;
};

/* What to say, and one line of the file with what to put in its place. */
struct remedy {
	unsigned number, column;
	const char *what;   /* one line, said of word */
	char word[KEY_MAX]; /* "": none */
	size_t at;	    /* the line's start in the text */
	char *line;	    /* NULL: nothing can be offered */
};

static bool says(const char *text, const char *part)
{
	return text && strstr(text, part);
}

__attribute__((format(printf, 1, 2))) static char *format(const char *text, ...)
{
	char *out;
	va_list args;
	int n;

	va_start(args, text);
	n = vasprintf(&out, text, args);
	va_end(args);
	return n < 0 ? NULL : out;
}

/* The line with `indent` spaces before it. */
static char *indented(const struct line *l, size_t indent)
{
	return format("%*s%.*s", (int)indent, "", (int)(l->n - l->indent), l->p + l->indent);
}

/* The line with quotes around what follows the key. */
static char *quoted(const struct line *l)
{
	if (memchr(l->p + l->value, '"', l->n - l->value))
		return NULL;
	return format("%.*s\"%.*s\"", (int)l->value, l->p, (int)(l->n - l->value), l->p + l->value);
}

static bool at_line(struct remedy *m, const struct scene *s, bool start, size_t column)
{
	m->number = start ? s->fault->context_line : s->fault->line;
	m->at = start ? s->start_at : s->line_at;
	m->column = (unsigned)column + 1;
	return true;
}

/* A tab among the first characters; YAML wants spaces. */
static bool tabs(const struct scene *s, struct remedy *m)
{
	const struct line *l = &s->line;
	size_t at = 0, n_tabs = 0;

	for (; at < l->n && (l->p[at] == ' ' || l->p[at] == '\t'); at++)
		n_tabs += l->p[at] == '\t';
	if (!n_tabs)
		return false;
	m->what = "a tab in the indentation, where only spaces may stand";
	m->line = format("%*s%.*s", (int)(at + n_tabs), "", (int)(l->n - at), l->p + at);
	return at_line(m, s, false, (size_t)((const char *)memchr(l->p, '\t', l->n) - l->p));
}

/* The line with what is missing behind the key that ends at `end`. */
static bool colon_line(const struct line *l, size_t end, struct remedy *m)
{
	size_t value = end + 1;

	if (end == l->n) {
		m->what = "':' is missing after";
		m->line = format("%.*s:", (int)l->n, l->p);
		return true;
	}
	if (l->p[end] != ':' && l->p[end] != '=' && l->p[end] != ' ')
		return false;
	while (value < l->n && (l->p[value] == ' ' || l->p[value] == '='))
		value++;
	m->what = "':' and a space are missing after";
	m->line = format("%.*s: %.*s", (int)end, l->p, (int)(l->n - value), l->p + value);
	return true;
}

/* A known key without its colon, or without the space behind it: optional:true */
static bool colon(const struct scene *s, bool start, struct remedy *m)
{
	const struct line *l = start ? &s->start : &s->line;
	size_t from = l->value, n = 0;
	char *word = m->word;

	if (start ? !s->has_start : !s->has_line)
		return false;
	for (; from + n < l->n && n + 1 < KEY_MAX; n++) {
		char c = l->p[from + n];

		if (!isalnum((unsigned char)c) && c != '_')
			break;
		word[n] = c;
	}
	word[n] = '\0';
	if (l->key_n || !schema_find(word) || !colon_line(l, from + n, m)) {
		word[0] = '\0';
		return false;
	}
	return at_line(m, s, start, from + n);
}

/* Where the nearest entry (or key) above starts; false if there is none. */
static bool column_above(const struct scene *s, bool dash, size_t *column)
{
	struct line l;
	bool found = false;

	for (size_t at = 0; at < s->line_at && line_read(s->t, at, &l); at = l.next) {
		if (line_is_blank(&l) || (dash ? !l.dash : !l.key_n))
			continue;
		*column = dash ? l.indent : l.key;
		found = true;
	}
	return found;
}

/* A key or dash that stands a little to the left or right of those that it belongs to. */
static bool indentation(const struct scene *s, struct remedy *m)
{
	const struct line *l = &s->line;
	size_t column;

	if (!says(s->fault->what, "expected key") && !says(s->fault->what, "expected '-'") &&
	    !says(s->fault->what, "mapping values") &&
	    !says(s->fault->what, "block sequence entries"))
		return false;
	if ((!l->dash && !l->key_n) || !column_above(s, l->dash, &column))
		return false;
	if (!l->dash && says(s->fault->context, "block mapping"))
		column = s->fault->context_column - 1;
	if (column == l->indent)
		return false;
	m->what = l->dash ? "this entry does not stand exactly below the one before it"
			  : "this key does not stand exactly below the one before it";
	m->line = indented(l, column);
	return at_line(m, s, false, l->indent);
}

static bool open_quote(const struct scene *s, struct remedy *m)
{
	const struct line *l = &s->start;

	if (!says(s->fault->context, "quoted scalar") || !s->has_start || l->value == l->n)
		return false;
	if (l->p[l->value] != '"' && l->p[l->value] != '\'')
		return false;
	m->what = "a quote is opened and not closed";
	if (says(s->fault->what, "end of stream"))
		m->line = format("%.*s%c", (int)l->n, l->p, l->p[l->value]);
	return at_line(m, s, true, l->value);
}

static bool open_bracket(const struct scene *s, struct remedy *m)
{
	const struct line *l = &s->start;
	bool list = says(s->fault->context, "flow sequence");

	if ((!list && !says(s->fault->context, "flow mapping")) || !s->has_start)
		return false;
	m->what = list ? "'[' is opened and not closed" : "'{' is opened and not closed";
	if (l->value < l->n && !memchr(l->p, list ? ']' : '}', l->n))
		m->line = format("%.*s%c", (int)l->n, l->p, list ? ']' : '}');
	return at_line(m, s, true, s->fault->context_column - 1);
}

/* A value that YAML takes for something else: %any, @here, *, !x, a: b. */
static bool wants_quotes(const struct scene *s, struct remedy *m)
{
	const struct line *l = &s->line;

	if (!s->has_line || l->value == l->n || (!l->key_n && !l->dash))
		return false;
	if (!says(s->fault->what, "cannot start any token") && !says(s->fault->what, "alias") &&
	    !says(s->fault->what, "tag") && !says(s->fault->what, "alphabetic") &&
	    !says(s->fault->what, "mapping values") && !says(s->fault->context, "tag") &&
	    !says(s->fault->context, "alias"))
		return false;
	m->what = "this value means something else in YAML unless it has quotes";
	m->line = quoted(l);
	return at_line(m, s, false, l->value);
}

static bool find_remedy(const struct scene *s, struct remedy *m)
{
	if (!s->has_line)
		return open_quote(s, m) || open_bracket(s, m) || colon(s, true, m);
	return tabs(s, m) || open_quote(s, m) || open_bracket(s, m) || colon(s, true, m) ||
	       colon(s, false, m) || indentation(s, m) || wants_quotes(s, m);
}

/* A line of a PEM block, or a very long one, says nothing to anybody. */
static bool worth_showing(const char *line)
{
	size_t n = strlen(line);

	return n <= SHOWN_LINE_MAX && !lift_has(line, n) && !strstr(line, "-----");
}

static void tell(struct report *r, const struct yaml_fault *fault)
{
	struct place at = { .line = fault->line, .column = fault->column };

	if (fault->context && fault->context_line)
		report_add(r, PROBLEM_ERROR, at, NULL, "this is not YAML: %s %s on line %u",
			   fault->what, fault->context, fault->context_line);
	else
		report_add(r, PROBLEM_ERROR, at, NULL, "this is not YAML: %s", fault->what);
}

static bool tell_remedy(struct report *r, struct text *t, struct remedy *m)
{
	struct place at = { .line = m->number, .column = m->column };
	const char *mend = m->line && worth_showing(m->line) ? m->line : NULL;
	bool mended = false;
	struct line old;

	/* A mend that did not help will not help a second time. */
	if (report_has_error(r, m->number)) {
		free(m->line);
		return false;
	}
	report_add(r, PROBLEM_ERROR, at, mend, "%s%s%s", m->what, m->word[0] ? " " : "", m->word);
	if (m->line && line_read(t, m->at, &old)) {
		if (text_replace(t, m->at, m->at + old.n, m->line, strlen(m->line)))
			r->no_memory = true;
		else
			mended = true;
	}
	free(m->line);
	return mended;
}

bool mend_fault(struct report *r, struct text *t, const struct yaml_fault *fault)
{
	struct scene s = { .t = t, .fault = fault };
	struct remedy m = { 0 };

	s.has_line = line_number(t, fault->line, &s.line, &s.line_at);
	s.has_start =
		fault->context_line && line_number(t, fault->context_line, &s.start, &s.start_at);
	if (find_remedy(&s, &m))
		return tell_remedy(r, t, &m);
	tell(r, fault);
	return false;
}
