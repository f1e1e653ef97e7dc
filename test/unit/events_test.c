/* SPDX-License-Identifier: Apache-2.0 */
/* What who watches is told: in order, once, and how much of it is lost. */
#include "cmd/ikectl/model.h"
#include "cmd/ikemeshd/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char stream[EVENTS_STREAM_LEN] = "0123456789abcdef";

static int setup(void **state)
{
	*state = events_new(stream);
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	events_free(*state);
	return 0;
}

static void happens(struct events *e, enum report_level level, const char *peer, const char *what)
{
	struct report r = { .level = level };

	r.text = strdup(what);
	if (peer != NULL)
		assert_true(ip_parse(peer, &r.remote));
	events_add(e, 1795350801000, &r);
	free(r.text); /* it keeps its own */
}

static void many(struct events *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		happens(e, REPORT_INFO, NULL, "something");
}

/* Asks from that number on; all levels and peers. */
static json_t *ask(const struct events *e, uint64_t from)
{
	const struct events_question q = { .from = from, .most = REPORT_DEBUG };
	size_t n = 0;
	json_t *answer = events_answer(e, &q, &n);

	assert_int_equal(json_array_size(get(answer, "events")), n);
	return answer;
}

static void assert_answer(json_t *answer, size_t n, json_int_t first, json_int_t next,
			  json_int_t lost)
{
	const json_t *events = get(answer, "events");

	assert_int_equal(json_array_size(events), n);
	if (n > 0)
		assert_int_equal(number(json_array_get(events, 0), "number"), first);
	assert_int_equal(number(answer, "next"), next);
	assert_int_equal(number(answer, "lost"), lost);
	json_decref(answer);
}

static void test_an_event_has_all_that_is_known(void **state)
{
	struct report r = { .level = REPORT_NOTICE,
			    .area = AREA_AUTH,
			    .reason = REASON_WRONG_CA,
			    .what = HAPPENING_FAILED,
			    .spi_i = 0x1122,
			    .spi_r = 0x3344,
			    .exchange = 35 /* IKE_AUTH */ };
	char said[] = "IKE SA [7] established with \xc3\xa9\n";
	json_t *answer;
	const json_t *event;

	assert_true(ip_parse("10.1.0.2", &r.remote));
	assert_true(ip_parse("10.1.0.1", &r.local));
	r.text = said;
	events_add(*state, 1795350801007, &r);
	answer = ask(*state, 1);
	assert_string_equal(text(answer, "stream"), stream);
	event = json_array_get(get(answer, "events"), 0);
	assert_int_equal(number(event, "number"), 1);
	assert_true(is(event, "at", "2026-11-22T12:33:21.007Z"));
	assert_true(is(event, "level", "notice"));
	assert_true(is(event, "event", "failed"));
	assert_true(is(event, "area", "auth"));
	assert_true(is(event, "reason", "wrong-ca"));
	assert_true(is(event, "peer", "10.1.0.2"));
	assert_true(is(event, "local", "10.1.0.1"));
	assert_true(is(event, "spi_i", "0000000000001122"));
	assert_true(is(event, "spi_r", "0000000000003344"));
	assert_true(is(event, "exchange", "IKE_AUTH"));
	assert_true(is(event, "text", "IKE SA [7] established with \\xc3\\xa9\\x0a"));
	json_decref(answer);
}

static void test_what_is_about_nobody_says_so(void **state)
{
	json_t *answer;
	const json_t *event;

	happens(*state, REPORT_WARNING, NULL, "no memory");
	answer = ask(*state, 1);
	event = json_array_get(get(answer, "events"), 0);
	assert_true(json_is_null(get(event, "peer")));
	assert_true(json_is_null(get(event, "local")));
	assert_true(json_is_null(get(event, "event")));
	assert_true(json_is_null(get(event, "reason")));
	assert_true(json_is_null(get(event, "spi_i")));
	assert_true(json_is_null(get(event, "exchange")));
	json_decref(answer);
}

static void test_each_is_told_once(void **state)
{
	assert_int_equal(events_next(*state), 1);
	assert_answer(ask(*state, 1), 0, 0, 1, 0);
	many(*state, 3);
	assert_answer(ask(*state, 1), 3, 1, 4, 0);
	assert_answer(ask(*state, 4), 0, 0, 4, 0);
	many(*state, 1);
	assert_answer(ask(*state, 4), 1, 4, 5, 0);
	/* The same once more, as often as one likes. */
	assert_answer(ask(*state, 4), 1, 4, 5, 0);
}

static void test_an_answer_has_an_end(void **state)
{
	many(*state, EVENTS_AN_ANSWER + 10);
	assert_answer(ask(*state, 1), EVENTS_AN_ANSWER, 1, EVENTS_AN_ANSWER + 1, 0);
	assert_answer(ask(*state, EVENTS_AN_ANSWER + 1), 10, EVENTS_AN_ANSWER + 1,
		      EVENTS_AN_ANSWER + 11, 0);
}

