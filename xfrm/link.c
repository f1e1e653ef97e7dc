/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xfrm/attribute.h"

#define ROOM 32768 /* octets of one answer */
#define DUMP_TRIES 8
#define SEQ 1

union buffer {
	struct nlmsghdr align;
	uint8_t octets[ROOM];
};

typedef int (*take_fn)(const struct nlmsghdr *nlh, void *arg);

struct list {
	struct link *p;
	size_t n, room;
};

/* ---- one question -------------------------------------------------------------------------- */

static int error_of(const struct nlmsghdr *nlh)
{
	struct nlmsgerr e;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(e))
		return -EPROTO;
	memcpy(&e, mnl_nlmsg_get_payload(nlh), sizeof(e));
	return e.error;
}

/* What one received buffer says: 1 if more is to come, else the outcome. */
static int take_answer(const union buffer *buf, ssize_t n, take_fn take, void *arg)
{
	const struct nlmsghdr *nlh = &buf->align;
	int left = (int)n, r;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return error_of(nlh);
		if ((r = take(nlh, arg)))
			return r;
		if (!(nlh->nlmsg_flags & NLM_F_MULTI))
			return 0;
	}
	return 1;
}

static int converse(struct mnl_socket *s, union buffer *buf, take_fn take, void *arg)
{
	int r;

	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	if (mnl_socket_sendto(s, buf, buf->align.nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(*buf));

		if (n < 0 && errno == EINTR)
			r = 1;
		else
			r = n < 0 ? -errno : take_answer(buf, n, take, arg);
	} while (r == 1);
	return r;
}

/* A socket a question: nothing of an answer that broke off is left for the next one. */
static int ask(union buffer *buf, take_fn take, void *arg)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int r;

	if (!s)
		return -errno;
	r = converse(s, buf, take, arg);
	mnl_socket_close(s);
	return r;
}

static struct nlmsghdr *start(union buffer *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = SEQ;
	return nlh;
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static void get_text(struct bytes value, char out[static LINK_NAME_LEN])
{
	size_t n = value.n < LINK_NAME_LEN ? value.n : LINK_NAME_LEN - 1;

	memset(out, 0, LINK_NAME_LEN);
	memcpy(out, value.p, n);
}

static void get_number(struct bytes value, unsigned *out)
{
	if (value.n >= sizeof(uint32_t))
		memcpy(out, value.p, sizeof(uint32_t));
}

/* IFLA_LINKINFO holds attributes of its own. */
static void get_kind(struct bytes info, struct link *l)
{
	struct attributes a = { .at = info.p, .end = info.p + info.n };
	struct attribute attr;

	while (attribute_next(&a, &attr))
		if (attr.type == IFLA_INFO_KIND)
			get_text(attr.value, l->kind);
}

static struct link link_of(const struct nlmsghdr *nlh, const struct ifinfomsg *info)
{
	struct attributes a = attributes_of(nlh, sizeof(*info));
	struct link l = {
		.index = (unsigned)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.loopback = info->ifi_flags & IFF_LOOPBACK,
	};
	struct attribute attr;

	while (attribute_next(&a, &attr)) {
		if (attr.type == IFLA_IFNAME)
			get_text(attr.value, l.name);
		else if (attr.type == IFLA_MTU)
			get_number(attr.value, &l.mtu);
		else if (attr.type == IFLA_MASTER)
			get_number(attr.value, &l.master);
		else if (attr.type == IFLA_LINKINFO)
			get_kind(attr.value, &l);
	}
	return l;
}

static int take_link(const struct nlmsghdr *nlh, void *arg)
{
	struct list *list = arg;
	struct ifinfomsg info;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(info))
		return 0;
	memcpy(&info, mnl_nlmsg_get_payload(nlh), sizeof(info));
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct link *more = reallocarray(list->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->p = more;
		list->room = room;
	}
	list->p[list->n++] = link_of(nlh, &info);
	return 0;
}

int links_read(struct link **out, size_t *n)
{
	struct list list = { 0 };
	int r = -EINTR;

	for (int try = 0; r == -EINTR && try < DUMP_TRIES; try++) {
		union buffer buf;
		struct nlmsghdr *nlh = start(&buf, RTM_GETLINK, NLM_F_DUMP);

		list.n = 0;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		r = ask(&buf, take_link, &list);
	}
	if (r) {
		free(list.p);
		list = (struct list){ 0 };
	}
	*out = list.p;
	*n = list.n;
	return r;
}

/* ---- routes ---------------------------------------------------------------------------------- */

struct route {
	struct way *way;
	uint8_t family;
	bool found;
};

static int take_route(const struct nlmsghdr *nlh, void *arg)
{
	struct route *route = arg;
	struct attributes a = attributes_of(nlh, sizeof(struct rtmsg));
	struct attribute attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return 0;
	while (attribute_next(&a, &attr)) {
		if (attr.type == RTA_OIF)
			get_number(attr.value, &route->way->link);
		else if (attr.type == RTA_GATEWAY &&
			 attr.value.n >= (route->family == 4 ? 4u : 16u))
			route->way->via = ip_from(route->family, attr.value.p);
	}
	route->found = route->way->link != 0;
	return 0;
}

int link_way(const struct ip *to, struct way *out)
{
	struct route route = { .way = out, .family = to->family };
	union buffer buf;
	struct nlmsghdr *nlh = start(&buf, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int r;

	*out = (struct way){ 0 };
	rtm->rtm_family = to->family == 4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = (uint8_t)ip_bits(to);
	mnl_attr_put(nlh, RTA_DST, ip_len(to), to->b);
	r = ask(&buf, take_route, &route);
	return r ? r : route.found ? 0 : -ENETUNREACH;
}

/* ---- neighbours ------------------------------------------------------------------------------ */

struct look_up {
	const struct ip *address;
	enum neighbour found;
};

static enum neighbour state_of(uint16_t state)
{
	if (state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE))
		return NEIGHBOUR_ALIVE;
	return state & (NUD_FAILED | NUD_INCOMPLETE) ? NEIGHBOUR_GONE : NEIGHBOUR_UNKNOWN;
}

static int take_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	struct look_up *l = arg;
	struct attributes a = attributes_of(nlh, sizeof(struct ndmsg));
	struct attribute attr;
	struct ndmsg ndm;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(ndm))
		return 0;
	memcpy(&ndm, mnl_nlmsg_get_payload(nlh), sizeof(ndm));
	while (attribute_next(&a, &attr))
		if (attr.type == NDA_DST &&
		    bytes_equal(attr.value, BYTES(l->address->b, ip_len(l->address))))
			l->found = state_of(ndm.ndm_state);
	return 0;
}

enum neighbour link_neighbour(const struct ip *address)
{
	struct look_up l = { .address = address };
	union buffer buf;
	struct nlmsghdr *nlh = start(&buf, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = address->family == 4 ? AF_INET : AF_INET6;
	return ask(&buf, take_neighbour, &l) == 0 ? l.found : NEIGHBOUR_UNKNOWN;
}
