/* SPDX-License-Identifier: Apache-2.0 */
/* Every cell of the collision table, and the nonce rule: RFC 7296 2.8.1, 2.8.2, 2.25. */
#include "ike/collide.h"

#include "ike/message/iana.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* --- what the peer asks for, against what we are doing --- */

#define GO 0
#define TEMPORARY NOTIFY_TEMPORARY_FAILURE

struct cell {
	enum asked asked;
	enum doing doing;
	uint16_t notify;
	const char *why;
};

/* Written from the RFC, not from the code. */
static const struct cell cells[] = {
	{ ASKED_NEW_CHILD, DOING_NOTHING, GO, "1.3.1" },
	{ ASKED_NEW_CHILD, DOING_REKEY_THIS, GO, "there is no `this`: nothing forbids it" },
	{ ASKED_NEW_CHILD, DOING_DELETE_THIS, GO, "there is no `this`: nothing forbids it" },
	{ ASKED_NEW_CHILD, DOING_OTHER, GO, "2.8.1: independent of each other" },
	{ ASKED_NEW_CHILD, DOING_REKEY_IKE, TEMPORARY,
	  "2.25.2: would be on an SA that is leaving" },
	{ ASKED_NEW_CHILD, DOING_DELETE_IKE, TEMPORARY, "2.25.2" },

	{ ASKED_REKEY_CHILD, DOING_NOTHING, GO, "1.3.3" },
	{ ASKED_REKEY_CHILD, DOING_REKEY_THIS, GO, "2.8.1: both, and one goes by the nonces" },
	{ ASKED_REKEY_CHILD, DOING_DELETE_THIS, TEMPORARY, "2.25.1" },
	{ ASKED_REKEY_CHILD, DOING_OTHER, GO, "2.25.1: of another CHILD_SA" },
	{ ASKED_REKEY_CHILD, DOING_REKEY_IKE, TEMPORARY, "2.25.2" },
	{ ASKED_REKEY_CHILD, DOING_DELETE_IKE, TEMPORARY, "2.25.2" },

	{ ASKED_REKEY_IKE, DOING_NOTHING, GO, "1.3.2" },
	{ ASKED_REKEY_IKE, DOING_REKEY_THIS, GO, "2.8.2: both, and one goes by the nonces" },
	{ ASKED_REKEY_IKE, DOING_DELETE_THIS, TEMPORARY, "2.25.1: closing a CHILD_SA of it" },
	{ ASKED_REKEY_IKE, DOING_OTHER, TEMPORARY,
	  "2.25.1: creating or rekeying a CHILD_SA of it" },
	{ ASKED_REKEY_IKE, DOING_DELETE_IKE, TEMPORARY, "2.25.2" },
};

static void test_each_cell(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		const struct cell *c = &cells[i];
		uint16_t notify = collide_request(c->asked, c->doing);

		if (notify != c->notify)
			fail_msg("asked %d, doing %d: %u instead of %u (RFC 7296 %s)", c->asked,
				 c->doing, notify, c->notify, c->why);
	}
}

/* The table above has every cell once, but for one that cannot be. */
static void test_no_cell_is_left_out(void **state)
{
	unsigned seen[3][6] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		seen[cells[i].asked][cells[i].doing]++;
	for (int asked = 0; asked <= ASKED_REKEY_IKE; asked++)
		for (int doing = 0; doing <= DOING_DELETE_IKE; doing++)
			assert_int_equal(seen[asked][doing],
					 !(asked == ASKED_REKEY_IKE && doing == DOING_REKEY_IKE));
	/* Our rekey of the IKE SA is `this` when the peer asks to rekey the IKE SA; either name is
	 * answered alike. */
	assert_int_equal(collide_request(ASKED_REKEY_IKE, DOING_REKEY_IKE),
			 collide_request(ASKED_REKEY_IKE, DOING_REKEY_THIS));
}

/* --- the lowest of four nonces --- */

#define N(text) BYTES((const uint8_t *)(text), sizeof(text) - 1)

struct four {
	struct bytes ours_i, ours_r, theirs_i, theirs_r;
	bool ours_loses;
};

