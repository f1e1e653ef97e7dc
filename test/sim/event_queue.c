/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/event_queue.h"

#include <stdlib.h>

#define WAYS 4 /* children of a node: a flat tree touches fewer lines of the cache */

static bool earlier(const struct queue_entry *a, const struct queue_entry *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void queue_push(struct event_queue *q, struct mono at, struct sim_event *event)
{
	const struct queue_entry e = { .at_us = at.us, .order = ++q->order, .event = event };
	size_t i = q->n++;

	if (q->n > q->room) {
		q->room = q->room == 0 ? 1024 : q->room * 2;
		q->heap = realloc(q->heap, q->room * sizeof *q->heap);
		if (q->heap == NULL)
			abort();
	}
	for (; i > 0 && earlier(&e, &q->heap[(i - 1) / WAYS]); i = (i - 1) / WAYS)
		q->heap[i] = q->heap[(i - 1) / WAYS];
	q->heap[i] = e;
}

struct sim_event *queue_pop(struct event_queue *q, struct mono *at)
{
	struct sim_event *first = q->heap[0].event;
	const struct queue_entry last = q->heap[--q->n];
	size_t i = 0;

	at->us = q->heap[0].at_us;
	for (;;) {
		size_t child = WAYS * i + 1, least = child;

		for (size_t j = child + 1; j < child + WAYS && j < q->n; j++)
			if (earlier(&q->heap[j], &q->heap[least]))
				least = j;
		if (child >= q->n || !earlier(&q->heap[least], &last))
			break;
		q->heap[i] = q->heap[least];
		i = least;
	}
	q->heap[i] = last;
	return first;
}

void queue_free(struct event_queue *q)
{
	free(q->heap);
	*q = (struct event_queue){ 0 };
}
