/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/ip.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static struct ip ip(const char *text)
{
	struct ip out;

	assert_true(ip_parse(text, &out));
	return out;
}

static struct subnet subnet(const char *text)
{
	struct subnet out;

	assert_true(subnet_parse(text, &out, NULL));
	return out;
}

static void test_addresses_there_and_back(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "10.0.1.255",  "255.255.255.255",
					     "::",	"::1",	       "fe80::1",
					     "fd00::1", "2001:db8::ff" };
	char out[IP_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		const struct ip a = ip(texts[i]);
		assert_int_equal(a.family, strchr(texts[i], ':') ? 6 : 4);
		assert_string_equal(ip_text(&a, out), texts[i]);
	}
}

static void test_the_longest_address_fits(void **state)
{
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
	const struct subnet net = subnet(longest);
	const struct endpoint e = { .ip = ip(longest), .port = 65535 };
	char text[IP_TEXT_LEN], with_prefix[SUBNET_TEXT_LEN], with_port[ENDPOINT_TEXT_LEN];

	(void)state;
	assert_string_equal(ip_text(&net.ip, text), longest);
	assert_string_equal(subnet_text(&net, with_prefix),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	assert_string_equal(endpoint_text(&e, with_port),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[65535]");
}

static void test_what_is_no_address(void **state)
{
	static const char *const texts[] = { "",
					     "10",
					     "10.0.1",
					     "10.0.0.256",
					     " 10.0.0.1",
					     "10.0.0.1 ",
					     "10.0.0.1/32",
					     "fe80::1%eth0",
					     "1:2:3:4:5:6",
					     ":",
					     "host.example" };
	const struct ip none = { 0 };
	struct ip out;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		assert_false(ip_parse(texts[i], &out));
		assert_true(ip_equal(&out, &none));
	}
}

static void test_none_prints_as_any(void **state)
{
	const struct ip none = { 0 };
	const struct endpoint e = { .port = 500 };
	char text[IP_TEXT_LEN], with_port[ENDPOINT_TEXT_LEN];

	(void)state;
	assert_int_equal(ip_len(&none), 0);
	assert_int_equal(ip_bits(&none), 0);
	assert_string_equal(ip_text(&none, text), "%any");
	assert_string_equal(endpoint_text(&e, with_port), "%any[500]");
}

static void test_made_from_octets(void **state)
{
	static const uint8_t octets[16] = {
		10, 0, 0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	};
	const struct ip four = ip_from(4, octets), six = ip_from(6, octets), same = ip("10.0.0.1");
	const struct ip literal = ip_v4(10, 0, 0, 1);

	(void)state;
	/* The octets behind an IPv4 address stay zero, so that addresses can be hashed whole. */
	assert_memory_equal(&four, &same, sizeof(four));
	assert_memory_equal(&four, &literal, sizeof(four));
	assert_int_equal(ip_len(&four), 4);
	assert_int_equal(ip_bits(&four), 32);
	assert_int_equal(ip_len(&six), 16);
	assert_int_equal(ip_bits(&six), 128);
	assert_memory_equal(six.b, octets, 16);
}

static void test_order_is_family_then_value(void **state)
{
	static const char *const sorted[] = { "0.0.0.0", "10.0.0.1", "10.0.0.2", "192.168.0.1",
					      "::",	 "::1",	     "fe80::" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sorted); i++) {
		for (size_t j = 0; j < N_ELEMENTS(sorted); j++) {
			const struct ip a = ip(sorted[i]), b = ip(sorted[j]);
			const int r = ip_compare(&a, &b);
			assert_int_equal(r < 0, i < j);
			assert_int_equal(r > 0, i > j);
			assert_int_equal(ip_equal(&a, &b), i == j);
		}
	}
}

