/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/world.h"

#include "bench/heap.h"
#include "lib/testpki.h"
#include "sim/fleet.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_US INT64_C(1000000000)
#define STEP_US 50 /* that a step takes, by the world's clock */
#define SETTLE_US INT64_C(1000)
#define STANDIN_CERT 1100 /* octets */

/* One certificate for all, made once. The pool's threads read it while nobody changes it. */
static struct {
	struct sign_key *key;
	struct trust *trust;
	struct blob ca, leaf;
	unsigned users;
} fleet;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

int64_t cpu_of_thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- jobs ------------------------------------------------------------------------------- */

static void trust_renew(void)
{
	trust_free(fleet.trust);
	fleet.trust = trust_new();
	must(fleet.trust != NULL && trust_add_ca(fleet.trust, blob_view(&fleet.ca)) == 0 &&
		     trust_add_own(fleet.trust, blob_view(&fleet.leaf)) == 0,
	     "cannot make a trust set");
}

/* A job that is out, and whose it is. */
struct errand {
	struct chore chore; /* first */
	struct side *side;
	struct job *job;
	struct errand *next;
};

static void errand_run(struct chore *c)
{
	job_run(((struct errand *)c)->job, fleet.key, fleet.trust, NULL, time(NULL));
}

static void feed(struct side *s, const struct event *event);

static void errand_home(struct chore *c)
{
	struct errand *e = (struct errand *)c;

	feed(e->side, &(struct event){ .kind = EVENT_JOB_DONE, .job_done = { e->job } });
	free(e);
}

static void errand_drop(struct chore *c)
{
	job_free(((struct errand *)c)->job);
	free(c);
}

static struct errand *errand_new(struct side *s, struct job *job)
{
	const enum heap_user before = heap_use(HEAP_BENCH);
	struct errand *e = calloc(1, sizeof(*e));

	must(e != NULL, "out of memory");
	e->chore = (struct chore){ .run = errand_run, .home = errand_home, .drop = errand_drop };
	e->side = s;
	e->job = job;
	heap_use(before);
	return e;
}

/* ---- hands ------------------------------------------------------------------------------ */

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes octets)
{
	const enum heap_user before = heap_use(HEAP_BENCH);
	struct side *s = arg;
	struct side *to = &s->world->sides[s == &s->world->sides[END_INITIATOR]];
	const size_t room = sizeof(to->inbox) / sizeof(to->inbox[0]);

	must(to->n_inbox < room, "an inbox is full");
	struct datagram *d = &to->inbox[(to->first + to->n_inbox++) % room];
	*d = (struct datagram){ .from = *local, .to = *remote };
	must(blob_copy(&d->octets, octets) == 0, "out of memory");
	s->datagrams++;
	s->octets += octets.n;
	heap_use(before);
	return 0;
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct side *s = arg;

	if (sa->inbound)
		s->sas_in++;
	else
		s->sas_out++;
	return 0;
}

static int hand_sa_update(void *arg, const struct sa_spec *sa)
{
	(void)arg;
	(void)sa;
	return 0;
}

static void hand_keepalive(void *arg, const struct endpoint *local, const struct endpoint *remote)
{
	(void)arg;
	(void)local;
	(void)remote;
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	(void)arg;
	(void)ref;
	(void)inbound;
	return 0;
}

static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	(void)arg;
	(void)refs;
	for (size_t i = 0; i < n; i++) {
		packets[i] = 1;
		errors[i] = 0;
	}
}

static void hand_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	(void)arg;
	(void)local;
	(void)remote;
}

/* As after a reload with other CAs; that itself does not count. */
static void go_cold(struct side *s)
{
	const int64_t before = cpu_of_thread_ns();

	trust_renew();
	s->cpu_ns -= cpu_of_thread_ns() - before;
}

static int hand_job(void *arg, struct job *job)
{
	const enum heap_user before = heap_use(HEAP_JOB);
	struct side *s = arg;
	struct world *w = s->world;
	struct errand *e = errand_new(s, job);
	int r = 0;

	if (w->options.cold && job->kind == JOB_VERIFY)
		go_cold(s);
	if (w->options.standin) {
		job_do(&s->doer, job);
		*w->done_last = e;
		w->done_last = &e->next;
	} else {
		r = pool_submit(w->pool, &e->chore);
	}
	heap_use(before);
	return r;
}

