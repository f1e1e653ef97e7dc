/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONDITIONS_MAX 2
#define SOCK_TYPE_MASK 0xf /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

struct rule {
	int call;
	unsigned n_conditions;
	struct scmp_arg_cmp conditions[CONDITIONS_MAX]; /* all of them hold */
};

#define ALLOW(name)                    \
	{                              \
		.call = SCMP_SYS(name) \
	}
#define EQUAL(number, value)                                           \
	{                                                              \
		.arg = (number), .op = SCMP_CMP_EQ, .datum_a = (value) \
	}
#define BITS(number, mask, value)                                                                \
	{                                                                                        \
		.arg = (number), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value) \
	}
#define ALLOW_IF(name, condition)                                                      \
	{                                                                              \
		.call = SCMP_SYS(name), .n_conditions = 1, .conditions = { condition } \
	}
#define ALLOW_IF_BOTH(name, one, other)                                                 \
	{                                                                               \
		.call = SCMP_SYS(name), .n_conditions = 2, .conditions = { one, other } \
	}

struct rules {
	const struct rule *p;
	size_t n;
};
#define RULES(array)                                        \
	{                                                   \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

/* Memory, time, waiting, threads that are there, descriptors that are open, and files to be read.
 */
static const struct rule common[] = {
	/* memory; with code in it only for a token's library */
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(mlock),
	ALLOW(mlock2),
	ALLOW(munlock),
	ALLOW_IF(mmap, BITS(2, PROT_EXEC, 0)),
	ALLOW_IF(mprotect, BITS(2, PROT_EXEC, 0)),
	/* time and waiting */
	ALLOW(clock_gettime),
	ALLOW(clock_getres),
	ALLOW(clock_nanosleep),
	ALLOW(nanosleep),
	ALLOW(gettimeofday),
	ALLOW(time),
	ALLOW(timerfd_create),
	ALLOW(timerfd_settime),
	ALLOW(timerfd_gettime),
	ALLOW(epoll_create1),
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(select),
	ALLOW(pselect6),
	ALLOW(eventfd2),
	/* threads and signals */
	ALLOW(futex),
	ALLOW(futex_waitv),
	ALLOW(sched_yield),
	ALLOW(sched_getaffinity),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(membarrier),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(rt_sigtimedwait),
	ALLOW(sigaltstack),
	ALLOW(restart_syscall),
	ALLOW(exit),
	ALLOW(exit_group),
	/* who and where we are */
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(getppid),
	ALLOW(getuid),
	ALLOW(geteuid),
	ALLOW(getgid),
	ALLOW(getegid),
	ALLOW(uname),
	ALLOW(sysinfo),
	ALLOW(getrusage),
	ALLOW(times),
	ALLOW_IF(prlimit64, EQUAL(2, 0)), /* asks */
	ALLOW(getrlimit),
	ALLOW(getrandom),
	/* descriptors */
	ALLOW(read),
	ALLOW(readv),
	ALLOW(pread64),
	ALLOW(write),
	ALLOW(writev),
	ALLOW(pwrite64),
	ALLOW(lseek),
	ALLOW(close),
	ALLOW(dup),
	ALLOW(dup2),
	ALLOW(dup3),
	ALLOW(pipe2),
	ALLOW(memfd_create),
	ALLOW(ftruncate),
	ALLOW(flock),
	ALLOW_IF(fcntl, EQUAL(1, F_GETFD)),
	ALLOW_IF(fcntl, EQUAL(1, F_SETFD)),
	ALLOW_IF(fcntl, EQUAL(1, F_GETFL)),
	ALLOW_IF(fcntl, EQUAL(1, F_SETFL)),
	ALLOW_IF(fcntl, EQUAL(1, F_DUPFD_CLOEXEC)),
	ALLOW_IF(fcntl, EQUAL(1, F_ADD_SEALS)),
	ALLOW_IF(fcntl, EQUAL(1, F_GET_SEALS)),
	/* what is there of files */
	ALLOW(fstat),
	ALLOW(stat),
	ALLOW(lstat),
	ALLOW(newfstatat),
	ALLOW(statx),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(getdents64),
	ALLOW_IF(openat, BITS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)),
	ALLOW_IF(open, BITS(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)),
	/* sockets that are there */
	ALLOW(sendto),
	ALLOW(sendmsg),
	ALLOW(sendmmsg),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(recvmmsg),
	ALLOW(accept4),
	ALLOW(shutdown),
	ALLOW(getsockname),
	ALLOW(getsockopt),
};

