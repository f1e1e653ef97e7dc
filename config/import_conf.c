/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipsec.conf(5) and ipsec.secrets(5) of strongSwan, as their manual has it: a section begins at a
 * line's first column, its parameters are indented; spaces within a value are one each, unless it
 * is in double quotes; # begins a comment, and @# an identity.
 */
#include "config/import_tree.h"
#include <stdlib.h>
#include <string.h>

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void refused(struct tree *t, const char *file, unsigned line, const char *what)
{
	import_note(t->im, IMPORT_LOST, file, line, "mend it there, or take it over by hand",
		    "%s: strongSwan itself does not read this line", what);
}

/* A value up to the line's end or a comment, its spaces made single. */
static bool read_plain(struct scan *s, struct grown *out)
{
	bool pending = false;

	for (int c; (c = scan_peek(s)) >= 0 && c != '\n'; scan_next(s)) {
		if (c == '#' && (s->p[-1] != '@'))
			break;
		if (c == '"')
			return false;
		if (is_space(c)) {
			pending = out->n > 0;
			continue;
		}
		if (pending)
			grown_add(out, ' ');
		pending = false;
		grown_add(out, (char)c);
	}
	return true;
}

static bool read_value(struct scan *s, struct grown *out)
{
	scan_blanks(s);
	if (scan_peek(s) != '"')
		return read_plain(s, out);
	scan_next(s);
	if (!scan_quoted(s, false, out))
		return false;
	scan_blanks(s);
	return scan_peek(s) < 0 || scan_peek(s) == '\n' || scan_peek(s) == '#';
}

/* Up to a blank, =, or the line's end. */
static char *read_word(struct tree *t, struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && !is_space(*s->p) && !strchr("=\n#", *s->p))
		s->p++;
	return import_copy(t->im, from, (size_t)(s->p - from));
}

/* key = value, indented. */
static void read_parameter(struct tree *t, struct section *at, const char *file, struct scan *s)
{
	const unsigned line = s->line;
	struct grown text = { 0 };
	char *key = read_word(t, s), *value;
	bool good;

	if (!key)
		return;
	scan_blanks(s);
	if (scan_peek(s) != '=' || !*key) {
		refused(t, file, line, "no parameter=value");
		free(key);
		return;
	}
	scan_next(s);
	good = read_value(s, &text);
	value = grown_end(&text, t->im);
	if (!good)
		refused(t, file, line, key);
	else if (!at)
		refused(t, file, line, "a parameter outside of any section");
	else if (value)
		tree_set(t, at, key, value, file, line);
	if (value)
		wipe(value, strlen(value));
	free(value);
	free(key);
}

static char *read_rest(struct tree *t, struct scan *s)
{
	struct grown text = { 0 };

	scan_blanks(s);
	if (!read_value(s, &text))
		scan_rest(s);
	return grown_end(&text, t->im);
}

/* conn NAME, include FILE. Returns the section that follows. */
static struct section *read_heading(struct tree *t, struct section *root, struct section *at,
				    const char *file, struct scan *s)
{
	static const char *const types[] = { "conn", "ca", "config" };
	const unsigned line = s->line;
	char *word = read_word(t, s), *name = word ? read_rest(t, s) : NULL;
	struct section *next = NULL;

	if (!word || !name)
		goto out;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(word, types[i]) && *name)
			next = tree_section(t, root, types[i], name, file, line);
	if (!strcmp(word, "include") && *name)
		tree_include(t, root, name, file, line, conf_parse);
	else if (!next && strcmp(word, "version"))
		refused(t, file, line, word);
	if (!strcmp(word, "include"))
		next = at;
out:
	free(word);
	free(name);
	return next;
}

void conf_parse(struct tree *t, struct section *in, const char *file, struct bytes text)
{
	struct scan s = { (const char *)text.p, (const char *)text.p + text.n, 1 };
	struct section *at = NULL;

	while (scan_peek(&s) >= 0 && !t->im->no_memory) {
		const bool indented = is_space(scan_peek(&s));

		scan_blanks(&s);
		if (scan_peek(&s) == '#' || scan_peek(&s) == '\n' || scan_peek(&s) < 0)
			;
		else if (indented)
			read_parameter(t, at, file, &s);
		else
			at = read_heading(t, in, at, file, &s);
		scan_rest(&s);
		scan_next(&s);
	}
}

/* --- ipsec.secrets --------------------------------------------------------------------------- */

/* The next word of an entry, which goes on in lines that are indented. NULL: it is over. */
static char *next_word(struct tree *t, struct scan *s)
{
	struct grown text = { 0 };

	for (;;) {
		scan_blanks(s);
		if (scan_peek(s) == '#')
			scan_rest(s);
		if (scan_peek(s) != '\n')
			break;
		if (s->p + 1 == s->end || !is_space(s->p[1]))
			return NULL;
		scan_next(s);
	}
	if (scan_peek(s) < 0)
		return NULL;
	if (scan_peek(s) == '"') {
		scan_next(s);
		if (!scan_quoted(s, true, &text))
			s->p = s->end;
	} else {
		while (s->p < s->end && !is_space(*s->p) && *s->p != '\n')
			grown_add(&text, *s->p++);
	}
	return grown_end(&text, t->im);
}

static void free_word(char *word)
{
	if (word)
		wipe(word, strlen(word));
	free(word);
}

/* What follows the colon. */
static void read_secret(struct tree *t, struct section *in, const char *file, struct scan *s)
{
	static const char *const keys[] = { "RSA", "ECDSA", "PKCS8", "BLISS" };
	const unsigned line = s->line;
	char *type = next_word(t, s), *path = type ? next_word(t, s) : NULL;
	char *phrase = path ? next_word(t, s) : NULL;
	bool is_key = false;

	for (size_t i = 0; type && i < sizeof(keys) / sizeof(keys[0]); i++)
		is_key |= !strcmp(type, keys[i]);
	if (type && path && is_key && path[0] != '{')
		tree_set(t, in, phrase ? "encrypted" : "key", path, file, line);
	else if (type)
		tree_set(t, in, "secret", is_key ? "a key of its digits" : type, file, line);
	free_word(phrase);
	free_word(path);
	free_word(type);
}

static void read_entry(struct tree *t, struct section *in, const char *file, struct scan *s)
{
	const unsigned line = s->line;
	bool first = true;

	for (char *word; (word = next_word(t, s)); first = false) {
		const bool colon = !strcmp(word, ":"), include = first && !strcmp(word, "include");

		free_word(word);
		if (include && (word = next_word(t, s)))
			tree_include(t, in, word, file, line, secrets_parse);
		else if (colon)
			read_secret(t, in, file, s);
		if (include)
			free_word(word);
		if (include || colon)
			break;
	}
	while (true) {
		char *rest = next_word(t, s);

		if (!rest)
			return;
		free_word(rest);
	}
}

void secrets_parse(struct tree *t, struct section *in, const char *file, struct bytes text)
{
	struct scan s = { (const char *)text.p, (const char *)text.p + text.n, 1 };

	while (scan_peek(&s) >= 0 && !t->im->no_memory) {
		read_entry(t, in, file, &s);
		scan_next(&s);
	}
}
