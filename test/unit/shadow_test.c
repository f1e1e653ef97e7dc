/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/shadow.h"

/* Of a host 10.0.0.1 that protects 10.0.0.0/16 and bypasses 10.0.9.0/24: how many come after it. */
static size_t behind(struct policy_held foreign)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/16"), ENTRIES("10.0.9.0/24"));
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&spec, &local, 1);
	struct shadows s = { 0 };
	size_t n;

	assert_int_equal(shadow_find(&foreign, 1, &set, &s), 0);
	assert_true(s.n <= 1);
	n = s.n ? s.p[0].n : 0;
	shadows_free(&s);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
	return n;
}

static struct policy_held foreign(enum policy_dir dir, const char *src, const char *dst,
				  uint32_t priority)
{
	return (struct policy_held){ .policy = { .dir = dir,
						 .kind = POLICY_BYPASS,
						 .src = xfrm_subnet(src),
						 .dst = xfrm_subnet(dst),
						 .priority = priority } };
}

static void better_priority_and_overlap(void **state)
{
	(void)state;
	/* wider, narrower, the same: what protects, and what bypasses within it */
	assert_int_equal(behind(foreign(POLICY_OUT, "0.0.0.0/0", "0.0.0.0/0", 0)), 2);
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.1/32", "10.0.8.0/24", 100)), 1);
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.0/24", "10.0.9.9/32", 100)), 2);
	assert_int_equal(behind(foreign(POLICY_IN, "10.0.0.0/8", "10.0.0.1/32", 100)), 2);
	assert_int_equal(behind(foreign(POLICY_FWD, "10.0.0.0/8", "10.0.0.1/32", 100)), 2);
}

static void what_does_not_come_before(void **state)
{
	struct policy_held f;

	(void)state;
	/* another direction's selector, other addresses, another family, a worse priority */
	assert_int_equal(behind(foreign(POLICY_IN, "10.0.0.1/32", "10.0.8.0/24", 100)), 0);
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.2/32", "10.0.8.0/24", 100)), 0);
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.1/32", "10.1.0.0/16", 100)), 0);
	assert_int_equal(behind(foreign(POLICY_OUT, "::/0", "::/0", 0)), 0);
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.1/32", "10.0.8.0/24", 200000)), 0);
	f = foreign(POLICY_OUT, "0.0.0.0/0", "0.0.0.0/0", 0);
	f.apart = true;
	assert_int_equal(behind(f), 0);
	f.apart = false;
	f.ours = true;
	assert_int_equal(behind(f), 0);
}

/* There is one policy for a selector: it stands where ours would. */
static void the_same_selector_whatever_the_priority(void **state)
{
	(void)state;
	assert_int_equal(behind(foreign(POLICY_OUT, "10.0.0.1/32", "10.0.0.0/16", 400000)), 1);
}

static void protocols_and_ports(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/16 udp/53"), ENTRIES());
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&spec, &local, 1);
	struct policy_held f[] = {
		foreign(POLICY_OUT, "0.0.0.0/0", "10.0.1.0/24", 1),
		foreign(POLICY_OUT, "0.0.0.0/0", "10.0.2.0/24", 1),
		foreign(POLICY_OUT, "0.0.0.0/0", "10.0.3.0/24", 1),
		foreign(POLICY_OUT, "0.0.0.0/0", "10.0.4.0/24", 1),
	};
	struct shadows s = { 0 };
	char text[SHADOW_TEXT_LEN];

	(void)state;
	f[0].policy.protocol = 6;
	f[1].policy.protocol = 17;
	f[2].policy.protocol = f[3].policy.protocol = 17;
	f[2].policy.dst_port_mask = f[3].policy.dst_port_mask = 0xffff;
	f[2].policy.dst_port = 54;
	f[3].policy.dst_port = 53;
	assert_int_equal(shadow_find(f, 4, &set, &s), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(shadow_text(&s.p[0], text),
			    "out 0.0.0.0/0 => 10.0.2.0/24 protocol 17 priority 1");
	assert_string_equal(shadow_text(&s.p[1], text),
			    "out 0.0.0.0/0 => 10.0.4.0/24 protocol 17 ports 0 => 53 priority 1");
	shadows_free(&s);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void news_or_not(void **state)
{
	struct shadow one = { .foreign = foreign(POLICY_OUT, "0.0.0.0/0", "0.0.0.0/0", 1).policy,
			      .n = 2 };
	struct shadow other = one;
	struct shadows none = { 0 }, a = { .p = &one, .n = 1 }, b = { .p = &other, .n = 1 };

	(void)state;
	assert_true(shadows_equal(&none, &none));
	assert_true(shadows_equal(&a, &b));
	assert_false(shadows_equal(&a, &none));
	other.foreign.priority = 2;
	assert_false(shadows_equal(&a, &b));
	other = one;
	other.n = 3;
	assert_false(shadows_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(better_priority_and_overlap),
		cmocka_unit_test(what_does_not_come_before),
		cmocka_unit_test(the_same_selector_whatever_the_priority),
		cmocka_unit_test(protocols_and_ports),
		cmocka_unit_test(news_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
