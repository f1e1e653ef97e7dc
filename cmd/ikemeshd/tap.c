/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/tap.h"
#include "cmd/ikemeshd/parking.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_LEN 128	     /* octets read of each packet: IPv4 with options, UDP, SPI, number */
#define RECEIVE_BUFFER 65536 /* octets: some hundred packets; what is beyond is as good as any */
#define IP6_HEADER_LEN 40
#define UDP_HEADER_LEN 8

struct tap {
	int epoll;
	uint16_t port_natt;
	int fds[TAP_KINDS]; /* -1: not there */
	bool listening;	    /* else they are parked */
	uint32_t known[TAP_KNOWN_MAX];
	size_t n_known, next;
	bool stale; /* the filters do not yet have all that is known */
};

static bool is_v6(enum tap_kind kind)
{
	return kind == TAP_ESP6 || kind == TAP_UDP6;
}

static bool is_udp(enum tap_kind kind)
{
	return kind == TAP_UDP4 || kind == TAP_UDP6;
}

/* ---- the filter --------------------------------------------------------------------------- */

static void put(struct sock_filter *out, size_t *n, uint16_t code, uint32_t k, uint8_t jt,
		uint8_t jf)
{
	out[(*n)++] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
}

size_t tap_filter(enum tap_kind kind, uint16_t port_natt, const uint32_t *known, size_t n,
		  struct sock_filter out[static TAP_FILTER_MAX])
{
	size_t m = 0;

	/* X: where ESP or UDP begins. IPv4 raw sockets are given the header too, IPv6's are not. */
	if (is_v6(kind))
		put(out, &m, BPF_LDX | BPF_IMM, 0, 0, 0);
	else
		put(out, &m, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
	if (is_udp(kind)) {
		put(out, &m, BPF_LD | BPF_H | BPF_IND, 2, 0, 0);
		put(out, &m, BPF_JMP | BPF_JEQ | BPF_K, port_natt, 1, 0);
		put(out, &m, BPF_RET | BPF_K, 0, 0, 0);
	}
	/* A packet too short for this ends here, unseen: a NAT keepalive. */
	put(out, &m, BPF_LD | BPF_W | BPF_IND, is_udp(kind) ? UDP_HEADER_LEN : 0, 0, 0);
	/* RFC 3948 2.2: IKE has zero where ESP has its SPI. */
	put(out, &m, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	put(out, &m, BPF_RET | BPF_K, 0, 0, 0);
	for (size_t i = 0; i < n && i < TAP_KNOWN_MAX; i++) {
		put(out, &m, BPF_JMP | BPF_JEQ | BPF_K, known[i], 0, 1);
		put(out, &m, BPF_RET | BPF_K, 0, 0, 0);
	}
	put(out, &m, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
	return m;
}

/* The socket hears what the filter lets through. */
static int hear(const struct tap *t, enum tap_kind kind)
{
	struct sock_filter code[TAP_FILTER_MAX];
	const struct sock_fprog program = {
		.len = (unsigned short)tap_filter(kind, t->port_natt, t->known, t->n_known, code),
		.filter = code,
	};

	return parking_leave(t->fds[kind], is_v6(kind) ? AF_INET6 : AF_INET, &program);
}

static void filters_renew(struct tap *t)
{
	for (int kind = 0; kind < TAP_KINDS && t->stale && t->listening; kind++)
		if (t->fds[kind] >= 0)
			hear(t, (enum tap_kind)kind);
	t->stale = false;
}

static void learn(struct tap *t, uint32_t spi)
{
	for (size_t i = 0; i < t->n_known; i++)
		if (t->known[i] == spi)
			return;
	t->known[t->next] = spi;
	t->next = (t->next + 1) % TAP_KNOWN_MAX;
	if (t->n_known < TAP_KNOWN_MAX)
		t->n_known++;
	t->stale = true;
}

void tap_forget(struct tap *t)
{
	t->stale = t->n_known > 0;
	t->n_known = t->next = 0;
	filters_renew(t);
}

/* ---- the sockets -------------------------------------------------------------------------- */

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int socket_open(struct tap *t, enum tap_kind kind, const struct tap_options *o)
{
	const int family = is_v6(kind) ? AF_INET6 : AF_INET;
	struct epoll_event want = { .events = EPOLLIN };
	int fd, err;

	fd = parking_open(family, is_udp(kind) ? IPPROTO_UDP : IPPROTO_ESP, o->bypass);
	if (fd < 0)
		return is_v6(kind) && fd == -EAFNOSUPPORT ? 0 : fd;
	t->fds[kind] = fd;
	if ((err = set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER)) != 0)
		return err;
	err = is_v6(kind) ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
			  : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (err == 0 && epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &want) != 0)
		err = -errno;
	return err;
}

int tap_open(const struct tap_options *options, struct tap **out)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err = 0;

