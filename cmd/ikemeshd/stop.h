/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a SIGTERM means. A service manager sends the same signal for a stop, for a restart and when
 * the machine goes down; systemd says which of them it is, if it is asked while it waits for us.
 */
#ifndef IKEMESH_CMD_STOP_H
#define IKEMESH_CMD_STOP_H

enum stop_kind {
	STOP_FOR_GOOD, /* also without systemd, and where it has no job for us (a plain kill) */
	STOP_RESTART,
	STOP_SHUTDOWN, /* the machine goes down */
	STOP_UNKNOWN,  /* there is a systemd, and it does not say */
};

/* Waits for a second at most. */
enum stop_kind stop_ask(void);

const char *stop_kind_name(enum stop_kind kind);

/* The kind, from what systemd says: its SystemState, and the JobType of our unit's job, "" if it
 * has none. */
enum stop_kind stop_judge(const char *system_state, const char *job_type);

#endif
