/* SPDX-License-Identifier: Apache-2.0 */
/* ikemesh-exporter: what it answers by HTTP, how often it asks the daemon, and whom it lets wait.
 */
#include "cmd/ikemesh-exporter/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_LEN 65536

/* ---- a daemon of straw ---------------------------------------------------------------------- */

struct straw {
	char dir[32];
	pid_t pid;
	volatile unsigned *asked; /* shared with it */
};

static void straw_serve(int listener, const char *answer, volatile unsigned *asked)
{
	for (;;) {
		char line[256];
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || read(fd, line, sizeof(line)) <= 0)
			_exit(1);
		++*asked;
		if (answer == NULL) {
			pause(); /* mute */
		} else if (write(fd, answer, strlen(answer)) < 0) {
			_exit(1);
		}
		close(fd);
	}
}

/* answer NULL: it says nothing. */
static void straw_start(struct straw *s, const char *answer)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(s->dir, "/tmp/exporter-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->asked = mmap(NULL, sizeof(*s->asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_true(s->asked != MAP_FAILED);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/control.sock", s->dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		straw_serve(fd, answer, s->asked);
	close(fd);
}

static void straw_end(struct straw *s)
{
	char path[64];

	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap((void *)s->asked, sizeof(*s->asked));
	snprintf(path, sizeof(path), "%s/control.sock", s->dir);
	unlink(path);
	rmdir(s->dir);
}

/* ---- a scraper ------------------------------------------------------------------------------ */

struct rig {
	struct source *source;
	struct http *http;
	uint16_t port;
};

static void rig_start(struct rig *r, const char *run_dir)
{
	struct endpoint at = { .ip = ip_v4(127, 0, 0, 1) };

	r->source = source_new(run_dir);
	assert_non_null(r->source);
	for (at.port = 29500; http_open(&at, r->source, &r->http) == -EADDRINUSE; at.port++)
		assert_true(at.port < 29600);
	assert_non_null(r->http);
	r->port = at.port;
}

static void rig_end(struct rig *r)
{
	http_close(r->http);
	source_free(r->source);
}

static int visit(const struct rig *r)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(r->port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Turns the exporter until this one was answered, and shown out. */
static void hear(struct rig *r, int fd, char out[static TEXT_LEN])
{
	size_t n = 0;

	for (;;) {
		ssize_t now = recv(fd, out + n, TEXT_LEN - 1 - n, MSG_DONTWAIT);

		if (now == 0 || (now < 0 && errno != EAGAIN))
			break;
		n += now > 0 ? (size_t)now : 0;
		http_turn(r->http, source_now_ms());
	}
	out[n] = '\0';
	close(fd);
}

static void ask(struct rig *r, const char *request, char out[static TEXT_LEN])
{
	int fd = visit(r);

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	hear(r, fd, out);
}

static void get(struct rig *r, const char *path, char out[static TEXT_LEN])
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	ask(r, request, out);
}

static void assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %.600s", part, text);
}

#define GOOD "{\"format\":\"ikemesh-metrics/1\",\"half_open\":3}\n"

/* ---- the tests ------------------------------------------------------------------------------ */

