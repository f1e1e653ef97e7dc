/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/duet.h"

#include "ike/status.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_US INT64_C(1000000000)
#define TIMER_ROUNDS_MAX 100000

/* --- certificates --- */

struct duet_pki {
	bool made;
	struct testpki_cert ca, core, peer;
	struct sign_key *core_key, *peer_key;
	struct trust *trust;
};

static struct duet_pki the_pki;

static void pki_free(void)
{
	testpki_free(&the_pki.core);
	testpki_free(&the_pki.peer);
	testpki_free(&the_pki.ca);
	sign_key_free(the_pki.core_key);
	sign_key_free(the_pki.peer_key);
	trust_free(the_pki.trust);
}

static const struct duet_pki *pki(void)
{
	struct duet_pki *p = &the_pki;
	struct testpki_spec peer = { .subject = "O=Example, CN=peer", .issuer = &p->ca, .slot = 2 };

	if (p->made)
		return p;
	p->made = true;
	testpki_ca(&p->ca, "O=Example, CN=Test CA");
	testpki_leaf(&p->core, &p->ca, "O=Example, CN=core");
	testpki_make(&p->peer, &peer);
	p->trust = trust_new();
	if (sign_key_from_pem(blob_view(&p->core.key_pem), &p->core_key) != 0 ||
	    sign_key_from_pem(blob_view(&p->peer.key_pem), &p->peer_key) != 0 || p->trust == NULL ||
	    trust_add_ca(p->trust, blob_view(&p->ca.der)) != 0)
		abort();
	atexit(pki_free);
	return p;
}

/* --- what the core has done --- */

static void note(struct duet *d, const char *word)
{
	size_t n = strlen(d->log);

	snprintf(d->log + n, sizeof d->log - n, "%s%s", n > 0 ? " " : "", word);
}

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	struct duet *d = arg;
	struct duet_datagram *to;

	if (d->fail_send != 0)
		return d->fail_send;
	note(d, "send");
	if (d->n_sent == DUET_SENT && d->options.lenient)
		return 0;
	if (d->n_sent == DUET_SENT)
		fail_msg("more than %d datagrams sent", DUET_SENT);
	to = &d->sent[d->n_sent++];
	*to = (struct duet_datagram){ .local = *local, .remote = *remote, .at = d->now };
	if (blob_copy(&to->b, datagram) != 0)
		abort();
	return 0;
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct duet *d = arg;
	int err = fake_kernel_sa_add(&d->kernel, d->now, sa);

	note(d, err == 0 ? (sa->inbound ? "+in" : "+out") : (sa->inbound ? "!in" : "!out"));
	return err;
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	struct duet *d = arg;
	int err = fake_kernel_sa_delete(&d->kernel, ref);

	if (err == 0)
		note(d, inbound ? "-in" : "-out");
	return err;
}

/* Encapsulation is no matter to the fake kernel. */
static int hand_sa_update(void *arg, const struct sa_spec *sa)
{
	(void)arg;
	(void)sa;
	return 0;
}

static void hand_keepalive(void *arg, const struct endpoint *local, const struct endpoint *remote)
{
	struct duet *h = arg;

	(void)local;
	(void)remote;
	note(h, "keepalive");
}

static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	struct duet *d = arg;

	fake_kernel_sas_packets(&d->kernel, refs, n, packets, errors);
}

static void hand_expect(void *arg, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	struct duet *d = arg;

	assert_true(d->options.lenient || ip_equal(local, &d->us.ip));
	assert_true(d->options.lenient || ip_equal(remote, &d->them.ip));
	d->expected = spi;
	d->expected_at = d->n_sent;
}

static void hand_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	struct duet *d = arg;

	(void)local;
	note(d, "nudge");
	fake_kernel_nudge(&d->kernel, d->now, remote);
}

