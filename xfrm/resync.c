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
	const struct policy_held **used;  /* those in match, sorted */
	size_t *order;			  /* of the wanted ones: those that win first */
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

/* When a step is due; see resync.h. */
enum phase {
	PHASE_FIRMER,
	PHASE_MISSING,
	PHASE_CHANGED,
	PHASE_SOFTER, /* after the deletes */
	PHASE_NONE,
};

static enum phase phase_of(const struct policy_held *held, const struct policy *wanted)
{
	const struct policy *h = &held->policy;

	if (!held->ours || as_wanted(held, wanted))
		return PHASE_NONE;
	if (h->priority == wanted->priority || h->kind != wanted->kind)
		return PHASE_CHANGED;
	return (wanted->priority < h->priority) == (wanted->kind != POLICY_BYPASS) ? PHASE_FIRMER
										   : PHASE_SOFTER;
}

static int plan_wanted(struct plan *p, enum phase phase)
{
	for (size_t o = 0; o < p->wanted->n; o++) {
		const size_t i = p->order[o];
		const struct policy *wanted = &p->wanted->p[i];
		const struct policy_held *held = p->match[i];
		int r = 0;

		if (held && phase == phase_of(held, wanted))
			r = change(p, held, wanted);
		else if (!held && phase == PHASE_MISSING)
			r = add(p, wanted);
		else if (held && !held->ours && phase == PHASE_MISSING) /* backstops yield */
			p->out->blocked += !policy_is_backstop(wanted);
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

/* Who wins over others is the last to go. */
static int by_weakness(const void *a, const void *b)
{
	const struct policy_held *const *x = a, *const *y = b;

	if ((*x)->policy.priority != (*y)->policy.priority)
		return (*x)->policy.priority > (*y)->policy.priority ? -1 : 1;
	return by_address(a, b);
}

/* What is ours and nobody wants. The held ones are put into another order. */
static int plan_deletes(struct plan *p, const struct policy_held **used, size_t n_used)
{
	qsort(p->held, p->n_held, sizeof(*p->held), by_weakness);
	for (size_t i = 0; i < p->n_held; i++) {
		const struct policy_held *h = p->held[i];
		int r;

		if (!h->ours || bsearch(&h, used, n_used, sizeof(h), by_address))
			continue;
		r = add_step(p->out, RESYNC_DELETE, &h->policy);
		if (r)
			return r;
	}
	return 0;
}

static int by_strength(const void *a, const void *b, void *arg)
{
	const struct policy *p = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (p[x].priority != p[y].priority)
		return p[x].priority < p[y].priority ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void put_in_order(struct plan *p)
{
	for (size_t i = 0; i < p->wanted->n; i++)
		p->order[i] = i;
	qsort_r(p->order, p->wanted->n, sizeof(*p->order), by_strength, p->wanted->p);
}

static void find_matches(struct plan *p)
{
	for (size_t i = 0; i < p->wanted->n; i++) {
		const struct policy_held **found = bsearch(&p->wanted->p[i], p->held, p->n_held,
							   sizeof(*p->held), by_selector_key);

		p->match[i] = found ? *found : NULL;
	}
}

static int plan_all(struct plan *p)
{
	size_t n_used = 0;
	int r;

	find_matches(p);
	put_in_order(p);
	if ((r = plan_wanted(p, PHASE_FIRMER)) || (r = plan_wanted(p, PHASE_MISSING)) ||
	    (r = plan_wanted(p, PHASE_CHANGED)))
		return r;
	p->out->n_building = p->out->n;
	for (size_t i = 0; i < p->wanted->n; i++)
		if (p->match[i])
			p->used[n_used++] = p->match[i];
	qsort(p->used, n_used, sizeof(*p->used), by_address);
	r = plan_deletes(p, p->used, n_used);
	return r ? r : plan_wanted(p, PHASE_SOFTER);
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
	p.used = calloc(wanted->n + 1, sizeof(*p.used));
	p.order = calloc(wanted->n + 1, sizeof(*p.order));
	if (!p.held || !p.taken || !p.match || !p.used || !p.order)
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
	free(p.used);
	free(p.order);
	return r;
}

void resync_free(struct resync *r)
{
	free(r->step);
	*r = (struct resync){ 0 };
}
