/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/levels.h"
#include "cmd/ikemeshd/clock.h"

void levels_init(struct levels *l, enum report_level first)
{
	*l = (struct levels){ .first = first };
	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		l->usual[i] = first;
}

void levels_configure(struct levels *l, const uint8_t configured[REPORT_N_AREAS])
{
	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		l->usual[i] =
			configured[i] != 0 ? (enum report_level)(configured[i] - 1) : l->first;
}

void levels_ask(struct levels *l, enum report_area area, enum report_level level, struct mono until)
{
	l->asked[area].set = true;
	l->asked[area].level = level;
	l->asked[area].until = until;
}

void levels_forget(struct levels *l, enum report_area area)
{
	l->asked[area].set = false;
}

enum report_level levels_of(const struct levels *l, enum report_area area)
{
	return l->asked[area].set ? l->asked[area].level : l->usual[area];
}

bool levels_end(struct levels *l, struct mono now, enum report_area *ended)
{
	for (size_t i = 0; i < REPORT_N_AREAS; i++) {
		if (l->asked[i].set && l->asked[i].until.us <= now.us) {
			l->asked[i].set = false;
			*ended = (enum report_area)i;
			return true;
		}
	}
	return false;
}

struct mono levels_next(const struct levels *l)
{
	struct mono next = MONO_NEVER;

	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		if (l->asked[i].set)
			next = clock_earlier(next, l->asked[i].until);
	return next;
}
