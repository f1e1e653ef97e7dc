/* SPDX-License-Identifier: Apache-2.0 */
/* Medians and quartiles of what was measured. */
#ifndef IKEMESH_TEST_BENCH_STATS_H
#define IKEMESH_TEST_BENCH_STATS_H

#include <stddef.h>

#define STATS_MAX 1024

struct stats {
	double v[STATS_MAX];
	size_t n;
};

void stats_add(struct stats *s, double v);
/* The value that so many of a hundred lie below; sorts. 0 of none. */
double stats_at(struct stats *s, double percent);
/* {"median": …, "low": …, "high": …}: the quartiles; times scale. */
void stats_print(struct stats *s, const char *name, double scale);

#endif
