/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/fold.h"
#include "cmd/ikemeshd/clock.h"

#include <stdio.h>
#include <string.h>

void fold_init(struct fold *f, void (*sum)(void *arg, const struct fold_slot *slot), void *arg)
{
	memset(f, 0, sizeof(*f));
	f->sum = sum;
	f->arg = arg;
}

static void slot_end(struct fold *f, struct fold_slot *s)
{
	if (s->used && s->repeats > 0)
		f->sum(f->arg, s);
	s->used = false;
}

static struct mono slot_over_at(const struct fold_slot *s)
{
	return clock_after(s->since, FOLD_WINDOW_S * CLOCK_SECOND);
}

/* A text too long for its slot equals nothing: it is never held back. */
static bool slot_matches(const struct fold_slot *s, const struct report *r)
{
	const struct report *mine = &s->report;

	return s->used && mine->level == r->level && mine->area == r->area &&
	       mine->reason == r->reason && mine->spi_i == r->spi_i && mine->spi_r == r->spi_r &&
	       mine->exchange == r->exchange && ip_equal(&mine->local, &r->local) &&
	       ip_equal(&mine->remote, &r->remote) && strcmp(s->text, r->text) == 0;
}

static struct fold_slot *slot_for_new(struct fold *f)
{
	struct fold_slot *oldest = &f->slots[0];

	for (size_t i = 0; i < FOLD_SLOTS; i++) {
		if (!f->slots[i].used)
			return &f->slots[i];
		if (f->slots[i].since.us < oldest->since.us)
			oldest = &f->slots[i];
	}
	slot_end(f, oldest);
	return oldest;
}

bool fold_admit(struct fold *f, struct mono now, const struct report *report)
{
	struct fold_slot *s;

	fold_tick(f, now);
	for (size_t i = 0; i < FOLD_SLOTS; i++) {
		if (slot_matches(&f->slots[i], report)) {
			f->slots[i].repeats++;
			return false;
		}
	}
	s = slot_for_new(f);
	*s = (struct fold_slot){ .used = true, .since = now, .report = *report };
	snprintf(s->text, sizeof(s->text), "%s", report->text);
	s->report.text = s->text;
	return true;
}

struct mono fold_tick(struct fold *f, struct mono now)
{
	struct mono next = MONO_NEVER;

	for (size_t i = 0; i < FOLD_SLOTS; i++) {
		struct fold_slot *s = &f->slots[i];

		if (s->used && slot_over_at(s).us <= now.us)
			slot_end(f, s);
		if (s->used && s->repeats > 0)
			next = clock_earlier(next, slot_over_at(s));
	}
	return next;
}

void fold_flush(struct fold *f)
{
	for (size_t i = 0; i < FOLD_SLOTS; i++)
		slot_end(f, &f->slots[i]);
}
