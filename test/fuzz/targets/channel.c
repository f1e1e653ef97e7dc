/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hosts of the simulator, and between them a channel that loses, repeats, delays, changes and
 * cuts IKE messages as the input says, while the hosts are commanded, restarted and reset. The
 * simulator's invariants hold all the while (no cleartext, nothing in a kernel that no core knows,
 * no loop). When the input is over the channel is good, and the two end up with one CHILD_SA each,
 * with equal keys, and nothing beside.
 *
 * First octet: what hosts (FLAVOUR_… below). Second one: how many doings follow, each an octet of
 * time (a quarter of a second), one of kind and one of whom. Then an octet for each datagram.
 */
#include "fuzz/frame.h"
#include "sim/inside.h"

#include <errno.h>

#define DOINGS_MAX 8
#define MEDDLED_US (100 * SIM_SECOND) /* by then whoever was gone, or asleep, is back */
#define TALK_US (420 * SIM_SECOND)   /* until the last back-off and the last timer are over */
#define QUIET_US (30 * SIM_SECOND)
#define OVERLAP_S 240 /* an SA that its peer has lost goes with the dead-peer timer */
#define OLD_KEPT 8

enum {
	FLAVOUR_IPV6 = 1,
	FLAVOUR_SHARED = 2, /* one certificate for both */
	FLAVOUR_OPTIONAL = 4,
	FLAVOUR_SHORT_LIVED = 8, /* rekeying every minute or so */
	FLAVOUR_NAT = 16,	 /* host 1 is behind one */
	FLAVOUR_JITTER = 32,
	FLAVOUR_DEAF = 64,
	FLAVOUR_NO_TOKENS = 128,
};

static struct feed *channel;
static struct blob old[OLD_KEPT];
static size_t n_old;

/* --- the channel --- */

static void remember(const struct blob *datagram)
{
	struct blob *at = &old[n_old++ % OLD_KEPT];

	blob_free(at);
	HOLDS(blob_copy(at, blob_view(datagram)) == 0);
}

static void replace(struct blob *datagram, const struct blob *by)
{
	if (by->p == NULL)
		return;
	blob_free(datagram);
	HOLDS(blob_copy(datagram, blob_view(by)) == 0);
}

static size_t meddle(struct sim *s, unsigned from, struct blob *datagram, size_t n,
		     int64_t after_us[static WIRE_COPIES])
{
	const uint8_t what = feed_u8(channel);

	(void)s;
	(void)from;
	remember(datagram);
	if (what < 128 || n == 0)
		return n;
	switch (what % 8) {
	case 0: /* lost */
		return 0;
	case 1: /* again, at once */
		after_us[1] = after_us[0] + 100;
		return 2;
	case 2: /* again, much later */
		after_us[1] = after_us[0] + feed_u8(channel) * SIM_SECOND / 4;
		return 2;
	case 3: /* late: others overtake it */
		after_us[0] += feed_u8(channel) * SIM_SECOND / 16;
		return 1;
	case 4: /* changed */
	case 5:
		datagram->p[feed_u16(channel) % datagram->n] ^= feed_u8(channel);
		return 1;
	case 6: /* cut */
		datagram->n = feed_u8(channel) * datagram->n / 256;
		return 1;
	default: /* an older one in its place, whoever sent it */
		replace(datagram, &old[feed_u8(channel) % OLD_KEPT]);
		return 1;
	}
}

/* --- what happens to the hosts --- */

struct doing {
	uint8_t kind, whom;
};

static void restart(struct sim *s, void *arg)
{
	sim_start(s, (unsigned)(uintptr_t)arg);
}

static void talk_a_little(struct sim *s)
{
	sim_stream(s, 0, 1, 0, SIM_SECOND / 2, 4);
	sim_stream(s, 1, 0, 0, SIM_SECOND / 2, 4);
}

static void gone_for_a_while(struct sim *s, unsigned host, unsigned quarters)
{
	/* Not before a shutdown is over, which takes a second. */
	sim_at(s, (int64_t)(5 + quarters % 32) * SIM_SECOND / 4, restart, (void *)(uintptr_t)host);
}

