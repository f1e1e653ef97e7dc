/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/deadline.h"

#include <errno.h>
#include <stdlib.h>

void deadlines_free(struct deadlines *ds)
{
	free(ds->heap);
	*ds = (struct deadlines){ 0 };
}

int deadlines_reserve(struct deadlines *ds, size_t n)
{
	if (n <= ds->room)
		return 0;
	size_t room = ds->room ? ds->room : 16;
	while (room < n)
		room *= 2;
	struct deadline **heap = realloc(ds->heap, room * sizeof(struct deadline *));
	if (heap == NULL)
		return -ENOMEM;
	ds->heap = heap;
	ds->room = room;
	return 0;
}

static void put(struct deadlines *ds, size_t slot, struct deadline *d)
{
	ds->heap[slot - 1] = d;
	d->slot = slot;
}

static void sift_up(struct deadlines *ds, struct deadline *d)
{
	size_t slot = d->slot;
	while (slot > 1 && ds->heap[slot / 2 - 1]->at.us > d->at.us) {
		put(ds, slot, ds->heap[slot / 2 - 1]);
		slot /= 2;
	}
	put(ds, slot, d);
}

static void sift_down(struct deadlines *ds, struct deadline *d)
{
	size_t slot = d->slot;
	for (;;) {
		size_t child = slot * 2;
		if (child > ds->n)
			break;
		if (child < ds->n && ds->heap[child]->at.us < ds->heap[child - 1]->at.us)
			child++;
		if (ds->heap[child - 1]->at.us >= d->at.us)
			break;
		put(ds, slot, ds->heap[child - 1]);
		slot = child;
	}
	put(ds, slot, d);
}

void deadline_arm(struct deadlines *ds, struct deadline *d, struct mono at)
{
	if (at.us == INT64_MAX) {
		deadline_disarm(ds, d);
		return;
	}
	d->at = at;
	if (d->slot == 0) {
		if (ds->n == ds->room) /* never: room is reserved with each owner */
			abort();
		ds->n++;
		put(ds, ds->n, d);
	}
	sift_up(ds, d);
	sift_down(ds, d);
}

void deadline_disarm(struct deadlines *ds, struct deadline *d)
{
	if (d->slot == 0)
		return;
	size_t slot = d->slot;
	struct deadline *last = ds->heap[ds->n - 1];
	ds->n--;
	d->slot = 0;
	if (last == d)
		return;
	put(ds, slot, last);
	sift_up(ds, last);
	sift_down(ds, last);
}

struct deadline *deadlines_first(const struct deadlines *ds)
{
	return ds->n > 0 ? ds->heap[0] : NULL;
}
