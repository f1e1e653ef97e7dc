/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process where there is no systemd, as root: it starts the keyholder and the engine,
 * each executed anew with no more rights than it needs, and is for them what systemd is elsewhere.
 * It keeps the engine's descriptors, passes signals on, starts a keyholder that ended again, and
 * ends as the engine ends. It parses nothing but what the engine says to its service manager, and
 * talks to nobody else.
 *
 * SIGUSR2: the engine leaves its state with it and goes; then it executes the program anew in its
 * own place, which starts both again. So a supervisor sees one process all the time, and the engine
 * needs no right to execute anything. The same is done for an engine that died of a signal.
 */
#ifndef IKEMESH_CMD_GUARDIAN_H
#define IKEMESH_CMD_GUARDIAN_H

#include <stdbool.h>

#define GUARDIAN_USER "ikemesh"
/* Of an engine that has left its state and wants a successor (sysexits.h: EX_TEMPFAIL). */
#define EXIT_SUCCEED 75

struct guardian_options {
	const char *run_dir, *state_dir;
	const char *user;	/* of the engine */
	const char *expose_dir; /* NULL: no keys are exposed */
	const char *program;	/* to be executed: as it was called */
	char *const *argv;	/* its arguments; what it is to be comes before them */
};

/* Exit status: the engine's; of one that a signal ended, 128 and its number. */
int guardian_run(const struct guardian_options *options);

#endif
