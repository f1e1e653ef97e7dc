/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diff.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONAL " optional"

static int add(struct diff *d, const struct key_row *row, const char *before, const char *after)
{
	struct change *more = realloc(d->p, (d->n + 1) * sizeof(*more)), *c;

	if (!more)
		return -ENOMEM;
	d->p = more;
	c = &d->p[d->n++];
	*c = (struct change){ .row = row };
	c->before = before ? strdup(before) : NULL;
	c->after = after ? strdup(after) : NULL;
	return (before && !c->before) || (after && !c->after) ? -ENOMEM : 0;
}

/* An entry without its word optional. */
static size_t bare_len(const char *text)
{
	size_t n = strlen(text), word = strlen(OPTIONAL);

	return n > word && !strcmp(text + n - word, OPTIONAL) ? n - word : n;
}

static bool same_entry(const char *a, const char *b)
{
	size_t n = bare_len(a);

	return n == bare_len(b) && !memcmp(a, b, n);
}

static const char *counterpart(const struct values *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (same_entry(v->p[i], text))
			return v->p[i];
	return NULL;
}

static int compare_lists(struct diff *d, const struct key_row *row, const struct values *before,
			 const struct values *after)
{
	int r = 0;

	for (size_t i = 0; !r && i < before->n; i++) {
		const char *now = counterpart(after, before->p[i]);

		if (!now || strcmp(now, before->p[i]))
			r = add(d, row, before->p[i], now);
	}
	for (size_t i = 0; !r && i < after->n; i++)
		if (!counterpart(before, after->p[i]))
			r = add(d, row, NULL, after->p[i]);
	return r;
}

static const char *nth(const struct values *v, size_t i)
{
	return i < v->n ? v->p[i] : NULL;
}

static int compare_values(struct diff *d, const struct key_row *row, const struct values *before,
			  const struct values *after)
{
	size_t n = before->n > after->n ? before->n : after->n;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		const char *a = nth(before, i), *b = nth(after, i);

		if (!a || !b || strcmp(a, b))
			r = add(d, row, a, b);
	}
	return r;
}

static bool is_a_set(const struct key_row *row)
{
	return row->type == VALUE_SUBNETS || row->type == VALUE_CAS;
}

int config_diff(const struct view *before, const struct view *after, struct diff *out)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	*out = (struct diff){ 0 };
	for (size_t i = 0; i < n; i++) {
		int r = (is_a_set(&rows[i]) ? compare_lists : compare_values)(
			out, &rows[i], &before->key[i], &after->key[i]);

		if (r) {
			diff_free(out);
			return r;
		}
	}
	return 0;
}

void diff_free(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->p[i].before);
		free(d->p[i].after);
	}
	free(d->p);
	*d = (struct diff){ 0 };
}

enum fate pair_fate(const struct spec *after, const struct ip *local, const struct ip *remote,
		    const struct subnet_spec **which)
{
	*which = NULL;
	if (!spec_covers(after, local))
		return FATE_UNCOVERED;
	switch (spec_ruling(after, remote, which)) {
	case RULING_NONE:
		return FATE_LEAVES;
	case RULING_BYPASS:
		return FATE_BYPASSED;
	case RULING_OPTIONAL:
	case RULING_ENFORCED:
		break;
	}
	return FATE_STAYS;
}