static int hand_job(void *arg, struct job *job)
{
	static const char *const words[] = {
		[JOB_KE_GENERATE] = "job:generate",
		[JOB_KE_DERIVE] = "job:derive",
		[JOB_KE_RESPOND] = "job:respond",
		[JOB_SIGN] = "job:sign",
		[JOB_VERIFY] = "job:verify",
		[JOB_REVIEW] = "job:review",
		[JOB_PPK] = "job:ppk",
	};
	struct duet *d = arg;

	note(d, words[job->kind]);
	if (d->n_jobs == DUET_JOBS && d->options.lenient)
		return -EAGAIN;
	if (d->n_jobs == DUET_JOBS)
		fail_msg("more than %d jobs out", DUET_JOBS);
	d->jobs[d->n_jobs++] = job;
	return 0;
}

static void hand_report(void *arg, const struct report *report)
{
	struct duet *d = arg;
	size_t n = strlen(d->reports);

	for (const char *c = report->text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			fail_msg("a report holds octet %02x", (unsigned char)*c);
	snprintf(d->reports + n, sizeof d->reports - n, "%s\n", report->text);
	n = strlen(d->happened);
	if (report->what != HAPPENING_NONE)
		snprintf(d->happened + n, sizeof d->happened - n, "%s%s%s%s", n > 0 ? " " : "",
			 happening_name(report->what), report->reason != REASON_NONE ? ":" : "",
			 reason_name(report->reason));
}

static struct mono hand_now(void *arg)
{
	return ((struct duet *)arg)->now;
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct duet *d = arg;

	if (event->kind == EVENT_FAILED)
		d->failed_events++;
	return engine_step(d->engine, now, event, out);
}

/* --- the kernel's doings --- */

static void kernel_send_esp(void *arg, const struct esp_packet *p)
{
	struct duet *d = arg;

	(void)p;
	d->delivered++;
}

static void kernel_send_clear(void *arg, const struct app_packet *p)
{
	(void)arg;
	(void)p;
}

static void kernel_deliver(void *arg, const struct app_packet *p, bool was_protected)
{
	(void)arg;
	(void)p;
	(void)was_protected;
}

static void kernel_lost(void *arg, const struct app_packet *p, enum loss why)
{
	(void)arg;
	(void)p;
	(void)why;
}

static void kernel_acquire(void *arg, const struct app_packet *p)
{
	struct duet *d = arg;

	(void)p;
	d->acquires++;
}

static void kernel_expire(void *arg, const struct sa_ref *ref, bool hard)
{
	struct duet *d = arg;

	if (d->n_expires == DUET_EXPIRES && d->options.lenient)
		return;
	if (d->n_expires == DUET_EXPIRES)
		fail_msg("more than %d expires at once", DUET_EXPIRES);
	d->expires[d->n_expires++] =
		(struct event){ .kind = EVENT_EXPIRE, .expire = { .ref = *ref, .hard = hard } };
}

/* After each call that may make the kernel raise some. */
static void expires_feed(struct duet *d)
{
	while (d->n_expires > 0) {
		const struct event e = d->expires[0];

		d->n_expires--;
		memmove(&d->expires[0], &d->expires[1], d->n_expires * sizeof d->expires[0]);
		duet_event(d, &e);
	}
}

/* --- life --- */

static void doers_set(struct duet *d)
{
	const struct duet_pki *p = d->options.real ? pki() : &the_pki;

	d->doer = (struct job_doer){
		.real = d->options.real,
		.key = p->core_key,
		.trust = p->trust,
		.wall = TESTPKI_NOW,
		.rng = &d->rng,
		.leaf = blob_view(&d->spec.credential.certs[0]),
	};
	d->peer_doer = d->doer;
	d->peer_doer.key = p->peer_key;
	d->peer_doer.leaf = blob_view(&d->peer_spec.credential.certs[0]);
}

static void specs_set(struct duet *d)
{
	const struct fleet_options f = { .optional = d->options.optional,
					 .ipv6 = d->options.ipv6,
					 .group = d->options.group };
	struct bytes chain;

	if (!d->options.real) {
		fleet_spec(&d->spec, 1, &f);
		fleet_spec(&d->peer_spec, 2, &f);
		return;
	}
	chain = blob_view(&pki()->core.der);
	fleet_spec_real(&d->spec, 1, &f, &chain, 1, blob_view(&pki()->ca.der));
	chain = blob_view(&pki()->peer.der);
	fleet_spec_real(&d->peer_spec, 2, &f, &chain, 1, blob_view(&pki()->ca.der));
}

static int random_of(void *arg, uint8_t *out, size_t n)
{
	rng_fill(arg, out, n);
	return 0;
}

static void engine_start(struct duet *d)
{
	const struct engine_options o = {
		.random = random_of,
		.random_arg = &d->rng,
		.port = 500,
		.port_natt = 4500,
		.qcd_secret = d->options.qcd_secret,
		.awaits_state = d->options.awaits_state,
		.kernel_keepalives = d->options.kernel_keepalives,
		.exposes_keys = d->options.exposes_keys,
	};
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &d->spec } };

	d->engine = engine_new(&o);
	assert_non_null(d->engine);
	d->hands = (struct hands){
		.send = hand_send,
		.sa_add = hand_sa_add,
		.sa_delete = hand_sa_delete,
		.sa_update = hand_sa_update,
		.keepalive = hand_keepalive,
		.sas_packets = hand_sas_packets,
		.expect = hand_expect,
		.nudge = hand_nudge,
		.job = hand_job,
		.report = hand_report,
		.now = hand_now,
		.step = hand_step,
		.arg = d,
	};
	performer_init(&d->performer, &d->hands);
	if (!d->options.no_spec)
		duet_event(d, &e);
}

