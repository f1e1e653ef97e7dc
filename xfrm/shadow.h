/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of others that come before ours: with overlapping selectors the better (lower) priority
 * decides, and with the same selector the one that was there first. What they match is not under
 * our protection. Pure. Nothing is done about them but to say so.
 *
 * Not looked at: policies for marked packets or interface ids, which meet those alone; the built-in
 * bypasses and the backstops of ours, which are made to yield.
 */
#ifndef IKEMESH_XFRM_SHADOW_H
#define IKEMESH_XFRM_SHADOW_H

#include "xfrm/kernel.h"

struct shadow {
	struct policy foreign; /* POLICY_PROTECT: it has templates, whatever they say */
	size_t n;	       /* how many of ours come after it */
};

struct shadows {
	struct shadow *p; /* owned */
	size_t n, room;
};

/* Appends to out. 0 or -ENOMEM. */
int shadow_find(const struct policy_held *held, size_t n_held, const struct policy_set *wanted,
		struct shadows *out);
bool shadows_equal(const struct shadows *a, const struct shadows *b);
void shadows_free(struct shadows *s);

/* "out 10.1.0.1/32 => 10.1.8.0/24 priority 100", with protocol and ports if it has them. */
#define SHADOW_TEXT_LEN 192
const char *shadow_text(const struct shadow *s, char out[static SHADOW_TEXT_LEN]);

#endif
