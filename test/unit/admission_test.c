/* SPDX-License-Identifier: Apache-2.0 */
/* Who may begin a negotiation now, who must leave, and when a pair is over. */
#include "ike/admission.h"
#include "ike/engine.h"
#include "ike/message/payload.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin = { 0 };

static struct ip stranger(unsigned i)
{
	return ip_v4(10, 7, (uint8_t)(i >> 8), (uint8_t)i);
}

static void acquire(struct duet *d, struct ip remote)
{
	const struct event e = { .kind = EVENT_ACQUIRE,
				 .acquire = { .local = d->us.ip, .remote = remote } };

	duet_event(d, &e);
}

/* What was sent is of no interest but for how often negotiations began. */
static void forget_sent(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->log[0] = d->reports[0] = '\0';
}

static void acquire_all(struct duet *d, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		acquire(d, stranger(i));
		forget_sent(d);
	}
}

static void wait_in_steps(struct duet *d, int64_t us)
{
	for (; us > 0; us -= SECOND / 8) {
		duet_wait(d, SECOND / 8);
		forget_sent(d);
	}
}

static void test_a_burst_then_as_tokens_come_in(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	acquire_all(&d, 0, 200);
	assert_int_equal(duet_counters(&d).ike_initiated, ADMISSION_BURST);
	assert_int_equal(duet_counters(&d).waiting, 200 - ADMISSION_BURST);
	wait_in_steps(&d, SECOND);
	assert_int_equal(duet_counters(&d).ike_initiated, ADMISSION_BURST + ADMISSION_PER_S);
	wait_in_steps(&d, 4 * SECOND);
	assert_int_equal(duet_counters(&d).ike_initiated, 200);
	assert_int_equal(duet_counters(&d).waiting, 0);
	duet_end(&d);
}

/* The kernel asks anew as long as packets come; who does not need it any more loses the turn. */
static void test_what_nobody_wants_any_longer_does_not_begin(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	acquire_all(&d, 0, 700);
	wait_in_steps(&d, 12 * SECOND);
	assert_int_equal(duet_counters(&d).waiting, 0);
	assert_in_range(duet_counters(&d).ike_initiated, ADMISSION_BURST + 9 * ADMISSION_PER_S,
			ADMISSION_BURST + 11 * ADMISSION_PER_S);
	duet_end(&d);
}

static void answer_empty(struct duet *d, struct draft *heard)
{
	struct draft said;

	peer_answer(&d->peer, heard, &said);
	draft_free(heard);
	duet_say(d, &said);
}

static void test_known_peers_come_first(void **state)
{
	const struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };
	struct event e = down;
	struct draft heard;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	e.command.local = d.us.ip;
	e.command.remote = d.them.ip;
	duet_event(&d, &e);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	answer_empty(&d, &heard);
	duet_assert_empty(&d);

	acquire_all(&d, 0, ADMISSION_BURST + 30);
	assert_int_equal(duet_counters(&d).waiting, 30);
	acquire(&d, d.them.ip);
	forget_sent(&d);
	duet_wait(&d, SECOND / ADMISSION_PER_S + 1);
	assert_int_equal(duet_waiting(&d), 1);
	assert_true(ip_equal(&duet_take(&d)->remote.ip, &d.them.ip));
	duet_end(&d);
}

/* Live peers are not slowed down: what comes up gives its token back. */
static void test_success_gives_the_token_back(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	acquire_all(&d, 0, 2 * ADMISSION_BURST);
	assert_int_equal(duet_counters(&d).ike_initiated, 1 + ADMISSION_BURST);
	duet_end(&d);
}

/* An operator's word waits for nobody. */
static void test_up_needs_no_turn(void **state)
{
	struct event e = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_UP } };
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	acquire_all(&d, 0, ADMISSION_BURST + 30);
	e.command.local = d.us.ip;
	e.command.remote = stranger(ADMISSION_BURST + 20);
	duet_event(&d, &e);
	assert_int_equal(duet_counters(&d).ike_initiated, ADMISSION_BURST + 1);
	assert_int_equal(duet_counters(&d).waiting, 29);
	duet_end(&d);
}

/* --- idle_timeout --- */

static void usage(struct duet *d, uint64_t in, uint64_t out)
{
	const struct event e = {
		.kind = EVENT_USAGE,
		.usage = { .in = { .src = d->them.ip, .dst = d->us.ip, .spi = d->peer.esp_out },
			   .packets_in = in,
			   .packets_out = out }
	};

	duet_event(d, &e);
}