static void test_requests(void **state)
{
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	get(&r, "/metrics", text);
	assert_says(text, "HTTP/1.1 200 ");
	assert_says(text, "Content-Type: text/plain; version=0.0.4");
	assert_says(text, "\nikemesh_up 1\n");
	assert_says(text, "\nikemesh_half_open_ike_sas 3\n");
	get(&r, "/metrics?name=x", text);
	assert_says(text, "\nikemesh_up 1\n");
	ask(&r,
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;version=1.0.0"
	    ",text/plain;version=0.0.4;q=0.5\r\n\r\n",
	    text);
	assert_says(text, "Content-Type: application/openmetrics-text; version=1.0.0");
	assert_says(text, "\n# EOF\n");
	ask(&r, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_says(text, "HTTP/1.1 200 ");
	assert_null(strstr(text, "ikemesh_up"));
	get(&r, "/-/healthy", text);
	assert_says(text, "HTTP/1.1 200 ");
	rig_end(&r);
	straw_end(&s);
}

static void test_what_is_not_there(void **state)
{
	static const char *const paths[] = { "/",	    "/metrics/", "/metric",
					     "/../metrics", "//metrics", "/-/reload" };
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(&r, paths[i], text);
		assert_says(text, "HTTP/1.1 404 ");
	}
	ask(&r, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc", text);
	assert_says(text, "HTTP/1.1 405 ");
	assert_says(text, "Allow: GET, HEAD");
	ask(&r, "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", text);
	assert_says(text, "HTTP/1.1 405 ");
	ask(&r, "nonsense\r\n\r\n", text);
	assert_null(strstr(text, "ikemesh_up"));
	assert_int_equal(*s.asked, 0); /* none of this was asked of the daemon */
	get(&r, "/metrics", text);
	assert_says(text, "ikemesh_exporter_requests_total{code=\"404\"} 6\n");
	assert_says(text, "ikemesh_exporter_requests_total{code=\"405\"} 2\n");
	rig_end(&r);
	straw_end(&s);
}

/* However many ask, in whatever format: the daemon is asked once a second. */
static void test_one_question_for_all(void **state)
{
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;
	size_t n;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	const int64_t begun = source_now_ms();
	for (int i = 0; i < 50; i++)
		get(&r, "/metrics", text);
	const int64_t took = source_now_ms() - begun;
	assert_in_range(*s.asked, 1, 1 + took / SOURCE_FRESH_MS);
	/* The same by a clock that we move. */
	const int64_t later = source_now_ms() + SOURCE_FRESH_MS;
	const unsigned asked = *s.asked;
	assert_non_null(source_text(r.source, FORMAT_OPENMETRICS, later, &n));
	assert_int_equal(*s.asked, asked + 1);
	rig_end(&r);
	straw_end(&s);
}

static void test_no_daemon(void **state)
{
	char text[TEXT_LEN];
	struct rig r;

	(void)state;
	rig_start(&r, "/nonexistent");
	get(&r, "/metrics", text);
	assert_says(text, "HTTP/1.1 200 ");
	assert_says(text, "\nikemesh_up 0\n");
	rig_end(&r);
}

/* One that takes the question and never answers. */
static void test_mute_daemon(void **state)
{
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;
	int64_t begun;

	(void)state;
	straw_start(&s, NULL);
	rig_start(&r, s.dir);
	begun = source_now_ms();
	get(&r, "/metrics", text);
	assert_says(text, "\nikemesh_up 0\n");
	assert_in_range(source_now_ms() - begun, SOURCE_PATIENCE_MS - 50,
			2 * SOURCE_PATIENCE_MS + 500);
	/* And the next one does not wait for it again. */
	begun = source_now_ms();
	get(&r, "/metrics", text);
	assert_says(text, "\nikemesh_up 0\n");
	assert_in_range(source_now_ms() - begun, 0, SOURCE_PATIENCE_MS / 2);
	rig_end(&r);
	straw_end(&s);
}

/* What a daemon of another version, or nobody of ours, may say. */
static void test_strange_answers(void **state)
{
	static const char *const answers[] = {
		"nonsense\n",
		"[]\n",
		"{}\n",
		"\n",
		"{\"ok\":false,\"error\":\"this daemon knows no such command\"}\n",
		"{\"format\":\"ikemesh-metrics/2\",\"half_open\":3}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char text[TEXT_LEN];
		struct straw s;
		struct rig r;

		straw_start(&s, answers[i]);
		rig_start(&r, s.dir);
		get(&r, "/metrics", text);
		assert_says(text, "\nikemesh_up 0\n");
		rig_end(&r);
		straw_end(&s);
	}
}

/* Who says nothing, or only half of it, leaves in time, and has others asked meanwhile. */
static void test_laggards_leave(void **state)
{
	int fds[HTTP_MUTE];
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	for (size_t i = 0; i < HTTP_MUTE; i++) {
		fds[i] = visit(&r);
		if (i % 2 == 0)
			assert_true(send(fds[i], "GET /metr", 9, 0) == 9);
		http_turn(r.http, source_now_ms());
	}
	assert_in_range(http_timeout_ms(r.http, source_now_ms()), 1, HTTP_HEAD_MS);
	get(&r, "/-/healthy", text);
	assert_says(text, " 200 ");
	/* Now their time is over. */
	for (int i = 0; i < 10; i++)
		http_turn(r.http, source_now_ms() + HTTP_HEAD_MS + 1);
	for (size_t i = 0; i < HTTP_MUTE; i++) {
		assert_true(recv(fds[i], text, sizeof(text), MSG_DONTWAIT) == 0);
		close(fds[i]);
	}
	rig_end(&r);
	straw_end(&s);
}

/* However many are mute, of one address and at once: who asks is answered, and stays for it. */
static void test_the_mute_hold_no_places(void **state)
{
	static const char half[] = "GET /-/healthy HTTP/1.0\r\n";
	int fds[4 * HTTP_CONNECTIONS], slow;
	char text[TEXT_LEN];
	struct straw s;
	struct rig r;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	for (size_t i = 0; i < 4 * HTTP_CONNECTIONS; i++) {
		fds[i] = visit(&r);
		http_turn(r.http, source_now_ms());
		http_turn(r.http, source_now_ms());
		if (i % 8 != 0)
			continue;
		get(&r, "/-/healthy", text);
		assert_says(text, " 200 ");
	}
	/* The first ones had to go, the last ones are left in peace. */
	assert_int_equal(recv(fds[0], text, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fds[4 * HTTP_CONNECTIONS - 1], text, 1, MSG_DONTWAIT), -1);
	slow = visit(&r);
	assert_int_equal(send(slow, half, strlen(half), 0), strlen(half));
	http_turn(r.http, source_now_ms());
	http_turn(r.http, source_now_ms() + HTTP_HEAD_MS - 1000);
	assert_int_equal(send(slow, "\r\n", 2, 0), 2);
	hear(&r, slow, text);
	assert_says(text, " 200 ");
	for (size_t i = 0; i < 4 * HTTP_CONNECTIONS; i++)
		close(fds[i]);
	rig_end(&r);
	straw_end(&s);
}

static void assert_listen(const char *answer, int err, const char *at)
{
	char text[LISTEN_TEXT_LEN] = "";
	struct endpoint e;
	struct source *src;
	const char *why;
	struct straw s;

	straw_start(&s, answer);
	src = source_new(s.dir);
	assert_int_equal(source_listen(src, &e, &why), err);
	if (e.port != 0)
		listen_text(&e, text);
	assert_string_equal(text, at);
	assert_true(err == 0 || why[0] != '\0');
	source_free(src);
	straw_end(&s);
}

/* No more descriptors than there are. Returns what the limit was. */
static struct rlimit no_descriptor(void)
{
	const int lowest = dup(STDERR_FILENO);
	struct rlimit was, none;

	assert_true(lowest >= 0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return was;
}

/* As the exporter's loop does it, for so long; how often it was woken. */
static unsigned turns_within(struct rig *r, int64_t ms)
{
	const int64_t until = source_now_ms() + ms;
	unsigned turns = 0;
	int64_t now;

	while ((now = source_now_ms()) < until) {
		struct pollfd p = { .fd = http_fd(r->http), .events = POLLIN };
		int wait = http_timeout_ms(r->http, now);

		poll(&p, 1, wait < 0 || wait > until - now ? (int)(until - now) : wait);
		http_turn(r->http, source_now_ms());
		turns++;
	}
	return turns;
}

/* Who comes cannot be let in: nobody turns in circles for it, and in the end it is answered. */
static void test_without_descriptors(void **state)
{
	static const char request[] = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
	char text[TEXT_LEN];
	struct rlimit was;
	struct straw s;
	struct rig r;
	unsigned turns;
	int fd;

	(void)state;
	straw_start(&s, GOOD);
	rig_start(&r, s.dir);
	get(&r, "/-/healthy", text);
	fd = visit(&r);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	was = no_descriptor();
	turns = turns_within(&r, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	print_message("%u turns in a second\n", turns);
	assert_true(turns < 50);
	hear(&r, fd, text);
	assert_says(text, "HTTP/1.1 200 ");
	rig_end(&r);
	straw_end(&s);
}

static void test_where_to_listen(void **state)
{
	struct source *src = source_new("/nonexistent");
	struct endpoint e;
	const char *why;

	(void)state;
	assert_listen("{\"listen\":null}\n", 0, "");
	assert_listen("{\"listen\":\"127.0.0.1:9500\"}\n", 0, "127.0.0.1:9500");
	assert_listen("{\"listen\":\"[::1]:9500\"}\n", 0, "[::1]:9500");
	assert_listen("{\"listen\":\"everywhere\"}\n", -EPROTO, "");
	assert_listen("{\"ok\":false,\"error\":\"this daemon knows no such command\"}\n", -EPROTO,
		      "");
	assert_int_equal(source_listen(src, &e, &why), -ENOENT);
	assert_says(why, "no daemon answers");
	source_free(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_what_is_not_there),
		cmocka_unit_test(test_one_question_for_all),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_mute_daemon),
		cmocka_unit_test(test_strange_answers),
		cmocka_unit_test(test_laggards_leave),
		cmocka_unit_test(test_the_mute_hold_no_places),
		cmocka_unit_test(test_without_descriptors),
		cmocka_unit_test(test_where_to_listen),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
