/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, as YAML: the keys in the order of the manual. */
#include "config/import_tree.h"
#include "config/schema.h"
#include <ctype.h>
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

/* Files of ours that have a directory are named with it. */
static void put_one(FILE *out, const struct import *im, const struct import_value *v,
		    const char *home)
{
	for (size_t i = 0; i < im->n_pems; i++)
		if (!strcmp(im->pems[i].name, v->text) && home[0])
			fprintf(out, "%s/", home);
	put_value(out, v);
}

static void put_key(FILE *out, const struct import *im, const struct key_row *row, const char *home)
{
	const struct import_value *first = import_find(im, row->name);

	if (!first)
		return;
	if (!is_list(row)) {
		fprintf(out, "%s: ", row->name);
		put_one(out, im, first, home);
		return;
	}
	fprintf(out, "%s:\n", row->name);
	for (size_t i = 0; i < im->n_values; i++) {
		if (strcmp(im->values[i].key, row->name))
			continue;
		fputs("- ", out);
		put_one(out, im, &im->values[i], home);
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

char *import_text(struct import *im, const char *home)
{
	char *text = NULL;
	size_t n, n_rows;
	const struct key_row *rows = schema_rows(&n_rows);
	FILE *out = open_memstream(&text, &n);
	/* What is not there then is not there for that reason. */
	const bool broken = import_worst(im) == IMPORT_BROKEN;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n_rows; i++) {
		if (!broken && rows[i].required && !import_find(im, rows[i].name))
			note_missing(im, &rows[i]);
		put_key(out, im, &rows[i], home);
	}
	if (fclose(out) || im->no_memory) {
		free(text);
		return NULL;
	}
	return text;
}
