/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/missed.h"

#include <stdlib.h>

static int compare_refs(const struct sa_ref *a, const struct sa_ref *b)
{
	if (a->spi != b->spi)
		return a->spi < b->spi ? -1 : 1;
	return ip_compare(&a->dst, &b->dst);
}

static int by_ref(const void *a, const void *b)
{
	return compare_refs(&((const struct sa_held *)a)->ref, &((const struct sa_held *)b)->ref);
}

static struct kernel_event expiry(const struct sa_ref *ref, bool hard)
{
	return (struct kernel_event){
		.kind = KERNEL_EXPIRE,
		.reqid = IKEMESH_REQID,
		.src = ref->src,
		.dst = ref->dst,
		.spi = ref->spi,
		.hard = hard,
	};
}

void missed_events(struct sa_held *held, size_t n_held, const struct sa_ref *known, size_t n_known,
		   void (*each)(const struct kernel_event *, void *), void *arg)
{
	if (n_held > 0)
		qsort(held, n_held, sizeof(*held), by_ref);
	for (size_t i = 0; i < n_held; i++) {
		struct kernel_event e = expiry(&held[i].ref, false);

		if (held[i].larval)
			e.kind = KERNEL_ACQUIRE;
		else if (!held[i].soft_reached)
			continue;
		each(&e, arg);
	}
	for (size_t i = 0; i < n_known; i++) {
		const struct sa_held key = { .ref = known[i] };
		const struct kernel_event e = expiry(&known[i], true);

		if (n_held == 0 || !bsearch(&key, held, n_held, sizeof(*held), by_ref))
			each(&e, arg);
	}
}
