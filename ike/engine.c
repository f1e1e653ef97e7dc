/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/engine.h"

#include "ike/admission.h"
#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/core.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/kept.h"
#include "ike/leave.h"
#include "ike/load.h"
#include "ike/pair.h"
#include "ike/ppk.h"
#include "ike/receive.h"
#include "ike/review.h"
#include "ike/sa.h"
#include "ike/save.h"
#include "ike/stray.h"
#include "ike/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_A_STEP 256 /* at SAs' counters: they come back as so many events */

struct engine *engine_new(const struct engine_options *options)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	if (deadlines_reserve(&e->deadlines, 1) != 0) {
		free(e);
		return NULL;
	}
	store_init(&e->pair_store, sizeof(struct pair));
	store_init(&e->sa_store, sizeof(struct ike_sa));
	store_init(&e->child_store, sizeof(struct child));
	store_init(&e->kept_store, KEPT_LEN);
	store_init(&e->attempt_store, ATTEMPT_SHORT);
	e->n_objects = 1;
	e->admission.owner = DEADLINE_ADMISSION;
	e->starts.tokens = ADMISSION_BURST;
	e->options = *options;
	e->options.qcd_secret = NULL; /* borrowed until now only */
	e->state_loaded = !options->awaits_state;
	if (options->qcd_secret != NULL) {
		memcpy(e->qcd_secret, options->qcd_secret, QCD_SECRET_LEN);
		e->has_qcd_secret = true;
	}
	return e;
}

static void free_pairs(struct engine *e, struct pair *first)
{
	struct pair *p, *next;

	HASH_ITER(hh, first, p, next)
	{
		while (p->sas != NULL)
			sa_close(e, p->sas);
		pair_free(e, p);
		/* Nobody hears of it, and the next one need not look through it. */
		sa_free_dead(e);
		actions_clear(e->out);
	}
}

static void free_job_refs(struct engine *e)
{
	struct job_ref *ref, *next;

	HASH_ITER(hh, e->jobs, ref, next)
	{
		HASH_DELETE(hh, e->jobs, ref);
		free(ref);
	}
}

void engine_free(struct engine *e)
{
	struct actions none;

	if (e == NULL)
		return;
	actions_init(&none);
	e->out = &none;
	free_pairs(e, e->pairs);
	free_pairs(e, e->suspects);
	sa_free_dead(e);
	free_job_refs(e);
	load_free(e);
	store_free(&e->pair_store);
	store_free(&e->sa_store);
	store_free(&e->child_store);
	store_free(&e->kept_store);
	store_free(&e->attempt_store);
	actions_free(&none);
	deadlines_free(&e->deadlines);
	cookie_wipe(&e->cookies);
	stray_free(e);
	wipe(e->qcd_secret, sizeof(e->qcd_secret));
	free(e);
}

/* ---- what the others ask of it ------------------------------------------------------------ */

int engine_random(struct engine *e, uint8_t *out, size_t n)
{
	return e->options.random(e->options.random_arg, out, n);
}

/* ---- events ----------------------------------------------------------------------------- */

static struct child *child_of(struct deadline *d)
{
	return (struct child *)((char *)d - offsetof(struct child, deadline));
}

/*
 * What is left of those that are due comes with the next EVENT_TIMER, after others' events. Of each
 * look comes an event, at which no others are begun.
 */
static void timers(struct engine *e, const struct event *event)
{
	unsigned looks = event->kind == EVENT_TIMER ? LOOKS_A_STEP : 0;
	struct deadline *d;

	while ((d = deadlines_first(&e->deadlines)) != NULL && mono_reached(e->now, d->at)) {
		if (d->owner == DEADLINE_CHILD && child_only_looks(e, child_of(d)) && looks-- == 0)
			break;
		deadline_disarm(&e->deadlines, d);
		switch (d->owner) {
		case DEADLINE_PAIR: {
			struct pair *p =
				(struct pair *)((char *)d - offsetof(struct pair, deadline));

			save_touch(e, p);
			pair_timer(e, p);
			break;
		}
		case DEADLINE_SA: {
			struct ike_sa *sa =
				(struct ike_sa *)((char *)d - offsetof(struct ike_sa, deadline));

			save_touch(e, sa->pair);
			sa_timer(e, sa);
			break;
		}
		case DEADLINE_CHILD: {
			child_timer(e, child_of(d));
			break;
		}
		case DEADLINE_ADMISSION:
			admission_timer(e);
			break;
		}
	}
}

static void acquire(struct engine *e, const struct event *event)
{
	const struct ip *local = &event->acquire.local, *remote = &event->acquire.remote;

	e->counters.acquires++;
	if (e->spec == NULL || !spec_protects(e->spec, local, remote))
		return;
	struct pair *p = pair_get(e, local, remote);
	if (p == NULL)
		return;
	stray_wanted(e, p);
	pair_acquire(e, p);
}

static void forget_job(struct ike_sa *sa, const struct job_ref *ref)
{
	for (struct job_ref **at = &sa->jobs; *at; at = &(*at)->next) {
		if (*at == ref) {
			*at = ref->next;
			return;
		}
	}
}

