/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses come and go on a real kernel, in a network namespace. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "lib/xfrm_world.h"
#include "xfrm/address.h"

static struct test {
	struct world world;
	struct addresses *a;
	bool possible;
} t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.possible = world_open(&t.world);
	return t.possible ? addresses_open(&t.a) : 0;
}

static int tear_down(void **state)
{
	(void)state;
	addresses_close(t.a);
	world_close(&t.world);
	return 0;
}

static void need_world(void)
{
	if (!t.possible) {
		print_message("[  SKIP   ] no network namespaces with veth here\n");
		skip();
	}
}

/* The list as words; static until the next call. */
static const char *listed(void)
{
	static char text[512];
	char one[IP_TEXT_LEN];
	const struct ip *ip;
	size_t n;

	text[0] = '\0';
	ip = addresses_list(t.a, &n);
	for (size_t i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, ip_text(&ip[i], one));
	}
	return text;
}

/* After these lines of `ip -batch`: does the list change within a second? */
static bool changes(const char *lines)
{
	bool changed = false;

	assert_true(world_ip(lines));
	while (!changed && world_readable(addresses_fd(t.a), 300))
		assert_int_equal(addresses_read(t.a, &changed), 0);
	return changed;
}

static void what_is_there(void **state)
{
	bool changed = true;

	(void)state;
	need_world();
	/* not 127.0.0.1, ::1, fe80:: */
	assert_string_equal(listed(), "10.0.0.1 2001:db8::1");
	assert_int_equal(addresses_read(t.a, &changed), 0);
	assert_false(changed);
}

static void they_come_and_go(void **state)
{
	(void)state;
	need_world();
	assert_true(changes("addr add 10.0.0.5/32 dev lo\n")); /* a service address */
	assert_string_equal(listed(), "10.0.0.1 10.0.0.5 2001:db8::1");
	assert_false(changes("addr add 10.0.0.5/8 dev v0\n")); /* the same once more */
	assert_false(changes("addr del 10.0.0.5/32 dev lo\n"));
	assert_true(changes("addr del 10.0.0.5/8 dev v0\n"));
	assert_string_equal(listed(), "10.0.0.1 2001:db8::1");
	assert_true(changes("addr flush dev v0\n"));
	assert_string_equal(listed(), "");
}

static void what_does_not_count(void **state)
{
	(void)state;
	need_world();
	assert_false(changes("addr add 127.0.0.9/8 dev lo\n"
			     "addr add 169.254.3.3/16 dev v0\n"
			     "addr add fe80::77/64 dev v0 nodad\n"
			     "addr add 224.0.0.77/32 dev v0 autojoin\n"));
}

static void the_near_end_of_a_point_to_point_link(void **state)
{
	(void)state;
	need_world();
	assert_true(changes("addr add 10.1.1.1 peer 10.1.1.2/32 dev v0\n"
			    "addr add 2001:db8:1::1 peer 2001:db8:1::2/128 dev v0 nodad\n"));
	assert_non_null(strstr(listed(), "10.1.1.1"));
	assert_non_null(strstr(listed(), "2001:db8:1::1"));
	assert_null(strstr(listed(), "10.1.1.2"));
	assert_null(strstr(listed(), "2001:db8:1::2"));
}

/* The broadcast addresses as words; static until the next call. */
static const char *broadcasts(void)
{
	static char text[512];
	struct locality here = addresses_locality(t.a);
	char one[IP_TEXT_LEN];

	text[0] = '\0';
	for (size_t i = 0; i < here.n_broadcasts; i++) {
		strcat(text, i ? " " : "");
		strcat(text, ip_text(&here.broadcasts[i], one));
	}
	return text;
}

/* Set or not: the kernel takes the last address of a network for one. */
static void broadcast_addresses(void **state)
{
	(void)state;
	need_world();
	assert_string_equal(broadcasts(), "10.255.255.255");
	assert_true(changes("addr add 10.1.1.1/20 broadcast 10.1.1.255 dev v0\n"));
	assert_string_equal(broadcasts(), "10.1.1.255 10.1.15.255 10.255.255.255");
	assert_true(changes("addr add 10.2.1.0/31 dev v0\n"));
	assert_true(changes("addr add 10.2.1.1/32 dev v0\n"));
	assert_string_equal(broadcasts(), "10.1.1.255 10.1.15.255 10.255.255.255");
	assert_true(changes("addr add 10.3.1.1 peer 10.3.2.2/24 dev v0\n"));
	assert_string_equal(broadcasts(), "10.1.1.255 10.1.15.255 10.3.2.255 10.255.255.255");
}

