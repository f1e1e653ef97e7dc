/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to happen, by time; of two things at one time the older goes first. A heap whose entries
 * carry their times, since the simulator spends its life here.
 */
#ifndef IKEMESH_TEST_SIM_EVENT_QUEUE_H
#define IKEMESH_TEST_SIM_EVENT_QUEUE_H

#include "ike/event.h"

struct sim_event;

struct queue_entry {
	int64_t at_us;
	uint64_t order;
	struct sim_event *event;
};

struct event_queue {
	struct queue_entry *heap;
	size_t n, room;
	uint64_t order;
};

void queue_push(struct event_queue *q, struct mono at, struct sim_event *event);
/* q->n must not be 0; its time goes to *at. */
struct sim_event *queue_pop(struct event_queue *q, struct mono *at);
void queue_free(struct event_queue *q); /* not the events in it */

#endif