static void job_done(struct engine *e, struct job *job)
{
	struct job_ref *ref;

	HASH_FIND(hh, e->jobs, &job->ticket, sizeof(job->ticket), ref);
	if (ref != NULL) {
		HASH_DELETE(hh, e->jobs, ref);
		tally_job(&e->counters.tally, e->now.us - ref->since.us);
		if (ref->sa != NULL) {
			save_touch(e, ref->sa->pair);
			forget_job(ref->sa, ref);
			ref->handler(e, ref->sa, job);
		}
		free(ref);
	}
	if (job->kind == JOB_REVIEW)
		review_job_home(e);
	job_free(job);
}

/* Is it the child of the answer that should have left with it? */
static bool is_answered(const struct ike_sa *sa, const struct child *c)
{
	return (sa->hs != NULL && sa->hs->answer.child == c) ||
	       (sa->theirs != NULL && sa->theirs->fresh == c);
}

/* The kernel refused an SA: nothing half-installed stays, and the peer is told. */
static void sa_add_failed(struct engine *e, const struct event *event)
{
	struct child *c = child_by_ref(e, &event->failed.ref);

	if (c == NULL || !(event->failed.inbound ? c->in_added : c->out_added))
		return; /* gone meanwhile, or it is a deletion that failed */
	struct ike_sa *sa = c->sa;
	report_reason(e, REPORT_ERROR, AREA_XFRM, REASON_KERNEL_REFUSES, sa->pair, sa, 0,
		      "the kernel refuses the %s SA %08x: %s",
		      event->failed.inbound ? "inbound" : "outbound", event->failed.ref.spi,
		      strerror(-event->failed.error));
	e->counters.refused_by_kernel++;
	pair_note(e, sa->pair, STAGE_CHILD, "the kernel refuses the SA");
	if (event->failed.inbound)
		c->in_added = false;
	c->out_added = false; /* later in the same group, if at all */
	if (e->settling == sa && event->failed.inbound && is_answered(sa, c)) {
		pair_back_off(e, sa->pair);
		if (sa->hs != NULL)
			auth_answer_without_child(e, sa, NOTIFY_NO_ADDITIONAL_SAS);
		else
			create_child_answer_failed(e, sa);
		return;
	}
	informational_delete_child(e, c);
	pair_back_off(e, sa->pair);
}

static void expire_event(struct engine *e, const struct event *event)
{
	struct child *c = child_by_ref(e, &event->expire.ref);

	if (c != NULL)
		save_touch(e, c->sa->pair);
	if (c != NULL)
		child_expired(e, c, event->expire.hard,
			      ip_equal(&event->expire.ref.dst, &c->sa->local.ip));
}

static void mapping(struct engine *e, const struct event *event)
{
	struct child *c = child_by_ref(e, &event->mapping.ref);

	/* Another address would be another pair: liveness then finds this one dead. */
	if (c != NULL && ip_equal(&c->sa->remote.ip, &event->mapping.remote.ip))
		sa_follow_port(e, c->sa, event->mapping.remote.port);
}

static void usage(struct engine *e, const struct event *event)
{
	struct child *c = child_by_ref(e, &event->usage.in);

	if (c != NULL)
		child_usage(e, c, event->usage.packets_in, event->usage.packets_out,
			    event->usage.out_gone);
}

static void unreachable(struct engine *e, const struct event *event)
{
	struct pair *p = pair_find(e, &event->unreachable.local.ip, &event->unreachable.remote.ip);

	/* Anybody can forge it (RFC 7296 2.4): told to people, and nothing else. */
	for (struct ike_sa *sa = p ? p->sas : NULL; sa; sa = sa->next)
		attempt_unreachable(sa, event->unreachable.error);
}

static void take_spec(struct engine *e, const struct spec *spec)
{
	struct pair *p, *next;

	hold_forget_all(e);
	save_touch_all(e);
	e->spec = spec;
	leave_unprotected(e);
	HASH_ITER(hh, e->pairs, p, next)
	{
		ppk_enforce(e, p);
		for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
			if (sa_is_up(sa))
				sa_plan_idle(e, sa);
		/* What was refused yesterday may be fine under another configuration. */
		if (p->failures == 0)
			continue;
		p->failures = 0;
		if (!mono_is_never(p->retry_at))
			p->retry_at = e->now;
		deadline_arm(&e->deadlines, &p->deadline, p->retry_at);
	}
}

static void steer(struct engine *e, struct pair *p, enum command_kind what)
{
	struct child *c = pair_live_child(p);
	struct ike_sa *sa = pair_heir(p, NULL);

	save_touch(e, p);
	if (what == COMMAND_DOWN) {
		if (p->sas != NULL)
			report_reason(e, REPORT_NOTICE, AREA_CONTROL, REASON_COMMAND, p, NULL, 0,
				      "its SAs are deleted, as was asked for");
		leave_pair(e, p);
	} else if (what == COMMAND_RESET) {
		leave_and_return(e, p);
	} else if (what == COMMAND_REKEY && c != NULL) {
		c->want_rekey = true;
		sa_work(e, c->sa);
	} else if (what == COMMAND_REKEY_IKE && sa != NULL) {
		sa->want_rekey = true;
		sa_work(e, sa);
	} else if (what == COMMAND_REAUTH && sa != NULL) {
		sa_reauthenticate(e, sa);
	}
}

