/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine lets go what it needed to start. First what sockets took, and files that are no
 * business of its, for all threads to come; when everything stands, all system calls but those that
 * serving takes.
 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/landlock.h"
#include "cmd/ikemeshd/privileges.h"
#include "cmd/ikemeshd/sandbox.h"

#include <errno.h>

#include <stdio.h>
#include <string.h>

#define LOG_AREA AREA_DAEMON
#define PATH_ROOM 4096
#define LOG_DIR "/var/log/ikemesh" /* the unit's: a reload may turn to it */

/* What the C library, the crypto library and statusall look at. */
static const char *const readable[] = {
	"/proc",     "/sys/module",	    "/sys/class/net", "/etc/localtime", "/etc/machine-id",
	"/etc/ssl",  "/usr/share/zoneinfo", "/usr/lib",	      "/lib",		"/lib64",
	"/dev/null", "/dev/urandom",
};
#define N_READABLE (sizeof(readable) / sizeof(readable[0]))

/* The directory of the log's file, which logrotate moves away; "": there is no such file. */
static void log_dir(const struct daemon *d, char out[static PATH_ROOM])
{
	const char *path = d->config->log == LOG_TO_FILE ? d->config->log_path : NULL;
	char *slash;

	snprintf(out, PATH_ROOM, "%s", path != NULL ? path : "");
	slash = strrchr(out, '/');
	if (slash == out)
		slash++;
	if (slash != NULL)
		*slash = '\0';
}

static int lock_files(const struct daemon *d)
{
	char log[PATH_ROOM];
	const char *write[] = { d->options.run_dir, d->options.state_dir, "/proc/sys/net/core",
				LOG_DIR, log };
	const struct landlock_paths paths = {
		.write = write,
		.n_write = sizeof(write) / sizeof(write[0]),
		.read = readable,
		.n_read = N_READABLE,
	};

	log_dir(d, log);
	return landlock_enter(&paths);
}

int daemon_confine(struct daemon *d)
{
	int err = privileges_keep(PRIVILEGES_ENGINE);

	if (err != 0)
		log_text(d->log, REPORT_WARNING, "CAPABILITIES ARE KEPT, they cannot be let go: %s",
			 strerror(-err));
	err = lock_files(d);
	if (err == -EOPNOTSUPP)
		log_text(d->log, REPORT_DEBUG, "this kernel has no landlock");
	else if (err != 0)
		log_text(d->log, REPORT_WARNING, "landlock: %s; files are held by rights alone",
			 strerror(-err));
	return 0;
}

int daemon_enter_sandbox(struct daemon *d)
{
	int err = sandbox_enter(SANDBOX_ENGINE);

	if (err != 0)
		log_text(d->log, REPORT_WARNING,
			 "WITHOUT A SANDBOX: this kernel has no filter of system calls "
			 "(CONFIG_SECCOMP_FILTER): %s",
			 strerror(-err));
	return 0;
}
