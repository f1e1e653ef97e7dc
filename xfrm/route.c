/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/route.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCARD_PORT 9 /* any will do: nothing is sent */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t address_of(const struct ip *ip, uint16_t port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, ip->b, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, ip->b, 16);
	return sizeof(out->v6);
}

static int open_one(int family, int (*bypass)(int fd, int family), int *out)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;

	if (fd < 0)
		return -errno;
	/* connect() asks the policies too, which would take ESP off, and must not wait for an SA.
	 */
	if (bypass)
		r = bypass(fd, family);
	if (r)
		close(fd);
	else
		*out = fd;
	return r;
}

int routes_open(struct routes *r, int (*bypass)(int fd, int family))
{
	int e;

	r->fd4 = r->fd6 = -1;
	e = open_one(AF_INET, bypass, &r->fd4);
	if (!e)
		e = open_one(AF_INET6, bypass, &r->fd6);
	if (e == -EAFNOSUPPORT && r->fd4 >= 0)
		e = 0;
	if (e)
		routes_close(r);
	return e;
}

void routes_close(struct routes *r)
{
	if (r->fd4 >= 0)
		close(r->fd4);
	if (r->fd6 >= 0)
		close(r->fd6);
	r->fd4 = r->fd6 = -1;
}

/*
 * Bound and connected. A socket without a port can be bound to another address again, and has none
 * once it is disconnected.
 */
static int lead(const struct routes *r, const struct ip *local, const struct ip *remote)
{
	const struct ip any = { .family = remote->family };
	const int fd = remote->family == 4 ? r->fd4 : r->fd6;
	union address a;
	socklen_t n = address_of(local->family ? local : &any, 0, &a);

	if (fd < 0)
		return -EAFNOSUPPORT;
	if (bind(fd, &a.any, n))
		return -errno;
	n = address_of(remote, DISCARD_PORT, &a);
	return connect(fd, &a.any, n) ? -errno : fd;
}

static void part(const struct routes *r, const struct ip *remote)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)!connect(remote->family == 4 ? r->fd4 : r->fd6, &none, sizeof(none));
}

int routes_local_for(const struct routes *r, const struct ip *remote, struct ip *local)
{
	const struct ip any = { .family = remote->family };
	int fd = lead(r, &any, remote), e = fd < 0 ? fd : 0;
	union address a;
	socklen_t n = sizeof(a);

	if (!e && getsockname(fd, &a.any, &n))
		e = -errno;
	if (!e && remote->family == 4)
		*local = ip_from(4, (const uint8_t *)&a.v4.sin_addr);
	else if (!e)
		*local = ip_from(6, a.v6.sin6_addr.s6_addr);
	part(r, remote);
	return e;
}

int routes_path_mtu(const struct routes *r, const struct ip *local, const struct ip *remote)
{
	const bool v4 = remote->family == 4;
	int fd = lead(r, local, remote), mtu = fd;
	socklen_t n = sizeof(mtu);

	if (fd >= 0 &&
	    getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &n))
		mtu = -errno;
	part(r, remote);
	return mtu;
}
