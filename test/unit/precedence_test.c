/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of two entries wins, and that the core and the kernel's policies say the same of it: what
 * the file means has one meaning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/policy.h"
#include <string.h>

enum {
	TCP = 6,
	UDP = 17,
};

/* Any protocol that no entry names is 0 here. */
static const struct packet {
	uint8_t protocol;
	uint16_t port;
} packets[] = { { 0, 0 }, { TCP, 443 }, { TCP, 9 }, { UDP, 53 }, { UDP, 9 } };
#define N_PACKETS (sizeof(packets) / sizeof(packets[0]))

static struct policy_flow flow(enum policy_dir dir, const struct ip *peer, const struct packet *p)
{
	struct ip local = xfrm_ip(peer->family == 4 ? "192.0.2.1" : "2001:db8::1");

	if (dir == POLICY_OUT)
		return (struct policy_flow){ local, *peer, p->protocol, 40000, p->port };
	return (struct policy_flow){ *peer, local, p->protocol, p->port, 40000 };
}

static enum ruling ruled_by(const struct policy *p)
{
	if (!p)
		return RULING_NONE;
	if (p->kind != POLICY_PROTECT)
		return RULING_BYPASS;
	return p->optional ? RULING_OPTIONAL : RULING_ENFORCED;
}

static bool is_protected(enum ruling r)
{
	return r >= RULING_OPTIONAL;
}

/* Both say the same of every packet with this peer, in every direction. */
static void compare(const struct spec *s, const struct policy_set *set, const struct ip *peer)
{
	enum ruling whole = spec_ruling(s, peer, NULL);
	bool any = false;

	for (size_t i = 0; i < N_PACKETS; i++) {
		const struct packet *p = &packets[i];
		enum ruling core = spec_ruling_of(s, peer, p->protocol, p->port, NULL);

		for (enum policy_dir dir = POLICY_IN; dir <= POLICY_FWD; dir++) {
			struct policy_flow f = flow(dir, peer, p);

			assert_int_equal(ruled_by(policy_lookup(set, dir, &f)), core);
		}
		assert_int_equal(spec_bypasses(s, peer, p->protocol, p->port),
				 core == RULING_BYPASS);
		any |= is_protected(core);
	}
	/* A peer may negotiate if, and only if, some of its traffic is protected. */
	assert_int_equal(is_protected(whole), any);
	if (!any)
		assert_int_equal(whole, spec_ruling_of(s, peer, 0, 0, NULL));
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static void cut(struct subnet *net)
{
	for (unsigned bit = net->prefix; bit < ip_bits(&net->ip); bit++)
		net->ip.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Nested and neighbouring ones: few values, in few places. */
static struct subnet_spec random_entry(uint64_t *seed)
{
	static const uint8_t v4[] = { 8, 15, 16, 20, 24, 30, 31, 32 };
	static const uint8_t v6[] = { 16, 48, 63, 64, 112, 127, 128 };
	struct subnet_spec e = { 0 };

	if (draw(seed, 3)) {
		e.net.ip = ip_v4(10, (uint8_t)draw(seed, 2), (uint8_t)draw(seed, 3),
				 (uint8_t)draw(seed, 3));
		e.net.prefix = v4[draw(seed, sizeof(v4))];
	} else {
		e.net.ip = xfrm_ip("fd00:1::");
		e.net.ip.b[7] = (uint8_t)draw(seed, 2);
		e.net.ip.b[15] = (uint8_t)draw(seed, 3);
		e.net.prefix = v6[draw(seed, sizeof(v6))];
	}
	cut(&e.net);
	if (draw(seed, 3) == 0) {
		e.protocol = draw(seed, 2) ? TCP : UDP;
		if (draw(seed, 2))
			e.port = e.protocol == TCP ? 443 : 53;
	}
	/* What stands twice must not differ in this: the file could not say so. */
	e.optional = (e.net.prefix + e.protocol) & 1;
	return e;
}

/* The neighbour of an address; false if there is none. */
static bool step(struct ip *ip, bool up)
{
	for (size_t i = ip_len(ip); i-- > 0;) {
		ip->b[i] = (uint8_t)(ip->b[i] + (up ? 1 : 0xff));
		if (ip->b[i] != (up ? 0 : 0xff))
			return true;
	}
	return false;
}

static struct ip last_of(const struct subnet *net)
{
	struct ip ip = net->ip;

	for (unsigned bit = net->prefix; bit < ip_bits(&ip); bit++)
		ip.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return ip;
}

static void compare_around(const struct spec *s, const struct policy_set *set,
			   const struct subnet *net)
{
	struct ip first = net->ip, last = last_of(net);

	compare(s, set, &first);
	compare(s, set, &last);
	if (step(&first, false))
		compare(s, set, &first);
	if (step(&last, true))
		compare(s, set, &last);
}

static void the_core_and_the_policies_agree(void **state)
{
	enum {
		MOST = 5,
	};
	struct ip locals[] = { xfrm_ip("192.0.2.1"), xfrm_ip("2001:db8::1") };
	uint64_t seed = 20261122;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		struct subnet_spec protect[MOST], bypass[MOST];
		struct spec s = { .protect = protect, .bypass = bypass };
		struct policy_set set;

		s.n_protect = 1 + draw(&seed, MOST);
		s.n_bypass = draw(&seed, MOST + 1);
		for (size_t i = 0; i < s.n_protect; i++)
			protect[i] = random_entry(&seed);
		for (size_t i = 0; i < s.n_bypass; i++)
			bypass[i] = random_entry(&seed);
		s.precedence = round & 1 ? PRECEDENCE_LONGEST : PRECEDENCE_BYPASS;
		set = xfrm_build(&s, locals, 2);
		for (size_t i = 0; i < s.n_protect; i++)
			compare_around(&s, &set, &protect[i].net);
		for (size_t i = 0; i < s.n_bypass; i++)
			compare_around(&s, &set, &bypass[i].net);
		policy_set_free(&set);
	}
}

static void expect(struct spec *s, const char *address, enum ruling bypass, enum ruling longest)
{
	struct ip peer = xfrm_ip(address);

	s->precedence = PRECEDENCE_BYPASS;
	assert_int_equal(spec_ruling(s, &peer, NULL), bypass);
	s->precedence = PRECEDENCE_LONGEST;
	assert_int_equal(spec_ruling(s, &peer, NULL), longest);
}

/* The add-on's bug: what came of two entries hung on their order in the file. */
static void one_inside_the_other(void **state)
{
	const struct {
		const char *const *protect, *const *bypass;
	} orders[] = {
		{ ENTRIES("10.0.0.0/20", "10.1.5.0/24"), ENTRIES("10.0.1.10/32", "10.1.0.0/16") },
		{ ENTRIES("10.1.5.0/24", "10.0.0.0/20"), ENTRIES("10.1.0.0/16", "10.0.1.10/32") },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct spec s = xfrm_spec(orders[i].protect, orders[i].bypass);

		expect(&s, "10.0.1.10", RULING_BYPASS, RULING_BYPASS);
		expect(&s, "10.0.1.11", RULING_ENFORCED, RULING_ENFORCED);
		expect(&s, "10.1.4.255", RULING_BYPASS, RULING_BYPASS);
		expect(&s, "10.1.5.0", RULING_BYPASS, RULING_ENFORCED);
		expect(&s, "10.1.5.255", RULING_BYPASS, RULING_ENFORCED);
		expect(&s, "10.1.6.0", RULING_BYPASS, RULING_BYPASS);
		expect(&s, "10.2.0.0", RULING_NONE, RULING_NONE);
		xfrm_spec_free(&s);
	}
}

static void of_equal_prefixes_the_bypass(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/24", "10.0.1.0/24 tcp/443"),
				  ENTRIES("10.0.0.0/24", "10.0.1.0/24"));

	(void)state;
	expect(&s, "10.0.0.1", RULING_BYPASS, RULING_BYPASS);
	expect(&s, "10.0.1.1", RULING_BYPASS, RULING_BYPASS);
	xfrm_spec_free(&s);
}

