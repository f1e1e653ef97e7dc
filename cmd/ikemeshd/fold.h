/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a message that repeats itself from filling the log: what is said again within the window
 * is counted, and told once as a sum when the window ends. Pure: time comes in.
 */
#ifndef IKEMESH_CMD_FOLD_H
#define IKEMESH_CMD_FOLD_H

#include "ike/action.h"

#define FOLD_SLOTS 32
#define FOLD_WINDOW_S 30 /* seconds */
#define FOLD_TEXT_LEN 640

struct fold_slot {
	bool used;
	struct mono since;
	unsigned repeats;     /* not told yet */
	struct report report; /* its text points to the line below */
	char text[FOLD_TEXT_LEN];
};

struct fold {
	struct fold_slot slots[FOLD_SLOTS];
	/* told when a window ends in which something was held back */
	void (*sum)(void *arg, const struct fold_slot *slot);
	void *arg;
};

void fold_init(struct fold *f, void (*sum)(void *arg, const struct fold_slot *slot), void *arg);

/* True: say it. False: it was counted. */
bool fold_admit(struct fold *f, struct mono now, const struct report *report);

/* Ends the windows that are over. Returns when the next one that holds something back ends. */
struct mono fold_tick(struct fold *f, struct mono now);
void fold_flush(struct fold *f); /* ends them all */

#endif
