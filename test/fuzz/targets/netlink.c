/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One netlink message of the kernel's XFRM, by every decoder: the type that it says is the fuzzer's
 * as well. What is made of it can be encoded.
 */
#include "fuzz/frame.h"

#include "xfrm/decode.h"
#include "xfrm/encode.h"
#include <string.h>

static _Alignas(8) uint8_t room[ENCODE_ROOM];

static void printable(const char *text, size_t size)
{
	HOLDS(strnlen(text, size) < size);
	for (; *text != '\0'; text++)
		HOLDS((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

static void all(const struct nlmsghdr *nlh)
{
	struct policy_held policy;
	struct policy_default fallback;
	struct sa_held sa;
	struct kernel_event event;
	char text[128], small[8];

	if (decode_policy(nlh, &policy)) {
		HOLDS(encode_policy_put(room, &policy.policy, true)->nlmsg_len <= sizeof room);
		HOLDS(encode_policy_get(room, &policy.policy)->nlmsg_len <= sizeof room);
	}
	if (decode_default(nlh, &fallback))
		HOLDS(encode_default_set(room, &fallback)->nlmsg_len <= sizeof room);
	if (decode_sa(nlh, &sa)) {
		HOLDS(sa.ref.dst.family == 4 || sa.ref.dst.family == 6);
		HOLDS(encode_sa_delete(room, &sa.ref)->nlmsg_len <= sizeof room);
	}
	if (decode_event(nlh, &event))
		HOLDS(event.kind <= KERNEL_LOST);
	decode_error(nlh, text, sizeof text);
	printable(text, sizeof text);
	decode_error(nlh, small, sizeof small);
	printable(small, sizeof small);
}

FUZZ_TARGET(input)
{
	struct exact e = exact_of(feed_rest(input));
	struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)e.p;

	/* What libmnl has made sure of before it calls anybody: mnl_nlmsg_ok(). */
	if (e.n >= sizeof *nlh) {
		nlh->nlmsg_len = (uint32_t)e.n;
		all(nlh);
	}
	exact_free(&e);
}
