/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmnl/libmnl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct calls_fault fault;
static bool any; /* a fault is set */
static uint64_t counted, failed;
static const char *which = "";
static _Thread_local bool is_tests, armed;

void calls_fail(const struct calls_fault *f)
{
	pthread_mutex_lock(&lock);
	is_tests = true;
	any = f != NULL;
	fault = f != NULL ? *f : (struct calls_fault){ 0 };
	counted = failed = 0;
	which = "";
	pthread_mutex_unlock(&lock);
}

void calls_arm(bool on)
{
	is_tests = true;
	armed = on;
}

static uint64_t locked(const uint64_t *number)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = *number;
	pthread_mutex_unlock(&lock);
	return n;
}

uint64_t calls_counted(void)
{
	return locked(&counted);
}

uint64_t calls_failed(void)
{
	return locked(&failed);
}

const char *calls_which(void)
{
	const char *name;

	pthread_mutex_lock(&lock);
	name = which;
	pthread_mutex_unlock(&lock);
	return name;
}

size_t calls_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	size_t n = 0;

	while (all != NULL && readdir(all) != NULL)
		n++;
	if (all != NULL)
		closedir(all);
	return n - 3; /* ".", ".." and the directory itself */
}

/* cuts NULL: it is no write. */
static bool fails(enum calls_kind kind, const char *name, bool *cuts)
{
	bool hit = false;

	if (is_tests && !armed)
		return false;
	pthread_mutex_lock(&lock);
	if (any && kind == fault.kind) {
		const uint64_t n = ++counted;

		if (fault.cut && cuts != NULL && n == fault.n)
			*cuts = true;
		else
			hit = n == fault.n || (fault.cut && n == fault.n + 1) ||
			      (fault.lasting && fault.n != 0 && n > fault.n);
	}
	if (hit || (cuts != NULL && *cuts)) {
		if (failed++ == 0)
			which = name;
	}
	pthread_mutex_unlock(&lock);
	if (hit)
		errno = fault.error;
	return hit;
}

static bool no_descriptor(const char *name)
{
	return fails(CALLS_DESCRIPTOR, name, NULL);
}

static bool no_room(const char *name)
{
	return fails(CALLS_DISK, name, NULL);
}

/* ---- descriptors -------------------------------------------------------------------------- */

/* The call itself, and what stands in its place. */
#define WRAP(type, name, parameters)   \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters

WRAP(int, socket, (int domain, int type, int protocol))
{
	return no_descriptor("socket") ? -1 : __real_socket(domain, type, protocol);
}

WRAP(int, socketpair, (int domain, int type, int protocol, int pair[2]))
{
	return no_descriptor("socketpair") ? -1 : __real_socketpair(domain, type, protocol, pair);
}

WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags))
{
	return no_descriptor("accept4") ? -1 : __real_accept4(fd, a, n, flags);
}

WRAP(int, memfd_create, (const char *name, unsigned flags))
{
	return no_descriptor("memfd_create") ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, timerfd_create, (int clock, int flags))
{
	return no_descriptor("timerfd_create") ? -1 : __real_timerfd_create(clock, flags);
}

WRAP(int, eventfd, (unsigned initial, int flags))
{
	return no_descriptor("eventfd") ? -1 : __real_eventfd(initial, flags);
}

WRAP(int, epoll_create1, (int flags))
{
	return no_descriptor("epoll_create1") ? -1 : __real_epoll_create1(flags);
}

WRAP(int, signalfd, (int fd, const sigset_t *set, int flags))
{
	return no_descriptor("signalfd") ? -1 : __real_signalfd(fd, set, flags);
}

WRAP(int, pipe2, (int ends[2], int flags))
{
	return no_descriptor("pipe2") ? -1 : __real_pipe2(ends, flags);
}

WRAP(FILE *, fopen, (const char *path, const char *mode))
{
	return no_descriptor("fopen") ? NULL : __real_fopen(path, mode);
}

WRAP(int, getgrnam_r,
     (const char *name, struct group *group, char *text, size_t room, struct group **out))
{
	if (no_descriptor("getgrnam_r")) {
		*out = NULL;
		return errno;
	}
	return __real_getgrnam_r(name, group, text, room, out);
}

WRAP(struct mnl_socket *, mnl_socket_open2, (int bus, int flags))
{
	return no_descriptor("mnl_socket_open2") ? NULL : __real_mnl_socket_open2(bus, flags);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && no_descriptor("fcntl"))
		return -1;
	return __real_fcntl(fd, command, arg);
}

/* As Linux does it: the message comes, what was to come with it is lost, and that is said. */
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags))
{
	const bool awaits = m->msg_control != NULL && m->msg_controllen > 0;
	const ssize_t n = __real_recvmsg(fd, m, flags);
	struct cmsghdr *c = n >= 0 && awaits ? CMSG_FIRSTHDR(m) : NULL;
	int got;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    !no_descriptor("recvmsg"))
		return n;
	for (size_t at = 0; CMSG_LEN(at + sizeof(got)) <= c->cmsg_len; at += sizeof(got)) {
		memcpy(&got, CMSG_DATA(c) + at, sizeof(got));
		close(got);
	}
	m->msg_controllen = 0;
	m->msg_flags |= MSG_CTRUNC;
	return n;
}

/* ---- both --------------------------------------------------------------------------------- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);

static mode_t mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
}

/* A file that is not there yet needs room in its directory. */
static bool refuses_open(const char *name, int flags)
{
	return no_descriptor(name) || ((flags & O_CREAT) && no_room(name));
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return refuses_open("open", flags) ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return refuses_open("openat", flags) ? -1 : __real_openat(dir, path, flags, mode);
}

/* ---- the disk ----------------------------------------------------------------------------- */

static bool is_of_disk(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

WRAP(ssize_t, write, (int fd, const void *from, size_t n))
{
	bool cuts = false;

	if (is_of_disk(fd) && fails(CALLS_DISK, "write", n > 1 ? &cuts : NULL))
		return -1;
	return __real_write(fd, from, cuts ? n / 2 : n);
}

WRAP(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at))
{
	bool cuts = false;

	if (is_of_disk(fd) && fails(CALLS_DISK, "pwrite", n > 1 ? &cuts : NULL))
		return -1;
	return __real_pwrite(fd, from, cuts ? n / 2 : n, at);
}

WRAP(int, fsync, (int fd))
{
	return no_room("fsync") ? -1 : __real_fsync(fd);
}

WRAP(int, rename, (const char *from, const char *to))
{
	return no_room("rename") ? -1 : __real_rename(from, to);
}

WRAP(int, renameat2, (int from_dir, const char *from, int to_dir, const char *to, unsigned flags))
{
	return no_room("renameat2") ? -1 : __real_renameat2(from_dir, from, to_dir, to, flags);
}

WRAP(int, mkdir, (const char *path, mode_t mode))
{
	/* What is there already needs no room. */
	if (access(path, F_OK) != 0 && no_room("mkdir"))
		return -1;
	return __real_mkdir(path, mode);
}
