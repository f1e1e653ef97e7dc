/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the netlink socket share (kernel.c, kernel_counters.c), and nobody else sees.
 */
#ifndef IKEMESH_XFRM_KERNEL_INSIDE_H
#define IKEMESH_XFRM_KERNEL_INSIDE_H

#include "xfrm/encode.h"
#include "xfrm/kernel.h"

#include <libmnl/libmnl.h>

#define ANSWER_ROOM 65536 /* octets: the kernel fills up to 32 KiB of a dump */
#define EVENTS_AT_ONCE 16
#define EVENT_ROOM 2048 /* octets of one event */

union request {
	struct nlmsghdr align;
	uint64_t align8;
	uint8_t octets[ENCODE_ROOM];
};

struct kernel {
	struct mnl_socket *requests, *events;
	uint32_t seq;
	bool knows_dir;	      /* of SAs: XFRM_ATTR_SA_DIR */
	bool knows_keepalive; /* XFRM_ATTR_NAT_KEEPALIVE */
	char error[128];
	uint8_t answer[ANSWER_ROOM] __attribute__((aligned(8)));
	uint8_t event[EVENTS_AT_ONCE][EVENT_ROOM] __attribute__((aligned(8)));
};

/* Takes each message of an answer but its end. Not 0: the rest is not read. */
typedef int (*take_fn)(const struct nlmsghdr *nlh, void *arg);

/* One request, to the end of its answer. -EINTR: a dump was changed under way. */
int kernel_ask(struct kernel *k, struct nlmsghdr *nlh, take_fn take, void *arg);

#endif
