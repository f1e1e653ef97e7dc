/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARKER_LEN 4 /* RFC 3948 2.2: four zero octets where ESP has its SPI */
#define BUFFER_LEN (UDP_DATAGRAM_MAX + MARKER_LEN + 1)
#define RECEIVE_BUFFER (4 << 20) /* octets: a whole fleet may knock at once */

struct port {
	int fd; /* -1: not there (no IPv6) */
	int family;
	uint16_t number;
	bool natt;
};

#define AT_ONCE 4 /* datagrams a system call */

struct udp {
	struct port ports[UDP_SOCKETS];
	struct udp_counters counters;
	uint8_t buffers[AT_ONCE][BUFFER_LEN]; /* what was never used takes no memory */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Room for packet info and an extended error with its offender. */
union control {
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
		  CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6))];
	struct cmsghdr align;
};

static socklen_t address_from_endpoint(const struct endpoint *e, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (e->ip.family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(e->port);
		memcpy(&out->v4.sin_addr, e->ip.b, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(e->port);
	memcpy(&out->v6.sin6_addr, e->ip.b, 16);
	return sizeof(out->v6);
}

static struct endpoint endpoint_from_address(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return (struct endpoint){ .ip = ip_from(4, (const uint8_t *)&a->v4.sin_addr),
					  .port = ntohs(a->v4.sin_port) };
	return (struct endpoint){ .ip = ip_from(6, a->v6.sin6_addr.s6_addr),
				  .port = ntohs(a->v6.sin6_port) };
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int set_options_v4(int fd)
{
	int err;

	if ((err = set(fd, IPPROTO_IP, IP_PKTINFO, 1)) != 0)
		return err;
	if ((err = set(fd, IPPROTO_IP, IP_RECVERR, 1)) != 0)
		return err;
	return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static int set_options_v6(int fd)
{
	int err;

	if ((err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) != 0)
		return err;
	if ((err = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) != 0)
		return err;
	if ((err = set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)) != 0)
		return err;
	return set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}

static int set_options(const struct port *p, const struct udp_options *o)
{
	int err = p->family == AF_INET ? set_options_v4(p->fd) : set_options_v6(p->fd);

	if (err != 0)
		return err;
	if (set(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) != 0)
		set(p->fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (o->bypass != NULL && (err = o->bypass(p->fd, p->family)) != 0)
		return err;
	if (p->natt && o->udp_encap != NULL)
		return o->udp_encap(p->fd);
	return 0;
}

static int bind_port(const struct port *p)
{
	const struct endpoint any = { .ip = { .family = p->family == AF_INET ? 4 : 6 },
				      .port = p->number };
	union address a;
	socklen_t n = address_from_endpoint(&any, &a);

	return bind(p->fd, &a.any, n) == 0 ? 0 : -errno;
}

static int explain(const struct port *p, const char *what, int err, char *error)
{
	const char *family = p->family == AF_INET ? "IPv4" : "IPv6";

	if (err == -EADDRINUSE)
		snprintf(error, UDP_ERROR_LEN,
			 "UDP port %u (%s) is in use: another IKE daemon (charon, pluto, iked?) is "
			 "running; stop it first; `ss -lunp sport = :%u` names it",
			 p->number, family, p->number);
	else
		snprintf(error, UDP_ERROR_LEN, "UDP port %u (%s): %s: %s", p->number, family, what,
			 strerror(-err));
	return err;
}

/* Is it what it is said to be? A descriptor comes from outside. */
static bool is_bound_to(const struct port *p, int fd)
{
	union address a = { 0 };
	socklen_t n = sizeof(a);
	int type = 0;
	socklen_t type_len = sizeof(type);

	return getsockname(fd, &a.any, &n) == 0 && a.any.sa_family == p->family &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_DGRAM &&
	       endpoint_from_address(&a).port == p->number;
}

/* A predecessor's socket has its options, its bypass, and perhaps datagrams that wait. */
static bool adopt(struct port *p, int *fd)
{
	if (*fd < 0 || !is_bound_to(p, *fd) || fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(*fd, F_SETFL, O_NONBLOCK) != 0)
		return false;
	p->fd = *fd;
	*fd = -1;
	return true;
}

static int port_open(struct udp *u, struct port *p, const struct udp_options *o, char *error)
{
	int err;

	if (o->adopted != NULL && adopt(p, &o->adopted[p - u->ports]))
		return 0;
	p->fd = socket(p->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0) {
		if (p->family == AF_INET6 && errno == EAFNOSUPPORT)
			return 0;
		return explain(p, "cannot open", -errno, error);
	}
	if ((err = set_options(p, o)) != 0)
		return explain(p, "cannot set options", err, error);
	err = bind_port(p);
	/* IPv6 switched off: the family is known, but there is no [::]. */
	if (err == -EADDRNOTAVAIL && p->family == AF_INET6) {
		close(p->fd);
		p->fd = -1;
		return 0;
	}
	return err == 0 ? 0 : explain(p, "cannot bind", err, error);
}

int udp_open(const struct udp_options *options, struct udp **out, char error[static UDP_ERROR_LEN])
{
	const struct port ports[UDP_SOCKETS] = {
		{ .fd = -1, .family = AF_INET, .number = options->port },
		{ .fd = -1, .family = AF_INET, .number = options->port_natt, .natt = true },
		{ .fd = -1, .family = AF_INET6, .number = options->port },
		{ .fd = -1, .family = AF_INET6, .number = options->port_natt, .natt = true },
	};
	struct udp *u = calloc(1, sizeof(*u));
	int err = 0;

	*out = NULL;
	snprintf(error, UDP_ERROR_LEN, "out of memory or descriptors");
	if (u == NULL)
		return -ENOMEM;
	memcpy(u->ports, ports, sizeof(ports));
	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++)
		err = port_open(u, &u->ports[i], options, error);
	if (err != 0) {
		udp_close(u);
		return err;
	}
	error[0] = '\0';
	*out = u;
	return 0;
}

void udp_close(struct udp *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		if (u->ports[i].fd >= 0)
			close(u->ports[i].fd);
	}
	free(u);
}

void udp_sockets(const struct udp *u, int out[static UDP_SOCKETS])
{
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		out[i] = u->ports[i].fd;
}

const struct udp_counters *udp_counters(const struct udp *u)
{
	return &u->counters;
}

/* A datagram, with what came beside the data. */
struct received {
	union address from;
	struct ip to; /* none: the kernel did not say, or it was not for us alone */
	struct sock_extended_err error; /* ee_origin 0: none */
	uint8_t *data;
	size_t n;
	bool cut;
};

/* Room for what one call receives. */
struct receiving {
	struct mmsghdr messages[AT_ONCE];
	struct iovec parts[AT_ONCE];
	union address from[AT_ONCE];
	union control control[AT_ONCE];
};

static void read_pktinfo_v4(const struct cmsghdr *c, struct received *r)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	r->to = ip_from(4, (const uint8_t *)&info.ipi_addr);
}

static void read_pktinfo_v6(const struct cmsghdr *c, struct received *r)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	r->to = ip_from(6, info.ipi6_addr.s6_addr);
}

