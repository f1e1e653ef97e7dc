/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/stats.h"

#include <stdio.h>
#include <stdlib.h>

void stats_add(struct stats *s, double v)
{
	if (s->n < STATS_MAX)
		s->v[s->n++] = v;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_at(struct stats *s, double percent)
{
	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(s->v[0]), ascending);
	return s->v[(size_t)((double)(s->n - 1) * percent / 100 + 0.5)];
}

void stats_print(struct stats *s, const char *name, double scale)
{
	printf("\"%s\": {\"median\": %.4f, \"low\": %.4f, \"high\": %.4f, \"n\": %zu}", name,
	       stats_at(s, 50) * scale, stats_at(s, 25) * scale, stats_at(s, 75) * scale, s->n);
}
