/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "ike/status.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_US (1000 * SIM_SECOND)
#define ACQUIRE_EXPIRES_US (6 * SIM_SECOND)
#define UDP_OVERHEAD 28 /* octets of IPv4 and UDP header */
#define ESP_OVERHEAD 54
#define APP_OCTETS 84
#define NETLINK_US 50 /* from the kernel to the daemon, and as much jitter */
#define SHUTDOWN_US SIM_SECOND

enum sim_event_kind {
	SIM_DATAGRAM,
	SIM_ESP,
	SIM_CLEAR,
	SIM_TIMER,
	SIM_TICK,
	SIM_JOB,
	SIM_KERNEL, /* acquire or expire on its way to the daemon */
	SIM_UNREACHABLE,
	SIM_STREAM,
	SIM_STOP,
	SIM_CALL,
};

struct sim_event {
	enum sim_event_kind kind;
	struct mono at;
	uint64_t order; /* of two at one time the older goes first */
	unsigned host;
	uint64_t life; /* of the host, where it matters */
	uint64_t token;
	unsigned from;
	struct endpoint local, remote; /* as the receiver sees them */
	struct blob datagram;
	struct esp_packet esp;
	struct app_packet app;
	struct event event;
	struct job *job;
	int64_t interval_us;
	unsigned count;
	void (*call)(struct sim *s, void *arg);
	void *arg;
};

static void *grab(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size);

	if (p == NULL)
		abort();
	return p;
}

/* --- the queue: a binary heap --- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->at.us != b->at.us ? a->at.us < b->at.us : a->order < b->order;
}

static void swap(struct sim *s, size_t i, size_t j)
{
	struct sim_event *e = s->heap[i];

	s->heap[i] = s->heap[j];
	s->heap[j] = e;
}

static struct sim_event *event_new(struct sim *s, enum sim_event_kind kind, unsigned host,
				   int64_t after_us)
{
	struct sim_event *e = grab(1, sizeof *e);

	e->kind = kind;
	e->host = host;
	e->life = s->hosts[host].life;
	e->at.us = s->now.us + (after_us > 0 ? after_us : 0);
	e->order = ++s->order;
	if (s->n_heap == s->heap_room) {
		s->heap_room = s->heap_room == 0 ? 1024 : s->heap_room * 2;
		s->heap = realloc(s->heap, s->heap_room * sizeof *s->heap);
		if (s->heap == NULL)
			abort();
	}
	s->heap[s->n_heap++] = e;
	for (size_t i = s->n_heap - 1; i > 0 && earlier(s->heap[i], s->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(s, i, (i - 1) / 2);
	return e;
}

static struct sim_event *event_pop(struct sim *s)
{
	struct sim_event *e = s->heap[0];

	s->heap[0] = s->heap[--s->n_heap];
	for (size_t i = 0;;) {
		size_t least = i, left = 2 * i + 1;

		for (size_t j = left; j < left + 2 && j < s->n_heap; j++)
			if (earlier(s->heap[j], s->heap[least]))
				least = j;
		if (least == i)
			return e;
		swap(s, i, least);
		i = least;
	}
}

static void event_free(struct sim_event *e)
{
	blob_free(&e->datagram);
	job_free(e->job);
	free(e);
}

/* --- small parts --- */

static struct sim_host *host_by_ip(struct sim *s, const struct ip *ip)
{
	unsigned first = ip->family == 4 ? 0 : 12;
	unsigned index = ((unsigned)ip->b[first + 1] << 16 | (unsigned)ip->b[first + 2] << 8 |
			  ip->b[first + 3]) -
			 1;

	return index < s->n_hosts && ip_equal(&s->hosts[index].ip, ip) ? &s->hosts[index] : NULL;
}

static struct sim_packet *packet_of(struct sim *s, const struct app_packet *p)
{
	return &s->packets[p->id];
}

static void packet_lost(struct sim *s, const struct app_packet *p, enum loss why)
{
	struct sim_packet *k = packet_of(s, p);

	/* Of two copies the one that arrives counts, and of two losses the first. */
	if (k->fate != FATE_UNDERWAY && k->fate != FATE_HELD)
		return;
	k->fate = FATE_LOST;
	k->why = why;
	k->done_at = s->now;
	if (why != LOSS_WIRE)
		trace_line(&s->trace, s->now, "h%u --- packet %llu to h%u is lost: %s", k->from,
			   (unsigned long long)p->id, k->to, loss_name(why));
}

