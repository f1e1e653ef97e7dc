/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one clock that the core is told. CLOCK_BOOTTIME, not CLOCK_MONOTONIC: the kernel counts an
 * SA's lifetime through a suspend, and so does every peer; a deadline that slept would be late.
 */
#ifndef IKEMESH_CMD_CLOCK_H
#define IKEMESH_CMD_CLOCK_H

#include "ike/event.h"

#define CLOCK_SECOND ((int64_t)1000000)

struct mono clock_now(void);
struct mono clock_after(struct mono at, int64_t us); /* MONO_NEVER stays */
struct mono clock_earlier(struct mono a, struct mono b);
/*
 * The next whole multiple of it behind now: what is not urgent falls together, and one wake-up
 * serves all. The core's looks at idle pairs are on such a grid, too.
 */
#define CLOCK_REST_US (5 * CLOCK_SECOND)
struct mono clock_on_grid(struct mono now, int64_t us);
int64_t clock_seconds_since(struct mono now, struct mono then); /* never below 0 */

#endif
