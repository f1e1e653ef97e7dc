/* SPDX-License-Identifier: Apache-2.0 */
/* Between the hosts: IKE datagrams, ESP and cleartext, over the wire and through translators. */
#include "sim/inside.h"

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/healing.h"

#include <errno.h>
#include <stdlib.h>

#define NETLINK_US 50 /* from the kernel to the daemon, and as much jitter */

/* --- who is where --- */

struct ip sim_address(const struct sim *s, unsigned from, unsigned to)
{
	int nat = s->hosts[to].nat;

	return nat < 0 || nat == s->hosts[from].nat ? s->hosts[to].ip : s->nats[nat].ip;
}

/* The host of that address, NAT or not; NULL if nobody has it now. */
static struct sim_host *host_by_ip(struct sim *s, const struct ip *ip)
{
	unsigned number = fleet_number(ip);

	return number >= 1 && number <= s->n_hosts && ip_equal(&s->hosts[number - 1].ip, ip)
		       ? &s->hosts[number - 1]
		       : NULL;
}

static struct nat *nat_by_ip(struct sim *s, const struct ip *ip)
{
	for (unsigned i = 0; i < s->options.nats; i++)
		if (ip_equal(&s->nats[i].ip, ip))
			return &s->nats[i];
	return NULL;
}

int sim_net_owner(const struct sim *s, const struct ip *ip)
{
	unsigned number = fleet_number(ip);

	if (number >= 1 && number <= s->n_hosts)
		return ip_equal(&s->hosts[number - 1].ip, ip) ? (int)number - 1 : -1;
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (s->hosts[i].nat >= 0 && ip_equal(&s->nats[s->hosts[i].nat].ip, ip))
			return (int)i;
	return -1;
}

/* A UDP packet's way: both ends as the receiver sees them. NULL: nobody gets it. */
static struct sim_host *route(struct sim_host *h, struct endpoint *src, struct endpoint *dst)
{
	struct sim *s = h->sim;
	struct sim_host *to = host_by_ip(s, &dst->ip);
	struct nat *nat;

	if (to != NULL && to->nat == h->nat)
		return to;
	if (h->nat >= 0) {
		src->port = nat_out(&s->nats[h->nat], &s->rng, s->now, src, dst);
		src->ip = s->nats[h->nat].ip;
	}
	nat = nat_by_ip(s, &dst->ip);
	if (nat != NULL) {
		const struct endpoint *inner = nat_in(nat, s->now, dst->port, src);

		if (inner == NULL)
			return NULL;
		*dst = *inner;
		return host_by_ip(s, &dst->ip);
	}
	return to != NULL && to->nat < 0 ? to : NULL;
}

static void kernel_event(struct sim_host *h, const struct event *event);

/* --- IKE --- */

static void trace_send(struct sim_host *h, int to, struct bytes datagram, const char *end)
{
	struct sim *s = h->sim;
	char text[TRACE_LINE];

	if (s->trace.off)
		return;
	if (to < 0)
		sim_trace(s, h->index, -1, "--> nobody %s",
			  trace_datagram(datagram, text, sizeof text));
	else
		sim_trace(s, h->index, to, "--> h%d %s%s", to,
			  trace_datagram(datagram, text, sizeof text), end);
}

int sim_net_send(struct sim_host *h, const struct endpoint *local, const struct endpoint *remote,
		 struct bytes datagram)
{
	struct sim *s = h->sim;
	struct endpoint src = *local, dst = *remote;
	struct sim_host *to;
	int64_t after[WIRE_COPIES] = { 0 };
	struct blob meddled = { 0 };
	size_t n = 0;

	if (!ip_equal(&local->ip, &h->ip))
		return -EADDRNOTAVAIL; /* it has moved */
	to = route(h, &src, &dst);
	if (to != NULL)
		n = wire_carry(&s->wire, &s->rng, h->index, to->index, datagram.n + UDP_OVERHEAD,
			       after);
	if (s->lose != NULL && s->lose(s, h->index, datagram))
		n = 0;
	if (to != NULL && s->meddle != NULL) {
		if (blob_copy(&meddled, datagram) != 0)
			abort();
		n = s->meddle(s, h->index, &meddled, n, after);
		datagram = blob_view(&meddled);
	}
	s->datagrams++;
	s->datagram_octets += datagram.n;
	trace_send(h, to == NULL ? -1 : (int)to->index, datagram, n == 0 ? " LOST" : "");
	for (size_t i = 0; i < n; i++) {
		struct sim_event *e = sim_event_new(s, SIM_DATAGRAM, to->index, after[i]);

		e->packet.from = h->index;
		e->packet.local = dst;
		e->packet.remote = src;
		if (blob_copy(&e->packet.datagram, datagram) != 0)
			abort();
	}
	blob_free(&meddled);
	return 0;
}