static void timers_set(struct sim_host *h)
{
	struct sim *s = h->sim;
	struct mono tick = fake_kernel_deadline(&h->kernel);
	struct sim_event *e;

	if (h->running && h->performer.deadline.us != h->timer_at.us) {
		h->timer_at = h->performer.deadline;
		h->timer_token++;
		if (h->timer_at.us != INT64_MAX) {
			e = event_new(s, SIM_TIMER, h->index,
				      h->timer_at.us - s->now.us +
					      rng_between(&s->rng, 0, s->options.timer_slack_us));
			e->token = h->timer_token;
		}
	}
	if (tick.us != h->tick_at.us) {
		h->tick_at = tick;
		h->tick_token++;
		if (tick.us != INT64_MAX) {
			e = event_new(s, SIM_TICK, h->index, tick.us - s->now.us);
			e->token = h->tick_token;
		}
	}
}

/* --- the kernel's doings --- */

static void kernel_send_esp(void *arg, const struct esp_packet *p)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	struct sim_host *to = host_by_ip(s, &p->inner.dst);
	int64_t after[WIRE_COPIES];
	size_t n = to == NULL ? 0
			      : wire_carry(&s->wire, &s->rng, h->index, to->index,
					   p->inner.n + ESP_OVERHEAD, after);

	packet_of(s, &p->inner)->fate = FATE_UNDERWAY;
	packet_of(s, &p->inner)->left = true;
	for (size_t i = 0; i < n; i++)
		event_new(s, SIM_ESP, to->index, after[i])->esp = *p;
	if (n == 0)
		packet_lost(s, &p->inner, LOSS_WIRE);
}

static void kernel_send_clear(void *arg, const struct app_packet *p)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	struct sim_host *to = host_by_ip(s, &p->dst);
	int64_t after[WIRE_COPIES];
	size_t n = to == NULL ? 0 : wire_carry(&s->wire, &s->rng, h->index, to->index, p->n, after);

	sim_check_clear(s, h, &p->dst);
	packet_of(s, p)->fate = FATE_UNDERWAY;
	packet_of(s, p)->left = true;
	for (size_t i = 0; i < n; i++)
		event_new(s, SIM_CLEAR, to->index, after[i])->app = *p;
	if (n == 0)
		packet_lost(s, p, LOSS_WIRE);
}

static void kernel_deliver(void *arg, const struct app_packet *p, bool was_protected)
{
	struct sim_host *h = arg;
	struct sim_packet *k = packet_of(h->sim, p);

	if (!was_protected)
		sim_check_clear(h->sim, h, &p->src);
	if (k->fate == FATE_PROTECTED || k->fate == FATE_CLEAR)
		return;
	k->fate = was_protected ? FATE_PROTECTED : FATE_CLEAR;
	k->done_at = h->sim->now;
}

static void kernel_lost(void *arg, const struct app_packet *p, enum loss why)
{
	struct sim_host *h = arg;

	if (why == LOSS_KEYS)
		sim_breach(h->sim, "host %u received ESP made with other keys", h->index);
	packet_lost(h->sim, p, why);
}

static void kernel_event(struct sim_host *h, const struct event *event)
{
	struct sim *s = h->sim;

	if (h->running)
		event_new(s, SIM_KERNEL, h->index, NETLINK_US + rng_between(&s->rng, 0, NETLINK_US))
			->event = *event;
}

static void kernel_acquire(void *arg, const struct app_packet *p)
{
	struct sim_host *h = arg;
	const struct event e = {
		.kind = EVENT_ACQUIRE,
		.acquire = { .local = p->src,
			     .remote = p->dst,
			     .protocol = p->protocol,
			     .local_port = p->src_port,
			     .remote_port = p->dst_port },
	};

	trace_line(&h->sim->trace, h->sim->now, "h%u acquire for h%u", h->index,
		   packet_of(h->sim, p)->to);
	kernel_event(h, &e);
}

