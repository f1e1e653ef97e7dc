/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a SIGTERM means. A service manager sends the same signal for a stop, for a restart and when
 * the machine goes down; systemd says which of them it is, if it is asked while it waits for us.
 * The daemon itself has no way to it, and no right: the unit's ExecStop= asks (`ikemeshd
 * --stopping`, as root), and sends the answer with the signal.
 */
#ifndef IKEMESH_CMD_STOP_H
#define IKEMESH_CMD_STOP_H

#include <stdbool.h>
#include <sys/signalfd.h>

enum stop_kind {
	STOP_FOR_GOOD, /* also without systemd, and where it has no job for us (a plain kill) */
	STOP_RESTART,
	STOP_SHUTDOWN, /* the machine goes down */
	STOP_UNKNOWN,  /* there is a systemd, and it does not say */
};

/* For the unit of this process. Waits for a second at most. */
enum stop_kind stop_ask(void);

/* What nobody has told us of: STOP_FOR_GOOD without systemd, else STOP_UNKNOWN. */
enum stop_kind stop_untold(void);

/* SIGTERM to the unit's main process, with the kind. Exit status of `ikemeshd --stopping`. */
int stop_tell(void);
/* true: that was such a signal, from root. */
bool stop_told(const struct signalfd_siginfo *info, enum stop_kind *kind);

const char *stop_kind_name(enum stop_kind kind);

/* The kind, from what systemd says: its SystemState, and the JobType of our unit's job, "" if it
 * has none. */
enum stop_kind stop_judge(const char *system_state, const char *job_type);

#endif
