/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's answer to "metrics", made from a core under test. */
#include "cmd/ikemeshd/metrics_host.h"
#include "cmd/ikemeshd/metrics_json.h"
#include "cmd/ikemeshd/status_json.h"
#include "ike/status.h"
#include "sim/duet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

static const struct key_client_state *keyholder; /* NULL: nothing is known of it */

static json_t *document(const struct duet *d, bool per_peer, const struct metrics_past *past)
{
	static const struct metrics_host no_host = { -1, -1 };
	static const struct metrics_past none;
	const struct config c = { .spec = d->spec, .metrics_per_peer = per_peer };
	const struct metrics_sources s = {
		.engine = d->engine,
		.config = &c,
		.past = past != NULL ? past : &none,
		.host = &no_host,
		.keyholder = keyholder,
		.now = d->now,
	};
	json_t *all = metrics_json(&s);

	assert_non_null(all);
	return all;
}

static const json_t *at(const json_t *o, const char *a, const char *b)
{
	const json_t *found = json_object_get(o, a);

	return b != NULL ? json_object_get(found, b) : found;
}

/* -1: there is no such number. */
static json_int_t number(const json_t *o, const char *a, const char *b)
{
	const json_t *found = at(o, a, b);

	return json_is_integer(found) ? json_integer_value(found) : -1;
}

static void assert_text(const json_t *o, const char *name, const char *want)
{
	const char *is = json_string_value(json_object_get(o, name));

	assert_non_null(is);
	assert_string_equal(is, want);
}

static void test_pair_that_is_up(void **state)
{
	struct duet d;
	json_t *m;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	m = document(&d, false, NULL);
	assert_text(m, "format", "ikemesh-metrics/1");
	assert_int_equal(number(m, "pairs", "up"), 1);
	assert_int_equal(number(m, "pairs", "down"), 0);
	assert_int_equal(number(m, "ike_sas", "established"), 1);
	assert_int_equal(number(m, "child_sas", "installed"), 1);
	assert_int_equal(json_integer_value(at(at(m, "handshakes", "initiator"), "success", NULL)),
			 1);
	assert_int_equal(number(m, "handshake_failures", "silent"), 0);
	assert_int_equal(number(m, "handshake_failures", "other"), 0);
	assert_int_equal(number(m, "handshake_failures", "idle"), -1); /* is none of a handshake */
	assert_int_equal(number(m, "trouble", "count"), 0);
	assert_int_equal(json_array_size(at(m, "peers", NULL)), 0);
	assert_true(number(m, "jobs", "done") > 0);
	assert_int_equal(number(m, "subnets", "enforced"), 1);
	json_decref(m);
	duet_end(&d);
}

/* Ours, the CA's, the peer's. */
static void test_certificates(void **state)
{
	unsigned own = 0, ca = 0, peer = 0;
	const json_t *all, *c;
	struct duet d;
	size_t i;
	json_t *m;

	(void)state;
	duet_start(&d, &(struct duet_options){ .real = true });
	duet_core_up(&d);
	m = document(&d, false, NULL);
	all = at(m, "certificates", NULL);
	json_array_foreach(all, i, c)
	{
		const char *kind = json_string_value(json_object_get(c, "kind"));

		own += strcmp(kind, "own") == 0;
		ca += strcmp(kind, "ca") == 0;
		peer += strcmp(kind, "peer") == 0;
		assert_true(number(c, "not_after", NULL) > 0);
		assert_true(strlen(json_string_value(json_object_get(c, "subject"))) > 0);
		assert_true(strlen(json_string_value(json_object_get(c, "fingerprint"))) > 0);
	}
	assert_int_equal(own, 1);
	assert_int_equal(ca, 1);
	assert_int_equal(peer, 1);
	json_decref(m);
	duet_end(&d);
}

static void test_per_peer(void **state)
{
	struct duet d;
	json_t *m;
	const json_t *peer;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	m = document(&d, true, NULL);
	assert_int_equal(json_array_size(at(m, "peers", NULL)), 1);
	peer = json_array_get(at(m, "peers", NULL), 0);
	assert_int_equal(number(peer, "up", NULL), 1);
	assert_int_equal(number(peer, "esp_bytes", "out"), 0);
	json_decref(m);
	duet_end(&d);
}

