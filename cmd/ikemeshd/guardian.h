/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where no service manager runs the keyholder: a process that does nothing but start it, and start
 * it again when it has ended, as long as the process lives that asked for it, whatever that
 * executes meanwhile. Then it ends the keyholder and itself.
 */
#ifndef IKEMESH_CMD_GUARDIAN_H
#define IKEMESH_CMD_GUARDIAN_H

struct guardian_options {
	const char *program; /* this one: each time anew, so that an upgrade has its own */
	const char *config_path;
	const char *user; /* whoever may ask besides root; NULL: nobody */
	int listener;	  /* of the keyholder */
};

/* From a process with one thread. 0 or negative errno. */
int guardian_start(const struct guardian_options *options);

/*
 * launch.c: what `ikemeshd` without --engine does: takes the run directory, makes the keyholder's
 * socket, has a guardian, and executes itself with --engine. Returns only if that fails, with an
 * exit status. The lock on the run directory goes along: see run_dir_take().
 */
struct daemon_options;
int daemon_launch(const struct daemon_options *options);

#endif