/* --- ESP --- */

/* Through a NAT only in UDP; the addresses inside are those outside (transport mode). */
static struct sim_host *esp_route(struct sim_host *h, struct esp_packet *p)
{
	struct endpoint src = { .ip = p->inner.src, .port = p->src_port };
	struct endpoint dst = { .ip = p->inner.dst, .port = p->dst_port };
	struct sim_host *to = host_by_ip(h->sim, &dst.ip);

	if (!p->encap)
		return to != NULL && to->nat == h->nat ? to : NULL;
	to = route(h, &src, &dst);
	p->inner.src = src.ip;
	p->src_port = src.port;
	p->inner.dst = dst.ip;
	p->dst_port = dst.port;
	return to;
}

static void kernel_send_esp(void *arg, const struct esp_packet *packet)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	struct esp_packet p = *packet;
	struct sim_host *to = esp_route(h, &p);
	int64_t after[WIRE_COPIES];
	size_t n = to == NULL ? 0
			      : wire_carry(&s->wire, &s->rng, h->index, to->index,
					   p.inner.n + ESP_OVERHEAD, after);

	sim_packet_of(s, &p.inner)->fate = FATE_UNDERWAY;
	sim_packet_of(s, &p.inner)->left = true;
	if (s->esp_filtered && !p.encap && (h->index == 0 || !s->esp_filtered_h0))
		n = 0;
	for (size_t i = 0; i < n; i++)
		sim_event_new(s, SIM_ESP, to->index, after[i])->esp = p;
	if (n == 0)
		sim_packet_lost(s, &p.inner, to == NULL ? LOSS_NO_ROUTE : LOSS_WIRE);
	wipe(p.key, sizeof p.key);
}

/*
 * The daemon looks at the counter now and then, and only from then on sees the packets themselves,
 * until the counter has been calm for a while.
 */
static void stray(struct sim_host *h, const struct esp_packet *p)
{
	struct sim *s = h->sim;
	const bool young = s->now.us < h->young_until.us;
	const struct event e = {
		.kind = EVENT_STRAY_ESP,
		.stray = { .local = p->inner.dst,
			   .remote = p->inner.src,
			   .port = p->encap ? p->src_port : 0,
			   .spi = p->spi,
			   .seq = (uint32_t)p->seq,
			   .octets = p->inner.n + ESP_OVERHEAD },
	};

	if (h->tap_from.us == INT64_MAX || s->now.us - h->rose_at.us > HEALING_CALM_US)
		h->tap_from.us =
			s->now.us + rng_between(&s->rng, 0,
						young			       ? HEALING_YOUNG_US
						: s->now.us < h->wary_until.us ? HEALING_IDLE_US
									       : CLOCK_REST_US);
	h->rose_at = s->now;
	if (s->now.us >= h->tap_from.us)
		kernel_event(h, &e);
}

void sim_net_esp(struct sim_host *h, const struct sim_event *e)
{
	const uint64_t before = h->kernel.no_states;

	if (!h->up) {
		sim_packet_lost(h->sim, &e->esp.inner, LOSS_DOWN);
		return;
	}
	fake_kernel_input_esp(&h->kernel, sim_host_now(h), &e->esp);
	if (!h->sim->options.deaf && h->running && h->kernel.no_states != before)
		stray(h, &e->esp);
	sim_timers_set(h);
}

/* --- cleartext --- */

