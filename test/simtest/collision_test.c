/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hosts do something with their SAs at once: each of six things against each, the second one
 * begins at once, half a round trip later, or a whole one; and each such conversation again with
 * any single datagram of it lost. Whatever happens on the way, at rest both ends agree, nothing is
 * left over, and no packet was lost unless somebody deleted what carried it. RFC 7296 2.8.1,
 * 2.8.2, 2.25.
 *
 * IKEMESH_SIM_SEEDS: so many times all of it (1). IKEMESH_SIM_FIRST: from this seed on.
 * IKEMESH_COLLISION="seed,first,second,offset,traffic,lost": this one alone, with its trace.
 */
#include "sim/sim.h"

#include "ike/status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DELAY_US (10 * SIM_MS) /* one way */
#define UP_S 8
#define REST_S 60
#define LAST_S 15 /* before the end: by now all is well */
#define SHOWN 5	  /* failures, with their traces */
#define TRACE_SHOWN 120
#define SAS_SEEN 16
#define HYBRID_SEED 1000000 /* from here on with an additional key exchange (RFC 9370) */

enum thing {
	REKEY_CHILD,
	REKEY_IKE,
	DELETE_CHILD, /* a hard limit: the kernel has dropped the outbound SA already */
	DOWN,
	REAUTH,
	PROBE,
	THINGS,
};

static const char *const things[] = { "rekey child", "rekey IKE", "delete child",
				      "down",	     "reauth",	  "probe" };

struct collision {
	uint64_t seed;
	enum thing first, second;
	int64_t offset_us;
	bool traffic;
	unsigned lost; /* the nth datagram; 0: none */
};

/* --- what a host holds --- */

struct holdings {
	struct ip peer;
	struct status_ike ike[SAS_SEEN];
	struct status_child child[SAS_SEEN];
	size_t n_ike, n_child;
};

static void see_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void see_ike(void *arg, const struct status_ike *i)
{
	struct holdings *h = arg;

	if (h->n_ike < SAS_SEEN)
		h->ike[h->n_ike++] = *i;
}

static void see_child(void *arg, const struct status_child *c)
{
	struct holdings *h = arg;

	if (h->n_child < SAS_SEEN)
		h->child[h->n_child++] = *c;
}

static struct holdings look(const struct sim *s, unsigned host)
{
	struct holdings h = { 0 };
	const struct status_visitor v = {
		.pair = see_pair, .ike = see_ike, .child = see_child, .arg = &h
	};

	engine_status(s->hosts[host].engine, &v);
	return h;
}

/* --- the things --- */

static bool live_child(const struct sim *s, unsigned host, struct status_child *out)
{
	const struct holdings h = look(s, host);

	for (size_t i = 0; i < h.n_child; i++) {
		*out = h.child[i];
		if (out->state == CHILD_INSTALLED)
			return true;
	}
	return false;
}

static void hard_limit(struct sim *s, unsigned host, const struct status_child *c)
{
	struct event e = { .kind = EVENT_EXPIRE, .expire = { .hard = true } };

	e.expire.ref = (struct sa_ref){ .src = c->local, .dst = c->remote, .spi = c->spi_out };
	fake_kernel_sa_delete(&s->hosts[host].kernel, &e.expire.ref);
	sim_feed(s, host, &e);
}

/* We send, and nothing comes back. */
static void one_way(struct sim *s, unsigned host, const struct status_child *c)
{
	struct event e = { .kind = EVENT_USAGE, .usage = { .packets_out = 1 } };

	e.usage.in = (struct sa_ref){ .src = c->remote, .dst = c->local, .spi = c->spi_in };
	sim_feed(s, host, &e);
}