static void hand_report(void *arg, const struct report *report)
{
	struct side *s = arg;

	if (report->level > REPORT_WARNING)
		return;
	s->world->failures++;
	fprintf(stderr, "bench: %s\n", report->text);
}

static struct mono hand_now(void *arg)
{
	struct side *s = arg;

	s->world->now.us += STEP_US;
	return s->world->now;
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	const enum heap_user before = heap_use(HEAP_CORE);
	struct side *s = arg;
	const int r = engine_step(s->engine, now, event, out);

	heap_use(before);
	return r;
}

/* ---- life ------------------------------------------------------------------------------- */

static void feed(struct side *s, const struct event *event)
{
	const int64_t before = cpu_of_thread_ns();

	must(perform_event(&s->performer, event) == 0, "out of memory");
	s->cpu_ns += cpu_of_thread_ns() - before;
}

static int random_of(void *arg, uint8_t *out, size_t n)
{
	rng_fill(arg, out, n);
	return 0;
}

static void make_certificates(void)
{
	const time_t now = time(NULL);
	struct testpki_cert ca, leaf;
	const struct testpki_spec root = { .subject = "O=Bench, CN=CA",
					   .ca = true,
					   .kind = TESTPKI_RSA_3072,
					   .not_before = now - TESTPKI_DAY,
					   .not_after = now + TESTPKI_DAY };
	const struct testpki_spec host = { .subject = "O=Bench, CN=instance",
					   .issuer = &ca,
					   .kind = TESTPKI_RSA_3072,
					   .slot = 1,
					   .eku = "serverAuth,clientAuth",
					   .not_before = now - TESTPKI_DAY,
					   .not_after = now + TESTPKI_DAY };

	testpki_make(&ca, &root);
	testpki_make(&leaf, &host);
	must(sign_key_from_pem(blob_view(&leaf.key_pem), &fleet.key) == 0 &&
		     blob_copy(&fleet.ca, blob_view(&ca.der)) == 0 &&
		     blob_copy(&fleet.leaf, blob_view(&leaf.der)) == 0,
	     "cannot make certificates");
	testpki_free(&leaf);
	testpki_free(&ca);
}

static void fleet_use(void)
{
	if (fleet.users++ > 0)
		return;
	make_certificates();
	trust_renew();
}

static void fleet_drop(void)
{
	if (--fleet.users > 0)
		return;
	trust_free(fleet.trust);
	sign_key_free(fleet.key);
	blob_free(&fleet.ca);
	blob_free(&fleet.leaf);
	fleet.trust = NULL;
}

static void open_spec(struct side *s, unsigned host)
{
	const struct fleet_options options = { .shared_certificate = true };
	const struct world *w = s->world;
	const struct bytes chain = blob_view(&fleet.leaf);

	if (w->options.standin)
		fleet_spec(&s->spec, host, &options);
	else
		fleet_spec_real(&s->spec, host, &options, &chain, 1, blob_view(&fleet.ca));
	s->spec.dpd_delay_s = 0; /* nothing but handshakes */
	s->spec.max_pairs = 1000000;
	s->doer = (struct job_doer){ .rng = &s->world->rng,
				     .leaf = blob_view(&s->spec.credential.certs[0]) };
}

static void open_side(struct side *s, unsigned host)
{
	const struct engine_options o = {
		.random = random_of,
		.random_arg = &s->world->rng,
		.port = 500,
		.port_natt = 4500,
	};

	open_spec(s, host);
	s->engine = engine_new(&o);
	must(s->engine != NULL, "out of memory");
	s->hands = (struct hands){
		.send = hand_send,
		.sa_add = hand_sa_add,
		.sa_update = hand_sa_update,
		.keepalive = hand_keepalive,
		.sa_delete = hand_sa_delete,
		.sas_packets = hand_sas_packets,
		.nudge = hand_nudge,
		.job = hand_job,
		.report = hand_report,
		.now = hand_now,
		.step = hand_step,
		.arg = s,
	};
	performer_init(&s->performer, &s->hands);
	feed(s, &(struct event){ .kind = EVENT_SPEC, .spec = { &s->spec } });
}

