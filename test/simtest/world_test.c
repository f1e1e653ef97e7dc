/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own world: what its hosts, NATs and clocks do, before a scenario leans on them.
 */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sim *world(const struct sim_options *with)
{
	struct sim_options o = *with;
	struct sim *s;

	o.wire = (struct wire_manners){ .delay_us = 1000 };
	s = sim_new(&o);
	return s;
}

static size_t arrived(const struct sim *s, size_t packet)
{
	return s->packets[packet].fate == FATE_PROTECTED;
}

/* --- time goes as its seed says --- */

static uint64_t digest(uint64_t seed, bool quiet)
{
	struct sim *s = world(&(struct sim_options){ .seed = seed, .hosts = 3, .quiet = quiet });
	uint64_t found;

	s->wire.manners.loss = 0.2;
	sim_start_all(s);
	sim_stream(s, 0, 1, 0, 100 * SIM_MS, 50);
	sim_stream(s, 1, 2, 0, 100 * SIM_MS, 50);
	sim_run_for(s, 10 * SIM_SECOND);
	found = s->digest;
	sim_free(s);
	return found;
}

static void test_trace_changes_nothing(void **state)
{
	(void)state;
	assert_true(digest(1, true) == digest(1, false));
	assert_true(digest(1, true) != digest(2, true));
}

static void test_queue_is_in_order(void **state)
{
	struct event_queue q = { 0 };
	struct rng r = { .state = 1 };
	struct mono at, last = { .us = -1 };
	uintptr_t last_order = 0;

	(void)state;
	for (uintptr_t i = 1; i <= 5000; i++)
		queue_push(&q, (struct mono){ (int64_t)rng_below(&r, 50) }, (struct sim_event *)i);
	while (q.n > 0) {
		uintptr_t order = (uintptr_t)queue_pop(&q, &at);

		assert_true(at.us > last.us || (at.us == last.us && order > last_order));
		last = at;
		last_order = order;
	}
	queue_free(&q);
}

/* --- hosts --- */

static void test_sleeper_misses_what_happens(void **state)
{
	struct sim *s = world(&(struct sim_options){ .seed = 1, .hosts = 2 });
	size_t before, during, after;

	(void)state;
	sim_start_all(s);
	sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	before = sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	sim_sleep(s, 1, 10 * SIM_SECOND);
	during = sim_send(s, 0, 1);
	sim_run_for(s, 11 * SIM_SECOND);
	after = sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(arrived(s, before), 1);
	assert_int_equal(s->packets[during].fate, FATE_LOST);
	assert_int_equal(s->packets[during].why, LOSS_DOWN);
	assert_int_equal(arrived(s, after), 1);
	sim_free(s);
}

/* A clock that jumps over the lifetime makes for new keys at once, and for no loss. */
static void test_clock_jump(void **state)
{
	struct sim_options o = { .seed = 1, .hosts = 2, .fleet = { .esp_lifetime_s = 3600 } };
	struct sim *s = world(&o);
	uint64_t adds;

	(void)state;
	sim_start_all(s);
	sim_stream(s, 0, 1, 0, 100 * SIM_MS, 200);
	sim_run_for(s, 10 * SIM_SECOND);
	adds = s->hosts[0].kernel.adds;
	sim_clock_jump(s, 0, 4000 * SIM_SECOND);
	sim_run_for(s, 5 * SIM_SECOND);
	assert_int_equal(s->hosts[0].kernel.adds, adds + 2);
	sim_clock_jump(s, 0, -2 * SIM_SECOND);
	sim_run_for(s, 10 * SIM_SECOND);
	assert_int_equal(sim_tally(s, 0, 1).was_protected, 200);
	sim_check_pair(s, 0, 1);
	sim_free(s);
}

static void test_another_address(void **state)
{
	struct sim *s = world(&(struct sim_options){ .seed = 1, .hosts = 2 });
	struct ip old;
	size_t late;

	(void)state;
	sim_start_all(s);
	sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	old = s->hosts[1].ip;
	sim_move(s, 1);
	assert_false(ip_equal(&old, &s->hosts[1].ip));
	assert_false(sim_pair_up(s, 0, 1));
	late = sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	assert_true(sim_pair_up(s, 0, 1));
	assert_int_equal(arrived(s, late), 1);
	sim_free(s);
}

static void test_certificate_that_ran_out(void **state)
{
	struct sim *s = world(&(struct sim_options){ .seed = 1, .hosts = 2 });
	struct fleet_options fleet = { .serial = 2, .valid_until = s->now.us / SIM_SECOND - 1 };

	(void)state;
	sim_start_all(s);
	sim_reload(s, 1, &fleet);
	sim_stream(s, 0, 1, 0, SIM_SECOND, 60);
	sim_run_for(s, 20 * SIM_SECOND);
	assert_false(sim_pair_up(s, 0, 1));
	fleet.valid_until = 0;
	sim_reload(s, 1, &fleet);
	sim_run_for(s, 20 * SIM_SECOND);
	sim_check_pair(s, 0, 1);
	sim_free(s);
}

/* --- a pair that is followed --- */

