/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/knock.h"
#include "cmd/ikectl/socket_address.h"
#include "xfrm/kernel.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IKE_PORT 500
#define KNOCKS 3
#define PATIENCE_MS 300 /* for each */
#define HEARD_MAX 2048	/* octets of an ICMP message that matter */

static bool is_udp_to(const uint8_t *udp, uint16_t port)
{
	return udp[2] == port >> 8 && udp[3] == (port & 0xff);
}

/* RFC 792, RFC 1812 5.2.7.1: code 3: port; 9, 10, 13: forbidden */
static enum knock heard4(struct bytes m, const struct ip *peer, uint16_t port)
{
	const size_t header = m.n >= 20 ? (m.p[0] & 15u) * 4 : 0;
	const uint8_t *icmp = m.p + header, *sent = icmp + 8;
	size_t inner;

	if (header < 20 || m.n < header + 8 + 20 || icmp[0] != ICMP_DEST_UNREACH)
		return KNOCK_NOTHING;
	inner = (sent[0] & 15u) * 4;
	if (inner < 20 || m.n < header + 8 + inner + 8 || sent[9] != IPPROTO_UDP ||
	    memcmp(sent + 16, peer->b, 4) != 0 || !is_udp_to(sent + inner, port))
		return KNOCK_NOTHING;
	if (icmp[1] == ICMP_PORT_UNREACH)
		return KNOCK_CLOSED;
	return icmp[1] == ICMP_NET_ANO || icmp[1] == ICMP_HOST_ANO || icmp[1] == ICMP_PKT_FILTERED
		       ? KNOCK_FORBIDDEN
		       : KNOCK_NOTHING;
}

/* RFC 4443 3.1 */
static enum knock heard6(struct bytes m, const struct ip *peer, uint16_t port)
{
	const uint8_t *sent = m.p + 8;

	if (m.n < 8 + 40 + 8 || m.p[0] != ICMPV6_DEST_UNREACH || sent[6] != IPPROTO_UDP ||
	    memcmp(sent + 24, peer->b, 16) != 0 || !is_udp_to(sent + 40, port))
		return KNOCK_NOTHING;
	if (m.p[1] == ICMPV6_PORT_UNREACH)
		return KNOCK_CLOSED;
	return m.p[1] == ICMPV6_ADM_PROHIBITED ? KNOCK_FORBIDDEN : KNOCK_NOTHING;
}

enum knock knock_heard(struct bytes message, const struct ip *peer, uint16_t port)
{
	return peer->family == 4 ? heard4(message, peer, port) : heard6(message, peer, port);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int open_past_policies(const struct ip *peer, int type, int protocol)
{
	const int family = peer->family == 4 ? AF_INET : AF_INET6;
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0 && kernel_socket_bypass(fd, family) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void send_one(int fd, const struct ip *peer)
{
	const uint8_t octet = 0xff; /* RFC 3948 2.3: a NAT keepalive, which is passed over */
	struct sockaddr_storage to;
	const socklen_t n = socket_address(peer, IKE_PORT, &to);

	sendto(fd, &octet, 1, 0, (struct sockaddr *)&to, n);
}

static enum knock listen_for(int icmp, const struct ip *peer)
{
	struct pollfd fd = { .fd = icmp, .events = POLLIN };
	uint8_t message[HEARD_MAX];
	enum knock heard;

	while (poll(&fd, 1, PATIENCE_MS) > 0) {
		ssize_t n = recv(icmp, message, sizeof(message), MSG_DONTWAIT);

		if (n <= 0)
			continue;
		heard = knock_heard(BYTES(message, (size_t)n), peer, IKE_PORT);
		if (heard != KNOCK_NOTHING)
			return heard;
	}
	return KNOCK_NOTHING;
}

enum knock knock_ike(const struct ip *peer)
{
	const int protocol = peer->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int icmp = open_past_policies(peer, SOCK_RAW, protocol);
	int udp = open_past_policies(peer, SOCK_DGRAM, 0);
	enum knock heard = KNOCK_NOTHING;

	for (int i = 0; icmp >= 0 && udp >= 0 && i < KNOCKS && heard == KNOCK_NOTHING; i++) {
		send_one(udp, peer);
		heard = listen_for(icmp, peer);
	}
	if (icmp >= 0)
		close(icmp);
	if (udp >= 0)
		close(udp);
	return heard;
}
