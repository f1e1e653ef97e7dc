/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE sockets over loopback: which address was asked, which one answers, marker, ICMP. */
#include "cmd/ikemeshd/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct heard {
	unsigned packets, errors;
	struct endpoint local, remote;
	uint8_t data[UDP_DATAGRAM_MAX];
	size_t n;
	int error;
	struct endpoint error_local, error_remote;
};

static void hear_packet(void *arg, const struct endpoint *local, const struct endpoint *remote,
			uint8_t *datagram, size_t n)
{
	struct heard *h = arg;

	h->packets++;
	h->local = *local;
	h->remote = *remote;
	h->n = n;
	memcpy(h->data, datagram, n);
	memset(datagram, 0xee, n); /* as decryption in place would */
}

static void hear_error(void *arg, const struct endpoint *local, const struct endpoint *remote,
		       int error)
{
	struct heard *h = arg;

	h->errors++;
	h->error = error;
	h->error_local = *local;
	h->error_remote = *remote;
}

static uint16_t ports[2];

/* Two ports that nobody has just now. */
static struct udp *open_somewhere(void)
{
	char error[UDP_ERROR_LEN];
	struct udp *u = NULL;

	for (unsigned i = 0; i < 50 && u == NULL; i++) {
		ports[0] = (uint16_t)(20000 + ((unsigned)getpid() * 2 + i * 2) % 20000);
		ports[1] = (uint16_t)(ports[0] + 1);
		udp_open(&(struct udp_options){ .port = ports[0], .port_natt = ports[1] }, &u,
			 error);
	}
	if (u == NULL)
		fail_msg("%s", error);
	return u;
}

static void turn(struct udp *u, struct heard *h)
{
	const struct udp_handler handler = { .packet = hear_packet,
					     .unreachable = hear_error,
					     .arg = h };
	struct pollfd p[UDP_SOCKETS];
	int fds[UDP_SOCKETS];

	udp_sockets(u, fds);
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	(void)poll(p, UDP_SOCKETS, 500);
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		if (p[i].revents != 0)
			udp_turn(u, i, &handler);
}

/* A peer's plain socket, bound to an address of its own. */
static int peer_socket(const char *address, struct sockaddr_in *bound)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t n = sizeof(*bound);

	*bound = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, address, &bound->sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)bound, sizeof(*bound)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)bound, &n), 0);
	return fd;
}

static void peer_send(int fd, const char *address, uint16_t port, const void *data, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &to.sin_addr);
	assert_int_equal(sendto(fd, data, n, 0, (struct sockaddr *)&to, sizeof(to)), n);
}

static size_t peer_receive(int fd, uint8_t *data, size_t room, struct sockaddr_in *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t n_from = sizeof(*from);
	ssize_t n;

	assert_int_equal(poll(&p, 1, 1000), 1);
	n = recvfrom(fd, data, room, 0, (struct sockaddr *)from, &n_from);
	assert_true(n >= 0);
	return (size_t)n;
}

static void test_the_address_that_was_asked_answers(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer, from;
	struct heard h = { 0 };
	uint8_t data[64];
	const struct ip asked = ip_v4(127, 0, 0, 7);
	int fd = peer_socket("127.0.0.9", &peer);

	(void)state;
	/* 127.0.0.9 --> 127.0.0.7: the datagram tells both */
	peer_send(fd, "127.0.0.7", ports[0], "question", 8);
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	assert_true(ip_equal(&h.local.ip, &asked));
	assert_int_equal(h.local.port, ports[0]);
	assert_int_equal(h.remote.port, ntohs(peer.sin_port));
	assert_int_equal(h.n, 8);
	assert_memory_equal(h.data, "question", 8);

	/* 127.0.0.9 <-- 127.0.0.7, though the route would choose 127.0.0.1 */
	assert_int_equal(udp_send(u, &h.local, &h.remote, BYTES((const uint8_t *)"answer", 6)), 0);
	assert_int_equal(peer_receive(fd, data, sizeof(data), &from), 6);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000007);
	assert_int_equal(ntohs(from.sin_port), ports[0]);
	close(fd);
	udp_close(u);
}

