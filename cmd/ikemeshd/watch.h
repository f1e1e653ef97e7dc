/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks every hour, after a reload, and when the clock was set, what of our certificates, the CAs
 * and the peers' ends soon, and has it said.
 */
#ifndef IKEMESH_CMD_WATCH_H
#define IKEMESH_CMD_WATCH_H

#include "cmd/ikemeshd/ending.h"

struct watch;

int watch_open(struct watch **out); /* 0 or negative errno */
void watch_close(struct watch *w);  /* NULL is fine */

/* Readable when it is time to look again. */
int watch_fd(const struct watch *w);

/* Looks now, and arms itself for the next time. */
void watch_look(struct watch *w, const struct ending *e, const uint32_t *days, size_t n_days,
		time_t now, expiry_say *say, void *arg);

#endif
