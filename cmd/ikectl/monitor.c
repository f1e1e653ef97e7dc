/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/monitor.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/progress.h"
#include "ike/ip.h"
#include "ike/level.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const struct option monitor_options[] = {
	{ "last", required_argument, NULL, 0 },
	{ "count", required_argument, NULL, 0 },
	{ "level", required_argument, NULL, 0 },
	{ 0 },
};

#define AGAIN_MS 1000 /* between two questions where the daemon does not let us wait */

/* ---- what is shown --------------------------------------------------------------------------- */

/* "14:03:12.512" of "2026-11-22T13:03:12.512Z": local time, with the milliseconds as they stand. */
static const char *local_time(const char *at, char out[static 32])
{
	struct tm tm = { 0 }, local;
	const char *rest = strptime(at, "%Y-%m-%dT%H:%M:%S", &tm);
	const time_t t = timegm(&tm);
	char seconds[16];

	if (rest == NULL || localtime_r(&t, &local) == NULL)
		return at;
	strftime(seconds, sizeof(seconds), "%H:%M:%S", &local);
	snprintf(out, 32, "%s%.4s", seconds, rest);
	return out;
}

static const char *paint_of(const json_t *event, const struct palette *p)
{
	if (json_is_string(get(event, "event")))
		return colour_of_state(p, text(event, "event"));
	if (is(event, "level", "error"))
		return p->bad;
	return is(event, "level", "warning") ? p->warning : p->plain;
}

static void show_event(const json_t *event, const struct palette *p, FILE *out)
{
	const char *what =
		json_is_string(get(event, "event")) ? text(event, "event") : text(event, "area");
	const char *peer = text(event, "peer"), *reason = text(event, "reason");
	char at[32];

	fprintf(out, "%s%s%s %s%-12s%s %s%s%s", p->dim, local_time(text(event, "at"), at), p->plain,
		paint_of(event, p), what, p->plain, peer, peer[0] != '\0' ? ": " : "",
		text(event, "text"));
	if (reason[0] != '\0')
		fprintf(out, " (%s)", reason);
	fprintf(out, "\n");
}

void monitor_cut(json_t *answer, uint64_t most)
{
	json_t *events = json_object_get(answer, "events");

	while (most > 0 && json_array_size(events) > most)
		json_array_remove(events, json_array_size(events) - 1);
}

size_t monitor_show(const json_t *answer, const struct palette *p, FILE *out)
{
	const json_int_t lost = number(answer, "lost");
	const json_t *event;

	if (lost > 0)
		fprintf(out, "%s--- %lld event%s lost ---%s\n", p->bad, (long long)lost,
			lost == 1 ? " was" : "s were", p->plain);
	EACH(get(answer, "events"), event)
	{
		show_event(event, p, out);
	}
	return json_array_size(get(answer, "events"));
}

static void show_line(const json_t *object, FILE *out)
{
	json_dumpf(object, out, JSON_COMPACT);
	fprintf(out, "\n");
}

size_t monitor_show_json(const json_t *answer, FILE *out)
{
	const json_int_t lost = number(answer, "lost");
	json_t *note;
	const json_t *event;

	if (lost > 0) {
		note = json_pack("{s:s, s:I}", "event", "lost", "count", lost);
		show_line(note, out);
		json_decref(note);
	}
	EACH(get(answer, "events"), event)
	{
		show_line(event, out);
	}
	return json_array_size(get(answer, "events"));
}

/* ---- watching -------------------------------------------------------------------------------- */

struct watching {
	const struct invocation *in;
	const struct palette *palette;
	uint64_t last, count; /* count 0: without an end */
	json_int_t next;
	char stream[32];
	bool begun, away, over;
};

static json_t *question(const struct watching *w)
{
	const char *level = command_option(w->in, "level");
	json_t *q = json_pack("{s:s}", "command", "events");

	if (w->in->argument != NULL)
		json_object_set_new(q, "peer", json_string(w->in->argument));
	if (level != NULL)
		json_object_set_new(q, "level", json_string(level));
	if (w->begun) {
		json_object_set_new(q, "from", json_integer(w->next));
		json_object_set_new(q, "stream", json_string(w->stream));
		json_object_set_new(q, "wait", json_true());
	} else {
		json_object_set_new(q, "last", json_integer((json_int_t)w->last));
	}
	return q;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static size_t take(struct watching *w, json_t *answer)
{
	size_t n;

	monitor_cut(answer, w->count);
	n = w->in->json ? monitor_show_json(answer, stdout)
			: monitor_show(answer, w->palette, stdout);

	/* A full disk does not become empty by what is told to it: main() tells why. */
	w->over = fflush(stdout) != 0 || ferror(stdout) != 0;
	w->begun = true;
	w->next = number(answer, "next");
	snprintf(w->stream, sizeof(w->stream), "%s", text(answer, "stream"));
	if (w->count > 0 && n >= w->count)
		w->over = true;
	else if (w->count > 0)
		w->count -= n;
	return n;
}

/* A daemon that starts anew is waited for; one that was never there is not. */
static bool is_away_for_now(struct watching *w, int err, const char *error)
{
	if (!w->begun || err == 0 || err == -EACCES || err == -EPERM)
		return false;
	if (!w->away)
		fprintf(stderr, "ikectl: %s; waiting for it\n", error);
	w->away = true;
	pause_ms(AGAIN_MS);
	return true;
}

static enum status watch(struct watching *w)
{
	char error[CLIENT_ERROR_LEN];

	while (!w->over) {
		const int64_t asked_ms = progress_now_ms();
		json_t *q = question(w), *answer;
		int err = 0;

		answer = client_ask(w->in->run_dir, q, &err, error);
		json_decref(q);
		if (answer == NULL && !is_away_for_now(w, err, error)) {
			fprintf(stderr, "ikectl: %s\n", error);
			return command_status(err);
		}
		if (answer == NULL)
			continue;
		w->away = false;
		/* Nothing, and at once: too many watch, and we are not let wait. */
		if (take(w, answer) == 0 && progress_now_ms() - asked_ms < AGAIN_MS)
			pause_ms(AGAIN_MS);
		json_decref(answer);
	}
	return STATUS_GOOD;
}

static bool read_number(const struct invocation *in, const char *name, uint64_t *out)
{
	const char *text = command_option(in, name);
	char *end;

	if (text == NULL)
		return true;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= 1000000;
}

enum status monitor_run(const struct invocation *in)
{
	struct watching w = { .in = in, .palette = colour_for(in->colour, STDOUT_FILENO) };
	const char *level = command_option(in, "level");
	enum report_level parsed;
	struct ip peer;

	if (in->argument != NULL && !ip_parse(in->argument, &peer))
		return command_misuse("not an IPv4 or IPv6 address", in->argument);
	if (level != NULL && !report_level_parse(level, &parsed))
		return command_misuse("--level takes error, warning, notice, info or debug", level);
	if (!read_number(in, "last", &w.last) || !read_number(in, "count", &w.count))
		return command_misuse("--last and --count take numbers", NULL);
	return watch(&w);
}
