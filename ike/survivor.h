/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pair, one live CHILD_SA (design 6): which of several carries on, and what becomes of the
 * others. Between ikemesh hosts both compute the same; other peers insist on what they made.
 */
#ifndef IKEMESH_IKE_SURVIVOR_H
#define IKEMESH_IKE_SURVIVOR_H

#include "ike/core.h"

/* Two live ones are left alone for so long: rekeys and crossed starts settle meanwhile. */
#define SURVIVOR_SILENT_US INT64_C(10000000)
/* How often they are looked at: a straggler just after one look must not seem recent at the next.
 */
#define SURVIVOR_LOOK_US (SURVIVOR_SILENT_US / 4)

/*
 * Both sides began at once and both IKE SAs came up: the one of the lower address survives between
 * ikemesh hosts, the peer's own with others. Each side deletes what it made. To be called when an
 * outbound SA came in.
 */
void survivor_choose(struct engine *e, struct pair *p);
/*
 * Two negotiations side by side: the peer must know which of its answers we got before it can rely
 * on one. An empty request on the IKE SA that we made tells it.
 */
void survivor_confirm(struct engine *e, struct pair *p);
/* Installed both ways, on an IKE SA that is up. */
bool survivor_is_live(const struct child *c);
/* Is there another live child for the same traffic? */
bool survivor_has_twin(const struct child *c);
/*
 * The repair, after a look at the counters: of several live children of the same selectors, one
 * goes that has been silent inbound while another carries; if all are silent, all but one go; and
 * so does an IKE SA that is left without a child beside another. Whoever made them. Counted. Where
 * the peer decides and does not, it is asked whether it is still there.
 */
void survivor_check(struct engine *e, struct pair *p);

#endif
