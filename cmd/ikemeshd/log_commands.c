/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl log`: how much is said of what, and for how long. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <string.h>

#define LOG_AREA AREA_CONTROL
#define FOR_MAX_S (7 * 86400)

static json_t *area_json(const struct levels *l, enum report_area area, struct mono now)
{
	const struct mono until = l->asked[area].until;
	const bool ends = l->asked[area].set && until.us != MONO_NEVER.us;

	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "area", report_area_name(area), "level",
			 report_level_name(levels_of(l, area)), "configured",
			 report_level_name(l->usual[area]), "text", report_area_text(area),
			 "back_in_s",
			 ends ? json_integer((until.us - now.us) / CLOCK_SECOND) : json_null());
}

static json_t *log_json(const struct log *log, const struct levels *l)
{
	const struct log_state state = log_state(log);
	json_t *areas = json_array();

	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		json_array_append_new(areas, area_json(l, (enum report_area)i, clock_now()));
	return json_pack("{s:b, s:s, s:s, s:I, s:o, s:o}", "ok", 1, "format", "ikemesh-log/1",
			 "target", state.target, "lost", (json_int_t)state.lost, "error",
			 state.error != 0 ? json_string(strerror(-state.error)) : json_null(),
			 "areas", areas);
}

/* What is asked for: level REPORT_LEVELS stands for "default". */
struct wish {
	enum report_area from, to; /* both are meant, and those between */
	int level;
	struct mono until;
};

/* NULL: wish is filled in. */
static json_t *read_wish(const json_t *request, const char *level, struct wish *w)
{
	const char *area = json_string_value(json_object_get(request, "area"));
	const json_t *s = json_object_get(request, "for_s");
	enum report_level to = REPORT_ERROR;

	*w = (struct wish){ .to = REPORT_N_AREAS - 1, .until = MONO_NEVER };
	if (area != NULL && !report_area_parse(area, &w->from))
		return control_error("there is no area \"%s\": `ikectl log` lists them", area);
	if (area != NULL)
		w->to = w->from;
	w->level = REPORT_LEVELS;
	if (strcmp(level, "default") != 0 && !report_level_parse(level, &to))
		return control_error("a level is error, warning, notice, info, debug or default");
	if (strcmp(level, "default") != 0)
		w->level = to;
	if (s == NULL)
		return NULL;
	if (!json_is_integer(s) || json_integer_value(s) < 1 || json_integer_value(s) > FOR_MAX_S)
		return control_error("\"for_s\" is a number of seconds, 7 days at most");
	w->until = clock_after(clock_now(), json_integer_value(s) * CLOCK_SECOND);
	return NULL;
}

static void grant(struct levels *l, const struct wish *w)
{
	for (enum report_area a = w->from; a <= w->to; a++) {
		if (w->level == REPORT_LEVELS)
			levels_forget(l, a);
		else
			levels_ask(l, a, (enum report_level)w->level, w->until);
	}
}

json_t *daemon_answer_log(struct daemon *d, const json_t *request)
{
	const char *level = json_string_value(json_object_get(request, "level"));
	const json_t *s = json_object_get(request, "for_s");
	struct levels *l = log_levels(d->log);
	struct wish w;
	json_t *no = level != NULL ? read_wish(request, level, &w) : NULL;

	if (no != NULL)
		return no;
	if (level != NULL) {
		char within[32] = "";

		grant(l, &w);
		if (w.level < REPORT_LEVELS && s != NULL)
			snprintf(within, sizeof(within), " for %lld s",
				 (long long)json_integer_value(s));
		log_text(d->log, REPORT_NOTICE, "the log level of %s is %s%s, as was asked for",
			 w.from == w.to ? report_area_name(w.from) : "all areas",
			 w.level == REPORT_LEVELS ? "as configured" : level, within);
	}
	return log_json(d->log, l);
}
