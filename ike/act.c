/* SPDX-License-Identifier: Apache-2.0 */
/* Making actions of the step under way. Each copies what it is given. */
#include "ike/core.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct action *action_add(struct engine *e, enum action_kind kind)
{
	struct actions *out = e->out;

	/* Behind what was lost nothing of its group follows: no answer without its SA. */
	if (out->out_of_room && out->group == out->lost_group)
		return NULL;
	if (out->n == out->room) {
		size_t room = out->room ? out->room * 2 : 16;
		struct action *a = calloc(room, sizeof(*a));
		if (a == NULL) {
			out->out_of_room = true;
			out->lost_group = out->group;
			return NULL;
		}
		if (out->n > 0) {
			memcpy(a, out->a, out->n * sizeof(*a));
			wipe(out->a, out->n * sizeof(*a)); /* there may be keys in it */
		}
		free(out->a);
		out->a = a;
		out->room = room;
	}
	struct action *a = &out->a[out->n++];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	a->group = out->group;
	return a;
}

void act_group(struct engine *e)
{
	e->out->group = ++e->next_group;
}

void act_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
	      struct bytes datagram)
{
	struct blob copy = { 0 };
	struct action *a;

	if (datagram.n == 0 || blob_copy(&copy, datagram) != 0)
		return; /* as if it were lost on the way */
	a = action_add(e, ACTION_SEND);
	if (a == NULL) {
		blob_free(&copy);
		return;
	}
	a->send.local = *local;
	a->send.remote = *remote;
	a->send.datagram = copy;
	e->counters.packets_out++;
}

void act_sa_add(struct engine *e, const struct sa_spec *sa)
{
	struct action *a = action_add(e, ACTION_SA_ADD);

	if (a != NULL)
		a->sa_add = *sa;
}

void act_sa_delete(struct engine *e, const struct sa_ref *ref, bool inbound)
{
	act_group(e);
	struct action *a = action_add(e, ACTION_SA_DELETE);

	if (a != NULL) {
		a->sa_delete.ref = *ref;
		a->sa_delete.inbound = inbound;
	}
}

void act_sa_update(struct engine *e, const struct sa_spec *sa)
{
	act_group(e);
	struct action *a = action_add(e, ACTION_SA_UPDATE);

	if (a != NULL)
		a->sa_update = *sa;
}

void act_keepalive(struct engine *e, const struct endpoint *local, const struct endpoint *remote)
{
	struct action *a = action_add(e, ACTION_KEEPALIVE);

	if (a != NULL) {
		a->keepalive.local = *local;
		a->keepalive.remote = *remote;
	}
}

void act_sa_usage(struct engine *e, const struct sa_ref *in, const struct sa_ref *out)
{
	act_group(e);
	struct action *a = action_add(e, ACTION_SA_USAGE);

	if (a != NULL) {
		a->sa_usage.in = *in;
		a->sa_usage.out = *out;
	}
}

void act_expect(struct engine *e, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	struct action *a = action_add(e, ACTION_EXPECT);

	if (a != NULL) {
		a->expect.local = *local;
		a->expect.remote = *remote;
		a->expect.spi = spi;
	}
}

void act_nudge(struct engine *e, const struct pair *p)
{
	struct action *a = action_add(e, ACTION_NUDGE);

	if (a != NULL) {
		a->nudge.local = p->key.local;
		a->nudge.remote = p->key.remote;
	}
}

void act_keep(struct engine *e, struct secret *record)
{
	struct action *a = action_add(e, ACTION_KEEP);

	if (a != NULL)
		secret_move(&a->keep, record);
	secret_free(record);
}

void act_keys(struct engine *e, const struct ike_sa *sa)
{
	const struct ike_keys *from = &sa->keys;
	struct action *a;

	if (!e->options.exposes_keys || from->ei.n == 0)
		return;
	a = action_add(e, ACTION_KEYS);
	if (a == NULL)
		return;
	a->keys.spi_i = sa->initiator ? sa->spi_local : sa->spi_peer;
	a->keys.spi_r = sa->initiator ? sa->spi_peer : sa->spi_local;
	a->keys.encr = sa->suite.encr;
	a->keys.integ = sa->suite.integ;
	if (secret_copy(&a->keys.ei, secret_view(&from->ei)) != 0 ||
	    secret_copy(&a->keys.er, secret_view(&from->er)) != 0 ||
	    secret_copy(&a->keys.ai, secret_view(&from->ai)) != 0 ||
	    secret_copy(&a->keys.ar, secret_view(&from->ar)) != 0) {
		exposed_keys_wipe(&a->keys);
		e->out->n--;
	}
}