static void test_kinds_of_address(void **state)
{
	static const struct {
		const char *text;
		bool link_local, multicast, loopback;
	} rows[] = {
		{ "10.0.0.1", false, false, false },
		{ "169.254.0.1", true, false, false },
		{ "169.253.0.1", false, false, false },
		{ "169.255.0.1", false, false, false },
		{ "223.255.255.255", false, false, false },
		{ "224.0.0.1", false, true, false },
		{ "239.255.255.255", false, true, false },
		{ "240.0.0.1", false, false, false },
		{ "127.0.0.1", false, false, true },
		{ "127.255.0.1", false, false, true },
		{ "128.0.0.1", false, false, false },
		{ "fe80::1", true, false, false },
		{ "febf::1", true, false, false },
		{ "fec0::1", false, false, false },
		{ "fd00::1", false, false, false },
		{ "ff02::1", false, true, false },
		{ "fe00::1", false, false, false },
		{ "::1", false, false, true },
		{ "::2", false, false, false },
		{ "::", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const struct ip a = ip(rows[i].text);
		assert_int_equal(ip_is_link_local(&a), rows[i].link_local);
		assert_int_equal(ip_is_multicast(&a), rows[i].multicast);
		assert_int_equal(ip_is_loopback(&a), rows[i].loopback);
	}
	const struct ip none = { 0 };
	assert_false(ip_is_link_local(&none) || ip_is_multicast(&none) || ip_is_loopback(&none));
}

static void test_subnets_are_normalised(void **state)
{
	static const struct {
		const char *text, *normal;
		bool cut;
	} rows[] = {
		{ "10.0.0.0/16", "10.0.0.0/16", false },
		{ "10.0.1.1/20", "10.0.0.0/20", true },
		{ "10.0.1.1", "10.0.1.1/32", false },
		{ "10.0.1.1/0", "0.0.0.0/0", true },
		{ "10.0.1.129/25", "10.0.1.128/25", true },
		{ "10.0.1.1/32", "10.0.1.1/32", false },
		{ "0.0.0.0/0", "0.0.0.0/0", false },
		{ "fd00::1", "fd00::1/128", false },
		{ "fd00::1/64", "fd00::/64", true },
		{ "fdff::/9", "fd80::/9", true },
		{ "::/0", "::/0", false },
		{ "fd00::/128", "fd00::/128", false },
	};
	char text[SUBNET_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct subnet net;
		bool cut = !rows[i].cut;
		assert_true(subnet_parse(rows[i].text, &net, &cut));
		assert_string_equal(subnet_text(&net, text), rows[i].normal);
		assert_int_equal(cut, rows[i].cut);
	}
}

static void test_what_is_no_subnet(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/ 8",
		"10.0.0.0/8 ",
		"10.0.0.0/08",
		"10.0.0.0/8x",
		"10.0.0.0/256",
		"10.0.0.0/999",
		"10.0.0.0/0x8",
		"10.0.0.0/4294967304",
		"10.0.0/8",
		"fd00::/129",
		"fd00::/1000",
		"10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8",
	};
	struct subnet net;
	bool cut;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		assert_false(subnet_parse(texts[i], &net, &cut));
		assert_int_equal(net.ip.family, 0);
	}
}

static void test_what_a_subnet_contains(void **state)
{
	static const struct {
		const char *net, *ip;
		bool in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/20", "10.0.15.255", true },
		{ "10.0.0.0/20", "10.0.16.0", false },
		{ "10.0.0.1/32", "10.0.0.1", true },
		{ "10.0.0.1/32", "10.0.0.0", false },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "1.2.3.4", false },
		{ "fd00::/9", "fd7f::1", true },
		{ "fd00::/9", "fd80::1", false },
		{ "fd00::1/128", "fd00::1", true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const struct subnet net = subnet(rows[i].net);
		const struct ip a = ip(rows[i].ip);
		assert_int_equal(subnet_contains(&net, &a), rows[i].in);
	}
	const struct subnet none = { 0 };
	const struct ip any = { 0 };
	assert_false(subnet_contains(&none, &any));
}

static void test_which_subnet_covers_which(void **state)
{
	const struct subnet wide = subnet("10.0.0.0/8"), narrow = subnet("10.1.0.0/16"),
			    other = subnet("11.0.0.0/16"), six = subnet("fd00::/8"),
			    short_host = subnet("10.0.0.0/9");

	(void)state;
	assert_true(subnet_covers(&wide, &narrow));
	assert_true(subnet_covers(&wide, &wide));
	assert_false(subnet_covers(&narrow, &wide));
	assert_false(subnet_covers(&wide, &other));
	assert_false(subnet_covers(&wide, &six));
	assert_true(subnet_equal(&wide, &wide));
	assert_false(subnet_equal(&wide, &short_host));
	assert_false(subnet_equal(&narrow, &other));
}

static void test_endpoints(void **state)
{
	const struct endpoint a = { .ip = ip("10.0.0.1"), .port = 500 },
			      b = { .ip = ip("10.0.0.1"), .port = 4500 },
			      c = { .ip = ip("10.0.0.2"), .port = 500 };
	char text[ENDPOINT_TEXT_LEN];

	(void)state;
	assert_true(endpoint_equal(&a, &a));
	assert_false(endpoint_equal(&a, &b));
	assert_false(endpoint_equal(&a, &c));
	assert_string_equal(endpoint_text(&a, text), "10.0.0.1[500]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_there_and_back),
		cmocka_unit_test(test_the_longest_address_fits),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_none_prints_as_any),
		cmocka_unit_test(test_made_from_octets),
		cmocka_unit_test(test_order_is_family_then_value),
		cmocka_unit_test(test_kinds_of_address),
		cmocka_unit_test(test_subnets_are_normalised),
		cmocka_unit_test(test_what_is_no_subnet),
		cmocka_unit_test(test_what_a_subnet_contains),
		cmocka_unit_test(test_which_subnet_covers_which),
		cmocka_unit_test(test_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
