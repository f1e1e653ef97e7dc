/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood - IKE_SA_INIT requests (RFC 7296 1.2) under forged sources, for the lab's own wire: each is
 * well-formed, with a proposal that ikemesh and strongSwan take, and none is ever followed up.
 *
 *	flood INTERFACE MAC ADDRESS PREFIX RATE SECONDS
 *
 * To ADDRESS (IPv4), whose hardware address is MAC, from all of PREFIX.x.y (PREFIX is two octets:
 * 10.9) by chance, or from one alone (four octets), RATE a second. What could not leave in time is
 *made up for within 50 ms or not at all, so that a busy machine makes no burst. At its end it
 *writes
 *
 *	SENT OCTETS MS CPU_MS
 *
 * datagrams, octets of them with the IP header, ms that it took, ms of CPU.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
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

struct __attribute__((packed)) frame {
	uint8_t to[6], from[6];
	uint16_t type;
	struct iphdr ip;
	struct udphdr udp;
	struct ike ike;
};

struct source {
	uint32_t prefix, any; /* host order; any: the bits that are by chance */
};

#define DATAGRAM_LEN (sizeof(struct frame) - 14)

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

static uint16_t checksum(const struct iphdr *ip)
{
	const uint16_t *words = (const void *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void frame_fill(struct frame *f, const uint8_t mac[6], struct in_addr to)
{
	*f = (struct frame){
		.from = { 2, 9, 9, 9, 9, 9 },
		.type = htons(ETH_P_IP),
		.ip = { .version = 4,
			.ihl = 5,
			.tot_len = htons(DATAGRAM_LEN),
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.daddr = to.s_addr },
		.udp = { .source = htons(500),
			 .dest = htons(500),
			 .len = htons(DATAGRAM_LEN - sizeof(struct iphdr)) },
	};
	memcpy(f->to, mac, 6);
	ike_fill(&f->ike);
}

/* Another sender, another SPI, another nonce. */
static void frame_renew(struct frame *f, const struct source *from)
{
	const uint64_t a = next_chance(), b = next_chance();

	f->ip.saddr = htonl(from->prefix | ((uint32_t)b & from->any));
	f->ip.check = 0;
	const struct iphdr ip = f->ip;
	f->ip.check = checksum(&ip);
	memcpy(f->ike.spi_i, &a, 8);
	memcpy(f->ike.nonce, &b, 8);
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

static unsigned send_some(int fd, struct frame *frames, unsigned n, const struct source *from)
{
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec v[BATCH];
	int sent;

	for (unsigned i = 0; i < n; i++) {
		frame_renew(&frames[i], from);
		v[i] = (struct iovec){ .iov_base = &frames[i], .iov_len = sizeof(frames[i]) };
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

static bool source_parse(const char *text, struct source *out)
{
	unsigned o[4] = { 0 };
	const int n = sscanf(text, "%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]);

	out->prefix = o[0] << 24 | o[1] << 16 | o[2] << 8 | o[3];
	out->any = n == 4 ? 0 : 0xffff;
	return n == 2 || n == 4;
}

int main(int argc, char **argv)
{
	static struct frame frames[BATCH];
	unsigned mac[6];
	struct source from;
	uint8_t to_mac[6];
	struct in_addr to;
	struct rusage used;
	int64_t began;
	uint64_t sent;
	int fd;

	if (argc != 7 ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5]) != 6 ||
	    inet_pton(AF_INET, argv[3], &to) != 1 || !source_parse(argv[4], &from) ||
	    atoi(argv[5]) < 1) {
		fprintf(stderr, "flood INTERFACE MAC ADDRESS PREFIX RATE SECONDS\n");
		return 2;
	}
	for (int i = 0; i < 6; i++)
		to_mac[i] = (uint8_t)mac[i];
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		die("no random octets");
	chance |= 1;
	for (size_t i = 0; i < BATCH; i++)
		frame_fill(&frames[i], to_mac, to);
	fd = socket_open(argv[1]);
	began = now_us();
	sent = flood(fd, frames, &from, atoi(argv[5]), atoi(argv[6]));
	getrusage(RUSAGE_SELF, &used);
	printf("%llu %llu %lld %lld\n", (unsigned long long)sent,
	       (unsigned long long)(sent * DATAGRAM_LEN), (long long)(now_us() - began) / 1000,
	       (long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
		       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
	return 0;
}
