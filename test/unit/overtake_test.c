/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that asks, is answered, and does not go on: we begin as well, once, and never for a
 * stranger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/duet.h"

#define MS INT64_C(1000)
#define SECOND (1000 * MS)

static const struct duet_options standin;

/* Up once, and then the peer has nothing any more: it asks anew, and does not hear our answer. */
static void asks_and_is_gone(struct duet *d, bool ikemesh)
{
	const struct duet_options o = { .peer_is_ikemesh = ikemesh };

	duet_start(d, &o);
	d->spec.dpd_delay_s = 0;
	duet_core_up(d);
	duet_wait(d, 10 * SECOND);
	while (duet_take(d) != NULL)
		;
	peer_wipe(&d->peer);
	duet_peer_init(d);
}

static void test_we_begin_as_well(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	asks_and_is_gone(&d, false);
	duet_wait(&d, 400 * MS);
	duet_hear_nothing(&d);
	duet_wait(&d, 200 * MS);
	peer_wipe(&d.peer);
	/* --> IKE_SA_INIT { SA, KE, Ni, N(...) } */
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	/* --> IKE_AUTH { IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr, ... } */
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	assert_true(duet_reported(&d, "we begin as well"));
	assert_int_equal(duet_counters(&d).child_sas, 2); /* the lost one goes in its own time */
	duet_end(&d);
}

/* Not each time that somebody asks under its address. */
static void test_once_in_a_while(void **state)
{
	struct duet d;

	(void)state;
	asks_and_is_gone(&d, false);
	duet_wait(&d, 600 * MS);
	assert_int_equal(duet_waiting(&d), 1);
	while (duet_take(&d) != NULL)
		;
	duet_wait(&d, 20 * SECOND); /* ours was not answered; it has been given up, or repeated */
	while (duet_take(&d) != NULL)
		;
	assert_int_equal(duet_counters(&d).ike_initiated, 2);
	peer_wipe(&d.peer);
	duet_peer_init(&d);
	duet_wait(&d, 5 * SECOND);
	assert_int_equal(duet_counters(&d).ike_initiated, 2);
	duet_end(&d);
}

static void test_not_with_ikemesh(void **state)
{
	struct duet d;

	(void)state;
	asks_and_is_gone(&d, true);
	duet_wait(&d, 3 * SECOND);
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* Whoever says that it has this address. */
static void test_not_for_a_stranger(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	duet_wait(&d, 3 * SECOND);
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* One that goes on is not overtaken. */
static void test_not_where_it_goes_on(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	asks_and_is_gone(&d, false);
	duet_wait(&d, 300 * MS);
	/* <-- IKE_AUTH { IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 2 * SECOND);
	assert_int_equal(duet_counters(&d).ike_initiated, 1);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_we_begin_as_well),
		cmocka_unit_test(test_once_in_a_while),
		cmocka_unit_test(test_not_with_ikemesh),
		cmocka_unit_test(test_not_for_a_stranger),
		cmocka_unit_test(test_not_where_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
