/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened of late, for whoever watches: the last reports, numbered. Who watches asks for what
 * came behind the last one that he has; nothing is kept for him, so that one who is too slow loses
 * events, is told how many, and holds up nobody. Pure: time comes in.
 */
#ifndef IKEMESH_CMD_EVENTS_H
#define IKEMESH_CMD_EVENTS_H

#include "ike/action.h"

#include <jansson.h>

#define EVENTS_KEPT 4096
#define EVENTS_TEXTS (EVENTS_KEPT * 128) /* octets of their texts: fewer are kept of long ones */
#define EVENTS_AN_ANSWER 512
#define EVENT_TEXT_LEN 512   /* longer ones are cut */
#define EVENTS_STREAM_LEN 17 /* of a stream's name, with its NUL */

struct events;

/* stream: the name of this row of numbers; another daemon begins another. NULL on no memory. */
struct events *events_new(const char stream[static EVENTS_STREAM_LEN]);
void events_free(struct events *e); /* NULL is fine */

/* at_ms: of the day's clock, since the epoch. */
void events_add(struct events *e, int64_t at_ms, const struct report *report);

uint64_t events_next(const struct events *e); /* the number that the next one gets */

struct events_question {
	uint64_t from;		/* the first number that is asked for */
	const struct ip *peer;	/* only what concerns this peer; NULL: all */
	enum report_level most; /* no chattier ones than this level */
};

/*
 * "stream", "next" (to ask from the next time), "lost" (of those asked for, whoever they concerned,
 * so many are not kept any more) and "events", at most EVENTS_AN_ANSWER of them: the caller's.
 * *n: how many. NULL on no memory.
 */
json_t *events_answer(const struct events *e, const struct events_question *q, size_t *n);

/* The number from which the last n that the question is about are told. q->from does not count. */
uint64_t events_last(const struct events *e, const struct events_question *q, size_t n);

bool events_is_stream(const struct events *e, const char *name);

#endif
