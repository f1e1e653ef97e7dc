/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs that nothing goes through: when their SAs end, and which of them leaves where room is
 * short. */
#ifndef IKEMESH_IKE_IDLE_H
#define IKEMESH_IKE_IDLE_H

#include "ike/core.h"

/* Key idle_timeout: after a look at the counters, SAs without traffic for so long are deleted. */
void idle_check(struct engine *e, struct pair *p);
/* The same for an IKE SA that has no child whose counters could be looked at. */
void idle_check_sa(struct engine *e, struct ike_sa *sa);
/* Until then, microseconds; at least a second. */
int64_t idle_left(const struct engine *e, const struct pair *p);
/*
 * Key max_pairs: the pair idle longest leaves, at once where it is but a memory of failures, else
 * (with_sas) as soon as its peer knows. false: none can.
 */
bool idle_make_room(struct engine *e, bool with_sas);

#endif