static void ask_for(struct duet *d, unsigned host)
{
	struct event e = { .kind = EVENT_ACQUIRE };

	e.acquire.local = d->us.ip;
	e.acquire.remote = d->them.ip;
	e.acquire.remote.b[2] = (uint8_t)(host >> 8);
	e.acquire.remote.b[3] = (uint8_t)host;
	duet_event(d, &e);
}

static void forget_sent(struct duet *d)
{
	while (duet_take(d) != NULL)
		;
}

/* As many as there are, and the 50 that have been in trouble for longest by name. */
static void test_trouble_is_bounded(void **state)
{
	const size_t many = METRICS_NAMED + 7;
	const json_t *pairs, *first;
	json_int_t last = INT64_MAX;
	struct duet d;
	json_t *m;

	(void)state;
	duet_start(&d, &standin);
	d.fail_send = -EHOSTUNREACH;
	for (size_t i = 0; i < many; i++) {
		ask_for(&d, (unsigned)(100 + i));
		duet_wait(&d, SECOND);
	}
	m = document(&d, false, NULL);
	assert_true(number(m, "pairs", "connecting") > 0);
	json_decref(m);
	duet_wait(&d, 300 * SECOND);
	m = document(&d, false, NULL);
	assert_int_equal(number(m, "trouble", "count"), many);
	assert_int_equal(number(m, "pairs", "backing-off") + number(m, "pairs", "down") +
				 number(m, "pairs", "connecting") + number(m, "pairs", "waiting"),
			 many);
	pairs = at(m, "trouble", "pairs");
	assert_int_equal(json_array_size(pairs), METRICS_NAMED);
	first = json_array_get(pairs, 0);
	assert_text(first, "reason", "peer-down");
	assert_true(number(first, "failures", NULL) > 0);
	for (size_t i = 0; i < METRICS_NAMED; i++) {
		const json_int_t s = number(json_array_get(pairs, i), "s", NULL);

		assert_true(s > 200 && s <= last);
		last = s;
	}
	assert_true(number(m, "handshake_failures", "peer-down") >= (json_int_t)many);
	json_decref(m);
	duet_end(&d);
}

/* Without an SA, and none is needed: that is no trouble until one was wanted in vain. */
static void test_optional(void **state)
{
	struct duet d;
	json_t *m;

	(void)state;
	duet_start(&d, &(struct duet_options){ .optional = true });
	duet_acquire(&d);
	forget_sent(&d);
	m = document(&d, false, NULL);
	assert_int_equal(number(m, "pairs", "clear"), 1);
	assert_int_equal(number(m, "trouble", "count"), 0);
	assert_int_equal(number(m, "subnets", "optional"), 1);
	json_decref(m);
	for (int i = 0; i < 300; i++) {
		duet_wait(&d, SECOND);
		forget_sent(&d);
	}
	m = document(&d, false, NULL);
	assert_int_equal(number(m, "trouble", "count"), 1);
	json_decref(m);
	duet_end(&d);
}

/* What went through SAs that are gone still counts. */
static void test_what_the_daemon_counts(void **state)
{
	const struct sa_counters through = { .bytes = 1000, .packets = 10 };
	struct metrics_past past = { .reloads = 3, .reloads_failed = 1, .reload_failed = true };
	struct duet d;
	json_t *m;

	(void)state;
	metrics_traffic_add(&past.gone, &through, true);
	metrics_traffic_add(&past.gone, &through, true);
	metrics_traffic_add(&past.gone, &through, false);
	duet_start(&d, &standin);
	m = document(&d, false, &past);
	assert_int_equal(number(m, "esp_bytes", "in"), 2000);
	assert_int_equal(number(m, "esp_bytes", "out"), 1000);
	assert_int_equal(number(m, "esp_packets", "in"), 20);
	assert_int_equal(number(m, "esp_packets", "out"), 10);
	assert_int_equal(number(at(m, "config", "reloads"), "success", NULL), 3);
	assert_int_equal(number(at(m, "config", "reloads"), "failure", NULL), 1);
	assert_int_equal(number(m, "config", "good"), 0);
	json_decref(m);
	duet_end(&d);
}

static int64_t us_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t metrics_us(const struct duet *d)
{
	const int64_t begun = us_now();
	json_t *m = document(d, false, NULL);

	free(json_dumps(m, JSON_COMPACT));
	json_decref(m);
	return us_now() - begun;
}

