/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration that might take the place of the one in force: asked of the keyholder, put
 * together, and held against the peers that are connected. The loop waits for none of it: each
 * step ends with a call in the loop, and the next begins from there.
 */
#ifndef IKEMESH_CMD_CANDIDATE_H
#define IKEMESH_CMD_CANDIDATE_H

#include "cmd/ikemeshd/key_client.h"
#include "cmd/ikemeshd/pool.h"
#include "cmd/ikemeshd/preflight.h"
#include "config/config.h"

struct daemon;
struct candidate;

/* After a step; owns the candidate, err is 0 or says why it goes no further. */
typedef void candidate_step(struct candidate *c);

struct candidate {
	struct chore chore; /* first: for the pool */
	struct daemon *d;
	candidate_step *next;
	void *arg; /* whoever's who began: of malloc(), and freed with it */
	int err;

	int content;	 /* what came from the keyholder; -1 once it is read */
	uint64_t serial; /* that it is committed to with */
	struct problems problems;
	struct config *config; /* NULL: it has errors, which problems count */

	struct preflight_sides sides;
	struct peers peers; /* with copies of their own */
	struct preflight found;
};

/* KEY_LOAD or KEY_CHECK; read comes when config and problems are there. 0, or negative errno and
 * arg stays the caller's. */
int candidate_ask(struct daemon *d, const struct key_message *question, unsigned seconds,
		  candidate_step *read, void *arg);

/* Whom it would cut off: found. err, and -ENOMEM at once, in judged(). Takes c over. */
void candidate_judge(struct candidate *c, candidate_step *judged);

/* The configuration; the caller's then. */
struct config *candidate_take(struct candidate *c);

void candidate_free(struct candidate *c); /* NULL is fine */

#endif
