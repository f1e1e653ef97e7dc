/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl reload`, and when it is time for one: an agent that renews a certificate writes several
 * files, one after the other, and a reload between two of them is refused.
 */
#ifndef IKEMESH_CTL_RELOAD_H
#define IKEMESH_CTL_RELOAD_H

#include "cmd/ikectl/command.h"

#include <getopt.h>
#include <stdint.h>

/*
 * A number that becomes another one when any of these files is written, replaced, made or removed,
 * or one that lies straight in these directories. list has absolute paths between commas; what is
 * not there may come yet. 0 or negative errno: -EINVAL: list names nothing, or no absolute path.
 */
int reload_mark(const char *list, uint64_t *mark);

/*
 * Returns when nothing of the list has changed for quiet_ms, but after most_ms in any case; *mark
 * is as it was found last. 0 or as reload_mark().
 */
int reload_settle(const char *list, unsigned quiet_ms, unsigned most_ms, uint64_t *mark);

enum status reload_run(const struct invocation *in);
extern const struct option reload_options[];

#endif
