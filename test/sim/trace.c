/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/trace.h"

#include "ike/message/message.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

void trace_init(struct trace *t)
{
	*t = (struct trace){ .hash = FNV_START };
	t->loud = getenv("IKEMESH_SIM_TRACE") != NULL;
}

void trace_free(struct trace *t)
{
	free(t->lines);
	t->lines = NULL;
}

void trace_line(struct trace *t, struct mono now, const char *format, ...)
{
	char *line;
	va_list ap;
	int n;

	if (t->off)
		return;
	if (t->lines == NULL)
		t->lines = calloc(TRACE_LINES, sizeof *t->lines);
	if (t->lines == NULL)
		abort();
	line = t->lines[t->n++ % TRACE_LINES];
	n = snprintf(line, TRACE_LINE, "%4lld.%06lld ", (long long)(now.us / 1000000),
		     (long long)(now.us % 1000000));
	va_start(ap, format);
	vsnprintf(line + n, TRACE_LINE - (size_t)n, format, ap);
	va_end(ap);
	for (const char *c = line; *c != '\0'; c++)
		t->hash = (t->hash ^ (uint8_t)*c) * FNV_PRIME;
	if (t->loud)
		fprintf(stderr, "%s\n", line);
}

static size_t put(char *out, size_t size, size_t at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static size_t put(char *out, size_t size, size_t at, const char *format, ...)
{
	va_list ap;
	int n;

	if (at >= size)
		return at;
	va_start(ap, format);
	n = vsnprintf(out + at, size - at, format, ap);
	va_end(ap);
	return n < 0 ? at : at + (size_t)n;
}

const char *trace_datagram(struct bytes datagram, char *out, size_t size)
{
	struct payloads *ps = calloc(1, sizeof *ps);
	struct ike_header h;
	uint8_t inner_first;
	size_t at;

	if (ps == NULL)
		abort();
	if (ike_header_decode(datagram, &h) != DECODE_OK) {
		snprintf(out, size, "%zu octets that are no message", datagram.n);
		free(ps);
		return out;
	}
	at = put(out, size, 0, "%s %s %u %c, %zu octets {", exchange_name(h.exchange),
		 h.response ? "answer" : "request", (unsigned)h.message_id, h.initiator ? 'I' : 'R',
		 datagram.n);
	payloads_decode(h.next_payload,
			BYTES(datagram.p + IKE_HEADER_LEN, datagram.n - IKE_HEADER_LEN), ps,
			&inner_first);
	for (size_t i = 0; i < ps->n; i++)
		at = put(out, size, at, " %s %zu", payload_name(ps->p[i].type), ps->p[i].body.n);
	put(out, size, at, " }");
	free(ps);
	return out;
}

void trace_print(const struct trace *t, size_t lines)
{
	uint64_t from = t->n > lines ? t->n - lines : 0;

	if (t->n - from > TRACE_LINES)
		from = t->n - TRACE_LINES;
	for (uint64_t i = from; i < t->n; i++)
		fprintf(stderr, "%s\n", t->lines[i % TRACE_LINES]);
}
