/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/explain.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct policy_flow explain_flow(const struct question *q, enum policy_dir dir)
{
	struct policy_flow f = { .src = q->local, .dst = q->remote, .protocol = q->protocol };

	if (dir == POLICY_OUT) {
		f.dst_port = q->port;
		return f;
	}
	f.src = q->remote;
	f.dst = q->local;
	f.src_port = q->port;
	return f;
}

/* ---- built in -------------------------------------------------------------------------------- */

static const struct {
	struct subnet net;
	const char *name;
} nets[] = {
	{ { .ip = { 4, { 169, 254 } }, .prefix = 16 }, "IPv4 link-local addresses" },
	{ { .ip = { 4, { 224 } }, .prefix = 4 }, "multicast" },
	{ { .ip = { 4, { 255, 255, 255, 255 } }, .prefix = 32 }, "limited broadcast" },
	{ { .ip = { 6, { 0xfe, 0x80 } }, .prefix = 10 }, "IPv6 link-local addresses" },
	{ { .ip = { 6, { 0xff } }, .prefix = 8 }, "multicast" },
};

static const char *builtin_name(const struct policy *p)
{
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (subnet_equal(&p->dst, &nets[i].net) || subnet_equal(&p->src, &nets[i].net))
			return nets[i].name;
	if (p->protocol == IPPROTO_ICMPV6)
		return "IPv6 neighbour discovery";
	if (p->protocol == IPPROTO_UDP)
		return "DHCP";
	return p->dst.ip.family == 6 ? "this host's own addresses" : "a broadcast address";
}

static const char *builtin_for(const struct policy_set *wanted, const struct question *q)
{
	const struct policy_flow f = explain_flow(q, POLICY_OUT);
	const struct policy *p = policy_lookup(wanted, POLICY_OUT, &f);

	if (!p || p->kind != POLICY_BYPASS || policy_rank_of(p->priority) != RANK_BUILTIN)
		return NULL;
	return builtin_name(p);
}

/* ---- the entries ----------------------------------------------------------------------------- */

static bool is_about(const struct subnet_spec *e, const struct question *q)
{
	return (!e->protocol || e->protocol == q->protocol) && (!e->port || e->port == q->port);
}

static enum standing standing_of(const struct explanation *e, const struct question *q,
				 const struct subnet_spec *entry, bool bypass,
				 const struct subnet_spec *decides)
{
	if (!is_about(entry, q))
		return STANDING_OTHER;
	if (e->builtin)
		return STANDING_BUILTIN;
	if (entry == decides)
		return STANDING_DECIDES;
	if (bypass == (e->ruling == RULING_BYPASS))
		return STANDING_WIDER;
	return bypass ? STANDING_SHORTER : STANDING_BYPASSED;
}

static void consider(struct explanation *e, const struct question *q,
		     const struct subnet_spec *list, size_t n, bool bypass,
		     const struct subnet_spec *decides)
{
	for (size_t i = 0; i < n; i++) {
		struct considered c = { .entry = &list[i], .bypass = bypass };

		if (!subnet_contains(&list[i].net, &q->remote))
			continue;
		c.standing = standing_of(e, q, &list[i], bypass, decides);
		if (c.standing == STANDING_DECIDES) { /* room for it at the front */
			memmove(&e->p[1], &e->p[0], e->n * sizeof(*e->p));
			e->p[0] = c;
			e->n++;
		} else {
			e->p[e->n++] = c;
		}
	}
}

int explain(const struct spec *spec, const struct policy_set *wanted, const struct question *q,
	    struct explanation *out)
{
	const struct subnet_spec *decides = NULL;

	*out = (struct explanation){ .covered = spec_covers(spec, &q->local) };
	out->p = calloc(spec->n_protect + spec->n_bypass + 1, sizeof(*out->p));
	if (!out->p)
		return -ENOMEM;
	out->ruling = spec_ruling_of(spec, &q->remote, q->protocol, q->port, &decides);
	out->builtin = builtin_for(wanted, q);
	if (out->builtin)
		out->ruling = RULING_BYPASS;
	consider(out, q, spec->bypass, spec->n_bypass, true, decides);
	consider(out, q, spec->protect, spec->n_protect, false, decides);
	if (!out->covered && !out->builtin)
		out->ruling = RULING_NONE;
	return 0;
}

void explanation_free(struct explanation *e)
{
	free(e->p);
	*e = (struct explanation){ 0 };
}

const char *standing_text(enum standing s, enum precedence precedence)
{
	switch (s) {
	case STANDING_DECIDES:
		return "decides";
	case STANDING_WIDER:
		return "an entry of the same list is narrower";
	case STANDING_BYPASSED:
		return precedence == PRECEDENCE_LONGEST
			       ? "an entry of no_ipsec_subnets is as long or longer"
			       : "no_ipsec_subnets always win";
	case STANDING_SHORTER:
		return "an entry of ipsec_subnets is longer";
	case STANDING_OTHER:
		return "is about another protocol or port";
	case STANDING_BUILTIN:
		break;
	}
	return "what is built in wins over both lists";
}

/* ---- the kernel ------------------------------------------------------------------------------ */

const struct policy_held *explain_held(const struct policy_held *held, size_t n,
				       const struct question *q, enum policy_dir dir)
{
	const struct policy_flow f = explain_flow(q, dir);
	const struct policy_held *best = NULL;

	for (size_t i = 0; i < n; i++) {
		struct policy_set one = { .p = (struct policy *)&held[i].policy, .n = 1 };

		if (!held[i].apart && policy_lookup(&one, dir, &f) &&
		    (!best || held[i].policy.priority < best->policy.priority))
			best = &held[i];
	}
	return best;
}
