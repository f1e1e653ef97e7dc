/* SPDX-License-Identifier: Apache-2.0 */
/* From a file's octets to the tree of its keys. */
#include "config/reading.h"
#include "config/file.h"
#include "config/mend.h"
#include <errno.h>
#include <string.h>

static struct place place_of_octet(struct bytes text, size_t at)
{
	struct place p = { .line = 1, .column = 1 };

	for (size_t i = 0; i < at; i++) {
		p.column++;
		if (text.p[i] == '\n') {
			p.line++;
			p.column = 1;
		}
	}
	return p;
}

static bool starts_with(struct bytes text, const char *octets, size_t n)
{
	return text.n >= n && !memcmp(text.p, octets, n);
}

/* What no text file has. false: told, and nothing more can be read. */
static bool check_text(struct reading *r, struct bytes *text)
{
	const uint8_t *nul;

	if (starts_with(*text, "\xff\xfe", 2) || starts_with(*text, "\xfe\xff", 2)) {
		report_add(&r->report, PROBLEM_ERROR, (struct place){ .line = 1, .column = 1 },
			   NULL, "the file is UTF-16; it must be saved as UTF-8");
		return false;
	}
	if (text->n > FILE_SIZE_MAX) {
		report_add(&r->report, PROBLEM_ERROR, (struct place){ 0 }, NULL,
			   "the file is larger than 4 MiB");
		return false;
	}
	if (starts_with(*text, "\xef\xbb\xbf", 3)) /* UTF-8's own byte order mark */
		*text = BYTES(text->p + 3, text->n - 3);
	nul = text->n ? memchr(text->p, '\0', text->n) : NULL;
	if (nul) {
		report_add(&r->report, PROBLEM_ERROR,
			   place_of_octet(*text, (size_t)(nul - text->p)), NULL,
			   "a NUL: this is not a text file");
		return false;
	}
	return true;
}

static bool take_keys_out(struct reading *r, struct bytes text)
{
	size_t where = 0;
	int e = lift_keys(text, &r->written, &r->keys, &where);

	if (!e)
		e = text_copy(&r->text, &r->written);
	if (e == -ENOMEM)
		r->report.no_memory = true;
	else if (e == -EILSEQ)
		report_add(&r->report, PROBLEM_ERROR, place_of_octet(text, where), NULL,
			   "a character from Unicode's private use area");
	else if (e)
		report_add(&r->report, PROBLEM_ERROR, (struct place){ 0 }, NULL,
			   "the file has more than %d private keys", LIFT_MAX);
	return !e;
}

/* The tree, after as many mends as that takes. false: there is none. */
static bool parse(struct reading *r)
{
	mend_pem(&r->report, &r->text);
	for (unsigned i = 0; i < MENDS_MAX; i++) {
		struct bytes text = BYTES((const uint8_t *)r->text.p, r->text.n);
		struct yaml_fault fault;
		int e = yaml_doc_read(text, &r->doc, &fault);

		if (!e)
			return true;
		if (e == -ENOMEM) {
			r->report.no_memory = true;
			return false;
		}
		r->mended = true;
		if (!mend_fault(&r->report, &r->text, &fault))
			return false;
	}
	return false;
}

bool reading_parse(struct reading *r, struct bytes text)
{
	return check_text(r, &text) && take_keys_out(r, text) && parse(r);
}

void reading_end(struct reading *r)
{
	yaml_doc_free(&r->doc);
	text_free(&r->text);
	text_free(&r->written);
	lift_free(&r->keys);
}
