/* SPDX-License-Identifier: Apache-2.0 */
/* One line a report, that nobody else can forge, and that does not fill the disk. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/fold.h"
#include "cmd/ikemeshd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LOG_AREA AREA_DAEMON

static struct report report_of(const char *text)
{
	return (struct report){ .level = REPORT_NOTICE,
				.remote = ip_v4(10, 0, 1, 6),
				.text = (char *)text };
}

static void test_a_line_names_peer_exchange_and_spis(void **state)
{
	struct report r = report_of("peer refused us");
	char line[256];

	(void)state;
	log_line(&r, line, sizeof(line));
	assert_string_equal(line, "10.0.1.6: peer refused us");
	r.exchange = 35;
	log_line(&r, line, sizeof(line));
	assert_string_equal(line, "10.0.1.6: peer refused us [IKE_AUTH]");
	r.spi_i = 0x0123456789abcdef;
	r.spi_r = 2;
	log_line(&r, line, sizeof(line));
	assert_string_equal(line, "10.0.1.6: peer refused us [IKE_AUTH 0123456789abcdef_i "
				  "0000000000000002_r]");
	r = (struct report){ .text = (char *)"ready" };
	log_line(&r, line, sizeof(line));
	assert_string_equal(line, "ready");
}

static void test_what_came_from_elsewhere_stays_on_its_line(void **state)
{
	char out[64], small[8];

	(void)state;
	log_escape("CN=a\nikemeshd error: forged\x1b[31m\x7f\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "CN=a\\x0aikemeshd error: forged\\x1b[31m\\x7f\\xc3\\xa9");
	/* An escape is never cut in two. */
	log_escape("ab\n\n", small, sizeof(small));
	assert_string_equal(small, "ab\\x0a");
	log_escape("", small, sizeof(small));
	assert_string_equal(small, "");
}

/* ---- folding, in virtual time ------------------------------------------------------------------
 */

struct sums {
	unsigned n;
	unsigned repeats;
	char last[FOLD_TEXT_LEN];
};

static void note_sum(void *arg, const struct fold_slot *slot)
{
	struct sums *s = arg;

	s->n++;
	s->repeats += slot->repeats;
	snprintf(s->last, sizeof(s->last), "%s", slot->text);
}

static struct mono at(int64_t seconds)
{
	return (struct mono){ .us = seconds * CLOCK_SECOND };
}

static void test_the_same_again_is_counted(void **state)
{
	struct fold *f = malloc(sizeof(*f));
	struct sums sums = { 0 };
	const struct report r = report_of("no answer"), other = report_of("answers");

	(void)state;
	fold_init(f, note_sum, &sums);
	assert_true(fold_admit(f, at(100), &r));
	assert_int_equal(fold_tick(f, at(100)).us, MONO_NEVER.us);
	assert_false(fold_admit(f, at(101), &r));
	assert_true(fold_admit(f, at(101), &other));
	assert_false(fold_admit(f, at(102), &r));
	assert_int_equal(fold_tick(f, at(102)).us, at(100 + FOLD_WINDOW_S).us);
	assert_int_equal(sums.n, 0);
	/* The window ends: the sum is told once, and the next one is news again. */
	fold_tick(f, at(100 + FOLD_WINDOW_S));
	assert_int_equal(sums.n, 1);
	assert_int_equal(sums.repeats, 2);
	assert_string_equal(sums.last, "no answer");
	assert_true(fold_admit(f, at(131), &r));
	assert_int_equal(sums.n, 1);
	free(f);
}

static void test_another_peer_is_another_message(void **state)
{
	struct fold *f = malloc(sizeof(*f));
	struct sums sums = { 0 };
	struct report r = report_of("no answer");

	(void)state;
	fold_init(f, note_sum, &sums);
	assert_true(fold_admit(f, at(1), &r));
	r.remote = ip_v4(10, 0, 1, 7);
	assert_true(fold_admit(f, at(1), &r));
	r.spi_i = 5;
	assert_true(fold_admit(f, at(1), &r));
	r.level = REPORT_ERROR;
	assert_true(fold_admit(f, at(1), &r));
	assert_false(fold_admit(f, at(1), &r));
	fold_flush(f);
	assert_int_equal(sums.n, 1);
	free(f);
}

