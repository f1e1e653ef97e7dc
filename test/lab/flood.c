/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood - IKE_SA_INIT requests (RFC 7296 1.2) under forged sources, for the lab's own wire: each is
 * well-formed, with a proposal that ikemesh and strongSwan take, and none is ever followed up.
 *
 * usage: flood INTERFACE MAC ADDRESS SOURCES RATE SECONDS
 *
 * To ADDRESS, whose hardware address is MAC, from all of SOURCES by chance (10.9.0.0/16, fd09::/16;
 * an address is itself alone), RATE a second. What could not leave in time is made up for within
 * 50 ms or not at all, so that a busy machine makes no burst. At its end it writes one line, SENT
 * OCTETS MS CPU_MS: datagrams, octets of them with the IP header, ms that it took, ms of CPU.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define BEHIND_US 50000
#define KE_LEN 256
#define NONCE_LEN 32

struct __attribute__((packed)) ike {
	uint8_t spi_i[8], spi_r[8], next, version, exchange, flags;
	uint32_t message_id, length;
	uint8_t sa[48], ke_header[8], ke[KE_LEN], nonce_header[4], nonce[NONCE_LEN];
};

struct __attribute__((packed)) datagram {
	struct udphdr udp;
	struct ike ike;
};

struct __attribute__((packed)) frame {
	uint8_t to[6], from[6];
	uint16_t type;
	union __attribute__((packed)) {
		struct __attribute__((packed)) {
			struct iphdr ip;
			struct datagram datagram;
		} v4;
		struct __attribute__((packed)) {
			struct ip6_hdr ip;
			struct datagram datagram;
		} v6;
	};
};

struct address {
	int family; /* AF_INET, AF_INET6 */
	size_t n;   /* octets */
	uint8_t octets[16];
};

struct source {
	struct address prefix;
	uint8_t any[16]; /* the bits that are by chance */
};

#define HEAD_LEN 14 /* Ethernet's */
#define V4_LEN (sizeof(struct iphdr) + sizeof(struct datagram))
#define V6_LEN (sizeof(struct ip6_hdr) + sizeof(struct datagram))

static uint64_t chance;

static uint64_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* AES-CBC-128, PRF and integrity by SHA-256, MODP-2048. */
static void ike_fill(struct ike *m)
{
	static const uint8_t sa[48] = {
		34, 0, 0, 48, 0, 0, 0, 44, 1,	 1,  0, 4,		  /* one proposal */
		3,  0, 0, 12, 1, 0, 0, 12, 0x80, 14, 0, 128,		  /* ENCR */
		3,  0, 0, 8,  2, 0, 0, 5,  3,	 0,  0, 8,   3, 0, 0, 12, /* PRF, INTEG */
		0,  0, 0, 8,  4, 0, 0, 14,				  /* KE */
	};

	*m = (struct ike){
		.next = 33,
		.version = 0x20,
		.exchange = 34,
		.flags = 0x08,
		.length = htonl(sizeof(*m)),
		.ke_header = { 40, 0, (8 + KE_LEN) >> 8, (8 + KE_LEN) & 255, 0, 14 },
		.nonce_header = { 0, 0, 0, 4 + NONCE_LEN },
	};
	memcpy(m->sa, sa, sizeof(sa));
	if (getrandom(m->ke, KE_LEN, 0) != KE_LEN || getrandom(m->nonce, NONCE_LEN, 0) != NONCE_LEN)
		die("no random octets");
	m->ke[0] &= 0x7f; /* below the prime */
}

static uint32_t sum_of(const void *p, size_t n)
{
	const uint8_t *octets = p;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)octets[i] << 8 | octets[i + 1];
	return sum;
}

/* RFC 1071. */
static uint16_t checksum(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void datagram_fill(struct datagram *d)
{
	d->udp = (struct udphdr){ .source = htons(500),
				  .dest = htons(500),
				  .len = htons(sizeof(*d)) };
	ike_fill(&d->ike);
}

static void frame_fill(struct frame *f, const uint8_t mac[6], const struct address *to)
{
	*f = (struct frame){ .from = { 2, 9, 9, 9, 9, 9 } };
	memcpy(f->to, mac, 6);
	if (to->family == AF_INET) {
		f->type = htons(ETH_P_IP);
		f->v4.ip = (struct iphdr){ .version = 4,
					   .ihl = 5,
					   .tot_len = htons(V4_LEN),
					   .ttl = 64,
					   .protocol = IPPROTO_UDP };
		memcpy(&f->v4.ip.daddr, to->octets, 4);
		datagram_fill(&f->v4.datagram);
	} else {
		f->type = htons(ETH_P_IPV6);
		f->v6.ip.ip6_vfc = 6 << 4;
		f->v6.ip.ip6_plen = htons(sizeof(struct datagram));
		f->v6.ip.ip6_nxt = IPPROTO_UDP;
		f->v6.ip.ip6_hlim = 64;
		memcpy(&f->v6.ip.ip6_dst, to->octets, 16);
		datagram_fill(&f->v6.datagram);
	}
}

/* Another sender, another SPI, another nonce. With IPv6 the checksum of UDP is none to be left out.
 */
static void frame_renew(struct frame *f, const struct source *from)
{
	const uint64_t spi = next_chance(), nonce = next_chance();
	const uint64_t some[2] = { next_chance(), next_chance() };
	struct datagram *d = from->prefix.family == AF_INET ? &f->v4.datagram : &f->v6.datagram;
	uint8_t source[16];

	memcpy(source, some, sizeof(source));
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)(from->prefix.octets[i] | (source[i] & from->any[i]));
	memcpy(d->ike.spi_i, &spi, 8);
	memcpy(d->ike.nonce, &nonce, 8);
	if (from->prefix.family == AF_INET) {
		memcpy(&f->v4.ip.saddr, source, 4);
		f->v4.ip.check = 0;
		f->v4.ip.check = checksum(sum_of(&f->v4.ip, sizeof(f->v4.ip)));
		return;
	}
	memcpy(&f->v6.ip.ip6_src, source, 16);
	d->udp.check = 0;
	d->udp.check = checksum(sum_of(&f->v6.ip.ip6_src, 32) + IPPROTO_UDP + (uint32_t)sizeof(*d) +
				sum_of(d, sizeof(*d)));
	if (d->udp.check == 0)
		d->udp.check = 0xffff; /* RFC 8200 8.1 */
}

