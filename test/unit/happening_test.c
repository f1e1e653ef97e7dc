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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_and_down),  cmocka_unit_test(test_asked_by_the_peer),
		cmocka_unit_test(test_rekeyed),	     cmocka_unit_test(test_failed),
		cmocka_unit_test(test_peer_deletes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
