/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/admission.h"

#include "ike/pair.h"

#define TOKEN_US (INT64_C(1000000) / ADMISSION_PER_S)

static struct pair **queue_of(struct engine *e, const struct pair *p)
{
	return p->turn == TURN_KNOWN ? &e->known : &e->strangers;
}

static struct pair *first(const struct engine *e)
{
	return e->known != NULL ? e->known : e->strangers;
}

void admission_forget(struct engine *e, struct pair *p)
{
	if (p->turn == TURN_NONE)
		return;
	DL_DELETE2(*queue_of(e, p), p, turn_prev, turn_next);
	p->turn = TURN_NONE;
	e->counters.waiting--;
}

static void refill(struct engine *e)
{
	struct bucket *b = &e->starts;
	const int64_t more = (e->now.us - b->at.us) / TOKEN_US;

	if (more <= 0)
		return;
	if (more >= ADMISSION_BURST - (int64_t)b->tokens) {
		b->tokens = ADMISSION_BURST;
		b->at = e->now;
	} else {
		b->tokens += (unsigned)more;
		b->at = mono_after(b->at, more * TOKEN_US); /* what is left over counts on */
	}
}

static bool needs_turn(const struct engine *e, const struct pair *p)
{
	return pair_is_wanted(e, p) && !pair_is_connecting(e, p) && pair_live_child(p) == NULL;
}

static void serve(struct engine *e)
{
	struct pair *p;

	refill(e);
	while (e->starts.tokens > 0 && (p = first(e)) != NULL) {
		admission_forget(e, p);
		if (!needs_turn(e, p)) {
			pair_release(e, p);
			continue;
		}
		e->starts.tokens--;
		act_group(e); /* whatever is under way for another pair may fail */
		pair_initiate(e, p);
	}
	if (first(e) != NULL)
		deadline_arm(&e->deadlines, &e->admission, mono_after(e->starts.at, TOKEN_US));
	else
		deadline_disarm(&e->deadlines, &e->admission);
}

void admission_ask(struct engine *e, struct pair *p)
{
	if (p->turn != TURN_NONE)
		return;
	p->turn = p->answered ? TURN_KNOWN : TURN_STRANGER;
	DL_APPEND2(*queue_of(e, p), p, turn_prev, turn_next);
	e->counters.waiting++;
	serve(e);
}

void admission_succeeded(struct engine *e)
{
	if (e->starts.tokens < ADMISSION_BURST)
		e->starts.tokens++;
	serve(e);
}

void admission_timer(struct engine *e)
{
	serve(e);
}
