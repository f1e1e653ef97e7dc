/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/shadow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool ports_meet(uint16_t a, uint16_t a_mask, uint16_t b, uint16_t b_mask)
{
	return !((a ^ b) & a_mask & b_mask);
}

static bool selectors_meet(const struct policy *a, const struct policy *b)
{
	return a->dir == b->dir && subnet_meets(&a->src, &b->src) &&
	       subnet_meets(&a->dst, &b->dst) &&
	       (!a->protocol || !b->protocol || a->protocol == b->protocol) &&
	       ports_meet(a->src_port, a->src_port_mask, b->src_port, b->src_port_mask) &&
	       ports_meet(a->dst_port, a->dst_port_mask, b->dst_port, b->dst_port_mask);
}

static bool yields(const struct policy *ours)
{
	return policy_is_backstop(ours) || policy_rank_of(ours->priority) == RANK_BUILTIN;
}

static bool comes_before(const struct policy *foreign, const struct policy *ours)
{
	return policy_same_selector(foreign, ours) ||
	       (foreign->priority <= ours->priority && selectors_meet(foreign, ours));
}

static int add(struct shadows *s, const struct policy *foreign, size_t n)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 8;
		struct shadow *more = reallocarray(s->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->p = more;
		s->room = room;
	}
	s->p[s->n++] = (struct shadow){ .foreign = *foreign, .n = n };
	return 0;
}

int shadow_find(const struct policy_held *held, size_t n_held, const struct policy_set *wanted,
		struct shadows *out)
{
	for (size_t i = 0; i < n_held; i++) {
		size_t n = 0;

		if (held[i].ours || held[i].apart)
			continue;
		for (size_t k = 0; k < wanted->n; k++)
			n += !yields(&wanted->p[k]) && comes_before(&held[i].policy, &wanted->p[k]);
		if (n && add(out, &held[i].policy, n))
			return -ENOMEM;
	}
	return 0;
}

bool shadows_equal(const struct shadows *a, const struct shadows *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->p[i].n != b->p[i].n ||
		    a->p[i].foreign.priority != b->p[i].foreign.priority ||
		    !policy_same_selector(&a->p[i].foreign, &b->p[i].foreign))
			return false;
	return true;
}

void shadows_free(struct shadows *s)
{
	free(s->p);
	*s = (struct shadows){ 0 };
}

const char *shadow_text(const struct shadow *s, char out[static SHADOW_TEXT_LEN])
{
	static const char *const dirs[] = { "in", "out", "fwd" };
	const struct policy *p = &s->foreign;
	char src[SUBNET_TEXT_LEN], dst[SUBNET_TEXT_LEN], more[48] = "";

	if (p->src_port_mask || p->dst_port_mask)
		snprintf(more, sizeof(more), " protocol %u ports %u => %u", p->protocol,
			 p->src_port, p->dst_port);
	else if (p->protocol)
		snprintf(more, sizeof(more), " protocol %u", p->protocol);
	snprintf(out, SHADOW_TEXT_LEN, "%s %s => %s%s priority %u", dirs[p->dir],
		 subnet_text(&p->src, src), subnet_text(&p->dst, dst), more, p->priority);
	return out;
}
