/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's XFRM says, as octets of one netlink message (header included, its length
 * within what was received). Pure. false: not such a message, cut short, or about something that
 * ikemesh has no word for (another protocol or family); the result is then undefined.
 */
#ifndef IKEMESH_XFRM_DECODE_H
#define IKEMESH_XFRM_DECODE_H

#include <linux/netlink.h>

#include "xfrm/kernel.h"

bool decode_policy(const struct nlmsghdr *nlh, struct policy_held *out);
bool decode_default(const struct nlmsghdr *nlh, struct policy_default *out);
bool decode_sa(const struct nlmsghdr *nlh, struct sa_held *out); /* ESP; anybody's */
/* Acquire, expire, mapping; anybody's. An expiring larval state is none. */
bool decode_event(const struct nlmsghdr *nlh, struct kernel_event *out);

/* The answer to a request: errno, negative, or 0, and what the kernel wrote beside it ("" if
 * nothing), printable and NUL-terminated. */
int decode_error(const struct nlmsghdr *nlh, char *text, size_t size);

#endif
