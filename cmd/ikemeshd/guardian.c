/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/keyholder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECOND ((int64_t)1000)
#define LIVED_US (2 * CLOCK_SECOND) /* one that did is started anew at once */
#define PAUSE_FIRST_US (20 * MILLISECOND)
#define PAUSE_MOST_US (250 * MILLISECOND)

struct guardian {
	struct guardian_options options;
	int client; /* a pidfd: as long as it lives, so does this */
	int64_t pause_us;
};

/* ---- the keyholder ------------------------------------------------------------------------- */

/* Never returns. What is said to the service manager is another process's business. */
static void become_keyholder(const struct guardian *g, pid_t guardian)
{
	const struct guardian_options *o = &g->options;
	char pid[16];
	char *argv[] = {
		(char *)"ikemeshd",
		(char *)"--keyholder",
		(char *)"--config",
		(char *)o->config_path,
		(char *)"--user",
		(char *)o->user,
		NULL,
	};

	if (o->user == NULL)
		argv[4] = NULL;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	/* Where it is that one already, dup2() leaves it to be closed. */
	if (dup2(o->listener, KEYHOLDER_LISTENER) < 0 ||
	    fcntl(KEYHOLDER_LISTENER, F_SETFD, 0) != 0 || setenv("LISTEN_PID", pid, 1) != 0 ||
	    setenv("LISTEN_FDS", "1", 1) != 0)
		_exit(127);
	/* The one that holds the key goes with who looks after it; it may have gone by now. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != guardian)
		_exit(0);
	execv(o->program, argv);
	fprintf(stderr, "ikemeshd: cannot start the keyholder, %s: %s\n", o->program,
		strerror(errno));
	_exit(127);
}

static pid_t start_keyholder(const struct guardian *g)
{
	const pid_t self = getpid();
	pid_t child = fork();

	if (child == 0)
		become_keyholder(g, self);
	return child;
}

/* ---- the guardian -------------------------------------------------------------------------- */

/* Waits for the client's end, or the child's (-1: none), or for so long. true: the client's. */
static bool client_ends(const struct guardian *g, int child, int64_t us)
{
	struct pollfd p[] = { { g->client, POLLIN, 0 }, { child, POLLIN, 0 } };

	while (poll(p, 2, us < 0 ? -1 : (int)(us / MILLISECOND)) < 0 && errno == EINTR)
		;
	return p[0].revents != 0;
}

static void say_end(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == KEYHOLDER_OTHER_VERSION)
		fprintf(stderr, "ikemeshd: the keyholder makes way for another version\n");
	else if (WIFSIGNALED(status))
		fprintf(stderr,
			"ikemeshd: the keyholder was killed by signal %d, and is started anew\n",
			WTERMSIG(status));
	else
		fprintf(stderr, "ikemeshd: the keyholder ended with %d, and is started anew\n",
			WEXITSTATUS(status));
}

/* One keyholder's life. false: nobody needs another. */
static bool guard_one(struct guardian *g)
{
	const struct mono born = clock_now();
	const pid_t child = start_keyholder(g);
	int fd = child > 0 ? pidfd_open(child, 0) : -1, status = 0;
	bool ends;

	if (child > 0 && fd < 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (fd < 0)
		return !client_ends(g, -1, PAUSE_MOST_US);
	ends = client_ends(g, fd, -1);
	close(fd);
	if (ends)
		kill(child, SIGKILL);
	waitpid(child, &status, 0);
	if (ends)
		return false;
	say_end(status);
	if (clock_after(born, LIVED_US).us <= clock_now().us)
		g->pause_us = 0;
	ends = client_ends(g, -1, g->pause_us);
	g->pause_us = g->pause_us == 0 ? PAUSE_FIRST_US : 2 * g->pause_us;
	if (g->pause_us > PAUSE_MOST_US)
		g->pause_us = PAUSE_MOST_US;
	return !ends;
}

/* Keeps the two descriptors, and what it says goes where it always went. */
static void close_others(int a, int b)
{
	const int low = a < b ? a : b, high = a < b ? b : a;

	if (low > 3)
		(void)close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		(void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	(void)close_range((unsigned)high + 1, ~0u, 0);
}

/* Signals for the daemon, from a terminal or to all of a service's processes, are not for it. */
static void leave_the_others(void)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE
	};
	static const char *const variables[] = { "LISTEN_PID",	  "LISTEN_FDS",	  "LISTEN_FDNAMES",
						 "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" };

	setsid();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	prctl(PR_SET_NAME, "ikemesh-guard");
}

int guardian_start(const struct guardian_options *options)
{
	struct guardian g = { .options = *options };
	pid_t guardian;

	/* Before there is anybody who could outlive it. */
	g.client = pidfd_open(getpid(), 0);
	if (g.client < 0)
		return -errno;
	guardian = fork();
	if (guardian != 0) {
		int err = guardian < 0 ? -errno : 0;

		close(g.client);
		return err;
	}
	leave_the_others();
	close_others(g.client, g.options.listener);
	while (guard_one(&g))
		;
	_exit(0);
}
