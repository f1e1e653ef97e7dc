/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xfrm/bypass.h"
#include "xfrm/own.h"

struct subnet policy_host(const struct ip *ip)
{
	return (struct subnet){ .ip = *ip, .prefix = (uint8_t)ip_bits(ip) };
}

struct subnet policy_any(uint8_t family)
{
	return (struct subnet){ .ip.family = family };
}

bool policy_same_entry(const struct subnet_spec *a, const struct subnet_spec *b)
{
	return subnet_equal(&a->net, &b->net) && a->protocol == b->protocol && a->port == b->port;
}

struct policy policy_between(enum policy_dir dir, const struct ip *local,
			     const struct subnet_spec *entry)
{
	struct policy p = { .dir = dir, .protocol = entry->protocol };
	uint16_t mask = entry->port ? 0xffff : 0;

	if (dir == POLICY_OUT) {
		p.src = policy_host(local);
		p.dst = entry->net;
		p.dst_port = entry->port;
		p.dst_port_mask = mask;
	} else {
		p.src = entry->net;
		p.dst = policy_host(local);
		p.src_port = entry->port;
		p.src_port_mask = mask;
	}
	return p;
}

#define RANK_ROOM 0x1000u /* priorities of one rank */

/* The remote end decides: the longer its prefix the sooner, then the list, protocol, port. */
uint32_t policy_priority(const struct spec *spec, enum policy_rank rank, const struct policy *p)
{
	const struct subnet *remote = p->dir == POLICY_OUT ? &p->dst : &p->src;
	uint32_t wide = ip_bits(&remote->ip) - remote->prefix;
	bool ports = p->src_port_mask || p->dst_port_mask;
	bool protects = rank == RANK_PROTECT;

	if (protects && spec->precedence == PRECEDENCE_LONGEST)
		rank = RANK_BYPASS;
	return POLICY_PRIORITY + RANK_ROOM * rank + 8 * wide + (protects ? 4 : 0) +
	       (p->protocol ? 0 : 2) + (ports ? 0 : 1);
}

enum policy_rank policy_rank_of(uint32_t priority)
{
	return (enum policy_rank)((priority - POLICY_PRIORITY) / RANK_ROOM);
}

int policy_set_add(struct policy_set *s, const struct policy *p)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 32;
		struct policy *more = reallocarray(s->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->p = more;
		s->room = room;
	}
	s->p[s->n++] = *p;
	return 0;
}

void policy_set_free(struct policy_set *s)
{
	free(s->p);
	*s = (struct policy_set){ 0 };
}

static bool in_bypass(const struct spec *spec, const struct subnet_spec *entry)
{
	for (size_t i = 0; i < spec->n_bypass; i++)
		if (policy_same_entry(&spec->bypass[i], entry))
			return true;
	return false;
}

/* Said more than once: the first stands for all, optional only if all are. */
static bool said_before(const struct spec *spec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (policy_same_entry(&spec->protect[k], &spec->protect[i]))
			return true;
	return false;
}

static bool entry_optional(const struct spec *spec, size_t i)
{
	if (spec->optional)
		return true;
	for (size_t k = i; k < spec->n_protect; k++)
		if (policy_same_entry(&spec->protect[k], &spec->protect[i]) &&
		    !spec->protect[k].optional)
			return false;
	return true;
}