static const struct rule engine[] = {
	ALLOW_IF_BOTH(socket, EQUAL(0, AF_UNIX), BITS(1, SOCK_TYPE_MASK, SOCK_SEQPACKET)),
	/* Parked sockets are bound, and route questions connected. */
	ALLOW(bind),
	ALLOW(connect),
	ALLOW_IF(setsockopt, EQUAL(1, SOL_SOCKET)),
	/* Files of the run and the state directory, and the log. */
	ALLOW(openat),
	ALLOW(open),
	ALLOW(mkdir),
	ALLOW(mkdirat),
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW(rename),
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(fchmod),
	ALLOW(fsync),
	ALLOW(fdatasync),
	ALLOW(umask),
};

/* What the libraries of PKCS#11 tokens are known to want. */
static const struct rule token[] = {
	ALLOW(mmap),
	ALLOW(mprotect),
	ALLOW(openat),
	ALLOW(open),
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW(rename),
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(mkdir),
	ALLOW(mkdirat),
	ALLOW(fsync),
	ALLOW(fdatasync),
	ALLOW(fchmod),
	ALLOW(umask),
	ALLOW(fcntl),
	ALLOW(ioctl),
	ALLOW(getcwd),
	ALLOW(statfs),
	ALLOW(fstatfs),
	ALLOW(socket),
	ALLOW(socketpair),
	ALLOW(connect),
	ALLOW(bind),
	ALLOW(setsockopt),
	ALLOW(getpeername),
	ALLOW(pipe),
	ALLOW(prctl),
	ALLOW_IF(clone, BITS(0, CLONE_THREAD, CLONE_THREAD)),
};

static int add(scmp_filter_ctx filter, uint32_t action, const struct rule *r)
{
	return seccomp_rule_add_array(filter, action, r->call, r->n_conditions, r->conditions);
}

static int add_all(scmp_filter_ctx filter, struct rules rules)
{
	int err = 0;

	for (size_t i = 0; i < rules.n && err == 0; i++)
		err = add(filter, SCMP_ACT_ALLOW, &rules.p[i]);
	return err;
}

/* abort() of a failed check of the C library ends us, and nobody else. */
static int add_own_end(scmp_filter_ctx filter)
{
	const struct rule r = ALLOW_IF(tgkill, EQUAL(0, (scmp_datum_t)getpid()));

	return add(filter, SCMP_ACT_ALLOW, &r);
}

/* The C library tries it before clone(), whose flags a filter can see. */
static int add_no_clone3(scmp_filter_ctx filter)
{
	const struct rule r = ALLOW(clone3);

	return add(filter, SCMP_ACT_ERRNO(ENOSYS), &r);
}

static int add_list(scmp_filter_ctx filter, enum sandbox which)
{
	static const struct rules all = RULES(common), of_engine = RULES(engine),
				  of_token = RULES(token);
	int err = add_all(filter, all);

	if (err == 0)
		err = add_own_end(filter);
	if (err == 0 && which == SANDBOX_ENGINE)
		err = add_all(filter, of_engine);
	if (err == 0 && which == SANDBOX_TOKEN)
		err = add_all(filter, of_token);
	if (err == 0 && which == SANDBOX_TOKEN)
		err = add_no_clone3(filter);
	return err;
}

int sandbox_enter(enum sandbox which)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter != NULL ? 0 : -ENOMEM;

	if (err == 0) /* all threads, or none */
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err == 0) {
		/* Without them it is as good, but says nothing, or takes longer. */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		err = add_list(filter, which);
	}
	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
