/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/early.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX 65536

struct awaited {
	struct ip local, remote;
	uint32_t spi;
	struct mono until;
	int fd;
};

struct early {
	int (*bypass)(int fd, int family);
	struct awaited a[EARLY_MAX];
	size_t n;
};

struct early *early_new(int (*bypass)(int fd, int family))
{
	struct early *e = calloc(1, sizeof(*e));

	if (e != NULL)
		e->bypass = bypass;
	return e;
}

static void drop(struct early *e, size_t i)
{
	close(e->a[i].fd);
	e->a[i] = e->a[--e->n];
}

void early_free(struct early *e)
{
	if (e == NULL)
		return;
	while (e->n > 0)
		drop(e, e->n - 1);
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

/* --- a socket that keeps one SPI of one peer -------------------------------------------------- */

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

/* IPv4's raw sockets are given the IP header too, IPv6's are not. */
static int filter_attach(int fd, bool v6, uint32_t spi)
{
	struct sock_filter code[] = {
		{ .code = v6 ? BPF_LDX | BPF_IMM : BPF_LDX | BPF_B | BPF_MSH },
		{ .code = BPF_LD | BPF_W | BPF_IND },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .k = spi, .jf = 1 },
		{ .code = BPF_RET | BPF_K, .k = UINT32_MAX },
		{ .code = BPF_RET | BPF_K },
	};
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* From now on it keeps nothing more, and least of all what is handed back. */
static void shut(int fd)
{
	struct sock_filter code[] = { { .code = BPF_RET | BPF_K } };
	const struct sock_fprog program = { .len = 1, .filter = code };

	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int socket_for(const struct early *e, const struct awaited *a)
{
	const int family = a->local.family == 4 ? AF_INET : AF_INET6, room = EARLY_OCTETS;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ESP);
	struct sockaddr_storage to;
	socklen_t n;

	if (fd < 0)
		return -1;
	/* Filter and bypass before the addresses: nothing else is let in, and no policy is asked.
	 */
	if (filter_attach(fd, family == AF_INET6, a->spi) != 0 ||
	    (e->bypass != NULL && e->bypass(fd, family) != 0))
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	n = address_of(&a->local, &to);
	if (bind(fd, (const struct sockaddr *)&to, n) != 0)
		goto fail;
	n = address_of(&a->remote, &to);
	if (connect(fd, (const struct sockaddr *)&to, n) == 0)
		return fd;
fail:
	close(fd);
	return -1;
}

void early_expect(struct early *e, const struct ip *local, const struct ip *remote, uint32_t spi,
		  struct mono now)
{
	struct awaited a = { .local = *local, .remote = *remote, .spi = spi };

	early_prune(e, now);
	if (e->n == EARLY_MAX)
		return;
	a.until.us = now.us + EARLY_WAIT_US;
	a.fd = socket_for(e, &a);
	if (a.fd >= 0) /* else packets may be lost, as they would be without all this */
		e->a[e->n++] = a;
}

/* --- and back to the kernel ------------------------------------------------------------------- */

static int socket_back(const struct early *e, int family)
{
	const int on = 1;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int err = 0;

	if (fd < 0)
		return -1;
	if (family == AF_INET6) /* IPPROTO_RAW means it for IPv4 */
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on));
	if (err == 0 && e->bypass != NULL)
		err = e->bypass(fd, family);
	if (err == 0)
		return fd;
	close(fd);
	return -1;
}

static size_t put_header6(const struct awaited *a, size_t payload, uint8_t *out)
{
	struct ip6_hdr h = { 0 };

	h.ip6_vfc = 6 << 4;
	h.ip6_plen = htons((uint16_t)payload);
	h.ip6_nxt = IPPROTO_ESP;
	h.ip6_hlim = 64;
	memcpy(&h.ip6_src, a->remote.b, sizeof(h.ip6_src));
	memcpy(&h.ip6_dst, a->local.b, sizeof(h.ip6_dst));
	memcpy(out, &h, sizeof(h));
	return sizeof(h);
}

/* As if it came now: by the loopback, to the address that it was sent to. */
static size_t hand_back(const struct early *e, const struct awaited *a)
{
	const bool v6 = a->local.family != 4;
	const size_t head = v6 ? sizeof(struct ip6_hdr) : 0;
	int back = socket_back(e, v6 ? AF_INET6 : AF_INET);
	uint8_t *packet = malloc(PACKET_MAX);
	struct sockaddr_storage to;
	socklen_t to_n = address_of(&a->local, &to);
	size_t n = 0;

	shut(a->fd);
	for (int i = 0; back >= 0 && packet != NULL && i < EARLY_PACKETS; i++) {
		ssize_t got = recv(a->fd, packet + head, PACKET_MAX - head, 0);

		if (got <= 0)
			break;
		if (v6)
			put_header6(a, (size_t)got, packet);
		n += sendto(back, packet, head + (size_t)got, 0, (const struct sockaddr *)&to,
			    to_n) > 0;
	}
	free(packet);
	if (back >= 0)
		close(back);
	return n;
}

size_t early_deliver(struct early *e, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	for (size_t i = 0; i < e->n; i++) {
		struct awaited *a = &e->a[i];
		size_t n;

		if (a->spi != spi || !ip_equal(&a->local, local) || !ip_equal(&a->remote, remote))
			continue;
		n = hand_back(e, a);
		drop(e, i);
		return n;
	}
	return 0;
}