static void kernel_expire(void *arg, const struct sa_ref *ref, bool hard)
{
	struct sim_host *h = arg;
	const struct event e = { .kind = EVENT_EXPIRE, .expire = { .ref = *ref, .hard = hard } };

	trace_line(&h->sim->trace, h->sim->now, "h%u %s expire of %08x", h->index,
		   hard ? "hard" : "soft", (unsigned)ref->spi);
	h->sim->sas_changed |= hard;
	kernel_event(h, &e);
}

/* --- the performer's hands --- */

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	struct sim_host *to = host_by_ip(s, &remote->ip);
	int64_t after[WIRE_COPIES];
	char text[TRACE_LINE];
	size_t n;

	sim_check_performed(h, ACTION_SEND, false);
	if (to == NULL)
		return -EHOSTUNREACH;
	n = wire_carry(&s->wire, &s->rng, h->index, to->index, datagram.n + UDP_OVERHEAD, after);
	if (s->lose != NULL && s->lose(s, h->index, datagram))
		n = 0;
	s->datagrams++;
	s->datagram_octets += datagram.n;
	if (!s->trace.off)
		trace_line(&s->trace, s->now, "h%u --> h%u %s%s", h->index, to->index,
			   trace_datagram(datagram, text, sizeof text), n == 0 ? " LOST" : "");
	for (size_t i = 0; i < n; i++) {
		struct sim_event *e = event_new(s, SIM_DATAGRAM, to->index, after[i]);

		e->from = h->index;
		e->local = *remote;
		e->remote = *local;
		if (blob_copy(&e->datagram, datagram) != 0)
			abort();
	}
	return 0;
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct sim_host *h = arg;
	int err = fake_kernel_sa_add(&h->kernel, h->sim->now, sa);

	trace_line(&h->sim->trace, h->sim->now, "h%u adds %s SA %08x%s", h->index,
		   sa->inbound ? "inbound" : "outbound", (unsigned)sa->spi,
		   err == 0 ? "" : ": refused");
	sim_check_performed(h, ACTION_SA_ADD, err != 0);
	h->sim->sas_changed = true;
	return err;
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	struct sim_host *h = arg;
	int err = fake_kernel_sa_delete(&h->kernel, ref);

	trace_line(&h->sim->trace, h->sim->now, "h%u deletes %s SA %08x%s", h->index,
		   inbound ? "inbound" : "outbound", (unsigned)ref->spi,
		   err == 0 ? "" : ": was gone");
	sim_check_performed(h, ACTION_SA_DELETE, false);
	h->sim->sas_changed = true;
	return err;
}

/* Asked for twice an action: the inbound SA's first. */
/* Encapsulation is no matter to the fake kernel. */
static int hand_sa_update(void *arg, const struct sa_spec *sa)
{
	(void)arg;
	(void)sa;
	return 0;
}

static void hand_keepalive(void *arg, const struct endpoint *local, const struct endpoint *remote)
{
	struct sim_host *h = arg;

	(void)local;
	(void)remote;
	(void)h;
}

static int hand_sa_packets(void *arg, const struct sa_ref *ref, uint64_t *packets)
{
	struct sim_host *h = arg;

	if (ip_equal(&ref->dst, &h->ip))
		sim_check_performed(h, ACTION_SA_USAGE, false);
	return fake_kernel_sa_packets(&h->kernel, ref, packets);
}

static void hand_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	struct sim_host *h = arg;

	(void)local;
	sim_check_performed(h, ACTION_NUDGE, false);
	fake_kernel_nudge(&h->kernel, h->sim->now, remote);
}

static int hand_job(void *arg, struct job *job)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	unsigned core = 0;
	int64_t cost = job_cost_us(job), start;

	sim_check_performed(h, ACTION_JOB, false);
	s->jobs++;
	for (unsigned i = 1; i < s->options.cores; i++)
		if (h->core_free[i].us < h->core_free[core].us)
			core = i;
	start = h->core_free[core].us > s->now.us ? h->core_free[core].us : s->now.us;
	/* Between half and twice the time, so that one may overtake another. */
	h->core_free[core].us = start + rng_between(&s->rng, cost / 2, cost * 2);
	event_new(s, SIM_JOB, h->index, h->core_free[core].us - s->now.us)->job = job;
	return 0;
}

static void hand_report(void *arg, const struct report *report)
{
	struct sim_host *h = arg;

	sim_check_performed(h, ACTION_REPORT, false);
	h->sim->reports++;
	trace_line(&h->sim->trace, h->sim->now, "h%u says: %s", h->index, report->text);
}

