/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL and the window of messages: RFC 7296 1.4, 2.1 to 2.4. */
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

/* Up, by either side; nothing waits to be taken. */
static void up(struct duet *d, bool by_core)
{
	duet_start(d, &standin);
	if (by_core)
		duet_core_up(d);
	else
		duet_peer_up(d);
	duet_wait(d, 10 * SECOND);
	duet_hear_nothing(d);
	duet_log(d);
}

static void alive(struct duet *d)
{
	struct draft said, heard;

	/* <-- INFORMATIONAL { } --> INFORMATIONAL { } */
	peer_ask(&d->peer, EXCHANGE_INFORMATIONAL, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(heard.n, 0);
	draft_free(&heard);
	duet_assert_child(d);
}

static void test_empty_request(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		struct duet d;

		up(&d, by_core != 0);
		for (int i = 0; i < 5; i++)
			alive(&d);
		duet_hear_nothing(&d);
		duet_end(&d);
	}
}

/* Also in fragments, odd as it is. */
static void test_request_in_fragments(void **state)
{
	struct duet d;
	struct draft said, heard;
	uint8_t vendor[400] = { 1 };

	(void)state;
	up(&d, true);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, sizeof vendor));
	duet_say_fragmented(&d, &said, 200);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* --- DELETE --- */

/* RFC 7296 1.4.1: answered with an empty message, and all is gone. */
static void test_delete_ike_sa(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		struct duet d;
		struct draft said, heard;
		struct blob request;

		up(&d, by_core != 0);
		peer_ask_delete_ike(&d.peer, &said);
		request = peer_seal(&d.peer, &said);
		draft_free(&said);
		duet_give(&d, blob_view(&request));
		duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
		assert_int_equal(heard.n, 0);
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		assert_int_not_equal(duet_ike_state(&d), IKE_ESTABLISHED);
		blob_free(&request);
		duet_wait(&d, 60 * SECOND);
		while (duet_take(&d) != NULL)
			;
		duet_assert_empty(&d);
		duet_end(&d);
	}
}

static void delete_after(struct duet *d, int64_t us)
{
	struct draft said, heard;
	struct blob request;

	duet_wait(d, us);
	while (duet_take(d) != NULL)
		;
	peer_ask_delete_ike(&d->peer, &said);
	request = peer_seal(&d->peer, &said);
	draft_free(&said);
	duet_give(d, blob_view(&request));
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	blob_free(&request);
}

static void remember(void *arg, const struct status_pair *p)
{
	if (p->n_attempts > 0)
		*(struct status_attempt *)arg = p->attempts[0];
}

static void pass_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void pass_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

/* What the peer deletes at once is remembered; an IKE SA that had its time is not. */
static void test_delete_soon(void **state)
{
	static const struct {
		int64_t us;
		enum reason reason;
	} rows[] = { { 2 * SECOND, REASON_PEER_DELETED }, { 20 * SECOND, REASON_NONE } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct status_attempt last = { .failed = true };
		const struct status_visitor v = { remember, pass_ike, pass_child, &last };
		struct duet d;

		duet_start(&d, &standin);
		duet_peer_up(&d);
		delete_after(&d, rows[i].us);
		engine_status(d.engine, &v);
		assert_false(last.failed);
		assert_int_equal(last.stage, STAGE_UP);
		assert_int_equal(attempt_reason(&last), rows[i].reason);
		duet_end(&d);
	}
}

