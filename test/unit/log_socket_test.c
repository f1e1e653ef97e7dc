/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal and syslog get, and what becomes of us when they do not take it. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/log_socket.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

struct service {
	char dir[40], path[64];
	int fd;
};

static void service_start(struct service *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->path);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
}

static void service_stop(struct service *s)
{
	close(s->fd);
	unlink(s->path);
}

static void service_init(struct service *s)
{
	*s = (struct service){ .dir = "/tmp/ikemesh-log-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
	service_start(s);
}

static void service_end(struct service *s)
{
	service_stop(s);
	rmdir(s->dir);
}

static const char *heard(const struct service *s)
{
	static char text[LOG_DATAGRAM_LEN + 1];
	ssize_t n = recv(s->fd, text, LOG_DATAGRAM_LEN, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const struct report whole = {
	.level = REPORT_WARNING,
	.area = AREA_AUTH,
	.reason = REASON_WRONG_CA,
	.local = { .family = 4, .b = { 10, 1, 0, 1 } },
	.remote = { .family = 4, .b = { 10, 1, 0, 2 } },
	.spi_i = 0x0123456789abcdef,
	.spi_r = 2,
	.exchange = 35,
	.has_message_id = true,
	.message_id = 1,
	.text = (char *)"refused",
};

static void test_fields_of_the_journal(void **state)
{
	const struct report bare = { .level = REPORT_INFO, .area = AREA_DAEMON };
	struct log_socket l;
	struct service s;

	(void)state;
	service_init(&s);
	log_socket_open(&l, s.path, "/nonexistent");
	assert_int_equal(log_to_journal(&l, &whole, "10.1.0.2: refused"), 0);
	assert_string_equal(heard(&s), "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=ikemeshd\n"
				       "AREA=auth\nPEER=10.1.0.2\nLOCAL=10.1.0.1\n"
				       "REASON=wrong-ca\n"
				       "IKE_SPI=0123456789abcdef_i 0000000000000002_r\n"
				       "EXCHANGE=IKE_AUTH\nMESSAGE_ID=1\n"
				       "MESSAGE=10.1.0.2: refused\n");
	/* What is not known is not there. */
	assert_int_equal(log_to_journal(&l, &bare, "ready"), 0);
	assert_string_equal(heard(&s), "PRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=ikemeshd\n"
				       "AREA=daemon\nMESSAGE=ready\n");
	log_socket_close(&l);
	service_end(&s);
}

static void test_severities_of_syslog(void **state)
{
	static const int priorities[REPORT_LEVELS] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO,
						       LOG_DEBUG };
	struct log_socket l;
	struct service s;

	(void)state;
	service_init(&s);
	log_socket_open(&l, "/nonexistent", s.path);
	for (int level = REPORT_ERROR; level < REPORT_LEVELS; level++) {
		const struct report r = { .level = (enum report_level)level };
		char begin[16], end[48];
		const char *text;

		assert_int_equal(log_to_syslog(&l, &r, "10.1.0.2: said"), 0);
		text = heard(&s);
		snprintf(begin, sizeof(begin), "<%d>", LOG_DAEMON | priorities[level]);
		snprintf(end, sizeof(end), " ikemeshd[%d]: 10.1.0.2: said", (int)getpid());
		assert_int_equal(strncmp(text, begin, strlen(begin)), 0);
		/* "Nov  2 13:01:02", always as long. */
		assert_string_equal(text + strlen(begin) + 15, end);
	}
	log_socket_close(&l);
	service_end(&s);
}

static void test_a_service_that_is_restarted_hears_again(void **state)
{
	struct log_socket l;
	struct service s;

	(void)state;
	service_init(&s);
	log_socket_open(&l, s.path, s.path);
	assert_int_equal(log_to_syslog(&l, &whole, "before"), 0);
	assert_non_null(strstr(heard(&s), "before"));
	service_stop(&s);
	assert_int_equal(log_to_syslog(&l, &whole, "lost"), -ENOENT);
	service_start(&s);
	assert_int_equal(log_to_syslog(&l, &whole, "after"), 0);
	assert_non_null(strstr(heard(&s), "after"));
	log_socket_close(&l);
	service_end(&s);
}

/* Nobody reads: 10,000 reports cost one wait, and not one each. */
static void test_a_service_that_stands_still_holds_nobody_up(void **state)
{
	const struct mono begun = clock_now();
	struct log_socket l;
	struct service s;
	size_t lost = 0;

	(void)state;
	service_init(&s);
	log_socket_open(&l, s.path, s.path);
	for (int i = 0; i < 10000; i++)
		lost += log_to_journal(&l, &whole, "said") != 0;
	assert_true(lost > 5000);
	assert_true(clock_now().us - begun.us < 5 * CLOCK_SECOND);
	while (*heard(&s) != '\0')
		;
	assert_int_equal(log_to_journal(&l, &whole, "heard again"), 0);
	assert_non_null(strstr(heard(&s), "heard again"));
	log_socket_close(&l);
	service_end(&s);
}

/* Whatever the text holds, there is one line, and no field but ours. */
static void test_nobody_forges_a_field(void **state)
{
	const struct report hostile = {
		.level = REPORT_INFO,
		.area = AREA_AUTH,
		.text = (char *)"a\nREASON=forged\r\nPRIORITY=0\n\nMESSAGE=b\x1b[2J\xe2\x80\xa8",
	};
	char line[256], out[LOG_DATAGRAM_LEN];
	size_t n, lines = 0;

	(void)state;
	log_line(&hostile, line, sizeof(line));
	n = log_journal_datagram(&hostile, line, out);
	for (size_t i = 0; i < n; i++) {
		lines += out[i] == '\n';
		assert_true(out[i] == '\n' || (out[i] >= 0x20 && out[i] < 0x7f));
	}
	assert_int_equal(lines, 5);
	assert_null(memmem(out, n, "\nREASON=", 8));
	n = log_syslog_datagram(&hostile, line, 0, out);
	assert_null(memchr(out, '\n', n));
	assert_null(memchr(out, 0x1b, n));
}

static void test_a_long_line_is_cut(void **state)
{
	char line[2 * LOG_DATAGRAM_LEN], out[LOG_DATAGRAM_LEN];
	size_t n;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	n = log_journal_datagram(&whole, line, out);
	assert_true(n < LOG_DATAGRAM_LEN);
	assert_int_equal(out[n - 1], '\n');
	assert_true(log_syslog_datagram(&whole, line, 0, out) < LOG_DATAGRAM_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_of_the_journal),
		cmocka_unit_test(test_severities_of_syslog),
		cmocka_unit_test(test_a_service_that_is_restarted_hears_again),
		cmocka_unit_test(test_a_service_that_stands_still_holds_nobody_up),
		cmocka_unit_test(test_nobody_forges_a_field),
		cmocka_unit_test(test_a_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