/* As it is on the wire: peers of other versions know it by this. */
static const uint8_t ikemesh_id[16] = { 0x0a, 0x10, 0x9b, 0xb3, 0xdf, 0x1b, 0x7f, 0xaa,
					0x75, 0x3f, 0x4d, 0xd6, 0x58, 0x31, 0x20, 0x73 };

void duet_start(struct duet *d, const struct duet_options *options)
{
	const struct fake_kernel_hooks hooks = {
		.send_esp = kernel_send_esp,
		.send_clear = kernel_send_clear,
		.deliver = kernel_deliver,
		.lost = kernel_lost,
		.acquire = kernel_acquire,
		.expire = kernel_expire,
		.arg = d,
	};

	memset(d, 0, sizeof *d);
	d->options = *options;
	d->rng.state = options->seed == 0 ? 1 : options->seed;
	d->now.us = START_US;
	specs_set(d);
	doers_set(d);
	d->us = (struct endpoint){ .ip = fleet_address(1, options->ipv6), .port = 500 };
	d->them = (struct endpoint){ .ip = fleet_address(2, options->ipv6), .port = 500 };
	fake_kernel_init(&d->kernel, &hooks);
	fake_kernel_policies(&d->kernel, &d->spec);
	d->peer = (struct peer){
		.doer = &d->peer_doer,
		.spec = &d->peer_spec,
		.rng = &d->rng,
		.self = d->them,
		.other = d->us,
		.is_ikemesh = options->peer_is_ikemesh,
		.vendor = BYTES(ikemesh_id, sizeof(ikemesh_id)),
	};
	peer_init(&d->peer);
	engine_start(d);
}

static void jobs_lose(struct duet *d)
{
	for (size_t i = 0; i < d->n_jobs; i++)
		job_free(d->jobs[i]);
	d->n_jobs = 0;
}

/* The first kernel SA that the core does not know. */
static bool find_stray(void *arg, const struct fake_sa *s)
{
	struct duet *d = arg;
	const struct sa_ref ref = { .src = s->spec.src, .dst = s->spec.dst, .spi = s->spec.spi };

	if (engine_knows_sa(d->engine, &ref))
		return true;
	fake_kernel_sa_delete(&d->kernel, &ref);
	return false;
}