static int64_t status_us(const struct duet *d)
{
	const struct status_sources s = { .engine = d->engine, .spec = &d->spec, .now = d->now };
	const int64_t begun = us_now();
	struct json_text t = { 0 };

	status_write(&s, &t);
	json_text_free(&t);
	return us_now() - begun;
}

/* Of a thousand pairs: less than statusall, which says everything of each. */
static void test_cost(void **state)
{
	int64_t metrics = INT64_MAX, status = INT64_MAX;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.fail_send = -EHOSTUNREACH;
	for (unsigned i = 0; i < 1000; i++)
		ask_for(&d, 1000 + i);
	duet_wait(&d, 300 * SECOND);
	for (int i = 0; i < 5; i++) {
		const int64_t m = metrics_us(&d), s = status_us(&d);

		metrics = m < metrics ? m : metrics;
		status = s < status ? s : status;
	}
	printf("  1,000 pairs: metrics %lld us, statusall %lld us\n", (long long)metrics,
	       (long long)status);
	assert_true(metrics < status);
	duet_end(&d);
}

static void test_xfrm_stat(void **state)
{
	json_t *s = host_xfrm_stat_parse("XfrmInError             \t0\n"
					 "XfrmInNoStates          \t12345678901\n"
					 "no number here\n"
					 "\n"
					 "XfrmOutError\t7");

	(void)state;
	assert_int_equal(json_object_size(s), 3);
	assert_int_equal(number(s, "XfrmInError", NULL), 0);
	assert_int_equal(number(s, "XfrmInNoStates", NULL), 12345678901);
	assert_int_equal(number(s, "XfrmOutError", NULL), 7);
	json_decref(s);
	s = host_xfrm_stat_parse("");
	assert_int_equal(json_object_size(s), 0);
	json_decref(s);
}

static void test_process(void **state)
{
	struct metrics_host h;

	(void)state;
	metrics_host_open(&h);
	assert_true(host_resident_bytes(&h) > 100000);
	for (uint64_t was = host_cpu_us(); host_cpu_us() == was;)
		;
	metrics_host_close(&h);
	h.statm = h.xfrm_stat = -1;
	assert_int_equal(host_resident_bytes(&h), 0);
}

/* Every name of a is one of b, objects' members too. */
static void assert_names_known(const json_t *a, const json_t *b, const char *where)
{
	const char *name;
	json_t *below;

	json_object_foreach((json_t *)a, name, below)
	{
		const json_t *there = json_object_get(b, name);

		if (there == NULL)
			fail_msg("%s: nothing of %s in test/metrics/document.json", where, name);
		assert_names_known(below, there, name);
	}
}

/* The document that dashboard and alert rules are checked with is whole. */
static void test_full_document_has_all_names(void **state)
{
	json_t *full, *m;
	struct duet d;

	(void)state;
	full = json_load_file("test/metrics/document.json", 0, NULL);
	assert_non_null(full);
	duet_start(&d, &standin);
	duet_core_up(&d);
	m = document(&d, true, NULL);
	json_object_del(m, "xfrm_stat"); /* as many as the kernel has */
	assert_names_known(m, full, "document");
	json_decref(m);
	json_decref(full);
	duet_end(&d);
}

/* Its memory, as it said last; nothing while it has said nothing. */
static void test_the_keyholder(void **state)
{
	static const struct key_client_state silent = { .away = true },
					     known = { .resident = 4096, .cpu_us = 7 };
	struct duet d;
	json_t *all;

	(void)state;
	duet_start(&d, &standin);
	keyholder = &silent;
	all = document(&d, false, NULL);
	assert_null(at(all, "processes", "keyholder"));
	json_decref(all);
	keyholder = &known;
	all = document(&d, false, NULL);
	assert_int_equal(number(at(all, "processes", "keyholder"), "resident", NULL), 4096);
	assert_int_equal(number(at(all, "processes", "keyholder"), "cpu_us", NULL), 7);
	json_decref(all);
	keyholder = NULL;
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair_that_is_up),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_per_peer),
		cmocka_unit_test(test_trouble_is_bounded),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_what_the_daemon_counts),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_xfrm_stat),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_the_keyholder),
		cmocka_unit_test(test_full_document_has_all_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
