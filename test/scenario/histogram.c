/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/histogram.h"

#include <math.h>

#define STEP 1.02

void histogram_add(struct histogram *h, int64_t value)
{
	size_t i = value < 1 ? 0 : (size_t)(log((double)value) / log(STEP)) + 1;

	h->n++;
	if (value > h->worst)
		h->worst = value;
	h->bucket[i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1]++;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	to->n += from->n;
	if (from->worst > to->worst)
		to->worst = from->worst;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

int64_t histogram_at(const struct histogram *h, double percent)
{
	double wanted = (double)h->n * percent / 100, seen = 0;
	int64_t value;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (h->bucket[i] == 0 || seen < wanted)
			continue;
		value = i == 0 ? 0 : (int64_t)pow(STEP, (double)i);
		return value > h->worst ? h->worst : value;
	}
	return h->worst;
}
