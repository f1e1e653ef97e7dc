/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/early.h"
#include "cmd/ikemeshd/parking.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define RECEIVE_BUFFER (4 << 20) /* octets, for all SPIs of a family */
#define READ_MAX 1024		 /* packets at once */
#define FAMILIES 2

/* As they go back: with an IP header. */
struct packet {
	struct packet *next;
	size_t n;
	uint8_t octets[];
};

struct awaited {
	struct ip local, remote;
	uint32_t spi;
	struct mono until;
	struct packet *first, **end; /* end NULL: there is none */
	size_t n_packets, octets;
};

struct early {
	int in[FAMILIES]; /* parked while nothing is awaited there; -1: not there */
	bool awake[FAMILIES];
	int back[FAMILIES]; /* to the kernel again */
	struct awaited a[EARLY_MAX];
	size_t n;
	uint8_t room[PACKET_MAX];
};

static const int families[FAMILIES] = { AF_INET, AF_INET6 };

static size_t family_of(const struct ip *ip)
{
	return ip->family == 4 ? 0 : 1;
}

/* --- the sockets ------------------------------------------------------------------------------ */

/* It hears nothing: no packet is of that protocol. */
static int back_open(int family, int (*bypass)(int fd, int family))
{
	const int on = 1;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int err = 0;

	if (fd < 0)
		return -1;
	if (family == AF_INET6) /* IPPROTO_RAW means it for IPv4 */
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on));
	if (err == 0 && bypass != NULL)
		err = bypass(fd, family);
	if (err == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * As many of each SA as are kept: what others send on SAs that they have used for long stays away.
 * A filter for the SPIs that are awaited would be a new one at each handshake, and the kernel makes
 * every CPU forget its mappings for each that goes (a third of a handshake's CPU in the lab).
 * IPv4's raw sockets are given the IP header too, IPv6's are not.
 */
static int filter_first_packets(int fd, int family)
{
	struct sock_filter code[] = {
		{ .code = family == AF_INET ? BPF_LDX | BPF_B | BPF_MSH : BPF_LDX | BPF_IMM },
		{ .code = BPF_LD | BPF_W | BPF_IND, .k = 4 }, /* RFC 4303 2.2: its number */
		{ .code = BPF_JMP | BPF_JGT | BPF_K, .k = EARLY_PACKETS, .jf = 1 },
		{ .code = BPF_RET | BPF_K },
		{ .code = BPF_RET | BPF_K, .k = UINT32_MAX },
	};
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int in_open(int family, int (*bypass)(int fd, int family))
{
	const int on = 1, octets = RECEIVE_BUFFER;
	int fd = parking_open(family, IPPROTO_ESP, bypass);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets));
	if (filter_first_packets(fd, family) == 0 &&
	    (family == AF_INET ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) == 0))
		return fd;
	close(fd);
	return -1;
}

struct early *early_new(int (*bypass)(int fd, int family))
{
	struct early *e = calloc(1, sizeof(*e));

	for (size_t f = 0; e != NULL && f < FAMILIES; f++) {
		e->in[f] = in_open(families[f], bypass);
		e->back[f] = back_open(families[f], bypass);
	}
	return e;
}

static bool is_awaited_in(const struct early *e, size_t f)
{
	for (size_t i = 0; i < e->n; i++)
		if (family_of(&e->a[i].local) == f)
			return true;
	return false;
}

/* What is awaited has changed. 0 or negative errno. */
static int renew(struct early *e, size_t f)
{
	const bool wanted = is_awaited_in(e, f);
	int err;

	if (wanted == e->awake[f])
		return 0;
	err = wanted ? parking_wake(e->in[f], families[f]) : parking_rest(e->in[f], families[f]);
	if (err == 0)
		e->awake[f] = wanted;
	return err;
}

/* --- what is awaited -------------------------------------------------------------------------- */

static void forget_packets(struct awaited *a)
{
	while (a->first != NULL) {
		struct packet *p = a->first;

		a->first = p->next;
		free(p);
	}
	a->end = NULL;
}

static void drop(struct early *e, size_t i)
{
	const size_t f = family_of(&e->a[i].local);

	forget_packets(&e->a[i]);
	e->a[i] = e->a[--e->n];
	(void)renew(e, f); /* it hears more than it must until it succeeds */
}

void early_free(struct early *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->n; i++)
		forget_packets(&e->a[i]);
	for (size_t f = 0; f < FAMILIES; f++) {
		if (e->in[f] >= 0)
			close(e->in[f]);
		if (e->back[f] >= 0)
			close(e->back[f]);
	}
	free(e);
}

size_t early_count(const struct early *e)
{
	return e->n;
}

void early_prune(struct early *e, struct mono now)
{
	for (size_t i = e != NULL ? e->n : 0; i-- > 0;) {
		if (e->a[i].until.us <= now.us)
			drop(e, i);
	}
}

static struct awaited *find(struct early *e, const struct ip *local, const struct ip *remote,
			    uint32_t spi)
{
	for (size_t i = 0; i < e->n; i++) {
		struct awaited *a = &e->a[i];

		if (a->spi == spi && ip_equal(&a->local, local) && ip_equal(&a->remote, remote))
			return a;
	}
	return NULL;
}

