/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State and sockets from one ikemeshd to the next. The program executes itself anew: the successor
 * is this program with an argument.
 */
#include "cmd/ikemeshd/fd_store.h"
#include "cmd/ikemeshd/handover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SUCCESSOR "--successor"

static uint8_t octet_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 256 * 31);
}

static void fill(struct handover *h, size_t octets)
{
	*h = (struct handover){ .generation = 7, .leaf = { 1, 2, 3 }, .sequence = 4 };
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		h->used[i] = -1;
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		h->sockets[i] = -1;
	assert_int_equal(sealing_new_key(&h->key), 0);
	assert_int_equal(secret_new(&h->state, octets), 0);
	for (size_t i = 0; i < octets; i++)
		h->state.p[i] = octet_at(i);
}

/* Reads it as somebody else would who has the same key. */
static int read_back(int fd, const struct handover *sent, struct handover *got, char *why)
{
	*got = (struct handover){ .key = sent->key, .used = { -1, -1 } };
	return handover_read(fd, got, why);
}

static void test_state_comes_through_once(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 65536, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct handover sent, got, again;
		char why[HANDOVER_TEXT_LEN];
		struct keepsake k;

		fill(&sent, sizes[i]);
		assert_int_equal(handover_write(&sent, &k), 0);
		assert_int_equal(read_back(k.fd, &sent, &got, why), 0);
		assert_string_equal(why, "");
		assert_int_equal(got.state.n, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(got.state.p, sent.state.p, sizes[i]);
		assert_int_equal(got.generation, 7);
		assert_memory_equal(got.leaf, sent.leaf, sizeof(got.leaf));
		assert_int_equal(got.sequence, 4);
		assert_int_equal(got.died, 0);
		got.used[0] = dup(k.fd);
		handover_used(&got);
		assert_int_equal(read_back(k.fd, &sent, &again, why), 0);
		assert_int_equal(again.state.n, 0);
		keepsake_close(&k);
		handover_wipe(&sent);
	}
}

/* Whoever dies over it has left a mark; and what kills all who take it is left alone at last. */
static void test_death_over_it_is_counted(void **state)
{
	struct handover sent;
	struct keepsake k;
	char why[HANDOVER_TEXT_LEN];
	unsigned deaths = 0;
	int err;

	(void)state;
	fill(&sent, 100);
	assert_int_equal(handover_write(&sent, &k), 0);
	for (err = 0; err == 0 && deaths < 100; deaths++) {
		struct handover got;

		err = read_back(k.fd, &sent, &got, why);
		if (err == 0) {
			assert_int_equal(got.state.n, 100);
			assert_int_equal(got.died, deaths);
			got.used[1] = k.fd;
			handover_begin(&got);
		}
		secret_free(&got.state);
	}
	assert_int_equal(err, -EINVAL);
	assert_in_range(deaths, 4, 10);
	assert_non_null(strstr(why, "died over it"));

	/* One that was used is not there, whoever begins. */
	assert_int_equal(ftruncate(k.fd, 0), 0);
	handover_begin(&(struct handover){ .used = { k.fd, -1 } });
	assert_int_equal(lseek(k.fd, 0, SEEK_END), 0);
	keepsake_close(&k);
	handover_wipe(&sent);
}

static void expect_refused(int fd, const struct handover *sent, const char *reason)
{
	struct handover got;
	char why[HANDOVER_TEXT_LEN];

	assert_true(read_back(fd, sent, &got, why) < 0);
	assert_non_null(strstr(why, reason));
	assert_int_equal(got.state.n, 0);
}

/*
 * Each octet of what is sealed counts, each of the head that tells what it is, and each that is
 * missing. (Who died, and whose certificate it was, anybody may say: see sealing.h.)
 */
