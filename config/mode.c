/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "ikemesh mode 1\n"
#define LAST_LINE "end\n"
#define ENTRIES_MAX 65536

static const char *const names[] = {
	[MODE_FILE] = "file",
	[MODE_OPTIONAL] = "optional",
	[MODE_ENFORCED] = "enforced",
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

const char *mode_choice_name(enum mode_choice choice)
{
	return names[choice];
}

bool mode_choice_parse(const char *name, enum mode_choice *out)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum mode_choice)i;
			return true;
		}
	}
	return false;
}

void mode_wipe(struct mode *m)
{
	free(m->entry);
	*m = (struct mode){ 0 };
}

int mode_copy(struct mode *to, const struct mode *from)
{
	*to = (struct mode){ .all = from->all };
	for (size_t i = 0; i < from->n; i++) {
		if (mode_choose(to, &from->entry[i].net, from->entry[i].choice) != 0) {
			mode_wipe(to);
			return -ENOMEM;
		}
	}
	return 0;
}

static struct mode_entry *find(const struct mode *m, const struct subnet *net)
{
	for (size_t i = 0; i < m->n; i++) {
		if (subnet_equal(&m->entry[i].net, net))
			return &m->entry[i];
	}
	return NULL;
}

/* What all is said to be needs no saying. */
static void forget(struct mode *m, struct mode_entry *e)
{
	*e = m->entry[m->n - 1];
	m->n--;
}

static int add(struct mode *m, const struct subnet *net, enum mode_choice choice)
{
	struct mode_entry *more = realloc(m->entry, (m->n + 1) * sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	m->entry = more;
	m->entry[m->n++] = (struct mode_entry){ .net = *net, .choice = choice };
	return 0;
}

int mode_choose(struct mode *m, const struct subnet *net, enum mode_choice choice)
{
	struct mode_entry *e = net != NULL ? find(m, net) : NULL;

	if (net == NULL) {
		mode_wipe(m);
		m->all = choice;
	} else if (e != NULL && choice == m->all) {
		forget(m, e);
	} else if (e != NULL) {
		e->choice = choice;
	} else if (choice != m->all) {
		return add(m, net, choice);
	}
	return 0;
}

enum mode_choice mode_of(const struct mode *m, const struct subnet *net)
{
	const struct mode_entry *e = find(m, net);

	return e != NULL ? e->choice : m->all;
}

bool mode_is_optional(const struct mode *m, const struct subnet_spec *entry)
{
	const enum mode_choice choice = mode_of(m, &entry->net);

	return choice == MODE_FILE ? entry->optional_in_file : choice == MODE_OPTIONAL;
}

void mode_apply(const struct mode *m, struct spec *s)
{
	s->optional = s->n_protect > 0;
	for (size_t i = 0; i < s->n_protect; i++) {
		struct subnet_spec *p = &s->protect[i];

		p->optional = mode_is_optional(m, p);
		s->optional = s->optional && p->optional;
	}
}

size_t mode_differences(const struct spec *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_protect; i++)
		n += s->protect[i].optional != s->protect[i].optional_in_file;
	return n;
}

/* ---- text ----------------------------------------------------------------------------------- */

char *mode_write(const struct mode *m)
{
	char *text = NULL, net[SUBNET_TEXT_LEN];
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	fprintf(out, FIRST_LINE "all %s\n", names[m->all]);
	for (size_t i = 0; i < m->n; i++)
		fprintf(out, "%s %s\n", subnet_text(&m->entry[i].net, net),
			names[m->entry[i].choice]);
	fputs(LAST_LINE, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* "WHAT CHOICE", cut in two in place. */
static bool read_line(char *line, const char **what, enum mode_choice *choice)
{
	char *blank = strchr(line, ' ');

	if (blank == NULL)
		return false;
	*blank = '\0';
	*what = line;
	return mode_choice_parse(blank + 1, choice);
}

static int read_entry(char *line, struct mode *m)
{
	char said[SUBNET_TEXT_LEN];
	enum mode_choice choice;
	struct subnet net;
	const char *what;
	bool host_bits;

	if (m->n == ENTRIES_MAX || !read_line(line, &what, &choice) ||
	    !subnet_parse(what, &net, &host_bits) || strcmp(subnet_text(&net, said), what) != 0 ||
	    choice == m->all || find(m, &net) != NULL)
		return -EINVAL;
	return add(m, &net, choice);
}

/* Lines between the first and the last; text ends with a line end. */
static int read_lines(char *text, struct mode *m)
{
	const char *what;
	char *rest = NULL, *line = strtok_r(text, "\n", &rest);
	int err = 0;

	if (line == NULL || !read_line(line, &what, &m->all) || strcmp(what, "all") != 0)
		return -EINVAL;
	while (err == 0 && (line = strtok_r(NULL, "\n", &rest)) != NULL)
		err = read_entry(line, m);
	return err;
}

/* Without its last line the file was cut off; an octet 0 would hide what follows. */
static bool is_framed(struct bytes text)
{
	const size_t first = strlen(FIRST_LINE), last = strlen(LAST_LINE);

	return text.n > first + last && memchr(text.p, '\0', text.n) == NULL &&
	       memcmp(text.p, FIRST_LINE, first) == 0 && text.p[text.n - last - 1] == '\n' &&
	       memcmp(text.p + text.n - last, LAST_LINE, last) == 0;
}

static bool is_as_written(struct bytes text, const struct mode *m)
{
	char *again = mode_write(m);
	const bool same =
		again != NULL && strlen(again) == text.n && memcmp(again, text.p, text.n) == 0;

	free(again);
	return same;
}

int mode_parse(struct bytes text, struct mode *out)
{
	char *copy;
	int err;

	*out = (struct mode){ 0 };
	if (!is_framed(text))
		return -EINVAL;
	copy = strndup((const char *)text.p + strlen(FIRST_LINE),
		       text.n - strlen(FIRST_LINE) - strlen(LAST_LINE));
	if (copy == NULL)
		return -ENOMEM;
	err = read_lines(copy, out);
	free(copy);
	if (err == 0 && !is_as_written(text, out))
		err = -EINVAL;
	if (err != 0)
		mode_wipe(out);
	return err;
}
