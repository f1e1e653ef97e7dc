/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why packets with a peer go as they go: which entry of the configuration decides, which others
 * have the address too, and why they do not. Pure.
 */
#ifndef IKEMESH_XFRM_EXPLAIN_H
#define IKEMESH_XFRM_EXPLAIN_H

#include "xfrm/kernel.h"

/* Why an entry that has the address decides, or does not. */
enum standing {
	STANDING_DECIDES,
	STANDING_WIDER,	   /* another entry of its list is narrower */
	STANDING_BYPASSED, /* of ipsec_subnets: no_ipsec_subnets win */
	STANDING_SHORTER,  /* of no_ipsec_subnets: a longer one of ipsec_subnets wins */
	STANDING_OTHER,	   /* it is about another protocol or port */
	STANDING_BUILTIN,  /* a built-in bypass wins over all */
};

struct considered {
	const struct subnet_spec *entry; /* borrowed from the spec */
	bool bypass;			 /* of no_ipsec_subnets */
	enum standing standing;
};

struct explanation {
	enum ruling ruling;
	const char *builtin;  /* the built-in bypass that decides; NULL: none */
	bool covered;	      /* the local address is; if not, the ruling is RULING_NONE */
	struct considered *p; /* the one that decides first, then in file order */
	size_t n;
};

/* What is asked: packets to, or from, this port of the peer. 0: whatever concerns them all. */
struct question {
	struct ip local, remote;
	uint8_t protocol;
	uint16_t port; /* host order */
};

/* wanted is what policy_build() made of the spec. 0 or -ENOMEM, and *out is empty. */
int explain(const struct spec *spec, const struct policy_set *wanted, const struct question *q,
	    struct explanation *out);
void explanation_free(struct explanation *e);

struct policy_flow explain_flow(const struct question *q, enum policy_dir dir);

/* The one of the kernel's policies that decides on it, whoever's it is; NULL: none. Borrowed. */
const struct policy_held *explain_held(const struct policy_held *held, size_t n,
				       const struct question *q, enum policy_dir dir);

/* "bypassed: no_ipsec_subnets win" and the like, for a spec of this precedence. */
const char *standing_text(enum standing s, enum precedence precedence);

#endif
