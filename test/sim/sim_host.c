/* SPDX-License-Identifier: Apache-2.0 */
/* A host: machine, kernel, daemon, clock, and what befalls them. */
#include "sim/inside.h"

#include "cmd/ikemeshd/healing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHUTDOWN_US SIM_SECOND

/* --- its clock --- */

struct mono sim_host_now(const struct sim_host *h)
{
	return (struct mono){ .us = h->sim->now.us + h->clock_us };
}

static bool awake(const struct sim_host *h)
{
	return h->asleep_until.us <= h->sim->now.us;
}

void sim_timers_set(struct sim_host *h)
{
	struct sim *s = h->sim;
	struct mono now = sim_host_now(h), tick = fake_kernel_deadline(&h->kernel);

	if (!awake(h))
		return;
	if (h->running && h->performer.deadline.us != h->timer_at.us) {
		h->timer_at = h->performer.deadline;
		h->timer_token++;
		if (h->timer_at.us != INT64_MAX)
			sim_event_new(s, SIM_TIMER, h->index,
				      h->timer_at.us - now.us +
					      rng_between(&s->rng, 0, s->options.timer_slack_us))
				->token = h->timer_token;
	}
	if (tick.us != h->tick_at.us) {
		h->tick_at = tick;
		h->tick_token++;
		if (tick.us != INT64_MAX)
			sim_event_new(s, SIM_TICK, h->index, tick.us - now.us)->token =
				h->tick_token;
	}
}

void sim_clock_jump(struct sim *s, unsigned host, int64_t us)
{
	struct sim_host *h = &s->hosts[host];

	if (us != 0)
		sim_trace(s, host, -1, "clock jumps by %.3f s", (double)us / 1e6);
	h->clock_us += us;
	h->timer_at = h->tick_at = MONO_NEVER;
	h->timer_token++;
	h->tick_token++;
	sim_timers_set(h);
}

void sim_sleep(struct sim *s, unsigned host, int64_t us)
{
	sim_trace(s, host, -1, "sleeps for %.3f s", (double)us / 1e6);
	s->hosts[host].asleep_until.us = s->now.us + us;
	sim_event_new(s, SIM_WAKE, host, us);
}

/* --- the performer's hands --- */

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	sim_check_performed(arg, ACTION_SEND, false);
	return sim_net_send(arg, local, remote, datagram);
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct sim_host *h = arg;
	const struct ip *remote = sa->inbound ? &sa->src : &sa->dst;
	int err = fake_kernel_sa_add(&h->kernel, sim_host_now(h), sa);

	if (!h->sim->trace.off)
		sim_trace(h->sim, h->index, sim_net_owner(h->sim, remote), "adds %s SA %08x%s",
			  sa->inbound ? "inbound" : "outbound", (unsigned)sa->spi,
			  err == 0 ? "" : ": refused");
	sim_check_performed(h, ACTION_SA_ADD, err != 0);
	h->sim->sas_changed = true;
	sim_pairs_touch(h, remote);
	return err;
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	struct sim_host *h = arg;
	const struct ip *remote = inbound ? &ref->src : &ref->dst;
	int err = fake_kernel_sa_delete(&h->kernel, ref);

	if (!h->sim->trace.off)
		sim_trace(h->sim, h->index, sim_net_owner(h->sim, remote), "deletes %s SA %08x%s",
			  inbound ? "inbound" : "outbound", (unsigned)ref->spi,
			  err == 0 ? "" : ": was gone");
	sim_check_performed(h, ACTION_SA_DELETE, false);
	h->sim->sas_changed = true;
	sim_pairs_touch(h, remote);
	return err;
}

static int hand_sa_update(void *arg, const struct sa_spec *sa)
{
	struct sim_host *h = arg;

	sim_check_performed(h, ACTION_SA_UPDATE, false);
	return fake_kernel_sa_update(&h->kernel, sa);
}

static void hand_keepalive(void *arg, const struct endpoint *local, const struct endpoint *remote)
{
	struct sim_host *h = arg;

	sim_check_performed(h, ACTION_KEEPALIVE, false);
	if (h->nat >= 0)
		nat_out(&h->sim->nats[h->nat], &h->sim->rng, h->sim->now, local, remote);
}