static void test_an_idle_pair_ends_without_losing_anything(void **state)
{
	struct draft heard;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.idle_timeout_s = 60;
	duet_core_up(&d);
	duet_wait(&d, 59 * SECOND);
	duet_hear_nothing(&d);
	(void)duet_log(&d);
	duet_wait(&d, SECOND + SECOND / 10);
	/* --> INFORMATIONAL { D(ESP) }: what the peer sends until it knows still arrives. */
	assert_string_equal(duet_log(&d), "-out send");
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	answer_empty(&d, &heard);
	/* --> INFORMATIONAL { D(IKE) } */
	assert_string_equal(duet_log(&d), "-in send");
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	answer_empty(&d, &heard);
	duet_assert_empty(&d);
	assert_int_equal(duet_counters(&d).idle_ended, 1);
	duet_end(&d);
}

static void test_traffic_of_either_direction_keeps_it(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.idle_timeout_s = 60;
	d.spec.dpd_delay_s = 0;
	duet_core_up(&d);
	for (uint64_t i = 1; i < 10; i++) {
		duet_wait(&d, 50 * SECOND);
		usage(&d, i & 1 ? i : 0, i & 1 ? 0 : i);
	}
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).idle_ended, 0);
	duet_end(&d);
}

/* The peer deleted the only CHILD_SA: there are no counters to look at. */
static void test_an_idle_ike_sa_without_child_ends(void **state)
{
	struct draft said, heard;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.idle_timeout_s = 60;
	d.spec.dpd_delay_s = 0;
	duet_core_up(&d);
	duet_wait(&d, 50 * SECOND);
	usage(&d, 1, 1);
	peer_ask_delete_child(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 55 * SECOND);
	duet_hear_nothing(&d); /* used 55 s ago */
	duet_wait(&d, 65 * SECOND);
	/* --> INFORMATIONAL { D(IKE) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	answer_empty(&d, &heard);
	duet_end(&d);
}

/* --- max_pairs --- */

static void test_the_pair_idle_longest_leaves(void **state)
{
	struct draft heard;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.max_pairs = 1;
	duet_core_up(&d);
	acquire(&d, stranger(1));
	assert_int_equal(duet_counters(&d).evicted, 1);
	/* --> INFORMATIONAL { D(ESP) } to the old one, then D(IKE) */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	answer_empty(&d, &heard);
	forget_sent(&d);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	duet_end(&d);
}

/* Failures that are only remembered go first, and make room for any number of new ones. */
static void test_memories_are_bounded(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.max_pairs = 20;
	for (unsigned i = 0; i < 200; i++) {
		acquire(&d, stranger(i));
		forget_sent(&d);
		wait_in_steps(&d, 20 * SECOND);
	}
	assert_in_range(duet_counters(&d).pairs, 1, 20);
	assert_in_range(duet_counters(&d).evicted, 150, 200);
	duet_end(&d);
}

/* A forger's addresses drive out nobody that has an SA. */
static void test_strangers_drive_out_nobody(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	d.spec.max_pairs = 1;
	duet_core_up(&d);
	for (unsigned i = 0; i < 50; i++) {
		const struct endpoint from = { .ip = stranger(i), .port = 500 };

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		struct blob message = draft_message(&said);
		draft_free(&said);
		duet_give_from(&d, &from, &d.us, blob_view(&message));
		blob_free(&message);
		forget_sent(&d);
	}
	assert_int_equal(duet_counters(&d).evicted, 0);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	assert_int_equal(duet_counters(&d).pairs, 1);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_then_as_tokens_come_in),
		cmocka_unit_test(test_what_nobody_wants_any_longer_does_not_begin),
		cmocka_unit_test(test_known_peers_come_first),
		cmocka_unit_test(test_success_gives_the_token_back),
		cmocka_unit_test(test_up_needs_no_turn),
		cmocka_unit_test(test_an_idle_pair_ends_without_losing_anything),
		cmocka_unit_test(test_traffic_of_either_direction_keeps_it),
		cmocka_unit_test(test_an_idle_ike_sa_without_child_ends),
		cmocka_unit_test(test_the_pair_idle_longest_leaves),
		cmocka_unit_test(test_memories_are_bounded),
		cmocka_unit_test(test_strangers_drive_out_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
