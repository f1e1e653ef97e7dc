/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket against clients that are mute, slow, garbled, greedy or too many. */
#include "cmd/ikectl/client.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG (1 << 20)
#define SLOW_MS 20
#define READERS 54321 /* the group that may look */
#define STRANGER 54322

struct fixture {
	char dir[64], path[80];
	struct control *control;
	unsigned asked;
	struct control_asker asker; /* the last one */
	char *big;		    /* what "big" is answered with */
	unsigned events;	    /* "events" waits for one */
};

static json_t *answer(const struct fixture *f, const json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));

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

static void ask(void *arg, const struct control_asker *asker, const json_t *request)
{
	struct fixture *f = arg;
	const char *command = json_string_value(json_object_get(request, "command"));
	struct timespec pause = { .tv_nsec = SLOW_MS * 1000000L };

	f->asked++;
	f->asker = *asker;
	if (command != NULL && strcmp(command, "later") == 0)
		return;
	if (command != NULL && strcmp(command, "slow") == 0)
		nanosleep(&pause, NULL);
	if (json_is_true(json_object_get(request, "shared")))
		control_share(asker->control, asker->ticket);
	control_answer(asker->control, asker->ticket, answer(f, request));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct control_options o = { .path = f->path, .group = READERS, .ask = ask, .arg = f };

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

static void test_the_owner_and_a_group_may_connect(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char temporary[96];

	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_gid, READERS);
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
	serve(f, 100);
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

static void take_all_places(struct fixture *f, int fds[static CONTROL_CLIENTS])
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		fds[i] = client(f);
		serve(f, 0);
	}
}

static void close_all(struct fixture *f, const int fds[static CONTROL_CLIENTS])
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	serve(f, 20);
}

static void test_those_who_are_too_many_wait_and_then_have_their_turn(void **state)
{
	struct fixture *f = *state;
	int mute[CONTROL_CLIENTS], late;
	char text[256];

	take_all_places(f, mute);
	late = client(f);
	say(late, "{\"command\":\"hello\"}\n");
	serve(f, 20);
	assert_int_equal(hear(late, text, sizeof(text)), -1);
	/* One leaves. */
	shutdown(mute[7], SHUT_RDWR);
	serve(f, 20);
	assert_true(hear(late, text, sizeof(text)) > 0);
	assert_int_equal(hear(mute[0], text, sizeof(text)), -1); /* is left in peace */
	close(late);
	close_all(f, mute);
}

static void test_the_mute_one_goes_whose_place_is_wanted(void **state)
{
	struct fixture *f = *state;
	int mute[CONTROL_CLIENTS], late;
	struct mono began;
	char text[256];

	take_all_places(f, mute);
	began = clock_now();
	late = client(f);
	say(late, "{\"command\":\"hello\"}\n");
	serve(f, CONTROL_GRACE_MS + 100);
	assert_true(hear(late, text, sizeof(text)) > 0);
	assert_true(clock_now().us - began.us < CONTROL_PATIENCE_S * CLOCK_SECOND);
	assert_int_equal(hear(mute[0], text, sizeof(text)), 0); /* the one that was there longest */
	assert_int_equal(hear(mute[1], text, sizeof(text)), -1);
	close(late);
	close_all(f, mute);
}

/* ---- a daemon that has much else to do ------------------------------------------------------ */

#define CROWD 100
#define FEW 24
#define HELLO "{\"command\":\"hello\"}\n"

static void all_say(const int *fds, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		say(fds[i], text);
}

static void assert_answered(int fd)
{
	char text[256];

	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"ok\":true"));
	close(fd);
}