static void do_thing(struct sim *s, unsigned host, enum thing thing)
{
	static const enum command_kind commands[] = { [REKEY_CHILD] = COMMAND_REKEY,
						      [REKEY_IKE] = COMMAND_REKEY_IKE,
						      [DOWN] = COMMAND_DOWN,
						      [REAUTH] = COMMAND_REAUTH };
	struct status_child c;

	trace_line(&s->trace, s->now, "h%u *** %s", host, things[thing]);
	if (thing == DELETE_CHILD || thing == PROBE) {
		if (!live_child(s, host, &c))
			return;
		if (thing == PROBE)
			one_way(s, host, &c);
		else
			hard_limit(s, host, &c);
	} else {
		sim_command(s, host, 1 - host, commands[thing]);
	}
}

struct play {
	const struct collision *c;
	unsigned counted;
};

static void do_first(struct sim *s, void *arg)
{
	do_thing(s, 0, ((struct play *)arg)->c->first);
}

static void do_second(struct sim *s, void *arg)
{
	do_thing(s, 1, ((struct play *)arg)->c->second);
}

static bool lose(struct sim *s, unsigned from, struct bytes datagram)
{
	struct play *p = s->lose_arg;

	(void)from;
	(void)datagram;
	return ++p->counted == p->c->lost;
}

/* --- traffic: dense where it happens, then less --- */

static void traffic(struct sim *s, unsigned from, unsigned to)
{
	sim_stream(s, from, to, 0, 2 * SIM_MS, 75);
	sim_stream(s, from, to, 150 * SIM_MS, 25 * SIM_MS, 114);
	sim_stream(s, from, to, 3 * SIM_SECOND, 500 * SIM_MS, 2 * (REST_S - 3));
}

/* --- at rest --- */

static bool is_deletion(enum thing t)
{
	return t == DELETE_CHILD || t == DOWN;
}

/* Made by the lower address or the other: seeds take turns. */
static void bring_up(struct sim *s, uint64_t seed)
{
	const unsigned who = seed / 2 % 2;

	sim_stream(s, who, 1 - who, 0, 10 * SIM_MS, 2);
	sim_run_for(s, UP_S * SIM_SECOND);
	sim_check_pair(s, 0, 1);
}

static const char *agree_on_ike(const struct holdings *a, const struct holdings *b)
{
	if (a->n_ike != b->n_ike)
		return "one end has more IKE SAs than the other";
	if (a->n_ike > 1)
		return "more than one IKE SA is left";
	if (a->n_ike == 1 &&
	    (a->ike[0].state != IKE_ESTABLISHED || b->ike[0].state != IKE_ESTABLISHED))
		return "the IKE SA is not established at both ends";
	if (a->n_ike == 1 &&
	    (a->ike[0].spi_i != b->ike[0].spi_i || a->ike[0].spi_r != b->ike[0].spi_r ||
	     a->ike[0].initiator == b->ike[0].initiator))
		return "the ends have different IKE SAs";
	return NULL;
}

static const char *agree_on_child(const struct holdings *a, const struct holdings *b)
{
	if (a->n_child != b->n_child)
		return "one end has more CHILD_SAs than the other";
	if (a->n_child > 1)
		return "more than one CHILD_SA is left";
	if (a->n_child == 1 &&
	    (a->child[0].state != CHILD_INSTALLED || b->child[0].state != CHILD_INSTALLED))
		return "the CHILD_SA is not installed at both ends";
	if (a->n_child == 1 && (a->child[0].spi_in != b->child[0].spi_out ||
				a->child[0].spi_out != b->child[0].spi_in))
		return "the ends have different CHILD_SAs";
	return NULL;
}

static const char *rest(const struct sim *s, const struct holdings *a, const struct holdings *b,
			const struct collision *c)
{
	const char *why = agree_on_ike(a, b);

	if (why == NULL)
		why = agree_on_child(a, b);
	if (why != NULL)
		return why;
	if (c->seed >= HYBRID_SEED && a->n_ike == 1 &&
	    (a->ike[0].n_add_ke != 1 || b->ike[0].n_add_ke != 1))
		return "the additional key exchange got lost";
	for (unsigned h = 0; h < 2; h++)
		if (s->hosts[h].kernel.n_sas != 2 * a->n_child)
			return "a kernel has SAs too many, or too few";
	if (a->n_child == 1 && !sim_pair_up(s, 0, 1))
		return "keys differ";
	if (c->traffic && a->n_child == 0)
		return "there is traffic, and no CHILD_SA";
	if (!c->traffic && a->n_child == 1 && c->first == DOWN && c->second == DOWN)
		return "both said down, nobody sends, and there is a CHILD_SA";
	if (!c->traffic && a->n_child == 0 && !is_deletion(c->first) && !is_deletion(c->second))
		return "nobody deleted the CHILD_SA, and it is gone";
	return NULL;
}

