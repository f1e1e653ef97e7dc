/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/beside.h"

void beside_arrange(struct policy_set *set, enum stance stance)
{
	if (stance == STANCE_ALONE)
		return;
	for (size_t i = 0; i < set->n; i++) {
		struct policy *p = &set->p[i];

		if (policy_is_backstop(p) || policy_rank_of(p->priority) == RANK_BUILTIN)
			continue;
		p->beside = true;
		if (stance == STANCE_BESIDE && p->dir == POLICY_OUT)
			p->priority += BESIDE_BEHIND;
	}
}

bool beside_is_ahead(const struct policy_held *held)
{
	const struct policy *p = &held->policy;

	return held->ours && p->beside && p->dir == POLICY_OUT && p->kind == POLICY_PROTECT &&
	       p->priority < BESIDE_BEHIND;
}

static bool meets(const struct policy *foreign, const struct policy *ours)
{
	return subnet_meets(&ours->src, &foreign->src) && subnet_meets(&ours->dst, &foreign->dst);
}

static bool is_like(const struct policy *foreign, const struct policy *ours)
{
	/* The fwd policy of one that has in and out alone would be in ours. */
	return foreign->kind == ours->kind && foreign->dir == ours->dir && meets(foreign, ours);
}

/* One that passes more than ours, as neighbour discovery for all, concerns others as well. */
static bool passes_no_more(const struct policy *foreign, const struct policy *ours)
{
	const bool out = foreign->dir == POLICY_OUT;
	const struct subnet *theirs = out ? &foreign->dst : &foreign->src;

	return subnet_covers(out ? &ours->dst : &ours->src, theirs) &&
	       (!ours->protocol || ours->protocol == foreign->protocol) &&
	       ours->src_port_mask == foreign->src_port_mask &&
	       ours->src_port == foreign->src_port &&
	       ours->dst_port_mask == foreign->dst_port_mask && ours->dst_port == foreign->dst_port;
}

bool beside_is_needless(const struct policy_held *held, const struct policy_set *wanted)
{
	const struct policy *p = &held->policy;

	if (held->ours || held->apart || held->tunnel || p->kind == POLICY_BLOCK)
		return false;
	for (size_t i = 0; i < wanted->n; i++) {
		const struct policy *ours = &wanted->p[i];

		if (ours->beside && is_like(p, ours) &&
		    (p->kind == POLICY_PROTECT || passes_no_more(p, ours)))
			return true;
	}
	return false;
}
