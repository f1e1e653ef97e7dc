/* SPDX-License-Identifier: Apache-2.0 */
/* Raw sockets that hear nothing until they are wanted, over the loopback. */
#include "cmd/ikemeshd/parking.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PROTOCOL 253 /* RFC 3692: for experiments */

static int may_open(void **state)
{
	int fd = socket(AF_INET, SOCK_RAW, PROTOCOL);

	(void)state;
	if (fd < 0 && errno == EPERM)
		exit(77); /* raw sockets are root's */
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static void send_to(uint32_t address)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	int fd = socket(AF_INET, SOCK_RAW, PROTOCOL);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, "hello", 5, 0, (const struct sockaddr *)&to, sizeof(to)), 5);
	close(fd);
}

static size_t heard(int fd)
{
	uint8_t packet[64];
	size_t n = 0;

	while (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void test_it_hears_only_what_it_is_to(void **state)
{
	struct sock_filter all[] = { { .code = BPF_RET | BPF_K, .k = UINT32_MAX } };
	const struct sock_fprog filter = { .len = 1, .filter = all };
	const uint32_t parked = INADDR_LOOPBACK, other = INADDR_LOOPBACK + 8;
	int fd = parking_open(AF_INET, PROTOCOL, NULL);

	(void)state;
	assert_true(fd >= 0);
	/* Not for the address that it is bound to either. */
	send_to(parked);
	send_to(other);
	assert_int_equal(heard(fd), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parking_leave(fd, AF_INET, &filter), 0);
		send_to(parked);
		send_to(other);
		assert_int_equal(heard(fd), 2);
		/* What nobody has read is gone, and nothing comes after it. */
		send_to(other);
		parking_return(fd, AF_INET);
		send_to(parked);
		send_to(other);
		assert_int_equal(heard(fd), 0);
	}
	assert_int_equal(parking_leave(fd, AF_INET, &filter), 0);
	assert_int_equal(heard(fd), 0);
	close(fd);
}

static int refuse(int fd, int family)
{
	(void)fd;
	(void)family;
	return -EPERM;
}

static void test_without_a_bypass_there_is_no_socket(void **state)
{
	(void)state;
	assert_int_equal(parking_open(AF_INET, PROTOCOL, refuse), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_hears_only_what_it_is_to),
		cmocka_unit_test(test_without_a_bypass_there_is_no_socket),
	};

	return cmocka_run_group_tests(tests, may_open, NULL);
}