void duet_restart(struct duet *d, struct bytes state, unsigned died)
{
	const struct event e = { .kind = EVENT_STATE_LOADED,
				 .state_loaded = { .state = state, .died = died } };
	size_t before;

	jobs_lose(d);
	engine_free(d->engine);
	performer_free(&d->performer);
	d->options.awaits_state = true;
	d->n_expires = 0;
	engine_start(d);
	duet_event(d, &e);
	do {
		before = d->kernel.n_sas;
		fake_kernel_walk(&d->kernel, find_stray, d);
	} while (d->kernel.n_sas < before);
}

void duet_end(struct duet *d)
{
	jobs_lose(d);
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	engine_free(d->engine);
	performer_free(&d->performer);
	peer_wipe(&d->peer);
	fake_kernel_wipe(&d->kernel);
	spec_free(&d->spec);
	spec_free(&d->peer_spec);
}

/* --- into the core --- */

void duet_event(struct duet *d, const struct event *event)
{
	assert_int_equal(perform_event(&d->performer, event), 0);
	if (!d->hold_jobs)
		duet_run_jobs(d);
}

struct job *duet_take_job(struct duet *d, size_t nth)
{
	struct job *j;

	assert_true(nth < d->n_jobs);
	j = d->jobs[nth];
	d->n_jobs--;
	memmove(&d->jobs[nth], &d->jobs[nth + 1], (d->n_jobs - nth) * sizeof d->jobs[0]);
	return j;
}

void duet_do_job(struct duet *d, struct job *j)
{
	job_do(&d->doer, j);
}

void duet_job_home(struct duet *d, struct job *j)
{
	const struct event e = { .kind = EVENT_JOB_DONE, .job_done = { .job = j } };

	duet_event(d, &e);
}

void duet_run_jobs(struct duet *d)
{
	size_t n = d->n_jobs;

	for (; n > 0 && d->n_jobs > 0; n--) {
		struct job *j = duet_take_job(d, 0);

		duet_do_job(d, j);
		duet_job_home(d, j);
	}
}

void duet_give_from(struct duet *d, const struct endpoint *from, const struct endpoint *to,
		    struct bytes datagram)
{
	/* A copy of the very length: reading past the end is seen. */
	uint8_t *copy = malloc(datagram.n == 0 ? 1 : datagram.n);
	struct event e = { .kind = EVENT_PACKET };

	if (copy == NULL)
		abort();
	if (datagram.n > 0)
		memcpy(copy, datagram.p, datagram.n);
	e.packet.local = *to;
	e.packet.remote = *from;
	e.packet.datagram = copy;
	e.packet.n = datagram.n;
	duet_event(d, &e);
	free(copy);
}

void duet_give(struct duet *d, struct bytes datagram)
{
	duet_give_from(d, &d->them, &d->us, datagram);
}

void duet_acquire(struct duet *d)
{
	const struct event e = {
		.kind = EVENT_ACQUIRE,
		.acquire = { .local = d->us.ip, .remote = d->them.ip, .protocol = 1 },
	};

	duet_event(d, &e);
}

void duet_esp_from_peer(struct duet *d)
{
	struct esp_packet p = {
		.inner = { .src = d->them.ip, .dst = d->us.ip, .protocol = 1, .n = 84 },
		.spi = d->peer.esp_out,
		.seq = ++d->peer.esp_seq,
		.encr = d->peer.esp_encr,
		.key_len = d->peer.esp_key_out.n,
	};

	memcpy(p.key, d->peer.esp_key_out.b, p.key_len);
	fake_kernel_input_esp(&d->kernel, d->now, &p);
	expires_feed(d);
}

