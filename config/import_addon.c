/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The add-on's own file has our keys already, with PEM texts in them: these become files. The guide
 * prints it with its PEM lines not indented; what the reader of configurations mends, it mends
 * here.
 */
#include "config/import_tree.h"
#include "config/reading.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct addon {
	struct import *im;
	struct reading *r;
	const char *file;
	unsigned n_cas;
};

static void keep_pem(struct addon *a, const char *name, bool is_key, const struct node *node)
{
	struct import_pem *p = reallocarray(a->im->pems, a->im->n_pems + 1, sizeof(*p));
	int e;

	if (!p) {
		a->im->no_memory = true;
		return;
	}
	a->im->pems = p;
	p += a->im->n_pems;
	*p = (struct import_pem){ .is_key = is_key };
	snprintf(p->name, sizeof(p->name), "%s", name);
	e = lift_restore(&a->r->keys, node->text, &p->content);
	if (e == -ENOMEM)
		a->im->no_memory = true;
	if (e == 0)
		a->im->n_pems++;
}

/* A PEM text, a path, or a URI. */
static void take_pem(struct addon *a, const char *key, const char *name, bool is_key,
		     const struct node *node)
{
	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		import_note(a->im, IMPORT_LOST, a->file, node->line, "write it into the result",
			    "%s: a PEM text or a path was expected", key);
		return;
	}
	if (strstr(node->text, "-----BEGIN")) {
		keep_pem(a, name, is_key, node);
		import_add(a->im, key, name, false, a->file, node->line);
	} else if (lift_has(node->text, strlen(node->text))) {
		import_note(a->im, IMPORT_LOST, a->file, node->line,
			    "write it into the result, better with pin-source=FILE",
			    "%s: it has a PIN, which is not copied", key);
	} else {
		import_add(a->im, key, node->text, false, a->file, node->line);
	}
}

static void take_cas(struct addon *a, const char *key, const struct node *node)
{
	char name[32];

	for (size_t i = 0; i < (node->kind == NODE_LIST ? node->n : 1); i++) {
		snprintf(name, sizeof(name), "ca-%u.pem", ++a->n_cas);
		take_pem(a, key, name, false, node->kind == NODE_LIST ? node->items[i] : node);
	}
}

static bool is_word(const char *text)
{
	return *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_./:-") == strlen(text);
}

/* true, 53, udp: in quotes a text, and no truth value any more. */
static bool is_bare(const struct node *value)
{
	return value->plain && !strpbrk(value->text, "_./:-");
}

/* {subnet: "10.0.0.1/32", protocol: udp, port: 53} */
static bool map_text(const struct node *map, char *out, size_t room)
{
	size_t n = (size_t)snprintf(out, room, "{");

	for (size_t i = 0; i + 1 < map->n; i += 2) {
		const struct node *key = map->items[i], *value = map->items[i + 1];
		const char *quote;

		if (key->kind != NODE_SCALAR || value->kind != NODE_SCALAR || !is_word(key->text) ||
		    !is_word(value->text))
			return false;
		quote = is_bare(value) ? "" : "\"";
		n += (size_t)snprintf(out + n, room - n, "%s%s: %s%s%s", i ? ", " : "", key->text,
				      quote, value->text, quote);
		if (n + 2 > room)
			return false;
	}
	snprintf(out + n, room - n, "}");
	return map->n > 0;
}

static void take_item(struct addon *a, const char *key, const struct node *node)
{
	char text[256];

	if (node_is_null(node))
		return;
	if (node->kind == NODE_SCALAR && !lift_has(node->text, strlen(node->text)))
		import_add(a->im, key, node->text, false, a->file, node->line);
	else if (node->kind == NODE_MAP && map_text(node, text, sizeof(text)))
		import_add(a->im, key, text, true, a->file, node->line);
	else
		import_note(a->im, IMPORT_LOST, a->file, node->line, "write it into the result",
			    "%s: this value is not copied", key);
}

static void take_key(struct addon *a, const struct node *name, const struct node *value)
{
	const struct key_row *row = schema_find(name->text), *near;
	char meant[64];

	if (!row) {
		near = schema_near(name->text);
		snprintf(meant, sizeof(meant), "it may have meant %s", near ? near->name : "");
		import_note(a->im, IMPORT_LOST, a->file, name->line, near ? meant : NULL,
			    "%s: ikemesh has no such key", name->text);
	} else if (row->type == VALUE_CERTIFICATES) {
		take_pem(a, row->name, "instance.pem", false, value);
	} else if (row->type == VALUE_KEY) {
		take_pem(a, row->name, "instance.key", true, value);
	} else if (row->type == VALUE_CAS) {
		take_cas(a, row->name, value);
	} else if (row->type == VALUE_SECRET) {
		if (!node_is_null(value))
			import_note(a->im, IMPORT_LOST, a->file, value->line,
				    "put it into a file of mode 0600 and name that",
				    "%s: a secret is not copied", row->name);
	} else if (value->kind == NODE_LIST) {
		for (size_t i = 0; i < value->n; i++)
			take_item(a, row->name, value->items[i]);
	} else {
		take_item(a, row->name, value);
	}
}

/* What the reader found wrong, and mended. */
static void take_problems(struct addon *a, const struct problems *ps, bool found)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct problem *p = &ps->p[i];

		const bool mended = found && p->level == PROBLEM_ERROR;

		import_note(a->im,
			    !found && p->level == PROBLEM_ERROR ? IMPORT_BROKEN
			    : mended				? IMPORT_LOST
								: IMPORT_NEEDLESS,
			    a->file, p->line,
			    mended ? "it was mended: look whether the result means the same" : NULL,
			    "%s", p->message);
	}
}

static void take_settings(struct addon *a, const struct node *settings)
{
	const struct node *root = a->r->doc.root;

	if (node_get(root, "releases") || node_get(root, "addons"))
		import_note(a->im, IMPORT_NEEDLESS, a->file, root->items[0]->line, NULL,
			    "releases, jobs and stemcells say where BOSH runs it: where ikemesh "
			    "runs it is installed");
	for (size_t i = 0; i + 1 < settings->n; i += 2)
		if (settings->items[i]->kind == NODE_SCALAR)
			take_key(a, settings->items[i], settings->items[i + 1]);
}

void addon_read(struct import *im, const char *file, struct bytes text)
{
	struct problems ps = { 0 };
	struct reading r = { .report = { .ps = &ps, .file = file } };
	struct addon a = { .im = im, .r = &r, .file = file };
	struct node *settings = reading_parse(&r, text) ? locate_settings(&r) : NULL;

	if (settings)
		check_twice(&r, settings);
	problems_sort(&ps, file);
	take_problems(&a, &ps, settings != NULL);
	if (settings)
		take_settings(&a, settings);
	im->no_memory |= r.report.no_memory;
	reading_end(&r);
	problems_free(&ps);
}