/* Now, or soon: after an answer that took long, on a machine that has much to do, it rests. */
static void assert_all_answered(struct fixture *f, const int *fds, size_t n)
{
	const struct mono end = clock_after(clock_now(), 10 * CLOCK_SECOND);
	char octet;

	for (size_t i = 0; i < n; i++) {
		while (recv(fds[i], &octet, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN &&
		       clock_now().us < end.us)
			serve(f, 5);
		assert_answered(fds[i]);
	}
}

/* Its turns may be few and far between: how many are served is not for their number to say. */
static void test_a_crowd_is_served_in_a_few_turns(void **state)
{
	struct fixture *f = *state;
	int fds[CROWD];

	for (size_t i = 0; i < CROWD; i++)
		fds[i] = client(f);
	all_say(fds, CROWD, HELLO);
	for (int i = 0; i < 12; i++) {
		usleep(100 * 1000);
		control_turn(f->control);
	}
	for (size_t i = 0; i < CROWD; i++)
		assert_answered(fds[i]);
}

/* They have asked; that nobody looked is not their fault. */
static void test_who_asked_while_nobody_looked_is_answered(void **state)
{
	struct fixture *f = *state;
	int fds[CROWD];

	for (size_t i = 0; i < CROWD; i++)
		fds[i] = client(f);
	serve(f, 20);
	all_say(fds, CROWD, HELLO);
	usleep((CONTROL_PATIENCE_S * 1000 + 100) * 1000);
	serve(f, 20);
	assert_all_answered(f, fds, CROWD);
}

static void test_nobody_who_has_asked_makes_room(void **state)
{
	struct fixture *f = *state;
	int fds[CONTROL_CLIENTS], late[8];

	take_all_places(f, fds);
	usleep((CONTROL_GRACE_MS + 50) * 1000);
	for (size_t i = 0; i < 8; i++)
		late[i] = client(f); /* is what the daemon hears of first */
	all_say(fds, CONTROL_CLIENTS, HELLO);
	all_say(late, 8, HELLO);
	serve(f, 20);
	assert_all_answered(f, fds, CONTROL_CLIENTS);
	assert_all_answered(f, late, 8);
}

/* Reads what has come. */
static void sip(int fd, size_t *n)
{
	static char text[BIG];
	ssize_t got;

	while ((got = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
		*n += (size_t)got;
}

/* They read on until each has the whole of "big". Returns how many have. */
static size_t all_read(struct fixture *f, const int *fds, size_t count, size_t *n)
{
	const struct mono end = clock_after(clock_now(), 60 * CLOCK_SECOND);
	size_t whole = 0;

	while (whole < count && clock_now().us < end.us) {
		serve(f, 1);
		whole = 0;
		for (size_t i = 0; i < count; i++) {
			sip(fds[i], &n[i]);
			whole += n[i] == BIG + 11;
		}
	}
	return whole;
}

static void test_who_read_while_nobody_looked_gets_the_rest(void **state)
{
	struct fixture *f = *state;
	size_t n[FEW] = { 0 };
	int fds[FEW];
	char octet;

	for (size_t i = 0; i < FEW; i++) {
		fds[i] = client(f);
		say(fds[i], "{\"command\":\"big\",\"shared\":true}\n"); /* made at once */
	}
	for (size_t i = 0; i < FEW; i++) {
		while (recv(fds[i], &octet, 1, MSG_DONTWAIT | MSG_PEEK) < 0)
			serve(f, 1);
	}
	for (size_t i = 0; i < FEW; i++) {
		sip(fds[i], &n[i]);
		assert_in_range(n[i], 1, BIG);
	}
	usleep((CONTROL_PATIENCE_S * 1000 + 100) * 1000);
	assert_int_equal(all_read(f, fds, FEW, n), FEW);
	for (size_t i = 0; i < FEW; i++)
		close(fds[i]);
}

/* Who was given an answer and has not read it may be at work; who has not asked is not. */
static void test_who_has_not_asked_goes_before_who_reads(void **state)
{
	struct fixture *f = *state;
	int fds[CONTROL_CLIENTS], late[8];
	size_t n[8] = { 0 };
	char text[16];

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		fds[i] = client(f);
		if (i < 8)
			say(fds[i], "{\"command\":\"big\"}\n");
		serve(f, i < 8 ? 10 : 0);
	}
	for (size_t i = 0; i < 8; i++)
		late[i] = client(f);
	all_say(late, 8, HELLO);
	serve(f, CONTROL_GRACE_MS + 200);
	assert_all_answered(f, late, 8);
	assert_int_equal(hear(fds[8], text, sizeof(text)), 0);
	assert_int_equal(all_read(f, fds, 8, n), 8);
	close_all(f, fds);
}

/* More answers than there is memory for them: they are made as others are read, and none is lost.
 */
static void test_who_reads_on_loses_nothing_for_those_who_come(void **state)
{
	struct fixture *f = *state;
	size_t n[CROWD] = { 0 };
	char line[64];
	int fds[CROWD];

	for (size_t i = 0; i < CROWD; i++) {
		fds[i] = client(f);
		/* Each is a question of its own: no answer is shared. */
		snprintf(line, sizeof(line), "{\"command\":\"big\",\"shared\":true,\"i\":%zu}\n",
			 i);
		say(fds[i], line);
	}
	assert_int_equal(all_read(f, fds, CROWD, n), CROWD);
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
}

/* ---- answers that take long, or come later --------------------------------------------------- */

static void test_an_answer_may_come_later(void **state)
{
	struct fixture *f = *state;
	int first = client(f), second = client(f);
	struct control_asker asker;
	char text[256];

	say(first, "{\"command\":\"later\"}\n");
	serve(f, 10);
	asker = f->asker;
	assert_int_equal(hear(first, text, sizeof(text)), -1);
	say(second, "{\"command\":\"hello\"}\n"); /* nobody waits for it */
	serve(f, 10);
	assert_true(hear(second, text, sizeof(text)) > 0);
	control_answer(f->control, asker.ticket, json_pack("{s:b}", "ok", 1));
	serve(f, 10);
	assert_true(hear(first, text, sizeof(text)) > 0);
	assert_string_equal(text, "{\"ok\":true}\n");
	/* Its ticket is worth nothing now. */
	control_answer(f->control, asker.ticket, json_pack("{s:b}", "ok", 1));
	close(first);
	close(second);
}

static void test_who_has_gone_gets_no_answer(void **state)
{
	struct fixture *f = *state;
	int first = client(f), next;
	struct control_asker asker;
	char text[256];

	say(first, "{\"command\":\"later\"}\n");
	serve(f, 10);
	asker = f->asker;
	close(first);
	serve(f, 10);
	next = client(f); /* on its place */
	serve(f, 10);
	control_answer(f->control, asker.ticket, json_pack("{s:b}", "ok", 1));
	serve(f, 10);
	assert_int_equal(hear(next, text, sizeof(text)), -1);
	close(next);
}

static void test_who_asks_the_same_at_once_gets_the_same_answer(void **state)
{
	static const char line[] = "{\"command\":\"slow\",\"shared\":true}\n";
	struct fixture *f = *state;
	int fds[8], other;
	char text[256];

	other = client(f);
	say(other, "{\"command\":\"slow\"}\n");
	for (size_t i = 0; i < 8; i++) {
		fds[i] = client(f);
		say(fds[i], line);
	}
	serve(f, 5 * SLOW_MS);
	for (size_t i = 0; i < 8; i++) {
		assert_true(hear(fds[i], text, sizeof(text)) > 0);
		assert_non_null(strstr(text, "\"shared\":true"));
		close(fds[i]);
	}
	assert_true(hear(other, text, sizeof(text)) > 0);
	assert_null(strstr(text, "shared"));
	close(other);
	/* Those that had come before it was made: at most the first of them is alone. */
	assert_in_range(f->asked, 2, 3);
}

/* A loop that had nothing but slow answers to make would serve nobody else. */
static void test_half_of_the_time_belongs_to_others(void **state)
{
	struct fixture *f = *state;
	const struct mono began = clock_now();
	int64_t longest = 0, within = 0;
	int fds[8];

	for (size_t i = 0; i < 8; i++) {
		fds[i] = client(f);
		say(fds[i], "{\"command\":\"slow\"}\n");
	}
	while (f->asked < 8) {
		struct pollfd p = { .fd = control_fd(f->control), .events = POLLIN };
		struct mono from;

		assert_int_equal(poll(&p, 1, 1000), 1);
		from = clock_now();
		control_turn(f->control);
		within += clock_now().us - from.us;
		if (clock_now().us - from.us > longest)
			longest = clock_now().us - from.us;
	}
	/* The rest of the last one is not waited for here. */
	assert_true(clock_now().us - began.us > within * 3 / 2);
	assert_true(longest < 8 * SLOW_MS * 1000);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

/* ---- who may what -----------------------------------------------------------------------------
 */

static void test_rights(void **state)
{
	static const gid_t readers[] = { 5, READERS }, others[] = { 5, 6 };

	(void)state;
	assert_int_equal(rights_of(0, others, 2, 99, READERS), RIGHTS_ADMIN);
	assert_int_equal(rights_of(99, others, 2, 99, READERS), RIGHTS_ADMIN);
	assert_int_equal(rights_of(98, readers, 2, 99, READERS), RIGHTS_READ);
	assert_int_equal(rights_of(98, others, 2, 99, READERS), RIGHTS_NONE);
	assert_int_equal(rights_of(98, NULL, 0, 99, READERS), RIGHTS_NONE);
	/* No group is nobody's group. */
	assert_int_equal(rights_of(98, (const gid_t[]){ RIGHTS_NO_GROUP }, 1, 99, RIGHTS_NO_GROUP),
			 RIGHTS_NONE);
}

/* Connects as somebody else, asks, and exits with how often it was answered. */
static pid_t client_as(const struct fixture *f, uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	char text[256];
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	if (chmod(f->dir, 0711) != 0 || setgroups(n, groups) != 0 || setgid(gid) != 0 ||
	    setuid(uid) != 0)
		_exit(99);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	memcpy(a.sun_path, f->path, strlen(f->path) + 1);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		_exit(errno == EACCES ? 13 : 98);
	if (send(fd, "{}\n", 3, MSG_NOSIGNAL) != 3 || recv(fd, text, sizeof(text), 0) <= 0)
		_exit(97);
	_exit(strstr(text, "not allowed") != NULL ? 1 : 0);
}

static int outcome(struct fixture *f, pid_t pid)
{
	int status = -1;

	for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++)
		serve(f, 10);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_the_kernel_says_who_asks(void **state)
{
	static const gid_t readers[] = { 7, READERS };
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(outcome(f, client_as(f, STRANGER, READERS, NULL, 0)), 0);
	assert_int_equal(f->asker.rights, RIGHTS_READ);
	assert_int_equal(f->asker.uid, STRANGER);
	assert_int_equal(outcome(f, client_as(f, STRANGER, STRANGER, readers, 2)), 0);
	assert_int_equal(f->asker.rights, RIGHTS_READ);
	assert_int_equal(outcome(f, client_as(f, STRANGER, STRANGER, NULL, 0)), 13);
	assert_int_equal(outcome(f, client_as(f, 0, 0, NULL, 0)), 0);
	assert_int_equal(f->asker.rights, RIGHTS_ADMIN);
	assert_int_equal(f->asked, 3);
	/* Even if the file's mode let everybody in. */
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(outcome(f, client_as(f, STRANGER, STRANGER, NULL, 0)), 1);
	assert_int_equal(f->asked, 3);
}

/* Takes a place as somebody who may look, and is mute until its end of the pipe is closed. */
static pid_t occupant(const struct fixture *f, const int go[2])
{
	pid_t pid = fork();
	char text[256];
	int fds[CONTROL_CLIENTS];

	if (pid != 0)
		return pid;
	close(go[1]);
	if (setgroups(0, NULL) != 0 || setgid(READERS) != 0 || setuid(STRANGER) != 0)
		_exit(99);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		memcpy(a.sun_path, f->path, strlen(f->path) + 1);
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fds[i], (struct sockaddr *)&a, sizeof(a)) != 0)
			_exit(98);
		if (send(fds[i], "{\"command\":\"later\"}\n", 20, MSG_NOSIGNAL) != 20)
			_exit(97);
	}
	(void)!read(go[0], text, sizeof(text));
	_exit(0);
}

