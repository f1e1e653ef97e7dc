/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole core under any sequence of events: what the peer says rightly or with one thing
 * changed, any datagram from anybody, timers, acquires, expires, jobs that come home late, out of
 * order or failed, a kernel that refuses, commands, other configurations and addresses, ESP without
 * an SA, and another process that goes on. The first two octets are opening and flavour (scene.h),
 * then each event is its number (events[]) and what it takes from the input.
 */
#include "fuzz/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 48
#define SAID_KEPT 8

static struct scene scene;
static struct spec other_spec;
static bool has_other_spec;
static struct blob said[SAID_KEPT]; /* what the peer said, to be said again */
static size_t n_said;

/* --- who --- */

/* The peer, hosts nobody speaks for, one that is not protected, one that is nobody's, ourselves. */
static struct ip who(struct feed *in)
{
	const bool ipv6 = scene.d.options.ipv6;
	struct ip ip;

	switch (feed_u8(in) % 8) {
	case 0:
		return fleet_address(3, ipv6);
	case 1:
		return fleet_address(4, ipv6);
	case 2:
		ip = fleet_address(5, ipv6);
		ip.b[1] = 0xff;
		return ip;
	case 3:
		return (struct ip){ .family = ipv6 ? 6 : 4, .b = { 192, 0, 2, 1 } };
	case 4:
		return scene.d.us.ip;
	default:
		return scene.d.them.ip;
	}
}

static uint16_t port(struct feed *in)
{
	static const uint16_t ports[] = { 500, 4500, 4600, 0 };

	return ports[feed_u8(in) % 4];
}

/* --- what the peer says --- */

static void edit(struct feed *in, struct draft *d)
{
	const uint8_t how = feed_u8(in) % 8, nth = feed_u8(in);
	struct draft_payload *p = d->n > 0 ? &d->p[nth % d->n] : NULL;

	if (how == 6)
		d->h.message_id += (uint32_t)(int8_t)nth;
	else if (how == 7)
		d->h.response = !d->h.response;
	else if (p == NULL)
		return;
	else if (how == 1)
		draft_drop_at(d, nth % d->n);
	else if (how == 2)
		draft_double(d, p->type);
	else if (how == 3 && p->body.n > 0)
		p->body.p[feed_u8(in) % p->body.n] ^= feed_u8(in);
	else if (how == 4)
		p->body.n -= feed_u8(in) % (p->body.n + 1);
	else if (how == 5)
		draft_add_notify(d, feed_u16(in), feed_bytes(in, feed_u8(in) % 32));
}

static void keep_said(struct bytes datagram)
{
	struct blob *at = &said[n_said++ % SAID_KEPT];

	blob_free(at);
	HOLDS(blob_copy(at, datagram) == 0);
}

static void say(struct draft *d)
{
	struct scene *s = &scene;
	const bool clear = d->h.exchange == EXCHANGE_IKE_SA_INIT || s->d.peer.sk_d.n == 0;
	struct blob b;

	if (d->h.exchange == EXCHANGE_IKE_AUTH)
		s->proved = true;
	if (d->h.exchange == EXCHANGE_IKE_SA_INIT)
		b = peer_encode(&s->d.peer, d);
	else
		b = clear ? draft_message(d) : peer_seal(&s->d.peer, d);
	keep_said(blob_view(&b));
	duet_give(&s->d, blob_view(&b));
	blob_free(&b);
	draft_free(d);
	if (s->d.peer.next_shared.n > 0)
		peer_turn(&s->d.peer);
}

static void event_answer(struct feed *in)
{
	struct draft d;

	if (!scene.has_asked)
		return;
	talk_answer(&scene, &d);
	draft_free(&scene.asked);
	scene.has_asked = false;
	edit(in, &d);
	say(&d);
}

static void event_ask(struct feed *in)
{
	const uint8_t wish = feed_u8(in);
	struct draft d;

	if (!talk_begin(&scene, &d)) {
		if (scene.d.peer.sk_d.n == 0)
			return;
		talk_wish(&scene, wish, &d);
	}
	edit(in, &d);
	say(&d);
}

static void event_again(struct feed *in)
{
	const struct blob *b = &said[feed_u8(in) % SAID_KEPT];
	const struct endpoint from = { .ip = who(in), .port = port(in) };

	if (b->p != NULL)
		duet_give_from(&scene.d, &from, &scene.d.us, blob_view(b));
}

/* Any octets; with the SPIs that are in use, if so wished, and a length that fits. */
static void event_datagram(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	const struct endpoint from = { .ip = who(in), .port = port(in) };
	struct endpoint to = { .ip = scene.d.us.ip, .port = port(in) };
	struct exact e = exact_of(feed_sized(in));
	struct writer w = writer_of(e.p, e.n);

	if (e.n >= IKE_HEADER_LEN && (how & 1) != 0) {
		write_u64(&w, scene.d.peer.spi_i);
		write_u64(&w, scene.d.peer.spi_r);
	}
	if (e.n >= IKE_HEADER_LEN && (how & 2) != 0) {
		e.p[17] = 0x20;
		patch_u32(&(struct writer){ .p = e.p, .room = e.n, .n = e.n }, 24, (uint32_t)e.n);
	}
	duet_give_from(&scene.d, &from, &to, BYTES(e.p, e.n));
	exact_free(&e);
}

