/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/address.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
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

/* What was found at one time. */
struct view {
	struct list locals, broadcasts;
	bool forwards4, forwards6;
};

/* Any event leads to another dump: the view is never mended, only replaced. */
struct addresses {
	struct mnl_socket *events, *requests;
	uint32_t seq;
	struct view view;
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

static bool is_in(const struct list *l, const struct ip *ip)
{
	return l->n && bsearch(ip, l->p, l->n, sizeof(*l->p), by_value);
}

/* Whatever was set: an address of this host is none, and the limited one is everybody's. */
static void drop_no_broadcasts(struct view *v)
{
	static const struct ip limited = { 4, { 255, 255, 255, 255 } };
	size_t kept = 0;

	for (size_t i = 0; i < v->broadcasts.n; i++) {
		const struct ip *ip = &v->broadcasts.p[i];

		if (!is_in(&v->locals, ip) && !ip_equal(ip, &limited))
			v->broadcasts.p[kept++] = *ip;
	}
	v->broadcasts.n = kept;
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

static bool view_equal(const struct view *a, const struct view *b)
{
	return list_equal(&a->locals, &b->locals) && list_equal(&a->broadcasts, &b->broadcasts) &&
	       a->forwards4 == b->forwards4 && a->forwards6 == b->forwards6;
}

static void view_free(struct view *v)
{
	free(v->locals.p);
	free(v->broadcasts.p);
	*v = (struct view){ 0 };
}

struct address_words {
	struct bytes address, local, broadcast;
	uint32_t flags;
};

static void read_words(const struct nlmsghdr *nlh, struct address_words *w)
{
	struct attributes a = attributes_of(nlh, sizeof(struct ifaddrmsg));
	struct attribute attr;

	while (attribute_next(&a, &attr)) {
		switch (attr.type) {
		case IFA_ADDRESS:
			w->address = attr.value;
			break;
		case IFA_LOCAL:
			w->local = attr.value;
			break;
		case IFA_BROADCAST:
			w->broadcast = attr.value;
			break;
		case IFA_FLAGS:
			if (attr.value.n >= sizeof(w->flags))
				memcpy(&w->flags, attr.value.p, sizeof(w->flags));
			break;
		default:
			break;
		}
	}
}

/*
 * Set with the address or not, the kernel takes the last one of a network for its broadcast. Where
 * there is no network, what was set is none: clouds set a /32 to its own address, and what passes
 * as broadcast to that is all that comes in.
 */
static int take_broadcast(struct view *v, const uint8_t *address, unsigned prefix,
			  const struct bytes *said)
{
	struct ip ip = ip_from(4, address);
	int r = 0;

	if (prefix >= 31) /* RFC 3021: two hosts and no room for it */
		return 0;
	if (said->n >= 4) {
		struct ip set = ip_from(4, said->p);

		r = list_add(&v->broadcasts, &set);
	}
	for (unsigned bit = prefix; bit < 32; bit++)
		ip.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return r ? r : list_add(&v->broadcasts, &ip);
}

static int take_address(struct view *v, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct address_words w = { 0 };
	struct bytes own;
	struct ip ip;
	int r;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return 0;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return 0;
	w.flags = ifa->ifa_flags;
	read_words(nlh, &w);
	/* On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours. */
	own = w.local.n ? w.local : w.address;
	if (own.n < (ifa->ifa_family == AF_INET ? 4 : 16))
		return 0;
	ip = ip_from(ifa->ifa_family == AF_INET ? 4 : 6, own.p);
	if (w.flags & IFA_F_DADFAILED || ip_is_loopback(&ip) || ip_is_link_local(&ip) ||
	    ip_is_multicast(&ip))
		return 0;
	r = list_add(&v->locals, &ip);
	if (!r && ip.family == 4 && w.address.n >= 4)
		r = take_broadcast(v, w.address.p, ifa->ifa_prefixlen, &w.broadcast);
	return r;
}

/* One interface's settings; "default" is those of interfaces to come. */
static void take_forwarding(struct view *v, const struct nlmsghdr *nlh)
{
	const struct netconfmsg *ncm = mnl_nlmsg_get_payload(nlh);
	int ifindex = NETCONFA_IFINDEX_DEFAULT, on = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ncm) ||
	    !attribute_get(nlh, sizeof(*ncm), NETCONFA_IFINDEX, &ifindex, sizeof(ifindex)) ||
	    !attribute_get(nlh, sizeof(*ncm), NETCONFA_FORWARDING, &on, sizeof(on)))
		return;
	if (ifindex == NETCONFA_IFINDEX_DEFAULT || on <= 0)
		return;
	v->forwards4 |= ncm->ncm_family == AF_INET;
	v->forwards6 |= ncm->ncm_family == AF_INET6;
}

static int take_message(struct view *v, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == RTM_NEWADDR)
		return take_address(v, nlh);
	if (nlh->nlmsg_type == RTM_NEWNETCONF)
		take_forwarding(v, nlh);
	return 0;
}

/* What one received buffer says: 1 if more is to come, else the outcome. */
static int take_answer(struct addresses *a, struct view *v, ssize_t n, bool *interrupted)
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
		if ((r = take_message(v, nlh)))
			return r;
	}
	return 1;
}

/* Everything of one kind, whose requests begin with the family: both, as none is given. */
static int dump(struct addresses *a, uint16_t type, size_t fixed, struct view *v)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(a->buf);
	bool interrupted = false;
	int r;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++a->seq;
	mnl_nlmsg_put_extra_header(nlh, fixed);
	if (mnl_socket_sendto(a->requests, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(a->requests, a->buf, sizeof(a->buf));

		if (n < 0 && errno == EINTR)
			r = 1;
		else
			r = n < 0 ? -errno : take_answer(a, v, n, &interrupted);
	} while (r == 1);
	return r;
}

static int look(struct addresses *a, struct view *v)
{
	int r;

	view_free(v);
	r = dump(a, RTM_GETADDR, sizeof(struct ifaddrmsg), v);
	return r ? r : dump(a, RTM_GETNETCONF, sizeof(struct netconfmsg), v);
}

static int refresh(struct addresses *a, bool *changed)
{
	struct view fresh = { 0 };
	int r = -EINTR;

	for (int try = 0; r == -EINTR && try < DUMP_TRIES; try++)
		r = look(a, &fresh);
	if (r) { /* no answer may be left for the next request */
		while (recv(mnl_socket_get_fd(a->requests), a->buf, sizeof(a->buf), MSG_DONTWAIT) >
		       0)
			;
		view_free(&fresh);
		return r;
	}
	list_settle(&fresh.locals);
	list_settle(&fresh.broadcasts);
	drop_no_broadcasts(&fresh);
	*changed = !view_equal(&fresh, &a->view);
	view_free(&a->view);
	a->view = fresh;
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

static unsigned group(unsigned n)
{
	return 1u << (n - 1);
}

int addresses_open(struct addresses **out)
{
	struct addresses *a = calloc(1, sizeof(*a));
	bool changed;
	int r = 0;

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->events = open_socket(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				group(RTNLGRP_IPV4_NETCONF) | group(RTNLGRP_IPV6_NETCONF));
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
	view_free(&a->view);
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
	*n = a->view.locals.n;
	return a->view.locals.p;
}

struct locality addresses_locality(const struct addresses *a)
{
	const struct view *v = &a->view;

	return (struct locality){
		.locals = v->locals.p,
		.n_locals = v->locals.n,
		.broadcasts = v->broadcasts.p,
		.n_broadcasts = v->broadcasts.n,
		.forwards4 = v->forwards4,
		.forwards6 = v->forwards6,
	};
}