static void test_who_is_too_slow_is_told_how_much_he_missed(void **state)
{
	const uint64_t before = 1, kept = EVENTS_KEPT;

	many(*state, EVENTS_KEPT);
	assert_answer(ask(*state, before), EVENTS_AN_ANSWER, 1, EVENTS_AN_ANSWER + 1, 0);
	many(*state, 1);
	assert_answer(ask(*state, before), EVENTS_AN_ANSWER, 2, EVENTS_AN_ANSWER + 2, 1);
	many(*state, 3 * EVENTS_KEPT);
	assert_answer(ask(*state, before), EVENTS_AN_ANSWER, (json_int_t)(3 * kept + 2),
		      (json_int_t)(3 * kept + 2 + EVENTS_AN_ANSWER), (json_int_t)(3 * kept + 1));
}

static void test_numbers_that_never_were(void **state)
{
	many(*state, 2);
	assert_answer(ask(*state, 0), 2, 1, 3, 0);
	assert_answer(ask(*state, 99), 0, 0, 3, 0);
	assert_answer(ask(*state, UINT64_MAX), 0, 0, 3, 0);
	assert_true(events_is_stream(*state, stream));
	assert_false(events_is_stream(*state, "fedcba9876543210"));
}

static void test_one_peer_or_what_matters(void **state)
{
	struct events_question q = { .from = 1, .most = REPORT_WARNING };
	struct ip peer;
	size_t n;

	happens(*state, REPORT_WARNING, "10.1.0.2", "one");
	happens(*state, REPORT_NOTICE, "10.1.0.2", "two");
	happens(*state, REPORT_ERROR, "10.1.0.3", "three");
	happens(*state, REPORT_DEBUG, NULL, "four");
	assert_answer(events_answer(*state, &q, &n), 2, 1, 5, 0);
	assert_true(ip_parse("10.1.0.3", &peer));
	q.peer = &peer;
	assert_answer(events_answer(*state, &q, &n), 1, 3, 5, 0);
	/* The last ones: of those that are asked for. */
	assert_int_equal(events_last(*state, &q, 1), 3);
	assert_int_equal(events_last(*state, &q, 2), 1);
	assert_int_equal(events_last(*state, &q, 0), 5);
	q = (struct events_question){ .most = REPORT_NOTICE };
	assert_int_equal(events_last(*state, &q, 2), 2);
	many(*state, 2 * EVENTS_KEPT);
	assert_int_equal(events_last(*state, &q, 1), EVENTS_KEPT + 5);
}

static void test_a_long_text_is_cut(void **state)
{
	char said[4 * EVENT_TEXT_LEN];
	json_t *answer;

	memset(said, 'x', sizeof(said) - 1);
	said[sizeof(said) - 1] = '\0';
	happens(*state, REPORT_INFO, NULL, said);
	answer = ask(*state, 1);
	assert_in_range(strlen(text(json_array_get(get(answer, "events"), 0), "text")),
			EVENT_TEXT_LEN - 8, EVENT_TEXT_LEN - 1);
	json_decref(answer);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* Texts of all lengths: fewer are kept of long ones, and each is whole. */
static void test_long_texts(void **state)
{
	struct events *e = *state;
	char text[EVENT_TEXT_LEN];
	size_t fewest = EVENTS_KEPT;

	for (size_t i = 0; i < 3 * EVENTS_KEPT; i++) {
		const size_t n = i * 7 % (EVENT_TEXT_LEN - 1);

		memset(text, 'a' + (char)(n % 26), n);
		text[n] = '\0';
		happens(e, REPORT_INFO, NULL, text);
		if (i % 97 != 0)
			continue;
		json_t *answer = ask(e, 1);
		const size_t lost = (size_t)number(answer, "lost");
		const json_t *first = json_array_get(get(answer, "events"), 0);
		const char *kept = json_string_value(get(first, "text"));

		assert_int_equal(number(first, "number"), lost + 1);
		assert_int_equal(strlen(kept), lost * 7 % (EVENT_TEXT_LEN - 1));
		fewest = lost > 0 && i + 1 - lost < fewest ? i + 1 - lost : fewest;
		json_decref(answer);
	}
	assert_in_range(fewest, EVENTS_TEXTS / EVENT_TEXT_LEN, EVENTS_KEPT / 2 + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_event_has_all_that_is_known),
		TEST(test_long_texts),
		TEST(test_what_is_about_nobody_says_so),
		TEST(test_each_is_told_once),
		TEST(test_an_answer_has_an_end),
		TEST(test_who_is_too_slow_is_told_how_much_he_missed),
		TEST(test_numbers_that_never_were),
		TEST(test_one_peer_or_what_matters),
		TEST(test_a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