static struct mono hand_now(void *arg)
{
	return ((struct sim_host *)arg)->sim->now;
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct sim_host *h = arg;
	struct mono before = h->performer.deadline;
	int r = engine_step(h->engine, now, event, out);

	h->steps++;
	if (r != 0)
		sim_breach(h->sim, "host %u: the core says %d", h->index, r);
	sim_check_plan(h, out);
	sim_check_timer(h, event, out, before);
	return r;
}

static void feed(struct sim_host *h, const struct event *event)
{
	perform_event(&h->performer, event);
	sim_check_host(h);
	timers_set(h);
}

/* --- hosts --- */

static int random_of(void *arg, uint8_t *out, size_t n)
{
	rng_fill(arg, out, n);
	return 0;
}

static void host_init(struct sim *s, unsigned index)
{
	const struct fake_kernel_hooks hooks_of = {
		.send_esp = kernel_send_esp,
		.send_clear = kernel_send_clear,
		.deliver = kernel_deliver,
		.lost = kernel_lost,
		.acquire = kernel_acquire,
		.expire = kernel_expire,
	};
	struct sim_host *h = &s->hosts[index];
	struct fake_kernel_hooks hooks = hooks_of;

	*h = (struct sim_host){
		.sim = s, .index = index, .timer_at = MONO_NEVER, .tick_at = MONO_NEVER
	};
	h->ip = fleet_address(index + 1, s->options.fleet.ipv6);
	h->rng.state = rng_next(&s->rng);
	fleet_spec(&h->spec, index + 1, &s->options.fleet);
	h->doer = (struct job_doer){ .rng = &h->rng, .ca = s->options.fleet.ca };
	h->hands = (struct hands){
		.send = hand_send,
		.sa_add = hand_sa_add,
		.sa_delete = hand_sa_delete,
		.sa_update = hand_sa_update,
		.keepalive = hand_keepalive,
		.sa_packets = hand_sa_packets,
		.nudge = hand_nudge,
		.job = hand_job,
		.report = hand_report,
		.now = hand_now,
		.step = hand_step,
		.arg = h,
	};
	hooks.arg = h;
	fake_kernel_init(&h->kernel, &hooks);
	h->kernel.listening = false;
	h->kernel.soft_late = s->options.soft_late;
	h->kernel.acquire_expires_us = s->options.acquire_expires_us;
}

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *s = grab(1, sizeof *s);

	s->options = *options;
	if (s->options.cores == 0)
		s->options.cores = 2;
	if (s->options.acquire_expires_us == 0)
		s->options.acquire_expires_us = ACQUIRE_EXPIRES_US;
	s->now.us = START_US;
	s->rng.state = options->seed;
	s->n_hosts = options->hosts;
	s->hosts = grab(s->n_hosts, sizeof *s->hosts);
	trace_init(&s->trace);
	s->trace.off = options->quiet;
	wire_init(&s->wire, s->n_hosts, &options->wire);
	for (unsigned i = 0; i < s->n_hosts; i++)
		host_init(s, i);
	return s;
}

static void daemon_end(struct sim_host *h)
{
	if (!h->running)
		return;
	h->running = false;
	h->kernel.listening = false;
	h->life++;
	engine_free(h->engine);
	h->engine = NULL;
	performer_free(&h->performer);
	h->timer_at = MONO_NEVER;
	h->timer_token++;
	h->idle_timers = 0;
}

void sim_free(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct sim_host *h = &s->hosts[i];

		daemon_end(h);
		fake_kernel_wipe(&h->kernel);
		spec_free(&h->spec);
		free(h->plan);
	}
	for (size_t i = 0; i < s->n_heap; i++)
		event_free(s->heap[i]);
	if (s->current != NULL)
		event_free(s->current);
	free(s->heap);
	free(s->hosts);
	free(s->packets);
	free(s->overlap);
	wire_free(&s->wire);
	trace_free(&s->trace);
	free(s);
}

struct orphans {
	struct sa_ref refs[4096];
	size_t n;
};

static bool orphan_note(void *arg, const struct fake_sa *sa)
{
	struct orphans *o = arg;

	o->refs[o->n++] =
		(struct sa_ref){ .src = sa->spec.src, .dst = sa->spec.dst, .spi = sa->spec.spi };
	return o->n < sizeof o->refs / sizeof o->refs[0];
}

