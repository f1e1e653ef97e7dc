/* SPDX-License-Identifier: Apache-2.0 */
/* Peers of another IKE daemon: each is asked in its turn, and has its time to answer. */
#include "cmd/ikemeshd/takeover_peers.h"

#include "ike/ip.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define A_LOOK 16 /* asked, as takeover.c does */
#define LOOK_EVERY_US INT64_C(250000)

static const struct ip local = { .family = 4, .b = { 10, 0, 0, 1 } };

static struct ip host(unsigned n)
{
	return ip_v4(10, 1, (uint8_t)(n >> 8), (uint8_t)n);
}

/* A look at n peers, from whom so many packets have come each. */
static void look(struct takeover_peers *t, unsigned n, uint64_t packets)
{
	takeover_peers_look(t);
	for (unsigned i = 0; i < n; i++) {
		const struct ip remote = host(i);

		assert_int_equal(takeover_peers_held(t, &local, &remote, packets), 0);
	}
}

static void up(struct takeover_peers *t, unsigned i)
{
	const struct ip remote = host(i);

	takeover_peers_up(t, &local, &remote);
}

/* A look's worth of questions. Returns how many were asked for the first time. */
static unsigned ask(struct takeover_peers *t, struct mono now)
{
	const struct takeover_peer *p;
	unsigned first = 0;

	for (unsigned i = 0; i < A_LOOK && (p = takeover_peers_ask(t, now)) != NULL; i++)
		first += p->asked_first.us == now.us;
	return first;
}

/* However many are gone, those behind them are asked: as many a look as are asked at all. */
static void test_nobody_waits_for_the_dead(void **state)
{
	struct takeover_peers t = { 0 };
	struct mono now = { 1000 };
	unsigned asked = 0, looks = 0;

	(void)state;
	for (; asked < 3000; looks++, now.us += LOOK_EVERY_US) {
		look(&t, 3000, 0);
		assert_true(takeover_peers_missed(&t, now));
		assert_int_equal(t.n_missing, 3000);
		asked += ask(&t, now);
		assert_true(looks < 200);
	}
	assert_int_equal(looks, (3000 + A_LOOK - 1) / A_LOOK);
	takeover_peers_free(&t);
	assert_int_equal(takeover_peers_count(&t), 0);
}

static void test_asked_again(void **state)
{
	struct takeover_peers t = { 0 };
	struct mono now = { 1000 };
	const struct takeover_peer *p;

	(void)state;
	look(&t, 2, 0);
	assert_non_null(p = takeover_peers_ask(&t, now));
	assert_true(takeover_peers_ask(&t, now) != p);
	assert_null(takeover_peers_ask(&t, now));
	now.us += TAKEOVER_ASK_EVERY_US - 1;
	assert_null(takeover_peers_ask(&t, now));
	now.us += 1;
	up(&t, 0);
	assert_non_null(p = takeover_peers_ask(&t, now));
	assert_int_equal(p->key.remote.b[3], 1);
	assert_null(takeover_peers_ask(&t, now));
	takeover_peers_free(&t);
}

/* Silence is held against nobody before there was time to answer. */
static void test_patience_is_from_the_question(void **state)
{
	struct takeover_peers t = { 0 };
	struct mono now = { 1000 };

	(void)state;
	look(&t, 1, 7);
	now.us += 2 * TAKEOVER_PATIENCE_US;
	assert_true(takeover_peers_missed(&t, now));
	assert_int_equal(ask(&t, now), 1);
	now.us += TAKEOVER_PATIENCE_US - 1;
	assert_int_equal(ask(&t, now), 0);
	assert_true(takeover_peers_missed(&t, now));
	now.us += 1;
	assert_false(takeover_peers_missed(&t, now));
	assert_int_equal(t.n_missing, 1);
	/* It talks. */
	look(&t, 1, 8);
	assert_true(takeover_peers_missed(&t, now));
	assert_int_equal(t.heard, 8);
	/* It is up, and its SA gone. */
	up(&t, 0);
	assert_false(takeover_peers_missed(&t, now));
	look(&t, 0, 0);
	assert_false(takeover_peers_missed(&t, now));
	assert_int_equal(t.n_missing, 0);
	takeover_peers_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_waits_for_the_dead),
		cmocka_unit_test(test_asked_again),
		cmocka_unit_test(test_patience_is_from_the_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
