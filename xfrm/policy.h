/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole set of policies wanted, from configuration and local addresses. Pure.
 *
 * Per (local address, protected subnet): one policy out, one in, one fwd, with a transport-mode
 * ESP template whose addresses are unspecified and whose reqid is IKEMESH_REQID; "optional" sets
 * the template's optional flag. Bypass policies come from bypass.c and have no template.
 */
#ifndef IKEMESH_XFRM_POLICY_H
#define IKEMESH_XFRM_POLICY_H

#include "ike/spec.h"

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
	struct subnet src, dst;
	uint8_t protocol; /* 0: any */
	uint16_t src_port, src_port_mask; /* host order; mask 0: any */
	uint16_t dst_port, dst_port_mask;
	uint32_t priority; /* lower wins */
	uint32_t index;    /* bypass and block: chosen by us; protect: 0 = kernel's choice */
};

struct policy_set {
	struct policy *p;
	size_t n, room;
};

/* Builds the whole set. 0 or -ENOMEM. The caller frees with policy_set_free(). */
int policy_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
		 struct policy_set *out);
int policy_set_add(struct policy_set *s, const struct policy *p);
void policy_set_free(struct policy_set *s);

/* Same place in the kernel: direction, selector (a policy's identity there). */
bool policy_same_selector(const struct policy *a, const struct policy *b);
/* Is a policy (as dumped) one of ours: reqid of its template, or index base and priority band. */
bool policy_is_ours(const struct policy *p, uint32_t tmpl_reqid);

#endif
