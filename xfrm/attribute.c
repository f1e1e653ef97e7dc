/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/attribute.h"

#include <string.h>

struct attributes attributes_of(const struct nlmsghdr *nlh, size_t fixed)
{
	const uint8_t *start = (const uint8_t *)nlh;
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);

	if (skip > nlh->nlmsg_len)
		skip = nlh->nlmsg_len;
	return (struct attributes){ start + skip, start + nlh->nlmsg_len };
}

bool attribute_next(struct attributes *a, struct attribute *out)
{
	size_t left = (size_t)(a->end - a->at), whole;
	struct nlattr header;

	if (left < NLA_HDRLEN)
		return false;
	memcpy(&header, a->at, sizeof(header));
	if (header.nla_len < NLA_HDRLEN || header.nla_len > left)
		return false;
	out->type = header.nla_type & NLA_TYPE_MASK;
	out->value = BYTES(a->at + NLA_HDRLEN, (size_t)header.nla_len - NLA_HDRLEN);
	whole = NLA_ALIGN((size_t)header.nla_len);
	a->at += whole < left ? whole : left;
	return true;
}

bool attribute_get(const struct nlmsghdr *nlh, size_t fixed, uint16_t type, void *to, size_t size)
{
	struct attributes a = attributes_of(nlh, fixed);
	struct attribute attr;

	while (attribute_next(&a, &attr))
		if (attr.type == type) {
			if (attr.value.n < size)
				return false;
			memcpy(to, attr.value.p, size);
			return true;
		}
	return false;
}