static void timer_feed(struct duet *d)
{
	static const struct event e = { .kind = EVENT_TIMER };
	int64_t before = d->performer.deadline.us;

	duet_event(d, &e);
	/* A deadline that stays due is a loop that eats a core. */
	if (d->performer.deadline.us <= d->now.us && d->performer.deadline.us == before)
		d->timer_rounds++;
	else
		d->timer_rounds = 0;
	if (d->timer_rounds > 100)
		fail_msg("the deadline stays due: %lld us", (long long)before);
}

bool duet_next_deadline(struct duet *d)
{
	int64_t core = d->performer.deadline.us, kernel = fake_kernel_deadline(&d->kernel).us;

	if (core == INT64_MAX && kernel == INT64_MAX)
		return false;
	if ((core < kernel ? core : kernel) > d->now.us)
		d->now.us = core < kernel ? core : kernel;
	if (kernel <= d->now.us)
		fake_kernel_tick(&d->kernel, d->now);
	expires_feed(d);
	if (core <= d->now.us)
		timer_feed(d);
	return true;
}

void duet_wait(struct duet *d, int64_t us)
{
	int64_t end = d->now.us + us;

	for (size_t i = 0; i < TIMER_ROUNDS_MAX; i++) {
		int64_t core = d->performer.deadline.us;
		int64_t kernel = fake_kernel_deadline(&d->kernel).us;

		if (core > end && kernel > end)
			break;
		duet_next_deadline(d);
	}
	d->now.us = end;
}

void duet_say(struct duet *d, struct draft *draft)
{
	struct blob datagram = draft->h.exchange == EXCHANGE_IKE_SA_INIT
				       ? peer_encode(&d->peer, draft)
				       : peer_seal(&d->peer, draft);

	draft_free(draft);
	duet_give(d, blob_view(&datagram));
	blob_free(&datagram);
}

void duet_say_fragmented(struct duet *d, struct draft *draft, size_t limit)
{
	struct blob parts[DUET_FRAGMENTS];
	size_t n = peer_seal_fragments(&d->peer, draft, limit, parts, DUET_FRAGMENTS);

	draft_free(draft);
	for (size_t i = 0; i < n; i++) {
		duet_give(d, blob_view(&parts[i]));
		blob_free(&parts[i]);
	}
}

/* --- out of the core --- */

size_t duet_waiting(const struct duet *d)
{
	return d->n_sent - d->taken;
}

const struct duet_datagram *duet_take(struct duet *d)
{
	return d->taken < d->n_sent ? &d->sent[d->taken++] : NULL;
}

void duet_hear(struct duet *d, uint8_t exchange, bool response, struct draft *out)
{
	const struct duet_datagram *datagram;
	int r = -EAGAIN;

	while (r == -EAGAIN) {
		datagram = duet_take(d);
		if (datagram == NULL)
			fail_msg("no %s %s was sent; reports:\n%s", exchange_name(exchange),
				 response ? "answer" : "request", d->reports);
		r = peer_open(&d->peer, blob_view(&datagram->b), out);
	}
	if (r != 0)
		fail_msg("what was sent cannot be read: %d", r);
	if (out->h.exchange != exchange || out->h.response != response)
		fail_msg("%s %s was sent instead of %s %s", exchange_name(out->h.exchange),
			 out->h.response ? "answer" : "request", exchange_name(exchange),
			 response ? "answer" : "request");
}

void duet_hear_nothing(struct duet *d)
{
	const struct duet_datagram *datagram = duet_take(d);
	struct draft draft;
	char text[512];

	if (datagram == NULL)
		return;
	if (peer_open(&d->peer, blob_view(&datagram->b), &draft) != 0)
		fail_msg("%zu octets were sent instead of nothing", datagram->b.n);
	fail_msg("%s { %s } was sent instead of nothing; reports:\n%s",
		 exchange_name(draft.h.exchange), draft_text(&draft, text, sizeof text),
		 d->reports);
}

const char *duet_log(struct duet *d)
{
	static char copy[DUET_LOG];

	memcpy(copy, d->log, sizeof copy);
	d->log[0] = '\0';
	return copy;
}

