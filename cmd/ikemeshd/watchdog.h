/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd hears of our health (sd_notify(3)): that the loop turns, and how long a start may
 * take. Where nobody listens all this does nothing.
 */
#ifndef IKEMESH_CMD_WATCHDOG_H
#define IKEMESH_CMD_WATCHDOG_H

#include "cmd/ikemeshd/loop.h"

struct watchdog;

/*
 * From the loop, twice in each WatchdogSec= of the unit: a loop that hangs says nothing. *out is
 * NULL if none is wanted. 0 or negative errno.
 */
int watchdog_open(struct loop *l, struct watchdog **out);
void watchdog_close(struct watchdog *w); /* NULL is fine; before the loop's own end */

/* A start may take so long from now on, where TimeoutStartSec= is shorter. */
void watchdog_start_within(unsigned seconds);

#endif
