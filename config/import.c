/* SPDX-License-Identifier: Apache-2.0 */
#include "config/import.h"
#include "config/file.h"
#include "config/import_tree.h"
#include "config/schema.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_KEPT 1000
#define TEXT_MAX 512

/* --- notes and values ------------------------------------------------------------------------ */

char *import_copy(struct import *im, const char *p, size_t n)
{
	char *copy = malloc(n + 1);

	if (!copy) {
		im->no_memory = true;
		return NULL;
	}
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

/* What is read may be anything: a message is one printable line. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			*text = '?';
}

void import_note(struct import *im, enum import_level level, const char *file, unsigned line,
		 const char *mend, const char *format, ...)
{
	struct import_note *p, note = { .level = level, .line = line };
	char text[TEXT_MAX];
	va_list ap;

	if (im->n_notes == NOTES_KEPT)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	make_printable(text);
	p = reallocarray(im->notes, im->n_notes + 1, sizeof(*p));
	if (!p) {
		im->no_memory = true;
		return;
	}
	im->notes = p;
	note.file = import_copy(im, file, strlen(file));
	note.text = import_copy(im, text, strlen(text));
	note.mend = mend ? import_copy(im, mend, strlen(mend)) : NULL;
	if (note.mend)
		make_printable(note.mend);
	p[im->n_notes++] = note;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x7f)
			return false;
	return true;
}

void import_add(struct import *im, const char *key, const char *text, bool written,
		const char *file, unsigned line)
{
	struct import_value *p, value = { .key = key, .written = written, .line = line };

	if (!is_ascii(text)) {
		import_note(im, IMPORT_LOST, file, line, "write it into the result",
			    "%s: a value that is not ASCII is not copied", key);
		return;
	}
	for (size_t i = 0; i < im->n_values; i++)
		if (!strcmp(im->values[i].key, key) && !strcmp(im->values[i].text, text))
			return; /* of many connections */
	p = reallocarray(im->values, im->n_values + 1, sizeof(*p));
	if (!p) {
		im->no_memory = true;
		return;
	}
	im->values = p;
	value.text = import_copy(im, text, strlen(text));
	value.file = import_copy(im, file, strlen(file));
	if (value.text && value.file) {
		p[im->n_values++] = value;
		return;
	}
	free(value.text);
	free(value.file);
}

const struct import_value *import_find(const struct import *im, const char *key)
{
	for (size_t i = 0; i < im->n_values; i++)
		if (!strcmp(im->values[i].key, key))
			return &im->values[i];
	return NULL;
}

enum import_level import_worst(const struct import *im)
{
	enum import_level worst = IMPORT_NEEDLESS;

	for (size_t i = 0; i < im->n_notes; i++)
		if (im->notes[i].level > worst)
			worst = im->notes[i].level;
	return worst;
}

char *import_note_text(const struct import_note *n)
{
	static const char *const words[] = {
		[IMPORT_NEEDLESS] = "note",
		[IMPORT_LOST] = "warning",
		[IMPORT_BROKEN] = "error",
	};
	char where[16] = "", *text = NULL;

	if (n->line)
		snprintf(where, sizeof(where), ":%u", n->line);
	if (!n->file || !n->text ||
	    asprintf(&text, "%s%s: %s: %s%s%s", n->file, where, words[n->level], n->text,
		     n->mend ? "; " : "", n->mend ? n->mend : "") < 0)
		return NULL;
	return text;
}

void import_free(struct import *im)
{
	for (size_t i = 0; i < im->n_notes; i++) {
		free(im->notes[i].file);
		free(im->notes[i].text);
		free(im->notes[i].mend);
	}
	for (size_t i = 0; i < im->n_values; i++) {
		free(im->values[i].text);
		free(im->values[i].file);
	}
	for (size_t i = 0; i < im->n_pems; i++)
		secret_free(&im->pems[i].content);
	free(im->notes);
	free(im->values);
	free(im->pems);
	*im = (struct import){ 0 };
}

/* --- which form it is ------------------------------------------------------------------------ */

enum form { FORM_NONE, FORM_ADDON, FORM_CONF, FORM_SECRETS, FORM_SWANCTL };