	*out = NULL;
	if (t == NULL)
		return -ENOMEM;
	t->epoll = options->epoll;
	t->port_natt = options->port_natt;
	for (int kind = 0; kind < TAP_KINDS; kind++)
		t->fds[kind] = -1;
	for (int kind = 0; kind < TAP_KINDS && err == 0; kind++)
		if (!is_udp((enum tap_kind)kind) || options->port_natt != 0)
			err = socket_open(t, (enum tap_kind)kind, options);
	if (err != 0) {
		tap_close(t);
		return err;
	}
	*out = t;
	return 0;
}

void tap_close(struct tap *t)
{
	if (t == NULL)
		return;
	for (int kind = 0; kind < TAP_KINDS; kind++)
		if (t->fds[kind] >= 0)
			close(t->fds[kind]); /* and so out of the epoll set */
	free(t);
}

int tap_listen(struct tap *t)
{
	int err = 0;

	t->listening = true;
	for (int kind = 0; kind < TAP_KINDS && err == 0; kind++)
		if (t->fds[kind] >= 0)
			err = hear(t, (enum tap_kind)kind);
	if (err != 0)
		tap_park(t);
	return err;
}

void tap_park(struct tap *t)
{
	t->listening = false;
	t->n_known = t->next = 0;
	for (int kind = 0; kind < TAP_KINDS; kind++)
		if (t->fds[kind] >= 0)
			parking_return(t->fds[kind],
				       is_v6((enum tap_kind)kind) ? AF_INET6 : AF_INET);
	tap_watch(t, true);
}

void tap_watch(struct tap *t, bool on)
{
	struct epoll_event want = { .events = on ? EPOLLIN : 0 };

	for (int kind = 0; kind < TAP_KINDS; kind++)
		if (t->fds[kind] >= 0)
			epoll_ctl(t->epoll, EPOLL_CTL_MOD, t->fds[kind], &want);
}

/* ---- packets ------------------------------------------------------------------------------ */

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool tap_decode(enum tap_kind kind, const uint8_t *p, size_t n, size_t total, struct tapped *out)
{
	size_t at = 0;

	out->octets = total;
	if (is_v6(kind)) {
		out->octets += IP6_HEADER_LEN;
	} else {
		if (n < 20 || p[0] >> 4 != 4)
			return false;
		at = (p[0] & 0xfu) * 4u;
		out->remote = ip_from(4, p + 12);
		out->local = ip_from(4, p + 16);
	}
	out->port = 0;
	if (is_udp(kind)) {
		if (at > n || n - at < UDP_HEADER_LEN)
			return false;
		out->port = (uint16_t)(p[at] << 8 | p[at + 1]);
		at += UDP_HEADER_LEN;
	}
	if (at > n || n - at < 8)
		return false;
	out->spi = get_u32(p + at);
	out->seq = get_u32(p + at + 4);
	return out->spi != 0 && (!is_udp(kind) || out->port != 0);
}

/* Sent to one address of this host's own, and not to a group or to all? */
static bool read_addresses(struct msghdr *m, enum tap_kind kind, struct tapped *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			return !is_v6(kind) && info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			struct sockaddr_in6 from;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(&from, m->msg_name, sizeof(from));
			out->local = ip_from(6, info.ipi6_addr.s6_addr);
			out->remote = ip_from(6, from.sin6_addr.s6_addr);
			return is_v6(kind) && !ip_is_multicast(&out->local);
		}
	}
	return false;
}

/* One packet. false: there is none. */
static bool receive(const struct tap *t, enum tap_kind kind, struct tapped *out, bool *good)
{
	uint8_t head[HEAD_LEN];
	struct sockaddr_storage from;
	struct iovec data = { .iov_base = head, .iov_len = sizeof(head) };
	union {
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} control;
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(&from, 0, sizeof(from));
	memset(out, 0, sizeof(*out));
	n = recvmsg(t->fds[kind], &m, MSG_TRUNC); /* the result is what there was */
	if (n < 0)
		return false;
	*good = read_addresses(&m, kind, out) &&
		tap_decode(kind, head, (size_t)n < sizeof(head) ? (size_t)n : sizeof(head),
			   (size_t)n, out);
	return true;
}

size_t tap_turn(struct tap *t, bool (*seen)(void *arg, const struct tapped *p), void *arg)
{
	size_t n = 0;

	for (int kind = 0; kind < TAP_KINDS; kind++) {
		for (int i = 0; t->fds[kind] >= 0 && i < TAP_TURN_MAX; i++) {
			struct tapped p;
			bool good = false;

			if (!receive(t, (enum tap_kind)kind, &p, &good))
				break;
			n++;
			if (good && seen(arg, &p))
				learn(t, p.spi);
		}
	}
	filters_renew(t);
	return n;
}
