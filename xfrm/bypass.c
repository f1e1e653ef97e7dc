/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/bypass.h"

#include <errno.h>
#include <netinet/in.h>

/* A built-in bypass. The net is the remote end, or the destination both ways (a group). */
struct builtin {
	struct subnet net;
	bool group;
	bool yields; /* to protected subnets within it */
	uint8_t protocol;
	uint16_t type, mask;	/* ICMPv6 type: selectors have it as the source port, both ways */
	uint16_t local, remote; /* ports; 0: any */
};

/* clang-format off */
static const struct builtin builtins[] = {
	{ .net = { .ip = { 4, { 169, 254 } }, .prefix = 16 }, .yields = true },
	{ .net = { .ip = { 4, { 224 } }, .prefix = 4 }, .group = true },
	{ .net = { .ip = { 4, { 255, 255, 255, 255 } }, .prefix = 32 }, .group = true },
	{ .net = { .ip = { 6, { 0xfe, 0x80 } }, .prefix = 10 } },
	{ .net = { .ip = { 6, { 0xff } }, .prefix = 8 }, .group = true },
	/* RFC 4861 4: 133; 134 and 135; 136 and 137 */
	{ .net = { .ip = { 6, { 0 } } }, .protocol = IPPROTO_ICMPV6, .type = 133, .mask = 0xffff },
	{ .net = { .ip = { 6, { 0 } } }, .protocol = IPPROTO_ICMPV6, .type = 134, .mask = 0xfffe },
	{ .net = { .ip = { 6, { 0 } } }, .protocol = IPPROTO_ICMPV6, .type = 136, .mask = 0xfffe },
	/* RFC 2131 4.1, RFC 8415 7.2: a lease is renewed by unicast; either end may be this host. */
	{ .net = { .ip = { 4, { 0 } } }, .protocol = IPPROTO_UDP, .local = 68, .remote = 67 },
	{ .net = { .ip = { 4, { 0 } } }, .protocol = IPPROTO_UDP, .local = 67, .remote = 68 },
	{ .net = { .ip = { 6, { 0 } } }, .protocol = IPPROTO_UDP, .local = 546, .remote = 547 },
	{ .net = { .ip = { 6, { 0 } } }, .protocol = IPPROTO_UDP, .local = 547, .remote = 546 },
};
/* clang-format on */
#define N_BUILTINS (sizeof(builtins) / sizeof(builtins[0]))

uint32_t bypass_index(enum policy_dir dir, uint32_t n)
{
	return n < POLICY_INDEX_SPAN / 8 ? IKEMESH_POLICY_INDEX + 8 * n + dir : 0;
}

static bool wanted(const struct spec *spec, const struct builtin *b)
{
	bool family = spec->strict_default;

	for (size_t i = 0; i < spec->n_protect; i++) {
		const struct subnet *net = &spec->protect[i].net;

		if (net->ip.family != b->net.ip.family)
			continue;
		if (b->yields && subnet_covers(&b->net, net))
			return false;
		family = true;
	}
	return family;
}

static struct policy builtin_policy(const struct spec *spec, const struct builtin *b,
				    enum policy_dir dir)
{
	struct subnet any = policy_any(b->net.ip.family);
	bool outward = dir == POLICY_OUT || b->group;
	struct policy p = {
		.dir = dir,
		.kind = POLICY_BYPASS,
		.src = outward ? any : b->net,
		.dst = outward ? b->net : any,
		.protocol = b->protocol,
		.src_port = b->type,
		.src_port_mask = b->mask,
	};

	if (b->local) {
		p.src_port = outward ? b->local : b->remote;
		p.dst_port = outward ? b->remote : b->local;
		p.src_port_mask = p.dst_port_mask = 0xffff;
	}
	p.priority = policy_priority(spec, RANK_BUILTIN, &p);
	return p;
}

static int build_builtin(const struct spec *spec, const struct builtin *b, struct policy_set *out)
{
	struct policy go = builtin_policy(spec, b, POLICY_OUT);
	struct policy come = builtin_policy(spec, b, POLICY_IN);

	if (!wanted(spec, b))
		return 0;
	return policy_set_add(out, &go) || policy_set_add(out, &come) ? -ENOMEM : 0;
}