/* A line as it begins: `conn NAME`, `connections {`, `ipsec_subnets:`. */
static enum form form_of_line(const char *p, size_t n)
{
	static const struct {
		const char *word;
		const char *then; /* what may stand behind it, after blanks; "": anything */
		enum form form;
	} words[] = {
		{ "conn", "", FORM_CONF },
		{ "config", "", FORM_CONF },
		{ "ca", "", FORM_CONF },
		{ "connections", "{", FORM_SWANCTL },
		{ "authorities", "{", FORM_SWANCTL },
		{ "secrets", "{", FORM_SWANCTL },
		{ "ipsec_subnets:", "", FORM_ADDON },
		{ "releases:", "", FORM_ADDON },
		{ "addons:", "", FORM_ADDON },
		{ "properties:", "", FORM_ADDON },
		{ "ipsec:", "", FORM_ADDON },
		{ "instance_certificate:", "", FORM_ADDON },
		{ "ca_certificates:", "", FORM_ADDON },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t len = strlen(words[i].word);
		size_t at = len;

		if (n < len || memcmp(p, words[i].word, len))
			continue;
		while (at < n && (p[at] == ' ' || p[at] == '\t'))
			at++;
		if (words[i].form == FORM_CONF && at == len)
			continue;
		if (!words[i].then[0] || (at < n ? p[at] == words[i].then[0] : true))
			return words[i].form;
	}
	return FORM_NONE;
}

/* `: RSA file`, with selectors before the colon. */
static bool is_secret_line(const char *p, size_t n)
{
	static const char *const types[] = { "RSA", "ECDSA", "PSK",  "EAP",   "XAUTH",
					     "P12", "PKCS8", "NTLM", "BLISS", "PIN" };
	const char *colon = memchr(p, ':', n);
	size_t at = colon ? (size_t)(colon - p) + 1 : n;

	while (at < n && (p[at] == ' ' || p[at] == '\t'))
		at++;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (n - at > strlen(types[i]) && !memcmp(p + at, types[i], strlen(types[i])))
			return true;
	return false;
}

static enum form form_of(struct bytes text)
{
	const char *p = (const char *)text.p, *end = p + text.n;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		const size_t n = (size_t)((eol ? eol : end) - p);
		size_t blanks = 0;
		enum form form;

		while (blanks < n && (p[blanks] == ' ' || p[blanks] == '-'))
			blanks++;
		form = form_of_line(p + blanks, n - blanks);
		if (form == FORM_NONE && n && p[0] != '#' && is_secret_line(p, n))
			form = FORM_SECRETS;
		if (form != FORM_NONE)
			return form;
		p += eol ? n + 1 : n;
	}
	return FORM_NONE;
}

static bool ends_with(const char *text, const char *end)
{
	const size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/* A file that only includes others says by its name what it is. */
static enum form form_by_name(const char *path)
{
	return ends_with(path, "swanctl.conf")	  ? FORM_SWANCTL
	       : ends_with(path, "ipsec.conf")	  ? FORM_CONF
	       : ends_with(path, "ipsec.secrets") ? FORM_SECRETS
						  : FORM_NONE;
}

static void read_tree(struct import *im, const char *path, const struct import_files *files,
		      struct bytes text, enum form form)
{
	struct tree t = { .im = im, .files = files };

	if (form == FORM_SWANCTL) {
		swanctl_parse(&t, &t.root, path, text);
	} else {
		(form == FORM_CONF ? conf_parse : secrets_parse)(&t, &t.root, path, text);
	}
	/* Of half of a text, what follows would only hide the cause. */
	if (import_worst(im) != IMPORT_BROKEN)
		(form == FORM_SWANCTL ? swanctl_carry : conf_carry)(&t, path);
	tree_free(&t);
}

void import_read(struct import *im, const char *path, const struct import_files *files)
{
	struct secret content = { 0 };
	struct bytes text;
	enum form form;
	int e = files->read(files->context, path, &content);

	if (e) {
		import_note(im, IMPORT_BROKEN, path, 0, NULL, "%s", file_error(e));
		return;
	}
	text = secret_view(&content);
	form = form_of(text);
	if (form == FORM_NONE)
		form = form_by_name(path);
	if (text.n && memchr(text.p, '\0', text.n))
		import_note(im, IMPORT_BROKEN, path, 0, NULL, "this is no text file");
	else if (form == FORM_NONE)
		import_note(im, IMPORT_BROKEN, path, 0, NULL,
			    "neither an ipsec-addon.yml nor an ipsec.conf, ipsec.secrets or "
			    "swanctl.conf");
	else if (form == FORM_ADDON)
		addon_read(im, path, text);
	else
		read_tree(im, path, files, text, form);
	secret_free(&content);
}