static void do_it(struct sim *s, void *arg)
{
	const struct doing *d = arg;
	const unsigned host = d->whom & 1, much = d->whom >> 1;
	struct sim_host *h = &s->hosts[host];

	if (!h->running)
		return;
	switch (d->kind % 10) {
	case 0:
	case 1:
		sim_command(s, host, !host, (enum command_kind)(much % (COMMAND_REAUTH + 1)));
		break;
	case 2:
		sim_crash(s, host);
		gone_for_a_while(s, host, much);
		break;
	case 3:
		sim_stop_daemon(s, host);
		gone_for_a_while(s, host, much);
		break;
	case 4:
		sim_handover(s, host);
		break;
	case 5:
		sim_die(s, host);
		break;
	case 6:
		h->kernel.fail_add_in = 1 + much % 4;
		h->kernel.fail_error = much & 4 ? -ENOBUFS : -EEXIST;
		break;
	case 7:
		sim_sleep(s, host, (int64_t)much * SIM_SECOND / 4);
		break;
	case 8:
		sim_shutdown(s, host);
		gone_for_a_while(s, host, much);
		break;
	default:
		talk_a_little(s);
		break;
	}
}

/* --- and then --- */

static void start_any(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		s->hosts[i].kernel.fail_add_in = 0;
		sim_start(s, i);
	}
}

/* So that no rekeying is under way at the end. */
static void live_long(struct sim *s)
{
	struct fleet_options fleet = s->options.fleet;

	fleet.esp_lifetime_s = fleet.ike_lifetime_s = 0;
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_reload(s, i, &fleet);
}

static void comes_to_rest(struct sim *s)
{
	s->meddle = NULL;
	start_any(s);
	live_long(s);
	sim_pair_want(s, 0, 1);
	sim_stream(s, 0, 1, 0, 5 * SIM_SECOND, (unsigned)(TALK_US / (5 * SIM_SECOND)));
	sim_stream(s, 1, 0, SIM_SECOND, 5 * SIM_SECOND, (unsigned)(TALK_US / (5 * SIM_SECOND)));
	sim_run_for(s, TALK_US + QUIET_US);
	if (s->hosts[1].nat < 0) /* it holds the kernels' addresses against each other */
		sim_check_pair(s, 0, 1);
	sim_check_rest(s);
}

static struct sim *hosts_of(uint8_t flavour)
{
	const struct sim_options o = {
		.seed = 1,
		.hosts = 2,
		.nats = (flavour & FLAVOUR_NAT) != 0,
		.wire = { .delay_us = 2000,
			  .jitter_us = (flavour & FLAVOUR_JITTER) != 0 ? 3000 : 0 },
		.fleet = { .ipv6 = (flavour & FLAVOUR_IPV6) != 0,
			   .shared_certificate = (flavour & FLAVOUR_SHARED) != 0,
			   .optional = (flavour & FLAVOUR_OPTIONAL) != 0,
			   .esp_lifetime_s = (flavour & FLAVOUR_SHORT_LIVED) != 0 ? 60 : 0,
			   .ike_lifetime_s = (flavour & FLAVOUR_SHORT_LIVED) != 0 ? 100 : 0 },
		.timer_slack_us = 1000,
		.quiet = true,
		.packets_kept = 256,
		.deaf = (flavour & FLAVOUR_DEAF) != 0,
		.keeps = true,
		.no_tokens = (flavour & FLAVOUR_NO_TOKENS) != 0,
	};

	return sim_new(&o);
}

FUZZ_TARGET(input)
{
	struct doing doings[DOINGS_MAX];
	struct sim *s = hosts_of(input->left > 0 ? input->p[0] : 0);
	const bool nat = (feed_u8(input) & FLAVOUR_NAT) != 0;
	const unsigned n = feed_u8(input) % (DOINGS_MAX + 1);

	if (nat)
		sim_behind(s, 1, 0);
	for (unsigned i = 0; i < n; i++) {
		const int64_t at = feed_u8(input) * SIM_SECOND / 4;

		doings[i].kind = feed_u8(input);
		doings[i].whom = feed_u8(input);
		sim_at(s, at, do_it, &doings[i]);
	}
	channel = input;
	s->meddle = meddle;
	sim_start_all(s);
	sim_watch_overlap(s, OVERLAP_S);
	talk_a_little(s);
	sim_run_for(s, MEDDLED_US);
	comes_to_rest(s);
	sim_free(s);
	for (size_t i = 0; i < OLD_KEPT; i++)
		blob_free(&old[i]);
	n_old = 0;
}