static void read_control(struct msghdr *m, struct received *r)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			read_pktinfo_v4(c, r);
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			read_pktinfo_v6(c, r);
		else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			memcpy(&r->error, CMSG_DATA(c), sizeof(r->error));
	}
}

/* How many came, of AT_ONCE; or negative errno. */
static int receive(struct udp *u, const struct port *p, int flags, struct receiving *in)
{
	int n;

	memset(in, 0, sizeof(*in));
	for (size_t i = 0; i < AT_ONCE; i++) {
		in->parts[i] = (struct iovec){ u->buffers[i], BUFFER_LEN };
		in->messages[i].msg_hdr =
			(struct msghdr){ .msg_name = &in->from[i],
					 .msg_namelen = sizeof(in->from[i]),
					 .msg_iov = &in->parts[i],
					 .msg_iovlen = 1,
					 .msg_control = &in->control[i],
					 .msg_controllen = sizeof(in->control[i]) };
	}
	n = recvmmsg(p->fd, in->messages, AT_ONCE, flags | MSG_DONTWAIT, NULL);
	return n >= 0 ? n : -errno;
}

static struct received received_at(struct udp *u, struct receiving *in, size_t i)
{
	struct msghdr *m = &in->messages[i].msg_hdr;
	struct received r = { .from = in->from[i],
			      .data = u->buffers[i],
			      .n = in->messages[i].msg_len,
			      .cut = (m->msg_flags & MSG_TRUNC) != 0 };

	read_control(m, &r);
	return r;
}

/* Once what was received is neither marker, keepalive nor too long, it is the handler's. */
static void take_datagram(struct udp *u, const struct port *p, const struct received *r,
			  const struct udp_handler *h)
{
	static const uint8_t marker[MARKER_LEN] = { 0 };
	const struct endpoint local = { .ip = r->to, .port = p->number };
	const struct endpoint remote = endpoint_from_address(&r->from);
	uint8_t *data = r->data;
	size_t n = r->n;

	u->counters.received++;
	if (p->natt && n == 1 && data[0] == 0xff) {
		u->counters.keepalives++;
		return;
	}
	if (p->natt && (n < MARKER_LEN || memcmp(data, marker, MARKER_LEN) != 0)) {
		u->counters.stray++;
		return;
	}
	if (p->natt) {
		data += MARKER_LEN;
		n -= MARKER_LEN;
	}
	if (r->cut || n > UDP_DATAGRAM_MAX)
		u->counters.too_long++;
	else if (r->to.family == 0 || ip_is_multicast(&r->to) || remote.port == 0)
		u->counters.stray++;
	else
		h->packet(h->arg, &local, &remote, data, n);
}