void world_open(struct world *w, const struct world_options *options)
{
	*w = (struct world){ .options = *options, .now.us = START_US, .rng.state = 1 };
	w->done_last = &w->done;
	if (!options->standin) {
		fleet_use();
		must(pool_open(options->threads, POOL_JOBS_MAX, &w->pool) == 0,
		     "cannot start threads");
	}
	for (unsigned i = 0; i < ENDS; i++) {
		w->sides[i].world = w;
		open_side(&w->sides[i], i);
	}
}

void world_close(struct world *w)
{
	pool_close(w->pool);
	for (unsigned i = 0; i < ENDS; i++) {
		performer_free(&w->sides[i].performer);
		engine_free(w->sides[i].engine);
		spec_free(&w->sides[i].spec);
	}
	if (!w->options.standin)
		fleet_drop();
}

/* ---- handshakes ------------------------------------------------------------------------- */

static bool deliver(struct side *s)
{
	if (s->n_inbox == 0)
		return false;
	struct datagram d = s->inbox[s->first];
	s->first = (s->first + 1) % (sizeof(s->inbox) / sizeof(s->inbox[0]));
	s->n_inbox--;
	feed(s, &(struct event){ .kind = EVENT_PACKET,
				 .packet = { .local = d.to,
					     .remote = d.from,
					     .datagram = d.octets.p,
					     .n = d.octets.n } });
	blob_free(&d.octets);
	return true;
}

static bool bring_home(struct world *w)
{
	struct errand *e = w->done;

	if (!w->options.standin)
		return pool_turn(w->pool, 1) > 0;
	if (e == NULL)
		return false;
	w->done = e->next;
	if (w->done == NULL)
		w->done_last = &w->done;
	errand_home(&e->chore);
	return true;
}

static void wait_for_threads(const struct world *w)
{
	struct pollfd p = { .fd = w->pool != NULL ? pool_fd(w->pool) : -1, .events = POLLIN };

	must(p.fd >= 0 && poll(&p, 1, 10000) == 1, "a handshake does not come to its end");
}

static uint64_t connected(const struct world *w)
{
	uint64_t n = UINT64_MAX;

	for (unsigned i = 0; i < ENDS; i++) {
		const struct side *s = &w->sides[i];

		n = s->sas_in < n ? s->sas_in : n;
		n = s->sas_out < n ? s->sas_out : n;
	}
	return n;
}

static void begin(struct world *w)
{
	/* The responder has an address for each pair. */
	const unsigned number = ++w->next_pair;
	const struct event e = {
		.kind = EVENT_ACQUIRE,
		.acquire = { .local = ip_v4(10, 0, 0, 1),
			     .remote = ip_v4(10, (uint8_t)(1 + (number >> 16)),
					     (uint8_t)(number >> 8), (uint8_t)number) },
	};

	feed(&w->sides[END_INITIATOR], &e);
}

void world_connect(struct world *w, unsigned n)
{
	const unsigned together = w->options.together == 0 ? 1 : w->options.together;
	const uint64_t before = connected(w), failures = w->failures;
	unsigned begun = 0;

	while (connected(w) - before < n) {
		bool busy = false;

		while (begun < n && begun - (connected(w) - before) < together) {
			begin(w);
			begun++;
		}
		busy |= deliver(&w->sides[END_RESPONDER]);
		busy |= deliver(&w->sides[END_INITIATOR]);
		busy |= bring_home(w);
		if (!busy && connected(w) - before < n)
			wait_for_threads(w);
		must(w->failures == failures, "a handshake failed");
	}
	world_wait(w, SETTLE_US);
}

void world_wait(struct world *w, int64_t us)
{
	const struct mono until = { .us = w->now.us + us };

	for (unsigned i = 0; i < ENDS; i++) {
		struct side *s = &w->sides[i];

		feed(s, &(struct event){ .kind = EVENT_TIMER });
		while (s->performer.deadline.us <= until.us) {
			if (s->performer.deadline.us > w->now.us)
				w->now = s->performer.deadline;
			feed(s, &(struct event){ .kind = EVENT_TIMER });
		}
	}
	while (deliver(&w->sides[0]) || deliver(&w->sides[1]) || bring_home(w))
		;
	if (w->now.us < until.us)
		w->now = until;
}
