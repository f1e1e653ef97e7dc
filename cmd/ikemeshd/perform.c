/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/perform.h"

#include <errno.h>
#include <stdlib.h>

/* A core that answers each failure with another failing action must end somewhere. */
#define PERFORM_ROUNDS 1000
/* What comes of most steps has room from the start: an SA's refusal must not be lost. */
#define PERFORM_ROOM 32

void performer_init(struct performer *p, const struct hands *hands)
{
	*p = (struct performer){ .hands = hands, .deadline = MONO_NEVER };
	p->waiting = calloc(PERFORM_ROOM, sizeof(*p->waiting));
	p->room = p->waiting != NULL ? PERFORM_ROOM : 0;
	actions_init(&p->out);
}

void performer_free(struct performer *p)
{
	for (size_t i = 0; i < p->n_waiting; i++) {
		if (p->waiting[i].kind == EVENT_JOB_DONE)
			job_free(p->waiting[i].job_done.job);
	}
	free(p->waiting);
	actions_free(&p->out);
}

/* False for want of memory: the core's time-outs then take the event's place. */
static bool queue(struct performer *p, const struct event *event)
{
	if (p->n_waiting == p->room) {
		size_t room = p->room == 0 ? PERFORM_ROOM : p->room * 2;
		struct event *more = realloc(p->waiting, room * sizeof(*more));

		if (more == NULL)
			return false;
		p->waiting = more;
		p->room = room;
	}
	p->waiting[p->n_waiting++] = *event;
	return true;
}

static bool queue_failure(struct performer *p, const struct event *event)
{
	p->failures++;
	return queue(p, event);
}

static int perform_send(struct performer *p, const struct action *a)
{
	const struct hands *h = p->hands;
	int err = h->send(h->arg, &a->send.local, &a->send.remote, blob_view(&a->send.datagram));

	if (err == 0)
		return 0;
	const struct event lost = {
		.kind = EVENT_UNREACHABLE,
		.unreachable = { .local = a->send.local, .remote = a->send.remote, .error = err },
	};
	queue_failure(p, &lost);
	return 0;
}

static int sa_failed(struct performer *p, uint32_t group, const struct sa_ref *ref, bool inbound,
		     int error)
{
	const struct event failed = {
		.kind = EVENT_FAILED,
		.failed = { .group = group, .ref = *ref, .inbound = inbound, .error = error },
	};

	queue_failure(p, &failed);
	return error;
}

static struct sa_ref ref_of(const struct sa_spec *sa)
{
	return (struct sa_ref){ .src = sa->src, .dst = sa->dst, .spi = sa->spi };
}

static int perform_sa_add(struct performer *p, const struct action *a)
{
	const struct sa_spec *sa = &a->sa_add;
	const struct sa_ref ref = ref_of(sa);
	int err = p->hands->sa_add(p->hands->arg, sa);

	return err == 0 ? 0 : sa_failed(p, a->group, &ref, sa->inbound, err);
}

/* How many SAs of one group are to be added one after the other, from the i-th action on. */
static size_t sas_from(const struct performer *p, size_t i)
{
	const struct actions *out = &p->out;
	size_t n = 0;

	while (n < PERFORM_SAS && i + n < out->n && out->a[i + n].kind == ACTION_SA_ADD &&
	       out->a[i + n].group == out->a[i].group)
		n++;
	return p->hands->sas_add != NULL ? n : n > 0;
}

/* Behind the first that failed nothing stays: it is as if the others had not been tried. */
static int perform_sas_add(struct performer *p, const struct action *a, size_t n)
{
	const struct hands *h = p->hands;
	const struct sa_spec *sas[PERFORM_SAS];
	int errors[PERFORM_SAS], first = 0;

	for (size_t i = 0; i < n; i++)
		sas[i] = &a[i].sa_add;
	h->sas_add(h->arg, sas, n, errors);
	for (size_t i = 0; i < n; i++) {
		const struct sa_ref ref = ref_of(sas[i]);

		if (first == 0 && errors[i] != 0)
			first = sa_failed(p, a->group, &ref, sas[i]->inbound, errors[i]);
		else if (first != 0 && errors[i] == 0)
			h->sa_delete(h->arg, &ref, sas[i]->inbound);
	}
	return first;
}

static int perform_sa_delete(struct performer *p, const struct action *a)
{
	const struct sa_ref *ref = &a->sa_delete.ref;
	const struct hands *h = p->hands;
	int err = h->sa_delete(h->arg, ref, a->sa_delete.inbound);

	/* One that stays is worse than one asked about twice: the core has forgotten it. */
	if (err != 0 && err != -ESRCH)
		err = h->sa_delete(h->arg, ref, a->sa_delete.inbound);
	if (err == 0 || err == -ESRCH)
		return 0;
	return sa_failed(p, a->group, ref, a->sa_delete.inbound, err);
}