static void event_new_peer(struct feed *in)
{
	(void)in;
	peer_wipe(&scene.d.peer);
	if (scene.has_asked)
		draft_free(&scene.asked);
	scene.has_asked = false;
}

/* --- the kernel --- */

struct nth {
	size_t left;
	const struct fake_sa *found;
};

static bool count_down(void *arg, const struct fake_sa *s)
{
	struct nth *n = arg;

	n->found = s;
	return n->left-- > 0;
}

static const struct fake_sa *any_sa(struct feed *in)
{
	struct nth n = { .left = feed_u8(in) % 8 };

	fake_kernel_walk(&scene.d.kernel, count_down, &n);
	return n.found;
}

static struct sa_ref ref_of(const struct fake_sa *s)
{
	return (struct sa_ref){ .src = s->spec.src, .dst = s->spec.dst, .spi = s->spec.spi };
}

static void event_expire(struct feed *in)
{
	const struct fake_sa *s = any_sa(in);
	struct event e = { .kind = EVENT_EXPIRE };

	if (s == NULL)
		return;
	e.expire.ref = ref_of(s);
	e.expire.hard = feed_u8(in) % 2 != 0;
	if (e.expire.hard)
		fake_kernel_sa_delete(&scene.d.kernel, &e.expire.ref);
	duet_event(&scene.d, &e);
}

static void event_mapping(struct feed *in)
{
	const struct fake_sa *s = any_sa(in);
	struct event e = { .kind = EVENT_MAPPING };

	if (s == NULL)
		return;
	e.mapping.ref = ref_of(s);
	e.mapping.remote = (struct endpoint){ .ip = who(in), .port = port(in) };
	duet_event(&scene.d, &e);
}

static void event_usage(struct feed *in)
{
	const struct fake_sa *s = any_sa(in);
	struct event e = { .kind = EVENT_USAGE };

	if (s == NULL)
		return;
	e.usage.in = ref_of(s);
	e.usage.packets_in = feed_u8(in);
	e.usage.packets_out = feed_u8(in);
	e.usage.out_gone = feed_u8(in) % 4 == 0;
	duet_event(&scene.d, &e);
}

/* Somebody else took it away. */
static void event_sa_gone(struct feed *in)
{
	const struct fake_sa *s = any_sa(in);

	if (s != NULL) {
		const struct sa_ref ref = ref_of(s);

		fake_kernel_sa_delete(&scene.d.kernel, &ref);
	}
}

static void event_refusals(struct feed *in)
{
	static const int errors[] = { -ENOBUFS, -ENOMEM, -EEXIST, -EPERM };

	scene.d.kernel.fail_add_in = feed_u8(in) % 4;
	scene.d.kernel.fail_error = errors[feed_u8(in) % 4];
	scene.d.fail_send = feed_u8(in) % 8 == 0 ? -ENETUNREACH : 0;
}

static void event_acquire(struct feed *in)
{
	const struct event e = { .kind = EVENT_ACQUIRE,
				 .acquire = { .local = scene.d.us.ip,
					      .remote = who(in),
					      .protocol = feed_u8(in),
					      .remote_port = feed_u16(in) } };

	duet_event(&scene.d, &e);
}

static void event_esp(struct feed *in)
{
	(void)in;
	if (scene.d.peer.esp_encr != NULL)
		duet_esp_from_peer(&scene.d);
}

static void event_stray(struct feed *in)
{
	struct event e = { .kind = EVENT_STRAY_ESP };

	e.stray.local = scene.d.us.ip;
	e.stray.remote = who(in);
	e.stray.port = port(in);
	e.stray.spi = feed_u8(in) % 4 != 0 ? 0x1000u + feed_u8(in) : scene.d.peer.esp_out;
	e.stray.seq = feed_u8(in);
	e.stray.octets = feed_u16(in);
	duet_event(&scene.d, &e);
}

static void event_unreachable(struct feed *in)
{
	const struct event e = { .kind = EVENT_UNREACHABLE,
				 .unreachable = { .local = scene.d.us,
						  .remote = { .ip = who(in), .port = port(in) },
						  .error = feed_u8(in) % 2 != 0 ? -ECONNREFUSED
										: -EHOSTUNREACH } };

	duet_event(&scene.d, &e);
}

/* --- time and jobs --- */

static void event_time(struct feed *in)
{
	const uint16_t ms = feed_u16(in);

	if (ms == 0)
		duet_next_deadline(&scene.d);
	else
		duet_wait(&scene.d, (int64_t)ms * 1000);
}

static void event_timer(struct feed *in)
{
	static const struct event e = { .kind = EVENT_TIMER };

	(void)in;
	duet_event(&scene.d, &e);
}

static void event_hold_jobs(struct feed *in)
{
	scene.d.hold_jobs = feed_u8(in) % 2 != 0;
}

