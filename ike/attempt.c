/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/attempt.h"

#include "ike/proposal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All but the texts, and these, each with its final NUL. */
struct past_attempt {
	union {
		struct mono align;
		uint8_t fields[offsetof(struct status_attempt, reason)];
	};
	char texts[];
};

static bool is_short(size_t texts)
{
	return sizeof(struct past_attempt) + texts <= ATTEMPT_SHORT;
}

struct past_attempt *attempt_pack(struct engine *e, const struct status_attempt *a)
{
	const size_t reason = strlen(a->reason) + 1, offered = strlen(a->offered) + 1;
	struct past_attempt *p = is_short(reason + offered) ? store_take(&e->attempt_store)
							    : malloc(sizeof(*p) + reason + offered);

	if (p == NULL)
		return NULL;
	memcpy(p->fields, a, sizeof(p->fields));
	memcpy(p->texts, a->reason, reason);
	memcpy(p->texts + reason, a->offered, offered);
	return p;
}

void attempt_free(struct engine *e, struct past_attempt *p)
{
	size_t reason;

	if (p == NULL)
		return;
	reason = strlen(p->texts) + 1;
	if (is_short(reason + strlen(p->texts + reason) + 1))
		store_give(&e->attempt_store, p);
	else
		free(p);
}

void attempt_unpack(const struct past_attempt *p, struct status_attempt *out)
{
	const size_t reason = strlen(p->texts) + 1;

	memset(out, 0, sizeof(*out));
	memcpy(out, p->fields, sizeof(p->fields));
	memcpy(out->reason, p->texts, reason);
	memcpy(out->offered, p->texts + reason, strlen(p->texts + reason) + 1);
}

void attempt_amend(struct engine *e, struct past_attempt **p, const struct status_attempt *a)
{
	struct past_attempt *other = attempt_pack(e, a);

	if (other == NULL)
		return;
	attempt_free(e, *p);
	*p = other;
}

struct status_attempt *attempt_new(const struct engine *e, bool initiator)
{
	struct status_attempt *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->started_at = e->now;
	a->ended_at = MONO_NEVER;
	a->initiator = initiator;
	a->stage = STAGE_INIT;
	return a;
}

void attempt_silent(struct ike_sa *sa, bool silent)
{
	if (sa->attempt != NULL)
		sa->attempt->silent = silent;
}

void attempt_unreachable(struct ike_sa *sa, int error)
{
	struct status_attempt *a = sa->attempt;

	if (a == NULL)
		return;
	a->unreachable = error;
	if (a->reason[0] == '\0')
		snprintf(a->reason, sizeof(a->reason), "no answer yet; the network says: %s",
			 strerror(-error));
}

void attempt_judged(struct ike_sa *sa, enum verdict verdict)
{
	if (sa->attempt != NULL)
		sa->attempt->verdict = verdict;
}

void attempt_offered(struct ike_sa *sa, const struct sa_view *offer)
{
	if (sa->attempt != NULL)
		proposals_text(offer, sa->attempt->offered, sizeof(sa->attempt->offered));
}
