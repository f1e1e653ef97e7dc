/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, as YAML: the keys in the order of the manual. */
#include "config/config.h"
#include "config/import_tree.h"
#include "config/schema.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_list(const struct key_row *row)
{
	switch (row->type) {
	case VALUE_SUBNETS:
	case VALUE_CAS:
	case VALUE_TEXTS:
	case VALUE_DAYS:
	case VALUE_LEVELS:
		return true;
	default:
		return false;
	}
}

/* Nothing in it means more to YAML than itself. */
static bool is_plain(const char *text)
{
	const size_t n = strlen(text);

	if (!n || !(isalnum((unsigned char)text[0]) || text[0] == '/') || text[n - 1] == ':')
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("/._-+=!:@%,", *c))
			return false;
	return strcmp(text, "null") && strcmp(text, "Null") && strcmp(text, "NULL");
}

static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < ' ' || *c == 0x7f)
			fprintf(out, "\\x%02x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void put_value(FILE *out, const struct import_value *v)
{
	if (v->written || is_plain(v->text))
		fputs(v->text, out);
	else
		put_quoted(out, v->text);
	fputc('\n', out);
}

struct writer {
	FILE *out;
	struct import *im;
	const char *home;
	unsigned line; /* the one that is written, from 1 */
};

/* Files of ours that have a directory are named with it. */
static void put_one(struct writer *w, struct import_value *v)
{
	for (size_t i = 0; i < w->im->n_pems; i++)
		if (!strcmp(w->im->pems[i].name, v->text) && w->home[0])
			fprintf(w->out, "%s/", w->home);
	put_value(w->out, v);
	v->at = w->line++;
}

static void put_key(struct writer *w, const struct key_row *row)
{
	bool first = true;

	for (size_t i = 0; i < w->im->n_values; i++) {
		if (strcmp(w->im->values[i].key, row->name))
			continue;
		if (!is_list(row)) {
			fprintf(w->out, "%s: ", row->name);
			put_one(w, &w->im->values[i]);
			return;
		}
		if (first) {
			fprintf(w->out, "%s:\n", row->name);
			w->line++;
		}
		first = false;
		fputs("- ", w->out);
		put_one(w, &w->im->values[i]);
	}
}

static void note_missing(struct import *im, const struct key_row *row)
{
	const bool nothing = row->type == VALUE_SUBNETS;

	import_note(im, nothing ? IMPORT_BROKEN : IMPORT_LOST, row->name, 0,
		    nothing ? NULL : "write it into the result", "%s",
		    nothing ? "no subnet that IPsec protects was found"
			    : "it must be there, and nothing was found that says it");
}

/* What the daemon would refuse, where it came from. */
static void note_refused(struct import *im, const struct problem *p)
{
	const struct import_value *from = NULL;

	if (p->level < PROBLEM_FAULT)
		return;
	for (size_t i = 0; i < im->n_values; i++)
		if (p->line && im->values[i].at == p->line)
			from = &im->values[i];
	import_note(im, IMPORT_LOST, from ? from->file : "ikemesh.yml", from ? from->line : p->line,
		    "write it anew in the result, which no daemon takes as it is", "%s%s%s",
		    from ? from->key : "", from ? ": " : "", p->message);
}

static void check_result(struct import *im, const char *text, size_t n)
{
	struct problems ps = { 0 };
	struct config c;

	if (config_parse_policies("ikemesh.yml", BYTES((const uint8_t *)text, n), &c, &ps) ==
	    -ENOMEM)
		im->no_memory = true;
	for (size_t i = 0; i < ps.n; i++)
		note_refused(im, &ps.p[i]);
	config_free(&c);
	problems_free(&ps);
}

char *import_text(struct import *im, const char *home)
{
	char *text = NULL;
	size_t n, n_rows;
	const struct key_row *rows = schema_rows(&n_rows);
	FILE *out = open_memstream(&text, &n);
	struct writer w = { .out = out, .im = im, .home = home, .line = 1 };
	/* What is not there then is not there for that reason. */
	const bool broken = import_worst(im) == IMPORT_BROKEN;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n_rows; i++) {
		if (!broken && rows[i].required && !import_find(im, rows[i].name))
			note_missing(im, &rows[i]);
		put_key(&w, &rows[i]);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	if (import_worst(im) != IMPORT_BROKEN)
		check_result(im, text, n);
	if (im->no_memory) {
		free(text);
		return NULL;
	}
	return text;
}
