/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State and sockets from one ikemeshd to the next. The program executes itself anew: the successor
 * is this program with an argument.
 */
#include "cmd/ikemeshd/handover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SUCCESSOR "--successor"

static void fill(struct handover *h, size_t octets)
{
	*h = (struct handover){ .generation = 7, .leaf = { 1, 2, 3 }, .sequence = 4 };
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		h->used[i] = -1;
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		h->sockets[i] = -1;
	assert_int_equal(secret_new(&h->state, octets), 0);
	for (size_t i = 0; i < octets; i++)
		h->state.p[i] = (uint8_t)(i * 7);
}

static void test_state_comes_through_once(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct handover sent, got = { 0 }, again = { 0 };
		char why[HANDOVER_TEXT_LEN];
		int fd;

		fill(&sent, sizes[i]);
		assert_int_equal(handover_write(&sent, &fd), 0);
		assert_int_equal(handover_read(fd, &got, why), 0);
		assert_string_equal(why, "");
		assert_int_equal(got.state.n, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(got.state.p, sent.state.p, sizes[i]);
		assert_int_equal(got.generation, 7);
		assert_memory_equal(got.leaf, sent.leaf, sizeof(got.leaf));
		assert_int_equal(got.sequence, 4);
		assert_int_equal(got.died, 0);
		got.used[0] = dup(fd);
		got.used[1] = -1;
		handover_used(&got);
		assert_int_equal(handover_read(fd, &again, why), 0);
		assert_int_equal(again.state.n, 0);
		close(fd);
		secret_free(&sent.state);
	}
}

/* Whoever dies over it has left a mark; and what kills all who take it is left alone at last. */
static void test_death_over_it_is_counted(void **state)
{
	struct handover sent;
	char why[HANDOVER_TEXT_LEN];
	unsigned deaths = 0;
	int fd, err;

	(void)state;
	fill(&sent, 100);
	assert_int_equal(handover_write(&sent, &fd), 0);
	for (err = 0; err == 0 && deaths < 100; deaths++) {
		struct handover got = { .used = { -1, fd } };

		err = handover_read(fd, &got, why);
		if (err == 0) {
			assert_int_equal(got.state.n, 100);
			assert_int_equal(got.died, deaths);
			handover_begin(&got);
		}
		secret_free(&got.state);
	}
	assert_int_equal(err, -EINVAL);
	assert_in_range(deaths, 4, 10);
	assert_non_null(strstr(why, "died over it"));

	/* One that was used is not there, whoever begins. */
	assert_int_equal(ftruncate(fd, 0), 0);
	handover_begin(&(struct handover){ .used = { fd, -1 } });
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	secret_free(&sent.state);
}

/* Each octet of the envelope counts, and each that is missing. */
static void test_damage_is_seen(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct handover sent, got = { 0 };
		char why[HANDOVER_TEXT_LEN];
		const off_t at[] = { 3, 20, 30 }; /* magic, version, boot */
		uint8_t octet;
		off_t end;
		int fd;

		fill(&sent, 100);
		assert_int_equal(handover_write(&sent, &fd), 0);
		end = lseek(fd, 0, SEEK_END);
		if (what < 3) {
			assert_int_equal(pread(fd, &octet, 1, at[what]), 1);
			octet ^= 1;
			assert_int_equal(pwrite(fd, &octet, 1, at[what]), 1);
		} else {
			assert_int_equal(ftruncate(fd, end - 1), 0);
		}
		assert_true(handover_read(fd, &got, why) < 0);
		assert_true(strlen(why) > 0);
		assert_int_equal(got.state.n, 0);
		close(fd);
		secret_free(&sent.state);
	}
}

