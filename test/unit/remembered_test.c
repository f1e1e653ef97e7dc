/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/remembered.h"
#include "config_file.h"
#include <errno.h>

static struct pki pki;

static struct config read_good(const char *text)
{
	struct problems ps;
	struct config c;

	if (pki_parse(&pki, text, &c, &ps)) {
		print_problems(&ps);
		fail();
	}
	problems_free(&ps);
	return c;
}

static void same_entries(const struct subnet_spec *a, size_t n_a, const struct subnet_spec *b,
			 size_t n_b)
{
	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++) {
		assert_true(subnet_equal(&a[i].net, &b[i].net));
		assert_int_equal(a[i].optional_in_file, b[i].optional_in_file);
		assert_int_equal(a[i].protocol, b[i].protocol);
		assert_int_equal(a[i].port, b[i].port);
	}
}

/* What policies are made from comes back as it was. */
static void survives(const char *text)
{
	char dir[] = "/tmp/ikemesh-remembered-XXXXXX", path[64];
	struct config c = read_good(text), back;

	assert_non_null(mkdtemp(dir));
	c.spec.protect[0].optional = true; /* a mode chosen over it */
	assert_int_equal(remembered_load(dir, &back), -ENOENT);
	assert_int_equal(remembered_save(dir, &c), 0);
	assert_int_equal(remembered_load(dir, &back), 0);
	same_entries(c.spec.protect, c.spec.n_protect, back.spec.protect, back.spec.n_protect);
	same_entries(c.spec.bypass, c.spec.n_bypass, back.spec.bypass, back.spec.n_bypass);
	same_entries(c.spec.local, c.spec.n_local, back.spec.local, back.spec.n_local);
	assert_int_equal(c.spec.precedence, back.spec.precedence);
	assert_int_equal(c.spec.strict_default, back.spec.strict_default);
	assert_int_equal(c.spec.allow_icmp_errors, back.spec.allow_icmp_errors);
	assert_int_equal(c.on_stop, back.on_stop);
	config_free(&back);
	config_free(&c);
	remembered_forget(dir);
	assert_int_equal(remembered_load(dir, &back), -ENOENT);
	snprintf(path, sizeof(path), "%s/policies.yml.new", dir);
	assert_int_not_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void what_policies_are_made_from(void **state)
{
	(void)state;
	survives(NETS CREDENTIALS);
	survives(
		"ipsec_subnets: [10.0.0.0/20, 'fd00::/64', {subnet: 10.0.4.0/24, optional: true}]\n"
		"no_ipsec_subnets:\n"
		"- 10.0.1.10/32\n"
		"- {subnet: 10.0.0.1/32, protocol: udp, port: 53}\n"
		"- {subnet: 10.0.0.2/32, protocol: 89}\n"
		"precedence: longest-prefix\n"
		"local_addresses: [10.0.0.7, 'fd00::/96']\n"
		"allow_icmp_errors: true\n"
		"on_stop: clear\n"
		"strict_default: true\n" CREDENTIALS);
	survives("ipsec_subnets: [10.0.0.0/20, {subnet: 10.0.4.0/24, optional: false}]\n"
		 "optional: true\n" CREDENTIALS);
}

static void no_place_to_keep_it(void **state)
{
	struct config c = read_good(NETS CREDENTIALS);

	(void)state;
	assert_int_equal(remembered_save("/proc/nowhere", &c), -ENOENT);
	config_free(&c);
}

static int set_up(void **state)
{
	(void)state;
	pki_usual(&pki);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_policies_are_made_from),
		cmocka_unit_test(no_place_to_keep_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
