/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/events.h"
#include "cmd/ikemeshd/log.h"
#include "ike/message/iana.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 4096 /* octets; where pages are larger, some are touched twice */

struct kept {
	int64_t at_ms;
	struct report report; /* its text is in texts */
};

/* One mapping: texts of their own on the heap would keep it from shrinking after a storm. */
struct events {
	char stream[EVENTS_STREAM_LEN];
	uint64_t first, next; /* kept, and to come */
	struct kept ring[EVENTS_KEPT];
	size_t at; /* where the next text begins */
	char texts[EVENTS_TEXTS];
};

/* So what the daemon takes does not depend on how much has happened, and what grows is a leak. */
static void touch(volatile char *p, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE)
		p[i] = 0;
}

struct events *events_new(const char stream[static EVENTS_STREAM_LEN])
{
	struct events *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	touch((volatile char *)e, sizeof(*e));
	e->first = e->next = 1;
	snprintf(e->stream, sizeof(e->stream), "%s", stream);
	return e;
}

void events_free(struct events *e)
{
	free(e);
}

static struct kept *first_of(struct events *e)
{
	return &e->ring[e->first % EVENTS_KEPT];
}

/* Those whose texts begin in these octets are forgotten: they are the oldest ones. */
static void forget(struct events *e, size_t from, size_t to)
{
	while (e->first < e->next) {
		const size_t at = (size_t)(first_of(e)->report.text - e->texts);

		if (at < from || at >= to)
			return;
		e->first++;
	}
}

/* Room for n octets of text, in place of the oldest ones. */
static char *make_room(struct events *e, size_t n)
{
	char *text;

	if (n > EVENTS_TEXTS - e->at) {
		forget(e, e->at, EVENTS_TEXTS);
		e->at = 0;
	}
	forget(e, e->at, e->at + n);
	if (e->next - e->first == EVENTS_KEPT)
		e->first++;
	text = e->texts + e->at;
	e->at += n;
	return text;
}

void events_add(struct events *e, int64_t at_ms, const struct report *report)
{
	char text[EVENT_TEXT_LEN];
	struct kept *k;
	size_t n;

	log_escape(report->text, text, sizeof(text));
	n = strlen(text) + 1;
	char *kept = make_room(e, n);
	k = &e->ring[e->next++ % EVENTS_KEPT];
	k->at_ms = at_ms;
	k->report = *report;
	k->report.text = memcpy(kept, text, n);
}

uint64_t events_next(const struct events *e)
{
	return e->next;
}

bool events_is_stream(const struct events *e, const char *name)
{
	return strcmp(e->stream, name) == 0;
}

static uint64_t oldest(const struct events *e)
{
	return e->first;
}

static const struct kept *kept(const struct events *e, uint64_t number)
{
	return &e->ring[number % EVENTS_KEPT];
}

static bool is_asked_for(const struct kept *k, const struct events_question *q)
{
	return k->report.level <= q->most &&
	       (q->peer == NULL || ip_equal(q->peer, &k->report.remote));
}

uint64_t events_last(const struct events *e, const struct events_question *q, size_t n)
{
	uint64_t number = e->next;

	while (number > oldest(e) && n > 0) {
		number--;
		n -= is_asked_for(kept(e, number), q);
	}
	return number;
}

/* ---- one event ------------------------------------------------------------------------------- */

static json_t *time_json(int64_t at_ms)
{
	const time_t s = (time_t)(at_ms / 1000);
	char date[32] = "", text[48];
	struct tm tm;

	if (gmtime_r(&s, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03dZ", date, (int)(at_ms % 1000));
	return json_string(text);
}

static json_t *ip_json(const struct ip *ip)
{
	char text[IP_TEXT_LEN];

	return ip->family != 0 ? json_string(ip_text(ip, text)) : json_null();
}

static json_t *spi_json(uint64_t spi)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, spi);
	return spi != 0 ? json_string(text) : json_null();
}

static json_t *exchange_json(uint8_t exchange)
{
	return exchange != 0 ? json_string(exchange_name(exchange)) : json_null();
}

static json_t *name_json(const char *name)
{
	return name[0] != '\0' ? json_string(name) : json_null();
}

static json_t *event_json(const struct kept *k, uint64_t number)
{
	const struct report *r = &k->report;

	return json_pack(
		"{s:I, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "number",
		(json_int_t)number, "at", time_json(k->at_ms), "level", report_level_name(r->level),
		"event", name_json(happening_name(r->what)), "area", report_area_name(r->area),
		"reason", name_json(reason_name(r->reason)), "peer", ip_json(&r->remote), "local",
		ip_json(&r->local), "spi_i", spi_json(r->spi_i), "spi_r", spi_json(r->spi_r),
		"exchange", exchange_json(r->exchange), "text", r->text);
}

json_t *events_answer(const struct events *e, const struct events_question *q, size_t *n)
{
	const uint64_t from = q->from < 1 ? 1 : q->from > e->next ? e->next : q->from;
	uint64_t number = from < oldest(e) ? oldest(e) : from;
	const uint64_t lost = number - from;
	json_t *all = json_array();

	for (*n = 0; number < e->next && *n < EVENTS_AN_ANSWER; number++) {
		if (is_asked_for(kept(e, number), q))
			*n += json_array_append_new(all, event_json(kept(e, number), number)) == 0;
	}
	return json_pack("{s:s, s:s, s:I, s:I, s:o}", "format", "ikemesh-events/1", "stream",
			 e->stream, "next", (json_int_t)number, "lost", (json_int_t)lost, "events",
			 all);
}
