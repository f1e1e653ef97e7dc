/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First packets. The kernel holds what is sent before there is an SA, up to 100 packets, in one
 * queue for each out policy, that is for each local address and protected subnet. It tries only the
 * head. Once the head has its SA the whole queue goes, and what then finds no SA is lost; as long
 * as it has none, nobody's packets go. Hence:
 *
 *   - the outbound SA of the peer at the head waits a little for those behind it, as long as their
 *     negotiations go well;
 *   - a peer at the head that has not answered at all by our first retransmission, or in four times
 *     what the last negotiation took, while others behind it are ready, gets a decoy: an SA with a
 *     key that nobody knows, for a moment, on which the kernel gets rid of its packets. They are
 *     lost, as is all that is sent to such a peer. The same if traffic to it goes on, lest its
 *     packets fill the queue.
 *
 * All of it is about the pairs for which the kernel asked: pair_acquire.
 */
#ifndef IKEMESH_IKE_HOLD_H
#define IKEMESH_IKE_HOLD_H

#include "ike/core.h"

#define HOLD_PACKETS 100 /* XFRM_MAX_QUEUE_LEN */
/* The head waits so long after the last one behind it that came further, and so long in all. */
#define HOLD_STEP_US INT64_C(500000)
#define HOLD_SLOW_US INT64_C(2000000) /* the same, where the peers behind it have answered */
#define HOLD_MOST_US INT64_C(5000000)

/* The kernel holds a packet of the pair. */
void hold_asked(struct engine *e, struct pair *p);
/* Before an outbound SA goes in: must it wait? Then it is c->held, and its deadline armed. */
bool hold_must_wait(struct engine *e, struct child *c);
/* It went in. */
void hold_installed(struct engine *e, const struct child *c);
/* One came a step further, and is not over. */
void hold_stepped(struct engine *e, struct pair *p);
/* A negotiation of the pair made progress, faltered or failed. */
void hold_changed(struct engine *e, const struct pair *p);
/* At the end of each step: what follows from all that. */
void hold_settle(struct engine *e);
/* The pair's deadline: takes the decoy away. */
void hold_timer(struct engine *e, struct pair *p);
/*
 * The pair's peer sends on an SA that is lost. Its packets and their answers are lost in any case
 * until there is a new one: nobody waits for the sake of what the kernel holds for it.
 */
void hold_bereft(struct engine *e, struct pair *p);
/* The pair goes. */
void hold_forget(struct engine *e, struct pair *p);
/* The subnets, and with them the queues, are others now. */
void hold_forget_all(struct engine *e);

#endif
