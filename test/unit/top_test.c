/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl top` without a terminal: rates, order, lines, keys. */
#include "cmd/ikectl/top.h"
#include "cmd/ikectl/top_ui.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PAIR(remote, state, ruling, since, in, out, rest)                           \
	"{\"remote\":\"" remote "\",\"local\":\"10.1.0.1\",\"state\":\"" state      \
	"\",\"ruling\":\"" ruling "\",\"since_s_ago\":" #since ",\"in_bytes\":" #in \
	",\"out_bytes\":" #out "," rest "}"
#define FINE "\"rekey_in_s\":3000,\"identity\":\"CN=b\",\"failures\":0,\"trouble\":null"
#define ILL                                                                                 \
	"\"rekey_in_s\":null,\"identity\":null,\"failures\":3,\"trouble\":\"peer does not " \
	"answer IKE_SA_INIT\""
#define NEW "\"rekey_in_s\":null,\"identity\":null,\"failures\":0,\"trouble\":null"

#define ANSWER(at, pairs)                                                                          \
	"{\"format\":\"ikemesh-pairs/1\",\"version\":\"0.1.0\",\"uptime_s\":7200,\"at_ms\":" #at   \
	",\"mode\":\"enforced\",\"certificate_days_left\":29,\"in_the_clear\":0,\"pairs\":[" pairs \
	"]}"

static const char first[] = ANSWER(
	1000, PAIR("10.1.0.10", "up", "enforced", 60, 1000, 500, FINE) "," PAIR(
		      "10.1.0.2", "up", "enforced", 7200, 0, 0,
		      FINE) "," PAIR("10.1.0.33", "backing off", "enforced", 300, 0, 0,
				     ILL) "," PAIR("10.1.0.34", "down", "optional", 5, 0, 0, NEW));
static const char second[] =
	ANSWER(3000, PAIR("10.1.0.10", "up", "enforced", 62, 400, 700, FINE) "," PAIR(
			     "10.1.0.2", "up", "enforced", 7202, 2000000, 84000,
			     FINE) "," PAIR("10.1.0.33", "backing off", "enforced", 302, 0, 0,
					    ILL) "," PAIR("10.1.0.34", "down", "optional", 7, 0, 0,
							  NEW) "," PAIR("2001:db8::7", "connecting",
									"enforced", 1, 0, 0, NEW));

static void read_sample(const char *json, const struct top_sample *before, struct top_sample *out)
{
	json_t *answer = json_loads(json, 0, NULL);

	assert_non_null(answer);
	assert_true(top_sample_read(answer, before, out));
	json_decref(answer);
}

struct two {
	struct top_sample before, now;
};

static int setup(void **state)
{
	struct two *t = calloc(1, sizeof(*t));

	read_sample(first, NULL, &t->before);
	read_sample(second, &t->before, &t->now);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct two *t = *state;

	top_sample_free(&t->before);
	top_sample_free(&t->now);
	free(t);
	return 0;
}

static const struct top_row *row(const struct top_sample *s, const char *peer)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->rows[i].peer, peer) == 0)
			return &s->rows[i];
	}
	fail_msg("no row of %s", peer);
	return NULL;
}

static void test_rates_come_of_two_looks(void **state)
{
	const struct two *t = *state;

	assert_true(row(&t->before, "10.1.0.2")->in_rate < 0);
	assert_true(row(&t->now, "10.1.0.2")->in_rate == 1000000);
	assert_true(row(&t->now, "10.1.0.2")->out_rate == 42000);
	/* An SA went meanwhile, and its counters with it. */
	assert_true(row(&t->now, "10.1.0.10")->in_rate < 0);
	assert_true(row(&t->now, "10.1.0.10")->out_rate == 100);
	/* It was not there before. */
	assert_true(row(&t->now, "2001:db8::7")->in_rate < 0);
}

static void assert_order(const struct top_sample *s, enum top_sort sort, bool reversed,
			 const char *filter, const char *want)
{
	char is[256] = "";
	struct top_view v;

	top_view_make(s, sort, reversed, filter, &v);
	for (size_t i = 0; i < v.n; i++)
		snprintf(is + strlen(is), sizeof(is) - strlen(is), "%s%s", i > 0 ? " " : "",
			 v.rows[i]->peer);
	top_view_free(&v);
	assert_string_equal(is, want);
}

static void test_order(void **state)
{
	const struct top_sample *s = &((const struct two *)*state)->now;

	assert_order(s, TOP_BY_TRAFFIC, false, "",
		     "10.1.0.2 10.1.0.10 10.1.0.33 10.1.0.34 2001:db8::7");
	assert_order(s, TOP_BY_AGE, false, "",
		     "2001:db8::7 10.1.0.34 10.1.0.10 10.1.0.33 10.1.0.2");
	assert_order(s, TOP_BY_TROUBLE, false, "",
		     "10.1.0.33 10.1.0.34 2001:db8::7 10.1.0.10 10.1.0.2");
	assert_order(s, TOP_BY_AGE, true, "", "10.1.0.2 10.1.0.33 10.1.0.10 10.1.0.34 2001:db8::7");
}

static void test_filter(void **state)
{
	const struct top_sample *s = &((const struct two *)*state)->now;

	assert_order(s, TOP_BY_AGE, false, "10.1.0.3", "10.1.0.34 10.1.0.33");
	assert_order(s, TOP_BY_AGE, false, "BACKING", "10.1.0.33");
	assert_order(s, TOP_BY_AGE, false, "cn=B", "10.1.0.10 10.1.0.2");
	assert_order(s, TOP_BY_AGE, false, "does not answer", "10.1.0.33");
	assert_order(s, TOP_BY_AGE, false, "nothing like it", "");
}

static char *printed(const struct top_sample *s, enum top_sort sort)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	top_print(s, sort, out);
	fclose(out);
	return text;
}

static void test_table(void **state)
{
	char *text = printed(&((const struct two *)*state)->now, TOP_BY_TROUBLE);

	assert_string_equal(
		text,
		"ikemesh 0.1.0  up 2h  mode enforced  certificate 29 days\n"
		"5 pairs  1 backing off  1 clear  1 connecting  2 up\n"
		"\n"
		"PEER         STATE        SINCE    IN/s   OUT/s  REKEY  IDENTITY  LAST REASON\n"
		"10.1.0.33    backing off     5m       0       0      -  -         peer does not "
		"answer IKE_SA_INIT\n"
		"10.1.0.34    clear           7s       0       0      -  -\n"
		"2001:db8::7  connecting      1s       -       -      -  -\n"
		"10.1.0.10    up             62s       -     100    50m  CN=b\n"
		"10.1.0.2     up              2h    1.0M     42K    50m  CN=b\n");
	free(text);
}

static void test_no_pairs(void **state)
{
	struct top_sample s;
	char *text;

	(void)state;
	read_sample(ANSWER(1, ""), NULL, &s);
	text = printed(&s, TOP_BY_AGE);
	assert_non_null(strstr(text, "\n0 pairs\n"));
	free(text);
	top_sample_free(&s);
}

/* Whatever the width, no line is longer, and the peer and its state are seen first. */
static void test_every_width(void **state)
{
	const struct top_sample *s = &((const struct two *)*state)->now;
	char line[TOP_LINE_LEN];
	struct top_layout l;
	struct top_view v;
	int from, width;

	top_view_make(s, TOP_BY_TROUBLE, false, "", &v);
	for (int w = 0; w < 300; w++) {
		top_layout_make(&v, w, &l);
		top_heading(&l, line);
		assert_true(strlen(line) <= (size_t)w);
		top_title(s, w, line);
		assert_true(strlen(line) <= (size_t)w);
		top_counts(s, w, line);
		assert_true(strlen(line) <= (size_t)w);
		top_state_place(&l, &from, &width);
		assert_true(width == 0 || from + width <= w);
		for (size_t i = 0; i < v.n; i++) {
			top_line(&l, v.rows[i], line);
			assert_true(strlen(line) <= (size_t)w);
			if (w >= 26)
				assert_memory_equal(line, v.rows[i]->peer, strlen(v.rows[i]->peer));
			if (w >= 26)
				assert_int_equal(strncmp(line + from,
							 top_state_name(v.rows[i]->state),
							 strlen(top_state_name(v.rows[i]->state))),
						 0);
		}
	}
	top_view_free(&v);
}

static void assert_heading(const struct top_sample *s, int width, const char *want)
{
	char line[TOP_LINE_LEN];
	struct top_layout l;
	struct top_view v;

	top_view_make(s, TOP_BY_TROUBLE, false, "", &v);
	top_layout_make(&v, width, &l);
	top_heading(&l, line);
	assert_string_equal(line, want);
	top_view_free(&v);
}

static void test_what_gives_way_where_it_is_narrow(void **state)
{
	const struct top_sample *s = &((const struct two *)*state)->now;

	assert_heading(s, 200,
		       "PEER         STATE        SINCE    IN/s   OUT/s  REKEY  IDENTITY  LAST "
		       "REASON");
	assert_heading(s, 80,
		       "PEER         STATE        SINCE    IN/s   OUT/s  REKEY  LAST REASON");
	assert_heading(s, 60, "PEER         STATE          IN/s  LAST REASON");
	assert_heading(s, 30, "PEER         STATE");
}

static void squeeze(char *text)
{
	char *to = text;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c != ' ' || c[1] != ' ')
			*to++ = *c;
	}
	*to = '\0';
}

/* docs/ikectl.md has a screen of `./run lab watch-top`: of a table with these columns. */
static void test_the_documents_show_this_heading(void **state)
{
	const struct top_sample *s = &((const struct two *)*state)->now;
	FILE *in = fopen("docs/ikectl.md", "r");
	char line[TOP_LINE_LEN], heading[TOP_LINE_LEN];
	struct top_layout l;
	struct top_view v;
	unsigned found = 0;

	assert_non_null(in);
	top_view_make(s, TOP_BY_TROUBLE, false, "", &v);
	top_layout_make(&v, 118, &l);
	top_heading(&l, heading);
	squeeze(heading);
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		squeeze(line);
		found += strcmp(line, heading) == 0;
	}
	assert_int_equal(found, 1);
	top_view_free(&v);
	fclose(in);
}

/* What a certificate says is shown, and moves no cursor. */
static void test_hostile_text(void **state)
{
	static const char answer[] = ANSWER(
		1, PAIR("10.1.0.9", "up", "enforced", 1, 0, 0,
			"\"rekey_in_s\":1,\"failures\":0,\"identity\":\"CN=\\u001b[2J\\u00e9\","
			"\"trouble\":\"a\\nb\""));
	struct top_sample s;
	char *text;

	(void)state;
	read_sample(answer, NULL, &s);
	text = printed(&s, TOP_BY_AGE);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "CN=?[2J??"));
	assert_non_null(strstr(text, "a?b\n"));
	free(text);
	top_sample_free(&s);
}

static void test_what_is_no_answer(void **state)
{
	static const char *const bad[] = { "{}", "{\"pairs\":7}", "[]" };
	struct top_sample s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *answer = json_loads(bad[i], 0, NULL);

		assert_false(top_sample_read(answer, NULL, &s));
		assert_int_equal(s.n, 0);
		json_decref(answer);
	}
	read_sample("{\"pairs\":[{},7,{\"remote\":\"x\"}]}", NULL, &s);
	assert_int_equal(s.n, 0);
	top_sample_free(&s);
}

static void keys(struct top_ui *ui, const char *text)
{
	for (; *text != '\0'; text++)
		top_ui_key(ui, *text, 100, 20);
}

static void test_keys(void **state)
{
	struct top_ui ui = { .sort = TOP_BY_TROUBLE };
	char line[TOP_LINE_LEN];

	(void)state;
	keys(&ui, "tr");
	top_ui_line(&ui, 100, 20, line);
	assert_string_equal(line, "by traffic, reversed; 1-20 of 100");
	keys(&ui, "a");
	top_ui_line(&ui, 7, 20, line);
	assert_string_equal(line, "by age");
	keys(&ui, "h");
	assert_true(ui.help);
	keys(&ui, "t"); /* any key leads back, and does no more */
	assert_false(ui.help);
	assert_int_equal(ui.sort, TOP_BY_AGE);
	keys(&ui, "?q");
	assert_true(ui.quit);
}

static void test_filter_is_typed(void **state)
{
	struct top_ui ui = { .sort = TOP_BY_AGE };
	char line[TOP_LINE_LEN];

	(void)state;
	keys(&ui, "/qa"); /* letters, and no commands */
	assert_false(ui.quit);
	top_ui_line(&ui, 3, 20, line);
	assert_string_equal(line, "by age; filter: qa_");
	top_ui_key(&ui, TOP_KEY_RUBOUT, 3, 20);
	top_ui_key(&ui, TOP_KEY_ENTER, 3, 20);
	assert_string_equal(ui.filter, "q");
	assert_false(ui.typing);
	top_ui_key(&ui, TOP_KEY_ESCAPE, 3, 20);
	assert_string_equal(ui.filter, "");
	keys(&ui, "/0123456789012345678901234567890123456789012345678901234567890");
	assert_int_equal(strlen(ui.filter), TOP_FILTER_LEN - 1);
	top_ui_key(&ui, TOP_KEY_ESCAPE, 3, 20);
	assert_string_equal(ui.filter, "");
	top_ui_key(&ui, TOP_KEY_RUBOUT, 3, 20);
}

static void test_scrolling_has_its_ends(void **state)
{
	struct top_ui ui = { .sort = TOP_BY_AGE };

	(void)state;
	top_ui_key(&ui, TOP_KEY_UP, 100, 20);
	assert_int_equal(ui.first, 0);
	top_ui_key(&ui, TOP_KEY_PAGE_DOWN, 100, 20);
	top_ui_key(&ui, TOP_KEY_DOWN, 100, 20);
	assert_int_equal(ui.first, 21);
	top_ui_key(&ui, TOP_KEY_END, 100, 20);
	assert_int_equal(ui.first, 80);
	top_ui_key(&ui, TOP_KEY_DOWN, 100, 20);
	assert_int_equal(ui.first, 80);
	top_ui_settle(&ui, 30, 20); /* fewer rows by now */
	assert_int_equal(ui.first, 10);
	top_ui_settle(&ui, 5, 20);
	assert_int_equal(ui.first, 0);
	top_ui_key(&ui, TOP_KEY_DOWN, 5, 20);
	assert_int_equal(ui.first, 0);
	top_ui_key(&ui, TOP_KEY_END, 0, 0);
	top_ui_key(&ui, TOP_KEY_PAGE_UP, 0, 0);
	top_ui_key(&ui, TOP_KEY_HOME, 100, 20);
	assert_int_equal(ui.first, 0);
}

/* 3,000 pairs: read, compared with those before, sorted and laid out, well within a second. */
static void test_many(void **state)
{
	json_t *answer = json_loads(ANSWER(1000, ""), 0, NULL), *pairs, *pair;
	struct top_sample before, now;
	struct timespec began, ended;
	struct top_view v;

	(void)state;
	pairs = json_object_get(answer, "pairs");
	for (int i = 0; i < 3000; i++) {
		char remote[32];

		snprintf(remote, sizeof(remote), "10.1.%d.%d", i / 250, i % 250);
		pair = json_loads(PAIR("10.1.0.2", "up", "enforced", 1, 0, 0, FINE), 0, NULL);
		json_object_set_new(pair, "remote", json_string(remote));
		json_object_set_new(pair, "in_bytes", json_integer(i * 7919 % 3000));
		json_array_append_new(pairs, pair);
	}
	assert_true(top_sample_read(answer, NULL, &before));
	json_object_set_new(answer, "at_ms", json_integer(3000));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	assert_true(top_sample_read(answer, &before, &now));
	top_view_make(&now, TOP_BY_TRAFFIC, false, "10.1", &v);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	assert_int_equal(v.n, 3000);
	assert_true(v.rows[0]->in == 2999 && v.rows[2999]->in == 0);
	assert_true((ended.tv_sec - began.tv_sec) * 1000 +
			    (ended.tv_nsec - began.tv_nsec) / 1000000 <
		    500);
	top_view_free(&v);
	top_sample_free(&before);
	top_sample_free(&now);
	json_decref(answer);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rates_come_of_two_looks),
		TEST(test_order),
		TEST(test_filter),
		TEST(test_table),
		cmocka_unit_test(test_no_pairs),
		TEST(test_every_width),
		TEST(test_what_gives_way_where_it_is_narrow),
		TEST(test_the_documents_show_this_heading),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_what_is_no_answer),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_filter_is_typed),
		cmocka_unit_test(test_scrolling_has_its_ends),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
