/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer asks for an IKE SA, is answered, and is not heard of again: the answer was lost, or, with
 * strongSwan up to 5.9, came before its own IKE SA was where answers are looked for. It repeats its
 * request after 4 s only, and until then nothing that it sends arrives, since its SAs are gone or
 * it has none. Who of us sends has less of a wait: we begin as well, 500 ms after our answer.
 *
 * A stranger can have an IKE_SA_INIT come under the peer's address. So it must be a peer that has
 * proved who it is since we started, that is no ikemesh host (which repeats sooner), while no
 * cookies are asked for, and once in 30 s. Should both come up, survivor.h has the rest.
 */
#ifndef IKEMESH_IKE_OVERTAKE_H
#define IKEMESH_IKE_OVERTAKE_H

#include "ike/core.h"

/* Our answer to its IKE_SA_INIT goes: when to look after it. */
struct mono overtake_due(const struct engine *e, const struct ike_sa *sa);
/* It is that time, and sa is as it was. */
void overtake(struct engine *e, struct ike_sa *sa);

#endif
