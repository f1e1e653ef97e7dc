/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the kernel's XFRM as octets. Pure: the caller gives the room (ENCODE_ROOM octets,
 * aligned for a struct nlmsghdr; no message here is longer), sets flags beyond NLM_F_REQUEST and
 * the sequence number, and sends. Beside it in decode.h: what the kernel says.
 */
#ifndef IKEMESH_XFRM_ENCODE_H
#define IKEMESH_XFRM_ENCODE_H

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include "ike/spec.h"
#include "xfrm/policy.h"

#define ENCODE_ROOM 2048

/* From Linux 6.10; the headers of older systems lack it. Older kernels pass over it in silence. */
#define XFRM_ATTR_SA_DIR 33
enum {
	SA_DIR_IN = 1,
	SA_DIR_OUT = 2,
};
/* From Linux 6.11: seconds (32 bits) between NAT keepalives; outbound encapsulated SAs only. */
#define XFRM_ATTR_NAT_KEEPALIVE 34

/*
 * A new SA; the caller wipes buf. NULL: the kernel has no name for its algorithms, or the keying
 * material has not their length. knows_dir: whether this kernel knows an SA's direction. If so, it
 * wants no replay window on an outbound one; if not, an outbound one with ESN must have one.
 */
struct nlmsghdr *encode_sa_add(void *buf, const struct sa_spec *sa, bool knows_dir);
/* The same as an update in place: of it the kernel takes encapsulation, selector and limits. */
struct nlmsghdr *encode_sa_update(void *buf, const struct sa_spec *sa, bool knows_dir);
struct nlmsghdr *encode_sa_delete(void *buf, const struct sa_ref *ref);
struct nlmsghdr *encode_sa_get(void *buf, const struct sa_ref *ref);
struct nlmsghdr *encode_sa_dump(void *buf); /* ESP only */

/* Asks for an SA that is not there, with a direction: -EINVAL from kernels that know directions
 * (and refuse one in this place), -ESRCH from the others. */
struct nlmsghdr *encode_sa_dir_probe(void *buf);
/* The same with a keepalive interval that is too short an attribute: -EINVAL or -ERANGE from
 * kernels that know it, -ESRCH from the others. */
struct nlmsghdr *encode_keepalive_probe(void *buf);

/* replace: in place, or new if it is not there; otherwise it must be new. */
struct nlmsghdr *encode_policy_put(void *buf, const struct policy *p, bool replace);
/* By index if it has one, else by selector. */
struct nlmsghdr *encode_policy_delete(void *buf, const struct policy *p);
struct nlmsghdr *encode_policy_get(void *buf, const struct policy *p); /* by selector */
struct nlmsghdr *encode_policy_dump(void *buf);

/* What the kernel does where no policy matches (Linux 5.15). */
struct nlmsghdr *encode_default_get(void *buf);
struct nlmsghdr *encode_default_set(void *buf, const struct policy_default *d);

/* The per-socket policy that lets a socket's packets pass in the clear, for setsockopt. */
struct xfrm_userpolicy_info encode_socket_bypass(enum policy_dir dir, uint16_t family);

/* For IP_XFRM_POLICY: what leaves the socket needs an SA of that reqid, in transport mode. */
struct socket_ask {
	struct xfrm_userpolicy_info info;
	struct xfrm_user_tmpl tmpl;
};
struct socket_ask encode_socket_ask(uint32_t reqid, uint16_t family);

#endif
