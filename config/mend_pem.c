/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mend.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIRS_MAX 64
#define BLOCK_LINES_MAX 2000
#define NAME_LEN 48

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";

/* The key or dash that a PEM block belongs to. */
struct owner {
	struct line line;
	size_t at; /* where its line starts in the text */
	unsigned number;
	bool found;
};

/* A PEM block in the file, and how it ought to stand. */
struct pem {
	struct owner owner;
	size_t from, to; /* octets of its lines; from is the BEGIN line's start */
	unsigned number; /* of the BEGIN line */
	bool same_line;	 /* BEGIN stands behind the key or dash itself */
	bool bar;	 /* the owner's `|` is there */
	size_t want;	 /* spaces before each line */
	unsigned bad;	 /* the first line that stands too far left; 0: none */
	size_t bad_column;
	char label[NAME_LEN];
	char name[NAME_LEN]; /* the key, "" if there is none */
};

static bool value_begins(const struct line *l, size_t at, const char *mark)
{
	return l->n - at >= strlen(mark) && !memcmp(l->p + at, mark, strlen(mark));
}

static bool has(const struct line *l, const char *mark)
{
	return memmem(l->p, l->n, mark, strlen(mark)) != NULL;
}

static void copy_name(char out[static NAME_LEN], const char *p, size_t n)
{
	snprintf(out, NAME_LEN, "%.*s", (int)n, p);
}

/* "Proc-Type: 4,ENCRYPTED" belongs to a block, "prestart_timeout: 30" does not. */
static bool ends_block(const struct line *l)
{
	return l->dash || (l->key_n && islower((unsigned char)l->p[l->key]));
}

/* The blocks that follow each other from the BEGIN line on; true if the last one has its END. */
static bool extent(const struct text *t, struct pem *p)
{
	bool inside = true;
	struct line l;

	p->to = p->from;
	for (size_t at = p->from, n = 0; n < BLOCK_LINES_MAX && line_read(t, at, &l); n++) {
		if (n && ends_block(&l))
			break;
		if (!inside && !value_begins(&l, l.indent, begin_mark))
			break;
		inside = !has(&l, end_mark);
		at = l.next;
		p->to = at;
	}
	return !inside;
}

static void measure(const struct text *t, struct pem *p)
{
	size_t column = p->owner.line.key_n ? p->owner.line.key : p->owner.line.dash_at;
	unsigned number = p->number;
	struct line l;

	line_read(t, p->from, &l);
	p->want = column + 2;
	if (!p->same_line && l.indent > column)
		p->want = l.indent;
	p->bad = 0;
	for (size_t at = p->from; at < p->to && line_read(t, at, &l); at = l.next, number++) {
		bool first_of_same = p->same_line && at == p->from;
		/* Folded lines only have to stand further right than the key. */
		size_t least = p->bar ? p->want : column + 1;

		if (l.n == 0 || first_of_same || l.indent >= least)
			continue;
		p->bad = number;
		p->bad_column = l.indent + 1;
		return;
	}
}

static char *pem_mend(struct report *r, const struct pem *p)
{
	if (p->name[0] && !p->owner.line.dash && !strcmp(p->name, "ca_certificates"))
		return report_text(r, "%s:\n- |\n  -----BEGIN %s-----\n  ...\n  -----END %s-----",
				   p->name, p->label, p->label);
	return report_text(r, "%s%s |\n  -----BEGIN %s-----\n  ...\n  -----END %s-----",
			   p->name[0] ? p->name : "-", p->name[0] ? ":" : "", p->label, p->label);
}

