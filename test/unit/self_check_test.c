/* SPDX-License-Identifier: Apache-2.0 */
/* One live CHILD_SA a pair: the core looks at the counters and repairs a breach. */
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

static uint32_t spi_of(struct draft *heard)
{
	struct draft_payload *p = draft_find(heard, PAYLOAD_SA);
	struct sa_view v;
	struct reader r;

	assert_non_null(p);
	assert_true(sa_decode(blob_view(&p->body), &v));
	r = reader_of(v.p[0].spi);
	return read_u32(&r);
}

/* --> CREATE_CHILD_SA { N(USE_TRANSPORT_MODE), SA, Ni, TSi, TSr }: one more for the same traffic */
static uint32_t second_child(struct duet *d)
{
	const uint8_t spi[4] = { 0x22, 0, 0, 1 }, nonce[32] = { 7 };
	const struct ts tsi = { .family = d->them.ip.family,
				.end_port = 65535,
				.start = d->them.ip,
				.end = d->them.ip };
	const struct ts tsr = {
		.family = d->us.ip.family, .end_port = 65535, .start = d->us.ip, .end = d->us.ip
	};
	struct draft said, heard;
	uint32_t ours;

	peer_ask(&d->peer, EXCHANGE_CREATE_CHILD_SA, &said);
	draft_add_notify(&said, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(draft_begin(&said), PROTO_ESP, BYTES(spi, 4), d->peer_spec.esp, 1);
	draft_end(&said);
	nonce_encode(draft_begin(&said), BYTES(nonce, sizeof nonce));
	draft_end(&said);
	ts_encode(draft_begin(&said), PAYLOAD_TSI, &tsi, 1);
	draft_end(&said);
	ts_encode(draft_begin(&said), PAYLOAD_TSR, &tsr, 1);
	draft_end(&said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	ours = spi_of(&heard);
	draft_free(&heard);
	return ours;
}

static void usage(struct duet *d, uint32_t spi, uint64_t in, uint64_t out)
{
	const struct event e = { .kind = EVENT_USAGE,
				 .usage = {
					 .in = { .src = d->them.ip, .dst = d->us.ip, .spi = spi },
					 .packets_in = in,
					 .packets_out = out } };

	duet_event(d, &e);
}

static void first_packet(struct duet *d, uint32_t spi)
{
	const struct event e = {
		.kind = EVENT_EXPIRE,
		.expire = { .ref = { .src = d->them.ip, .dst = d->us.ip, .spi = spi } }
	};

	duet_event(d, &e);
}

/* Both live; what is silent for 10 s while the other carries is deleted, and counted. */
static void test_the_silent_one_goes(void **state)
{
	struct duet d;
	struct draft heard;
	uint32_t first, second;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	first = d.peer.esp_out;
	second = second_child(&d);
	first_packet(&d, second);
	usage(&d, first, 5, 5);
	usage(&d, second, 5, 5);
	duet_hear_nothing(&d);
	duet_wait(&d, 9 * SECOND);
	usage(&d, second, 6, 6);
	duet_hear_nothing(&d); /* not yet */
	duet_wait(&d, 4 * SECOND); /* it was looked at again */
	usage(&d, second, 7, 7);
	/* --> INFORMATIONAL { D(ESP, first) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	assert_int_equal(duet_counters(&d).breaches, 1);
	assert_true(duet_reported(&d, "two CHILD_SAs live"));
	duet_end(&d);
}

/* Nothing comes in on either: the one that the peer made stays, since it insists on that. */
static void test_of_two_idle_ones_the_peers_stays(void **state)
{
	struct duet d;
	struct draft heard;
	uint32_t first, second;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	first = d.peer.esp_out;
	second = second_child(&d);
	first_packet(&d, second);
	usage(&d, first, 0, 0);
	usage(&d, second, 0, 0);
	duet_hear_nothing(&d);
	duet_wait(&d, 10 * SECOND);
	usage(&d, second, 0, 0);
	usage(&d, first, 0, 0);
	/* --> INFORMATIONAL { D(ESP, first) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	assert_int_equal(duet_counters(&d).breaches, 1);
	duet_end(&d);
}

/* As strongSwan's re-authentication may leave it: two IKE SAs of the peer's, a child on each. */
static void test_an_ike_sa_goes_with_its_silent_child(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	peer_wipe(&d.peer);
	duet_peer_up_beside(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 2);
	duet_wait(&d, 14 * SECOND);
	assert_true(duet_reported(&d, "two CHILD_SAs live: {1} is silent and goes, {2} stays"));
	duet_wait(&d, 20 * SECOND); /* the peer knows it no more: its DELETE goes unanswered */
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	assert_int_equal(duet_counters(&d).breaches, 1);
	duet_end(&d);
}

static void test_an_ike_sa_without_child_goes_beside_another(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	peer_ask_delete_child(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	peer_wipe(&d.peer);
	duet_peer_up(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 2);
	duet_wait(&d, 90 * SECOND);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	assert_int_equal(duet_counters(&d).breaches, 0);
	duet_end(&d);
}

/* Alone it stays, though it has no child: the next packet asks it for one. */
static void test_the_only_ike_sa_stays_without_child(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	peer_ask_delete_child(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 90 * SECOND);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_silent_one_goes),
		cmocka_unit_test(test_of_two_idle_ones_the_peers_stays),
		cmocka_unit_test(test_an_ike_sa_goes_with_its_silent_child),
		cmocka_unit_test(test_an_ike_sa_without_child_goes_beside_another),
		cmocka_unit_test(test_the_only_ike_sa_stays_without_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
