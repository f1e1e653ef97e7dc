/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket against clients that are mute, slow, garbled, greedy or too many. */
#include "cmd/ikectl/client.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG (1 << 20)

struct fixture {
	char dir[64], path[80];
	struct control *control;
	unsigned asked;
	char *big;	 /* what "big" is answered with */
	unsigned events; /* "events" waits for one */
};

static json_t *answer(void *arg, const json_t *request)
{
	struct fixture *f = arg;
	const char *command = json_string_value(json_object_get(request, "command"));

	f->asked++;
	if (command != NULL && strcmp(command, "big") == 0)
		return json_pack("{s:s}", "big", f->big);
	if (command != NULL && strcmp(command, "fail") == 0)
		return NULL;
	if (command != NULL && strcmp(command, "never") == 0)
		return json_null();
	if (command != NULL && strcmp(command, "events") == 0 && f->events == 0 &&
	    !json_is_false(json_object_get(request, "wait")))
		return json_null();
	if (command != NULL && strcmp(command, "events") == 0)
		return json_pack("{s:i}", "events", (int)f->events);
	return json_pack("{s:b, s:O}", "ok", 1, "echo", request);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct control_options o = { .path = f->path, .answer = answer, .arg = f };

	strcpy(f->dir, "/tmp/ikemesh-ctl-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/control.sock", f->dir);
	f->big = malloc(BIG + 1);
	memset(f->big, 'x', BIG);
	f->big[BIG] = '\0';
	*state = f;
	return control_open(&o, &f->control) != 0 || control_publish(f->control) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_close(f->control);
	/* Nothing stays behind, or this fails. */
	if (rmdir(f->dir) != 0)
		return -1;
	free(f->big);
	free(f);
	return 0;
}

static int client(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Serves for so long, or until nothing is to do. */
static void serve(struct fixture *f, int ms)
{
	struct pollfd p = { .fd = control_fd(f->control), .events = POLLIN };

	while (poll(&p, 1, ms) == 1)
		control_turn(f->control);
}

/* What has come so far; -1: nothing and still open, 0: closed. */
static ssize_t hear(int fd, char *out, size_t room)
{
	size_t n = 0;

	for (;;) {
		ssize_t now = recv(fd, out + n, room - 1 - n, MSG_DONTWAIT);

		if (now < 0 && errno == EAGAIN && n == 0)
			return -1;
		if (now <= 0)
			break;
		n += (size_t)now;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

static void test_a_question_is_answered_and_the_line_closed(void **state)
{
	struct fixture *f = *state;
	char text[256];
	int fd = client(f);

	say(fd, "{\"command\":\"hello\"}\n");
	serve(f, 10);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, "{\"ok\":true,\"echo\":{\"command\":\"hello\"}}\n");
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	close(fd);
}

static void test_only_the_owner_may_ask(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char temporary[96];

	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(temporary, sizeof(temporary), "%s.new", f->path);
	assert_int_not_equal(access(temporary, F_OK), 0);
}

static void test_a_question_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	char text[256];
	int fd = client(f);

	say(fd, "{\"command\":");
	serve(f, 10);
	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	say(fd, "\"hello\"}\nand more");
	serve(f, 10);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(f->asked, 1);
	close(fd);
}

static void test_garbage_is_told_what_is_expected(void **state)
{
	static const char *const garbage[] = { "\n",	     "GET / HTTP/1.1\r\n",  "[1]\n",
					       "{\"a\":1\n", "{\"a\":1,\"a\":2}\n", "\xff\xfe\n",
					       "{} {}\n" };
	struct fixture *f = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		int fd = client(f);

		say(fd, garbage[i]);
		serve(f, 10);
		assert_true(hear(fd, text, sizeof(text)) > 0);
		assert_non_null(strstr(text, "\"ok\":false"));
		close(fd);
	}
	assert_int_equal(f->asked, 0);
}

static void test_a_question_has_an_end(void **state)
{
	struct fixture *f = *state;
	char text[512], longest[CONTROL_REQUEST_MAX + 1];
	int fd = client(f);

	/* One octet too many. */
	memset(longest, ' ', sizeof(longest));
	longest[CONTROL_REQUEST_MAX] = '\0';
	say(fd, longest);
	serve(f, 10);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "longer than"));
	close(fd);
	/* Just so many. */
	memcpy(longest, "{}", 2);
	longest[CONTROL_REQUEST_MAX - 1] = '\n';
	fd = client(f);
	say(fd, longest);
	serve(f, 10);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(f->asked, 1);
	close(fd);
}

