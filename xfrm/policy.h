/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole set of policies wanted, from configuration and local addresses. Pure.
 *
 * Per (local address, protected subnet): one policy out, one in, one fwd, with a transport-mode
 * ESP template whose addresses are unspecified and whose reqid is IKEMESH_REQID; "optional" sets
 * the template's optional flag. Bypass policies come from bypass.c and have no template.
 *
 * The fwd policy has the selector of the in policy, the local address as destination, although a
 * packet that a port forwarding sends on to a container carries the container's address by then:
 * the kernel undoes the address translation before it looks the policy up. So it stops cleartext
 * to forwarded ports, and never meets what this host routes between others.
 */
#ifndef IKEMESH_XFRM_POLICY_H
#define IKEMESH_XFRM_POLICY_H

#include "ike/spec.h"

/*
 * Ours alone: the indices from IKEMESH_POLICY_INDEX on, whose low three bits are the direction
 * (the kernel refuses others), and a band of priorities. Lower wins in the kernel, so the band lies
 * before those that other key daemons use by themselves, and behind what an operator puts first.
 */
#define POLICY_INDEX_SPAN 0x00400000u
#define POLICY_PRIORITY 0x00010000u
#define POLICY_PRIORITY_SPAN 0x00010000u
/* The same band once more, behind everybody's policies: for backstop.h. */
#define POLICY_BACKSTOP 0x7fff0000u

/*
 * What wins over what, whatever the prefixes; within a rank the longer prefix. With
 * PRECEDENCE_LONGEST bypasses and protected subnets are one rank, and of equal prefixes the bypass
 * wins.
 */
enum policy_rank {
	RANK_BUILTIN,
	RANK_BYPASS,
	RANK_PROTECT,
};

enum policy_dir {
	POLICY_IN = 0,
	POLICY_OUT = 1,
	POLICY_FWD = 2,
};

enum policy_kind {
	POLICY_PROTECT,
	POLICY_BYPASS,
	POLICY_BLOCK,
};

struct policy {
	enum policy_dir dir;
	enum policy_kind kind;
	bool optional;
	bool beside; /* see beside.h */
	struct subnet src, dst;
	uint8_t protocol;		  /* 0: any */
	uint16_t src_port, src_port_mask; /* host order; mask 0: any */
	uint16_t dst_port, dst_port_mask;
	uint32_t priority; /* lower wins */
	uint32_t index;	   /* bypass and block: chosen by us; protect: 0 = kernel's choice */
};

struct policy_set {
	struct policy *p;
	size_t n, room;
};

/* What policies depend on besides the configuration: the host at this moment. Borrowed. */
struct locality {
	const struct ip *locals; /* its addresses */
	size_t n_locals;
	const struct ip *broadcasts; /* of its IPv4 networks */
	size_t n_broadcasts;
	bool forwards4, forwards6; /* is a router, or has containers */
};

/*
 * Builds the whole set, for those of locals that the spec covers. 0, -ENOMEM, or -ENOSPC (more
 * bypasses than there are indices); the set is empty then. The caller frees with policy_set_free().
 * Bypasses come first. Entries that say the same become one: a bypass rather than a protected
 * subnet, enforced rather than optional.
 */
int policy_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
		 struct policy_set *out);
int policy_set_add(struct policy_set *s, const struct policy *p); /* 0 or -ENOMEM */
void policy_set_free(struct policy_set *s);

/*
 * One policy of an entry: what goes between a local address and it. kind, priority and index are
 * left to the caller.
 */
struct policy policy_between(enum policy_dir dir, const struct ip *local,
			     const struct subnet_spec *entry);
uint32_t policy_priority(const struct spec *spec, enum policy_rank rank, const struct policy *p);
/* Of one with that priority, in our band. A protected one may be said to be RANK_BYPASS. */
enum policy_rank policy_rank_of(uint32_t priority);
struct subnet policy_host(const struct ip *ip); /* /32 or /128 */
struct subnet policy_any(uint8_t family);	/* all addresses */
bool policy_same_entry(const struct subnet_spec *a, const struct subnet_spec *b);

/* What becomes of a packet that no policy matches. The numbers are the kernel's. */
enum default_action {
	DEFAULT_UNSPECIFIED = 0, /* leaves it as it is */
	DEFAULT_BLOCK = 1,
	DEFAULT_ACCEPT = 2,
};
struct policy_default {
	enum default_action in, fwd, out;
};

/* A packet as a selector sees it: ports in host order; ICMP has its type and code there. */
struct policy_flow {
	struct ip src, dst;
	uint8_t protocol;
	uint16_t src_port, dst_port;
};
/* The policy that decides on a packet, as the kernel would choose it; NULL: none. Borrowed. */
const struct policy *policy_lookup(const struct policy_set *s, enum policy_dir dir,
				   const struct policy_flow *flow);

/* Same place in the kernel: direction, selector (a policy's identity there). */
bool policy_same_selector(const struct policy *a, const struct policy *b);
bool policy_is_backstop(const struct policy *p);		    /* by its priority */
int policy_compare(const struct policy *a, const struct policy *b); /* an order of selectors */
/* Is a policy (as dumped) one of ours: reqid of its template, mark of beside.h, or index base and
 * priority band. */
bool policy_is_ours(const struct policy *p, uint32_t tmpl_reqid);

#endif
