/* SPDX-License-Identifier: Apache-2.0 */
/* What who watches is told of a pair: that it is up and down, each once, and why. */
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = d->us.ip, .remote = d->them.ip },
	};

	duet_event(d, &e);
}

static void forget_sent(struct duet *d)
{
	while (duet_take(d) != NULL)
		;
}

static void up(struct duet *d)
{
	duet_start(d, &standin);
	d->spec.dpd_delay_s = 0;
	duet_core_up(d);
	duet_wait(d, 10 * SECOND);
	forget_sent(d);
}

/* The core's request is answered with nothing. */
static void agree(struct duet *d)
{
	struct draft heard, said;

	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	peer_answer(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

static void test_up_and_down(void **state)
{
	struct duet d;

	(void)state;
	up(&d);
	assert_string_equal(duet_happened(&d), "acquire up");
	command(&d, COMMAND_DOWN);
	agree(&d);
	assert_string_equal(duet_happened(&d), "down:command");
	duet_end(&d);
}

static void test_asked_by_the_peer(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	duet_wait(&d, 10 * SECOND);
	assert_string_equal(duet_happened(&d), "up");
	duet_end(&d);
}

/* A rekeying takes no pair down, nor up again. */
static void test_rekeyed(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d);
	duet_happened(&d);
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	agree(&d);
	duet_wait(&d, 10 * SECOND);
	assert_string_equal(duet_happened(&d), "rekeyed");
	peer_use_child(&d.peer, &x);
	peer_exchange_free(&x);
	duet_end(&d);
}

static void test_failed(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_wait(&d, 300 * SECOND);
	assert_string_equal(duet_happened(&d), "acquire failed:silent");
	duet_end(&d);
}

/* The peer takes its IKE SA down. */
static void test_peer_deletes(void **state)
{
	struct draft said;
	struct duet d;

	(void)state;
	up(&d);
	duet_happened(&d);
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	assert_string_equal(duet_happened(&d), "down:peer-deleted");
	duet_end(&d);
}

/* ---- reset ------------------------------------------------------------------------------------
 */

static void up_with(struct duet *d, bool ikemesh)
{
	const struct duet_options o = { .peer_is_ikemesh = ikemesh };

	duet_start(d, &o);
	d->spec.dpd_delay_s = 0;
	duet_core_up(d);
	duet_wait(d, 10 * SECOND);
	forget_sent(d);
	duet_happened(d);
}

/* Whether the peer answers the DELETE or not, nothing is waited for. */
static void reset(bool ikemesh)
{
	struct draft heard, said;
	struct duet d;

	up_with(&d, ikemesh);
	duet_log(&d);
	command(&d, COMMAND_RESET);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_string_equal(duet_happened(&d), "down:command");
	/* --> INFORMATIONAL { D(IKE) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	/* --> IKE_SA_INIT, at once */
	peer_wipe(&d.peer);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	/* --> IKE_AUTH { ..., [N(INITIAL_CONTACT)] } */
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(draft_has_notify(&heard, NOTIFY_INITIAL_CONTACT), ikemesh);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_assert_child(&d);
	assert_string_equal(duet_happened(&d), "up");
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

static void test_reset(void **state)
{
	(void)state;
	reset(true);
	reset(false);
}

/* A negotiation under way is given up for the new one; a back-off too. */
static void test_reset_of_what_is_not_up(void **state)
{
	struct duet d;
	struct draft heard;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	command(&d, COMMAND_RESET);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_wait(&d, 600 * SECOND); /* it fails, and backs off */
	forget_sent(&d);
	command(&d, COMMAND_RESET);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_and_down),
		cmocka_unit_test(test_asked_by_the_peer),
		cmocka_unit_test(test_rekeyed),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_peer_deletes),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_of_what_is_not_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