/* How many looks of one group are to be taken one after the other, from the i-th action on. */
static size_t looks_from(const struct performer *p, size_t i)
{
	const struct actions *out = &p->out;
	size_t n = 0;

	while (n < PERFORM_LOOKS && i + n < out->n && out->a[i + n].kind == ACTION_SA_USAGE &&
	       out->a[i + n].group == out->a[i].group)
		n++;
	return n;
}

static void perform_looks(struct performer *p, const struct action *a, size_t n)
{
	const struct hands *h = p->hands;
	struct sa_ref refs[2 * PERFORM_LOOKS] = { 0 };
	uint64_t packets[2 * PERFORM_LOOKS] = { 0 };
	int errors[2 * PERFORM_LOOKS];

	for (size_t i = 0; i < n; i++) {
		refs[2 * i] = a[i].sa_usage.in;
		refs[2 * i + 1] = a[i].sa_usage.out;
	}
	h->sas_packets(h->arg, refs, 2 * n, packets, errors);
	for (size_t i = 0; i < n; i++) {
		const struct event usage = {
			.kind = EVENT_USAGE,
			.usage = { .in = refs[2 * i],
				   .packets_in = packets[2 * i],
				   .packets_out = packets[2 * i + 1],
				   .out_gone = errors[2 * i + 1] == -ESRCH },
		};

		queue(p, &usage);
	}
}

static int perform_job(struct performer *p, struct action *a)
{
	struct job *job = a->job;
	int err;

	a->job = NULL;
	err = p->hands->job(p->hands->arg, job);
	if (err == 0)
		return 0;
	job->result = err;
	job->judged.verdict = VERDICT_FAILED;
	if (!queue_failure(p, &(struct event){ .kind = EVENT_JOB_DONE, .job_done = { job } }))
		job_free(job);
	return 0;
}

static int perform_action(struct performer *p, struct action *a)
{
	const struct hands *h = p->hands;

	switch (a->kind) {
	case ACTION_SEND:
		return perform_send(p, a);
	case ACTION_SA_ADD:
		return perform_sa_add(p, a);
	case ACTION_SA_UPDATE: /* one that is gone meanwhile needs none */
		h->sa_update(h->arg, &a->sa_update);
		return 0;
	case ACTION_KEEPALIVE:
		h->keepalive(h->arg, &a->keepalive.local, &a->keepalive.remote);
		return 0;
	case ACTION_SA_DELETE:
		return perform_sa_delete(p, a);
	case ACTION_SA_USAGE:
		perform_looks(p, a, 1);
		return 0;
	case ACTION_NUDGE:
		h->nudge(h->arg, &a->nudge.local, &a->nudge.remote);
		return 0;
	case ACTION_EXPECT:
		if (h->expect != NULL)
			h->expect(h->arg, &a->expect.local, &a->expect.remote, a->expect.spi);
		return 0;
	case ACTION_JOB:
		return perform_job(p, a);
	case ACTION_REPORT:
		h->report(h->arg, &a->report);
		return 0;
	case ACTION_KEYS:
		if (h->keys != NULL)
			h->keys(h->arg, &a->keys);
		return 0;
	case ACTION_KEEP: /* before all others */
		return 0;
	}
	return 0;
}

/* What is sent must be known to a successor, whatever happens to this process meanwhile. */
static void keep_all(struct performer *p)
{
	const struct hands *h = p->hands;

	for (size_t i = 0; h->keep != NULL && i < p->out.n; i++)
		if (p->out.a[i].kind == ACTION_KEEP)
			h->keep(h->arg, secret_view(&p->out.a[i].keep));
}

static void perform_all(struct performer *p)
{
	bool skipping = false;
	uint32_t group = 0;

	keep_all(p);

	for (size_t i = 0; i < p->out.n; i++) {
		struct action *a = &p->out.a[i];

		const size_t sas = sas_from(p, i), looks = looks_from(p, i);
		int err = 0;

		if (skipping && a->group == group)
			continue;
		if (looks > 1)
			perform_looks(p, a, looks);
		else
			err = sas > 1 ? perform_sas_add(p, a, sas) : perform_action(p, a);
		i += looks > 1 ? looks - 1 : sas > 1 ? sas - 1 : 0;
		if (err != 0) {
			skipping = true;
			group = a->group;
		}
	}
}

static int step(struct performer *p, const struct event *event)
{
	const struct hands *h = p->hands;
	int err = h->step(h->arg, h->now(h->arg), event, &p->out);

	p->deadline = p->out.deadline;
	perform_all(p);
	actions_clear(&p->out);
	return err;
}

int perform_event(struct performer *p, const struct event *event)
{
	int first = step(p, event);
	size_t done = 0;

	for (; done < p->n_waiting && done < PERFORM_ROUNDS; done++) {
		/* A copy: the queue may move while its event is served. */
		const struct event next = p->waiting[done];
		int err;

		err = step(p, &next);
		first = first != 0 ? first : err;
	}
	for (size_t i = done; i < p->n_waiting; i++) {
		if (p->waiting[i].kind == EVENT_JOB_DONE)
			job_free(p->waiting[i].job_done.job);
	}
	p->n_waiting = 0;
	return first;
}
