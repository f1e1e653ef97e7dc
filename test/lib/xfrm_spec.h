/* SPDX-License-Identifier: Apache-2.0 */
/* A spec from text, for tests of policies: what is protected and what is bypassed. */
#ifndef IKEMESH_TEST_XFRM_SPEC_H
#define IKEMESH_TEST_XFRM_SPEC_H

#include "ike/spec.h"
#include "xfrm/policy.h"

/*
 * Entries are "10.0.0.0/20", with a "?" behind it if optional, and "10.0.0.1/32 udp/53" if only a
 * remote port is meant. NULL ends each list. Aborts on what it cannot read. Ends with
 * xfrm_spec_free(), since it owns its two lists only.
 */
struct spec xfrm_spec(const char *const *protect, const char *const *bypass);
void xfrm_spec_free(struct spec *s);

#define ENTRIES(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

struct ip xfrm_ip(const char *text);
struct subnet xfrm_subnet(const char *text);
struct policy_flow xfrm_flow(const char *src, const char *dst, uint8_t protocol, uint16_t src_port,
			     uint16_t dst_port);

/* policy_build(), which must not fail. */
struct policy_set xfrm_build(const struct spec *spec, const struct ip *locals, size_t n);

/* One line of text for a policy, static until the next call but three. */
const char *xfrm_policy_text(const struct policy *p);

#endif
