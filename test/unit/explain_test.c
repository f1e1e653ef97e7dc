/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry decides, and why the others do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikectl/explain.h"
#include "lib/xfrm_spec.h"
#include "xfrm/explain.h"
#include <stdlib.h>
#include <string.h>

enum {
	TCP = 6,
	UDP = 17,
};

/* "+10.0.0.0/24 decides" a line, + for ipsec_subnets; the text is static. */
static const char *told(const struct spec *s, const char *remote, uint8_t protocol, uint16_t port,
			enum ruling ruling)
{
	static const char *const words[] = { "decides", "wider", "bypassed",
					     "shorter", "other", "builtin" };
	static char text[512];
	struct question q = { .local = xfrm_ip(strchr(remote, ':') ? "fd00::1" : "10.0.0.1"),
			      .remote = xfrm_ip(remote),
			      .protocol = protocol,
			      .port = port };
	struct policy_set wanted = xfrm_build(s, &q.local, 1);
	char net[SUBNET_TEXT_LEN];
	struct explanation e;
	size_t n = 0;

	assert_int_equal(explain(s, &wanted, &q, &e), 0);
	assert_int_equal(e.ruling, ruling);
	text[0] = '\0';
	if (e.builtin)
		n += (size_t)snprintf(text, sizeof(text), "%s\n", e.builtin);
	for (size_t i = 0; i < e.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%s %s\n",
				      e.p[i].bypass ? '-' : '+',
				      subnet_text(&e.p[i].entry->net, net), words[e.p[i].standing]);
	explanation_free(&e);
	policy_set_free(&wanted);
	return text;
}

static void test_standings(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/8", "10.0.0.0/20", "10.1.5.0/24"),
				  ENTRIES("10.1.0.0/16", "10.0.0.9/32 udp/53"));

	(void)state;
	assert_string_equal(told(&s, "10.0.0.2", 0, 0, RULING_ENFORCED),
			    "+10.0.0.0/20 decides\n+10.0.0.0/8 wider\n");
	assert_string_equal(told(&s, "10.0.0.9", TCP, 53, RULING_ENFORCED),
			    "+10.0.0.0/20 decides\n-10.0.0.9/32 other\n+10.0.0.0/8 wider\n");
	assert_string_equal(told(&s, "10.0.0.9", UDP, 53, RULING_BYPASS),
			    "-10.0.0.9/32 decides\n+10.0.0.0/8 bypassed\n+10.0.0.0/20 bypassed\n");
	assert_string_equal(told(&s, "10.1.5.5", 0, 0, RULING_BYPASS),
			    "-10.1.0.0/16 decides\n+10.0.0.0/8 bypassed\n+10.1.5.0/24 bypassed\n");
	assert_string_equal(told(&s, "192.0.2.1", 0, 0, RULING_NONE), "");
	s.precedence = PRECEDENCE_LONGEST;
	assert_string_equal(told(&s, "10.1.5.5", 0, 0, RULING_ENFORCED),
			    "+10.1.5.0/24 decides\n-10.1.0.0/16 shorter\n+10.0.0.0/8 wider\n");
	xfrm_spec_free(&s);
}

static void test_built_in(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("0.0.0.0/0", "::/0"), ENTRIES());

	(void)state;
	assert_string_equal(told(&s, "169.254.169.254", 0, 0, RULING_BYPASS),
			    "IPv4 link-local addresses\n+0.0.0.0/0 builtin\n");
	assert_string_equal(told(&s, "224.0.0.18", 0, 0, RULING_BYPASS),
			    "multicast\n+0.0.0.0/0 builtin\n");
	assert_string_equal(told(&s, "fe80::1", 0, 0, RULING_BYPASS),
			    "IPv6 link-local addresses\n+::/0 builtin\n");
	assert_string_equal(told(&s, "2001:db8::1", 0, 0, RULING_ENFORCED), "+::/0 decides\n");
	xfrm_spec_free(&s);
}

static void test_an_address_that_is_not_covered(void **state)
{
	struct subnet_spec own = { .net = xfrm_subnet("10.0.0.7/32") };
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/20"), ENTRIES());

	(void)state;
	s.local = &own;
	s.n_local = 1;
	assert_string_equal(told(&s, "10.0.0.2", 0, 0, RULING_NONE), "+10.0.0.0/20 decides\n");
	xfrm_spec_free(&s);
}

/* Whoever's policy it is: the lowest priority decides; one with a mark stands apart. */
static void test_the_kernels_word(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/20"), ENTRIES());
	struct question q = { .local = xfrm_ip("10.0.0.1"), .remote = xfrm_ip("10.0.0.2") };
	struct policy_set set = xfrm_build(&s, &q.local, 1);
	struct policy_held held[32] = { 0 }, *foreign = &held[30];

	(void)state;
	assert_true(set.n < 30);
	assert_null(explain_held(held, 0, &q, POLICY_OUT));
	for (size_t i = 0; i < set.n; i++)
		held[i] = (struct policy_held){ .policy = set.p[i], .ours = true };
	assert_int_equal(explain_held(held, set.n, &q, POLICY_OUT)->policy.kind, POLICY_PROTECT);
	assert_int_equal(explain_held(held, set.n, &q, POLICY_IN)->policy.dir, POLICY_IN);
	*foreign = (struct policy_held){ .policy = { .dir = POLICY_OUT,
						     .kind = POLICY_BLOCK,
						     .src = xfrm_subnet("10.0.0.0/8"),
						     .dst = xfrm_subnet("10.0.0.0/8"),
						     .priority = 1 },
					 .apart = true };
	for (size_t i = set.n; i < 30; i++)
		held[i].apart = true;
	assert_true(explain_held(held, 31, &q, POLICY_OUT)->ours);
	foreign->apart = false;
	assert_ptr_equal(explain_held(held, 31, &q, POLICY_OUT), foreign);
	assert_true(explain_held(held, 31, &q, POLICY_IN)->ours);
	policy_set_free(&set);
	xfrm_spec_free(&s);
}

