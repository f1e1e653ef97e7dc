/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel said while nobody could hear it (KERNEL_LOST), made out from what it holds: whom
 * it waits for, which SAs came to a soft limit, and which are gone. Pure.
 */
#ifndef IKEMESH_XFRM_MISSED_H
#define IKEMESH_XFRM_MISSED_H

#include "xfrm/kernel.h"

/*
 * Calls each with an acquire for every larval state, an expiry for every SA at its soft limit, and
 * a hard one for every known SA that is not held. Some may have been heard before. held is sorted.
 */
void missed_events(struct sa_held *held, size_t n_held, const struct sa_ref *known, size_t n_known,
		   void (*each)(const struct kernel_event *, void *), void *arg);

#endif
