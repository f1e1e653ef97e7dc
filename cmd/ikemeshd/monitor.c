/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, for whoever watches it by `ikectl monitor`. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "crypto/suite.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* However much happens, who watches is served no more often. */
#define TELL_EVERY_US (CLOCK_SECOND / 10)

static void on_report(void *arg, int64_t at_ms, const struct report *report)
{
	struct daemon *d = arg;

	events_add(d->events, at_ms, report);
}

int daemon_monitor_start(struct daemon *d)
{
	char stream[EVENTS_STREAM_LEN];
	uint64_t random = 0;

	if (random_fill((uint8_t *)&random, sizeof(random)) != 0)
		return -EIO;
	snprintf(stream, sizeof(stream), "%016" PRIx64, random);
	d->events = events_new(stream);
	if (d->events == NULL)
		return -ENOMEM;
	d->events_told = events_next(d->events);
	log_watch(d->log, on_report, d);
	return 0;
}

struct mono daemon_monitor_deadline(const struct daemon *d)
{
	return d->events_told != events_next(d->events) ? d->tell_at : MONO_NEVER;
}

void daemon_monitor_tick(struct daemon *d)
{
	const struct mono now = daemon_now(d);

	if (d->events_told == events_next(d->events))
		return;
	/* Who comes later asks for himself, and is no reason to wake up now. */
	if (!control_is_watched(d->control)) {
		d->events_told = events_next(d->events);
		return;
	}
	if (d->tell_at.us > now.us)
		return;
	d->events_told = events_next(d->events);
	d->tell_at = clock_after(now, TELL_EVERY_US);
	control_wake(d->control);
}

/* ---- the request ----------------------------------------------------------------------------- */

struct question {
	struct events_question q;
	struct ip peer;
	json_int_t last;
	bool wait;
};

/* NULL: it is read. */
static json_t *read_question(const struct daemon *d, const json_t *request, struct question *out)
{
	const json_t *peer = json_object_get(request, "peer");
	const json_t *level = json_object_get(request, "level");
	const json_t *from = json_object_get(request, "from");
	const char *stream = json_string_value(json_object_get(request, "stream"));

	out->q.most = REPORT_INFO;
	if (peer != NULL &&
	    (!json_is_string(peer) || !ip_parse(json_string_value(peer), &out->peer)))
		return control_error("\"peer\" must be the peer's IPv4 or IPv6 address");
	if (level != NULL &&
	    (!json_is_string(level) || !report_level_parse(json_string_value(level), &out->q.most)))
		return control_error("\"level\" must be error, warning, notice, info or debug");
	if (from != NULL && (!json_is_integer(from) || json_integer_value(from) < 0))
		return control_error("\"from\" must be the number of an event");
	out->q.peer = peer != NULL ? &out->peer : NULL;
	out->last = json_integer_value(json_object_get(request, "last"));
	out->wait = from != NULL && json_is_true(json_object_get(request, "wait"));
	if (from == NULL)
		out->q.from =
			events_last(d->events, &out->q, out->last > 0 ? (size_t)out->last : 0);
	else if (stream == NULL || events_is_stream(d->events, stream))
		out->q.from = (uint64_t)json_integer_value(from);
	else
		out->q.from = 1; /* those numbers were another daemon's */
	return NULL;
}

json_t *daemon_answer_events(struct daemon *d, const json_t *request)
{
	struct question question = { .wait = false };
	json_t *answer = read_question(d, request, &question);
	size_t n = 0;

	if (answer != NULL)
		return answer;
	answer = events_answer(d->events, &question.q, &n);
	if (n > 0 || !question.wait)
		return answer;
	json_decref(answer);
	return json_null();
}
