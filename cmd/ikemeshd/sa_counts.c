/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/sa_counts.h"

#include <stdlib.h>

struct sa_counted {
	struct sa_ref ref;
	struct sa_counters counters;
};

static int compare(const void *va, const void *vb)
{
	const struct sa_ref *a = &((const struct sa_counted *)va)->ref;
	const struct sa_ref *b = &((const struct sa_counted *)vb)->ref;

	if (a->spi != b->spi)
		return a->spi < b->spi ? -1 : 1;
	return ip_compare(&a->dst, &b->dst);
}

static int count(const struct sa_held *sa, void *arg)
{
	struct sa_counts *c = arg;

	if (sa->larval)
		return 0;
	if (c->n == c->room) {
		size_t room = c->room == 0 ? 64 : c->room * 2;
		struct sa_counted *more = realloc(c->all, room * sizeof(*more));

		if (more == NULL)
			return -1;
		c->all = more;
		c->room = room;
	}
	c->all[c->n++] = (struct sa_counted){ .ref = sa->ref, .counters = sa->counters };
	return 0;
}

void sa_counts_take(struct kernel *kernel, struct sa_counts *out)
{
	*out = (struct sa_counts){ .n = 0 };
	if (kernel == NULL)
		return;
	kernel_sa_dump(kernel, count, out);
	if (out->n > 0)
		qsort(out->all, out->n, sizeof(*out->all), compare);
}

void sa_counts_free(struct sa_counts *c)
{
	free(c->all);
	*c = (struct sa_counts){ .n = 0 };
}

const struct sa_counters *sa_counts_find(const struct sa_counts *c, const struct ip *dst,
					 uint32_t spi)
{
	const struct sa_counted key = { .ref = { .dst = *dst, .spi = spi } };
	const struct sa_counted *found =
		c->n > 0 ? bsearch(&key, c->all, c->n, sizeof(key), compare) : NULL;

	return found != NULL ? &found->counters : NULL;
}