static void test_mute_and_trickling_clients_are_shown_the_door(void **state)
{
	struct fixture *f = *state;
	struct mono end = clock_after(clock_now(), (CONTROL_PATIENCE_S + 1) * CLOCK_SECOND);
	int mute = client(f), trickle = client(f);
	char text[16];

	while (clock_now().us < end.us) {
		/* A letter now and then is no progress: the line must come in time. */
		send(trickle, " ", 1, MSG_NOSIGNAL);
		serve(f, 100);
	}
	assert_int_equal(hear(mute, text, sizeof(text)), 0);
	assert_int_equal(hear(trickle, text, sizeof(text)), 0);
	close(mute);
	close(trickle);
}

static void test_a_client_that_does_not_read_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	int lazy = client(f), other;
	char text[256], *big = malloc(2 * BIG);
	size_t n = 0;

	say(lazy, "{\"command\":\"big\"}\n");
	serve(f, 10);
	other = client(f);
	say(other, "{\"command\":\"hello\"}\n");
	serve(f, 10);
	assert_true(hear(other, text, sizeof(text)) > 0);
	/* It reads at last, and gets everything. */
	for (int i = 0; i < 1000 && n < BIG + 11; i++) {
		ssize_t now = recv(lazy, big + n, 2 * BIG - n, MSG_DONTWAIT);

		if (now > 0)
			n += (size_t)now;
		serve(f, 1);
	}
	assert_int_equal(n, BIG + 11);
	close(lazy);
	close(other);
	free(big);
}

static void test_a_client_that_never_reads_is_dropped(void **state)
{
	struct fixture *f = *state;
	int lazy = client(f);
	char *big = malloc(2 * BIG);
	ssize_t n;

	say(lazy, "{\"command\":\"big\"}\n");
	serve(f, CONTROL_PATIENCE_S * 1000 + 500);
	n = hear(lazy, big, 2 * BIG);
	assert_true(n > 0 && n < BIG);
	assert_int_equal(hear(lazy, big, 2 * BIG), 0);
	close(lazy);
	free(big);
}

static void test_those_who_are_too_many_wait_and_then_have_their_turn(void **state)
{
	struct fixture *f = *state;
	int mute[CONTROL_CLIENTS], late;
	char text[256];

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		mute[i] = client(f);
		serve(f, 1);
	}
	late = client(f);
	say(late, "{\"command\":\"hello\"}\n");
	serve(f, 20);
	assert_int_equal(hear(late, text, sizeof(text)), -1);
	/* One leaves. */
	close(mute[7]);
	serve(f, 20);
	assert_true(hear(late, text, sizeof(text)) > 0);
	close(late);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (i != 7)
			close(mute[i]);
	}
	serve(f, 20);
}

static void assert_heard(int fd, const char *want)
{
	char text[64];

	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, want);
	close(fd);
}

static void test_a_client_may_wait_for_something_to_happen(void **state)
{
	struct fixture *f = *state;
	char text[16];
	int waits = client(f), leaves = client(f);

	say(waits, "{\"command\":\"events\"}\n");
	say(leaves, "{\"command\":\"events\"}\nand more");
	serve(f, 10);
	assert_int_equal(f->asked, 2);
	control_wake(f->control);
	serve(f, 10);
	assert_int_equal(hear(waits, text, sizeof(text)), -1);
	close(leaves);
	serve(f, 10);
	f->asked = 0;
	f->events = 7;
	control_wake(f->control);
	assert_int_equal(f->asked, 1);
	assert_heard(waits, "{\"events\":7}\n");
}

static void test_who_waits_in_vain_is_told_so(void **state)
{
	struct fixture *f = *state;
	char text[16];
	int waits = client(f), never = client(f);

	say(waits, "{\"command\":\"events\"}\n");
	say(never, "{\"command\":\"never\"}\n");
	serve(f, CONTROL_PATIENCE_S * 1000 + 500);
	assert_int_equal(hear(waits, text, sizeof(text)), -1);
	serve(f, (CONTROL_WAIT_S - CONTROL_PATIENCE_S) * 1000);
	assert_heard(waits, "{\"events\":0}\n");
	assert_int_equal(hear(never, text, sizeof(text)), 0);
	close(never);
}

/* However many wait, there are places for those who ask. */
static void test_not_all_may_wait(void **state)
{
	struct fixture *f = *state;
	int waits[CONTROL_WAITING], late;

	for (size_t i = 0; i < CONTROL_WAITING; i++) {
		waits[i] = client(f);
		say(waits[i], "{\"command\":\"events\"}\n");
	}
	serve(f, 20);
	late = client(f);
	say(late, "{\"command\":\"events\"}\n");
	serve(f, 10);
	assert_heard(late, "{\"events\":0}\n");
	f->events = 1;
	control_wake(f->control);
	for (size_t i = 0; i < CONTROL_WAITING; i++)
		assert_heard(waits[i], "{\"events\":1}\n");
}

