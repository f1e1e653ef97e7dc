/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/survivor.h"

#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/pair.h"
#include "ike/sa.h"

/* ---- crossed starts --------------------------------------------------------------------- */

/* Of two that crossed, whose survives? Others than ikemesh insist on their own. */
static bool ours_survives(const struct pair *p, const struct ike_sa *sa)
{
	return sa->peer_ikemesh && ip_compare(&p->key.local, &p->key.remote) < 0;
}

static bool carries(const struct child *c)
{
	return c->state == CHILD_INSTALLED && c->out_added && c->protocol == 0 && sa_is_up(c->sa);
}

static bool has_carrier(const struct ike_sa *sa)
{
	for (const struct child *c = sa->children; c; c = c->next)
		if (carries(c))
			return true;
	return false;
}

/*
 * What was up before ours began did not cross it: we began all the same, to re-authenticate, or
 * since it is of an earlier life of the peer's. A rekeyed one is as old as what it came of.
 */
static const struct ike_sa *crossed_by(const struct pair *p, const struct ike_sa *ours)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (!sa->initiator && sa->authenticated_at.us >= ours->created_at.us &&
		    has_carrier(sa))
			return sa;
	return NULL;
}

void survivor_choose(struct engine *e, struct pair *p)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = p->sas; sa; sa = next) {
		const struct ike_sa *theirs;

		next = sa->next;
		if (!sa->initiator || !sa_is_up(sa) || ours_survives(p, sa) || !has_carrier(sa))
			continue;
		theirs = crossed_by(p, sa);
		if (theirs == NULL)
			continue;
		e->counters.tally.collisions[COLLISION_FIRST_CONTACT]++;
		report_reason(e, REPORT_INFO, AREA_IKE, REASON_SUPERFLUOUS, p, sa, 0,
			      "both sides began at once: IKE SA [%u], the peer's, carries on",
			      theirs->number);
		informational_delete_sa(e, sa);
	}
}

void survivor_confirm(struct engine *e, struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		if (!sa->initiator || !sa_is_up(sa) || sa->confirmed || !sa->peer_ikemesh ||
		    !pair_has_other_sa(e, p, sa))
			continue;
		sa->confirmed = true;
		sa->want_probe = true;
		sa_work(e, sa);
	}
}

/* ---- the self-check --------------------------------------------------------------------- */

bool survivor_is_live(const struct child *c)
{
	return c->state == CHILD_INSTALLED && c->in_added && c->out_added && !c->want_delete &&
	       sa_is_up(c->sa);
}

static bool are_twins(const struct child *a, const struct child *b)
{
	return a != b && survivor_is_live(a) && survivor_is_live(b) && child_same_selectors(a, b);
}

bool survivor_has_twin(const struct child *c)
{
	for (const struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next)
		for (const struct child *o = sa->children; o; o = o->next)
			if (are_twins(c, o))
				return true;
	return false;
}

/* Nothing came in on it while the other was there, too, for long enough. */
static bool is_silent_beside(const struct child *c, const struct child *other)
{
	const struct mono since =
		c->came_at.us > other->installed_at.us ? c->came_at : other->installed_at;

	return c->looked_at.us - since.us >= SURVIVOR_SILENT_US;
}

static bool carries_beside(const struct child *c, const struct child *other)
{
	return c->packets_in > 0 && c->came_at.us - other->came_at.us >= SURVIVOR_SILENT_US;
}

/* Of two that nothing comes in on: others than ikemesh insist on what they made (design 6). */
static bool preferred(const struct child *a, const struct child *b)
{
	if (!a->sa->peer_ikemesh && a->initiator != b->initiator)
		return !a->initiator;
	return a->number > b->number;
}

static const struct child *better_than(const struct child *c)
{
	for (const struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next) {
		for (const struct child *o = sa->children; o; o = o->next) {
			if (!are_twins(o, c) || !is_silent_beside(c, o))
				continue;
			if (carries_beside(o, c) || (is_silent_beside(o, c) && preferred(o, c)))
				return o;
		}
	}
	return NULL;
}

/* Of two ikemesh hosts one decides, lest each delete the other's choice. */
static bool we_decide(const struct pair *p, const struct ike_sa *sa)
{
	return !sa->peer_ikemesh || ip_compare(&p->key.local, &p->key.remote) < 0;
}

/* Everything on it is superfluous: so is the IKE SA, for the peer would keep it up for ever. */
static bool is_needed_for_others(const struct ike_sa *sa, const struct child *but)
{
	for (const struct child *c = sa->children; c; c = c->next)
		if (c != but && (survivor_is_live(c) || c->state == CHILD_INSTALLING))
			return true;
	return pair_heir(sa->pair, sa) == NULL;
}

static void retire_child(struct engine *e, struct child *c, const struct child *better)
{
	struct ike_sa *sa = c->sa;

	e->counters.breaches++;
	report_reason(e, REPORT_WARNING, AREA_CHILD, REASON_SUPERFLUOUS, sa->pair, sa, 0,
		      "two CHILD_SAs live: {%u} is silent and goes, {%u} stays", c->number,
		      better->number);
	if (sa != better->sa && !is_needed_for_others(sa, c)) {
		informational_delete_sa(e, sa);
		return;
	}
	c->want_delete = true;
	sa_work(e, sa);
}

/*
 * The peer decides, and has let it be: it may have lost the whole IKE SA. Nothing goes out on a
 * child beside a newer one, so nobody else would ask.
 */
static void ask_about(struct engine *e, struct ike_sa *sa)
{
	if (e->spec->dpd_delay_s != 0 && e->now.us - sa->heard_at.us >= 2 * SURVIVOR_SILENT_US)
		sa_probe(e, sa);
}

/*
 * A peer that re-authenticates may leave IKE SAs behind that carry nothing, and one that went
 * without a word leaves those that only we know: there is no choice in it, and either of us may end
 * it.
 */
static bool is_spare(const struct engine *e, const struct ike_sa *sa)
{
	return sa_is_up(sa) && sa->children == NULL && sa->ours == NULL && sa->theirs == NULL &&
	       !sa->want_child && e->now.us - sa->established_at.us >= SURVIVOR_SILENT_US;
}

static bool another_carries(const struct pair *p, const struct ike_sa *but)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa != but && sa_is_up(sa) && has_carrier(sa))
			return true;
	return false;
}

void survivor_check(struct engine *e, struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		for (struct child *c = sa->children; c; c = c->next) {
			const struct child *better = survivor_is_live(c) ? better_than(c) : NULL;
			if (better == NULL)
				continue;
			if (!we_decide(p, sa)) {
				ask_about(e, sa);
				if (sa->state == SA_DEAD)
					return;
				break;
			}
			retire_child(e, c, better);
			return; /* the lists may have changed: the next look finds the rest */
		}
		if (is_spare(e, sa) && another_carries(p, sa)) {
			report_reason(e, REPORT_INFO, AREA_IKE, REASON_SUPERFLUOUS, p, sa, 0,
				      "IKE SA [%u] carries nothing, another does: deleted",
				      sa->number);
			informational_delete_sa(e, sa);
			return;
		}
	}
}
