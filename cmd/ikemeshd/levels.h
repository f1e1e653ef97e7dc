/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of each area is said: as configured, or for a while as somebody asked. Pure: time comes
 * in. What was asked for ends with the process: a restart says what the configuration says.
 */
#ifndef IKEMESH_CMD_LEVELS_H
#define IKEMESH_CMD_LEVELS_H

#include "ike/event.h"
#include "ike/level.h"

struct levels {
	enum report_level first;		 /* where the configuration says nothing */
	enum report_level usual[REPORT_N_AREAS]; /* as configured */
	struct {
		bool set;
		enum report_level level;
		struct mono until; /* MONO_NEVER: as long as this process lives */
	} asked[REPORT_N_AREAS];
};

void levels_init(struct levels *l, enum report_level first);

/* What the configuration says: by area the level and 1, 0 where it says nothing. */
void levels_configure(struct levels *l, const uint8_t configured[REPORT_N_AREAS]);

void levels_ask(struct levels *l, enum report_area area, enum report_level level,
		struct mono until);
void levels_forget(struct levels *l, enum report_area area); /* as configured again */

enum report_level levels_of(const struct levels *l, enum report_area area);

/* One whose time is over is as configured again, and is told: true; call again. */
bool levels_end(struct levels *l, struct mono now, enum report_area *ended);
/* When the next one ends; MONO_NEVER: none does. */
struct mono levels_next(const struct levels *l);

#endif