static const char *packets(const struct sim *s, const struct collision *c)
{
	const bool may_lose = is_deletion(c->first) || is_deletion(c->second);
	const int64_t late = s->now.us - (LAST_S + 1) * SIM_SECOND;

	for (size_t i = 0; i < s->n_packets; i++) {
		const struct sim_packet *p = &s->packets[i];

		if (p->fate == FATE_PROTECTED)
			continue;
		if (!may_lose)
			return "a packet was lost, and nobody deleted anything";
		if (p->sent_at.us > late)
			return "packets are still lost at the end";
		if (p->fate != FATE_LOST)
			return "a packet is held for ever";
	}
	return NULL;
}

/* --- one conversation --- */

static void tell(const struct collision *c, const char *why)
{
	fprintf(stderr,
		"IKEMESH_COLLISION=%llu,%d,%d,%lld,%d,%u: h0 %s, h1 %s %lld us later%s, datagram "
		"%u lost: %s\n",
		(unsigned long long)c->seed, c->first, c->second, (long long)c->offset_us,
		c->traffic, c->lost, things[c->first], things[c->second], (long long)c->offset_us,
		c->traffic ? "" : ", no traffic", c->lost, why);
}

static void tell_holdings(const struct sim *s, unsigned host)
{
	const struct holdings h = look(s, host);

	fprintf(stderr, "  h%u: kernel %zu SAs;", host, s->hosts[host].kernel.n_sas);
	for (size_t i = 0; i < h.n_ike; i++)
		fprintf(stderr, " [%u] %s", h.ike[i].number, ike_state_name(h.ike[i].state));
	for (size_t i = 0; i < h.n_child; i++)
		fprintf(stderr, " {%u} %s %08x/%08x", h.child[i].number,
			child_state_name(h.child[i].state), h.child[i].spi_in, h.child[i].spi_out);
	fprintf(stderr, "\n");
}

struct totals {
	unsigned runs, conversations, failed, datagrams;
};

/* PFS with every other seed. */
static void add_pfs(struct spec *spec)
{
	struct proposal_spec *p = &spec->esp[0];

	p->t[p->n++] = (struct transform){ .type = TRANSFORM_KE, .id = KE_MODP_2048 };
}

/* In IKE_INTERMEDIATE, and in IKE_FOLLOWUP_KE when it is rekeyed. */
static void add_ke(struct spec *spec)
{
	struct proposal_spec *p = &spec->ike[0];

	p->t[p->n++] = (struct transform){ .type = TRANSFORM_ADDKE1, .id = KE_ML_KEM_768 };
}

/* Plays it and says how many datagrams it took. */
static unsigned play(const struct collision *c, struct totals *t, bool loud)
{
	struct sim_options o = { .seed = c->seed,
				 .hosts = 2,
				 .wire = { .delay_us = DELAY_US },
				 .timer_slack_us = 500,
				 .soft_late = c->seed % 2 == 1 };
	struct play p = { .c = c };
	struct sim *s = sim_new(&o);
	struct holdings a, b;
	const char *why;

	if (c->seed % 2 == 0)
		for (unsigned h = 0; h < 2; h++)
			add_pfs(&s->hosts[h].spec);
	for (unsigned h = 0; h < 2 && c->seed >= HYBRID_SEED; h++)
		add_ke(&s->hosts[h].spec);
	sim_start_all(s);
	bring_up(s, c->seed);
	s->lose = lose;
	s->lose_arg = &p;
	if (c->traffic) {
		traffic(s, 0, 1);
		traffic(s, 1, 0);
	}
	sim_at(s, 40 * SIM_MS, do_first, &p);
	sim_at(s, 40 * SIM_MS + c->offset_us, do_second, &p);
	sim_run_for(s, (REST_S + 1) * SIM_SECOND);
	a = look(s, 0);
	b = look(s, 1);
	why = rest(s, &a, &b, c);
	if (why == NULL)
		why = packets(s, c);
	t->runs++;
	t->datagrams += p.counted;
	if (why != NULL) {
		tell(c, why);
		tell_holdings(s, 0);
		tell_holdings(s, 1);
		t->failed++;
	}
	if (loud || (why != NULL && t->failed <= SHOWN))
		trace_print(&s->trace, TRACE_SHOWN);
	sim_free(s);
	return p.counted;
}