/* RFC 7296 2.8.1: who made the SA with the lowest of the four nonces closes it. */
static void test_the_lowest_of_four_loses(void **state)
{
	static const struct four cases[] = {
		/* Each of the four once. */
		{ N("\x01zzz"), N("\x04zzz"), N("\x02zzz"), N("\x03zzz"), true },
		{ N("\x04zzz"), N("\x01zzz"), N("\x02zzz"), N("\x03zzz"), true },
		{ N("\x02zzz"), N("\x03zzz"), N("\x01zzz"), N("\x04zzz"), false },
		{ N("\x02zzz"), N("\x03zzz"), N("\x04zzz"), N("\x01zzz"), false },
		/* The one with the highest is not asked for. */
		{ N("\x01"), N("\xff"), N("\x02"), N("\x03"), true },
		{ N("\x02"), N("\x03"), N("\x01"), N("\xff"), false },
		/* Octets have no sign. */
		{ N("\x7f"), N("\xff"), N("\x80"), N("\xff"), true },
		{ N("\x80"), N("\xff"), N("\x7f"), N("\xff"), false },
		/* The first octet that differs decides, from the left. */
		{ N("aaab"), N("zzzz"), N("aaaa"), N("zzzz"), false },
		{ N("aaaa"), N("zzzz"), N("aaab"), N("zzzz"), true },
		{ N("ab\x01"), N("zzzz"), N("aa\xff"), N("zzzz"), false },
		/* The longer one is higher only where all else is equal. */
		{ N("aaaa"), N("zzzz"), N("aaaa\x00"), N("zzzz"), true },
		{ N("aaaa\x00"), N("zzzz"), N("aaaa"), N("zzzz"), false },
		{ N("b"), N("zzzz"), N("aaaaaaaa"), N("zzzz"), false },
		{ N("aaaaaaaa"), N("zzzz"), N("b"), N("zzzz"), true },
		/* Within one exchange, too. */
		{ N("aab"), N("aa"), N("aaa"), N("aac"), true },
		{ N("aaa"), N("aac"), N("aab"), N("aa"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct four *c = &cases[i];
		const struct nonces ours = { c->ours_i, c->ours_r };
		const struct nonces theirs = { c->theirs_i, c->theirs_r };

		if (collide_ours_loses(ours, theirs) != c->ours_loses)
			fail_msg("case %zu: ours %s", i, c->ours_loses ? "survives" : "loses");
		/* The peer comes to the opposite result. */
		if (collide_ours_loses(theirs, ours) != !c->ours_loses)
			fail_msg("case %zu: both ends %s", i, c->ours_loses ? "lose" : "survive");
		/* It does not matter who of an exchange sent which. */
		const struct nonces ours_swapped = { c->ours_r, c->ours_i };
		const struct nonces theirs_swapped = { c->theirs_r, c->theirs_i };
		if (collide_ours_loses(ours_swapped, theirs_swapped) != c->ours_loses)
			fail_msg("case %zu: the order within an exchange matters", i);
	}
}

/* All four are equal, or the two lowest: nobody deletes both. One SA too many is the lesser evil.
 */
static void test_equal_nonces_lose_nothing(void **state)
{
	const struct nonces a = { N("same"), N("other") }, b = { N("other"), N("same") };

	(void)state;
	assert_false(collide_ours_loses(a, a));
	assert_false(collide_ours_loses(a, b));
	assert_false(collide_ours_loses(b, a));
}

/* Lengths as they come: 16 to 256 octets. One octet differs, anywhere. */
static void test_each_octet_counts(void **state)
{
	uint8_t low[256], high[256], top[256];

	(void)state;
	memset(top, 0xff, sizeof top);
	for (size_t n = 16; n <= sizeof low; n *= 2) {
		for (size_t at = 0; at < n; at++) {
			const struct nonces x = { BYTES(low, n), BYTES(top, n) };
			const struct nonces y = { BYTES(high, n), BYTES(top, n) };

			memset(low, 0x55, sizeof low);
			memset(high, 0x55, sizeof high);
			high[at] = 0x56;
			if (at + 1 < n)
				high[at + 1] = 0; /* what comes after it does not */
			assert_true(collide_ours_loses(x, y));
			assert_false(collide_ours_loses(y, x));
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_cell),
		cmocka_unit_test(test_no_cell_is_left_out),
		cmocka_unit_test(test_the_lowest_of_four_loses),
		cmocka_unit_test(test_equal_nonces_lose_nothing),
		cmocka_unit_test(test_each_octet_counts),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
