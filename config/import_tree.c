/* SPDX-License-Identifier: Apache-2.0 */
#include "config/import_tree.h"
#include "config/file.h"
#include <stdlib.h>
#include <string.h>

/* --- texts ----------------------------------------------------------------------------------- */

void grown_add(struct grown *g, char c)
{
	if (g->n + 1 >= g->room && !g->failed) {
		const size_t room = g->room ? 2 * g->room : 64;
		char *p = malloc(room);

		if (!p) {
			g->failed = true;
			return;
		}
		/* A pass phrase may be among what is read: no copy of it stays behind. */
		if (g->p) {
			memcpy(p, g->p, g->n);
			wipe(g->p, g->n);
			free(g->p);
		}
		g->p = p;
		g->room = room;
	}
	if (!g->failed)
		g->p[g->n++] = c;
}

char *grown_end(struct grown *g, struct import *im)
{
	char *p;

	grown_add(g, '\0');
	p = g->p;
	if (g->failed) {
		im->no_memory = true;
		if (p)
			wipe(p, g->n);
		free(p);
		p = NULL;
	}
	*g = (struct grown){ 0 };
	return p;
}

static char unescaped(int c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	default:
		return (char)c;
	}
}

bool scan_quoted(struct scan *s, bool many, struct grown *out)
{
	for (;;) {
		int c = scan_peek(s);

		if (c < 0 || (c == '\n' && !many))
			return false;
		scan_next(s);
		if (c == '"')
			return true;
		if (c != '\\') {
			grown_add(out, (char)c);
			continue;
		}
		if (scan_peek(s) == '\r' && s->p + 1 < s->end && s->p[1] == '\n')
			scan_next(s);
		c = scan_next(s);
		if (c < 0)
			return false;
		if (c != '\n')
			grown_add(out, unescaped(c));
	}
}

/* --- the tree -------------------------------------------------------------------------------- */

static bool count(struct tree *t, const char *file, unsigned line)
{
	if (t->n_nodes < TREE_NODES_MAX) {
		t->n_nodes++;
		return true;
	}
	if (t->n_nodes++ == TREE_NODES_MAX)
		import_note(t->im, IMPORT_BROKEN, file, line, NULL,
			    "more than %u settings: what follows is not read", TREE_NODES_MAX);
	return false;
}

/* Room for one more pointer. */
static bool widen(struct import *im, void *list, size_t n)
{
	void **p;

	if (n & (n - 1)) /* it has room up to the next power of two */
		return true;
	p = realloc(*(void **)list, (n ? 2 * n : 1) * sizeof(*p));
	if (!p) {
		im->no_memory = true;
		return false;
	}
	*(void **)list = (void *)p;
	return true;
}

struct setting *tree_set(struct tree *t, struct section *in, const char *key, const char *value,
			 const char *file, unsigned line)
{
	struct setting *s;

	if (!count(t, file, line) || !widen(t->im, &in->settings, in->n_settings))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		t->im->no_memory = true;
		return NULL;
	}
	*s = (struct setting){ .file = file, .line = line };
	s->key = import_copy(t->im, key, strlen(key));
	s->value = import_copy(t->im, value, strlen(value));
	in->settings[in->n_settings++] = s;
	return s->key && s->value ? s : NULL;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct section *section_find(const struct section *in, const char *type, const char *name)
{
	for (size_t i = 0; i < in->n_sections; i++)
		if (same(in->sections[i]->type, type) && !strcmp(in->sections[i]->name, name))
			return in->sections[i];
	return NULL;
}

struct section *tree_section(struct tree *t, struct section *in, const char *type, const char *name,
			     const char *file, unsigned line)
{
	struct section *s = section_find(in, type, name);

	if (s)
		return s;
	if (!count(t, file, line) || !widen(t->im, &in->sections, in->n_sections))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s) {
		s->name = import_copy(t->im, name, strlen(name));
		s->type = type ? import_copy(t->im, type, strlen(type)) : NULL;
	}
	if (!s || !s->name || (type && !s->type)) {
		t->im->no_memory = true;
		if (s) {
			free(s->name);
			free(s->type);
		}
		free(s);
		return NULL;
	}
	s->file = file;
	s->line = line;
	in->sections[in->n_sections++] = s;
	return s;
}

void tree_base(struct tree *t, struct section *s, const char *name)
{
	char *copy;

	if (!count(t, s->file, s->line) || !widen(t->im, &s->bases, s->n_bases))
		return;
	copy = import_copy(t->im, name, strlen(name));
	if (copy)
		s->bases[s->n_bases++] = copy;
}

struct section *tree_find(const struct tree *t, const char *type, const char *name)
{
	return section_find(&t->root, type, name);
}

/* Sections do not nest deeper than TREE_DEPTH_MAX, by whoever makes them. */
static void section_wipe(struct section *s)
{
	for (size_t i = 0; i < s->n_settings; i++) {
		struct setting *one = s->settings[i];

		if (one->value)
			wipe(one->value, strlen(one->value));
		free(one->value);
		free(one->key);
		free(one);
	}
	for (size_t i = 0; i < s->n_sections; i++) {
		section_wipe(s->sections[i]);
		free(s->sections[i]);
	}
	for (size_t i = 0; i < s->n_bases; i++)
		free(s->bases[i]);
	free(s->settings);
	free(s->sections);
	free(s->bases);
	free(s->type);
	free(s->name);
}

void tree_free(struct tree *t)
{
	section_wipe(&t->root);
	for (size_t i = 0; i < t->n_names; i++)
		free(t->names[i]);
	free(t->names);
}

