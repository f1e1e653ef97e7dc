/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ikemeshd whose engine turns hostile the moment it is in its sandbox. It is the daemon itself, all
 * of its objects, linked so that the calls by which it loses its rights come by here first: before
 * the guardian makes the engine what it is (as root), before the engine enters the sandbox, and in
 * it, everything in attempts.c is tried. Then it goes on as ikemeshd. Never installed.
 *
 *   HOSTILE_CONFIG, HOSTILE_KEY  files that it wants to read
 *   HOSTILE_OUT                  a directory that is there: root, engine and sandbox, a line an
 * attempt
 */
#include "cmd/ikemeshd/privileges.h"
#include "cmd/ikemeshd/sandbox.h"
#include "lib/attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int __real_privileges_become(const struct privileges_user *user, uint64_t capabilities);
int __wrap_privileges_become(const struct privileges_user *user, uint64_t capabilities);
int __real_sandbox_enter(enum sandbox which);
int __wrap_sandbox_enter(enum sandbox which);

/* The keyholder: the guardian's other child, or whoever was named. */
static pid_t keyholder_pid(void)
{
	char path[64], text[256] = "", *at;
	int fd;

	if (getenv("HOSTILE_KEYHOLDER") != NULL)
		return atoi(getenv("HOSTILE_KEYHOLDER"));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getppid(), (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	for (at = text; *at != '\0'; at++) {
		const pid_t pid = (pid_t)strtol(at, &at, 10);

		if (pid > 0 && pid != getpid())
			return pid;
		if (*at == '\0')
			break;
	}
	return 0;
}

/* Opened while that can be. */
static int out_open(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", getenv("HOSTILE_OUT"), name);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

static void try_all(int out, const struct victim *v, bool aside)
{
	const struct attempt *a;
	size_t n;

	a = attempts(&n);
	for (size_t i = 0; i < n; i++) {
		const int err = aside ? attempt_aside(&a[i], v) : a[i].act(v);

		dprintf(out, "%s\t%s\t%s\n", a[i].what, a[i].possible == FOR_ROOT ? "must" : "may",
			err == 0 ? "done" : strerrorname_np(-err));
	}
	close(out);
}

static struct victim victim(void)
{
	return (struct victim){ .config = getenv("HOSTILE_CONFIG"),
				.key = getenv("HOSTILE_KEY"),
				.keyholder = keyholder_pid() };
}

/* In the guardian's child, which is root until now. The keyholder is started first. */
int __wrap_privileges_become(const struct privileges_user *user, uint64_t capabilities)
{
	const struct victim v = victim();

	if (getenv("HOSTILE_OUT") != NULL && (capabilities & PRIVILEGES_ENGINE_START) != 0)
		try_all(out_open("root"), &v, true);
	return __real_privileges_become(user, capabilities);
}

int __wrap_sandbox_enter(enum sandbox which)
{
	struct victim v;
	int out, err;

	if (getenv("HOSTILE_OUT") == NULL || which != SANDBOX_ENGINE)
		return __real_sandbox_enter(which);
	v = victim();
	try_all(out_open("engine"), &v, true);
	out = out_open("sandbox");
	err = __real_sandbox_enter(which);
	try_all(out, &v, false);
	return err;
}
