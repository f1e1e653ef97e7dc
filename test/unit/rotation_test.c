/* SPDX-License-Identifier: Apache-2.0 */
/* Who is re-authenticated when, under virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/rotation.h"
#include <stdlib.h>
#include <string.h>

#define TICK ((int64_t)ROTATION_TICK_US)
#define START ((int64_t)1000000000)

/* Peers that answer after some ticks, or never. */
struct world {
	struct peer peers[200];
	int64_t done_at[200]; /* 0: not asked */
	size_t n, asks, under_way, most;
	int64_t takes; /* microseconds; 0: for ever */
	struct mono now;
};

static struct ip address(size_t i)
{
	const uint8_t a[4] = { 10, 1, (uint8_t)(i / 256), (uint8_t)(i % 256) };

	return ip_from(4, a);
}

static void start(struct world *w, size_t n, int64_t takes)
{
	*w = (struct world){ .n = n, .takes = takes, .now = { START } };
	for (size_t i = 0; i < n; i++) {
		w->peers[i].local = address(9999);
		w->peers[i].remote = address(n - i); /* not in order */
		w->peers[i].ike.authenticated_at.us = START - 5;
		w->peers[i].ike.credential = 6;
	}
}

static void ask(void *arg, const struct ip *local, const struct ip *remote)
{
	struct world *w = arg;

	(void)local;
	w->asks++;
	for (size_t i = 0; i < w->n; i++) {
		if (ip_equal(&w->peers[i].remote, remote) && w->takes > 0 && w->done_at[i] == 0) {
			w->done_at[i] = w->now.us + w->takes;
			w->under_way++;
		}
	}
	if (w->under_way > w->most)
		w->most = w->under_way;
}

static struct peers connected(struct world *w)
{
	struct peers ps = { .p = calloc(w->n + 1, sizeof(struct peer)), .n = w->n };

	memcpy(ps.p, w->peers, w->n * sizeof(struct peer));
	return ps;
}

static void turn(struct world *w, struct rotation *r)
{
	struct peers ps;

	for (size_t i = 0; i < w->n; i++) {
		if (w->done_at[i] != 0 && w->done_at[i] <= w->now.us) {
			w->peers[i].ike.authenticated_at.us = w->done_at[i];
			w->peers[i].ike.credential = 7;
			w->done_at[i] = INT64_MAX;
			w->under_way--;
		}
	}
	ps = connected(w);
	rotation_tick(r, &ps, w->now, ask, w);
	peers_free(&ps);
	w->now.us += TICK;
}

static void begin(struct world *w, struct rotation *r)
{
	struct peers ps = connected(w);

	assert_int_equal(rotation_begin(r, &ps, 7, w->now), 0);
	peers_free(&ps);
}

static void test_all_of_them_a_few_at_a_time(void **state)
{
	struct rotation r = { 0 };
	struct world w;

	(void)state;
	start(&w, 200, 3 * TICK);
	begin(&w, &r);
	assert_true(rotation_runs(&r));
	for (int i = 0; i < 1000 && rotation_runs(&r); i++)
		turn(&w, &r);
	assert_false(rotation_runs(&r));
	assert_int_equal(r.count[ROTATION_DONE], 200);
	assert_int_equal(w.asks, 200); /* each once */
	assert_in_range(w.most, ROTATION_A_TICK, ROTATION_AT_ONCE);
	assert_true(r.ended.us < MONO_NEVER.us);
	/* 16 at once, each 3 or 4 ticks. */
	assert_in_range(r.ended.us - r.started.us, 30 * TICK, 60 * TICK);
	rotation_free(&r);
}

static void test_one_that_never_comes(void **state)
{
	struct rotation r = { 0 };
	struct world w;
	int64_t us;

	(void)state;
	start(&w, 3, 0);
	begin(&w, &r);
	for (int i = 0; i < 1000 && rotation_runs(&r); i++)
		turn(&w, &r);
	assert_int_equal(r.count[ROTATION_FAILED], 3);
	assert_int_equal(w.asks, 3 * ROTATION_TRIES);
	us = r.ended.us - r.started.us;
	assert_in_range(us, ROTATION_TRIES * ROTATION_PATIENCE_US,
			ROTATION_TRIES * ROTATION_PATIENCE_US + 10 * TICK);
	rotation_free(&r);
}

/* Whoever leaves meanwhile, or was re-authenticated by its own peer, needs nothing. */
static void test_leavers_and_others_work(void **state)
{
	struct rotation r = { 0 };
	struct world w;

	(void)state;
	start(&w, 40, 0);
	begin(&w, &r);
	turn(&w, &r);
	assert_int_equal(w.asks, ROTATION_A_TICK);
	/* A handshake that was under way, and showed the old certificate, is no such thing. */
	for (size_t i = 0; i < 30; i++)
		w.peers[i].ike.authenticated_at.us = START + 1;
	turn(&w, &r);
	assert_int_equal(r.count[ROTATION_DONE], 0);
	for (size_t i = 0; i < 30; i++)
		w.peers[i].ike.credential = 7;
	w.n = 30;
	turn(&w, &r);
	assert_false(rotation_runs(&r));
	assert_int_equal(r.count[ROTATION_DONE], 30);
	assert_int_equal(r.count[ROTATION_GONE], 10);
	rotation_free(&r);
}

static void test_nobody_is_connected(void **state)
{
	struct rotation r = { 0 };
	struct world w;

	(void)state;
	start(&w, 0, 0);
	begin(&w, &r);
	assert_false(rotation_runs(&r));
	assert_int_equal(r.ended.us, START);
	turn(&w, &r);
	rotation_free(&r);
}

/* A reload while it runs: they see a newer certificate than the one that it was begun for. */
static void test_newer_still_is_done(void **state)
{
	struct rotation r = { 0 };
	struct world w;

	(void)state;
	start(&w, 3, 0);
	begin(&w, &r);
	turn(&w, &r);
	for (size_t i = 0; i < w.n; i++) {
		w.peers[i].ike.authenticated_at.us = START + 1;
		w.peers[i].ike.credential = 8;
	}
	turn(&w, &r);
	assert_false(rotation_runs(&r));
	assert_int_equal(r.count[ROTATION_DONE], 3);
	assert_int_equal(w.asks, 3);
	rotation_free(&r);
}

static void test_once_more_begins_anew(void **state)
{
	struct rotation r = { 0 };
	struct world w;

	(void)state;
	start(&w, 10, TICK);
	begin(&w, &r);
	turn(&w, &r);
	turn(&w, &r);
	assert_true(r.count[ROTATION_DONE] > 0);
	memset(w.done_at, 0, sizeof(w.done_at));
	begin(&w, &r);
	assert_int_equal(r.count[ROTATION_WAITS], 10);
	for (int i = 0; i < 100 && rotation_runs(&r); i++)
		turn(&w, &r);
	assert_int_equal(r.count[ROTATION_DONE], 10);
	rotation_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_them_a_few_at_a_time),
		cmocka_unit_test(test_one_that_never_comes),
		cmocka_unit_test(test_leavers_and_others_work),
		cmocka_unit_test(test_nobody_is_connected),
		cmocka_unit_test(test_newer_still_is_done),
		cmocka_unit_test(test_once_more_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