/* A bypass of one port takes that port, whatever its prefix; with longest-prefix only up to it. */
static void a_port_of_a_wide_bypass(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/24", "10.0.9.0/24 udp/53"),
				  ENTRIES("10.0.0.0/16 udp/53"));
	struct ip peer = xfrm_ip("10.0.0.1");

	(void)state;
	expect(&s, "10.0.0.1", RULING_ENFORCED, RULING_ENFORCED);
	/* all that is protected there is bypassed */
	expect(&s, "10.0.9.1", RULING_NONE, RULING_ENFORCED);
	s.precedence = PRECEDENCE_BYPASS;
	assert_true(spec_bypasses(&s, &peer, UDP, 53));
	assert_false(spec_bypasses(&s, &peer, UDP, 54));
	assert_false(spec_bypasses(&s, &peer, TCP, 53));
	s.precedence = PRECEDENCE_LONGEST;
	assert_false(spec_bypasses(&s, &peer, UDP, 53));
	xfrm_spec_free(&s);
}

/* The entry's port is the peer's: as the destination of what goes, and the source of what comes. */
static void the_port_is_the_peers(void **state)
{
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/24"), ENTRIES("10.0.0.1/32 udp/53"));
	struct ip local = xfrm_ip("10.0.0.9");
	struct policy_set set = xfrm_build(&s, &local, 1);
	const struct {
		enum policy_dir dir;
		uint16_t src_port, dst_port;
		uint8_t protocol;
		enum policy_kind kind;
	} rows[] = {
		{ POLICY_OUT, 40000, 53, UDP, POLICY_BYPASS },
		{ POLICY_OUT, 53, 40000, UDP, POLICY_PROTECT },
		{ POLICY_OUT, 40000, 53, TCP, POLICY_PROTECT },
		{ POLICY_IN, 53, 40000, UDP, POLICY_BYPASS },
		{ POLICY_IN, 40000, 53, UDP, POLICY_PROTECT },
		{ POLICY_FWD, 53, 40000, UDP, POLICY_BYPASS },
		{ POLICY_FWD, 40000, 53, UDP, POLICY_PROTECT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool out = rows[i].dir == POLICY_OUT;
		struct policy_flow f =
			xfrm_flow(out ? "10.0.0.9" : "10.0.0.1", out ? "10.0.0.1" : "10.0.0.9",
				  rows[i].protocol, rows[i].src_port, rows[i].dst_port);

		assert_int_equal(policy_lookup(&set, rows[i].dir, &f)->kind, rows[i].kind);
	}
	policy_set_free(&set);
	xfrm_spec_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_inside_the_other),
		cmocka_unit_test(of_equal_prefixes_the_bypass),
		cmocka_unit_test(a_port_of_a_wide_bypass),
		cmocka_unit_test(the_port_is_the_peers),
		cmocka_unit_test(the_core_and_the_policies_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
