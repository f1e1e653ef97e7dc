/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/xfrm_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/xfrm_spec.h"

/* Without ARP a device sends to its own address: both ends have the same. */
#define MAC "02:00:00:00:00:01"

static int namespace_now(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

void world_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		abort();
}

bool world_ip(const char *lines)
{
	FILE *ip = popen("ip -batch - >/dev/null", "w");

	return ip && fputs(lines, ip) >= 0 && pclose(ip) == 0;
}

char *world_output(const char *command)
{
	FILE *from = popen(command, "r");
	char *text = NULL;
	size_t room = 0;

	if (!from || (getdelim(&text, &room, '\0', from) < 0 && !(text = calloc(1, 1))))
		abort();
	pclose(from);
	return text;
}

int world_wire(const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		abort();
	return fd;
}

bool world_open(struct world *w)
{
	char cable[160];

	*w = (struct world){ .home = namespace_now(), .wire = -1 };
	if (unshare(CLONE_NEWNET))
		return false;
	w->there = namespace_now();
	if (unshare(CLONE_NEWNET))
		abort();
	w->here = namespace_now();
	snprintf(cable, sizeof(cable),
		 "link add v0 address " MAC " type veth peer name v1 address " MAC
		 " netns /proc/%d/fd/%d\n",
		 (int)getpid(), w->there);
	if (!world_ip(cable))
		return false;
	world_enter(w->there);
	if (!world_ip("link set lo up\nlink set v1 arp off up\naddr add 10.0.0.2/8 dev v1\n"
		      "addr add 2001:db8::2/32 dev v1 nodad\n"))
		abort();
	world_enter(w->here);
	if (!world_ip("link set lo up\nlink set v0 arp off up\naddr add 10.0.0.1/8 dev v0\n"
		      "addr add 2001:db8::1/32 dev v0 nodad\n"))
		abort();
	w->wire = world_wire("v0");
	return true;
}

void world_close(struct world *w)
{
	if (w->here > 0 || w->there > 0)
		world_enter(w->home);
	if (w->wire >= 0)
		close(w->wire);
	if (w->here > 0)
		close(w->here);
	if (w->there > 0)
		close(w->there);
	close(w->home);
}

static socklen_t address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct ip ip = xfrm_ip(text);

	memset(out, 0, sizeof(*out));
	if (ip.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip.b, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip.b, 16);
	return sizeof(*v6);
}

int world_send(const char *src, const char *dst, uint16_t port)
{
	struct sockaddr_storage from, to;
	socklen_t len = address(src, 40000, &from);
	int fd = socket(from.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0, on = 1;

	address(dst, port, &to);
	if (fd < 0)
		abort();
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, len))
		abort();
	if (sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, len) != 5)
		r = -errno;
	close(fd);
	return r;
}

int world_listen(int family, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t len = address(family == 4 ? "0.0.0.0" : "::", port, &at);
	int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (family == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len))
		abort();
	return fd;
}

bool world_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

bool world_receives(int socket, int ms)
{
	char octets[64];

	return world_readable(socket, ms) && recv(socket, octets, sizeof(octets), 0) > 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Protocol and destination of an IP packet. */
static bool is_packet(const uint8_t *p, size_t n, const struct ip *dst, uint8_t protocol)
{
	if (n >= 20 && p[0] >> 4 == 4 && dst->family == 4)
		return p[9] == protocol && !memcmp(p + 16, dst->b, 4);
	if (n >= 40 && p[0] >> 4 == 6 && dst->family == 6)
		return p[6] == protocol && !memcmp(p + 24, dst->b, 16);
	return false;
}

bool world_sent(int wire, const char *dst, uint8_t protocol, int ms)
{
	int64_t end = now_ms() + ms, left = ms;
	struct ip to = xfrm_ip(dst);

	for (; left >= 0 && world_readable(wire, (int)left); left = end - now_ms()) {
		struct sockaddr_ll from;
		socklen_t len = sizeof(from);
		uint8_t p[2048];
		ssize_t n = recvfrom(wire, p, sizeof(p), 0, (struct sockaddr *)&from, &len);

		if (n > 0 && from.sll_pkttype == PACKET_OUTGOING &&
		    is_packet(p, (size_t)n, &to, protocol))
			return true;
	}
	return false;
}

void world_forget(int wire)
{
	char octets[64];

	while (recv(wire, octets, sizeof(octets), 0) >= 0)
		;
}