/* Two SAs an action. */
static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	struct sim_host *h = arg;

	for (size_t i = 0; i < n; i += 2)
		sim_check_performed(h, ACTION_SA_USAGE, false);
	fake_kernel_sas_packets(&h->kernel, refs, n, packets, errors);
}

static void hand_expect(void *arg, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	(void)local;
	(void)remote;
	(void)spi;
	sim_check_performed(arg, ACTION_EXPECT, false);
}

static void hand_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	struct sim_host *h = arg;

	(void)local;
	sim_check_performed(h, ACTION_NUDGE, false);
	fake_kernel_nudge(&h->kernel, sim_host_now(h), remote);
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
	sim_event_new(s, SIM_JOB, h->index, h->core_free[core].us - s->now.us)->job = job;
	return 0;
}

static void hand_report(void *arg, const struct report *report)
{
	struct sim_host *h = arg;

	sim_check_performed(h, ACTION_REPORT, false);
	h->sim->reports++;
	if (report->reason == REASON_PEER_DEAD)
		h->wary_until.us = h->sim->now.us + HEALING_WARY_US;
	if (!h->sim->trace.off)
		sim_trace(h->sim, h->index, sim_net_owner(h->sim, &report->remote), "says: %s",
			  report->text);
}

static struct mono hand_now(void *arg)
{
	return sim_host_now(arg);
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct sim_host *h = arg;
	struct mono before = h->performer.deadline;
	int r = h->core->step(h->engine, now, event, out);

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
	sim_timers_set(h);
}

void sim_feed(struct sim *s, unsigned host, const struct event *event)
{
	if (s->hosts[host].running)
		feed(&s->hosts[host], event);
}

/* --- it begins and ends --- */

static void hand_keep(void *arg, struct bytes record);

static const struct sim_core this_core = {
	.make = engine_new,
	.free = engine_free,
	.step = engine_step,
	.status = engine_status,
	.counters = engine_counters,
	.knows_sa = engine_knows_sa,
};

static int random_of(void *arg, uint8_t *out, size_t n)
{
	rng_fill(arg, out, n);
	return 0;
}

static void spec_make(struct sim_host *h, const struct fleet_options *fleet)
{
	if (h->sim->options.real_crypto)
		sim_real_spec(h->sim, h->index, fleet);
	else
		fleet_spec(&h->spec, h->index + 1, fleet);
}

void sim_host_init(struct sim *s, unsigned index)
{
	struct sim_host *h = &s->hosts[index];
	struct fake_kernel_hooks hooks;

	*h = (struct sim_host){
		.sim = s, .index = index, .nat = -1, .timer_at = MONO_NEVER, .tick_at = MONO_NEVER
	};
	h->core = index % 2 == 1 && s->options.other_core != NULL ? s->options.other_core
								  : &this_core;
	h->ip = fleet_address(index + 1, s->options.fleet.ipv6);
	h->rng.state = rng_next(&s->rng);
	h->doer = (struct job_doer){ .rng = &h->rng, .ca = s->options.fleet.ca };
	spec_make(h, &s->options.fleet);
	h->hands = (struct hands){
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
		.keep = s->options.keeps ? hand_keep : NULL,
		.now = hand_now,
		.step = hand_step,
		.arg = h,
	};
	hooks = sim_net_hooks(h);
	fake_kernel_init(&h->kernel, &hooks);
	h->kernel.listening = false;
	h->kernel.soft_late = s->options.soft_late;
	h->kernel.acquire_expires_us = s->options.acquire_expires_us;
}

static void daemon_end(struct sim_host *h)
{
	if (!h->running)
		return;
	h->running = false;
	h->kernel.listening = false;
	h->life++;
	h->core->free(h->engine);
	h->engine = NULL;
	performer_free(&h->performer);
	h->timer_at = MONO_NEVER;
	h->timer_token++;
	h->idle_timers = 0;
}

void sim_host_wipe(struct sim_host *h)
{
	daemon_end(h);
	secret_free(&h->kept);
	fake_kernel_wipe(&h->kernel);
	spec_free(&h->spec);
	free(h->plan);
}

struct orphans {
	const struct sim_host *host;
	struct sa_ref *refs;
	size_t n;
};