/* Those who may look wait for answers on all places: none is stale, and root gets in all the same.
 */
static void test_root_always_gets_in(void **state)
{
	struct fixture *f = *state;
	int go[2], root;
	char text[256];
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->dir, 0711), 0);
	assert_int_equal(pipe(go), 0);
	pid = occupant(f, go);
	for (int i = 0; i < 500 && f->asked < CONTROL_CLIENTS; i++)
		serve(f, 10);
	assert_int_equal(f->asked, CONTROL_CLIENTS);
	root = client(f);
	say(root, "{\"command\":\"hello\"}\n");
	serve(f, 20);
	assert_true(hear(root, text, sizeof(text)) > 0);
	/* And another of theirs is told that there is no place for it. */
	assert_int_equal(outcome(f, client_as(f, STRANGER, READERS, NULL, 0)), 0);
	close(go[0]);
	close(go[1]);
	assert_int_equal(outcome(f, pid), 0);
	close(root);
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

/* What happens meanwhile and is not what it waits for does not make it wait for longer. */
static void test_who_waits_in_vain_is_told_so_however_much_happens(void **state)
{
	struct fixture *f = *state;
	int waits = client(f);

	say(waits, "{\"command\":\"events\"}\n");
	for (int ms = 0; ms < CONTROL_WAIT_S * 1000 + 500; ms += 100) {
		serve(f, 100);
		control_wake(f->control);
	}
	assert_true(f->asked > CONTROL_WAIT_S);
	assert_heard(waits, "{\"events\":0}\n");
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

/* What somebody asked for is repeated to him, however long it is. */
static void test_an_error_is_cut_between_characters(void **state)
{
	char asked[1024] = "";

	(void)state;
	for (size_t ascii = 0; ascii < 4; ascii++) {
		json_t *error;
		const char *text;

		memset(asked, 'a', ascii);
		for (size_t n = ascii; n + 3 < sizeof(asked); n += 3)
			memcpy(asked + n, "\xe2\x82\xac", 4);
		error = control_error("%s", asked);
		assert_non_null(error);
		text = json_string_value(json_object_get(error, "error"));
		assert_true(strlen(text) > 500);
		assert_memory_equal(text, asked, strlen(text));
		json_decref(error);
	}
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
	struct control_options o = { .path = path, .group = RIGHTS_NO_GROUP, .ask = ask };
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
	struct control_options o = { .path = path, .group = RIGHTS_NO_GROUP, .ask = ask };
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
		TEST(test_the_owner_and_a_group_may_connect),
		TEST(test_a_question_may_come_in_pieces),
		TEST(test_garbage_is_told_what_is_expected),
		TEST(test_a_question_has_an_end),
		TEST(test_mute_and_trickling_clients_are_shown_the_door),
		TEST(test_a_client_that_does_not_read_holds_nobody_up),
		TEST(test_a_client_that_never_reads_is_dropped),
		TEST(test_those_who_are_too_many_wait_and_then_have_their_turn),
		TEST(test_the_mute_one_goes_whose_place_is_wanted),
		TEST(test_a_crowd_is_served_in_a_few_turns),
		TEST(test_who_asked_while_nobody_looked_is_answered),
		TEST(test_nobody_who_has_asked_makes_room),
		TEST(test_who_read_while_nobody_looked_gets_the_rest),
		TEST(test_who_has_not_asked_goes_before_who_reads),
		TEST(test_who_reads_on_loses_nothing_for_those_who_come),
		TEST(test_a_client_may_wait_for_something_to_happen),
		TEST(test_who_waits_in_vain_is_told_so),
		TEST(test_who_waits_in_vain_is_told_so_however_much_happens),
		TEST(test_not_all_may_wait),
		TEST(test_no_memory_for_an_answer_closes),
		TEST(test_an_answer_may_come_later),
		TEST(test_who_has_gone_gets_no_answer),
		TEST(test_who_asks_the_same_at_once_gets_the_same_answer),
		TEST(test_half_of_the_time_belongs_to_others),
		cmocka_unit_test(test_an_error_is_cut_between_characters),
		cmocka_unit_test(test_rights),
		TEST(test_the_kernel_says_who_asks),
		TEST(test_root_always_gets_in),
		TEST(test_ikectl_asks_and_understands),
		TEST(test_ikectl_says_what_to_do_without_a_daemon),
		cmocka_unit_test(test_the_name_comes_last_and_goes_with_it),
		cmocka_unit_test(test_a_name_that_cannot_be_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
