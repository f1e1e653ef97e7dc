/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_listen and metrics_per_peer: ways to write them, what is refused, what is warned of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/diff.h"
#include "config/listen.h"
#include "config_file.h"
#include <errno.h>

static struct pki pki;

/* What it comes to, as text; "": nothing. One finding for what is no loopback address. */
static void assert_listens(const char *value, const char *wanted, bool warned)
{
	char text[512], is[LISTEN_TEXT_LEN] = "";
	struct problems ps;
	struct config c;

	snprintf(text, sizeof(text), NETS CREDENTIALS "metrics_listen: %s\n", value);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), 0);
	if (c.metrics_listen.port != 0)
		listen_text(&c.metrics_listen, is);
	assert_string_equal(is, wanted);
	assert_int_equal(ps.n, warned);
	if (warned) {
		assert_int_equal(ps.p[0].level, PROBLEM_WARNING);
		assert_non_null(strstr(ps.p[0].message, wanted));
		assert_int_equal(ps.p[0].line, 7);
	}
	problems_free(&ps);
	config_free(&c);
}

static void test_ways_to_write_it(void **state)
{
	(void)state;
	assert_listens("", "", false);
	assert_listens("''", "", false);
	assert_listens("9500", "127.0.0.1:9500", false);
	assert_listens("'65535'", "127.0.0.1:65535", false);
	assert_listens("127.0.0.1:1", "127.0.0.1:1", false);
	assert_listens("'[::1]:9500'", "[::1]:9500", false);
	assert_listens("10.0.0.5:9500", "10.0.0.5:9500", true);
	assert_listens("0.0.0.0:9500", "0.0.0.0:9500", true);
	assert_listens("'[::]:9500'", "[::]:9500", true);
}

static void test_none_by_default(void **state)
{
	struct problems ps;
	struct config c;

	(void)state;
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS, &c, &ps), 0);
	assert_int_equal(c.metrics_listen.port, 0);
	assert_false(c.metrics_per_peer);
	config_free(&c);
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS "metrics_per_peer: true\n", &c, &ps), 0);
	assert_true(c.metrics_per_peer);
	config_free(&c);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"0",	      "65536",	       "95000000000",	"-1",	  "9500x",
		"127.0.0.1",  "127.0.0.1:",    "127.0.0.1:0",	":9500",  "host:9500",
		"'::1:9500'", "'[::1]'",       "'[::1]9500'",	"'[]:1'", "'[127.0.0.1]:9500'",
		"1.2.3:9500", "1.2.3.4:99999", "[9500]", "{port: 9500}",
		"' 9500'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512];
		struct problems ps;
		struct config c;

		snprintf(text, sizeof(text), NETS CREDENTIALS "metrics_listen: %s\n", bad[i]);
		if (pki_parse(&pki, text, &c, &ps) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_true(ps.errors > 0);
		assert_true(ps.p[0].line == 7);
		problems_free(&ps);
	}
}

/* `ikectl plan` tells of it. */
static void test_difference(void **state)
{
	struct problems ps;
	struct config a, b;
	struct view before, after;
	struct diff d;

	(void)state;
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS, &a, &ps), 0);
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS "metrics_listen: 9500\n", &b, &ps), 0);
	assert_int_equal(view_of(&a, &before), 0);
	assert_int_equal(view_of(&b, &after), 0);
	assert_int_equal(config_diff(&before, &after, &d), 0);
	assert_int_equal(d.n, 1);
	assert_string_equal(d.p[0].row->name, "metrics_listen");
	assert_null(d.p[0].before);
	assert_string_equal(d.p[0].after, "127.0.0.1:9500");
	diff_free(&d);
	view_free(&before);
	view_free(&after);
	config_free(&a);
	config_free(&b);
}

static int setup(void **state)
{
	(void)state;
	pki_usual(&pki);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways_to_write_it),
		cmocka_unit_test(test_none_by_default),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_difference),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
