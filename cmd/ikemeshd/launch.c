/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/run_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_AREA AREA_DAEMON

static int make_socket(const struct daemon_options *o, struct log *log)
{
	char path[CONTROL_PATH_LEN + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/" KEYHOLDER_SOCKET, o->run_dir);
	fd = key_channel_listen(path, geteuid());
	if (fd < 0)
		log_text(log, REPORT_ERROR, "%s: %s", path, strerror(-fd));
	return fd;
}

static int guard(const struct daemon_options *o, int listener, struct log *log)
{
	const struct guardian_options g = { .program = o->program,
					    .config_path = o->config_path,
					    .listener = listener };
	int err = guardian_start(&g);

	if (err != 0)
		log_text(log, REPORT_ERROR, "cannot start the keyholder: %s", strerror(-err));
	return err;
}

/* The engine may not be root, who alone may open the files. */
static int open_exposed(const struct daemon_options *o, struct log *log, struct expose **out)
{
	char why[EXPOSE_TEXT_LEN];
	int err;

	if (o->expose_dir == NULL)
		return 0;
	err = expose_open(o->expose_dir, out, why);
	if (err != 0)
		log_text(log, REPORT_ERROR, "no keys can be exposed: %s", why);
	else if (why[0] != '\0')
		log_text(log, REPORT_WARNING, "%s", why);
	return err;
}

/* At last: what was started before has no business with them. */
static int pass_exposed(const struct expose *x, struct log *log)
{
	int err = x != NULL ? expose_pass(x) : 0;

	if (err != 0)
		log_text(log, REPORT_ERROR, "no keys can be exposed: %s", strerror(-err));
	return err;
}

/* Returns if it fails. */
static void become_engine(const struct daemon_options *o, struct log *log)
{
	char **argv;
	size_t n = 0;

	while (o->argv[n] != NULL)
		n++;
	argv = calloc(n + 2, sizeof(*argv));
	if (argv == NULL)
		return;
	memcpy(argv, o->argv, n * sizeof(*argv));
	argv[n] = (char *)"--engine";
	execv(o->program, argv);
	log_text(log, REPORT_ERROR, "cannot execute %s: %s", o->program, strerror(errno));
	free(argv);
}

int daemon_launch(const struct daemon_options *o)
{
	struct log *log = NULL;
	struct expose *exposed = NULL;
	int lock = -1, listener = -1;

	if (log_open(LOG_TO_STDERR, NULL, o->log_level, &log) != 0)
		return 1;
	if (open_exposed(o, log, &exposed) == 0 && run_dir_take(o->run_dir, log, &lock) == 0)
		listener = make_socket(o, log);
	if (listener >= 0 && guard(o, listener, log) == 0 && run_dir_pass(log, lock) == 0 &&
	    pass_exposed(exposed, log) == 0)
		become_engine(o, log);
	expose_close(exposed);
	log_close(log);
	return 1;
}
