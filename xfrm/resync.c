/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/resync.h"

#include <errno.h>
#include <stdlib.h>

#include "xfrm/bypass.h"

/*
 * What the plan is made from: the held ones in the order of their selectors, and the wanted ones as
 * they come, each with its counterpart.
 */
struct plan {
	const struct policy_held **held; /* sorted, without those apart */
	size_t n_held;
	uint32_t *taken; /* our indices that are in use, sorted */
	size_t n_taken;
	const struct policy_set *wanted;
	const struct policy_held **match; /* of each wanted one, or NULL */
	uint32_t next[3];		  /* where to look for a free index */
	struct resync *out;
};

static int by_selector(const void *a, const void *b)
{
	const struct policy_held *const *x = a, *const *y = b;

	return policy_compare(&(*x)->policy, &(*y)->policy);
}

static int by_selector_key(const void *key, const void *element)
{
	const struct policy_held *const *held = element;

	return policy_compare(key, &(*held)->policy);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int add_step(struct resync *r, enum resync_op op, const struct policy *p)
{
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 32;
		struct resync_step *more = reallocarray(r->step, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->step = more;
		r->room = room;
	}
	r->step[r->n++] = (struct resync_step){ .op = op, .policy = *p };
	return 0;
}

static bool index_is_ours(uint32_t index)
{
	return index - IKEMESH_POLICY_INDEX < POLICY_INDEX_SPAN;
}

/* The kernel silently takes another index where the chosen one is in use. */
static uint32_t free_index(struct plan *p, enum policy_dir dir)
{
	uint32_t index;

	do
		index = bypass_index(dir, p->next[dir]++);
	while (index && bsearch(&index, p->taken, p->n_taken, sizeof(index), by_number));
	return index;
}

static int add(struct plan *p, const struct policy *wanted)
{
	struct policy policy = *wanted;

	policy.index = 0;
	if (policy.kind != POLICY_PROTECT) {
		policy.index = free_index(p, policy.dir);
		if (!policy.index)
			return -ENOSPC;
	}
	return add_step(p->out, RESYNC_ADD, &policy);
}

static bool as_wanted(const struct policy_held *held, const struct policy *wanted)
{
	const struct policy *h = &held->policy;

	return !held->odd && h->kind == wanted->kind && h->optional == wanted->optional &&
	       h->priority == wanted->priority;
}

/*
 * A policy that changes in place keeps its index. One with a template has the kernel's: without the
 * template nobody would know it again, so it makes room for a new one.
 */
static int change(struct plan *p, const struct policy_held *held, const struct policy *wanted)
{
	struct policy policy = *wanted;
	int r;

	policy.index = held->policy.index;
	if (wanted->kind == POLICY_PROTECT || index_is_ours(policy.index))
		return add_step(p->out, RESYNC_UPDATE, &policy);
	r = add_step(p->out, RESYNC_DELETE, &held->policy);
	return r ? r : add(p, wanted);
}

static int plan_wanted(struct plan *p, bool missing)
{
	for (size_t i = 0; i < p->wanted->n; i++) {
		const struct policy *wanted = &p->wanted->p[i];
		const struct policy_held *held = p->match[i];
		int r = 0;

		if (missing && !held)
			r = add(p, wanted);
		else if (missing && !held->ours)
			p->out->blocked++;
		else if (!missing && held && held->ours && !as_wanted(held, wanted))
			r = change(p, held, wanted);
		if (r)
			return r;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct policy_held *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What is ours and nobody wants: protected ones first, so that no bypass goes before them. */
static int plan_deletes(struct plan *p, const struct policy_held **used, size_t n_used)
{
	for (int bypasses = 0; bypasses < 2; bypasses++)
		for (size_t i = 0; i < p->n_held; i++) {
			const struct policy_held *h = p->held[i];
			int r;

			if (!h->ours || (h->policy.kind == POLICY_BYPASS) != bypasses)
				continue;
			if (bsearch(&h, used, n_used, sizeof(h), by_address))
				continue;
			r = add_step(p->out, RESYNC_DELETE, &h->policy);
			if (r)
				return r;
		}
	return 0;
}

static int plan_all(struct plan *p)
{
	size_t n = p->wanted->n, n_used = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct policy_held **found = bsearch(&p->wanted->p[i], p->held, p->n_held,
							   sizeof(*p->held), by_selector_key);

		p->match[i] = found ? *found : NULL;
	}
	if ((r = plan_wanted(p, true)) || (r = plan_wanted(p, false)))
		return r;
	for (size_t i = 0; i < n; i++)
		if (p->match[i])
			p->match[n_used++] = p->match[i];
	qsort(p->match, n_used, sizeof(*p->match), by_address);
	return plan_deletes(p, p->match, n_used);
}

int resync_plan(const struct policy_held *held, size_t n_held, const struct policy_set *wanted,
		struct resync *out)
{
	struct plan p = { .wanted = wanted, .out = out };
	int r = -ENOMEM;

	*out = (struct resync){ 0 };
	p.held = calloc(n_held + 1, sizeof(*p.held));
	p.taken = calloc(n_held + 1, sizeof(*p.taken));
	p.match = calloc(wanted->n + 1, sizeof(*p.match));
	if (!p.held || !p.taken || !p.match)
		goto out;
	for (size_t i = 0; i < n_held; i++) {
		if (index_is_ours(held[i].policy.index))
			p.taken[p.n_taken++] = held[i].policy.index;
		if (!held[i].apart)
			p.held[p.n_held++] = &held[i];
	}
	qsort(p.held, p.n_held, sizeof(*p.held), by_selector);
	qsort(p.taken, p.n_taken, sizeof(*p.taken), by_number);
	r = plan_all(&p);
out:
	free(p.held);
	free(p.taken);
	free(p.match);
	return r;
}

void resync_free(struct resync *r)
{
	free(r->step);
	*r = (struct resync){ 0 };
}
