/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode in force (config/mode.h), and the way back from one that nobody confirmed.
 *
 * What is confirmed stands in STATE_DIR/mode; what awaits confirmation does not, so that a daemon
 * that is killed, or a host that reboots, comes up with what was confirmed last. A mode for all
 * that needs no confirmation replaces whatever was pending. One for a single subnet would confirm
 * by the way what it stands on: it is refused while something is pending, unless it is to be
 * confirmed too; then it is added, and the time begins anew for both. The way back always leads to
 * what was confirmed last.
 */
#ifndef IKEMESH_CMD_MODE_SWITCH_H
#define IKEMESH_CMD_MODE_SWITCH_H

#include "config/mode.h"
#include "ike/event.h"

struct mode_switch {
	const char *state_dir; /* borrowed; NULL: nothing outlives the daemon, nor can be saved */
	struct mode confirmed; /* as in the file */
	struct mode now;       /* in force */
	struct mono back_at;   /* MONO_NEVER: now is confirmed */
	char *fault; /* the file could not be read: enforced until a mode is saved. NULL: all well
		      */
};

void mode_switch_wipe(struct mode_switch *s);

/* Reads the file into *s, which is empty. An error of mode_load() is told in fault. */
int mode_switch_load(struct mode_switch *s, const char *state_dir);

bool mode_switch_is_pending(const struct mode_switch *s);

/*
 * What the mode would be: now, with this choice, for all (net NULL) or one subnet. out is the
 * caller's. -ENOMEM.
 */
int mode_switch_try(const struct mode_switch *s, const struct subnet *net, enum mode_choice choice,
		    struct mode *out);

/*
 * Takes it, in memory (within_us > 0: until now + within_us unless it is confirmed) or for good.
 * net as for mode_switch_try(). Error: nothing changed, and why says it: -EBUSY if something
 * pending is in the way.
 */
int mode_switch_choose(struct mode_switch *s, const struct subnet *net, enum mode_choice choice,
		       struct mono now, int64_t within_us, char why[static MODE_TEXT_LEN]);

/* -ENOENT: nothing is pending. Another error: it could not be saved, and time goes on. */
int mode_switch_confirm(struct mode_switch *s, char why[static MODE_TEXT_LEN]);

/* Goes back to what was confirmed, whatever the time. false: nothing was pending. */
bool mode_switch_back(struct mode_switch *s);

/* The same if its time has come. */
bool mode_switch_tick(struct mode_switch *s, struct mono now);

#endif