static int build_builtins(const struct spec *spec, struct policy_set *out)
{
	int r = 0;

	for (size_t i = 0; !r && i < N_BUILTINS; i++)
		r = build_builtin(spec, &builtins[i], out);
	return r;
}

int bypass_broadcasts(const struct spec *spec, const struct ip *broadcasts, size_t n,
		      struct policy_set *out)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		struct builtin b = { .net = policy_host(&broadcasts[i]), .group = true };

		r = build_builtin(spec, &b, out);
	}
	return r;
}

static int build_entry(const struct spec *spec, const struct subnet_spec *entry,
		       const struct ip *local, struct policy_set *out)
{
	static const enum policy_dir dirs[] = { POLICY_OUT, POLICY_IN, POLICY_FWD };

	for (size_t d = 0; d < 3; d++) {
		struct policy p = policy_between(dirs[d], local, entry);

		p.kind = POLICY_BYPASS;
		p.priority = policy_priority(spec, RANK_BYPASS, &p);
		if (policy_set_add(out, &p))
			return -ENOMEM;
	}
	return 0;
}

/*
 * What a router says of a packet too large for its next link: the selector has type and code where
 * others have ports (RFC 792: 3, 4; RFC 4443 3.2: 2, 0).
 */
static struct policy icmp_error(const struct spec *spec, const struct subnet_spec *entry,
				const struct ip *local)
{
	struct policy p = policy_between(POLICY_IN, local, entry);
	bool v4 = local->family == 4;

	p.kind = POLICY_BYPASS;
	p.protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	p.src_port = v4 ? 3 : 2;
	p.dst_port = v4 ? 4 : 0;
	p.src_port_mask = p.dst_port_mask = 0xffff;
	p.priority = policy_priority(spec, RANK_BYPASS, &p);
	return p;
}

/* An entry for one protocol alone protects no ICMP, or all of it that there is. */
static bool meets_icmp(const struct subnet_spec *entry)
{
	uint8_t icmp = entry->net.ip.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	return entry->protocol == 0 || entry->protocol == icmp;
}

/* Another entry for the same net has the same selector here. */
static bool icmp_said_before(const struct spec *spec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (meets_icmp(&spec->protect[k]) &&
		    subnet_equal(&spec->protect[k].net, &spec->protect[i].net))
			return true;
	return false;
}

static int build_icmp_errors(const struct spec *spec, const struct ip *locals, size_t n_locals,
			     struct policy_set *out)
{
	for (size_t i = 0; i < spec->n_protect; i++) {
		const struct subnet_spec *entry = &spec->protect[i];

		if (!meets_icmp(entry) || icmp_said_before(spec, i))
			continue;
		for (size_t l = 0; l < n_locals; l++) {
			struct policy p = icmp_error(spec, entry, &locals[l]);

			if (locals[l].family == entry->net.ip.family && policy_set_add(out, &p))
				return -ENOMEM;
		}
	}
	return 0;
}

static bool said_before(const struct spec *spec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (policy_same_entry(&spec->bypass[k], &spec->bypass[i]))
			return true;
	return false;
}

int bypass_number(struct policy_set *set)
{
	uint32_t next[3] = { 0 };

	for (size_t i = 0; i < set->n; i++) {
		struct policy *p = &set->p[i];

		if (p->kind == POLICY_PROTECT)
			continue;
		p->index = bypass_index(p->dir, next[p->dir]++);
		if (!p->index)
			return -ENOSPC;
	}
	return 0;
}

int bypass_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
		 struct policy_set *out)
{
	int r = build_builtins(spec, out);

	for (size_t i = 0; !r && i < spec->n_bypass; i++) {
		if (said_before(spec, i))
			continue;
		for (size_t l = 0; !r && l < n_locals; l++)
			if (locals[l].family == spec->bypass[i].net.ip.family)
				r = build_entry(spec, &spec->bypass[i], &locals[l], out);
	}
	if (!r && spec->allow_icmp_errors)
		r = build_icmp_errors(spec, locals, n_locals, out);
	return r ? r : bypass_number(out);
}
