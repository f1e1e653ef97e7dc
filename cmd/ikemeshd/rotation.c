/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/rotation.h"

#include <errno.h>
#include <stdlib.h>

int rotation_begin(struct rotation *r, const struct peers *connected, uint32_t credential,
		   struct mono now)
{
	struct rotation_target *targets = calloc(connected->n + 1, sizeof(*targets));

	if (targets == NULL)
		return -ENOMEM;
	rotation_free(r);
	for (size_t i = 0; i < connected->n; i++)
		targets[i] = (struct rotation_target){ .local = connected->p[i].local,
						       .remote = connected->p[i].remote };
	*r = (struct rotation){
		.targets = targets, .n = connected->n, .credential = credential, .started = now
	};
	r->count[ROTATION_WAITS] = r->n;
	r->ended = r->n > 0 ? MONO_NEVER : now;
	return 0;
}

void rotation_free(struct rotation *r)
{
	free(r->targets);
	*r = (struct rotation){ 0 };
}

static int compare(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;
	int d = ip_compare(&x->remote, &y->remote);

	return d != 0 ? d : ip_compare(&x->local, &y->local);
}

static const struct peer *find(const struct peers *ps, const struct rotation_target *t)
{
	const struct peer key = { .local = t->local, .remote = t->remote };

	return ps->n > 0 ? bsearch(&key, ps->p, ps->n, sizeof(key), compare) : NULL;
}

static void become(struct rotation *r, struct rotation_target *t, enum rotation_state state)
{
	r->count[t->state]--;
	t->state = state;
	r->count[state]++;
}

static bool is_over(const struct rotation_target *t)
{
	return t->state >= ROTATION_DONE;
}

/* What has become of it since. A reload meanwhile may have brought a still newer certificate. */
static void look(struct rotation *r, struct rotation_target *t, const struct peer *p,
		 struct mono now)
{
	bool late = t->state == ROTATION_ASKED && now.us - t->asked_at.us >= ROTATION_PATIENCE_US;

	if (p == NULL)
		become(r, t, ROTATION_GONE);
	else if (p->ike.authenticated_at.us > r->started.us && p->ike.credential >= r->credential)
		become(r, t, ROTATION_DONE);
	else if (late)
		become(r, t, t->tries < ROTATION_TRIES ? ROTATION_WAITS : ROTATION_FAILED);
}

void rotation_tick(struct rotation *r, struct peers *connected, struct mono now,
		   void (*ask)(void *arg, const struct ip *local, const struct ip *remote),
		   void *arg)
{
	unsigned asked = 0;

	if (connected->n > 0)
		qsort(connected->p, connected->n, sizeof(*connected->p), compare);
	for (size_t i = 0; i < r->n; i++) {
		if (!is_over(&r->targets[i]))
			look(r, &r->targets[i], find(connected, &r->targets[i]), now);
	}
	for (size_t i = 0;
	     i < r->n && asked < ROTATION_A_TICK && r->count[ROTATION_ASKED] < ROTATION_AT_ONCE;
	     i++) {
		struct rotation_target *t = &r->targets[i];

		if (t->state != ROTATION_WAITS)
			continue;
		become(r, t, ROTATION_ASKED);
		t->asked_at = now;
		t->tries++;
		asked++;
		ask(arg, &t->local, &t->remote);
	}
	if (!rotation_runs(r) && r->ended.us == MONO_NEVER.us)
		r->ended = now;
}