/* --- included files -------------------------------------------------------------------------- */

char *tree_path(struct import *im, const char *file, const char *path)
{
	const char *slash = path[0] == '/' ? NULL : strrchr(file, '/');
	const size_t dir = slash ? (size_t)(slash - file) + 1 : 0, n = strlen(path);
	char *whole = malloc(dir + n + 1);

	if (!whole) {
		im->no_memory = true;
		return NULL;
	}
	memcpy(whole, file, dir);
	memcpy(whole + dir, path, n + 1);
	return whole;
}

/* A file's name that lives as long as the tree. */
static const char *keep_name(struct tree *t, const char *path)
{
	char *copy;

	if (!widen(t->im, &t->names, t->n_names))
		return NULL;
	copy = import_copy(t->im, path, strlen(path));
	if (copy)
		t->names[t->n_names++] = copy;
	return copy;
}

struct inclusion {
	struct tree *t;
	struct section *in;
	const char *file;
	unsigned line;
	tree_parse *parse;
	size_t n;
};

static void include_one(void *to, const char *path)
{
	struct inclusion *i = to;
	struct tree *t = i->t;
	struct secret content = { 0 };
	const char *name;
	int e;

	i->n++;
	if (t->n_names >= TREE_FILES_MAX) {
		import_note(t->im, IMPORT_BROKEN, i->file, i->line, NULL,
			    "more than %u files are included: %s is not read", TREE_FILES_MAX,
			    path);
		return;
	}
	name = keep_name(t, path);
	if (!name)
		return;
	e = t->files->read(t->files->context, path, &content);
	if (e)
		import_note(t->im, IMPORT_LOST, i->file, i->line, NULL, "include %s: %s", path,
			    file_error(e));
	else
		i->parse(t, i->in, name, secret_view(&content));
	secret_free(&content);
}

void tree_include(struct tree *t, struct section *in, const char *pattern, const char *file,
		  unsigned line, tree_parse *parse)
{
	struct inclusion i = { t, in, file, line, parse, 0 };
	char *path;

	if (t->depth == TREE_DEPTH_MAX) {
		import_note(t->im, IMPORT_BROKEN, file, line, NULL,
			    "include %s: files include one another too deep", pattern);
		return;
	}
	path = tree_path(t->im, file, pattern);
	if (!path)
		return;
	t->depth++;
	t->files->list(t->files->context, path, include_one, &i);
	t->depth--;
	/* A pattern may match nothing; a plain name was meant to be there. */
	if (!i.n && !strpbrk(pattern, "*?["))
		import_note(t->im, IMPORT_LOST, file, line, NULL,
			    "include %s: there is no such file", pattern);
	free(path);
}

/* --- what is inherited ----------------------------------------------------------------------- */

static void layers_add(struct tree *t, struct section *s, struct layers *out);

static void add_also(struct tree *t, struct section *s, struct layers *out)
{
	struct section *base;

	/* Of several, the last one overrides. */
	for (size_t i = s->n_settings; i > 0; i--) {
		struct setting *one = s->settings[i - 1];

		if (strcmp(one->key, "also"))
			continue;
		base = tree_find(t, s->type, one->value);
		if (base)
			layers_add(t, base, out);
		else if (!one->told)
			import_note(t->im, IMPORT_LOST, one->file, one->line, NULL,
				    "also=%s: there is no such section", one->value);
		one->told = true;
	}
}

/* connections.a.children */
static struct section *by_path(struct tree *t, const char *path)
{
	struct section *at = &t->root;
	char name[256];

	while (at) {
		const size_t n = strcspn(path, ".");

		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		at = section_find(at, NULL, name);
		if (!path[n])
			return at;
		path += n + 1;
	}
	return NULL;
}

static void add_bases(struct tree *t, struct section *s, struct layers *out)
{
	for (size_t i = 0; i < s->n_bases; i++) {
		struct section *base = by_path(t, s->bases[i]);

		if (base)
			layers_add(t, base, out);
		else
			import_note(t->im, IMPORT_LOST, s->file, s->line, NULL,
				    "%s inherits from %s, which is not there", s->name,
				    s->bases[i]);
	}
}

/* Each section once: what comes again adds nothing, since what came first wins. */
static void layers_add(struct tree *t, struct section *s, struct layers *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] == s)
			return;
	if (out->n == TREE_LAYERS_MAX) {
		import_note(t->im, IMPORT_BROKEN, s->file, s->line, NULL,
			    "%s: inherited by way of too many sections", s->name);
		return;
	}
	s->is_base |= out->n > 0;
	out->p[out->n++] = s;
	if (s->type)
		add_also(t, s, out);
	else
		add_bases(t, s, out);
}

void layers_of(struct tree *t, struct section *s, struct layers *out)
{
	struct section *defaults;

	out->n = 0;
	layers_add(t, s, out);
	defaults = s->type ? tree_find(t, s->type, "%default") : NULL;
	if (defaults)
		layers_add(t, defaults, out);
}

void layers_child(struct tree *t, const struct layers *in, const char *name, struct layers *out)
{
	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		struct section *child = section_find(in->p[i], NULL, name);

		if (child)
			layers_add(t, child, out);
	}
}

struct setting *layers_get(const struct layers *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = l->p[i]->n_settings; k > 0; k--) {
			struct setting *s = l->p[i]->settings[k - 1];

			if (!strcmp(s->key, key))
				return s->value[0] ? s : NULL;
		}
	return NULL;
}
