/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may begin a negotiation now. A host that wakes up among a thousand peers would begin with all
 * of them at once, and have its own answers come too late for most: so a token bucket for the whole
 * engine. A negotiation that comes up gives its token back, hence live peers are served as fast as
 * the machine can, while dead ones cost what the bucket refills. Pairs whose peer has answered
 * before come first.
 */
#ifndef IKEMESH_IKE_ADMISSION_H
#define IKEMESH_IKE_ADMISSION_H

#include "ike/core.h"

#define ADMISSION_BURST 100 /* as many as the kernel holds packets in a queue */
#define ADMISSION_PER_S 32

/* Begins with the pair (pair_initiate) now, or when its turn comes if traffic still wants it. */
void admission_ask(struct engine *e, struct pair *p);
/* The pair needs no turn any more: it begins anyway, or goes. */
void admission_forget(struct engine *e, struct pair *p);
/* A negotiation that we began came up. */
void admission_succeeded(struct engine *e);
/* The engine's deadline: tokens came in. */
void admission_timer(struct engine *e);

#endif
