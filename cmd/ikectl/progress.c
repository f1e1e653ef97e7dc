/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/progress.h"
#include "cmd/ikectl/colour.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#define LINE_START "\r\033[K" /* and what stood there goes */

int64_t progress_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_begin_on(struct progress *p, FILE *out, bool able, int64_t now_ms)
{
	*p = (struct progress){ .out = out, .able = able, .next_ms = now_ms + PROGRESS_AFTER_MS };
}

void progress_begin(struct progress *p, int64_t now_ms)
{
	progress_begin_on(p, stderr, terminal_is_able(STDERR_FILENO), now_ms);
}

void progress_show(struct progress *p, int64_t now_ms, const char *format, ...)
{
	char text[80]; /* longer ones would wrap, and stay */
	va_list args;

	if (!p->able || now_ms < p->next_ms)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(p->out, LINE_START "%s", text);
	fflush(p->out);
	p->next_ms = now_ms + PROGRESS_EVERY_MS;
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (!p->shown)
		return;
	fprintf(p->out, LINE_START);
	fflush(p->out);
	p->shown = false;
}
