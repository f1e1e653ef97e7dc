/* SPDX-License-Identifier: Apache-2.0 */
/* How much is said of what: key log_levels, and `ikectl log` over it. */
#include "cmd/ikectl/log.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_file.h"

static struct pki pki;

/* ---- log_levels ------------------------------------------------------------------------------ */

static void assert_levels(const char *line, int ike, int auth)
{
	struct problems ps;
	struct config c;
	char text[1024];

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", line);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), 0);
	assert_int_equal(ps.n, 0);
	assert_int_equal(c.log_levels[AREA_IKE], ike);
	assert_int_equal(c.log_levels[AREA_AUTH], auth);
	config_free(&c);
	problems_free(&ps);
}

static void assert_no_levels(const char *line, const char *message)
{
	struct problems ps;
	struct config c;
	char text[1024];

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", line);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), -EINVAL);
	assert_int_equal(ps.n, 1);
	assert_non_null(strstr(ps.p[0].message, message));
	problems_free(&ps);
}

static void test_the_key(void **state)
{
	const int notice = REPORT_NOTICE + 1, debug = REPORT_DEBUG + 1;

	(void)state;
	assert_levels("", 0, 0);
	assert_levels("log_levels: []\n", 0, 0);
	assert_levels("log_levels:\n", 0, 0);
	assert_levels("log_levels: [auth=debug]\n", 0, debug);
	/* What is special wins, wherever it stands. */
	assert_levels("log_levels: [auth=debug, notice]\n", notice, debug);
	assert_levels("log_levels:\n- notice\n- auth=debug\n", notice, debug);
	assert_no_levels("log_levels: debug\n", "a list of levels");
	assert_no_levels("log_levels: [auth=loud]\n", "\"auth=loud\" is no level");
	assert_no_levels("log_levels: [sleep=debug]\n", "areas: ike, auth");
	assert_no_levels("log_levels: [=debug]\n", "\"=debug\" is no level");
	assert_no_levels("log_levels: [a-name-that-is-far-too-long=debug]\n", "is no level");
	assert_no_levels("log_levels: [{auth: debug}]\n", "is no level");
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static struct mono at(int64_t seconds)
{
	return (struct mono){ .us = seconds * CLOCK_SECOND };
}

static void test_what_is_asked_for_ends(void **state)
{
	const uint8_t configured[REPORT_N_AREAS] = { [AREA_AUTH] = REPORT_NOTICE + 1 };
	enum report_area area;
	struct levels l;

	(void)state;
	levels_init(&l, REPORT_INFO);
	levels_configure(&l, configured);
	assert_int_equal(levels_of(&l, AREA_IKE), REPORT_INFO);
	assert_int_equal(levels_of(&l, AREA_AUTH), REPORT_NOTICE);
	assert_int_equal(levels_next(&l).us, MONO_NEVER.us);

	levels_ask(&l, AREA_AUTH, REPORT_DEBUG, at(100));
	levels_ask(&l, AREA_NET, REPORT_ERROR, MONO_NEVER);
	assert_int_equal(levels_of(&l, AREA_AUTH), REPORT_DEBUG);
	assert_int_equal(levels_next(&l).us, at(100).us);
	assert_false(levels_end(&l, at(99), &area));
	/* Another configuration does not change what was asked for, and is there when it ends. */
	levels_configure(&l, (const uint8_t[REPORT_N_AREAS]){ 0 });
	assert_int_equal(levels_of(&l, AREA_AUTH), REPORT_DEBUG);
	assert_true(levels_end(&l, at(100), &area));
	assert_int_equal(area, AREA_AUTH);
	assert_false(levels_end(&l, at(100), &area));
	assert_int_equal(levels_of(&l, AREA_AUTH), REPORT_INFO);
	assert_int_equal(levels_of(&l, AREA_NET), REPORT_ERROR);
	levels_forget(&l, AREA_NET);
	assert_int_equal(levels_of(&l, AREA_NET), REPORT_INFO);
}

/* ---- `ikectl log` ---------------------------------------------------------------------------- */

struct fixture {
	struct daemon d;
	char dir[40], path[64];
};

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .dir = "/tmp/ikemesh-log-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
	assert_int_equal(log_open(LOG_TO_FILE, f->path, REPORT_INFO, &f->d.log), 0);
}

static void fixture_free(struct fixture *f)
{
	log_close(f->d.log);
	unlink(f->path);
	rmdir(f->dir);
}

