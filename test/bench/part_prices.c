/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel beneath takes for things that a handshake has many of: docs/benchmarks.md. */
#include "bench/parts.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_calls(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)syscall(SYS_getppid);
	return 0;
}

/* Two calls of each end a turn: as many as in the bare calls that are taken off. */
static int turns(int fd, unsigned n, int begins)
{
	char octet = 0;

	for (unsigned i = 0; i < n; i++) {
		if (begins && write(fd, &octet, 1) != 1)
			return 1;
		if (read(fd, &octet, 1) != 1)
			return 1;
		if (!begins && write(fd, &octet, 1) != 1)
			return 1;
	}
	return 0;
}

int bench_switches(unsigned n)
{
	int fds[2], status = 1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		close(fds[0]); /* or it would wait for itself where the other end is gone */
		_exit(turns(fds[1], n / 2, 0));
	}
	close(fds[1]);
	if (pid < 0 || turns(fds[0], n / 2, 1) != 0)
		status = 1;
	else if (waitpid(pid, &status, 0) != pid)
		status = 1;
	close(fds[0]);
	return status == 0 ? 0 : 1;
}
