/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/address.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xfrm/attribute.h"

#define ROOM 32768 /* octets of one answer */
#define DUMP_TRIES 8

struct list {
	struct ip *p;
	size_t n, room;
};

/* Any event leads to another dump: the list is never mended, only replaced. */
struct addresses {
	struct mnl_socket *events, *requests;
	uint32_t seq;
	struct list list;
	bool stale; /* there was news, and the dump failed */
	uint8_t buf[ROOM] __attribute__((aligned(8)));
};

static int list_add(struct list *l, const struct ip *ip)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct ip *more = reallocarray(l->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->p = more;
		l->room = room;
	}
	l->p[l->n++] = *ip;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	return ip_compare(a, b);
}

static void list_settle(struct list *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->p, l->n, sizeof(*l->p), by_value);
	for (size_t i = 0; i < l->n; i++)
		if (!kept || !ip_equal(&l->p[kept - 1], &l->p[i]))
			l->p[kept++] = l->p[i];
	l->n = kept;
}

static bool list_equal(const struct list *a, const struct list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!ip_equal(&a->p[i], &b->p[i]))
			return false;
	return true;
}

/* On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours. */
static struct bytes own_address(const struct nlmsghdr *nlh, uint32_t *flags)
{
	struct attributes a = attributes_of(nlh, sizeof(struct ifaddrmsg));
	struct bytes address = BYTES_NONE, local = BYTES_NONE;
	struct attribute attr;

	while (attribute_next(&a, &attr)) {
		switch (attr.type) {
		case IFA_ADDRESS:
			address = attr.value;
			break;
		case IFA_LOCAL:
			local = attr.value;
			break;
		case IFA_FLAGS:
			if (attr.value.n >= sizeof(*flags))
				memcpy(flags, attr.value.p, sizeof(*flags));
			break;
		default:
			break;
		}
	}
	return local.n ? local : address;
}

static int take_address(struct list *l, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct bytes own;
	uint32_t flags;
	struct ip ip;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return 0;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return 0;
	flags = ifa->ifa_flags;
	own = own_address(nlh, &flags);
	if (own.n < (ifa->ifa_family == AF_INET ? 4 : 16))
		return 0;
	ip = ip_from(ifa->ifa_family == AF_INET ? 4 : 6, own.p);
	if (flags & IFA_F_DADFAILED || ip_is_loopback(&ip) || ip_is_link_local(&ip) ||
	    ip_is_multicast(&ip))
		return 0;
	return list_add(l, &ip);
}

/* What one received buffer says: 1 if more is to come, else the outcome. */
static int take_answer(struct addresses *a, struct list *l, ssize_t n, bool *interrupted)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)a->buf;
	int left = (int)n, r;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != a->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return *interrupted ? -EINTR : 0;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		if ((r = take_address(l, nlh)))
			return r;
	}
	return 1;
}

static int dump(struct addresses *a, struct list *l)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(a->buf);
	bool interrupted = false;
	int r;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++a->seq;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg)); /* AF_UNSPEC: both families */
	l->n = 0;
	if (mnl_socket_sendto(a->requests, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(a->requests, a->buf, sizeof(a->buf));

		if (n < 0 && errno == EINTR)
			r = 1;
		else
			r = n < 0 ? -errno : take_answer(a, l, n, &interrupted);
	} while (r == 1);
	return r;
}

static int refresh(struct addresses *a, bool *changed)
{
	struct list fresh = { 0 };
	int r = -EINTR;

	for (int try = 0; r == -EINTR && try < DUMP_TRIES; try++)
		r = dump(a, &fresh);
	if (r) { /* no answer may be left for the next request */
		while (recv(mnl_socket_get_fd(a->requests), a->buf, sizeof(a->buf), MSG_DONTWAIT) >
		       0)
			;
		free(fresh.p);
		return r;
	}
	list_settle(&fresh);
	*changed = !list_equal(&fresh, &a->list);
	free(a->list.p);
	a->list = fresh;
	return 0;
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int saved;

	if (s && !mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID))
		return s;
	saved = errno;
	if (s)
		mnl_socket_close(s);
	errno = saved;
	return NULL;
}

int addresses_open(struct addresses **out)
{
	struct addresses *a = calloc(1, sizeof(*a));
	bool changed;
	int r = 0;

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->events = open_socket(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (a->events)
		a->requests = open_socket(0);
	if (!a->events || !a->requests)
		r = -errno;
	if (!r)
		r = refresh(a, &changed);
	if (r) {
		addresses_close(a);
		return r;
	}
	*out = a;
	return 0;
}

void addresses_close(struct addresses *a)
{
	if (!a)
		return;
	if (a->events)
		mnl_socket_close(a->events);
	if (a->requests)
		mnl_socket_close(a->requests);
	free(a->list.p);
	free(a);
}

int addresses_fd(const struct addresses *a)
{
	return mnl_socket_get_fd(a->events);
}

int addresses_read(struct addresses *a, bool *changed)
{
	int r;

	*changed = false;
	for (;;) {
		ssize_t n = recv(addresses_fd(a), a->buf, sizeof(a->buf), MSG_DONTWAIT);

		if (n < 0 && errno != ENOBUFS && errno != EINTR) /* lost events are news too */
			break;
		a->stale = true;
	}
	if (errno != EAGAIN)
		return -errno;
	r = a->stale ? refresh(a, changed) : 0;
	a->stale = r != 0;
	return r;
}

const struct ip *addresses_list(const struct addresses *a, size_t *n)
{
	*n = a->list.n;
	return a->list.p;
}
