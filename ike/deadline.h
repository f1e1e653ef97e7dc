/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of all objects in one binary heap: arming, moving and taking the earliest cost
 * O(log n), and no one ever walks over all objects to see whose time has come.
 */
#ifndef IKEMESH_IKE_DEADLINE_H
#define IKEMESH_IKE_DEADLINE_H

#include "ike/event.h"

enum deadline_owner {
	DEADLINE_PAIR,
	DEADLINE_SA,
	DEADLINE_CHILD,
	DEADLINE_ADMISSION,
};

/* Lives inside its owner. Zero-initialised: not armed. */
struct deadline {
	struct mono at;
	size_t slot; /* place in the heap from 1; 0: not armed */
	enum deadline_owner owner;
};

struct deadlines {
	struct deadline **heap;
	size_t n, room;
};

void deadlines_free(struct deadlines *ds);
/* Makes sure that `n` deadlines can be armed without asking for memory. 0 or -ENOMEM. */
int deadlines_reserve(struct deadlines *ds, size_t n);
/* Arms or moves. Room must have been reserved: objects reserve when they are made. */
void deadline_arm(struct deadlines *ds, struct deadline *d, struct mono at);
void deadline_disarm(struct deadlines *ds, struct deadline *d);
struct deadline *deadlines_first(const struct deadlines *ds); /* NULL if none is armed */

#endif
