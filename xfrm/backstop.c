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

/* Built-in bypasses are for any address: they stand at both ends of the set. */
static bool is_there(const struct policy_set *set, size_t n, const struct policy *p)
{
	const uint32_t ours = POLICY_PRIORITY + 0x1000u * RANK_BYPASS;

	for (size_t i = 0; i < n && set->p[i].priority < ours; i++)
		if (policy_same_selector(&set->p[i], p))
			return true;
	for (size_t i = n; i-- > 0 && set->p[i].priority < ours;)
		if (policy_same_selector(&set->p[i], p))
			return true;
	return false;
}

/* What an address would get, for any address. What passes comes before what is blocked. */
static int widen(const struct policy_set *model, const struct locality *here,
		 struct policy_set *out)
{
	size_t n = out->n;

	for (size_t i = 0; i < model->n; i++) {
		struct policy p = model->p[i];

		if (!is_nobodys(&p) || !is_apt(&p, here))
			continue;
		*local_side(&p) = policy_any(p.src.ip.family);
		p.kind = p.kind == POLICY_PROTECT && !p.optional ? POLICY_BLOCK : POLICY_BYPASS;
		p.optional = false;
		p.priority += POLICY_BACKSTOP - POLICY_PRIORITY;
		/* The kernel has one policy for a selector: a built-in bypass is there first. */
		if (!is_there(out, n, &p) && policy_set_add(out, &p))
			return -ENOMEM;
	}
	return 0;
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
	struct policy_set model = { 0 };
	int r = policy_build(spec, here->locals, here->n_locals, out);

	if (!r)
		r = bypass_broadcasts(spec, here->broadcasts, here->n_broadcasts, out);
	if (!r && (blocks_something(spec) || spec->strict_default)) {
		r = policy_build(spec, nobody, 2, &model);
		if (!r)
			r = widen(&model, here, out);
		policy_set_free(&model);
	}
	if (!r)
		r = bypass_number(out);
	if (r)
		policy_set_free(out);
	return r;
}
