/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/idle.h"

#include "ike/pair.h"
#include "ike/sa.h"

#define LOOK_US INT64_C(1000000) /* at least so far apart */
#define LEAVERS_TRIED 64	 /* of a full engine, before a new pair goes without */

int64_t idle_left(const struct engine *e, const struct pair *p)
{
	const int64_t left = p->used_at.us + e->spec->idle_timeout_s * INT64_C(1000000) - e->now.us;

	return left < LOOK_US ? LOOK_US : left;
}

/* All children were looked at since the pair is idle long enough. */
static bool is_idle(const struct engine *e, const struct pair *p)
{
	const int64_t idle = e->spec->idle_timeout_s * INT64_C(1000000);

	if (e->now.us - p->used_at.us < idle || pair_is_wanted(e, p) || pair_is_connecting(e, p))
		return false;
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (const struct child *c = sa->children; c; c = c->next)
			if (c->state <= CHILD_INSTALLED && c->looked_at.us - p->used_at.us < idle)
				return false;
	return true;
}

/*
 * The CHILD_SAs first: their inbound SAs stay until the peer has answered, so that what it sends
 * meanwhile arrives. Then the IKE SA.
 */
static void end_idle(struct engine *e, struct pair *p)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = p->sas; sa; sa = next) {
		next = sa->next;
		if (!sa_is_up(sa) || sa->ends)
			continue;
		sa->ends = true;
		for (struct child *c = sa->children; c; c = c->next)
			c->want_delete = c->want_delete || c->state == CHILD_INSTALLED;
		sa_work(e, sa);
	}
}

void idle_check(struct engine *e, struct pair *p)
{
	if (e->spec->idle_timeout_s == 0 || !is_idle(e, p))
		return;
	report_reason(e, REPORT_INFO, AREA_CHILD, REASON_IDLE, p, NULL, 0,
		      "no traffic for %u s (idle_timeout): its SAs go", e->spec->idle_timeout_s);
	e->counters.idle_ended++;
	end_idle(e, p);
}

void idle_check_sa(struct engine *e, struct ike_sa *sa)
{
	if (sa->children == NULL)
		idle_check(e, sa->pair);
}

/* Memory of failures only, or SAs that nothing goes through at the moment. */
static bool may_leave(const struct engine *e, const struct pair *p, bool with_sas)
{
	if (p->turn != TURN_NONE || pair_is_connecting(e, p))
		return false;
	if (p->sas == NULL)
		return true;
	return with_sas && pair_heir(p, NULL) != NULL && !pair_heir(p, NULL)->ends;
}

/* The oldest idle pair leaves: at once where it is but a memory, else as soon as its peer knows. */
bool idle_make_room(struct engine *e, bool with_sas)
{
	unsigned tried = 0;

	for (struct pair *p = e->by_use; p && tried < LEAVERS_TRIED; p = p->use_next, tried++) {
		if (!may_leave(e, p, with_sas))
			continue;
		e->counters.evicted++;
		if (p->sas == NULL) {
			pair_free(e, p);
		} else {
			report_reason(e, REPORT_NOTICE, AREA_IKE, REASON_TOO_MANY, p, NULL, 0,
				      "more than %u pairs (max_pairs): this one was idle longest",
				      e->spec->max_pairs);
			end_idle(e, p);
		}
		return true;
	}
	return false;
}
