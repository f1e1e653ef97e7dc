/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of the engine and the keyholder, each entered by a child, which then tries things. */
#include "cmd/ikemeshd/landlock.h"
#include "cmd/ikemeshd/privileges.h"
#include "cmd/ikemeshd/sandbox.h"
#include "lib/attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FINE 0
#define FAILED 1
#define MISSING 2 /* this kernel has it not */

/* A sanitizer's own end is no business of the filter. */
static int in_child(int (*act)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(act());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		print_error("it died of signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

static void assert_fine(int (*act)(void))
{
	const int status = in_child(act);

	if (status == MISSING)
		skip();
	assert_int_equal(status, FINE);
}

static int enter(enum sandbox which)
{
	int err = sandbox_enter(which);

	if (err == -ENOSYS || err == -EINVAL)
		return MISSING;
	return err == 0 ? FINE : FAILED;
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* Files are the business of others: what may be opened is not seen by a filter. */
static bool is_about_files(const struct attempt *a)
{
	return strstr(a->what, "read the") == a->what || strstr(a->what, "/") != NULL ||
	       strstr(a->what, "open the keyholder") != NULL || strstr(a->what, "kernel.") != NULL;
}

/* Root, and not in a container that keeps him from all this. */
static bool is_mighty(void)
{
	return geteuid() == 0 && (privileges_have() & PRIVILEGE(CAP_SYS_ADMIN)) != 0;
}

static int try_all(enum sandbox which)
{
	const struct victim us = { .keyholder = getppid() };
	int refused = 0, status;
	const struct attempt *a;
	size_t n;

	a = attempts(&n);
	for (size_t i = 0; i < n && is_mighty(); i++) {
		if (a[i].possible != FOR_ROOT || is_about_files(&a[i]) ||
		    attempt_aside(&a[i], &us) == 0)
			continue;
		fprintf(stderr, "not even possible outside: %s\n", a[i].what);
		return FAILED;
	}
	if ((status = enter(which)) != FINE)
		return status;
	for (size_t i = 0; i < n; i++) {
		int err = is_about_files(&a[i]) ? -EPERM : a[i].act(&us);

		refused += err == -EPERM;
		if (err != -EPERM)
			fprintf(stderr, "%s: %s\n", a[i].what, strerror(-err));
	}
	return refused == (int)n ? FINE : FAILED;
}

static int try_as_engine(void)
{
	return try_all(SANDBOX_ENGINE);
}

static int try_as_keyholder(void)
{
	return try_all(SANDBOX_KEYHOLDER);
}

static void test_all_attempts_are_refused(void **state)
{
	(void)state;
	assert_fine(try_as_engine);
	assert_fine(try_as_keyholder);
}

/* A token's library may do much, but starts no program. */
static int try_with_token(void)
{
	const struct victim us = { .keyholder = getppid() };
	static const char *const never[] = { "execute a program",
					     "fork",
					     "become root",
					     "mount",
					     "load BPF",
					     "ptrace the keyholder",
					     "take more capabilities" };
	const struct attempt *a;
	int status = enter(SANDBOX_TOKEN);
	size_t n;

	if (status != FINE)
		return status;
	a = attempts(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++)
			if (strcmp(a[i].what, never[k]) == 0 && a[i].act(&us) != -EPERM)
				return FAILED;
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? FINE : FAILED;
}

static void test_a_token_needs_more(void **state)
{
	(void)state;
	assert_fine(try_with_token);
}

/* ---- what is still possible ------------------------------------------------------------------ */

static int work_as_engine(void)
{
	struct sock_filter code[] = { { .code = BPF_RET | BPF_K } };
	const struct sock_fprog none = { .len = 1, .filter = code };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char dir[] = "/tmp/sandbox.XXXXXX", path[64], other[64];
	int udp = socket(AF_INET, SOCK_DGRAM, 0), status, fd;
	const int octets = 4096;

	if (mkdtemp(dir) == NULL)
		return FAILED;
	snprintf(path, sizeof(path), "%s/one", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	if ((status = enter(SANDBOX_ENGINE)) != FINE)
		return status;
	if (bind(udp, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(udp, SOL_SOCKET, SO_ATTACH_FILTER, &none, sizeof(none)) != 0 ||
	    setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets)) != 0)
		return FAILED;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || close(fd) != 0 ||
	    rename(path, other) != 0 || unlink(other) != 0)
		return FAILED;
	fd = memfd_create("state", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 100) != 0 || pwrite(fd, "x", 1, 5) != 1)
		return FAILED;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return FAILED;
	free(malloc(5 << 20));
	return FINE;
}

static void test_an_engine_can_work(void **state)
{
	(void)state;
	assert_fine(work_as_engine);
}

static int abort_inside(void)
{
	int status = enter(SANDBOX_ENGINE);

	if (status != FINE)
		return status;
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void test_abort_ends_it(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(abort_inside());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING)
		skip();
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- all threads ----------------------------------------------------------------------------- */

static int go[2], came[2];

static void *wait_and_try(void *arg)
{
	char word;

	(void)arg;
	if (read(go[0], &word, 1) != 1)
		return NULL;
	word = socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM;
	(void)!write(came[1], &word, 1);
	return NULL;
}

static int two_threads(void)
{
	pthread_t other;
	char word = 0;
	int status;

	if (pipe(go) != 0 || pipe(came) != 0 ||
	    pthread_create(&other, NULL, wait_and_try, NULL) != 0)
		return FAILED;
	if ((status = enter(SANDBOX_ENGINE)) != FINE)
		return status;
	if (write(go[1], "x", 1) != 1 || read(came[0], &word, 1) != 1)
		return FAILED;
	return word ? FINE : FAILED;
}

static void test_it_holds_for_threads_that_are_there(void **state)
{
	(void)state;
	assert_fine(two_threads);
}

/* ---- capabilities ---------------------------------------------------------------------------- */

static int keep_one(void)
{
	if (privileges_keep(PRIVILEGE(CAP_NET_ADMIN)) != 0)
		return FAILED;
	if (privileges_have() != PRIVILEGE(CAP_NET_ADMIN) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return FAILED;
	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if ((prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1) != (c == CAP_NET_ADMIN))
			return FAILED;
	return socket(AF_INET, SOCK_RAW, IPPROTO_TCP) < 0 && errno == EPERM ? FINE : FAILED;
}

/* A program that is executed by that user has the capabilities, and no other. */
static int become_nobody(void)
{
	struct privileges_user nobody;

	if (privileges_find("no such user", &nobody) != -ENOENT ||
	    privileges_find("nobody", &nobody) != 0 ||
	    privileges_become(&nobody, PRIVILEGES_ENGINE_START) != 0)
		return FAILED;
	if (getuid() != nobody.uid || geteuid() != nobody.uid || getgid() != nobody.gid ||
	    getgroups(0, NULL) != 0 || privileges_have() != PRIVILEGES_ENGINE_START)
		return FAILED;
	execl("/bin/sh", "sh", "-c",
	      "n=$(sed -n 's/^CapEff:.//p; s/^CapBnd:.//p; s/^CapAmb:.//p' /proc/self/status | "
	      "uniq); "
	      "[ \"$n\" = 0000000000003400 ]",
	      (char *)NULL);
	return FAILED;
}

static void test_privileges(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_fine(keep_one);
	assert_fine(become_nobody);
}

/* ---- files ----------------------------------------------------------------------------------- */

static char inside[] = "/tmp/inside.XXXXXX", outside[] = "/tmp/outside.XXXXXX";

static bool can_make(const char *dir)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	close(fd);
	return unlink(path) == 0;
}

static int lock_files(void)
{
	const char *const write[] = { inside, "/nowhere" }, *const read[] = { "/proc" };
	const struct landlock_paths paths = {
		.write = write, .n_write = 2, .read = read, .n_read = 1
	};
	int err;

	if (!can_make(inside) || !can_make(outside) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return FAILED;
	err = landlock_enter(&paths);
	if (err == -EOPNOTSUPP)
		return MISSING;
	if (err != 0 || !can_make(inside) || can_make(outside) || errno != EACCES)
		return FAILED;
	if (access("/etc/passwd", F_OK) != 0 || open("/etc/passwd", O_RDONLY) >= 0 ||
	    errno != EACCES)
		return FAILED;
	if (open("/proc/self/stat", O_RDONLY) < 0 || open("/proc/self/comm", O_WRONLY) >= 0)
		return FAILED;
	return FINE;
}

static void test_landlock(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(inside));
	assert_non_null(mkdtemp(outside));
	int status = in_child(lock_files);
	rmdir(inside);
	rmdir(outside);
	if (status == MISSING)
		skip();
	assert_int_equal(status, FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_attempts_are_refused),
		cmocka_unit_test(test_a_token_needs_more),
		cmocka_unit_test(test_an_engine_can_work),
		cmocka_unit_test(test_abort_ends_it),
		cmocka_unit_test(test_it_holds_for_threads_that_are_there),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_landlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