static int protect_entry(const struct spec *spec, size_t i, const struct ip *locals,
			 size_t n_locals, struct policy_set *out)
{
	static const enum policy_dir dirs[] = { POLICY_OUT, POLICY_IN, POLICY_FWD };
	const struct subnet_spec *entry = &spec->protect[i];
	bool optional = entry_optional(spec, i);

	for (size_t l = 0; l < n_locals; l++) {
		if (locals[l].family != entry->net.ip.family)
			continue;
		for (size_t d = 0; d < 3; d++) {
			struct policy p = policy_between(dirs[d], &locals[l], entry);

			p.kind = POLICY_PROTECT;
			p.optional = optional;
			p.priority = policy_priority(spec, RANK_PROTECT, &p);
			if (policy_set_add(out, &p))
				return -ENOMEM;
		}
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	return ip_compare(a, b);
}

/* Sorted and each one once: an address may stand on two interfaces. */
static struct ip *distinct(const struct ip *locals, size_t *n)
{
	struct ip *sorted = malloc((*n + 1) * sizeof(*sorted));
	size_t kept = 0;

	if (!sorted)
		return NULL;
	if (*n)
		memcpy(sorted, locals, *n * sizeof(*sorted));
	qsort(sorted, *n, sizeof(*sorted), by_value);
	for (size_t i = 0; i < *n; i++)
		if (!kept || !ip_equal(&sorted[kept - 1], &sorted[i]))
			sorted[kept++] = sorted[i];
	*n = kept;
	return sorted;
}

static size_t keep_covered(const struct spec *spec, struct ip *own, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (spec_covers(spec, &own[i]))
			own[kept++] = own[i];
	return kept;
}

int policy_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
		 struct policy_set *out)
{
	struct ip *own = distinct(locals, &n_locals);
	int r;

	*out = (struct policy_set){ 0 };
	if (!own)
		return -ENOMEM;
	r = own_build(spec, own, n_locals, out);
	n_locals = keep_covered(spec, own, n_locals);
	if (!r)
		r = bypass_build(spec, own, n_locals, out);
	for (size_t i = 0; !r && i < spec->n_protect; i++)
		if (!in_bypass(spec, &spec->protect[i]) && !said_before(spec, i))
			r = protect_entry(spec, i, own, n_locals, out);
	free(own);
	if (r)
		policy_set_free(out);
	return r;
}

static int compare_subnets(const struct subnet *a, const struct subnet *b)
{
	int r = ip_compare(&a->ip, &b->ip);

	return r ? r : (int)a->prefix - (int)b->prefix;
}

int policy_compare(const struct policy *a, const struct policy *b)
{
	int r;

	if (a->dir != b->dir)
		return a->dir < b->dir ? -1 : 1;
	if (a->beside != b->beside)
		return a->beside ? 1 : -1;
	if ((r = compare_subnets(&a->src, &b->src)) || (r = compare_subnets(&a->dst, &b->dst)))
		return r;
	if ((r = (int)a->protocol - b->protocol))
		return r;
	if ((r = (int)a->src_port - b->src_port) || (r = (int)a->src_port_mask - b->src_port_mask))
		return r;
	r = (int)a->dst_port - b->dst_port;
	return r ? r : (int)a->dst_port_mask - b->dst_port_mask;
}

bool policy_same_selector(const struct policy *a, const struct policy *b)
{
	return policy_compare(a, b) == 0;
}

bool policy_is_ours(const struct policy *p, uint32_t tmpl_reqid)
{
	if (p->beside)
		return true;
	if (tmpl_reqid)
		return tmpl_reqid == IKEMESH_REQID;
	return p->kind != POLICY_PROTECT && p->index - IKEMESH_POLICY_INDEX < POLICY_INDEX_SPAN &&
	       (p->priority - POLICY_PRIORITY < POLICY_PRIORITY_SPAN || policy_is_backstop(p));
}

bool policy_is_backstop(const struct policy *p)
{
	return p->priority - POLICY_BACKSTOP < POLICY_PRIORITY_SPAN;
}

static bool matches(const struct policy *p, const struct policy_flow *f)
{
	return subnet_contains(&p->src, &f->src) && subnet_contains(&p->dst, &f->dst) &&
	       (!p->protocol || p->protocol == f->protocol) &&
	       !((p->src_port ^ f->src_port) & p->src_port_mask) &&
	       !((p->dst_port ^ f->dst_port) & p->dst_port_mask);
}

const struct policy *policy_lookup(const struct policy_set *s, enum policy_dir dir,
				   const struct policy_flow *flow)
{
	const struct policy *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct policy *p = &s->p[i];

		if (p->dir == dir && (!best || p->priority < best->priority) && matches(p, flow))
			best = p;
	}
	return best;
}
