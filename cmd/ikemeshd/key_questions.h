/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of the keyholder and is not answered yet, in memory alone: found by its number,
 * and of what is to be sent the oldest first.
 */
#ifndef IKEMESH_CMD_KEY_QUESTIONS_H
#define IKEMESH_CMD_KEY_QUESTIONS_H

#include "cmd/ikemeshd/key_client.h"
#include "ike/event.h"

struct question {
	struct question *next; /* of those that are to be sent */
	uint64_t id;
	enum key_kind kind;
	struct secret octets; /* the message */
	struct mono deadline;
	unsigned seconds; /* that it had */
	bool waits;	  /* to be sent */
	struct job *job;  /* NULL: another kind */
	void (*job_done)(void *arg, struct job *job);
	key_done *done;
	void (*drop)(void *arg);
	void *arg;
};

struct questions {
	struct question *slots[KEY_QUESTIONS_MAX]; /* by id */
	struct question *first, **end;		   /* to be sent, in order */
	size_t n, jobs;
	uint64_t last_id;
};

/* Ids begin with this one. */
void questions_init(struct questions *qs, uint64_t first_id);
void questions_free(struct questions *qs); /* all that are open, with their jobs */

bool questions_full(const struct questions *qs);
uint64_t questions_next_id(struct questions *qs); /* not if they are full */
/* With its id, which nobody else was given; to be sent, and owned here. */
void questions_add(struct questions *qs, struct question *q);
struct question *questions_find(const struct questions *qs, uint64_t id);
/* The caller's again, but for its octets, which are gone. */
void questions_remove(struct questions *qs, struct question *q);

void questions_sent(struct questions *qs, struct question *q);
void questions_unsend(struct questions *qs); /* all that were are to be sent once more */

struct question *questions_due(const struct questions *qs, struct mono now); /* NULL: none */
struct mono questions_deadline(const struct questions *qs);

#endif