static bool orphan_note(void *arg, const struct fake_sa *sa)
{
	struct orphans *o = arg;
	const struct sa_ref ref = { .src = sa->spec.src, .dst = sa->spec.dst, .spi = sa->spec.spi };

	if (o->host->engine == NULL || !o->host->core->knows_sa(o->host->engine, &ref))
		o->refs[o->n++] = ref;
	return true;
}

/* What the daemon does when it starts and finds SAs that nobody stands for. */
static void orphans_remove(struct sim_host *h)
{
	struct orphans o = { .host = h, .refs = sim_grab(h->kernel.n_sas, sizeof *o.refs) };

	fake_kernel_walk(&h->kernel, orphan_note, &o);
	for (size_t i = 0; i < o.n; i++)
		fake_kernel_sa_delete(&h->kernel, &o.refs[i]);
	h->sim->sas_changed |= o.n > 0;
	free(o.refs);
}

static void engine_make(struct sim_host *h, bool awaits_state)
{
	const uint8_t secret[QCD_SECRET_LEN] = { (uint8_t)h->index, (uint8_t)(h->index >> 8), 1 };
	const struct engine_options o = {
		.random = random_of,
		.random_arg = &h->rng,
		.port = 500,
		.port_natt = 4500,
		.qcd_secret = h->sim->options.no_tokens ? NULL : secret,
		.awaits_state = awaits_state,
		.keeps = h->sim->options.keeps,
	};

	h->engine = h->core->make(&o);
	if (h->engine == NULL)
		abort();
	performer_init(&h->performer, &h->hands);
}

static void hand_keep(void *arg, struct bytes record)
{
	struct sim_host *h = arg;
	struct secret longer = { 0 };

	if (secret_new(&longer, h->kept.n + record.n) != 0)
		abort();
	if (h->kept.n > 0)
		memcpy(longer.p, h->kept.p, h->kept.n);
	memcpy(longer.p + h->kept.n, record.p, record.n);
	secret_move(&h->kept, &longer);
}

/* From now on each step is kept, behind what there is at this moment. */
static void keep_from_here(struct sim_host *h)
{
	if (!h->sim->options.keeps || h->core != &this_core)
		return;
	secret_free(&h->kept);
	if (engine_save(h->engine, &h->kept) != 0)
		abort();
}

void sim_start(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &h->spec } };

	if (h->running)
		return;
	sim_trace(s, host, -1, "starts");
	h->up = h->running = true;
	h->tap_from = MONO_NEVER;
	h->young_until.us = s->now.us + HEALING_YOUNG_FOR_US;
	orphans_remove(h);
	fake_kernel_policies(&h->kernel, &h->spec);
	h->kernel.listening = true;
	h->doer.leaf = blob_view(&h->spec.credential.certs[0]);
	engine_make(h, false);
	feed(h, &e);
	keep_from_here(h);
	sim_pairs_touch_host(s, host);
}

void sim_take_over(struct sim *s, unsigned host, struct bytes state, unsigned died)
{
	struct sim_host *h = &s->hosts[host];
	const struct event spec = { .kind = EVENT_SPEC, .spec = { .spec = &h->spec } };
	const struct event loaded = { .kind = EVENT_STATE_LOADED,
				      .state_loaded = { .state = state, .died = died } };

	daemon_end(h);
	h->running = h->kernel.listening = true;
	engine_make(h, true);
	h->taking_over = true;
	feed(h, &spec);
	feed(h, &loaded);
	keep_from_here(h);
	orphans_remove(h);
	h->taking_over = false;
	sim_pairs_touch_host(s, host);
}

void sim_handover(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];
	const struct event timer = { .kind = EVENT_TIMER };
	struct secret state = { 0 };

	if (!h->running)
		return;
	sim_trace(s, host, -1, "hands over");
	feed(h, &timer);
	if (engine_save(h->engine, &state) != 0)
		abort();
	sim_take_over(s, host, secret_view(&state), 0);
	secret_free(&state);
}

void sim_die(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];
	struct secret kept = { 0 };

	if (!h->running)
		return;
	sim_trace(s, host, -1, "dies, and another goes on");
	secret_move(&kept, &h->kept);
	sim_take_over(s, host, secret_view(&kept), 1);
	secret_free(&kept);
}

