/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers of which something is asked, and what became of each: from the daemon's "pairs" and
 * "events" (docs/status-json.md). Pure.
 */
#ifndef IKEMESH_CTL_CROWD_H
#define IKEMESH_CTL_CROWD_H

#include "ike/ip.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum crowd_state {
	CROWD_TO_ASK,
	CROWD_ASKED,
	CROWD_DONE,
	CROWD_FAILED,
	CROWD_STATES,
};

#define CROWD_WHY_LEN 256

struct crowd_peer {
	char peer[IP_TEXT_LEN];
	enum crowd_state state;
	char why[CROWD_WHY_LEN]; /* it failed */
};

struct crowd {
	struct crowd_peer *p;
	size_t n, room, count[CROWD_STATES];
};

/* One more; false: no memory. */
bool crowd_add(struct crowd *c, const char *peer);
/* Those that are protected, and have no SA that carries traffic. */
bool crowd_add_missing(struct crowd *c, const json_t *pairs_answer);
void crowd_free(struct crowd *c);

/* The next one to ask, who is asked then; NULL: none, or `most` have not answered. */
struct crowd_peer *crowd_next(struct crowd *c, size_t most);
void crowd_fail(struct crowd *c, struct crowd_peer *p, const char *why);

/* What an answer to "events" says of them: `done` is the event that is waited for. */
void crowd_hear(struct crowd *c, const json_t *events_answer, const char *done);

bool crowd_is_over(const struct crowd *c);
void crowd_succeed(struct crowd *c, struct crowd_peer *p);
/* Those who are asked and did not answer fail with this. */
void crowd_give_up(struct crowd *c, const char *why);
void crowd_tell_failed(const struct crowd *c, FILE *out);

#endif