static void test_no_memory_for_an_answer_closes(void **state)
{
	struct fixture *f = *state;
	char text[16];
	int fd = client(f);

	say(fd, "{\"command\":\"fail\"}\n");
	serve(f, 10);
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	close(fd);
}

/* ---- with ikectl's side of it ------------------------------------------------------------------
 */

static void *serve_thread(void *arg)
{
	serve(arg, 300);
	return NULL;
}

static void test_ikectl_asks_and_understands(void **state)
{
	struct fixture *f = *state;
	json_t *request = json_pack("{s:s}", "command", "big"), *document;
	char error[CLIENT_ERROR_LEN];
	pthread_t thread;
	int err;

	assert_int_equal(pthread_create(&thread, NULL, serve_thread, f), 0);
	document = client_ask(f->dir, request, &err, error);
	assert_non_null(document);
	assert_int_equal(err, 0);
	assert_int_equal(json_string_length(json_object_get(document, "big")), BIG);
	json_decref(document);
	json_decref(request);
	pthread_join(thread, NULL);
}

static void test_ikectl_says_what_to_do_without_a_daemon(void **state)
{
	struct fixture *f = *state;
	json_t *request = json_pack("{s:s}", "command", "version");
	char error[CLIENT_ERROR_LEN], deep[300];
	int err;

	assert_null(client_ask("/nonexistent", request, &err, error));
	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(error, "systemctl start ikemesh"));
	memset(deep, 'd', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	assert_null(client_ask(deep, request, &err, error));
	assert_int_equal(err, -ENAMETOOLONG);
	json_decref(request);
	(void)f;
}

/* ---- its name ---- */

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_the_name_comes_last_and_goes_with_it(void **state)
{
	char dir[] = "/tmp/ikemesh-ctl-XXXXXX", path[80];
	struct control_options o = { .path = path, .answer = answer };
	struct control *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	assert_int_equal(control_open(&o, &c), 0);
	assert_false(is_there(path));
	assert_int_equal(control_publish(c), 0);
	assert_true(is_there(path));
	control_close(c);
	assert_int_equal(rmdir(dir), 0); /* nothing stayed behind */

	/* Opened and never published: another's socket under that name stays. */
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(control_open(&o, &c), 0);
	control_close(c);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Told when it is opened, not when everything else stands. */
static void test_a_name_that_cannot_be_is_told_at_once(void **state)
{
	char dir[] = "/tmp/ikemesh-ctl-XXXXXX", path[CONTROL_PATH_LEN + 1];
	struct control_options o = { .path = path, .answer = answer };
	struct control *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	memset(path, 'x', CONTROL_PATH_LEN);
	path[CONTROL_PATH_LEN] = '\0';
	memcpy(path, dir, strlen(dir));
	path[strlen(dir)] = '/';
	assert_int_equal(control_open(&o, &c), -ENAMETOOLONG);
	path[CONTROL_PATH_LEN - 1] = '\0'; /* the longest there is */
	assert_int_equal(control_open(&o, &c), 0);
	assert_int_equal(control_publish(c), 0);
	assert_true(is_there(path));
	control_close(c);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(control_open(&o, &c), -EISDIR);
	assert_null(c);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(control_open(&o, &c), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(test_a_question_is_answered_and_the_line_closed),
		TEST(test_only_the_owner_may_ask),
		TEST(test_a_question_may_come_in_pieces),
		TEST(test_garbage_is_told_what_is_expected),
		TEST(test_a_question_has_an_end),
		TEST(test_mute_and_trickling_clients_are_shown_the_door),
		TEST(test_a_client_that_does_not_read_holds_nobody_up),
		TEST(test_a_client_that_never_reads_is_dropped),
		TEST(test_those_who_are_too_many_wait_and_then_have_their_turn),
		TEST(test_a_client_may_wait_for_something_to_happen),
		TEST(test_who_waits_in_vain_is_told_so),
		TEST(test_not_all_may_wait),
		TEST(test_no_memory_for_an_answer_closes),
		TEST(test_ikectl_asks_and_understands),
		TEST(test_ikectl_says_what_to_do_without_a_daemon),
		cmocka_unit_test(test_the_name_comes_last_and_goes_with_it),
		cmocka_unit_test(test_a_name_that_cannot_be_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