void sim_start_all(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_start(s, i);
}

void sim_stop_daemon(struct sim *s, unsigned host)
{
	sim_trace(s, host, -1, "daemon ends");
	daemon_end(&s->hosts[host]);
}

void sim_shutdown(struct sim *s, unsigned host)
{
	static const struct event e = { .kind = EVENT_SHUTDOWN };

	sim_trace(s, host, -1, "shuts down");
	feed(&s->hosts[host], &e);
	sim_event_new(s, SIM_STOP, host, SHUTDOWN_US);
}

void sim_crash(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];

	sim_trace(s, host, -1, "crashes");
	daemon_end(h);
	h->up = false;
	fake_kernel_flush(&h->kernel);
	fake_kernel_policies(&h->kernel, NULL);
	s->sas_changed = true;
	sim_pairs_touch_host(s, host);
}

/* --- it changes --- */

void sim_reload(struct sim *s, unsigned host, const struct fleet_options *fleet)
{
	struct sim_host *h = &s->hosts[host];
	struct spec old = h->spec;
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &h->spec } };

	sim_trace(s, host, -1, "reloads");
	spec_make(h, fleet);
	h->spec.credential.generation = old.credential.generation + 1;
	fake_kernel_policies(&h->kernel, &h->spec);
	h->doer.leaf = blob_view(&h->spec.credential.certs[0]);
	if (h->running)
		feed(h, &e);
	spec_free(&old);
}

void sim_move(struct sim *s, unsigned host)
{
	struct sim_host *h = &s->hosts[host];
	char text[IP_TEXT_LEN];

	h->ip = fleet_address(host + 1 + ++h->moves * FLEET_HOSTS, s->options.fleet.ipv6);
	sim_trace(s, host, -1, "is %s now", ip_text(&h->ip, text));
	sim_pairs_touch_host(s, host);
}

void sim_behind(struct sim *s, unsigned host, unsigned nat)
{
	s->hosts[host].nat = (int)nat;
}

void sim_command(struct sim *s, unsigned host, unsigned peer, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind,
			     .local = s->hosts[host].ip,
			     .remote = sim_address(s, host, peer) },
	};

	sim_feed(s, host, &e);
}

/* --- what comes to it --- */

void sim_host_datagram(struct sim_host *h, struct sim_event *e)
{
	struct sim *s = h->sim;
	struct event event = { .kind = EVENT_PACKET };
	struct sim_event *back;

	if (h->running) {
		event.packet.local = e->packet.local;
		event.packet.remote = e->packet.remote;
		event.packet.datagram = e->packet.datagram.p;
		event.packet.n = e->packet.datagram.n;
		feed(h, &event);
	} else if (h->up && s->options.icmp &&
		   s->wire.part[e->packet.from] == s->wire.part[h->index]) {
		back = sim_event_new(s, SIM_UNREACHABLE, e->packet.from,
				     wire_manners_of(&s->wire, h->index, e->packet.from)->delay_us);
		back->event.kind = EVENT_UNREACHABLE;
		back->event.unreachable.local = e->packet.remote;
		back->event.unreachable.remote = e->packet.local;
		back->event.unreachable.error = -ECONNREFUSED;
	}
}

void sim_host_job(struct sim_host *h, struct sim_event *e)
{
	struct event event = { .kind = EVENT_JOB_DONE };

	if (!h->running || e->life != h->life)
		return;
	h->doer.wall = h->wall_off_s +
		       (h->doer.real ? sim_real_wall(h->sim) : h->sim->now.us / SIM_SECOND);
	job_do(&h->doer, e->job);
	event.job_done.job = e->job;
	e->job = NULL;
	feed(h, &event);
}

void sim_host_timer(struct sim_host *h, const struct sim_event *e)
{
	static const struct event timer = { .kind = EVENT_TIMER };

	if (!h->running || e->token != h->timer_token)
		return;
	h->timer_at = MONO_NEVER;
	feed(h, &timer);
}

void sim_host_tick(struct sim_host *h, const struct sim_event *e)
{
	if (e->token != h->tick_token)
		return;
	h->tick_at = MONO_NEVER;
	fake_kernel_tick(&h->kernel, sim_host_now(h));
	sim_timers_set(h);
}