static json_t *ask(struct fixture *f, const char *particulars)
{
	char text[256];
	json_t *request, *answer;

	snprintf(text, sizeof(text), "{\"command\": \"log\"%s}", particulars);
	request = json_loads(text, 0, NULL);
	assert_non_null(request);
	answer = daemon_answer(&f->d, request);
	json_decref(request);
	return answer;
}

/* The line that `ikectl log` shows of an area. */
static void assert_shown(const json_t *log, const char *line)
{
	char *shown = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&shown, &n);

	log_show(log, out);
	fclose(out);
	if (strstr(shown, line) == NULL)
		fail_msg("%s is not in:\n%s", line, shown);
	free(shown);
}

static void asked_and_shown(struct fixture *f, const char *particulars, const char *line)
{
	json_t *answer = ask(f, particulars);

	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_shown(answer, line);
	json_decref(answer);
}

static bool is_in_log(const struct fixture *f, const char *what)
{
	char text[8192];
	int fd = open(f->path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return strstr(text, what) != NULL;
}

static void test_levels_change_live(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	log_text_in(f.d.log, AREA_AUTH, REPORT_DEBUG, "not said");
	asked_and_shown(&f, "", "auth     info     who the peer is");
	asked_and_shown(&f, ", \"area\": \"auth\", \"level\": \"debug\"",
			"auth     debug    who the peer is: IKE_AUTH, certificates, PPK; "
			"configured is info\n");
	log_text_in(f.d.log, AREA_AUTH, REPORT_DEBUG, "said of auth");
	log_text_in(f.d.log, AREA_NET, REPORT_DEBUG, "not said");
	asked_and_shown(&f, ", \"area\": \"auth\", \"level\": \"default\"",
			"auth     info     who the peer is: IKE_AUTH, certificates, PPK\n");
	log_text_in(f.d.log, AREA_AUTH, REPORT_DEBUG, "not said");
	asked_and_shown(&f, ", \"level\": \"error\"", "net      error ");
	log_text_in(f.d.log, AREA_NET, REPORT_WARNING, "not said");
	asked_and_shown(&f, ", \"level\": \"default\"", f.path);
	assert_true(is_in_log(&f, "said of auth"));
	assert_true(is_in_log(&f, "the log level of auth is debug, as was asked for"));
	assert_true(is_in_log(&f, "the log level of all areas is as configured, as was asked for"));
	assert_false(is_in_log(&f, "not said"));
	fixture_free(&f);
}

static void test_for_a_while(void **state)
{
	struct mono next, now = clock_now();
	struct fixture f;

	(void)state;
	fixture_init(&f);
	asked_and_shown(&f, ", \"area\": \"ike\", \"level\": \"debug\", \"for_s\": 600",
			"; info again in ");
	next = log_tick(f.d.log, now);
	assert_true(next.us >= now.us + 599 * CLOCK_SECOND);
	assert_true(next.us <= clock_now().us + 600 * CLOCK_SECOND);
	assert_int_equal(levels_of(log_levels(f.d.log), AREA_IKE), REPORT_DEBUG);
	assert_int_equal(log_tick(f.d.log, next).us, MONO_NEVER.us);
	assert_int_equal(levels_of(log_levels(f.d.log), AREA_IKE), REPORT_INFO);
	assert_true(is_in_log(&f, "the log level of ike is info again"));
	fixture_free(&f);
}

static void test_what_is_refused(void **state)
{
	static const char *const wrong[] = {
		", \"level\": \"loud\"",
		", \"area\": \"sleep\", \"level\": \"debug\"",
		", \"level\": \"debug\", \"for_s\": 0",
		", \"level\": \"debug\", \"for_s\": 604801",
		", \"level\": \"debug\", \"for_s\": \"600\"",
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *answer = ask(&f, wrong[i]);

		assert_true(json_is_false(json_object_get(answer, "ok")));
		json_decref(answer);
		for (size_t a = 0; a < REPORT_N_AREAS; a++)
			assert_int_equal(levels_of(log_levels(f.d.log), (enum report_area)a),
					 REPORT_INFO);
	}
	fixture_free(&f);
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
		cmocka_unit_test(test_the_key),
		cmocka_unit_test(test_what_is_asked_for_ends),
		cmocka_unit_test(test_levels_change_live),
		cmocka_unit_test(test_for_a_while),
		cmocka_unit_test(test_what_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
