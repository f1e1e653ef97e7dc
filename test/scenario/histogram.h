/* SPDX-License-Identifier: Apache-2.0 */
/* Many values in little room: each is known to within 2 %. */
#ifndef IKEMESH_TEST_SCENARIO_HISTOGRAM_H
#define IKEMESH_TEST_SCENARIO_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 1400

struct histogram {
	uint64_t n;
	int64_t worst;
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, int64_t value); /* negative: as 0 */
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The value that so many percent do not exceed, 0 to 100; exact at 100. */
int64_t histogram_at(const struct histogram *h, double percent);

#endif
