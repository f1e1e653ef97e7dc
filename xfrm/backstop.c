/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/backstop.h"

#include <errno.h>

#include "xfrm/bypass.h"

/* An address that no host has: what it gets is what any address would get. */
static const struct ip nobody[] = { { .family = 4 }, { .family = 6 } };

static struct subnet *local_side(struct policy *p)
{
	return p->dir == POLICY_OUT ? &p->src : &p->dst;
}

static bool is_nobodys(struct policy *p)
{
	const struct subnet *local = local_side(p);

	return local->prefix == ip_bits(&local->ip) &&
	       (ip_equal(&local->ip, &nobody[0]) || ip_equal(&local->ip, &nobody[1]));
}

static bool has_address(const struct locality *here, uint8_t family)
{
	for (size_t i = 0; i < here->n_locals; i++)
		if (here->locals[i].family == family)
			return true;
	return false;
}

/* Would it meet nothing but this host's own packets? */
static bool is_apt(const struct policy *p, const struct locality *here)
{
	uint8_t family = p->src.ip.family;
	bool forwards = family == 4 ? here->forwards4 : here->forwards6;

	return p->dir == POLICY_IN || !forwards || !has_address(here, family);
}

static bool is_builtin(const struct policy *p)
{
	return policy_rank_of(p->priority) == RANK_BUILTIN;
}

/* Built-in bypasses are for any address: they stand at both ends of the set. */
static bool is_there(const struct policy_set *set, size_t n, const struct policy *p)
{
	for (size_t i = 0; i < n && is_builtin(&set->p[i]); i++)
		if (policy_same_selector(&set->p[i], p))
			return true;
	for (size_t i = n; i-- > 0 && is_builtin(&set->p[i]);)
		if (policy_same_selector(&set->p[i], p))
			return true;
	return false;
}

struct widening {
	const struct locality *here;
	struct policy_set *out;
	size_t n; /* of them that were there before */
};

/* p, which is nobody's, for these addresses of ours. */
static int stand_behind(struct widening *w, const struct policy *model, const struct subnet *ours)
{
	struct policy p = *model;

	*local_side(&p) = *ours;
	p.kind = p.kind == POLICY_PROTECT && !p.optional ? POLICY_BLOCK : POLICY_BYPASS;
	p.optional = false;
	p.priority += POLICY_BACKSTOP - POLICY_PRIORITY;
	/* The kernel has one policy for a selector: a built-in bypass is there first. */
	return is_there(w->out, w->n, &p) ? 0 : policy_set_add(w->out, &p);
}

static bool is_here(const struct locality *here, const struct ip *ip)
{
	for (size_t i = 0; i < here->n_locals; i++)
		if (ip_equal(&here->locals[i], ip))
			return true;
	return false;
}

/* For any address, or for those that local_addresses says are ours and are not here yet. */
static int widen(struct widening *w, const struct spec *spec, const struct policy *model)
{
	uint8_t family = model->src.ip.family;
	struct subnet any = policy_any(family);
	int r = 0;

	if (!spec->n_local)
		return stand_behind(w, model, &any);
	for (size_t i = 0; !r && i < spec->n_local; i++) {
		const struct subnet *net = &spec->local[i].net;

		if (net->ip.family != family)
			continue;
		/* A single address has its own policies already: with the same selectors. */
		if (net->prefix == ip_bits(&net->ip) && is_here(w->here, &net->ip))
			continue;
		r = stand_behind(w, model, net);
	}
	return r;
}

/* What an address would get. What passes comes before what is blocked. */
static int build_behind(const struct spec *spec, const struct locality *here,
			struct policy_set *out)
{
	struct widening w = { .here = here, .out = out, .n = out->n };
	struct spec unrestricted = *spec; /* borrows all */
	struct policy_set model = { 0 };
	int r;

	unrestricted.n_local = 0;
	r = policy_build(&unrestricted, nobody, 2, &model);
	for (size_t i = 0; !r && i < model.n; i++)
		if (is_nobodys(&model.p[i]) && is_apt(&model.p[i], here))
			r = widen(&w, spec, &model.p[i]);
	policy_set_free(&model);
	return r;
}

static bool blocks_something(const struct spec *spec)
{
	for (size_t i = 0; i < spec->n_protect; i++)
		if (!spec->optional && !spec->protect[i].optional)
			return true;
	return false;
}

int backstop_build(const struct spec *spec, const struct locality *here, struct policy_set *out)
{
	int r = policy_build(spec, here->locals, here->n_locals, out);

	if (!r)
		r = bypass_broadcasts(spec, here->broadcasts, here->n_broadcasts, out);
	if (!r && (blocks_something(spec) || spec->strict_default))
		r = build_behind(spec, here, out);
	if (!r)
		r = bypass_number(out);
	if (r)
		policy_set_free(out);
	return r;
}