/* The other half comes back with the answer. */
static void test_delete_child_sa(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct delete_view v;
	struct reader r;

	(void)state;
	up(&d, true);
	/* <-- INFORMATIONAL { D(ESP, spi) } */
	peer_ask_delete_child(&d.peer, &said);
	duet_say(&d, &said);
	/* --> INFORMATIONAL { D(ESP, the other spi) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	assert_true(delete_decode(blob_view(&draft_find(&heard, PAYLOAD_DELETE)->body), &v));
	assert_int_equal(v.protocol, PROTO_ESP);
	assert_int_equal(v.count, 1);
	r = reader_of(v.spis);
	assert_int_equal(read_u32(&r), d.peer.esp_out);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

/* SPIs that we do not know, the wrong half, another protocol, none, many: nothing is deleted. */
static void test_delete_of_strange_spis(void **state)
{
	struct duet d;
	struct draft said, heard;
	uint32_t spis[100];

	(void)state;
	up(&d, true);
	for (size_t i = 0; i < 100; i++)
		spis[i] = 0x1000 + (uint32_t)i;
	for (int i = 0; i < 4; i++) {
		peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
		if (i == 0)
			delete_encode(draft_begin(&said), PROTO_ESP, spis, 100);
		else if (i == 1)
			delete_encode(draft_begin(&said), PROTO_ESP, &d.peer.esp_out, 1);
		else if (i == 2)
			delete_encode(draft_begin(&said), PROTO_AH, &d.peer.esp_in, 1);
		else
			delete_encode(draft_begin(&said), PROTO_ESP, NULL, 0);
		draft_end(&said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
		draft_free(&heard);
		duet_assert_child(&d);
	}
	alive(&d);
	duet_end(&d);
}

/* Twice the same SPI, and both payloads of one message. */
static void test_delete_twice(void **state)
{
	struct duet d;
	struct draft said, heard;
	uint32_t spis[2];

	(void)state;
	up(&d, true);
	spis[0] = spis[1] = d.peer.esp_in;
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	delete_encode(draft_begin(&said), PROTO_ESP, spis, 2);
	draft_end(&said);
	draft_double(&said, PAYLOAD_DELETE);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* Octets of the payload that lie: count, size of an SPI. */
static void test_delete_malformed(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = { { 1, 0 }, { 1, 3 }, { 1, 8 }, { 1, 255 }, { 2, 255 },
			{ 3, 0 }, { 3, 2 }, { 0, 0 }, { 0, 9 } };

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct duet d;
		struct draft said, heard;

		up(&d, true);
		peer_ask_delete_child(&d.peer, &said);
		draft_find(&said, PAYLOAD_DELETE)->body.p[changes[i].at] = changes[i].value;
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* Both delete the same child at once: RFC 7296 2.25.1: no SPIs in the answer. */
static void test_delete_crosses(void **state)
{
	const struct event down = { .kind = EVENT_COMMAND,
				    .command = { .command = COMMAND_DOWN,
						 .local = fleet_address(1, false),
						 .remote = fleet_address(2, false) } };
	struct duet d;
	struct draft said, heard, ours;

	(void)state;
	up(&d, true);
	duet_event(&d, &down);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &ours);
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	peer_answer(&d.peer, &ours, &said);
	draft_free(&ours);
	duet_say(&d, &said);
	duet_wait(&d, 60 * SECOND);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* The peer does not answer our DELETE: its time is short, and ours too. */
static void test_delete_unanswered(void **state)
{
	const struct event down = { .kind = EVENT_COMMAND,
				    .command = { .command = COMMAND_DOWN,
						 .local = fleet_address(1, false),
						 .remote = fleet_address(2, false) } };
	struct duet d;

	(void)state;
	up(&d, true);
	duet_event(&d, &down);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_wait(&d, 120 * SECOND);
	while (duet_take(&d) != NULL)
		;
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- the window: T38 --- */

static void test_repeated_request(void **state)
{
	struct duet d;
	struct draft said;
	struct blob request;
	const struct duet_datagram *first, *again;

	(void)state;
	up(&d, true);
	peer_ask_delete_child(&d.peer, &said);
	request = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&request));
	first = duet_take(&d);
	assert_non_null(first);
	duet_log(&d);
	for (int i = 0; i < 5; i++) {
		duet_give(&d, blob_view(&request));
		again = duet_take(&d);
		assert_non_null(again);
		assert_true(bytes_equal(blob_view(&again->b), blob_view(&first->b)));
	}
	duet_hear_nothing(&d);
	blob_free(&request);
	duet_end(&d);
}

/* Ids ahead and behind are not processed, and change nothing. */
static void test_message_ids(void **state)
{
	static const int64_t offsets[] = { 1, 2, 1000, INT64_C(0xffffffff), -2 };

	(void)state;
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		struct duet d;
		struct draft said, heard;

		up(&d, true);
		alive(&d);
		alive(&d);
		alive(&d);
		peer_ask_delete_child(&d.peer, &said);
		said.h.message_id = offsets[i] == INT64_C(0xffffffff)
					    ? 0xffffffffu
					    : (uint32_t)(said.h.message_id + offsets[i]);
		d.peer.send_id--;
		duet_say(&d, &said);
		/* RFC 7296 2.3: INVALID_MESSAGE_ID may be said, in a request of ours. */
		while (duet_waiting(&d) > 0) {
			duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
			draft_free(&heard);
		}
		duet_assert_child(&d);
		alive(&d);
		duet_end(&d);
	}
}

/* An answer to nothing, to the last request again, to one that is yet to come. */
static void test_answers_to_nothing(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	up(&d, true);
	for (uint32_t id = 0; id < 5; id++) {
		peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
		d.peer.send_id--;
		said.h.response = true;
		said.h.message_id = id;
		delete_encode(draft_begin(&said), PROTO_IKE, NULL, 0);
		draft_end(&said);
		duet_say(&d, &said);
		duet_hear_nothing(&d);
	}
	alive(&d);
	duet_end(&d);
}

/* Under the keys of the other direction, with the initiator flag of the other side. */
static void test_reflected(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	up(&d, true);
	peer_ask_delete_ike(&d.peer, &said);
	d.peer.send_id--;
	d.peer.initiator = !d.peer.initiator;
	said.h.initiator = d.peer.initiator;
	duet_say(&d, &said);
	d.peer.initiator = !d.peer.initiator;
	/* At most a word in the clear that there is no such SA: those are not its SPIs. */
	assert_in_range(duet_waiting(&d), 0, 1);
	duet_take(&d);
	alive(&d);
	duet_end(&d);
}

/* --- what does not belong there --- */

/* RFC 7296 2.5, T39 */
static void test_unknown_payloads(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct bytes data;

	(void)state;
	up(&d, true);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add(&said, 200, BYTES((const uint8_t *)"abc", 3));
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add(&said, 200, BYTES((const uint8_t *)"abc", 3));
	said.p[0].critical = true;
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	data = draft_notify_data(&heard, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(data.n, 1);
	assert_int_equal(data.p[0], 200);
	draft_free(&heard);
	alive(&d);
	duet_end(&d);
}

/* The critical bit of a payload that we know is not looked at. */
static void test_known_critical(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	up(&d, true);
	peer_ask_delete_child(&d.peer, &said);
	said.p[0].critical = true;
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* Exchanges that are over, or that nobody knows. */
static void test_exchanges_out_of_place(void **state)
{
	static const uint8_t types[] = { 0, 33, EXCHANGE_IKE_AUTH, 38, 43, 200, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said;

		up(&d, true);
		peer_ask(&d.peer, types[i], &said);
		duet_say(&d, &said);
		/* An answer or silence: but the SAs stand. */
		while (duet_take(&d) != NULL)
			;
		duet_assert_child(&d);
		assert_int_equal(duet_ike_state(&d), IKE_ESTABLISHED);
		duet_end(&d);
	}
}

/* Notifies of all kinds in an INFORMATIONAL: taken note of at most. */
static void test_notifies(void **state)
{
	static const uint16_t types[] = { NOTIFY_INVALID_SPI,
					  NOTIFY_INVALID_SELECTORS,
					  NOTIFY_INITIAL_CONTACT,
					  NOTIFY_INVALID_MESSAGE_ID,
					  8192,
					  40000,
					  NOTIFY_UNACCEPTABLE_ADDRESSES };

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct duet d;
		struct draft said, heard;

		up(&d, true);
		peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
		draft_add_notify(&said, types[i], BYTES((const uint8_t *)"\1\2\3\4", 4));
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
		draft_free(&heard);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* RFC 7296 2.4: in the clear nothing is believed of a living SA. */
static void test_clear_messages_for_a_living_sa(void **state)
{
	static const uint16_t types[] = { NOTIFY_INVALID_IKE_SPI, NOTIFY_INVALID_SYNTAX,
					  NOTIFY_AUTHENTICATION_FAILED };

	(void)state;
	for (int response = 0; response <= 1; response++) {
		for (size_t i = 0; i < 3; i++) {
			struct duet d;
			struct draft said;
			struct blob message;

			up(&d, true);
			peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
			d.peer.send_id--;
			said.h.response = response != 0;
			draft_add_notify(&said, types[i], BYTES_NONE);
			message = draft_message(&said);
			draft_free(&said);
			duet_give(&d, blob_view(&message));
			blob_free(&message);
			duet_hear_nothing(&d);
			alive(&d);
			duet_end(&d);
		}
	}
}

/* The peer's port moves (RFC 7296 2.23): the answer goes where the request came from. */
static void test_answer_goes_back(void **state)
{
	struct duet d;
	struct draft said;
	struct blob request;
	struct endpoint from, to;
	const struct duet_datagram *x;

	(void)state;
	up(&d, true);
	from = d.them;
	to = d.us;
	from.port = to.port = 4500;
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	request = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give_from(&d, &from, &to, blob_view(&request));
	x = duet_take(&d);
	assert_non_null(x);
	assert_int_equal(x->remote.port, 4500);
	assert_int_equal(x->local.port, 4500);
	blob_free(&request);
	duet_end(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_request),
		cmocka_unit_test(test_request_in_fragments),
		cmocka_unit_test(test_delete_ike_sa),
		cmocka_unit_test(test_delete_soon),
		cmocka_unit_test(test_delete_child_sa),
		cmocka_unit_test(test_delete_of_strange_spis),
		cmocka_unit_test(test_delete_twice),
		cmocka_unit_test(test_delete_malformed),
		cmocka_unit_test(test_delete_crosses),
		cmocka_unit_test(test_delete_unanswered),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_message_ids),
		cmocka_unit_test(test_answers_to_nothing),
		cmocka_unit_test(test_reflected),
		cmocka_unit_test(test_unknown_payloads),
		cmocka_unit_test(test_known_critical),
		cmocka_unit_test(test_exchanges_out_of_place),
		cmocka_unit_test(test_notifies),
		cmocka_unit_test(test_clear_messages_for_a_living_sa),
		cmocka_unit_test(test_answer_goes_back),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
