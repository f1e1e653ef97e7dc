/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl wait`: what it waits for, when it has it, and how it ends without a daemon. */
#include "cmd/ikectl/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_peers(void **state)
{
	struct wait_peers p;

	(void)state;
	assert_true(wait_peers_parse(NULL, &p));
	assert_int_equal(p.n + p.least, 0);
	assert_true(wait_peers_parse("3", &p));
	assert_int_equal(p.least, 3);
	assert_true(wait_peers_parse("10.0.0.1,fd00::2", &p));
	assert_int_equal(p.n, 2);
	assert_int_equal(p.named[1].family, 6);
	assert_false(wait_peers_parse("", &p));
	assert_false(wait_peers_parse("10.0.0.1,host", &p));
	assert_false(wait_peers_parse("-3", &p));
	assert_false(wait_peers_parse("99999999999999999999999", &p));
}

static json_t *status_of(const char *first, const char *second)
{
	return json_pack("{s:[{s:s, s:s}, {s:s, s:s}]}", "pairs", "remote", "10.0.0.1", "state",
			 first, "remote", "fd00::2", "state", second);
}

static void test_as_many_as_that(void **state)
{
	json_t *one = status_of("up", "connecting"), *two = status_of("up", "up");
	struct wait_peers p = { .least = 2 };
	char missing[WAIT_TEXT_LEN];

	(void)state;
	assert_false(wait_satisfied(&p, one, missing));
	assert_string_equal(missing, "peers: 1 of 2 are up");
	assert_true(wait_satisfied(&p, two, missing));
	json_decref(one);
	json_decref(two);
}

static void test_takeover(void **state)
{
	json_t *beside = json_pack("{s:{s:b, s:i, s:[s, s]}}", "takeover", "done", 0, "peers", 7,
				   "missing", "10.0.0.4", "10.0.0.5");
	json_t *ahead = json_pack("{s:{s:b, s:i, s:[s]}}", "takeover", "done", 1, "peers", 7,
				  "missing", "10.0.0.4");
	json_t *alone = json_pack("{s:n}", "takeover");
	char missing[WAIT_TEXT_LEN];

	(void)state;
	assert_false(wait_taken_over(beside, missing));
	assert_string_equal(missing, "the takeover: 2 of 7 peers are missing, one is 10.0.0.4");
	assert_true(wait_taken_over(ahead, missing));
	assert_true(wait_taken_over(alone, missing));
	json_decref(beside);
	json_decref(ahead);
	json_decref(alone);
}

static void test_just_these(void **state)
{
	json_t *one = status_of("up", "backing off"), *two = status_of("up", "up");
	struct wait_peers p;
	char missing[WAIT_TEXT_LEN];

	(void)state;
	assert_true(wait_peers_parse("10.0.0.1,fd00:0::2,10.0.0.9", &p));
	assert_false(wait_satisfied(&p, one, missing));
	assert_string_equal(missing, "fd00::2, 10.0.0.9");
	assert_false(wait_satisfied(&p, two, missing));
	assert_string_equal(missing, "10.0.0.9");
	assert_true(wait_peers_parse("fd00:0::2", &p));
	assert_false(wait_satisfied(&p, one, missing));
	assert_true(wait_satisfied(&p, two, missing));
	json_decref(one);
	json_decref(two);
}

static void test_a_long_list_is_cut(void **state)
{
	json_t *status = status_of("down", "down");
	struct wait_peers p = { .n = WAIT_PEERS };
	char missing[WAIT_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < WAIT_PEERS; i++)
		assert_true(ip_parse("fd00:1111:2222:3333:4444:5555:6666:7777", &p.named[i]));
	assert_false(wait_satisfied(&p, status, missing));
	assert_true(strlen(missing) < WAIT_TEXT_LEN);
	json_decref(status);
}

static const char *of(const json_t *outcome, size_t i, const char *name)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(outcome, "missing"), i), name));
}

static void test_what_came_of_it(void **state)
{
	json_t *status = status_of("up", "backing off"), *refused, *outcome;
	json_t *failed = json_pack("[{s:b, s:s, s:s}]", "failed", 1, "reason", "no trusted CA",
				   "cause", "wrong-ca");
	struct wait_peers p;

	(void)state;
	json_object_set_new(json_array_get(json_object_get(status, "pairs"), 1), "attempts",
			    failed);
	refused = json_pack("{s:s}", "192.0.2.1", "in none of ipsec_subnets");
	assert_true(wait_peers_parse("10.0.0.1,fd00:0::2,192.0.2.1,10.0.0.9", &p));
	outcome = wait_outcome(&p, status, refused);
	assert_true(json_is_false(json_object_get(outcome, "ok")));
	assert_true(json_is_true(json_object_get(outcome, "daemon")));
	assert_int_equal(json_integer_value(json_object_get(outcome, "wanted")), 4);
	assert_int_equal(json_array_size(json_object_get(outcome, "up")), 1);
	assert_int_equal(json_array_size(json_object_get(outcome, "missing")), 3);
	assert_string_equal(of(outcome, 0, "peer"), "fd00::2");
	assert_string_equal(of(outcome, 0, "state"), "backing off");
	assert_string_equal(of(outcome, 0, "reason"), "no trusted CA");
	assert_string_equal(of(outcome, 0, "cause"), "wrong-ca");
	assert_string_equal(of(outcome, 1, "reason"), "in none of ipsec_subnets");
	assert_string_equal(of(outcome, 2, "peer"), "10.0.0.9");
	assert_null(of(outcome, 2, "state"));
	json_decref(outcome);
	/* As many as that: one of two is enough, and the other one is told of. */
	outcome = wait_outcome(&(struct wait_peers){ .least = 1 }, status, NULL);
	assert_true(json_is_true(json_object_get(outcome, "ok")));
	assert_string_equal(of(outcome, 0, "peer"), "fd00::2");
	json_decref(outcome);
	/* They are, but packets go by the SAs of another IKE daemon. */
	json_object_set_new(status, "takeover",
			    json_pack("{s:b, s:i, s:[s]}", "done", false, "peers", 2, "missing",
				      "fd00::2"));
	outcome = wait_outcome(&(struct wait_peers){ .least = 1 }, status, NULL);
	assert_true(json_is_false(json_object_get(outcome, "ok")));
	json_decref(outcome);
	/* Nobody answered. */
	outcome = wait_outcome(&p, NULL, NULL);
	assert_true(json_is_false(json_object_get(outcome, "ok")));
	assert_true(json_is_false(json_object_get(outcome, "daemon")));
	assert_int_equal(json_array_size(json_object_get(outcome, "missing")), 4);
	json_decref(outcome);
	json_decref(refused);
	json_decref(status);
}

static void test_no_daemon_in_time(void **state)
{
	struct invocation in = { .run_dir = "/nonexistent",
				 .options = { { "timeout", "0" } },
				 .n_options = 1 };

	(void)state;
	assert_int_equal(wait_run(&in), STATUS_NO_DAEMON);
	in.options[0].value = "soon";
	assert_int_equal(wait_run(&in), STATUS_USAGE);
	in.options[0].name = "peers";
	assert_int_equal(wait_run(&in), STATUS_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),		cmocka_unit_test(test_as_many_as_that),
		cmocka_unit_test(test_just_these),	cmocka_unit_test(test_a_long_list_is_cut),
		cmocka_unit_test(test_what_came_of_it), cmocka_unit_test(test_no_daemon_in_time),
		cmocka_unit_test(test_takeover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
