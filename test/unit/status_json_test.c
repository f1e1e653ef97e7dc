/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's status document, made from a core under test. */
#include "cmd/ikemeshd/pairs_json.h"
#include "sim/duet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

static json_t *status_of(const struct duet *d, const struct ip *only)
{
	const struct status_sources s = {
		.engine = d->engine,
		.spec = &d->spec,
		.now = d->now,
		.started = d->now,
		.config_path = "/etc/x.yml",
		.only = only,
	};

	return status_json(&s);
}

static const json_t *at(const json_t *o, const char *array, size_t i)
{
	return json_array_get(json_object_get(o, array), i);
}

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void assert_text(const json_t *o, const char *name, const char *want)
{
	const char *is = json_string_value(json_object_get(o, name));

	assert_non_null(is);
	assert_string_equal(is, want);
}

static void assert_null_value(const json_t *o, const char *name)
{
	assert_true(json_is_null(json_object_get(o, name)));
}

static void test_pair_that_is_up(void **state)
{
	const json_t *pair, *child;
	struct duet d;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_wait(&d, 7 * SECOND);
	all = status_of(&d, NULL);
	assert_text(json_object_get(all, "daemon"), "config", "/etc/x.yml");
	assert_string_equal(json_string_value(at(all, "esp_proposals", 0)), "aes128gcm16-noesn");
	pair = at(all, "pairs", 0);
	assert_text(pair, "state", "up");
	assert_text(pair, "ruling", "enforced");
	assert_int_equal(number(pair, "since_s_ago"), 7);
	child = at(at(pair, "ike_sas", 0), "child_sas", 0);
	assert_int_equal(number(child, "overhead_min"), 34);
	assert_int_equal(number(child, "overhead_max"), 37);
	assert_null_value(child, "path_mtu"); /* nobody asked for this one peer */
	json_decref(all);
	duet_end(&d);
}

/* As stat(1) prints it, whatever nanoseconds there are. */
static void test_modified(void **state)
{
	const struct config c = { .modified_ns = INT64_C(1795315462000000007) };
	json_t *told = status_modified(&c), *none = status_modified(&(struct config){ 0 });

	(void)state;
	assert_string_equal(json_string_value(told), "1795315462.000000007");
	assert_true(json_is_null(none));
	json_decref(told);
	json_decref(none);
}

static void test_one_peer(void **state)
{
	const struct ip other = ip_v4(192, 0, 2, 1);
	struct duet d;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	all = status_of(&d, &d.them.ip);
	assert_int_equal(json_array_size(json_object_get(all, "pairs")), 1);
	assert_text(json_object_get(all, "peer"), "ruling", "enforced");
	assert_int_equal(number(all, "ike_up"), 1);
	json_decref(all);
	all = status_of(&d, &other);
	assert_int_equal(json_array_size(json_object_get(all, "pairs")), 0);
	assert_text(json_object_get(all, "peer"), "address", "192.0.2.1");
	assert_text(json_object_get(all, "peer"), "ruling", "none");
	assert_null_value(json_object_get(all, "peer"), "subnet");
	assert_int_equal(number(all, "ike_up"), 1); /* of all */
	json_decref(all);
	duet_end(&d);
}

/* Since when: it went down when its last CHILD_SA went, and that is remembered. */
static void test_since(void **state)
{
	struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };
	struct draft heard, said;
	struct duet d;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_wait(&d, 20 * SECOND);
	while (duet_take(&d) != NULL)
		;
	down.command.remote = d.them.ip;
	duet_event(&d, &down);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_wait(&d, 5 * SECOND);
	all = status_of(&d, NULL);
	assert_text(at(all, "pairs", 0), "state", "down");
	assert_int_equal(number(at(all, "pairs", 0), "since_s_ago"), 5);
	json_decref(all);
	duet_end(&d);
}

static void test_attempts(void **state)
{
	struct event e = { .kind = EVENT_UNREACHABLE };
	const json_t *attempt;
	struct duet d;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	e.unreachable.local = d.us;
	e.unreachable.remote = d.them;
	e.unreachable.error = -ECONNREFUSED;
	duet_event(&d, &e);
	duet_wait(&d, 2 * SECOND);
	all = status_of(&d, NULL);
	attempt = at(at(all, "pairs", 0), "attempts", 0);
	assert_true(json_is_true(json_object_get(attempt, "silent")));
	assert_text(attempt, "unreachable", "ECONNREFUSED");
	assert_null_value(attempt, "certificate");
	assert_null_value(attempt, "offered");
	json_decref(all);
	duet_end(&d);
}