static void take_error(struct udp *u, const struct port *p, const struct received *r,
		       const struct udp_handler *h)
{
	const struct endpoint local = { .ip = r->to, .port = p->number };
	const struct endpoint remote = endpoint_from_address(&r->from);

	if (r->error.ee_origin != SO_EE_ORIGIN_ICMP && r->error.ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	u->counters.icmp_errors++;
	/* The route has learned its smaller MTU: the next datagram is cut to fit. */
	if (r->error.ee_errno != EMSGSIZE)
		h->unreachable(h->arg, &local, &remote, -(int)r->error.ee_errno);
}

/* ICMP errors wait in a queue of their own, each with the datagram's destination as its name. */
static void take_errors(struct udp *u, const struct port *p, const struct udp_handler *h)
{
	struct receiving in;
	int n = AT_ONCE;

	for (int all = 0; all < UDP_TURN_MAX && n == AT_ONCE; all += n) {
		n = receive(u, p, MSG_ERRQUEUE, &in);
		for (int i = 0; i < n; i++) {
			const struct received r = received_at(u, &in, (size_t)i);

			take_error(u, p, &r, h);
		}
	}
}

/*
 * An error in place of datagrams is an ICMP error's echo: the details are in the error queue. They
 * are there as well where nothing came, and something woke us.
 */
void udp_turn(struct udp *u, size_t socket, const struct udp_handler *h)
{
	const struct port *p = &u->ports[socket];
	struct receiving in;
	int n = AT_ONCE, all = 0;

	for (; all < UDP_TURN_MAX && n == AT_ONCE; all += n) {
		n = receive(u, p, 0, &in);
		for (int i = 0; i < n; i++) {
			const struct received r = received_at(u, &in, (size_t)i);

			take_datagram(u, p, &r, h);
		}
		if (n < 0)
			break;
	}
	if (all == 0)
		take_errors(u, p, h);
}

static const struct port *port_for(const struct udp *u, const struct endpoint *local)
{
	int family = local->ip.family == 4 ? AF_INET : AF_INET6;

	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		const struct port *p = &u->ports[i];

		if (p->fd >= 0 && p->family == family && p->number == local->port)
			return p;
	}
	return NULL;
}

static void put_source(struct msghdr *m, const struct ip *from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (from->family == 4) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, from->b, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { 0 };

		memcpy(&info.ipi6_addr, from->b, 16);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

/*
 * With IP_RECVERR the socket also hands an ICMP error for some earlier datagram, to anyone, to
 * whatever call comes next: such an error is gone when it has been told, so the call is made again.
 */
static int send_through(const struct port *p, const struct msghdr *m)
{
	for (int tries = 0;; tries++) {
		if (sendmsg(p->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (tries == 2 || errno == EAGAIN || errno == EMSGSIZE || errno == EINVAL)
			return -errno;
	}
}

static int send_parts(struct udp *u, const struct port *p, const struct endpoint *local,
		      const struct endpoint *remote, struct iovec *parts, size_t n_parts)
{
	union address to;
	union control control = { 0 };
	struct msghdr m = { .msg_name = &to,
			    .msg_iov = parts,
			    .msg_iovlen = n_parts,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int err;

	if (p == NULL || remote->ip.family != local->ip.family)
		return -EAFNOSUPPORT;
	m.msg_namelen = address_from_endpoint(remote, &to);
	put_source(&m, &local->ip);
	err = send_through(p, &m);
	u->counters.sent += err == 0;
	u->counters.send_errors += err != 0;
	return err;
}

int udp_send(struct udp *u, const struct endpoint *local, const struct endpoint *remote,
	     struct bytes datagram)
{
	static uint8_t marker[MARKER_LEN];
	const struct port *p = port_for(u, local);
	struct iovec parts[2] = {
		{ .iov_base = marker, .iov_len = MARKER_LEN },
		{ .iov_base = (void *)datagram.p, .iov_len = datagram.n },
	};

	if (p != NULL && !p->natt)
		return send_parts(u, p, local, remote, parts + 1, 1);
	return send_parts(u, p, local, remote, parts, 2);
}

int udp_keepalive(struct udp *u, const struct endpoint *local, const struct endpoint *remote)
{
	static uint8_t octet = 0xff;
	struct iovec part = { .iov_base = &octet, .iov_len = 1 };

	return send_parts(u, port_for(u, local), local, remote, &part, 1);
}