static int bound_socket(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* A datagram that came while nobody was there is still there for the successor. */
static int be_successor(const char *port)
{
	struct handover h;
	char why[HANDOVER_TEXT_LEN], got[8] = "";
	struct udp_options o = { .port = (uint16_t)atoi(port), .port_natt = 0 };
	struct udp *u;
	char error[UDP_ERROR_LEN];

	handover_take(&h, why);
	if (why[0] != '\0' || h.state.n != 5000 || h.state.p[10] != 70 || h.generation != 7)
		return 10;
	if (h.sockets[0] < 0 || h.sockets[1] >= 0 || getenv("LISTEN_FDS") != NULL)
		return 11;
	if (recv(h.sockets[0], got, sizeof(got), MSG_DONTWAIT) != 5 || strcmp(got, "hello") != 0)
		return 12;
	o.adopted = h.sockets;
	if (udp_open(&o, &u, error) != 0 || h.sockets[0] != -1)
		return 13;
	udp_close(u);
	handover_wipe(&h);
	return 0;
}

static void test_executed_anew(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct handover h;
	uint16_t port;
	int status = 0;
	pid_t pid;
	char text[8];

	(void)state;
	fill(&h, 5000);
	h.sockets[0] = bound_socket(&port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port);
	assert_int_equal(sendto(h.sockets[0], "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)),
			 5);
	snprintf(text, sizeof(text), "%u", port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[] = { "successor", SUCCESSOR, text, NULL };

		handover_exec(&h, "/proc/self/exe", argv);
		_exit(20);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	handover_wipe(&h);
}

/* A program that is not there: everything is as before. */
static void test_not_executed(void **state)
{
	char *argv[] = { "nobody", NULL };
	struct handover h;
	uint16_t port, same;
	struct sockaddr_in a = { 0 };
	socklen_t n = sizeof(a);
	int at_three = dup(0);

	(void)state;
	fill(&h, 10);
	h.sockets[2] = bound_socket(&port);
	assert_int_equal(handover_exec(&h, "/nowhere/ikemeshd", argv), -ENOENT);
	assert_int_equal(getsockname(h.sockets[2], (struct sockaddr *)&a, &n), 0);
	same = ntohs(a.sin_port);
	assert_int_equal(same, port);
	assert_null(getenv("LISTEN_FDS"));
	assert_int_equal(h.state.n, 10);
	close(at_three);
	handover_wipe(&h);
}

/* A descriptor that is not what it is called is left alone, and a socket of our own opened. */
static void test_foreign_socket(void **state)
{
	uint16_t port;
	int adopted[UDP_SOCKETS] = { -1, -1, -1, -1 };
	struct udp_options o = { .adopted = adopted };
	char error[UDP_ERROR_LEN];
	struct udp *u;

	(void)state;
	adopted[0] = bound_socket(&port);
	o.port = (uint16_t)(port ^ 1);
	if (udp_open(&o, &u, error) != 0)
		skip(); /* somebody has that port */
	assert_true(adopted[0] >= 0);
	udp_close(u);
	close(adopted[0]);
}

static void test_nothing_there(void **state)
{
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h;
	char why[HANDOVER_TEXT_LEN];

	(void)state;
	handover_take(&h, why);
	assert_string_equal(why, "");
	assert_int_equal(h.state.n, 0);
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		assert_int_equal(h.sockets[i], -1);
	assert_int_equal(handover_store_sockets(h.sockets), 0);
	handover_wipe(&h);
	fill(&h, 3);
	assert_false(handover_can_keep()); /* no systemd started us */
	assert_int_equal(keepsake_begin(&k, &h), -ENOTCONN);
	assert_int_equal(k.fd, -1);
	handover_wipe(&h);
}

/* ---- a service manager that keeps descriptors ---------------------------------------------- */

#define STORE "/tmp/ikemesh-test-notify"

struct manager {
	int fd;
	char path[64];
};

static void manager_open(struct manager *m)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(m->path, sizeof(m->path), STORE "-%d", (int)getpid());
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", m->path);
	unlink(m->path);
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", m->path, 1);
}

static void manager_close(struct manager *m)
{
	close(m->fd);
	unlink(m->path);
	unsetenv("NOTIFY_SOCKET");
}

/* The next message, and the descriptor that came with it, or -1. */
static int heard(const struct manager *m, char *text, size_t room)
{
	union {
		char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec data = { .iov_base = text, .iov_len = room - 1 };
	struct msghdr h = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(m->fd, &h, MSG_CMSG_CLOEXEC);
	int fd = -1;

	text[n > 0 ? n : 0] = '\0';
	for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL; c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/*
 * What systemd was given grows with each step, and is whole at any moment: a step that is not
 * written to its end is not there.
 */
static void test_keepsake_grows(void **state)
{
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h, got = { 0 };
	struct manager m;
	char text[256], why[HANDOVER_TEXT_LEN];
	int first, second;

	(void)state;
	manager_open(&m);
	fill(&h, 10);
	h.died = 1;
	assert_true(handover_can_keep());
	assert_int_equal(keepsake_begin(&k, &h), 0);
	first = heard(&m, text, sizeof(text));
	assert_true(first >= 0);
	assert_non_null(strstr(text, "FDSTORE=1\nFDNAME=ikemesh-state-1\nFDPOLL=0"));
	for (uint8_t i = 0; i < 5; i++)
		assert_int_equal(keepsake_append(&k, BYTES(&i, 1)), 0);
	assert_int_equal(pwrite(k.fd, "half a step", 11, lseek(k.fd, 0, SEEK_END)), 11);
	assert_int_equal(handover_read(first, &got, why), 0);
	assert_int_equal(got.state.n, 15);
	assert_int_equal(got.died, 1);
	assert_int_equal(got.state.p[14], 4);
	assert_int_equal(got.sequence, 5);
	secret_free(&got.state);

	/* Another in its place: it is stored before the first is removed. */
	assert_int_equal(keepsake_begin(&k, &h), 0);
	second = heard(&m, text, sizeof(text));
	assert_true(second >= 0);
	assert_non_null(strstr(text, "FDNAME=ikemesh-state-0"));
	assert_int_equal(heard(&m, text, sizeof(text)), -1);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	assert_false(keepsake_is_long(&k));
	keepsake_drop(&k);
	assert_int_equal(heard(&m, text, sizeof(text)), -1);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	assert_int_equal(handover_read(second, &got, why), 0);
	assert_int_equal(got.state.n, 0);
	close(first);
	close(second);
	manager_close(&m);
	handover_wipe(&h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_comes_through_once),
		cmocka_unit_test(test_death_over_it_is_counted),
		cmocka_unit_test(test_damage_is_seen),
		cmocka_unit_test(test_executed_anew),
		cmocka_unit_test(test_not_executed),
		cmocka_unit_test(test_foreign_socket),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_keepsake_grows),
	};

	if (argc == 3 && strcmp(argv[1], SUCCESSOR) == 0)
		return be_successor(argv[2]);
	unsetenv("NOTIFY_SOCKET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