int act_job(struct engine *e, struct ike_sa *sa, struct job *job, job_handler *handler)
{
	struct job_ref *ref = calloc(1, sizeof(*ref));
	struct action *a = ref ? action_add(e, ACTION_JOB) : NULL;

	if (a == NULL) {
		free(ref);
		job_free(job);
		return -ENOMEM;
	}
	job->ticket = ref->ticket = ++e->next_ticket;
	ref->sa = sa;
	ref->since = e->now;
	ref->handler = handler;
	a->job = job;
	HASH_ADD(hh, e->jobs, ticket, sizeof(ref->ticket), ref);
	if (ref->hh.tbl == NULL) {
		free(ref);
		e->out->n--; /* the action just added */
		job_free(job);
		return -ENOMEM;
	}
	ref->next = sa->jobs;
	sa->jobs = ref;
	return 0;
}

/* ---- reports ---------------------------------------------------------------------------- */

static bool is_handshake(uint8_t exchange)
{
	return exchange == EXCHANGE_IKE_SA_INIT || exchange == EXCHANGE_IKE_INTERMEDIATE ||
	       exchange == EXCHANGE_IKE_AUTH;
}

/* Which message of this exchange the report is about; false: that cannot be told. */
static bool message_meant(const struct engine *e, const struct ike_sa *sa, uint8_t exchange,
			  uint32_t *id)
{
	const struct window *w = sa != NULL ? &sa->window : NULL;

	if (exchange == 0 || (w == NULL && e->heard_exchange != exchange))
		return false;
	if (e->heard_exchange == exchange)
		*id = e->heard_id;
	else if (w->request_out && w->request_exchange == exchange)
		*id = w->send_id;
	else if (is_handshake(exchange) && !sa->initiator && w->recv_id > 0)
		*id = w->recv_id - 1;
	else if (is_handshake(exchange) && sa->initiator && w->send_id > 0)
		*id = w->send_id - 1;
	else
		return false;
	return true;
}

static void vreport(struct engine *e, const struct report *about, const struct pair *p,
		    const struct ike_sa *sa, const char *format, va_list args)
{
	struct action *a = action_add(e, ACTION_REPORT);
	struct report *r = a != NULL ? &a->report : NULL;

	if (r == NULL)
		return;
	*r = *about;
	r->has_message_id = message_meant(e, sa, r->exchange, &r->message_id);
	if (p != NULL) {
		r->local = p->key.local;
		r->remote = p->key.remote;
	}
	if (sa != NULL) {
		r->spi_i = sa->initiator ? sa->spi_local : sa->spi_peer;
		r->spi_r = sa->initiator ? sa->spi_peer : sa->spi_local;
	}
	if (vasprintf(&r->text, format, args) < 0) {
		r->text = NULL;
		e->out->n--;
	}
}

void report(struct engine *e, enum report_level level, enum report_area area, const struct pair *p,
	    const struct ike_sa *sa, uint8_t exchange, const char *format, ...)
{
	const struct report about = { .level = level, .area = area, .exchange = exchange };
	va_list args;

	va_start(args, format);
	vreport(e, &about, p, sa, format, args);
	va_end(args);
}

void report_reason(struct engine *e, enum report_level level, enum report_area area,
		   enum reason reason, const struct pair *p, const struct ike_sa *sa,
		   uint8_t exchange, const char *format, ...)
{
	const struct report about = {
		.level = level, .area = area, .reason = reason, .exchange = exchange
	};
	va_list args;

	va_start(args, format);
	vreport(e, &about, p, sa, format, args);
	va_end(args);
}

void report_is(struct engine *e, enum happening what)
{
	struct action *last = e->out->n > 0 ? &e->out->a[e->out->n - 1] : NULL;

	if (last != NULL && last->kind == ACTION_REPORT)
		last->report.what = what;
}

/* It is said shortly before: where thousands of pairs go in one step, nobody looks through all. */
#define CAUSE_LOOK 64 /* actions */

enum reason report_cause(const struct engine *e, const struct pair *p)
{
	const size_t n = e->out->n, last = n > CAUSE_LOOK ? n - CAUSE_LOOK : 0;

	for (size_t i = n; i > last; i--) {
		const struct action *a = &e->out->a[i - 1];

		if (a->kind == ACTION_REPORT && a->report.reason != REASON_NONE &&
		    ip_equal(&a->report.remote, &p->key.remote) &&
		    ip_equal(&a->report.local, &p->key.local))
			return a->report.reason;
	}
	return REASON_NONE;
}