static void test_the_memory_is_bounded_and_loses_no_count(void **state)
{
	struct fold *f = malloc(sizeof(*f));
	struct sums sums = { 0 };
	char text[FOLD_TEXT_LEN + 100];

	(void)state;
	fold_init(f, note_sum, &sums);
	for (unsigned i = 0; i < 1000; i++) {
		struct report r = report_of(text);

		snprintf(text, sizeof(text), "message %u", i);
		assert_true(fold_admit(f, at(1), &r));
		assert_false(fold_admit(f, at(1), &r));
	}
	fold_flush(f);
	assert_int_equal(sums.repeats, 1000);
	/* Too long to be remembered whole: said each time. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	{
		const struct report r = report_of(text);

		assert_true(fold_admit(f, at(1), &r));
		assert_true(fold_admit(f, at(1), &r));
	}
	free(f);
}

/* ---- a file
 * -------------------------------------------------------------------------------------- */

static char *read_all(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void test_a_file_is_written_and_opened_anew(void **state)
{
	char dir[] = "/tmp/ikemesh-log-XXXXXX", path[64], old[64];
	struct log *l;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	assert_int_equal(log_open(LOG_TO_FILE, path, REPORT_NOTICE, &l), 0);
	log_text(l, REPORT_NOTICE, "first %d\nline", 1);
	log_text(l, REPORT_INFO, "not said at this level");
	for (int i = 0; i < 5; i++)
		log_recurrent(l, REPORT_WARNING, "again");
	assert_int_equal(count_lines(read_all(path)), 2);
	assert_non_null(strstr(read_all(path), "ikemeshd notice: first 1\\x0aline\n"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07, 0);

	/* logrotate moves it, SIGHUP opens it anew. */
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(log_retarget(l, LOG_TO_FILE, path), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(log_reopen(l), 0);
	log_text(l, REPORT_ERROR, "second");
	assert_int_equal(count_lines(read_all(path)), 1);
	assert_int_equal(count_lines(read_all(old)), 2);

	/* A target that cannot be opened leaves the old one. */
	assert_true(log_retarget(l, LOG_TO_FILE, "/nonexistent/log") < 0);
	log_text(l, REPORT_ERROR, "third");
	assert_int_equal(count_lines(read_all(path)), 2);

	/* What was held back is told at the end. */
	log_close(l);
	assert_non_null(strstr(read_all(path), "again (said 4 more times"));
	unlink(path);
	unlink(old);
	rmdir(dir);
}

static void limit_files(rlim_t octets)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* As on a disk that is full, and has room again: no signal, no line that is half another's. */
static void test_a_full_disk_costs_lines_alone(void **state)
{
	char dir[] = "/tmp/ikemesh-log-XXXXXX", path[64], said[1024], *text;
	struct log *l;
	int stderr_was = dup(STDERR_FILENO), ends[2];
	ssize_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(log_open(LOG_TO_FILE, path, REPORT_NOTICE, &l), 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	log_text(l, REPORT_NOTICE, "before");
	limit_files(100);
	log_text(l, REPORT_NOTICE, "this one is cut off in the middle, where its octets %s",
		 "come to the limit");
	for (int i = 0; i < 4; i++)
		log_text(l, REPORT_NOTICE, "lost");
	assert_int_equal(log_state(l).lost, 5);
	assert_int_equal(log_state(l).error, -EFBIG);
	limit_files(RLIM_INFINITY);
	log_text(l, REPORT_NOTICE, "after");
	log_text(l, REPORT_NOTICE, "and on");
	assert_int_equal(log_state(l).lost, 5);
	assert_int_equal(log_state(l).error, 0);
	dup2(stderr_was, STDERR_FILENO);
	close(stderr_was);

	/* It was said once, where it could be. */
	n = read(ends[0], said, sizeof(said) - 1);
	assert_true(n > 0);
	said[n] = '\0';
	close(ends[0]);
	assert_int_equal(count_lines(said), 1);
	assert_non_null(strstr(said, "cannot be written (No space left on device)"));
	text = read_all(path);
	assert_int_equal(count_lines(text), 5);
	assert_non_null(strstr(text, "ikemeshd warning: 5 lines could not be written here: "
				     "File too large\n"));
	assert_non_null(strstr(text, "ikemeshd notice: after\n"));
	log_close(l);
	unlink(path);
	rmdir(dir);
}

/* Neither opening nor writing may wait for a reader. */
static void test_only_a_file_is_a_file(void **state)
{
	char dir[] = "/tmp/ikemesh-log-XXXXXX", fifo[64];
	struct log *l;
	int reader;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(log_open(LOG_TO_FILE, fifo, REPORT_DEBUG, &l), -EINVAL);
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_int_equal(log_open(LOG_TO_FILE, fifo, REPORT_DEBUG, &l), -EINVAL);
	assert_null(l);
	close(reader);
	assert_int_equal(log_open(LOG_TO_FILE, "/dev/full", REPORT_DEBUG, &l), -EINVAL);
	assert_string_equal(log_path_error(-EINVAL), "is not a regular file");
	assert_string_equal(log_path_error(-ENOENT), strerror(ENOENT));
	unlink(fifo);
	rmdir(dir);
}

static void test_a_long_line_is_cut_and_stays_a_line(void **state)
{
	char dir[] = "/tmp/ikemesh-log-XXXXXX", path[64], *text = malloc(5000);
	struct report r = report_of(text);
	struct log *l;

	(void)state;
	memset(text, '\n', 4999);
	text[4999] = '\0';
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(log_open(LOG_TO_FILE, path, REPORT_DEBUG, &l), 0);
	log_report(l, &r);
	log_close(l);
	assert_int_equal(count_lines(read_all(path)), 1);
	free(text);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_names_peer_exchange_and_spis),
		cmocka_unit_test(test_what_came_from_elsewhere_stays_on_its_line),
		cmocka_unit_test(test_the_same_again_is_counted),
		cmocka_unit_test(test_another_peer_is_another_message),
		cmocka_unit_test(test_the_memory_is_bounded_and_loses_no_count),
		cmocka_unit_test(test_a_file_is_written_and_opened_anew),
		cmocka_unit_test(test_a_full_disk_costs_lines_alone),
		cmocka_unit_test(test_only_a_file_is_a_file),
		cmocka_unit_test(test_a_long_line_is_cut_and_stays_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
