/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written as text is what a reader understands; a status of a thousand pairs is written in no
 * time. */
#include "cmd/ikemeshd/json_text.h"
#include "cmd/ikemeshd/status_json.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PAIRS 1000
#define LIMIT_MS 100

static void assert_json(struct json_text *t, const char *want)
{
	assert_false(t->no_memory);
	assert_int_equal(t->n, strlen(want));
	assert_memory_equal(t->p, want, t->n);
	json_text_free(t);
}

static void test_values(void **state)
{
	struct json_text t = { 0 };

	(void)state;
	json_text_open(&t, NULL, '{');
	json_text_int(&t, "least", INT64_MIN);
	json_text_open(&t, "list", '[');
	json_text_open(&t, NULL, '{');
	json_text_close(&t, '}');
	json_text_bool(&t, NULL, true);
	json_text_null(&t, NULL);
	json_text_close(&t, ']');
	json_text_tree(&t, "tree", json_pack("{s:[i,i]}", "x", 1, 2));
	json_text_string(&t, "none", NULL);
	json_text_bool(&t, "last", false);
	json_text_close(&t, '}');
	assert_json(&t, "{\"least\":-9223372036854775808,\"list\":[{},true,null],"
			"\"tree\":{\"x\":[1,2]},\"none\":null,\"last\":false}");
}

/* Whatever stands in a text: a reader gets it back, and what is no UTF-8 harms nothing. */
static void test_texts(void **state)
{
	char every[128], *whole;
	struct json_text t = { 0 };
	json_t *back;

	(void)state;
	for (int i = 1; i < 128; i++)
		every[i - 1] = (char)i;
	every[127] = '\0';
	json_text_open(&t, NULL, '{');
	json_text_string(&t, "every", every);
	json_text_string(&t, "utf8", "Z\xc3\xbcrich \"x\"");
	json_text_string(&t, "latin1", "Z\xfcrich");
	json_text_close(&t, '}');
	whole = strndup(t.p, t.n);
	back = json_loads(whole, 0, NULL);
	assert_non_null(back);
	assert_string_equal(json_string_value(json_object_get(back, "every")), every);
	assert_string_equal(json_string_value(json_object_get(back, "utf8")),
			    "Z\xc3\xbcrich \"x\"");
	assert_true(json_is_null(json_object_get(back, "latin1")));
	json_decref(back);
	free(whole);
	json_text_free(&t);
}

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static void test_a_thousand_pairs(void **state)
{
	const struct sim_options options = { .seed = 7,
					     .hosts = PAIRS + 1,
					     .quiet = true,
					     .cores = 16,
					     .fleet.shared_certificate = true };
	struct sim *s = sim_new(&options);
	struct status_sources from = { .engine = s->hosts[0].engine, .spec = &s->hosts[0].spec };
	struct json_text t = { 0 };
	json_t *document;
	int64_t took;

	(void)state;
	sim_start_all(s);
	for (unsigned i = 1; i <= PAIRS; i++)
		sim_stream(s, 0, i, i * SIM_MS, SIM_SECOND, 5);
	sim_run_for(s, 60 * SIM_SECOND);
	from.engine = s->hosts[0].engine;
	from.now = s->now;
	took = cpu_us();
	status_write(&from, &t);
	took = cpu_us() - took;
	assert_false(t.no_memory);
	document = json_loadb(t.p, t.n, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(document, "pairs")), PAIRS);
	assert_int_equal(json_integer_value(json_object_get(document, "ike_up")), PAIRS);
	print_message("%zu octets in %lld us of CPU\n", t.n, (long long)took);
	assert_true(took < LIMIT_MS * 1000);
	json_decref(document);
	json_text_free(&t);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_a_thousand_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
