/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/task.h"

#include <stdlib.h>

struct task *task_new(enum task_kind kind, bool ours)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->kind = kind;
		t->ours = ours;
		t->until = MONO_NEVER;
	}
	return t;
}

void task_free(struct task *t)
{
	if (t == NULL)
		return;
	if (t->ke_key != NULL)
		t->ke->free(t->ke_key);
	blob_free(&t->ke_public);
	blob_free(&t->ni);
	blob_free(&t->nr);
	blob_free(&t->rival.ni);
	blob_free(&t->rival.nr);
	secret_free(&t->shared);
	secret_free(&t->more);
	blob_free(&t->link);
	free(t);
}

static void forget(struct task *t, const struct child *c, const struct ike_sa *sa)
{
	if (t == NULL)
		return;
	if (c != NULL && t->old == c)
		t->old = NULL;
	if (c != NULL && t->fresh == c)
		t->fresh = t->answer.child = NULL;
	if (c != NULL && t->rival.child == c)
		t->rival.child = NULL;
	if (sa != NULL && t->rival.ike_sa == sa)
		t->rival.ike_sa = NULL;
	if (sa != NULL && t->fresh_sa == sa)
		t->fresh_sa = NULL;
}

void tasks_forget_child(struct pair *p, const struct child *c)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		forget(sa->ours, c, NULL);
		forget(sa->theirs, c, NULL);
		for (struct child *other = sa->children; other; other = other->next)
			if (other->replaced_by == c)
				other->replaced_by = NULL;
	}
}

void tasks_forget_sa(struct pair *p, const struct ike_sa *gone)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		forget(sa->ours, NULL, gone);
		forget(sa->theirs, NULL, gone);
	}
}

#define NONCE_LEN 32

int task_nonce(struct engine *e, struct blob *out)
{
	uint8_t nonce[NONCE_LEN];
	int r = engine_random(e, nonce, sizeof(nonce));

	return r != 0 ? r : blob_copy(out, BYTES(nonce, sizeof(nonce)));
}

void task_meet(struct engine *e, struct task *t, const struct task *other, struct child *child,
	       struct ike_sa *sa)
{
	e->counters.tally.collisions[sa != NULL ? COLLISION_IKE : COLLISION_CHILD]++;
	blob_free(&t->rival.ni);
	blob_free(&t->rival.nr);
	t->rival.present = blob_copy(&t->rival.ni, blob_view(&other->ni)) == 0 &&
			   blob_copy(&t->rival.nr, blob_view(&other->nr)) == 0;
	t->rival.child = child;
	t->rival.ike_sa = sa;
}

bool task_ours_loses(const struct task *t)
{
	const struct nonces own = { blob_view(&t->ni), blob_view(&t->nr) };
	const struct nonces rival = { blob_view(&t->rival.ni), blob_view(&t->rival.nr) };

	return t->ours ? collide_ours_loses(own, rival) : collide_ours_loses(rival, own);
}

bool task_is_stuck(const struct task *t, const struct ike_sa *sa)
{
	return t->ours ? !sa->window.request_out : sa->window.answering;
}