static void test_damage_is_seen(void **state)
{
	static const struct {
		off_t at;
		const char *reason;
	} head[] = { { 3, "no state" }, { 20, "another version" }, { 30, "another boot" } };
	struct handover sent;
	struct keepsake k;
	uint8_t octet;
	off_t end;

	(void)state;
	fill(&sent, 100);
	assert_int_equal(handover_write(&sent, &k), 0);
	assert_int_equal(keepsake_append(&k, BYTES((const uint8_t *)"more", 4)), 0);
	end = lseek(k.fd, 0, SEEK_END);
	for (off_t i = 0; i < end - 104 + 3; i++) {
		const off_t at = i < 3 ? head[i].at : 104 + i - 3;

		assert_int_equal(pread(k.fd, &octet, 1, at), 1);
		octet ^= 4;
		assert_int_equal(pwrite(k.fd, &octet, 1, at), 1);
		expect_refused(k.fd, &sent, i < 3 ? head[i].reason : "damaged");
		octet ^= 4;
		assert_int_equal(pwrite(k.fd, &octet, 1, at), 1);
	}
	assert_int_equal(ftruncate(k.fd, end - 1), 0);
	expect_refused(k.fd, &sent, "cut off");
	keepsake_close(&k);
	handover_wipe(&sent);
}

