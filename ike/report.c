/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/report.h"

#include <string.h>

static const char *const levels[REPORT_LEVELS] = {
	[REPORT_ERROR] = "error", [REPORT_WARNING] = "warning", [REPORT_NOTICE] = "notice",
	[REPORT_INFO] = "info",	  [REPORT_DEBUG] = "debug",
};

static const struct {
	const char *name, *text;
} areas[REPORT_N_AREAS] = {
#define X(id, name, text) [AREA_##id] = { name, text },
	REPORT_AREAS(X)
#undef X
};

static const char *const reasons[N_REASONS] = { [REASON_NONE] = "",
#define X(id, name) [REASON_##id] = name,
						REASONS(X)
#undef X
};

static const char *const happenings[N_HAPPENINGS] = { [HAPPENING_NONE] = "",
#define X(id, name) [HAPPENING_##id] = name,
						      HAPPENINGS(X)
#undef X
};

const char *report_level_name(enum report_level level)
{
	return levels[level];
}

const char *report_area_name(enum report_area area)
{
	return areas[area].name;
}

const char *report_area_text(enum report_area area)
{
	return areas[area].text;
}

const char *happening_name(enum happening what)
{
	return happenings[what];
}

const char *reason_name(enum reason reason)
{
	return reasons[reason];
}

bool report_level_parse(const char *name, enum report_level *out)
{
	for (size_t i = 0; i < REPORT_LEVELS; i++) {
		if (strcmp(levels[i], name) == 0) {
			*out = (enum report_level)i;
			return true;
		}
	}
	return false;
}

bool report_area_parse(const char *name, enum report_area *out)
{
	for (size_t i = 0; i < REPORT_N_AREAS; i++) {
		if (strcmp(areas[i].name, name) == 0) {
			*out = (enum report_area)i;
			return true;
		}
	}
	return false;
}
