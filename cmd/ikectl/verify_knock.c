/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/verify_knock.h"
#include "cmd/ikectl/socket_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_PORT 33434 /* as traceroute */
#define TCP_PORT 1
#define WAIT_US 400000

static bool knock(const struct ip *peer, int type, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t n = socket_address(peer, port, &a);
	int fd = socket(a.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool left;

	if (fd < 0)
		return false;
	left = connect(fd, (struct sockaddr *)&a, n) == 0 || errno == EINPROGRESS;
	if (left && type == SOCK_DGRAM)
		left = send(fd, "", 1, MSG_NOSIGNAL) == 1;
	usleep(WAIT_US);
	close(fd);
	return left;
}

unsigned verify_knock(const struct ip *peer)
{
	unsigned n = knock(peer, SOCK_DGRAM, UDP_PORT);

	return n + knock(peer, SOCK_STREAM, TCP_PORT);
}
