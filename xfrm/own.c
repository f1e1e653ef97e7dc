/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/own.h"

#include <errno.h>

static const struct ip loopback = { .family = 6, .b[15] = 1 };

static bool meets_a_policy(const struct spec *spec, const struct ip *own)
{
	if (own->family != 6)
		return false;
	if (spec->strict_default)
		return true;
	for (size_t i = 0; i < spec->n_protect; i++)
		if (subnet_contains(&spec->protect[i].net, own))
			return true;
	return false;
}

static int add(const struct spec *spec, enum policy_dir dir, const struct ip *own,
	       struct policy_set *out)
{
	struct policy p = {
		.dir = dir,
		.kind = POLICY_BYPASS,
		.src = dir == POLICY_OUT ? policy_any(6) : policy_host(own),
		.dst = dir == POLICY_OUT ? policy_host(own) : policy_any(6),
	};

	p.priority = policy_priority(spec, RANK_BUILTIN, &p);
	return policy_set_add(out, &p);
}

static int add_both(const struct spec *spec, const struct ip *own, struct policy_set *out)
{
	int r = add(spec, POLICY_OUT, own, out);

	return r ? r : add(spec, POLICY_IN, own, out);
}

int own_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
	      struct policy_set *out)
{
	for (size_t i = 0; i < n_locals; i++) {
		if (!meets_a_policy(spec, &locals[i]))
			continue;
		if (add_both(spec, &locals[i], out))
			return -ENOMEM;
	}
	return spec->strict_default ? add_both(spec, &loopback, out) : 0;
}
