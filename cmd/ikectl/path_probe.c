/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/path_probe.h"
#include "cmd/ikectl/socket_address.h"
#include "xfrm/kernel.h"
#include "xfrm/route.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SMALL 100 /* octets of an IP packet that everything takes */
#define SMALL_TRIES 3
#define TRIES 2
#define PATIENCE_MS 1000
#define PATIENCE_LEAST_MS 100
#define GRAIN 4 /* octets: padding makes finer steps meaningless */
#define ECHO_HEADER 8
#define PACKET_MAX 65535

/* ---- pure parts ------------------------------------------------------------------------------ */

size_t bisect_next(const struct bisect *b)
{
	return b->fails - b->passes <= GRAIN ? 0 : b->passes + (b->fails - b->passes) / 2;
}

void bisect_learn(struct bisect *b, size_t size, bool passed)
{
	if (passed && size > b->passes)
		b->passes = size;
	if (!passed && size < b->fails)
		b->fails = size;
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 792, RFC 1191 4 */
static bool too_big4(struct bytes m, const struct ip *peer, unsigned *mtu)
{
	size_t header = m.n >= 20 ? (m.p[0] & 15u) * 4 : 0;
	const uint8_t *icmp = m.p + header;

	if (header < 20 || m.n < header + 8 + 20)
		return false;
	if (icmp[0] != ICMP_DEST_UNREACH || icmp[1] != ICMP_FRAG_NEEDED)
		return false;
	*mtu = be16(icmp + 6);
	return memcmp(icmp + 8 + 16, peer->b, 4) == 0;
}

/* RFC 4443 3.2 */
static bool too_big6(struct bytes m, const struct ip *peer, unsigned *mtu)
{
	if (m.n < 8 + 40 || m.p[0] != ICMPV6_PKT_TOOBIG)
		return false;
	*mtu = be16(m.p + 4) << 16 | be16(m.p + 6);
	return memcmp(m.p + 8 + 24, peer->b, 16) == 0;
}

bool too_big(struct bytes message, const struct ip *peer, unsigned *mtu)
{
	return peer->family == 4 ? too_big4(message, peer, mtu) : too_big6(message, peer, mtu);
}

/* ---- sockets --------------------------------------------------------------------------------- */

struct prober {
	struct path_probe *p;
	int echo;   /* under the policies */
	int errors; /* past them */
	uint16_t id, seq;
	int patience_ms;
	void (*told)(size_t size);
	uint8_t packet[PACKET_MAX];
};

static bool is_v4(const struct prober *s)
{
	return s->p->peer.family == 4;
}

static size_t ip_header(const struct prober *s)
{
	return is_v4(s) ? 20 : 40;
}

static int raw_socket(const struct prober *s)
{
	int fd = is_v4(s) ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)
			  : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);

	return fd < 0 ? -errno : fd;
}

/* DF on every packet, whatever the path's MTU is taken for. */
static int forbid_fragments(const struct prober *s)
{
	int v4 = IP_PMTUDISC_PROBE, v6 = IPV6_PMTUDISC_PROBE, on = 1;

	if (is_v4(s))
		return setsockopt(s->echo, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
	return setsockopt(s->echo, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6)) ||
	       setsockopt(s->echo, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on));
}

static int open_sockets(struct prober *s)
{
	struct sockaddr_storage a;
	socklen_t n = socket_address(&s->p->peer, 0, &a);
	int r;

	s->echo = raw_socket(s);
	if (s->echo < 0)
		return s->echo;
	if (forbid_fragments(s) || connect(s->echo, (struct sockaddr *)&a, n))
		return -errno;
	s->errors = raw_socket(s);
	if (s->errors < 0)
		return s->errors;
	r = kernel_socket_bypass(s->errors, is_v4(s) ? AF_INET : AF_INET6);
	return r;
}

static uint16_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static int send_echo(struct prober *s, size_t size)
{
	size_t n = size - ip_header(s);
	uint8_t *m = s->packet;
	uint16_t sum;

	s->seq++;
	memset(m, 0x5a, n);
	memset(m, 0, ECHO_HEADER);
	m[0] = is_v4(s) ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
	memcpy(m + 4, &s->id, 2);
	memcpy(m + 6, &s->seq, 2);
	sum = is_v4(s) ? checksum(m, n) : 0; /* ICMPv6: by the kernel */
	m[2] = (uint8_t)(sum >> 8);
	m[3] = (uint8_t)sum;
	return send(s->echo, m, n, 0) < 0 ? -errno : 0;
}

static bool is_answer(const struct prober *s, ssize_t n)
{
	size_t header = is_v4(s) && n > 0 ? (s->packet[0] & 15u) * 4 : 0;
	const uint8_t *m = s->packet + header;

	return n >= (ssize_t)(header + ECHO_HEADER) &&
	       m[0] == (is_v4(s) ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY) &&
	       memcmp(m + 4, &s->id, 2) == 0 && memcmp(m + 6, &s->seq, 2) == 0;
}

