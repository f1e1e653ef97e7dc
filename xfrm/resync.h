/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies held against policies wanted. Pure: it says what to do, in which order, and touches
 * nothing that is not ours.
 *
 * What is missing comes first, then what must change in place, then what is too much goes: what
 * wins over others is the first to come and the last to go, so that no address is uncovered in
 * between, and no bypassed one is caught. Where priorities change (precedence), what makes
 * protection firmer comes before all that, and what makes it softer after it: rather a bypassed
 * address is caught for a moment than a protected one spoken to in the clear. Where something that
 * is to come was refused, nothing may go (n_building).
 */
#ifndef IKEMESH_XFRM_RESYNC_H
#define IKEMESH_XFRM_RESYNC_H

#include "xfrm/kernel.h"

enum resync_op {
	RESYNC_ADD,
	RESYNC_UPDATE,
	RESYNC_DELETE,
};

struct resync_step {
	enum resync_op op;
	struct policy policy; /* with the index to give or to delete by */
};

struct resync {
	struct resync_step *step;
	size_t n, room;
	size_t n_building; /* of the steps, the first ones: the others take away what these replace
			    */
	size_t blocked;	   /* wanted, but a policy of others has that selector */
};

/* 0, -ENOMEM or -ENOSPC (no index left); *out is to be freed whatever the outcome. */
int resync_plan(const struct policy_held *held, size_t n_held, const struct policy_set *wanted,
		struct resync *out);
void resync_free(struct resync *r);

#endif
