/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of swanctl.conf(5), which is strongswan.conf(5)'s: sections in braces, key = value to
 * the line's end, references behind a colon, quotes that go over lines, # for comments.
 */
#include "config/import_tree.h"
#include <stdlib.h>
#include <string.h>

struct parser {
	struct tree *t;
	const char *file;
	struct scan s;
};

static void say(struct parser *p, unsigned line, const char *what)
{
	import_note(p->t->im, IMPORT_BROKEN, p->file, line,
		    "`swanctl --load-all` names such errors, too", "%s", what);
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks, line ends and comments. */
static void skip(struct scan *s)
{
	while (is_blank(scan_peek(s)) || scan_peek(s) == '#') {
		if (scan_peek(s) == '#')
			scan_rest(s);
		scan_next(s);
	}
}

static char *read_name(struct parser *p)
{
	struct scan *s = &p->s;
	const char *from = s->p;

	if (scan_peek(s) == '"') {
		struct grown text = { 0 };

		scan_next(s);
		if (!scan_quoted(s, true, &text))
			say(p, s->line, "a quotation mark without its end");
		return grown_end(&text, p->t->im);
	}
	while (s->p < s->end && !is_blank(*s->p) && !strchr("{}=:,\"#", *s->p))
		s->p++;
	return import_copy(p->t->im, from, (size_t)(s->p - from));
}

/* To the line's end, a comment or a brace; words and quotations follow one another. */
static char *read_value(struct parser *p)
{
	struct scan *s = &p->s;
	struct grown text = { 0 };
	bool pending = false;

	for (int c; (c = scan_peek(s)) >= 0 && c != '\n' && c != '#' && c != '}';) {
		if (is_blank(c)) {
			pending = text.n > 0;
			scan_next(s);
			continue;
		}
		if (pending)
			grown_add(&text, ' ');
		pending = false;
		scan_next(s);
		if (c != '"')
			grown_add(&text, (char)c);
		else if (!scan_quoted(s, true, &text))
			say(p, s->line, "a quotation mark without its end");
	}
	return grown_end(&text, p->t->im);
}

static void read_setting(struct parser *p, struct section *in, const char *name, unsigned line)
{
	char *value;

	scan_next(&p->s);
	scan_blanks(&p->s);
	value = read_value(p);
	if (value) {
		tree_set(p->t, in, name, value, p->file, line);
		wipe(value, strlen(value));
	}
	free(value);
}

static void read_bases(struct parser *p, struct section *section)
{
	while (scan_peek(&p->s) == ':' || scan_peek(&p->s) == ',') {
		char *name;

		scan_next(&p->s);
		skip(&p->s);
		name = read_name(p);
		if (name && *name)
			tree_base(p->t, section, name);
		free(name);
		skip(&p->s);
	}
}

/* NAME [: REFERENCES] {. NULL: it is none. */
static struct section *open_section(struct parser *p, struct section *in, const char *name,
				    unsigned line)
{
	struct section *section = tree_section(p->t, in, NULL, name, p->file, line);

	if (!section)
		return NULL;
	read_bases(p, section);
	if (scan_peek(&p->s) != '{') {
		say(p, line, "a name with neither a value nor a section behind it");
		return NULL;
	}
	scan_next(&p->s);
	return section;
}

static bool is_include(struct parser *p, const char *name)
{
	return !strcmp(name, "include") && !strchr("={:", scan_peek(&p->s));
}

static void read_include(struct parser *p, struct section *in, unsigned line)
{
	char *pattern = read_value(p);

	if (pattern && *pattern)
		tree_include(p->t, in, pattern, p->file, line, swanctl_parse);
	free(pattern);
}

/* One statement; *deeper is the section that it opens. false: nothing more can be read. */
static bool read_statement(struct parser *p, struct section *in, struct section **deeper)
{
	const unsigned line = p->s.line;
	char *name = read_name(p);
	bool good = name && *name;

	*deeper = NULL;
	if (name && !*name)
		say(p, line, "neither a section nor a setting");
	if (good) {
		scan_blanks(&p->s);
		if (scan_peek(&p->s) < 0) {
			say(p, line, "the file ends within a setting");
			good = false;
		} else if (is_include(p, name)) {
			read_include(p, in, line);
		} else {
			skip(&p->s);
			if (scan_peek(&p->s) == '=')
				read_setting(p, in, name, line);
			else
				good = (*deeper = open_section(p, in, name, line)) != NULL;
		}
	}
	free(name);
	return good;
}

void swanctl_parse(struct tree *t, struct section *in, const char *file, struct bytes text)
{
	const char *from = (const char *)text.p;
	struct parser p = { t, file, { from, from + text.n, 1 } };
	struct section *stack[TREE_DEPTH_MAX] = { in }, *deeper;
	size_t depth = 0;

	for (skip(&p.s); scan_peek(&p.s) >= 0 && !t->im->no_memory; skip(&p.s)) {
		if (scan_peek(&p.s) == '}') {
			scan_next(&p.s);
			if (depth == 0) {
				say(&p, p.s.line, "a closing brace too many");
				return;
			}
			depth--;
			continue;
		}
		if (!read_statement(&p, stack[depth], &deeper))
			return;
		if (deeper && ++depth == TREE_DEPTH_MAX) {
			say(&p, p.s.line, "sections within sections, too deep");
			return;
		}
		if (deeper)
			stack[depth] = deeper;
	}
	if (depth > 0)
		say(&p, p.s.line, "a closing brace is missing at the end");
}