/* As it is, and with each datagram lost once. */
static void play_with_losses(struct collision *c, struct totals *t)
{
	unsigned n;

	c->lost = 0;
	t->conversations++;
	n = play(c, t, false);
	for (c->lost = 1; c->lost <= n; c->lost++)
		play(c, t, false);
}

static unsigned number(const char *name, unsigned usual)
{
	const char *text = getenv(name);
	unsigned long n = text == NULL ? 0 : strtoul(text, NULL, 10);

	return n == 0 ? usual : (unsigned)n;
}

static bool play_alone(struct totals *t)
{
	const char *text = getenv("IKEMESH_COLLISION");
	unsigned long long seed;
	int first, second, traffic_too;
	long long offset;
	unsigned lost;

	if (text == NULL)
		return false;
	if (sscanf(text, "%llu,%d,%d,%lld,%d,%u", &seed, &first, &second, &offset, &traffic_too,
		   &lost) != 6)
		fail_msg("IKEMESH_COLLISION is not understood");
	const struct collision c = { seed,   (enum thing)first, (enum thing)second,
				     offset, traffic_too != 0,	lost };
	play(&c, t, true);
	return true;
}

static void play_all(bool with_traffic, int64_t offset_us, unsigned base)
{
	const unsigned first = base + number("IKEMESH_SIM_FIRST", 1);
	const unsigned end = first + number("IKEMESH_SIM_SEEDS", 1);
	struct totals t = { 0 };

	for (unsigned seed = first; seed < end && !play_alone(&t); seed++) {
		for (int a = 0; a < THINGS; a++) {
			for (int b = 0; b < THINGS; b++) {
				/* Of all pairs both kinds are seen: with PFS, and without. */
				struct collision c = { .seed = 4 * seed + (unsigned)(a + b) % 4,
						       .first = (enum thing)a,
						       .second = (enum thing)b,
						       .offset_us = offset_us,
						       .traffic = with_traffic };
				play_with_losses(&c, &t);
			}
		}
	}
	printf("  %u conversations, %u datagrams, %u runs with at most one of them lost; %u went "
	       "wrong\n",
	       t.conversations, t.datagrams, t.runs, t.failed);
	assert_int_equal(t.failed, 0);
}

static void test_at_once(void **state)
{
	(void)state;
	play_all(true, 0, 0);
}

static void test_half_a_round_trip_later(void **state)
{
	(void)state;
	play_all(true, DELAY_US, 0);
}

static void test_a_round_trip_later(void **state)
{
	(void)state;
	play_all(true, 2 * DELAY_US, 0);
}

/* Nobody sends: what is left is left by the exchanges alone. */
static void test_without_traffic(void **state)
{
	(void)state;
	play_all(false, 0, 0);
}

/* Rekeying an IKE SA takes two exchanges then, and only one side can be about it. */
static void test_hybrid(void **state)
{
	(void)state;
	play_all(true, DELAY_US, HYBRID_SEED);
}

static void test_hybrid_at_once(void **state)
{
	(void)state;
	play_all(false, 0, HYBRID_SEED);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_half_a_round_trip_later),
		cmocka_unit_test(test_a_round_trip_later),
		cmocka_unit_test(test_without_traffic),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_hybrid_at_once),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
