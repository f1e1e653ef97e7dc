/* SPDX-License-Identifier: Apache-2.0 */
/* Colours, progress, peers that are asked for something and what becomes of each. */
#include "cmd/ikectl/colour.h"
#include "cmd/ikectl/crowd.h"
#include "cmd/ikectl/progress.h"
#include "cmd/ikectl/steer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_where_colours_are_wanted(void **state)
{
	static const struct {
		enum colour_choice choice;
		const char *no_color, *term;
		bool terminal, want;
	} cases[] = {
		{ COLOUR_AUTO, NULL, "xterm", true, true },
		{ COLOUR_AUTO, NULL, "xterm", false, false },
		{ COLOUR_AUTO, "1", "xterm", true, false },
		{ COLOUR_AUTO, "", "xterm", true, true }, /* https://no-color.org: not empty */
		{ COLOUR_AUTO, NULL, "dumb", true, false },
		{ COLOUR_AUTO, NULL, "", true, false },
		{ COLOUR_AUTO, NULL, NULL, true, false },
		{ COLOUR_ALWAYS, "1", "dumb", false, true },
		{ COLOUR_NEVER, NULL, "xterm", true, false },
	};
	enum colour_choice choice;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(colour_is_wanted(cases[i].choice, cases[i].no_color, cases[i].term,
						  cases[i].terminal),
				 cases[i].want);
	assert_true(colour_parse("never", &choice));
	assert_int_equal(choice, COLOUR_NEVER);
	assert_false(colour_parse("sometimes", &choice));
	assert_string_equal(colour_of_state(colour_palette(false), "backing off"), "");
	assert_string_equal(colour_of_state(colour_palette(true), "backing off"), "\033[1;31m");
	assert_string_equal(colour_of_state(colour_palette(true), "up"), "\033[32m");
}

/* What was said at 0, 0.9, 1.0, 1.1 and 1.3 s. */
static char *progressed(bool able)
{
	static const int64_t at[] = { 0, 900, 1000, 1100, 1300 };
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	struct progress p;

	progress_begin_on(&p, out, able, 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		progress_show(&p, at[i], "%d of 7", (int)at[i]);
	progress_end(&p);
	progress_end(&p);
	fclose(out);
	return text;
}

static void test_progress(void **state)
{
	char *text = progressed(true);

	(void)state;
	assert_string_equal(text, "\r\033[K1000 of 7\r\033[K1300 of 7\r\033[K");
	free(text);
	text = progressed(false);
	assert_string_equal(text, "");
	free(text);
}

static json_t *parse(const char *json)
{
	json_t *document = json_loads(json, 0, NULL);

	assert_non_null(document);
	return document;
}

#define PAIR(peer, state, ruling) \
	"{\"remote\":\"" peer "\",\"state\":\"" state "\",\"ruling\":\"" ruling "\"}"
static const char pairs[] = "{\"pairs\":[" PAIR("10.1.0.2", "up", "enforced") "," PAIR(
	"10.1.0.3", "down", "enforced") "," PAIR("10.1.0.4", "backing off",
						 "optional") "," PAIR("10.1.0.5", "down",
								      "none") "]}";

static void test_those_who_are_missing(void **state)
{
	json_t *answer = parse(pairs);
	struct crowd c = { .n = 0 };

	(void)state;
	assert_true(crowd_add_missing(&c, answer));
	assert_int_equal(c.n, 2);
	assert_string_equal(c.p[0].peer, "10.1.0.3");
	assert_string_equal(c.p[1].peer, "10.1.0.4");
	crowd_free(&c);
	json_decref(answer);
}

static void happens(struct crowd *c, const char *event, const char *peer, const char *text)
{
	json_t *answer = json_pack("{s:[{s:s, s:s, s:s}]}", "events", "event", event, "peer", peer,
				   "text", text);

	crowd_hear(c, answer, "up");
	json_decref(answer);
}

static void test_a_crowd(void **state)
{
	struct crowd c = { .n = 0 };
	char peer[32], *text = NULL;
	size_t n = 0;
	FILE *out;

	(void)state;
	assert_true(crowd_is_over(&c));
	for (int i = 0; i < 40; i++) {
		snprintf(peer, sizeof(peer), "10.1.0.%d", i);
		assert_true(crowd_add(&c, peer));
	}
	/* Before it is asked, what happens to it counts for nothing. */
	happens(&c, "failed", "10.1.0.0", "of before");
	for (int i = 0; i < 32; i++)
		assert_non_null(crowd_next(&c, 32));
	assert_null(crowd_next(&c, 32));
	happens(&c, "up", "10.1.0.0", "");
	happens(&c, "up", "192.0.2.1", "somebody else");
	happens(&c, "rekeyed", "10.1.0.1", "");
	assert_int_equal(c.count[CROWD_DONE], 1);
	assert_non_null(crowd_next(&c, 32));
	assert_null(crowd_next(&c, 32));
	happens(&c, "failed", "10.1.0.1", "no trusted CA");
	assert_int_equal(c.count[CROWD_FAILED], 1);
	/* The peer's own attempt brought it up after all. */
	happens(&c, "up", "10.1.0.1", "");
	assert_int_equal(c.count[CROWD_FAILED], 0);
	happens(&c, "failed", "10.1.0.2", "no trusted CA");
	assert_false(crowd_is_over(&c));
	crowd_give_up(&c, "too late");
	assert_true(crowd_is_over(&c));
	assert_int_equal(c.count[CROWD_FAILED], 38);
	out = open_memstream(&text, &n);
	crowd_tell_failed(&c, out);
	fclose(out);
	assert_ptr_equal(strstr(text, "10.1.0.2: no trusted CA\n10.1.0.3: too late\n"), text);
	assert_non_null(strstr(text, "\nand 22 more\n"));
	free(text);
	crowd_free(&c);
}

static void test_the_nearest_peer(void **state)
{
	json_t *answer = parse(pairs);

	(void)state;
	assert_string_equal(steer_nearest(answer, "10.1.0.33"), "10.1.0.3");
	assert_string_equal(steer_nearest(answer, "10.1.9.2"), "10.1.0.2");
	assert_null(steer_nearest(answer, "10.1.0.7")); /* each of them is as near */
	assert_null(steer_nearest(answer, "10.1.8.32"));
	assert_null(steer_nearest(answer, "192.168.77.200"));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_colours_are_wanted), cmocka_unit_test(test_progress),
		cmocka_unit_test(test_those_who_are_missing),	 cmocka_unit_test(test_a_crowd),
		cmocka_unit_test(test_the_nearest_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