/* Nothing of the state is to be seen in the file, and without its own key nobody reads it. */
static void test_sealed(void **state)
{
	const uint8_t record[] = "the keys of an IKE SA that was rekeyed";
	struct handover sent, other;
	struct keepsake k;
	uint8_t *file;
	off_t end;

	(void)state;
	fill(&sent, 100000);
	fill(&other, 0);
	assert_int_equal(handover_write(&sent, &k), 0);
	assert_int_equal(keepsake_append(&k, BYTES(record, sizeof(record))), 0);
	end = lseek(k.fd, 0, SEEK_END);
	file = malloc((size_t)end);
	assert_int_equal(pread(k.fd, file, (size_t)end, 0), end);
	assert_null(memmem(file, (size_t)end, record, 8));
	for (size_t i = 0; i + 8 <= sent.state.n; i += 997)
		assert_null(memmem(file, (size_t)end, sent.state.p + i, 8));
	free(file);
	expect_refused(k.fd, &other, "damaged");
	close(other.key);
	other.key = -1;
	expect_refused(k.fd, &other, "sealed with is not there");
	other.key = dup(0); /* no socket with a key in it */
	expect_refused(k.fd, &other, "sealed with is not there");
	keepsake_close(&k);

	/* The same state twice is not the same file. */
	struct keepsake again;
	uint8_t a[64], b[64];

	assert_int_equal(handover_write(&sent, &k), 0);
	assert_int_equal(handover_write(&sent, &again), 0);
	assert_int_equal(pread(k.fd, a, sizeof(a), 140), sizeof(a));
	assert_int_equal(pread(again.fd, b, sizeof(b), 140), sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	keepsake_close(&k);
	keepsake_close(&again);
	handover_wipe(&sent);
	handover_wipe(&other);
}

/* As the version before wrote it, in the clear. */
static int file_of_version(uint32_t version, const uint8_t *octets, size_t n)
{
	struct {
		char magic[17];
		uint32_t version;
		char boot_id[36];
		uint32_t generation;
		uint8_t leaf[20];
		uint8_t died;
		uint64_t sequence, octets;
	} head = { .magic = "ikemesh handover",
		   .version = version,
		   .generation = 7,
		   .died = 1,
		   .sequence = 12,
		   .octets = n };
	FILE *boot = fopen("/proc/sys/kernel/random/boot_id", "r");
	int fd = memfd_create("before", MFD_CLOEXEC);

	assert_int_equal(sizeof(head), 104);
	assert_int_equal(fread(head.boot_id, 1, sizeof(head.boot_id), boot), sizeof(head.boot_id));
	fclose(boot);
	assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
	assert_int_equal(write(fd, octets, n), n);
	return fd;
}

/* Of the version before: it is gone on from. Of one to come: refused, and started afresh. */
static void test_other_versions(void **state)
{
	struct handover before, got;
	char why[HANDOVER_TEXT_LEN];
	int fd;

	(void)state;
	fill(&before, 5000);
	fd = file_of_version(1, before.state.p, before.state.n);
	assert_int_equal(read_back(fd, &before, &got, why), 0);
	assert_int_equal(got.state.n, 5000);
	assert_memory_equal(got.state.p, before.state.p, 5000);
	assert_int_equal(got.generation, 7);
	assert_int_equal(got.died, 1);
	assert_int_equal(got.sequence, 12);
	secret_free(&got.state);
	close(fd);
	fd = file_of_version(3, before.state.p, before.state.n);
	expect_refused(fd, &before, "another version");
	close(fd);
	handover_wipe(&before);
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
	if (why[0] != '\0' || h.state.n != 5000 || h.state.p[300] != octet_at(300) ||
	    h.generation != 7)
		return 10;
	if (h.key < 0 || !h.key_stored)
		return 14;
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

/* As systemd and the guardian hand it on. */
static void hand_on(const struct handover *h, const struct keepsake *k, char **argv)
{
	struct fd_store s = { .n = 3,
			      .p = { { .fd = k->fd }, { .fd = h->key }, { .fd = h->sockets[0] } } };

	snprintf(s.p[0].name, sizeof(s.p[0].name), "%s", handover_state_name(k->sequence));
	snprintf(s.p[1].name, sizeof(s.p[1].name), HANDOVER_KEY_NAME);
	snprintf(s.p[2].name, sizeof(s.p[2].name), "%s", handover_socket_name(0));
	if (fd_store_hand(&s) == 0)
		execv("/proc/self/exe", argv);
}

static void test_executed_anew(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct keepsake k;
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
	assert_int_equal(handover_write(&h, &k), 0);
	snprintf(text, sizeof(text), "%u", port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[] = { "successor", SUCCESSOR, text, NULL };

		hand_on(&h, &k, argv);
		_exit(20);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	keepsake_close(&k);
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
	assert_true(h.key >= 0 && !h.key_stored); /* a new one */
	assert_int_equal(handover_store_key(&h), -ENOTCONN);
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

static void expect_heard(const struct manager *m, const char *what)
{
	char text[256];

	assert_int_equal(heard(m, text, sizeof(text)), -1);
	assert_string_equal(text, what);
}

/* The descriptor that it is to keep. */
static int expect_stored(const struct manager *m, const char *name)
{
	char text[256], expected[256];
	int fd = heard(m, text, sizeof(text));

	snprintf(expected, sizeof(expected), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	assert_string_equal(text, expected);
	assert_true(fd >= 0);
	return fd;
}

/*
 * What systemd was given grows with each step, and is whole at any moment: a step that is not
 * written to its end is not there.
 */
static void test_keepsake_grows(void **state)
{
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h, got;
	struct manager m;
	char why[HANDOVER_TEXT_LEN];
	int first, second;

	(void)state;
	manager_open(&m);
	fill(&h, 10);
	h.died = 1;
	assert_true(handover_can_keep());
	assert_int_equal(keepsake_begin(&k, &h), 0);
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	first = expect_stored(&m, "ikemesh-state-1");
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	for (uint8_t i = 0; i < 5; i++)
		assert_int_equal(keepsake_append(&k, BYTES(&i, 1)), 0);
	assert_int_equal(pwrite(k.fd, "half a step", 11, lseek(k.fd, 0, SEEK_END)), 11);
	assert_int_equal(read_back(first, &h, &got, why), 0);
	assert_int_equal(got.state.n, 15);
	assert_int_equal(got.died, 1);
	assert_int_equal(got.state.p[14], 4);
	assert_int_equal(got.sequence, 5);
	secret_free(&got.state);

	/* Another in its place: it is stored before the first is removed. */
	assert_int_equal(keepsake_begin(&k, &h), 0);
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	second = expect_stored(&m, "ikemesh-state-0");
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	assert_false(keepsake_is_long(&k));
	keepsake_drop(&k);
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	assert_int_equal(read_back(second, &h, &got, why), 0);
	assert_int_equal(got.state.n, 0);
	close(first);
	close(second);
	manager_close(&m);
	handover_wipe(&h);
}

/*
 * Who goes on has his own stored before that which he came from is emptied: killed in between, the
 * next one goes on from the later of the two.
 */
static void test_no_moment_without(void **state)
{
	struct keepsake before = KEEPSAKE_NONE, k = KEEPSAKE_NONE;
	struct handover h, taken, got;
	struct manager m;
	char why[HANDOVER_TEXT_LEN];
	int theirs, ours;

	(void)state;
	manager_open(&m);
	fill(&h, 10);
	assert_int_equal(handover_store_key(&h), 0);
	close(expect_stored(&m, HANDOVER_KEY_NAME));
	assert_int_equal(handover_store_key(&h), 0); /* once */
	assert_int_equal(keepsake_begin(&before, &h), 0);
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	theirs = expect_stored(&m, "ikemesh-state-1");
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	keepsake_close(&before); /* killed */

	assert_int_equal(read_back(theirs, &h, &taken, why), 0);
	taken.used[1] = dup(theirs);
	assert_int_equal(keepsake_begin(&k, &taken), 0);
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-0");
	ours = expect_stored(&m, "ikemesh-state-0");
	expect_heard(&m, "FDSTOREREMOVE=1\nFDNAME=ikemesh-state-1");
	assert_int_equal(read_back(theirs, &h, &got, why), 0);
	assert_int_equal(got.state.n, 10);
	assert_int_equal(got.sequence, 5);
	secret_free(&got.state);
	assert_int_equal(read_back(ours, &h, &got, why), 0);
	assert_int_equal(got.state.n, 10);
	assert_int_equal(got.sequence, 6);
	secret_free(&got.state);
	handover_used(&taken);
	assert_int_equal(lseek(theirs, 0, SEEK_END), 0);
	close(theirs);
	close(ours);
	keepsake_close(&k);
	manager_close(&m);
	handover_wipe(&h);
}

/* A step that cannot be written is told; another keepsake takes its place. */
static void test_keepsake_fails(void **state)
{
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h, got;
	struct manager m;
	char why[HANDOVER_TEXT_LEN], path[64];
	int fd;

	(void)state;
	manager_open(&m);
	fill(&h, 10);
	assert_int_equal(keepsake_begin(&k, &h), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", k.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(k.fd);
	k.fd = fd;
	assert_int_equal(keepsake_append(&k, BYTES((const uint8_t *)"x", 1)), -EBADF);
	assert_int_equal(keepsake_begin(&k, &h), 0);
	assert_int_equal(keepsake_append(&k, BYTES((const uint8_t *)"x", 1)), 0);
	assert_int_equal(read_back(k.fd, &h, &got, why), 0);
	assert_int_equal(got.state.n, 11);
	secret_free(&got.state);
	keepsake_close(&k);
	close(h.key);
	h.key = -1;
	assert_int_equal(keepsake_begin(&k, &h), -ENOKEY);
	assert_int_equal(k.fd, -1);
	manager_close(&m);
	handover_wipe(&h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_comes_through_once),
		cmocka_unit_test(test_death_over_it_is_counted),
		cmocka_unit_test(test_damage_is_seen),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_executed_anew),
		cmocka_unit_test(test_foreign_socket),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_keepsake_grows),
		cmocka_unit_test(test_no_moment_without),
		cmocka_unit_test(test_keepsake_fails),
	};

	if (argc == 3 && strcmp(argv[1], SUCCESSOR) == 0)
		return be_successor(argv[2]);
	unsetenv("NOTIFY_SOCKET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