/* What the daemon does when it starts and finds SAs that nobody stands for. */
static void orphans_remove(struct sim_host *h)
{
	struct orphans *o = grab(1, sizeof *o);

	fake_kernel_walk(&h->kernel, orphan_note, o);
	for (size_t i = 0; i < o->n; i++)
		fake_kernel_sa_delete(&h->kernel, &o->refs[i]);
	h->sim->sas_changed |= o->n > 0;
	free(o);
}

void sim_start(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];
	const struct engine_options o = {
		.random = random_of,
		.random_arg = &h->rng,
		.port = 500,
		.port_natt = 4500,
	};
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &h->spec } };

	if (h->running)
		return;
	trace_line(&s->trace, s->now, "h%u starts", host);
	h->up = h->running = true;
	orphans_remove(h);
	fake_kernel_policies(&h->kernel, &h->spec);
	h->kernel.listening = true;
	h->doer.leaf = blob_view(&h->spec.credential.certs[0]);
	h->engine = engine_new(&o);
	if (h->engine == NULL)
		abort();
	performer_init(&h->performer, &h->hands);
	feed(h, &e);
}

void sim_start_all(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_start(s, i);
}

void sim_stop_daemon(struct sim *s, unsigned host)
{
	trace_line(&s->trace, s->now, "h%u daemon ends", host);
	daemon_end(&s->hosts[host]);
}

void sim_shutdown(struct sim *s, unsigned host)
{
	static const struct event e = { .kind = EVENT_SHUTDOWN };

	trace_line(&s->trace, s->now, "h%u shuts down", host);
	feed(&s->hosts[host], &e);
	event_new(s, SIM_STOP, host, SHUTDOWN_US);
}

void sim_crash(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];

	trace_line(&s->trace, s->now, "h%u crashes", host);
	daemon_end(h);
	h->up = false;
	fake_kernel_flush(&h->kernel);
	fake_kernel_policies(&h->kernel, NULL);
	s->sas_changed = true;
}

void sim_reload(struct sim *s, unsigned host, const struct fleet_options *fleet)
{
	struct sim_host *h = &s->hosts[host];
	struct spec old = h->spec;
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &h->spec } };

	trace_line(&s->trace, s->now, "h%u reloads", host);
	fleet_spec(&h->spec, host + 1, fleet);
	h->spec.credential.generation = old.credential.generation + 1;
	fake_kernel_policies(&h->kernel, &h->spec);
	h->doer.leaf = blob_view(&h->spec.credential.certs[0]);
	if (h->running)
		feed(h, &e);
	spec_free(&old);
}

void sim_command(struct sim *s, unsigned host, unsigned peer, enum command_kind kind)
{
	struct sim_host *h = &s->hosts[host];
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = h->ip, .remote = s->hosts[peer].ip },
	};

	if (h->running)
		feed(h, &e);
}

void sim_feed(struct sim *s, unsigned host, const struct event *event)
{
	if (s->hosts[host].running)
		feed(&s->hosts[host], event);
}

/* --- traffic --- */

static struct app_packet app_packet(struct sim *s, unsigned from, unsigned to)
{
	if (s->n_packets == s->packet_room) {
		s->packet_room = s->packet_room == 0 ? 1024 : s->packet_room * 2;
		s->packets = realloc(s->packets, s->packet_room * sizeof *s->packets);
		if (s->packets == NULL)
			abort();
	}
	s->packets[s->n_packets] = (struct sim_packet){
		.from = from, .to = to, .fate = FATE_UNDERWAY, .sent_at = s->now
	};
	return (struct app_packet){
		.id = s->n_packets++,
		.src = s->hosts[from].ip,
		.dst = s->hosts[to].ip,
		.protocol = 1,
		.n = APP_OCTETS,
	};
}

size_t sim_send(struct sim *s, unsigned from, unsigned to)
{
	struct sim_host *h = &s->hosts[from];
	struct app_packet p = app_packet(s, from, to);

	if (!h->up) {
		packet_lost(s, &p, LOSS_DOWN);
		return p.id;
	}
	fake_kernel_output(&h->kernel, s->now, &p);
	if (packet_of(s, &p)->fate == FATE_UNDERWAY && !packet_of(s, &p)->left)
		packet_of(s, &p)->fate = FATE_HELD;
	timers_set(h);
	return p.id;
}