static void command(struct engine *e, const struct event *event)
{
	const struct ip *local = &event->command.local, *remote = &event->command.remote;
	struct pair *p = NULL, *next;

	if (event->command.command == COMMAND_UP || event->command.command == COMMAND_JOIN) {
		if (local->family == 0 || e->spec == NULL)
			return;
		p = pair_get(e, local, remote);
		if (p != NULL)
			stray_wanted(e, p);
		/* An operator's `up` meanwhile changes nothing of that. */
		if (p != NULL && event->command.command == COMMAND_JOIN)
			p->joins = true;
		if (p != NULL && !pair_is_connecting(e, p) && pair_live_child(p) == NULL) {
			pair_clear_back_off(e, p);
			pair_initiate(e, p);
		}
		return;
	}
	/* A rotation asks so of each pair, one after the other. */
	if (local->family != 0 && remote->family != 0) {
		p = pair_find(e, local, remote);
		if (p != NULL)
			steer(e, p, event->command.command);
		return;
	}
	HASH_ITER(hh, e->pairs, p, next)
	{
		if ((remote->family != 0 && !ip_equal(&p->key.remote, remote)) ||
		    (local->family != 0 && !ip_equal(&p->key.local, local)))
			continue;
		steer(e, p, event->command.command);
	}
}

static void shut_down(struct engine *e)
{
	struct pair *p, *next;

	e->shutting_down = true;
	save_touch_all(e);
	stray_close_suspects(e);
	HASH_ITER(hh, e->pairs, p, next)
	{
		leave_pair(e, p); /* the caller may wait for the answers, or not */
	}
}

/* An answer with a CHILD_SA left the house: what only the negotiation needed can go. */
static void settle(struct engine *e, const struct event *event)
{
	struct ike_sa *sa = e->settling;

	if (sa == NULL || event->kind == EVENT_FAILED)
		return;
	e->settling = NULL;
	save_touch(e, sa->pair);
	sa_settle(e, sa);
	create_child_settled(e, sa);
}

static void free_idle_pairs(struct engine *e)
{
	/* Only pairs that lost an SA in this step can have become idle. */
	for (struct ike_sa *sa = e->dead; sa; sa = sa->next) {
		struct pair *p = sa->pair;

		if (p == NULL)
			continue;
		sa->pair = NULL;
		if (--p->n_dead == 0)
			pair_release(e, p);
	}
}

int engine_step(struct engine *e, struct mono now, const struct event *event, struct actions *out)
{
	actions_clear(out);
	if (now.us >
	    e->now.us) /* time never runs backwards here, whatever the caller's clock does */
		e->now = now;
	e->out = out;
	e->heard_exchange = 0;
	act_group(e);
	settle(e, event);
	switch (event->kind) {
	case EVENT_TIMER:
		break;
	case EVENT_PACKET:
		receive(e, &event->packet.local, &event->packet.remote, event->packet.datagram,
			event->packet.n);
		break;
	case EVENT_ACQUIRE:
		acquire(e, event);
		break;
	case EVENT_EXPIRE:
		expire_event(e, event);
		break;
	case EVENT_MAPPING:
		mapping(e, event);
		break;
	case EVENT_USAGE:
		usage(e, event);
		break;
	case EVENT_JOB_DONE:
		job_done(e, event->job_done.job);
		break;
	case EVENT_FAILED:
		sa_add_failed(e, event);
		break;
	case EVENT_UNREACHABLE:
		unreachable(e, event);
		break;
	case EVENT_STRAY_ESP:
		stray_esp(e, event);
		break;
	case EVENT_STATE_LOADED:
		save_load(e, event->state_loaded.state, event->state_loaded.died);
		e->state_loaded = true;
		break;
	case EVENT_REVIEW:
		review_begin(e);
		break;
	case EVENT_SPEC:
		take_spec(e, event->spec.spec);
		break;
	case EVENT_ADDRESSES:
		leave_addresses(e, event->addresses.locals, event->addresses.n);
		break;
	case EVENT_COMMAND:
		command(e, event);
		break;
	case EVENT_SHUTDOWN:
		shut_down(e);
		break;
	}
	if (event->kind != EVENT_FAILED) {
		timers(e, event);
		hold_settle(e);
	}
	free_idle_pairs(e);
	sa_free_dead(e);
	save_touched(e);
	const struct deadline *first = deadlines_first(&e->deadlines);
	out->deadline = first ? first->at : MONO_NEVER;
	/* The peer's CREATE_CHILD_SA is answered: what follows from it must not wait for chance. */
	if (e->settling != NULL && e->settling->theirs != NULL)
		out->deadline = e->now;
	e->out = NULL;
	return out->out_of_room ? -ENOMEM : 0;
}