static void kernel_send_clear(void *arg, const struct app_packet *p)
{
	struct sim_host *h = arg;
	struct sim *s = h->sim;
	struct sim_host *to = host_by_ip(s, &p->dst);
	int64_t after[WIRE_COPIES];
	size_t n = 0;

	sim_check_clear(s, h, &p->dst);
	sim_packet_of(s, p)->fate = FATE_UNDERWAY;
	sim_packet_of(s, p)->left = true;
	if (to != NULL && to->nat == h->nat)
		n = wire_carry(&s->wire, &s->rng, h->index, to->index, p->n, after);
	else
		to = NULL;
	for (size_t i = 0; i < n; i++)
		sim_event_new(s, SIM_CLEAR, to->index, after[i])->app = *p;
	if (n == 0)
		sim_packet_lost(s, p, to == NULL ? LOSS_NO_ROUTE : LOSS_WIRE);
}

void sim_net_clear(struct sim_host *h, const struct sim_event *e)
{
	if (h->up)
		fake_kernel_input_clear(&h->kernel, &e->app);
	else
		sim_packet_lost(h->sim, &e->app, LOSS_DOWN);
}

/* --- what the kernel tells --- */

static void kernel_deliver(void *arg, const struct app_packet *p, bool was_protected)
{
	struct sim_host *h = arg;
	struct sim_packet *k = sim_packet_of(h->sim, p);
	struct sim_pair *pair;

	if (!was_protected)
		sim_check_clear(h->sim, h, &p->src);
	if (k->fate == FATE_PROTECTED || k->fate == FATE_CLEAR)
		return;
	k->fate = was_protected ? FATE_PROTECTED : FATE_CLEAR;
	pair = sim_pair_find(h->sim, k->from, k->to);
	if (pair != NULL)
		pair->passed_at[pair->a != k->from] = h->sim->now;
	k->done_at = h->sim->now;
}

static void kernel_lost(void *arg, const struct app_packet *p, enum loss why)
{
	struct sim_host *h = arg;

	if (why == LOSS_KEYS)
		sim_breach(h->sim, "host %u received ESP made with other keys", h->index);
	sim_packet_lost(h->sim, p, why);
}

static void kernel_event(struct sim_host *h, const struct event *event)
{
	struct sim *s = h->sim;
	int64_t at = s->now.us + NETLINK_US + rng_between(&s->rng, 0, NETLINK_US);

	if (!h->running)
		return;
	/* A netlink socket keeps the order. */
	if (at < h->netlink_at.us)
		at = h->netlink_at.us;
	h->netlink_at.us = at;
	sim_event_new(s, SIM_KERNEL, h->index, at - s->now.us)->event = *event;
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
	unsigned to = sim_packet_of(h->sim, p)->to;

	sim_trace(h->sim, h->index, (int)to, "acquire for h%u", to);
	kernel_event(h, &e);
}

static void kernel_expire(void *arg, const struct sa_ref *ref, bool hard)
{
	struct sim_host *h = arg;
	const struct event e = { .kind = EVENT_EXPIRE, .expire = { .ref = *ref, .hard = hard } };
	const struct ip *remote = ip_equal(&ref->dst, &h->ip) ? &ref->src : &ref->dst;

	sim_trace(h->sim, h->index, sim_net_owner(h->sim, remote), "%s expire of %08x",
		  hard ? "hard" : "soft", (unsigned)ref->spi);
	h->sim->sas_changed |= hard;
	if (hard)
		sim_pairs_touch(h, remote);
	kernel_event(h, &e);
}

static void kernel_mapping(void *arg, const struct sa_ref *ref, const struct endpoint *remote)
{
	struct sim_host *h = arg;
	const struct event e = { .kind = EVENT_MAPPING,
				 .mapping = { .ref = *ref, .remote = *remote } };

	sim_trace(h->sim, h->index, sim_net_owner(h->sim, &remote->ip),
		  "ESP of %08x comes from port %u now", (unsigned)ref->spi, (unsigned)remote->port);
	kernel_event(h, &e);
}

struct fake_kernel_hooks sim_net_hooks(struct sim_host *h)
{
	return (struct fake_kernel_hooks){
		.send_esp = kernel_send_esp,
		.send_clear = kernel_send_clear,
		.deliver = kernel_deliver,
		.lost = kernel_lost,
		.acquire = kernel_acquire,
		.expire = kernel_expire,
		.mapping = kernel_mapping,
		.arg = h,
	};
}
