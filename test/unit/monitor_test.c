/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl monitor` from fixtures. */
#include "cmd/ikectl/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS                                                                                 \
	"{\"stream\":\"1\",\"next\":9,\"lost\":%s,\"events\":["                                \
	"{\"number\":7,\"at\":\"2026-11-22T12:33:21.007Z\",\"level\":\"error\",\"event\":"     \
	"\"failed\",\"area\":\"auth\",\"reason\":\"wrong-ca\",\"peer\":\"10.1.0.2\",\"text\":" \
	"\"negotiation failed: no trusted CA\"},"                                              \
	"{\"number\":8,\"at\":\"2026-11-22T12:33:22.120Z\",\"level\":\"notice\",\"event\":"    \
	"null,\"area\":\"config\",\"reason\":null,\"peer\":null,\"text\":\"reloaded\"}]}"

enum how {
	AS_TEXT,
	AS_COLOURS,
	AS_JSON,
};

static char *shown(const char *lost, enum how how)
{
	char json[1024], *text = NULL;
	size_t n = 0, told;
	FILE *out = open_memstream(&text, &n);
	json_t *answer;

	snprintf(json, sizeof(json), EVENTS, lost);
	answer = json_loads(json, 0, NULL);
	assert_non_null(answer);
	told = how == AS_JSON ? monitor_show_json(answer, out)
			      : monitor_show(answer, colour_palette(how == AS_COLOURS), out);
	fclose(out);
	assert_int_equal(told, 2);
	json_decref(answer);
	return text;
}

static void assert_shown(const char *lost, enum how how, const char *want)
{
	char *text = shown(lost, how);

	assert_string_equal(text, want);
	free(text);
}

static void test_a_line_each(void **state)
{
	(void)state;
	assert_shown("0", AS_TEXT,
		     "12:33:21.007 failed       10.1.0.2: negotiation failed: no trusted CA "
		     "(wrong-ca)\n"
		     "12:33:22.120 config       reloaded\n");
	assert_shown("3", AS_TEXT,
		     "--- 3 events were lost ---\n"
		     "12:33:21.007 failed       10.1.0.2: negotiation failed: no trusted CA "
		     "(wrong-ca)\n"
		     "12:33:22.120 config       reloaded\n");
}

static void test_colours(void **state)
{
	char *text = shown("1", AS_COLOURS);

	(void)state;
	assert_non_null(strstr(text, "\033[1;31m--- 1 event was lost ---\033[0m\n"));
	assert_non_null(strstr(text, "\033[1;31mfailed      \033[0m 10.1.0.2: "));
	free(text);
}

static void test_json_lines(void **state)
{
	char *text = shown("3", AS_JSON), *rest = NULL;
	static const char *const events[] = { "lost", "failed" };
	size_t n = 0;

	(void)state;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		json_t *event = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(event, "event"));

		assert_non_null(event);
		if (n < 2)
			assert_string_equal(name, events[n]);
		if (n == 0)
			assert_int_equal(json_integer_value(json_object_get(event, "count")), 3);
		json_decref(event);
		n++;
	}
	assert_int_equal(n, 3);
	free(text);
}

/* --count ends after so many, however many come at once. */
static void test_no_more_than_were_asked_for(void **state)
{
	json_t *answer =
		json_loads("{\"events\":[{\"number\":1},{\"number\":2},{\"number\":3}]}", 0, NULL);
	const json_t *events = json_object_get(answer, "events");

	(void)state;
	monitor_cut(answer, 0);
	assert_int_equal(json_array_size(events), 3);
	monitor_cut(answer, 4);
	assert_int_equal(json_array_size(events), 3);
	monitor_cut(answer, 2);
	assert_int_equal(json_array_size(events), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 1), "number")),
			 2);
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_each),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_json_lines),
		cmocka_unit_test(test_no_more_than_were_asked_for),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
