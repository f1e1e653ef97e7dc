/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl verify`: what is concluded from the counters before and after. */
#include "cmd/ikectl/verify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEER "\"peer\":{\"address\":\"10.0.0.2\",\"ruling\":\"enforced\"}"

/* The status of a peer with one CHILD_SA. */
static json_t *with_child(const char *spi, int in, int out, bool udp)
{
	char text[600];
	json_t *o;

	snprintf(text, sizeof(text),
		 "{" PEER ",\"pairs\":[{\"state\":\"up\",\"ike_sas\":[{\"child_sas\":[{\"state\":"
		 "\"INSTALLED\",\"spi_in\":\"%s\",\"udp_encapsulation\":%s,\"in\":{\"packets\":%d},"
		 "\"out\":{\"packets\":%d}}]}]}]}",
		 spi, udp ? "true" : "false", in, out);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	return o;
}

static json_t *without(const char *ruling)
{
	return json_pack("{s:{s:s, s:s}, s:[]}", "peer", "address", "10.0.0.2", "ruling", ruling,
			 "pairs");
}

/* before and after are taken over. */
static void assert_verdict(json_t *before, json_t *after, unsigned answered, const char *name,
			   bool good)
{
	const struct verify_facts f = {
		.before = before, .after = after, .sent = 5, .answered = answered
	};
	struct verification v;
	json_t *doc;

	verify_judge(&f, &v);
	assert_string_equal(v.verdict->name, name);
	assert_int_equal(v.verdict->good, good);
	assert_true(v.text[0] != '\0');
	assert_true(good || v.verdict->mend != NULL);
	assert_int_equal(v.is_early, strcmp(name, "taking-over") == 0);
	doc = verify_json("10.0.0.2", &f, &v);
	assert_string_equal(json_string_value(json_object_get(doc, "verdict")), name);
	json_decref(doc);
	json_decref(before);
	json_decref(after);
}

static void test_answers_inside_esp(void **state)
{
	(void)state;
	assert_verdict(with_child("a", 10, 10, false), with_child("a", 15, 15, false), 5,
		       "protected", true);
	assert_verdict(with_child("a", 10, 10, true), with_child("a", 12, 15, true), 2, "protected",
		       true);
}

/* The peer may send on the SAs of the daemon before: that is no cleartext. */
static void test_a_takeover_under_way(void **state)
{
	json_t *after = with_child("a", 0, 5, false);

	(void)state;
	json_object_set_new(after, "takeover", json_pack("{s:b}", "done", 1));
	assert_verdict(with_child("a", 0, 0, false), json_deep_copy(after), 5, "taking-over",
		       false);
	assert_verdict(with_child("a", 0, 0, false), with_child("a", 0, 5, false), 5,
		       "in-the-clear", false);
	json_object_set_new(after, "takeover", json_null());
	assert_verdict(with_child("a", 0, 0, false), after, 5, "in-the-clear", false);
}

/* The counters of an SA that has gone since went with it. */
static void test_a_rekeying_in_between(void **state)
{
	(void)state;
	assert_verdict(with_child("a", 1000, 1000, false), with_child("b", 5, 5, false), 5,
		       "protected", true);
	/* What went had received: nothing on the way drops ESP as such. */
	assert_verdict(with_child("a", 1000, 1000, false), with_child("b", 0, 5, false), 0,
		       "no-answer", false);
	assert_verdict(with_child("a", 0, 1000, false), with_child("b", 0, 5, false), 0,
		       "esp-filtered", false);
}

/* Of five answers it counted three, and is gone: that is no proof of cleartext. */
static void test_counters_that_went_are_told(void **state)
{
	static const char *const after[] = { "a", "b" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *then = with_child("a", 10, 10, false),
		       *now = with_child(after[i], 2, 2, false);
		const struct verify_facts f = { .before = then, .after = now, .answered = 5 };

		assert_int_equal(verify_missed_some(&f), i == 1);
		json_decref(then);
		json_decref(now);
	}
}

static void test_answers_in_the_clear(void **state)
{
	json_t *after = with_child("a", 10, 10, false);

	(void)state;
	assert_verdict(with_child("a", 10, 10, false), with_child("a", 11, 15, false), 5,
		       "in-the-clear", false);
	assert_verdict(without("optional"), without("optional"), 5, "in-the-clear", false);
	/* Inside ESP, and in the clear beside it. */
	json_object_set_new(
		after, "clear",
		json_pack("{s:[{s:s, s:i}]}", "peers", "peer", "10.0.0.2", "in_s_ago", 3));
	assert_verdict(with_child("a", 5, 5, false), after, 5, "in-the-clear", false);
}

static void test_no_answer(void **state)
{
	(void)state;
	/* Another probe was answered: ESP comes back. */
	assert_verdict(with_child("a", 0, 0, false), with_child("a", 1, 7, false), 0,
		       "protected-no-echo", true);
	assert_verdict(with_child("a", 0, 3, false), with_child("a", 0, 10, false), 0,
		       "esp-filtered", false);
	assert_verdict(with_child("a", 9, 3, false), with_child("a", 9, 10, false), 0, "no-answer",
		       false);
	assert_verdict(with_child("a", 9, 3, false), with_child("a", 9, 3, false), 0, "no-sa",
		       false);
	assert_verdict(without("enforced"), without("enforced"), 0, "no-sa", false);
}

static void test_what_is_not_ours(void **state)
{
	(void)state;
	assert_verdict(without("bypass"), without("bypass"), 0, "not-protected", false);
	assert_verdict(without("none"), without("none"), 0, "not-protected", false);
}

static void test_probes_that_cannot_leave(void **state)
{
	json_t *before = with_child("a", 1, 1, false);
	const struct verify_facts f = {
		.before = before, .after = before, .sent = 5, .error = -EPERM
	};
	struct verification v;

	(void)state;
	verify_judge(&f, &v);
	assert_string_equal(v.verdict->name, "not-sent");
	json_decref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_inside_esp),
		cmocka_unit_test(test_a_takeover_under_way),
		cmocka_unit_test(test_a_rekeying_in_between),
		cmocka_unit_test(test_counters_that_went_are_told),
		cmocka_unit_test(test_answers_in_the_clear),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_what_is_not_ours),
		cmocka_unit_test(test_probes_that_cannot_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
