/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process, with this very program as keyholder and engine: what each is handed, and that
 * an engine that leaves its descriptors, or dies, has a successor under the same guardian.
 */
#include "cmd/ikemeshd/fd_store.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/notify.h"
#include "cmd/ikemeshd/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the store ------------------------------------------------------------------------------- */

static int some_fd(void)
{
	int fd = memfd_create("some", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_what_is_kept(void **state)
{
	struct fd_store s = { 0 };
	int a = some_fd(), b = some_fd(), c = some_fd();

	(void)state;
	fd_store_hear(&s, "FDSTORE=1\nFDNAME=one\nFDPOLL=0", a);
	fd_store_hear(&s, "FDNAME=two\nFDSTORE=1", b);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.p[1].name, "two");
	/* No name, a name that would end the list, nothing to keep, or other words. */
	fd_store_hear(&s, "FDSTORE=1", c);
	assert_false(is_open(c));
	fd_store_hear(&s, "FDSTORE=1\nFDNAME=a:b", some_fd());
	fd_store_hear(&s, "FDSTORE=1\nFDNAME=this-name-is-longer-than-any-of-ours", some_fd());
	fd_store_hear(&s, "FDSTORE=1\nFDNAME=three", -1);
	fd_store_hear(&s, "READY=1\nSTATUS=FDSTORE=1", -1);
	fd_store_hear(&s, "FDSTOREREMOVE=1\nFDNAME=on", -1);
	fd_store_hear(&s, "", some_fd());
	assert_int_equal(s.n, 2);
	fd_store_hear(&s, "FDSTOREREMOVE=1\nFDNAME=one", -1);
	assert_int_equal(s.n, 1);
	assert_false(is_open(a));
	assert_true(is_open(b));
	for (int i = 0; i < 2 * FD_STORE_MAX; i++)
		fd_store_hear(&s, "FDSTORE=1\nFDNAME=many", some_fd());
	assert_int_equal(s.n, FD_STORE_MAX);
	fd_store_hear(&s, "FDSTOREREMOVE=1\nFDNAME=many", -1);
	assert_int_equal(s.n, 1);
	fd_store_close(&s);
	assert_false(is_open(b));
}

/* ---- the three processes --------------------------------------------------------------------- */

static char dir[] = "/tmp/guardian.XXXXXX";

static const char *in(const char *at, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", at, name);
	return path;
}

static void note(const char *at, const char *format, ...)
{
	FILE *f = fopen(in(at, "notes"), "a");
	va_list args;

	va_start(args, format);
	if (f != NULL) {
		vfprintf(f, format, args);
		fclose(f);
	}
	va_end(args);
}

/* How often it was called by now, from 1. */
static int turn_of(const char *at, const char *who)
{
	int fd = open(in(at, who), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	off_t n = lseek(fd, 0, SEEK_END);

	(void)!write(fd, "x", 1);
	close(fd);
	return (int)n + 1;
}

static unsigned bounding(void)
{
	unsigned n = 0;

	for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		n += prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1;
	return n;
}

static _Noreturn void act_keyholder(const char *at)
{
	const int turn = turn_of(at, "keyholder");

	note(at, "keyholder %d: pid %d, uid %d, %u capabilities, %s\n", turn, (int)getpid(),
	     (int)getuid(), (unsigned)__builtin_popcountll(privileges_have()) + bounding(),
	     getenv("LISTEN_FDNAMES"));
	for (;;)
		pause();
}

static volatile sig_atomic_t told;

static void on_term(int signal)
{
	told = signal;
}

/* What nobody of ours says: one message with two descriptors. The guardian has none of them then.
 */
static bool two_are_closed(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec text = { .iov_base = "FDSTORE=1\nFDNAME=two", .iov_len = 20 };
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr head;
	} control = { .head = { .cmsg_len = CMSG_LEN(2 * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct msghdr m = { .msg_name = &to,
			    .msg_namelen = sizeof(to),
			    .msg_iov = &text,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int ends[2], fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { 0 };
	bool sent;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", getenv("NOTIFY_SOCKET"));
	if (fd < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	memcpy(CMSG_DATA(&control.head), (const int[]){ ends[1], ends[1] }, 2 * sizeof(int));
	sent = sendmsg(fd, &m, 0) == (ssize_t)text.iov_len;
	close(ends[1]);
	close(fd);
	p.fd = ends[0];
	return sent && poll(&p, 1, 3000) == 1 && (p.revents & POLLHUP) != 0;
}

static int act_engine(const char *at)
{
	const int turn = turn_of(at, "engine");
	struct fd_store s;
	char kept[16] = "";

	fd_store_take(&s);
	if (s.n == 1)
		(void)!pread(s.p[0].fd, kept, sizeof(kept) - 1, 0);
	note(at, "engine %d: uid %d, capabilities %llx, parent %d, kept %s %s\n", turn,
	     (int)getuid(), (unsigned long long)privileges_have(), (int)getppid(),
	     s.n == 1 ? s.p[0].name : "nothing", kept);
	if (turn == 1) {
		int fd = memfd_create("state", MFD_CLOEXEC);

		if (write(fd, "state", 5) != 5 ||
		    notify_with("FDSTORE=1\nFDNAME=ikemesh-state-1", fd) != 1 ||
		    notify_barrier(5000) != 1)
			return 1;
		return EXIT_SUCCEED;
	}
	if (turn == 2)
		raise(SIGKILL);
	signal(SIGTERM, on_term);
	note(at, two_are_closed() ? "ready\n" : "descriptors leak\n");
	while (!told)
		usleep(10000);
	return 7;
}

static int act_guardian(char **argv)
{
	static char program[] = "/proc/self/exe";
	const struct guardian_options o = { .run_dir = argv[2],
					    .state_dir = argv[3],
					    .user = "nobody",
					    .program = program,
					    .argv = argv };

	return guardian_run(&o);
}

/* The engine's, in its directory, and the keyholder's, which is root but may write to his own only.
 */
static char *read_notes(void)
{
	static const char *const files[] = { "state/notes", "notes" };
	static char text[4096];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		FILE *f = fopen(in(dir, files[i]), "r");

		if (f == NULL)
			continue;
		n += fread(text + n, 1, sizeof(text) - 1 - n, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static void wait_for_note(const char *what)
{
	for (int i = 0; i < 1000 && strstr(read_notes(), what) == NULL; i++)
		usleep(10000);
	if (strstr(read_notes(), what) == NULL)
		fail_msg("not noted: %s, but:\n%s", what, read_notes());
}

static int keyholders(int *pid)
{
	int turn = 0;

	for (const char *at = read_notes(); (at = strstr(at, "keyholder ")) != NULL; at++)
		sscanf(at, "keyholder %d: pid %d", &turn, pid);
	return turn;
}

/* The last one is killed, and is not the last one any more. */
static void wait_for_another_keyholder(void)
{
	int pid = 0, last;

	for (int i = 0; i < 100 && (keyholders(&pid) == 0 || kill(pid, 0) != 0); i++)
		usleep(10000);
	last = keyholders(&pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (int i = 0; i < 500 && keyholders(&pid) == last; i++)
		usleep(10000);
	assert_int_equal(keyholders(&pid), last + 1);
}

/* What the guardian has in its log, which is its stderr. */
static bool has_said(const char *what)
{
	char line[256];
	FILE *f = fopen(in(dir, "said"), "r");
	bool said = false;

	assert_non_null(f);
	while (!said && fgets(line, sizeof(line), f) != NULL)
		said = strstr(line, what) != NULL;
	fclose(f);
	return said;
}

static void test_a_guardian(void **state)
{
	char run[64], keep[64], line[160];
	struct privileges_user nobody;
	struct stat st;
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0 || privileges_find("nobody", &nobody) != 0)
		skip();
	snprintf(run, sizeof(run), "%s/run", dir);
	snprintf(keep, sizeof(keep), "%s/state", dir);
	assert_int_equal(chmod(dir, 0711), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* also if the test fails */
		if (freopen(in(dir, "said"), "w", stderr) == NULL)
			_exit(98);
		execl("/proc/self/exe", "guardian_test", "guardian", run, keep, dir, (char *)NULL);
		_exit(99);
	}
	/* Its second life has what the first left, the third what the second did not touch. */
	wait_for_note("ready\n");
	wait_for_another_keyholder();
	snprintf(line, sizeof(line), "engine 1: uid %d, capabilities 3400, parent %d, kept nothing",
		 (int)nobody.uid, (int)child);
	assert_non_null(strstr(read_notes(), line));
	for (int i = 2; i <= 3; i++) {
		snprintf(line, sizeof(line),
			 "engine %d: uid %d, capabilities 3400, parent %d, kept ikemesh-state-1 "
			 "state",
			 i, (int)nobody.uid, (int)child);
		assert_non_null(strstr(read_notes(), line));
	}
	assert_non_null(strstr(read_notes(), ", uid 0, 0 capabilities, keys\n"));
	assert_int_equal(stat(in(run, "keyholder.sock"), &st), 0);
	assert_true(st.st_uid == nobody.uid && (st.st_mode & 0777) == 0600);
	assert_int_equal(kill(child, SIGTERM), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(has_said("what the engine handed over is lost"));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_kept),
		cmocka_unit_test(test_a_guardian),
	};

	if (argc > 4 && strcmp(argv[1], "--engine") == 0)
		_exit(act_engine(argv[4]));
	if (argc > 5 && strcmp(argv[1], "--keyholder") == 0)
		act_keyholder(argv[5]);
	if (argc > 3 && strcmp(argv[1], "guardian") == 0)
		_exit(act_guardian(argv));
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
