/* SPDX-License-Identifier: Apache-2.0 */
/* Which list decides on an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/spec.h"
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 4

/* protect and bypass as texts; "?" before a subnet: optional. */
struct lists {
	const char *protect[ENTRIES_MAX];
	const char *bypass[ENTRIES_MAX];
	bool optional;
};

static struct subnet_spec *entries(const char *const *texts, size_t *n)
{
	struct subnet_spec *list = calloc(ENTRIES_MAX, sizeof(*list));
	bool host_bits;

	assert_non_null(list);
	for (*n = 0; *n < ENTRIES_MAX && texts[*n]; ++*n) {
		const char *text = texts[*n];

		list[*n].optional = *text == '?';
		assert_true(subnet_parse(text + (*text == '?'), &list[*n].net, &host_bits));
	}
	return list;
}

static struct spec spec_of(const struct lists *l)
{
	struct spec s = { .optional = l->optional };

	s.protect = entries(l->protect, &s.n_protect);
	s.bypass = entries(l->bypass, &s.n_bypass);
	return s;
}

static void expect(struct spec *s, const char *address, enum ruling wanted, const char *which)
{
	const struct subnet_spec *entry;
	char text[SUBNET_TEXT_LEN];
	struct ip ip;

	assert_true(ip_parse(address, &ip));
	assert_int_equal(spec_ruling(s, &ip, &entry), wanted);
	assert_int_equal(spec_ruling(s, &ip, NULL), wanted);
	if (which)
		assert_string_equal(subnet_text(&entry->net, text), which);
	else
		assert_null(entry);
}

static void test_lists(void **state)
{
	struct spec s = spec_of(&(struct lists){
		.protect = { "10.0.0.0/20", "?10.0.8.0/24", "fd00::/64" },
		.bypass = { "10.0.1.10/32", "192.168.0.0/16" },
	});

	(void)state;
	expect(&s, "10.0.0.1", RULING_ENFORCED, "10.0.0.0/20");
	expect(&s, "10.0.15.255", RULING_ENFORCED, "10.0.0.0/20");
	expect(&s, "10.0.8.1", RULING_OPTIONAL, "10.0.8.0/24");
	expect(&s, "10.0.16.0", RULING_NONE, NULL);
	expect(&s, "10.0.1.10", RULING_BYPASS, "10.0.1.10/32");
	expect(&s, "192.168.3.4", RULING_BYPASS, "192.168.0.0/16");
	expect(&s, "fd00::1", RULING_ENFORCED, "fd00::/64");
	expect(&s, "fd01::1", RULING_NONE, NULL);
	spec_free(&s);
}

/* The add-on mended this once: a wide bypass is not undone by a narrow protected subnet. */
static void test_bypass_wins(void **state)
{
	struct spec s = spec_of(&(struct lists){
		.protect = { "10.0.5.0/24", "10.1.0.0/20" },
		.bypass = { "10.0.0.0/16", "10.1.0.7/32" },
	});

	(void)state;
	expect(&s, "10.0.5.1", RULING_BYPASS, "10.0.0.0/16");
	expect(&s, "10.1.0.7", RULING_BYPASS, "10.1.0.7/32");
	expect(&s, "10.1.0.8", RULING_ENFORCED, "10.1.0.0/20");
	spec_free(&s);
}

static void test_port_bypass(void **state)
{
	struct spec s = spec_of(&(struct lists){
		.protect = { "10.0.0.0/20" },
		.bypass = { "10.0.0.1/32" },
	});

	(void)state;
	s.bypass[0].protocol = 17;
	s.bypass[0].port = 53;
	expect(&s, "10.0.0.1", RULING_ENFORCED, "10.0.0.0/20");
	spec_free(&s);
}

static void test_what_bypasses_a_packet(void **state)
{
	struct spec s = spec_of(&(struct lists){
		.protect = { "10.0.0.0/20" },
		.bypass = { "10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24" },
	});
	static const struct {
		struct ip peer;
		uint8_t protocol;
		uint16_t port;
		bool passes;
	} rows[] = {
		{ { 4, { 10, 0, 0, 1 } }, 17, 4500, true },
		{ { 4, { 10, 0, 0, 1 } }, 17, 4501, false },
		{ { 4, { 10, 0, 0, 1 } }, 6, 4500, false },
		{ { 4, { 10, 0, 1, 1 } }, 17, 4501, true },
		{ { 4, { 10, 0, 1, 1 } }, 6, 4501, false },
		{ { 4, { 10, 0, 2, 1 } }, 6, 22, true },
		{ { 4, { 10, 0, 3, 1 } }, 17, 4500, false },
	};

	(void)state;
	s.bypass[0].protocol = s.bypass[1].protocol = 17;
	s.bypass[0].port = 4500;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(spec_bypasses(&s, &rows[i].peer, rows[i].protocol, rows[i].port),
				 rows[i].passes);
	spec_free(&s);
}

static void test_optional_whole(void **state)
{
	struct spec s = spec_of(&(struct lists){
		.protect = { "10.0.0.0/20" },
		.bypass = { "10.0.0.1/32" },
		.optional = true,
	});

	(void)state;
	expect(&s, "10.0.0.2", RULING_OPTIONAL, "10.0.0.0/20");
	expect(&s, "10.0.0.1", RULING_BYPASS, "10.0.0.1/32");
	spec_free(&s);
}

static void test_families_apart(void **state)
{
	struct spec s = spec_of(&(struct lists){ .protect = { "0.0.0.0/0" } });

	(void)state;
	expect(&s, "1.2.3.4", RULING_ENFORCED, "0.0.0.0/0");
	expect(&s, "::1.2.3.4", RULING_NONE, NULL);
	spec_free(&s);
}

static void test_freed_whole(void **state)
{
	static const struct spec zero;
	struct spec s = spec_of(&(struct lists){ .protect = { "10.0.0.0/20" } });

	(void)state;
	s.cas = calloc(1, sizeof(*s.cas));
	s.n_cas = 1;
	assert_int_equal(blob_copy(&s.cas[0].der, BYTES((const uint8_t *)"x", 1)), 0);
	assert_int_equal(blob_copy(&s.credential.certs[0], BYTES((const uint8_t *)"y", 1)), 0);
	assert_int_equal(blob_copy(&s.credential.id, BYTES((const uint8_t *)"z", 1)), 0);
	spec_free(&s);
	assert_memory_equal(&s, &zero, sizeof(s));
	spec_free(&s);
	spec_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bypass_wins),
		cmocka_unit_test(test_port_bypass),
		cmocka_unit_test(test_what_bypasses_a_packet),
		cmocka_unit_test(test_optional_whole),
		cmocka_unit_test(test_families_apart),
		cmocka_unit_test(test_freed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
