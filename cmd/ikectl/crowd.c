/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/crowd.h"
#include "cmd/ikectl/model.h"

#include <stdlib.h>
#include <string.h>

#define FAILED_TOLD 16

static void turn(struct crowd *c, struct crowd_peer *p, enum crowd_state state)
{
	c->count[p->state]--;
	p->state = state;
	c->count[state]++;
}

static struct crowd_peer *find(struct crowd *c, const char *peer)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->p[i].peer, peer) == 0)
			return &c->p[i];
	}
	return NULL;
}

bool crowd_add(struct crowd *c, const char *peer)
{
	if (c->n == c->room) {
		const size_t room = c->room == 0 ? 16 : c->room * 2;
		struct crowd_peer *more = realloc(c->p, room * sizeof(*more));

		if (more == NULL)
			return false;
		c->p = more;
		c->room = room;
	}
	c->p[c->n] = (struct crowd_peer){ .state = CROWD_TO_ASK };
	snprintf(c->p[c->n].peer, sizeof(c->p[c->n].peer), "%s", peer);
	c->n++;
	c->count[CROWD_TO_ASK]++;
	return true;
}

bool crowd_add_missing(struct crowd *c, const json_t *pairs_answer)
{
	const json_t *pair;

	EACH(get(pairs_answer, "pairs"), pair)
	{
		const bool ours = is(pair, "ruling", "enforced") || is(pair, "ruling", "optional");

		if (ours && !is(pair, "state", "up") && !crowd_add(c, text(pair, "remote")))
			return false;
	}
	return true;
}

void crowd_free(struct crowd *c)
{
	free(c->p);
	*c = (struct crowd){ .n = 0 };
}

struct crowd_peer *crowd_next(struct crowd *c, size_t most)
{
	if (c->count[CROWD_TO_ASK] == 0 || c->count[CROWD_ASKED] >= most)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		if (c->p[i].state == CROWD_TO_ASK) {
			turn(c, &c->p[i], CROWD_ASKED);
			return &c->p[i];
		}
	}
	return NULL;
}

void crowd_fail(struct crowd *c, struct crowd_peer *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	turn(c, p, CROWD_FAILED);
}

void crowd_succeed(struct crowd *c, struct crowd_peer *p)
{
	turn(c, p, CROWD_DONE);
}

void crowd_hear(struct crowd *c, const json_t *events_answer, const char *done)
{
	const json_t *event;

	EACH(get(events_answer, "events"), event)
	{
		struct crowd_peer *p = find(c, text(event, "peer"));

		if (p == NULL || p->state == CROWD_TO_ASK)
			continue;
		if (is(event, "event", done))
			turn(c, p, CROWD_DONE);
		else if (is(event, "event", "failed") && p->state == CROWD_ASKED)
			crowd_fail(c, p, text(event, "text"));
	}
}

bool crowd_is_over(const struct crowd *c)
{
	return c->count[CROWD_TO_ASK] == 0 && c->count[CROWD_ASKED] == 0;
}

void crowd_give_up(struct crowd *c, const char *why)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->p[i].state == CROWD_TO_ASK || c->p[i].state == CROWD_ASKED)
			crowd_fail(c, &c->p[i], why);
	}
}

void crowd_tell_failed(const struct crowd *c, FILE *out)
{
	size_t told = 0;

	for (size_t i = 0; i < c->n && told < FAILED_TOLD; i++) {
		if (c->p[i].state == CROWD_FAILED) {
			fprintf(out, "%s: %s\n", c->p[i].peer, c->p[i].why);
			told++;
		}
	}
	if (c->count[CROWD_FAILED] > told)
		fprintf(out, "and %zu more\n", c->count[CROWD_FAILED] - told);
}