static void tell(struct report *r, const struct pem *p)
{
	const char *name = p->name[0] ? p->name : "the list entry";
	char *mend = pem_mend(r, p);

	if (!p->bar) {
		struct place at = { .line = p->owner.number };

		at.column = (unsigned)(p->same_line ? p->owner.line.value : p->owner.line.n) + 1;
		report_add(r, PROBLEM_ERROR, at, mend,
			   "`|` is missing in front of the PEM block of %s, which keeps its lines "
			   "apart",
			   name);
	} else {
		report_add(
			r, PROBLEM_ERROR,
			(struct place){ .line = p->bad, .column = (unsigned)p->bad_column }, mend,
			"the PEM block of %s is not indented: each of its lines needs %zu spaces "
			"before it",
			name, p->want);
	}
	free(mend);
}

/* The owner's line with its `|`, the lines up to the block emptied, the block indented. */
static void write_mended(FILE *f, const struct text *t, const struct pem *p)
{
	struct line l;

	if (!p->same_line) {
		line_read(t, p->owner.at, &l);
		fprintf(f, "%.*s%s\n", (int)l.n, l.p, p->bar ? "" : " |");
		for (size_t at = l.next; at < p->from && line_read(t, at, &l); at = l.next)
			fputc('\n', f);
	}
	for (size_t at = p->from; at < p->to && line_read(t, at, &l); at = l.next) {
		if (p->same_line && at == p->from)
			fprintf(f, "%.*s\n", (int)l.n, l.p);
		else if (l.n == 0)
			fputc('\n', f);
		else
			fprintf(f, "%*s%.*s\n", (int)p->want, "", (int)(l.n - l.indent),
				l.p + l.indent);
	}
}

static void repair(struct report *r, struct text *t, struct pem *p)
{
	char *mended = NULL;
	size_t n = 0, from = p->same_line ? p->from : p->owner.at;
	FILE *f = open_memstream(&mended, &n);

	if (!f) {
		r->no_memory = true;
		return;
	}
	write_mended(f, t, p);
	if (ferror(f) | fclose(f) || text_replace(t, from, p->to, mended, n))
		r->no_memory = true;
	else
		p->to = from + n;
	free(mended);
}

/* The line l at octet at is the BEGIN of a block that is a value: fills in the rest of p. */
static bool recognise(const struct text *t, const struct line *l, size_t at, unsigned number,
		      const struct owner *above, struct pem *p)
{
	size_t begin = l->value, label;
	const char *end;

	if (!value_begins(l, begin, begin_mark))
		return false;
	*p = (struct pem){ .from = at, .number = number };
	p->same_line = l->dash || l->key_n;
	p->owner = *above;
	if (p->same_line)
		p->owner = (struct owner){ .line = *l, .at = at, .number = number, .found = true };
	if (!p->owner.found)
		return false;
	p->bar = line_opens_block(&p->owner.line);
	if (!p->bar && !p->same_line && p->owner.line.value != p->owner.line.n)
		return false; /* a later block of the same text */
	label = begin + strlen(begin_mark);
	end = memmem(l->p + label, l->n - label, "-----", 5);
	copy_name(p->label, l->p + label, end ? (size_t)(end - l->p) - label : l->n - label);
	copy_name(p->name, p->owner.line.p + p->owner.line.key, p->owner.line.key_n);
	(void)extent(t, p);
	measure(t, p);
	return true;
}

void mend_pem(struct report *r, struct text *t)
{
	struct owner above = { 0 };
	unsigned number = 1, repairs = 0;
	struct line l;
	struct pem p;

	for (size_t at = 0; line_read(t, at, &l) && repairs < REPAIRS_MAX; number++) {
		size_t from = at;

		at = l.next;
		if (recognise(t, &l, from, number, &above, &p) && (p.bad || !p.bar)) {
			tell(r, &p);
			repairs++;
			if (p.bad || !p.same_line) {
				repair(r, t, &p);
				/* The line after the BEGIN: further blocks of this text are none.
				 */
				line_number(t, number, &l, &at);
				at = l.next;
			}
		}
		if (!line_is_blank(&l)) {
			above = (struct owner){ .line = l, .at = from, .number = number };
			above.found = l.dash || l.key_n;
		}
	}
}