/* What passes as broadcast is believed from anybody: it must never be an address of this host. */
static void what_is_no_broadcast_address(void **state)
{
	(void)state;
	need_world();
	assert_true(changes("addr add 10.1.1.1/32 broadcast 10.1.1.1 dev v0\n"));
	assert_true(changes("addr add 10.2.1.0/31 broadcast 10.2.1.1 dev v0\n"));
	assert_true(changes("addr add 10.3.1.1/24 broadcast 255.255.255.255 dev v0\n"));
	assert_string_equal(broadcasts(), "10.3.1.255 10.255.255.255");
	assert_true(changes("addr add 10.4.1.1/24 broadcast 10.4.1.1 dev v0\n"));
	assert_string_equal(broadcasts(), "10.3.1.255 10.4.1.255 10.255.255.255");
	/* the last of one network is a host of a wider one */
	assert_true(changes("addr add 10.4.1.255/16 dev v0\n"));
	assert_string_equal(broadcasts(), "10.3.1.255 10.4.255.255 10.255.255.255");
}

static bool sysctl(const char *name, char value)
{
	char path[128];
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	f = fopen(path, "w");
	if (!f)
		return false;
	good = fputc(value, f) == value;
	return fclose(f) == 0 && good;
}

static bool notices(const char *name, char value)
{
	bool changed = false;

	assert_true(sysctl(name, value));
	while (!changed && world_readable(addresses_fd(t.a), 300))
		assert_int_equal(addresses_read(t.a, &changed), 0);
	return changed;
}

static void a_host_becomes_a_router_and_ceases_to_be(void **state)
{
	(void)state;
	need_world();
	sysctl("ipv4/ip_forward", '0');
	sysctl("ipv6/conf/all/forwarding", '0');
	changes("addr add 10.9.9.9/32 dev v0\n");
	assert_false(addresses_locality(t.a).forwards4);
	assert_true(notices("ipv4/ip_forward", '1'));
	assert_true(addresses_locality(t.a).forwards4);
	assert_false(addresses_locality(t.a).forwards6);
	assert_true(notices("ipv6/conf/all/forwarding", '1'));
	assert_true(addresses_locality(t.a).forwards6);
	assert_true(notices("ipv4/ip_forward", '0'));
	assert_false(addresses_locality(t.a).forwards4);
	/* one interface alone, and those to come, which do not count */
	assert_true(notices("ipv4/conf/v0/forwarding", '1'));
	assert_true(notices("ipv4/conf/v0/forwarding", '0'));
	assert_false(notices("ipv4/conf/default/forwarding", '1'));
}

/* Before it may be used it is covered already, and as long as it receives. */
static void tentative_and_deprecated_ones(void **state)
{
	(void)state;
	need_world();
	assert_true(changes("link set v0 down\nlink set v0 arp on\nlink set v0 up\n"
			    "addr add 2001:db8::9/32 dev v0\n"));
	assert_non_null(strstr(listed(), "2001:db8::9"));
	changes("addr add 2001:db8::8/32 dev v0 nodad preferred_lft 0\n");
	assert_non_null(strstr(listed(), "2001:db8::8"));
}

static void events_lost_are_made_up_for(void **state)
{
	int small = 2048;
	char lines[8192] = "";
	size_t n;

	(void)state;
	need_world();
	assert_int_equal(
		setsockopt(addresses_fd(t.a), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (unsigned i = 0; i < 100; i++)
		sprintf(lines + strlen(lines), "addr add 10.7.0.%u/32 dev v0\n", i + 1);
	assert_true(world_ip(lines));
	assert_true(changes("addr del 10.7.0.1/32 dev v0\n"));
	while (world_readable(addresses_fd(t.a), 100)) {
		bool changed;

		assert_int_equal(addresses_read(t.a, &changed), 0);
	}
	addresses_list(t.a, &n);
	assert_int_equal(n, 2 + 99);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there),
		TEST(they_come_and_go),
		TEST(what_does_not_count),
		TEST(the_near_end_of_a_point_to_point_link),
		TEST(broadcast_addresses),
		TEST(what_is_no_broadcast_address),
		TEST(a_host_becomes_a_router_and_ceases_to_be),
		TEST(tentative_and_deprecated_ones),
		TEST(events_lost_are_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
