/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/parking.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Raw sockets are bound without a port, as often as one likes. */
static int bind_to(int fd, int family, bool loopback)
{
	const struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY),
	};
	const struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = loopback ? in6addr_loopback : in6addr_any,
	};
	int err = family == AF_INET ? bind(fd, (const struct sockaddr *)&v4, sizeof(v4))
				    : bind(fd, (const struct sockaddr *)&v6, sizeof(v6));

	return err == 0 ? 0 : -errno;
}

void parking_deafen(int fd)
{
	struct sock_filter code[] = { { .code = BPF_RET | BPF_K } };
	const struct sock_fprog program = { .len = 1, .filter = code };

	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Without room for a packet each is taken off the queue just the same. */
static void drain(int fd)
{
	uint8_t octet;

	while (recv(fd, &octet, sizeof(octet), MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
}

void parking_return(int fd, int family)
{
	parking_deafen(fd);
	/* That it is parked is a matter of what it costs: the filter drops all in any case. */
	(void)bind_to(fd, family, true);
	drain(fd);
}

int parking_rest(int fd, int family)
{
	return bind_to(fd, family, true);
}

int parking_wake(int fd, int family)
{
	drain(fd);
	return bind_to(fd, family, false);
}

int parking_leave(int fd, int family, const struct sock_fprog *filter)
{
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) != 0)
		return -errno;
	return bind_to(fd, family, false);
}

int parking_open(int family, int protocol, int (*bypass)(int fd, int family))
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), err = 0;
	const int on = 1;

	if (fd < 0)
		return -errno;
	/* Also where the loopback is down, and its address nobody's. */
	(void)setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			 family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof(on));
	parking_return(fd, family);
	/* Without it the inbound policies would take the packets away before this socket. */
	if (bypass != NULL)
		err = bypass(fd, family);
	if (err == 0)
		return fd;
	close(fd);
	return err;
}