const char *duet_happened(struct duet *d)
{
	static char copy[DUET_LOG];

	memcpy(copy, d->happened, sizeof copy);
	d->happened[0] = '\0';
	return copy;
}

bool duet_reported(const struct duet *d, const char *part)
{
	return strstr(d->reports, part) != NULL;
}

/* --- longer passages --- */

void duet_core_init(struct duet *d)
{
	struct draft heard, said;

	duet_acquire(d);
	/* --> IKE_SA_INIT { SA, KE, Ni, N(...) } */
	duet_hear(d, EXCHANGE_IKE_SA_INIT, false, &heard);
	/* <-- IKE_SA_INIT { SA, KE, Nr, N(...) } */
	peer_answer_init(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

void duet_core_up(struct duet *d)
{
	struct draft heard, said;

	duet_core_init(d);
	/* --> IKE_AUTH { IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	/* <-- IKE_AUTH { IDr, CERT, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	duet_assert_child(d);
}

void duet_peer_init(struct duet *d)
{
	struct draft heard, said;

	/* <-- IKE_SA_INIT { SA, KE, Ni, N(...) } */
	peer_ask_init(&d->peer, &said);
	duet_say(d, &said);
	/* --> IKE_SA_INIT { SA, KE, Nr, N(...) } */
	duet_hear(d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	peer_take_init(&d->peer, &heard);
	draft_free(&heard);
}

void duet_peer_up_beside(struct duet *d)
{
	struct draft heard, said;

	duet_peer_init(d);
	/* <-- IKE_AUTH { IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	peer_ask_auth(&d->peer, &said);
	duet_say(d, &said);
	/* --> IKE_AUTH { IDr, CERT, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	peer_take_auth(&d->peer, &heard);
	draft_free(&heard);
	/* Its first ESP, or time, lets the outbound SA in. */
	duet_esp_from_peer(d);
	duet_esp_from_peer(d);
}

void duet_peer_up(struct duet *d)
{
	duet_peer_up_beside(d);
	duet_assert_child(d);
}

static void assert_sa(const struct fake_sa *s, bool inbound, const struct peer *p)
{
	const struct peer_key *key = inbound ? &p->esp_key_out : &p->esp_key_in;

	assert_non_null(s);
	assert_true(s->spec.inbound == inbound);
	assert_ptr_equal(s->spec.encr, p->esp_encr);
	assert_int_equal(s->spec.key_len, key->n);
	assert_memory_equal(s->spec.key, key->b, key->n);
}

void duet_assert_child(struct duet *d)
{
	assert_int_equal(fake_kernel_count(&d->kernel, &d->them.ip, &d->us.ip, true), 1);
	assert_int_equal(fake_kernel_count(&d->kernel, &d->us.ip, &d->them.ip, false), 1);
	assert_sa(fake_kernel_sa(&d->kernel, &d->us.ip, d->peer.esp_out), true, &d->peer);
	assert_sa(fake_kernel_sa(&d->kernel, &d->them.ip, d->peer.esp_in), false, &d->peer);
}

struct status_counters duet_counters(struct duet *d)
{
	struct status_counters c;

	engine_counters(d->engine, &c);
	return c;
}

void duet_assert_empty(struct duet *d)
{
	struct status_counters c = duet_counters(d);

	assert_int_equal(c.ike_sas, 0);
	assert_int_equal(c.child_sas, 0);
	assert_int_equal(c.half_open, 0);
	assert_int_equal(c.jobs, 0);
	assert_int_equal(d->kernel.n_sas, 0);
}

static void state_visit(void *arg, const struct status_ike *s)
{
	*(int *)arg = (int)s->state;
}

static void pair_visit(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void child_visit(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

int duet_ike_state(struct duet *d)
{
	int state = -1;
	const struct status_visitor v = {
		.pair = pair_visit, .ike = state_visit, .child = child_visit, .arg = &state
	};

	engine_status(d->engine, &v);
	return state;
}
