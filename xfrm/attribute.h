/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through the attributes of a netlink message, bounded by the message's own length (which
 * lies within what was received: mnl_nlmsg_ok() has seen to it).
 */
#ifndef IKEMESH_XFRM_ATTRIBUTE_H
#define IKEMESH_XFRM_ATTRIBUTE_H

#include <linux/netlink.h>

#include "crypto/bytes.h"

struct attribute {
	uint16_t type;
	struct bytes value; /* points into the message */
};

struct attributes {
	const uint8_t *at, *end;
};

/* From behind a fixed part of so many octets on. */
struct attributes attributes_of(const struct nlmsghdr *nlh, size_t fixed);
bool attribute_next(struct attributes *a, struct attribute *out);

/* Copies the first one of that type; false if there is none or it has fewer octets. */
bool attribute_get(const struct nlmsghdr *nlh, size_t fixed, uint16_t type, void *to, size_t size);

#endif