static void test_the_marker_comes_and_goes_on_the_nat_port(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer, from;
	struct heard h = { 0 };
	uint8_t data[64];
	int fd = peer_socket("127.0.0.1", &peer);

	(void)state;
	peer_send(fd, "127.0.0.1", ports[1], "\0\0\0\0question", 12);
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	assert_int_equal(h.n, 8);
	assert_memory_equal(h.data, "question", 8);
	assert_int_equal(udp_send(u, &h.local, &h.remote, BYTES((const uint8_t *)"answer", 6)), 0);
	assert_int_equal(peer_receive(fd, data, sizeof(data), &from), 10);
	assert_memory_equal(data, "\0\0\0\0answer", 10);

	/* Keepalive, ESP that went astray, less than a marker: none is for the core. */
	h.packets = 0;
	peer_send(fd, "127.0.0.1", ports[1], "\xff", 1);
	peer_send(fd, "127.0.0.1", ports[1], "\xc1\x02\x03\x04 esp", 8);
	peer_send(fd, "127.0.0.1", ports[1], "\0\0\0", 3);
	turn(u, &h);
	assert_int_equal(h.packets, 0);
	assert_int_equal(udp_counters(u)->keepalives, 1);
	assert_int_equal(udp_counters(u)->stray, 2);

	/* On port 500 the same octets are a message, if a bad one. */
	peer_send(fd, "127.0.0.1", ports[0], "\xff", 1);
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	close(fd);
	udp_close(u);
}

static void test_length_is_bounded(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer, from;
	struct heard h = { 0 };
	uint8_t *data = calloc(1, 65000);
	int fd = peer_socket("127.0.0.1", &peer);

	(void)state;
	peer_send(fd, "127.0.0.1", ports[0], data, UDP_DATAGRAM_MAX);
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	assert_int_equal(h.n, UDP_DATAGRAM_MAX);
	peer_send(fd, "127.0.0.1", ports[0], data, UDP_DATAGRAM_MAX + 1);
	peer_send(fd, "127.0.0.1", ports[0], data, 65000);
	peer_send(fd, "127.0.0.1", ports[1], data, UDP_DATAGRAM_MAX + 4 + 1);
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	assert_int_equal(udp_counters(u)->too_long, 3);
	peer_send(fd, "127.0.0.1", ports[1], data, UDP_DATAGRAM_MAX + 4);
	turn(u, &h);
	assert_int_equal(h.packets, 2);

	/* Out it goes in IP fragments. */
	assert_int_equal(udp_send(u, &h.local, &h.remote, BYTES(data, UDP_DATAGRAM_MAX)), 0);
	assert_int_equal(peer_receive(fd, data, 65000, &from), UDP_DATAGRAM_MAX + 4);
	free(data);
	close(fd);
	udp_close(u);
}

static void test_a_storm_is_served_in_turns(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer;
	struct heard h = { 0 };
	int fd = peer_socket("127.0.0.1", &peer);

	(void)state;
	for (int i = 0; i < UDP_TURN_MAX + 10; i++)
		peer_send(fd, "127.0.0.1", ports[0], "again", 5);
	turn(u, &h);
	assert_int_equal(h.packets, UDP_TURN_MAX);
	turn(u, &h);
	assert_int_equal(h.packets, UDP_TURN_MAX + 10);
	close(fd);
	udp_close(u);
}

static void test_icmp_errors_name_both_ends(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer;
	struct heard h = { 0 };
	int fd = peer_socket("127.0.0.9", &peer);
	struct endpoint local = { .ip = ip_v4(127, 0, 0, 7), .port = ports[0] };
	const struct endpoint closed = { .ip = ip_v4(127, 0, 0, 9), .port = ntohs(peer.sin_port) };

	(void)state;
	close(fd);
	assert_int_equal(udp_send(u, &local, &closed, BYTES((const uint8_t *)"hello", 5)), 0);
	turn(u, &h);
	assert_int_equal(h.errors, 1);
	assert_int_equal(h.error, -ECONNREFUSED);
	assert_true(endpoint_equal(&h.error_remote, &closed));
	assert_true(endpoint_equal(&h.error_local, &local));
	assert_int_equal(h.packets, 0);
	udp_close(u);
}