/* Who said it, if it is a complaint about what we sent. */
static void hear_error(struct prober *s)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(s->errors, s->packet, sizeof(s->packet), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &size);
	unsigned mtu;

	if (n <= 0 || !too_big(BYTES(s->packet, (size_t)n), &s->p->peer, &mtu))
		return;
	s->p->router_mtu = mtu;
	s->p->router = is_v4(s) ? ip_from(4, (uint8_t *)&((struct sockaddr_in *)&from)->sin_addr)
				: ip_from(6, (uint8_t *)&((struct sockaddr_in6 *)&from)->sin6_addr);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool wait_answer(struct prober *s)
{
	const int64_t until = now_ms() + s->patience_ms;
	struct pollfd fds[2] = { { .fd = s->echo, .events = POLLIN },
				 { .fd = s->errors, .events = POLLIN } };

	for (int64_t left; (left = until - now_ms()) > 0;) {
		if (poll(fds, 2, (int)left) <= 0)
			continue;
		if (fds[1].revents)
			hear_error(s);
		if (fds[0].revents &&
		    is_answer(s, recv(s->echo, s->packet, sizeof(s->packet), MSG_DONTWAIT)))
			return true;
	}
	return false;
}

static bool passes(struct prober *s, size_t size, unsigned tries)
{
	if (s->told != NULL)
		s->told(size);
	for (unsigned i = 0; i < tries; i++) {
		int r = send_echo(s, size);

		if (r == -EMSGSIZE)
			return false;
		if (wait_answer(s))
			return true;
		if (r != 0)
			s->p->error = r;
	}
	return false;
}

static void search(struct prober *s)
{
	struct bisect b = { .passes = SMALL, .fails = s->p->most + 1 };
	size_t size = s->p->most; /* the usual case needs no second one */

	do
		bisect_learn(&b, size, passes(s, size, TRIES));
	while ((size = bisect_next(&b)) != 0);
	s->p->largest = b.passes;
}

static size_t fits(const struct path_probe *p, size_t mtu)
{
	return p->overhead.block != 0 ? overhead_largest(&p->overhead, p->peer.family, mtu) : mtu;
}

static size_t believed(const struct prober *s)
{
	const struct ip any = { 0 };
	struct routes routes;
	int mtu = routes_open(&routes, kernel_socket_bypass);

	if (mtu == 0) {
		mtu = routes_path_mtu(&routes, &any, &s->p->peer);
		routes_close(&routes);
	}
	return mtu > 0 ? fits(s->p, (size_t)mtu) : s->p->most;
}

static void run(struct prober *s, unsigned mtu)
{
	int64_t begun;

	s->p->error = open_sockets(s);
	if (s->p->error != 0)
		return;
	s->p->most = fits(s->p, mtu < PACKET_MAX ? mtu : PACKET_MAX);
	/* The first may have to wait for its SA: what is measured is another. */
	s->patience_ms = PATIENCE_MS;
	s->p->answered = passes(s, SMALL, SMALL_TRIES);
	begun = now_ms();
	if (!s->p->answered || !passes(s, SMALL, TRIES))
		return;
	s->p->error = 0;
	s->patience_ms = (int)(now_ms() - begun) * 4;
	if (s->patience_ms < PATIENCE_LEAST_MS)
		s->patience_ms = PATIENCE_LEAST_MS;
	if (s->patience_ms > PATIENCE_MS)
		s->patience_ms = PATIENCE_MS;
	search(s);
	s->p->believed = believed(s);
}

static struct prober *prober_new(struct path_probe *p, void (*told)(size_t size))
{
	struct prober *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct prober){ .p = p, .echo = -1, .errors = -1, .told = told };
	s->id = (uint16_t)getpid();
	return s;
}

static void prober_free(struct prober *s)
{
	if (s->echo >= 0)
		close(s->echo);
	if (s->errors >= 0)
		close(s->errors);
	free(s);
}

static void echo_some(struct prober *s, unsigned n, int patience_ms, unsigned *answered)
{
	s->p->error = open_sockets(s);
	s->patience_ms = patience_ms != 0 ? patience_ms : PATIENCE_MS;
	for (unsigned i = 0; i < n && s->p->error == 0; i++)
		*answered += passes(s, SMALL, 1);
}

int path_echo(const struct ip *peer, unsigned n, int patience_ms, unsigned *answered)
{
	struct path_probe p = { .peer = *peer };
	struct prober *s = prober_new(&p, NULL);

	*answered = 0;
	if (s == NULL)
		return -ENOMEM;
	echo_some(s, n, patience_ms, answered);
	prober_free(s);
	return p.error;
}

void path_probe(struct path_probe *p, unsigned mtu, void (*told)(size_t size))
{
	struct prober *s = prober_new(p, told);

	if (s == NULL) {
		p->error = -ENOMEM;
		return;
	}
	run(s, mtu);
	prober_free(s);
}
