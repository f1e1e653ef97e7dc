/* SPDX-License-Identifier: Apache-2.0 */
/* ESP that is here before its SA, over the loopback; without an SA the kernel only shows it again.
 */
#include "cmd/ikemeshd/early.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/ip.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SPI 0xc0ffee01u
#define NOW ((struct mono){ .us = 1000000 })

static struct ip us, peer, other;

/* --- a kernel with two addresses of its own, and who sees all ESP that comes in ----------------
 */

static int may_send(void **state)
{
	const uint8_t a[] = { 127, 0, 0, 1 }, b[] = { 127, 0, 0, 2 }, c[] = { 127, 0, 0, 3 };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ESP);

	(void)state;
	us = ip_from(4, a);
	peer = ip_from(4, b);
	other = ip_from(4, c);
	if (fd < 0 && errno == EPERM)
		exit(77); /* raw sockets are root's */
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int witness_open(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ESP);
	struct sockaddr_in me = { .sin_family = AF_INET };

	memcpy(&me.sin_addr, us.b, 4);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&me, sizeof(me)), 0);
	return fd;
}

/* How many packets of this number it has seen, coming from that address. */
static size_t seen(int witness, const struct ip *from, uint8_t number)
{
	struct pollfd p = { .fd = witness, .events = POLLIN };
	uint8_t packet[256];
	size_t n = 0;

	while (poll(&p, 1, 100) > 0) {
		ssize_t got = recv(witness, packet, sizeof(packet), 0);

		if (got == 32 && memcmp(packet + 12, from->b, 4) == 0 && packet[31] == number)
			n++;
	}
	return n;
}

/* An ESP packet as it comes from the wire: header, SPI, sequence number, four octets. */
static void esp_from(const struct ip *from, uint32_t spi, unsigned number)
{
	struct iphdr h = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ESP };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	uint8_t packet[32] = { 0 };

	assert_true(fd >= 0);
	memcpy(&h.saddr, from->b, 4);
	memcpy(&h.daddr, us.b, 4);
	memcpy(&to.sin_addr, us.b, 4);
	spi = htonl(spi);
	memcpy(packet, &h, sizeof(h));
	memcpy(packet + 20, &spi, 4);
	packet[26] = (uint8_t)(number >> 8); /* sequence number */
	packet[27] = (uint8_t)number;
	packet[31] = (uint8_t)number;
	assert_int_equal(sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(packet));
	close(fd);
}

/* --- the tests ----------------------------------------------------------------------------------
 */

static void test_kept_and_handed_back(void **state)
{
	struct early *e = early_new(NULL);
	int witness = witness_open();

	(void)state;
	early_expect(e, &us, &peer, SPI, NOW);
	assert_int_equal(early_count(e), 1);
	esp_from(&peer, SPI, 1);
	esp_from(&peer, SPI, 2);
	assert_int_equal(seen(witness, &peer, 1), 1); /* on its way in, where it was dropped */
	assert_int_equal(early_deliver(e, &us, &peer, SPI), 2);
	assert_int_equal(early_count(e), 0);
	assert_int_equal(seen(witness, &peer, 2), 1); /* and 1, once more each */
	/* Nothing is left, and nothing is kept any more. */
	esp_from(&peer, SPI, 3);
	assert_int_equal(early_deliver(e, &us, &peer, SPI), 0);
	close(witness);
	early_free(e);
}

/* Other SPIs, other peers, what came before, what is not the first of an SA: not kept. */
static void test_nothing_else_is_kept(void **state)
{
	struct early *e = early_new(NULL);

	(void)state;
	esp_from(&peer, SPI, 1);
	early_expect(e, &us, &peer, SPI, NOW);
	esp_from(&peer, SPI + 1, 2);
	esp_from(&other, SPI, 3);
	esp_from(&peer, SPI, EARLY_PACKETS + 1); /* an SA that has been used for long */
	assert_int_equal(early_deliver(e, &us, &other, SPI), 0);
	assert_int_equal(early_deliver(e, &us, &peer, SPI + 1), 0);
	assert_int_equal(early_count(e), 1);
	assert_int_equal(early_deliver(e, &us, &peer, SPI), 0);
	early_free(e);
}

static void test_two_at_once(void **state)
{
	struct early *e = early_new(NULL);

	(void)state;
	early_expect(e, &us, &peer, SPI, NOW);
	early_expect(e, &us, &other, SPI + 1, NOW);
	esp_from(&other, SPI + 1, 1);
	esp_from(&peer, SPI, 2);
	esp_from(&other, SPI + 1, 3);
	assert_int_equal(early_deliver(e, &us, &peer, SPI), 1);
	assert_int_equal(early_deliver(e, &us, &other, SPI + 1), 2);
	early_free(e);
}

static void test_patience_and_room_end(void **state)
{
	struct early *e = early_new(NULL);
	const struct mono late = { .us = NOW.us + EARLY_WAIT_US };

	(void)state;
	for (uint32_t i = 0; i < EARLY_MAX + 10; i++)
		early_expect(e, &us, &peer, SPI + i, NOW);
	assert_int_equal(early_count(e), EARLY_MAX);
	early_prune(e, (struct mono){ .us = late.us - 1 });
	assert_int_equal(early_count(e), EARLY_MAX);
	early_prune(e, late);
	assert_int_equal(early_count(e), 0);
	/* One that is given up makes room by itself. */
	for (uint32_t i = 0; i < EARLY_MAX; i++)
		early_expect(e, &us, &peer, SPI + i, NOW);
	early_expect(e, &us, &peer, 7, late);
	assert_int_equal(early_count(e), 1);
	early_free(e);
	early_free(NULL);
}

/* A flood under the SPI that we wait for fills its socket and nothing more. */
static void test_a_flood_is_bounded(void **state)
{
	struct early *e = early_new(NULL);

	(void)state;
	early_expect(e, &us, &peer, SPI, NOW);
	for (int i = 0; i < 2 * EARLY_PACKETS; i++)
		esp_from(&peer, SPI, 1);
	assert_in_range(early_deliver(e, &us, &peer, SPI), 1, EARLY_PACKETS);
	early_free(e);
}

static void test_ipv6(void **state)
{
	uint8_t one[16] = { 0 }, packet[12] = { 0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 1, 1, 2, 3, 4 };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ESP);
	struct early *e = early_new(NULL);
	struct ip self;

	(void)state;
	one[15] = 1;
	self = ip_from(6, one);
	memcpy(&to.sin6_addr, one, 16);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		early_free(e); /* a kernel without IPv6 */
		skip();
	}
	early_expect(e, &self, &self, SPI, NOW);
	assert_int_equal(send(fd, packet, sizeof(packet), 0), sizeof(packet));
	assert_int_equal(early_deliver(e, &self, &self, SPI), 1);
	close(fd);
	early_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_and_handed_back),
		cmocka_unit_test(test_nothing_else_is_kept),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_patience_and_room_end),
		cmocka_unit_test(test_a_flood_is_bounded),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, may_send, NULL);
}