/* Without room packets may be lost, as they would be without all this. */
void early_expect(struct early *e, const struct ip *local, const struct ip *remote, uint32_t spi,
		  struct mono now)
{
	const size_t f = family_of(local);

	early_prune(e, now);
	if (e->n == EARLY_MAX || e->in[f] < 0 || e->back[f] < 0)
		return;
	e->a[e->n++] = (struct awaited){
		.local = *local,
		.remote = *remote,
		.spi = spi,
		.until.us = now.us + EARLY_WAIT_US,
	};
	if (renew(e, f) != 0)
		e->n--;
}

/* --- packets ---------------------------------------------------------------------------------- */

struct arrived {
	struct ip local, remote;
	uint32_t spi;
	const uint8_t *p; /* with an IP header */
	size_t n;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool read_v4(const uint8_t *p, size_t n, struct arrived *out)
{
	const size_t head = n >= 20 ? (p[0] & 0xfu) * 4u : n;

	if (head + 4 > n)
		return false;
	*out = (struct arrived){ .local = ip_from(4, p + 16),
				 .remote = ip_from(4, p + 12),
				 .spi = get_u32(p + head),
				 .p = p,
				 .n = n };
	return true;
}

static bool read_v6(const struct sockaddr_in6 *from, const struct in6_pktinfo *info, uint8_t *p,
		    size_t n, struct arrived *out)
{
	struct ip6_hdr h = { .ip6_vfc = 6 << 4 };

	if (n < sizeof(h) + 4)
		return false;
	h.ip6_plen = htons((uint16_t)(n - sizeof(h)));
	h.ip6_nxt = IPPROTO_ESP;
	h.ip6_hlim = 64;
	h.ip6_src = from->sin6_addr;
	h.ip6_dst = info->ipi6_addr;
	memcpy(p, &h, sizeof(h));
	*out = (struct arrived){ .local = ip_from(6, info->ipi6_addr.s6_addr),
				 .remote = ip_from(6, from->sin6_addr.s6_addr),
				 .spi = get_u32(p + sizeof(h)),
				 .p = p,
				 .n = n };
	return true;
}

/* 1, 0 for what is none of ours, or -1: there is no more. */
static int receive(struct early *e, size_t f, struct arrived *out)
{
	const size_t head = f == 1 ? sizeof(struct ip6_hdr) : 0;
	struct sockaddr_in6 from = { 0 };
	struct iovec data = { .iov_base = e->room + head, .iov_len = PACKET_MAX - head };
	union {
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct in6_pktinfo info;
	const struct cmsghdr *c;
	ssize_t n = recvmsg(e->in[f], &m, MSG_DONTWAIT);

	if (n < 0)
		return -1;
	if (f == 0)
		return read_v4(e->room, (size_t)n, out);
	c = CMSG_FIRSTHDR(&m);
	if (c == NULL || c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
		return 0;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	return read_v6(&from, &info, e->room, (size_t)n + head, out);
}

static void keep(struct awaited *a, const struct arrived *p)
{
	struct packet *kept;

	if (a->n_packets == EARLY_PACKETS || a->octets + p->n > EARLY_OCTETS)
		return;
	kept = malloc(sizeof(*kept) + p->n);
	if (kept == NULL)
		return;
	kept->next = NULL;
	kept->n = p->n;
	memcpy(kept->octets, p->p, p->n);
	*(a->end != NULL ? a->end : &a->first) = kept;
	a->end = &kept->next;
	a->n_packets++;
	a->octets += p->n;
}

static void take(struct early *e, size_t f)
{
	struct arrived p;
	int r;

	for (int i = 0; i < READ_MAX && (r = receive(e, f, &p)) >= 0; i++) {
		struct awaited *a = r > 0 ? find(e, &p.local, &p.remote, p.spi) : NULL;

		if (a != NULL)
			keep(a, &p);
	}
}

static socklen_t address_of(const struct ip *ip, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memset(out, 0, sizeof(*out));
	if (ip->family == 4) {
		memcpy(&v4.sin_addr, ip->b, sizeof(v4.sin_addr));
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, ip->b, sizeof(v6.sin6_addr));
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

/* As if they came now, in their order: by the loopback, to the address that they were sent to. */
static size_t hand_back(const struct early *e, const struct awaited *a)
{
	const int fd = e->back[family_of(&a->local)];
	struct sockaddr_storage to;
	socklen_t to_n = address_of(&a->local, &to);
	size_t n = 0;

	for (const struct packet *p = a->first; p != NULL; p = p->next)
		n += sendto(fd, p->octets, p->n, MSG_DONTWAIT, (const struct sockaddr *)&to, to_n) >
		     0;
	return n;
}

size_t early_deliver(struct early *e, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	struct awaited *a = find(e, local, remote, spi);
	struct awaited due;
	size_t n;

	if (a == NULL)
		return 0;
	take(e, family_of(local));
	/* It is awaited no longer before it is handed back, or it would be heard again. */
	due = *a;
	a->first = NULL;
	drop(e, (size_t)(a - e->a));
	n = hand_back(e, &due);
	forget_packets(&due);
	return n;
}