void sim_stream(struct sim *s, unsigned from, unsigned to, int64_t start_us, int64_t interval_us,
		unsigned count)
{
	struct sim_event *e = event_new(s, SIM_STREAM, from, start_us);

	e->from = to;
	e->interval_us = interval_us;
	e->count = count;
}

struct sim_tally sim_tally(const struct sim *s, int from, int to)
{
	struct sim_tally t = { 0 };

	for (size_t i = 0; i < s->n_packets; i++) {
		const struct sim_packet *p = &s->packets[i];

		if ((from >= 0 && p->from != (unsigned)from) || (to >= 0 && p->to != (unsigned)to))
			continue;
		t.sent++;
		t.underway += p->fate == FATE_UNDERWAY;
		t.held += p->fate == FATE_HELD;
		t.was_protected += p->fate == FATE_PROTECTED;
		t.clear += p->fate == FATE_CLEAR;
		t.lost += p->fate == FATE_LOST;
		if (p->fate == FATE_LOST)
			t.by_reason[p->why]++;
	}
	return t;
}

void sim_tally_print(const struct sim_tally *t)
{
	printf("  %zu packets: %zu protected, %zu clear, %zu held, %zu under way, %zu lost",
	       t->sent, t->was_protected, t->clear, t->held, t->underway, t->lost);
	for (unsigned i = 0; i < LOSS_KINDS; i++)
		if (t->by_reason[i] > 0)
			printf(", %s %zu", loss_name((enum loss)i), t->by_reason[i]);
	printf("\n");
}

/* --- events --- */

static void on_datagram(struct sim *s, struct sim_host *h, struct sim_event *e)
{
	struct event event = { .kind = EVENT_PACKET };
	struct sim_event *back;

	if (h->running) {
		event.packet.local = e->local;
		event.packet.remote = e->remote;
		event.packet.datagram = e->datagram.p;
		event.packet.n = e->datagram.n;
		feed(h, &event);
	} else if (h->up && s->options.icmp && s->wire.part[e->from] == s->wire.part[e->host]) {
		back = event_new(s, SIM_UNREACHABLE, e->from,
				 wire_manners_of(&s->wire, e->host, e->from)->delay_us);
		back->event.kind = EVENT_UNREACHABLE;
		back->event.unreachable.local = e->remote;
		back->event.unreachable.remote = e->local;
		back->event.unreachable.error = -ECONNREFUSED;
	}
}

static void on_job(struct sim_host *h, struct sim_event *e)
{
	struct event event = { .kind = EVENT_JOB_DONE };

	if (!h->running || e->life != h->life)
		return;
	job_do(&h->doer, e->job);
	event.job_done.job = e->job;
	e->job = NULL;
	feed(h, &event);
}

static void on_stream(struct sim *s, struct sim_event *e)
{
	sim_send(s, e->host, e->from);
	if (e->count > 1)
		sim_stream(s, e->host, e->from, e->interval_us, e->interval_us, e->count - 1);
}

static void on_esp(struct sim *s, struct sim_host *h, const struct sim_event *e)
{
	if (!h->up) {
		packet_lost(s, &e->esp.inner, LOSS_DOWN);
		return;
	}
	fake_kernel_input_esp(&h->kernel, s->now, &e->esp);
	timers_set(h);
}

static void on_clear(struct sim *s, struct sim_host *h, const struct sim_event *e)
{
	if (h->up)
		fake_kernel_input_clear(&h->kernel, &e->app);
	else
		packet_lost(s, &e->app, LOSS_DOWN);
}

static void on_timer(struct sim_host *h, const struct sim_event *e)
{
	static const struct event timer = { .kind = EVENT_TIMER };

	if (!h->running || e->token != h->timer_token)
		return;
	h->timer_at = MONO_NEVER;
	feed(h, &timer);
}

static void on_tick(struct sim *s, struct sim_host *h, const struct sim_event *e)
{
	if (e->token != h->tick_token)
		return;
	h->tick_at = MONO_NEVER;
	fake_kernel_tick(&h->kernel, s->now);
	timers_set(h);
}

