/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"
#include "config/file.h"
#include "config/find.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ASN1_SEQUENCE 0x30
#define PATH_LEN_MAX 1024

static const char begin_mark[] = "-----BEGIN ";

/* A path will be shown: nothing that might be a key is taken for one. */
static bool looks_like_path(const char *text)
{
	size_t n = strlen(text);

	if (!n || n >= PATH_LEN_MAX || strstr(text, "-----") || strstr(text, "PRIVATE"))
		return false;
	for (const char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c) || (*c == ' ' && *text != '/'))
			return false;
	return *text == '/' || *text == '.' || strchr(text, '.') || strchr(text, '/');
}

/* Long words of base64 only: a block whose BEGIN line was left out. */
static bool looks_like_base64(const char *text)
{
	size_t n = strlen(text);

	if (n < 64 || strchr(text, '.') || strchr(text, ' '))
		return lift_has(text, n) || !strncmp(text, "MII", 3);
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("+/=\n", *text))
			return false;
	return true;
}

char *source_path(struct reading *r, const char *path)
{
	const char *slash = strrchr(r->report.file, '/');

	if (*path == '/' || !slash)
		return report_text(&r->report, "%s", path);
	return report_text(&r->report, "%.*s/%s", (int)(slash - r->report.file), r->report.file,
			   path);
}

/* A certificate in DER, as many tools write it, in the form in which all else is read. */
static int wrap_der(struct source *s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char begin[] = "-----BEGIN CERTIFICATE-----\n";
	static const char end[] = "\n-----END CERTIFICATE-----\n";
	const uint8_t *in = s->content.p;
	const size_t n = s->content.n;
	struct secret text = { 0 };
	size_t at = strlen(begin);
	int e = secret_new(&text, at + (n + 2) / 3 * 4 + strlen(end));

	if (e)
		return e;
	memcpy(text.p, begin, at);
	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;

		group |= i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0;
		group |= i + 2 < n ? in[i + 2] : 0;
		text.p[at++] = (uint8_t)digits[group >> 18];
		text.p[at++] = (uint8_t)digits[group >> 12 & 63];
		text.p[at++] = (uint8_t)(i + 1 < n ? digits[group >> 6 & 63] : '=');
		text.p[at++] = (uint8_t)(i + 2 < n ? digits[group & 63] : '=');
	}
	memcpy(text.p + at, end, strlen(end));
	secret_move(&s->content, &text);
	return 0;
}

static bool open_path(struct reading *r, const struct key_row *row, struct source *s)
{
	char said[SHOWN_LEN];
	int error;

	s->path = source_path(r, s->node->text);
	if (!s->path)
		return false;
	error = file_read(s->path, &s->content, &s->mode);
	if (error) {
		report_add(&r->report, PROBLEM_ERROR, node_place(s->node), NULL, "%s: %s: %s",
			   row->name, s->path, file_error(error));
	} else if (!s->content.n) {
		report_add(&r->report, PROBLEM_ERROR, node_place(s->node), NULL, "%s: %s: is empty",
			   row->name, s->path);
	} else if (bytes_find(secret_view(&s->content), 0, begin_mark) < s->content.n) {
		return true;
	} else if (s->content.p[0] == ASN1_SEQUENCE && row->type != VALUE_KEY) {
		if (!wrap_der(s))
			return true;
		r->report.no_memory = true;
	} else if (s->content.p[0] == ASN1_SEQUENCE) {
		report_add(
			&r->report, PROBLEM_ERROR, node_place(s->node), NULL,
			"%s: %s: is DER and not PEM: openssl pkey -inform DER -in %s -out %s.pem",
			row->name, s->path, s->path, s->path);
	} else {
		report_add(&r->report, PROBLEM_ERROR, node_place(s->node), NULL,
			   "%s: %s: is no PEM file: it has no -----BEGIN line", row->name,
			   shown(s->path, said));
	}
	return false;
}

static bool open_inline(struct reading *r, const struct key_row *row, struct source *s)
{
	const char *text = s->node->text;

	s->mode = r->mode;
	/* Quotes of the wrong kind: JSON's "\n" came as two characters. */
	if (strstr(text, "-----\\n")) {
		char *mend = report_text(&r->report, "%s: %s", row->name, row->example);

		report_add(&r->report, PROBLEM_ERROR, node_place(s->node), mend,
			   "%s: the text has a backslash and an n where a line should end",
			   row->name);
		free(mend);
		return false;
	}
	if (lift_restore(&r->keys, text, &s->content)) {
		report_add(&r->report, PROBLEM_ERROR, node_place(s->node), NULL,
			   "%s: the text is damaged", row->name);
		return false;
	}
	return true;
}

/* Neither PEM nor a path. The text is not shown: it may be the body of a key. */
static void neither(struct reading *r, const struct key_row *row, const struct node *node)
{
	char words[EXPECTED_LEN];
	char *mend = report_text(&r->report, "%s: %s", row->name, row->example);

	if (looks_like_base64(node->text))
		report_add(&r->report, PROBLEM_ERROR, node_place(node), mend,
			   "%s: the -----BEGIN line is missing", row->name);
	else
		report_add(&r->report, PROBLEM_ERROR, node_place(node), mend, "%s: %s was expected",
			   row->name, schema_expected(row, words));
	free(mend);
}

bool source_open(struct reading *r, const struct key_row *row, const struct node *node,
		 struct source *s)
{
	char said[SHOWN_LEN];
	bool good = false;

	*s = (struct source){ .node = node };
	if (node->kind != NODE_SCALAR || node_is_null(node))
		expected(r, row, node);
	else if (strstr(node->text, begin_mark))
		good = open_inline(r, row, s);
	else if (!strncmp(node->text, "((", 2))
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL,
			   "%s: %s is a variable of BOSH that has not been filled in", row->name,
			   shown(node->text, said));
	else if (!looks_like_base64(node->text) && looks_like_path(node->text))
		good = open_path(r, row, s);
	else
		neither(r, row, node);
	if (!good)
		source_close(s);
	return good;
}

void source_close(struct source *s)
{
	secret_free(&s->content);
	free(s->path);
	*s = (struct source){ 0 };
}

struct place source_place(const struct reading *r, const struct source *s, unsigned line,
			  unsigned column)
{
	struct line l;
	size_t at;

	if (s->path)
		return (struct place){ .file = s->path, .line = line + 1, .column = column };
	if (!s->node->literal)
		return node_place(s->node);
	line += s->node->line + 1;
	if (line_number(&r->written, line, &l, &at))
		column += (unsigned)l.indent;
	return (struct place){ .line = line, .column = column };
}

const char *source_name(const struct reading *r, const struct source *s)
{
	return s->path ? s->path : r->report.file;
}

bool source_block_broken(struct reading *r, const struct source *s, const struct block *b)
{
	unsigned line, column;

	if (!b->closed) {
		report_add(&r->report, PROBLEM_ERROR, source_place(r, s, b->line, 1), NULL,
			   "the block that begins here has no -----END %s----- line", b->label);
		return true;
	}
	if (block_stray(b, &line, &column)) {
		report_add(&r->report, PROBLEM_ERROR, source_place(r, s, b->line + line, column),
			   NULL, "a character that no %s has in it (only base64 may stand here)",
			   b->label);
		return true;
	}
	return false;
}