static void test_pair_is_followed(void **state)
{
	struct sim *s = world(&(struct sim_options){ .seed = 1, .hosts = 3 });
	struct sim_pair *p = sim_pair_want(s, 1, 0);

	(void)state;
	sim_start_all(s);
	assert_int_equal(s->pairs_up, 0);
	sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	assert_true(p->up && p->single);
	assert_int_equal(s->pairs_up, 1);
	assert_int_equal(s->pairs_single, 1);
	assert_true(p->up_first.us < s->now.us);
	assert_true(p->passed_at[0].us > p->passed_at[1].us);
	sim_crash(s, 1);
	assert_false(p->up);
	assert_int_equal(s->pairs_up, 0);
	sim_free(s);
}

/* What is not kept is counted all the same. */
static void test_packets_that_are_not_kept(void **state)
{
	struct sim_options o = { .seed = 1, .hosts = 2, .packets_kept = 16 };
	struct sim *s = world(&o);
	struct sim_tally t;

	(void)state;
	sim_start_all(s);
	sim_stream(s, 0, 1, 0, 100 * SIM_MS, 100);
	sim_run_for(s, 20 * SIM_SECOND);
	t = sim_tally(s, -1, -1);
	assert_int_equal(t.sent, 100);
	assert_int_equal(t.was_protected, 100);
	sim_free(s);
}

/* --- NAT --- */

static void test_nat_mappings(void **state)
{
	struct nat n = { .ip = ip_v4(10, 0, 1, 1), .idle_us = 100 };
	struct rng r = { .state = 1 };
	const struct endpoint a = { ip_v4(10, 0, 0, 1), 4500 }, b = { ip_v4(10, 0, 0, 2), 4500 };
	const struct endpoint out = { ip_v4(10, 0, 0, 9), 4500 }, other = { out.ip, 500 };
	uint16_t pa, pb;

	(void)state;
	pa = nat_out(&n, &r, (struct mono){ 0 }, &a, &out);
	pb = nat_out(&n, &r, (struct mono){ 0 }, &b, &out);
	assert_int_equal(pa, 4500); /* kept where it is free */
	assert_int_not_equal(pb, 4500);
	assert_true(endpoint_equal(nat_in(&n, (struct mono){ 50 }, pa, &out), &a));
	assert_true(endpoint_equal(nat_in(&n, (struct mono){ 50 }, pb, &out), &b));
	assert_null(nat_in(&n, (struct mono){ 50 }, pa, &other)); /* answers alone come in */
	assert_null(nat_in(&n, (struct mono){ 200 }, pa, &out));  /* and none too late */
	nat_forget(&n);
	assert_int_not_equal(nat_out(&n, &r, (struct mono){ 200 }, &a, &out), 4500);
	nat_free(&n);
}

/* h0 is inside: it comes out, ESP follows in UDP, and a lost mapping is followed. */
static void test_behind_a_nat(void **state)
{
	struct sim *s = world(&(struct sim_options){ .seed = 1, .hosts = 2, .nats = 1 });
	size_t back;

	(void)state;
	sim_behind(s, 0, 0);
	sim_start_all(s);
	back = sim_send(s, 1, 0);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(arrived(s, back), 0); /* nobody gets in from outside */
	sim_send(s, 0, 1);
	sim_run_for(s, 3 * SIM_SECOND);
	assert_true(sim_pair_up(s, 0, 1));
	assert_int_equal(arrived(s, sim_send(s, 1, 0)) + s->packets[back].left, 1);
	nat_forget(&s->nats[0]);
	sim_run_for(s, SIM_SECOND);
	back = sim_send(s, 1, 0);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(s->packets[back].why, LOSS_NO_ROUTE);
	sim_send(s, 0, 1); /* from another port: the kernel reports it, and the core follows */
	sim_run_for(s, SIM_SECOND);
	back = sim_send(s, 1, 0);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(arrived(s, back), 1);
	sim_free(s);
}

/* --- what must never be is told --- */

static jmp_buf told;
static int whom[2];

static void note_breach(const struct sim *s, int a, int b, const char *text)
{
	(void)s;
	(void)text;
	whom[0] = a;
	whom[1] = b;
	longjmp(told, 1);
}

static void test_second_sa_is_a_breach(void **state)
{
	struct sim_options o = { .seed = 1, .hosts = 2, .breach = note_breach };
	struct sim *s = world(&o);
	struct sa_spec more;

	(void)state;
	sim_pair_want(s, 0, 1);
	sim_start_all(s);
	sim_send(s, 0, 1);
	sim_run_for(s, 20 * SIM_SECOND);
	sim_check_rest(s);
	more = fake_kernel_outbound(&s->hosts[0].kernel, s->now,
				    &(struct app_packet){ .src = s->hosts[0].ip,
							  .dst = s->hosts[1].ip,
							  .protocol = 1 })
		       ->spec;
	more.spi ^= 1;
	assert_int_equal(fake_kernel_sa_add(&s->hosts[0].kernel, s->now, &more), 0);
	if (setjmp(told) == 0) {
		sim_check_rest(s);
		fail_msg("a second SA was not told");
	}
	assert_int_equal(whom[0], 0);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace_changes_nothing),
		cmocka_unit_test(test_queue_is_in_order),
		cmocka_unit_test(test_sleeper_misses_what_happens),
		cmocka_unit_test(test_clock_jump),
		cmocka_unit_test(test_another_address),
		cmocka_unit_test(test_certificate_that_ran_out),
		cmocka_unit_test(test_pair_is_followed),
		cmocka_unit_test(test_packets_that_are_not_kept),
		cmocka_unit_test(test_nat_mappings),
		cmocka_unit_test(test_behind_a_nat),
		cmocka_unit_test(test_second_sa_is_a_breach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
