/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a storm of handshakes took from the system, and the heap holds in pieces between what stays,
 * goes back. Settled keys are not on the heap (ike/store.h).
 */
#ifndef IKEMESH_CMD_HEAP_H
#define IKEMESH_CMD_HEAP_H

#include "ike/event.h"

#define HEAP_HANDSHAKES 64 /* so many are worth it */

struct heap {
	const void *begin;	      /* of what may go */
	uint64_t handshakes;	      /* at the last storm */
	struct mono soon_at, late_at; /* it is tidied; MONO_NEVER */
};

/* For the whole process, before anything is allocated. */
void heap_limits(void);
void heap_open(struct heap *h);
/*
 * handshakes: so far. True: a storm is over, or what was kept of it for some minutes is gone, and
 * it is time for heap_tidy().
 */
bool heap_tick(struct heap *h, struct mono now, uint64_t handshakes);
struct mono heap_deadline(const struct heap *h);
/*
 * locked: the process's memory is locked, and is so again behind it. 0, or negative errno: it could
 * not be locked again.
 */
int heap_tidy(const struct heap *h, bool locked);

#endif