static int socket_open(const char *interface)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)if_nametoindex(interface) };
	const int one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (at.sll_ifindex == 0)
		die(interface);
	if (fd < 0 || bind(fd, (const void *)&at, sizeof(at)) != 0)
		die("no socket");
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return fd;
}

static size_t datagram_len(const struct source *from)
{
	return from->prefix.family == AF_INET ? V4_LEN : V6_LEN;
}

static unsigned send_some(int fd, struct frame *frames, unsigned n, const struct source *from)
{
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec v[BATCH];
	int sent;

	for (unsigned i = 0; i < n; i++) {
		frame_renew(&frames[i], from);
		v[i] = (struct iovec){ .iov_base = &frames[i],
				       .iov_len = HEAD_LEN + datagram_len(from) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	}
	sent = sendmmsg(fd, m, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("cannot send");
	return sent > 0 ? (unsigned)sent : 0;
}

static uint64_t flood(int fd, struct frame *frames, const struct source *from, int64_t rate,
		      int64_t seconds)
{
	const int64_t began = now_us(), end = began + seconds * 1000000;
	int64_t paid = began; /* all that is due until then has left */
	uint64_t sent = 0;

	for (int64_t now = began; now < end; now = now_us()) {
		int64_t due;

		if (paid < now - BEHIND_US)
			paid = now - BEHIND_US;
		due = (now - paid) * rate / 1000000;
		if (due < 1) {
			usleep(5000);
			continue;
		}
		due = due > BATCH ? BATCH : due;
		paid += due * 1000000 / rate;
		sent += send_some(fd, frames, (unsigned)due, from);
	}
	return sent;
}

static bool address_parse(const char *text, struct address *out)
{
	*out = (struct address){ .family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET };
	out->n = out->family == AF_INET ? 4 : 16;
	return inet_pton(out->family, text, out->octets) == 1;
}

static bool source_parse(char *text, struct source *out)
{
	char *slash = strchr(text, '/');
	size_t bits;

	*out = (struct source){ 0 };
	if (slash != NULL)
		*slash = '\0';
	if (!address_parse(text, &out->prefix))
		return false;
	bits = slash != NULL ? strtoul(slash + 1, NULL, 10) : 8 * out->prefix.n;
	for (size_t i = bits; i < 8 * out->prefix.n; i++)
		out->any[i / 8] |= (uint8_t)(0x80 >> i % 8);
	for (size_t i = 0; i < out->prefix.n; i++)
		out->prefix.octets[i] &= (uint8_t)~out->any[i];
	return bits <= 8 * out->prefix.n;
}

int main(int argc, char **argv)
{
	static struct frame frames[BATCH];
	unsigned mac[6];
	struct source from;
	uint8_t to_mac[6];
	struct address to;
	struct rusage used;
	int64_t began;
	uint64_t sent;
	int fd;

	if (argc != 7 ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5]) != 6 ||
	    !address_parse(argv[3], &to) || !source_parse(argv[4], &from) ||
	    to.family != from.prefix.family || atoi(argv[5]) < 1) {
		fprintf(stderr, "usage: flood INTERFACE MAC ADDRESS SOURCES RATE SECONDS\n");
		return 2;
	}
	for (int i = 0; i < 6; i++)
		to_mac[i] = (uint8_t)mac[i];
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		die("no random octets");
	chance |= 1;
	for (size_t i = 0; i < BATCH; i++)
		frame_fill(&frames[i], to_mac, &to);
	fd = socket_open(argv[1]);
	began = now_us();
	sent = flood(fd, frames, &from, atoi(argv[5]), atoi(argv[6]));
	getrusage(RUSAGE_SELF, &used);
	printf("%llu %llu %lld %lld\n", (unsigned long long)sent,
	       (unsigned long long)(sent * datagram_len(&from)),
	       (long long)(now_us() - began) / 1000,
	       (long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
		       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
	return 0;
}