/* An ICMP error for one peer must not cost another peer its datagram. */
static void test_an_earlier_error_spoils_no_later_datagram(void **state)
{
	struct udp *u = open_somewhere();
	struct sockaddr_in peer, gone, from;
	uint8_t data[16];
	int fd = peer_socket("127.0.0.1", &peer), closed_fd = peer_socket("127.0.0.9", &gone);
	const struct endpoint local = { .ip = ip_v4(127, 0, 0, 1), .port = ports[0] };
	const struct endpoint closed = { .ip = ip_v4(127, 0, 0, 9), .port = ntohs(gone.sin_port) };
	const struct endpoint open = { .ip = ip_v4(127, 0, 0, 1), .port = ntohs(peer.sin_port) };

	(void)state;
	close(closed_fd);
	for (int i = 0; i < 20; i++) {
		udp_send(u, &local, &closed, BYTES((const uint8_t *)"lost", 4));
		assert_int_equal(udp_send(u, &local, &open, BYTES((const uint8_t *)"here", 4)), 0);
		assert_int_equal(peer_receive(fd, data, sizeof(data), &from), 4);
	}
	close(fd);
	udp_close(u);
}

static void test_ipv6_too(void **state)
{
	struct udp *u = open_somewhere();
	const struct endpoint here = { .ip = { .family = 6, .b = { [15] = 1 } }, .port = ports[1] };
	struct heard h = { 0 };

	(void)state;
	/* To ourselves: the same socket sends and receives. */
	if (udp_send(u, &here, &here, BYTES((const uint8_t *)"six", 3)) != 0) {
		udp_close(u);
		skip();
	}
	turn(u, &h);
	assert_int_equal(h.packets, 1);
	assert_int_equal(h.n, 3);
	assert_true(endpoint_equal(&h.local, &here));
	assert_true(endpoint_equal(&h.remote, &here));
	udp_close(u);
}

static void test_a_taken_port_is_named(void **state)
{
	struct udp *u = open_somewhere(), *second;
	char error[UDP_ERROR_LEN], port[16];

	(void)state;
	assert_int_equal(udp_open(&(struct udp_options){ .port = ports[0], .port_natt = ports[1] },
				  &second, error),
			 -EADDRINUSE);
	snprintf(port, sizeof(port), "port %u", ports[0]);
	assert_null(second);
	assert_non_null(strstr(error, port));
	assert_non_null(strstr(error, "in use"));
	udp_close(u);
}

static void test_nowhere_to_send(void **state)
{
	struct udp *u = open_somewhere();
	struct endpoint local = { .ip = ip_v4(127, 0, 0, 1), .port = ports[0] };
	struct endpoint remote = { .ip = { .family = 6 }, .port = 500 };

	(void)state;
	assert_true(udp_send(u, &local, &remote, BYTES_NONE) < 0);
	remote = local;
	local.port = 1;
	assert_true(udp_send(u, &local, &remote, BYTES_NONE) < 0);
	/* An address that is not ours. */
	local = (struct endpoint){ .ip = ip_v4(192, 0, 2, 1), .port = ports[0] };
	assert_true(udp_send(u, &local, &remote, BYTES_NONE) < 0);
	assert_int_equal(udp_counters(u)->sent, 0);
	udp_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_address_that_was_asked_answers),
		cmocka_unit_test(test_the_marker_comes_and_goes_on_the_nat_port),
		cmocka_unit_test(test_length_is_bounded),
		cmocka_unit_test(test_a_storm_is_served_in_turns),
		cmocka_unit_test(test_icmp_errors_name_both_ends),
		cmocka_unit_test(test_an_earlier_error_spoils_no_later_datagram),
		cmocka_unit_test(test_ipv6_too),
		cmocka_unit_test(test_a_taken_port_is_named),
		cmocka_unit_test(test_nowhere_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
