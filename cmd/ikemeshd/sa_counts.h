/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of all SAs of ours in the kernel, read in one go. */
#ifndef IKEMESH_CMD_SA_COUNTS_H
#define IKEMESH_CMD_SA_COUNTS_H

#include "xfrm/kernel.h"

struct sa_counts {
	struct sa_counted *all; /* sorted */
	size_t n, room;
};

/* kernel NULL, or no memory: none, or not all. */
void sa_counts_take(struct kernel *kernel, struct sa_counts *out);
void sa_counts_free(struct sa_counts *c);

/* Of the SA to dst with this SPI; NULL: it is not in the kernel. */
const struct sa_counters *sa_counts_find(const struct sa_counts *c, const struct ip *dst,
					 uint32_t spi);

#endif