/* The lean table says the same as the status. */
static void test_table_of_pairs(void **state)
{
	struct duet d;
	struct status_sources s = { .engine = NULL };
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_wait(&d, 7 * SECOND);
	s = (struct status_sources){
		.engine = d.engine, .spec = &d.spec, .now = d.now, .started = d.now
	};
	all = pairs_json(&s);
	assert_text(all, "format", "ikemesh-pairs/1");
	assert_text(all, "mode", "enforced");
	assert_int_equal(json_array_size(json_object_get(all, "pairs")), 1);
	assert_text(at(all, "pairs", 0), "state", "up");
	assert_text(at(all, "pairs", 0), "ruling", "enforced");
	assert_int_equal(number(at(all, "pairs", 0), "since_s_ago"), 7);
	assert_non_null(json_string_value(json_object_get(at(all, "pairs", 0), "identity")));
	assert_null_value(at(all, "pairs", 0), "trouble");
	json_decref(all);
	duet_end(&d);
}

static void test_table_tells_trouble(void **state)
{
	struct duet d;
	struct status_sources s = { .engine = NULL };
	const json_t *row;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_wait(&d, 400 * SECOND);
	s = (struct status_sources){
		.engine = d.engine, .spec = &d.spec, .now = d.now, .started = d.now
	};
	d.spec.optional = true;
	all = pairs_json(&s);
	row = at(all, "pairs", 0);
	assert_text(all, "mode", "optional");
	assert_true(number(row, "failures") > 0);
	assert_non_null(json_string_value(json_object_get(row, "trouble")));
	assert_null_value(row, "identity");
	assert_null_value(row, "rekey_in_s");
	json_decref(all);
	duet_end(&d);
}

#define MANY 3000

static int from_rng(void *arg, uint8_t *out, size_t n)
{
	rng_fill(arg, out, n);
	return 0;
}

/* A core that negotiates with so many peers, none of whom answers. */
static struct engine *engine_with_many(struct duet *d)
{
	const struct engine_options options = {
		.random = from_rng, .random_arg = &d->rng, .port = 500, .port_natt = 4500
	};
	struct engine *e = engine_new(&options);
	struct event event = { .kind = EVENT_SPEC, .spec = { &d->spec } };
	struct actions out;

	assert_non_null(e);
	actions_init(&out);
	assert_int_equal(engine_step(e, d->now, &event, &out), 0);
	for (unsigned i = 0; i < MANY; i++) {
		event = (struct event){ .kind = EVENT_COMMAND };
		event.command.command = COMMAND_UP;
		event.command.local = d->us.ip;
		event.command.remote = d->them.ip;
		event.command.remote.b[2] = (uint8_t)(i / 250);
		event.command.remote.b[3] = (uint8_t)(i % 250 + 3);
		assert_int_equal(engine_step(e, d->now, &event, &out), 0);
	}
	actions_free(&out);
	return e;
}

/* CPU time that a document takes, with its text as it goes to the client, in microseconds. */
static int64_t cost_of(json_t *(*make)(const struct status_sources *),
		       const struct status_sources *s, size_t *octets)
{
	struct timespec began, ended;
	json_t *document;
	char *text;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	document = make(s);
	text = json_dumps(document, JSON_COMPACT);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	*octets = strlen(text);
	assert_int_equal(json_array_size(json_object_get(document, "pairs")), MANY);
	json_decref(document);
	free(text);
	return (ended.tv_sec - began.tv_sec) * SECOND + (ended.tv_nsec - began.tv_nsec) / 1000;
}

/* Asked for every other second of thousands of pairs: it must stay much less than the whole. */
static void test_table_of_many_is_lean(void **state)
{
	struct status_sources s = { .engine = NULL };
	size_t lean_n, whole_n;
	int64_t lean, whole;
	struct duet d;
	struct engine *e;

	(void)state;
	duet_start(&d, &standin);
	e = engine_with_many(&d);
	s = (struct status_sources){ .engine = e, .spec = &d.spec, .now = d.now, .started = d.now };
	whole = cost_of(status_json, &s, &whole_n);
	lean = cost_of(pairs_json, &s, &lean_n);
	print_message("%d pairs: %zu KiB in %lld us; statusall: %zu KiB in %lld us\n", MANY,
		      lean_n / 1024, (long long)lean, whole_n / 1024, (long long)whole);
	assert_true(2 * lean < whole);
	assert_true(2 * lean_n < whole_n);
	engine_free(e);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair_that_is_up),
		cmocka_unit_test(test_modified),
		cmocka_unit_test(test_one_peer),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_table_of_pairs),
		cmocka_unit_test(test_table_tells_trouble),
		cmocka_unit_test(test_table_of_many_is_lean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