/* In any order; it may fail, and what came of it until then is there. */
static void event_job(struct feed *in)
{
	const uint8_t nth = feed_u8(in), how = feed_u8(in) % 8;
	struct job *j;

	if (scene.d.n_jobs == 0)
		return;
	j = duet_take_job(&scene.d, nth % scene.d.n_jobs);
	if (how != 1)
		duet_do_job(&scene.d, j);
	if (how == 1 || how == 2)
		j->result = how == 1 ? -EIO : -ENOMEM;
	if (how == 3 && (j->kind == JOB_VERIFY || j->kind == JOB_REVIEW))
		j->judged.verdict = (enum verdict)(feed_u8(in) % (VERDICT_FAILED + 1));
	duet_job_home(&scene.d, j);
}

/* --- people --- */

static void event_command(struct feed *in)
{
	struct event e = { .kind = EVENT_COMMAND };

	e.command.command = (enum command_kind)(feed_u8(in) % (COMMAND_REAUTH + 1));
	if (feed_u8(in) % 4 != 0)
		e.command.remote = who(in);
	if (feed_u8(in) % 4 == 0)
		e.command.local = scene.d.us.ip;
	duet_event(&scene.d, &e);
}

static void spec_is(const struct spec *spec)
{
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = spec } };

	duet_event(&scene.d, &e);
}

static void event_spec(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	const struct fleet_options f = { .ipv6 = scene.d.options.ipv6,
					 .optional = (how & 1) != 0,
					 .ca = (how & 2) != 0,
					 .group = (how & 4) != 0 ? KE_ECP_256 : 0,
					 .esp_lifetime_s = (how & 8) != 0 ? 60 : 0,
					 .ike_lifetime_s = (how & 16) != 0 ? 60 : 0,
					 .serial = how };

	spec_is(&scene.d.spec);
	if (has_other_spec)
		spec_free(&other_spec);
	has_other_spec = true;
	fleet_spec(&other_spec, 1, &f);
	other_spec.credential.generation = how;
	other_spec.encapsulation = (enum encap_mode)(how % 3);
	other_spec.idle_timeout_s = (how & 32) != 0 ? 30 : 0;
	other_spec.max_pairs = (how & 64) != 0 ? 2 : 10000;
	if ((how & 128) != 0)
		other_spec.n_protect = 0;
	spec_is(&other_spec);
}

static void addresses_are(size_t n)
{
	const bool ipv6 = scene.d.options.ipv6;
	struct ip locals[] = { scene.d.us.ip, fleet_address(9, ipv6) };
	struct event e = { .kind = EVENT_ADDRESSES };

	if (n == 0) { /* another one alone */
		locals[0] = locals[1];
		n = 1;
	}
	e.addresses.locals = locals;
	e.addresses.n = n;
	duet_event(&scene.d, &e);
}

static void event_addresses(struct feed *in)
{
	addresses_are(feed_u8(in) % 3);
}

static void event_review(struct feed *in)
{
	static const struct event e = { .kind = EVENT_REVIEW };

	(void)in;
	duet_event(&scene.d, &e);
}

/* Another process goes on, with the state or without. */
static void event_restart(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	struct secret state = { 0 };

	HOLDS(engine_save(scene.d.engine, &state) == 0);
	duet_restart(&scene.d, (how & 1) != 0 ? BYTES_NONE : secret_view(&state), (how & 2) != 0);
	secret_free(&state);
}

static void event_shutdown(struct feed *in)
{
	static const struct event e = { .kind = EVENT_SHUTDOWN };

	(void)in;
	duet_event(&scene.d, &e);
	duet_restart(&scene.d, BYTES_NONE, 0);
}

/* Seeds name them by their place: new ones go to the end. */
static void (*const events[])(struct feed *in) = {
	event_answer,	 event_ask,	event_time,	   event_acquire,  event_expire,
	event_job,	 event_command, event_hold_jobs,   event_datagram, event_again,
	event_new_peer,	 event_mapping, event_usage,	   event_sa_gone,  event_refusals,
	event_esp,	 event_stray,	event_unreachable, event_timer,	   event_spec,
	event_addresses, event_review,	event_restart,	   event_shutdown,
};
#define N_EVENTS (sizeof events / sizeof events[0])

static void end(void)
{
	scene.d.hold_jobs = false;
	addresses_are(1);
	spec_is(&scene.d.spec);
	scene_recover(&scene);
	scene_end(&scene);
	if (has_other_spec)
		spec_free(&other_spec);
	has_other_spec = false;
	for (size_t i = 0; i < SAID_KEPT; i++)
		blob_free(&said[i]);
	n_said = 0;
}

FUZZ_TARGET(input)
{
	const uint8_t opening = feed_u8(input), flavour = feed_u8(input);

	scene_start(&scene, &openings[opening % n_openings], flavour | FLAVOUR_LENIENT);
	for (int i = 0; i < EVENTS_MAX && input->left > 0; i++) {
		events[feed_u8(input) % N_EVENTS](input);
		scene_listen(&scene);
		scene_check(&scene);
	}
	end();
}