static void dispatch(struct sim *s, struct sim_event *e)
{
	struct sim_host *h = &s->hosts[e->host];

	switch (e->kind) {
	case SIM_DATAGRAM:
		on_datagram(s, h, e);
		break;
	case SIM_ESP:
		on_esp(s, h, e);
		break;
	case SIM_CLEAR:
		on_clear(s, h, e);
		break;
	case SIM_TIMER:
		on_timer(h, e);
		break;
	case SIM_TICK:
		on_tick(s, h, e);
		break;
	case SIM_JOB:
		on_job(h, e);
		break;
	case SIM_KERNEL:
	case SIM_UNREACHABLE:
		if (h->running && e->life == h->life)
			feed(h, &e->event);
		break;
	case SIM_STREAM:
		on_stream(s, e);
		break;
	case SIM_STOP:
		if (e->life == h->life)
			sim_stop_daemon(s, e->host);
		break;
	case SIM_CALL:
		e->call(s, e->arg);
		break;
	}
}

void sim_at(struct sim *s, int64_t after_us, void (*call)(struct sim *s, void *arg), void *arg)
{
	struct sim_event *e = event_new(s, SIM_CALL, 0, after_us);

	e->call = call;
	e->arg = arg;
}

bool sim_run_until(struct sim *s, bool (*done)(const struct sim *s, void *arg), void *arg,
		   int64_t us)
{
	int64_t end = s->now.us + us;

	if (done != NULL && done(s, arg))
		return true;
	while (s->n_heap > 0 && s->heap[0]->at.us <= end) {
		struct sim_event *e = event_pop(s);

		s->now = e->at;
		s->events++;
		s->current = e;
		dispatch(s, e);
		s->current = NULL;
		event_free(e);
		if (s->sas_changed && done != NULL && done(s, arg))
			return true;
		s->sas_changed = false;
	}
	s->now.us = end;
	return false;
}

void sim_run_for(struct sim *s, int64_t us)
{
	sim_run_until(s, NULL, NULL, us);
}

/* --- to look at --- */

static bool way_open(const struct sim *s, unsigned from, unsigned to)
{
	const struct sim_host *a = &s->hosts[from], *b = &s->hosts[to];
	const struct app_packet p = { .src = a->ip, .dst = b->ip, .protocol = 1 };
	const struct fake_sa *out = fake_kernel_outbound(&a->kernel, s->now, &p);
	const struct fake_sa *in;

	if (out == NULL)
		return false;
	in = fake_kernel_sa(&b->kernel, &b->ip, out->spec.spi);
	return in != NULL && in->spec.inbound && in->spec.encr == out->spec.encr &&
	       in->spec.integ == out->spec.integ && in->spec.esn == out->spec.esn &&
	       in->spec.key_len == out->spec.key_len &&
	       memcmp(in->spec.key, out->spec.key, in->spec.key_len) == 0;
}

bool sim_pair_up(const struct sim *s, unsigned a, unsigned b)
{
	return way_open(s, a, b) && way_open(s, b, a);
}

size_t sim_pairs_up(const struct sim *s)
{
	size_t n = 0;

	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++)
			n += sim_pair_up(s, a, b);
	return n;
}

struct count {
	struct ip remote;
	size_t children, sas;
};

static void count_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void count_ike(void *arg, const struct status_ike *i)
{
	struct count *c = arg;

	c->sas += ip_equal(&i->remote.ip, &c->remote) && i->state == IKE_ESTABLISHED;
}

static void count_child(void *arg, const struct status_child *ch)
{
	struct count *c = arg;

	c->children += ip_equal(&ch->remote, &c->remote) && ch->state == CHILD_INSTALLED;
}

static struct count count_with(const struct sim *s, unsigned a, unsigned b)
{
	struct count c = { .remote = s->hosts[b].ip };
	const struct status_visitor v = {
		.pair = count_pair, .ike = count_ike, .child = count_child, .arg = &c
	};

	if (s->hosts[a].running)
		engine_status(s->hosts[a].engine, &v);
	return c;
}

size_t sim_live_children(const struct sim *s, unsigned a, unsigned b)
{
	return count_with(s, a, b).children;
}

size_t sim_ike_sas(const struct sim *s, unsigned a, unsigned b)
{
	return count_with(s, a, b).sas;
}