static void test_what_is_asked(void **state)
{
	static const struct {
		const char *text, *protocol;
		bool good;
		const char *address;
		uint8_t number;
		uint16_t port;
	} rows[] = {
		{ "10.0.0.1", NULL, true, "10.0.0.1", 0, 0 },
		{ "10.0.0.1:53", NULL, true, "10.0.0.1", TCP, 53 },
		{ "10.0.0.1:53/udp", NULL, true, "10.0.0.1", UDP, 53 },
		{ "10.0.0.1:53", "udp", true, "10.0.0.1", UDP, 53 },
		{ "10.0.0.1/udp", NULL, true, "10.0.0.1", UDP, 0 },
		{ "10.0.0.1", "icmp", true, "10.0.0.1", 1, 0 },
		{ "10.0.0.1", "89", true, "10.0.0.1", 89, 0 },
		{ "fd00::1", NULL, true, "fd00::1", 0, 0 },
		{ "[fd00::1]", NULL, true, "fd00::1", 0, 0 },
		{ "[fd00::1]:443/tcp", NULL, true, "fd00::1", TCP, 443 },
		{ "fd00::1/udp", NULL, true, "fd00::1", UDP, 0 },
		{ "", NULL, false, NULL, 0, 0 },
		{ "host", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1:", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1:0", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1:65536", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1:5x", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1/24", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1/udp", "tcp", false, NULL, 0, 0 },
		{ "10.0.0.1:53/icmp", NULL, false, NULL, 0, 0 },
		{ "10.0.0.1:53", "256", false, NULL, 0, 0 },
		{ "[fd00::1", NULL, false, NULL, 0, 0 },
		{ "[fd00::1]443", NULL, false, NULL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target t;
		char text[IP_TEXT_LEN];

		if (target_parse(rows[i].text, rows[i].protocol, &t) != rows[i].good)
			fail_msg("%s", rows[i].text);
		if (!rows[i].good)
			continue;
		assert_string_equal(ip_text(&t.address, text), rows[i].address);
		assert_int_equal(t.protocol, rows[i].number);
		assert_int_equal(t.port, rows[i].port);
	}
}

static char *shown(const char *answer)
{
	json_t *document = json_loads(answer, 0, NULL);
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(document);
	explain_show(document, out);
	fclose(out);
	json_decref(document);
	return text;
}

static void test_shown(void **state)
{
	static const char answer[] =
		"{\"format\":\"ikemesh-explain/1\",\"address\":\"10.1.5.5\",\"protocol\":6,"
		"\"port\":443,\"local\":\"10.0.0.1\",\"own\":false,\"route\":true,\"covered\":true,"
		"\"ruling\":\"enforced\",\"builtin\":null,\"precedence\":\"longest-prefix\","
		"\"file\":\"/etc/ikemesh/ikemesh.yml\",\"mode\":false,\"considered\":["
		"{\"list\":\"ipsec_subnets\",\"entry\":\"10.1.5.0/24\",\"line\":3,"
		"\"standing\":\"decides\"},"
		"{\"list\":\"no_ipsec_subnets\",\"entry\":\"10.1.0.0/16\",\"line\":9,"
		"\"standing\":\"an entry of ipsec_subnets is longer\"}],"
		"\"kernel\":{\"out\":{\"source\":\"10.0.0.1/32\",\"destination\":\"10.1.5.0/24\","
		"\"action\":\"protect\",\"ours\":true,\"as_wanted\":true,\"priority\":69700,"
		"\"index\":9},\"in\":null},"
		"\"pair\":{\"state\":\"up\",\"spi_in\":\"c0000001\",\"spi_out\":\"c0000002\"}}";
	char *text = shown(answer);

	(void)state;
	assert_string_equal(
		text,
		"10.1.5.5 port 443 (tcp): ESP, or nothing\n"
		"  by 10.1.5.0/24 of ipsec_subnets (/etc/ikemesh/ikemesh.yml:3)\n"
		"  not by 10.1.0.0/16 of no_ipsec_subnets (line 9): an entry of ipsec_subnets is "
		"longer\n"
		"  precedence: longest-prefix\n"
		"  from 10.0.0.1\n"
		"kernel\n"
		"  out: protect 10.0.0.1/32 => 10.1.5.0/24, priority 69700, index 9\n"
		"  in:  no policy: packets pass in the clear\n"
		"SAs: up, in c0000001, out c0000002\n");
	free(text);
}

/* Under strict_default what no policy matches does not pass. */
static void test_shown_under_a_strict_default(void **state)
{
	static const char answer[] =
		"{\"address\":\"192.0.2.1\",\"local\":\"10.0.0.1\",\"route\":true,\"covered\":true,"
		"\"ruling\":\"none\",\"strict_default\":true,\"precedence\":\"bypass\",\"kernel\":{"
		"\"default\":{\"out\":\"block\",\"in\":\"accept\"},\"out\":null,\"in\":null}}";
	char *text = shown(answer);

	(void)state;
	assert_string_equal(
		text, "192.0.2.1: nothing, as strict_default says\n"
		      "  in neither of ipsec_subnets and no_ipsec_subnets\n"
		      "  precedence: bypass\n"
		      "  from 10.0.0.1\n"
		      "kernel\n"
		      "  out: no policy: packets are dropped, by the kernel's default policy\n"
		      "  in:  no policy: packets pass in the clear\n"
		      "SAs: none\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standings),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_an_address_that_is_not_covered),
		cmocka_unit_test(test_the_kernels_word),
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_shown_under_a_strict_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
