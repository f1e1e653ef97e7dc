/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include "ike/message/fragment.h"
#include "ike/message/sealed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID 5
#define TEXT(s) BYTES((const uint8_t *)(s), sizeof(s) - 1)

struct queue {
	struct fragments *q;
	struct blob chain;
	uint8_t first;
};

static enum fragment_result add(struct queue *f, uint32_t id, uint16_t number, uint16_t total,
				struct bytes part)
{
	blob_free(&f->chain);
	return fragments_add(&f->q, id, number, total, number == 1 ? PAYLOAD_IDI : PAYLOAD_NONE,
			     part, &f->chain, &f->first);
}

static void expect_chain(const struct queue *f, struct bytes whole)
{
	assert_null(f->q);
	assert_true(bytes_equal(blob_view(&f->chain), whole));
	assert_int_equal(f->first, PAYLOAD_IDI);
}

static void done(struct queue *f)
{
	blob_free(&f->chain);
	fragments_free(&f->q);
	assert_null(f->q);
}

static void test_in_any_order(void **state)
{
	static const uint16_t orders[][3] = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
					      { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } };
	const struct bytes parts[] = { TEXT("first "), TEXT("second "), TEXT("third") };
	struct queue f = { 0 };

	(void)state;
	for (size_t o = 0; o < 6; o++) {
		const uint16_t *n = orders[o];
		assert_int_equal(add(&f, ID, n[0], 3, parts[n[0] - 1]), FRAGMENT_QUEUED);
		assert_int_equal(f.chain.n, 0);
		assert_int_equal(add(&f, ID, n[1], 3, parts[n[1] - 1]), FRAGMENT_QUEUED);
		assert_int_equal(add(&f, ID, n[2], 3, parts[n[2] - 1]), FRAGMENT_COMPLETE);
		expect_chain(&f, TEXT("first second third"));
	}
	done(&f);
}

static void test_one_of_one(void **state)
{
	struct queue f = { 0 };

	(void)state;
	assert_int_equal(add(&f, ID, 1, 1, TEXT("all")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("all"));
	done(&f);
}

static void test_parts_are_copied(void **state)
{
	uint8_t part[] = { 'a', 'b' };
	struct queue f = { 0 };

	(void)state;
	add(&f, ID, 1, 2, BYTES(part, 2));
	memset(part, 0, sizeof(part));
	assert_int_equal(add(&f, ID, 2, 2, TEXT("c")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("abc"));
	done(&f);
}

static void t47_empty_content(void **state)
{
	struct queue f = { 0 };

	(void)state;
	/* The chain that follows promises an IDi and has not an octet: the decoder says so. */
	assert_int_equal(add(&f, ID, 1, 1, BYTES_NONE), FRAGMENT_COMPLETE);
	expect_chain(&f, BYTES_NONE);
	assert_int_equal(add(&f, ID, 3, 3, BYTES_NONE), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 1, 3, BYTES_NONE), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 3, 3, BYTES_NONE), FRAGMENT_DUPLICATE);
	assert_int_equal(add(&f, ID, 2, 3, BYTES_NONE), FRAGMENT_COMPLETE);
	expect_chain(&f, BYTES_NONE);
	struct payloads ps;
	assert_int_equal(payloads_decode(f.first, blob_view(&f.chain), &ps, NULL), DECODE_CHAIN);
	done(&f);
}

static void t49_numbers_that_cannot_be(void **state)
{
	static const struct {
		uint16_t number, total;
	} rows[] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 2, 1 }, { 4, 3 }, { 65535, 3 }, { 0, 3 } };
	struct queue f = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(add(&f, ID, rows[i].number, rows[i].total, TEXT("x")),
				 FRAGMENT_DROPPED);
		assert_null(f.q);
	}
	/* Nor do they disturb a queue that is under way. */
	assert_int_equal(add(&f, ID, 1, 2, TEXT("a")), FRAGMENT_QUEUED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].total != 3)
			assert_int_equal(add(&f, ID, rows[i].number, rows[i].total, TEXT("x")),
					 FRAGMENT_DROPPED);
	assert_int_equal(add(&f, ID, 2, 2, TEXT("b")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("ab"));
	done(&f);
}

static void t49_smaller_total_is_dropped(void **state)
{
	struct queue f = { 0 };

	(void)state;
	assert_int_equal(add(&f, ID, 1, 3, TEXT("a")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 1, 1, TEXT("x")), FRAGMENT_DROPPED);
	assert_int_equal(add(&f, ID, 2, 2, TEXT("x")), FRAGMENT_DROPPED);
	assert_int_equal(add(&f, ID, 2, 3, TEXT("b")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 3, 3, TEXT("c")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("abc"));
	done(&f);
}

static void test_larger_total_starts_over(void **state)
{
	struct queue f = { 0 };

	(void)state;
	/* RFC 7383 2.5.2: the peer tries again with smaller fragments. */
	assert_int_equal(add(&f, ID, 1, 2, TEXT("abc")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 3, 3, TEXT("c")), FRAGMENT_QUEUED);
	assert_false(fragments_has(f.q, ID, 1, 2));
	assert_false(fragments_has(f.q, ID, 1, 3));
	assert_int_equal(add(&f, ID, 2, 3, TEXT("b")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 1, 3, TEXT("a")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("abc"));
	done(&f);
}

static void test_another_message_starts_over(void **state)
{
	struct queue f = { 0 };

	(void)state;
	assert_int_equal(add(&f, ID, 1, 2, TEXT("old")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID + 1, 2, 2, TEXT("b")), FRAGMENT_QUEUED);
	assert_false(fragments_has(f.q, ID, 1, 2));
	assert_int_equal(add(&f, ID + 1, 1, 2, TEXT("a")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("ab"));
	done(&f);
}

static void test_duplicates(void **state)
{
	struct queue f = { 0 };

	(void)state;
	assert_int_equal(add(&f, ID, 2, 3, TEXT("b")), FRAGMENT_QUEUED);
	/* The first to come is kept, whatever the second holds. */
	assert_int_equal(add(&f, ID, 2, 3, TEXT("other")), FRAGMENT_DUPLICATE);
	assert_true(fragments_has(f.q, ID, 2, 3));
	assert_false(fragments_has(f.q, ID, 1, 3));
	assert_false(fragments_has(f.q, ID, 2, 4));
	assert_false(fragments_has(f.q, ID + 1, 2, 3));
	assert_false(fragments_has(f.q, ID, 0, 3));
	assert_false(fragments_has(f.q, ID, 4, 3));
	assert_false(fragments_has(NULL, ID, 2, 3));
	add(&f, ID, 1, 3, TEXT("a"));
	assert_int_equal(add(&f, ID, 3, 3, TEXT("c")), FRAGMENT_COMPLETE);
	expect_chain(&f, TEXT("abc"));
	done(&f);
}

static void t52_all_sent_again_after_the_last(void **state)
{
	struct queue f = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(add(&f, ID, 1, 2, TEXT("a")), FRAGMENT_QUEUED);
		assert_int_equal(add(&f, ID, 2, 2, TEXT("b")), FRAGMENT_COMPLETE);
		expect_chain(&f, TEXT("ab"));
	}
	done(&f);
}

static void t52_freed_in_the_middle(void **state)
{
	struct queue f = { 0 };

	(void)state;
	add(&f, ID, 2, 3, TEXT("b"));
	done(&f);
	done(&f);
	assert_int_equal(add(&f, ID, 1, 1, TEXT("a")), FRAGMENT_COMPLETE);
	done(&f);
}

static void t53_number_is_limited(void **state)
{
	struct queue f = { 0 };

	(void)state;
	assert_int_equal(add(&f, ID, 1, 65535, TEXT("a")), FRAGMENT_TOO_MANY);
	assert_int_equal(add(&f, ID, 1, FRAGMENTS_MAX + 1, TEXT("a")), FRAGMENT_TOO_MANY);
	assert_null(f.q);
	/* In reverse, up to the limit. */
	for (uint16_t n = FRAGMENTS_MAX; n > 1; n--)
		assert_int_equal(add(&f, ID, n, FRAGMENTS_MAX, TEXT("x")), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 1, FRAGMENTS_MAX, TEXT("x")), FRAGMENT_COMPLETE);
	assert_int_equal(f.chain.n, FRAGMENTS_MAX);
	done(&f);
}

static void t53_octets_are_limited(void **state)
{
	uint8_t *big = calloc(1, FRAGMENTS_BYTES_MAX + 1);
	struct queue f = { 0 };

	(void)state;
	assert_non_null(big);
	assert_int_equal(add(&f, ID, 1, 2, BYTES(big, FRAGMENTS_BYTES_MAX + 1)), FRAGMENT_TOO_MANY);
	assert_null(f.q);
	assert_int_equal(add(&f, ID, 1, 3, BYTES(big, FRAGMENTS_BYTES_MAX - 1)), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 2, 3, BYTES(big, 2)), FRAGMENT_TOO_MANY);
	assert_int_equal(add(&f, ID, 2, 3, BYTES(big, 1)), FRAGMENT_QUEUED);
	assert_int_equal(add(&f, ID, 3, 3, BYTES(big, 1)), FRAGMENT_TOO_MANY);
	assert_int_equal(add(&f, ID, 3, 3, BYTES_NONE), FRAGMENT_COMPLETE);
	assert_int_equal(f.chain.n, FRAGMENTS_BYTES_MAX);
	done(&f);
	free(big);
}

static struct seal_keys keys_of(const struct encr_alg *encr, const struct integ_alg *integ)
{
	return (struct seal_keys){ .encr = encr, .integ = encr->aead ? NULL : integ };
}

/* For a chain of n octets: the parts fill the limit as far as blocks allow, and none exceeds it. */
static void check_part_size(const struct seal_keys *k, size_t limit, size_t n)
{
	uint16_t total;
	const size_t part = fragment_part_size(k, limit, n, &total);

	if (part == 0) {
		assert_true(sealed_fragment_size(k, 1) > limit);
		assert_int_equal(total, 0);
		return;
	}
	assert_true(sealed_fragment_size(k, part) <= limit);
	assert_true(sealed_fragment_size(k, part + 1) > limit);
	assert_true((size_t)total * part >= n);
	assert_true(n == 0 ? total == 1 : (size_t)(total - 1) * part < n);
}

static void test_part_size(void **state)
{
	const struct integ_alg *integ = integ_by_id(AUTH_HMAC_SHA2_256_128);

	(void)state;
	for (size_t i = 0; encr_all()[i] != NULL; i++) {
		const struct seal_keys k = keys_of(encr_all()[i], integ);
		for (size_t limit = 0; limit < 1300; limit++) {
			check_part_size(&k, limit, 0);
			check_part_size(&k, limit, 1);
			check_part_size(&k, limit, 3000);
		}
	}
}

static void test_part_size_by_hand(void **state)
{
	const struct seal_keys cbc =
		keys_of(encr_by_id(ENCR_AES_CBC, 128), integ_by_id(AUTH_HMAC_SHA2_256_128));
	const struct seal_keys gcm = keys_of(encr_by_id(ENCR_AES_GCM_16, 128), NULL);
	uint16_t total;

	(void)state;
	/* RFC 7383 2.5.1: IPv4, 576 - 20 - 8 octets. CBC: 548 - 28 - 8 - 16 - 16 = 480, less one.
	 */
	assert_int_equal(fragment_part_size(&cbc, 548, 2000, &total), 479);
	assert_int_equal(total, 5);
	/* GCM: 548 - 28 - 8 - 8 - 16 = 488, less one. */
	assert_int_equal(fragment_part_size(&gcm, 548, 2000, &total), 487);
	assert_int_equal(total, 5);
	/* More fragments than the field can count. */
	assert_int_equal(fragment_part_size(&gcm, 62, 65535, &total), 1);
	assert_int_equal(total, 65535);
	assert_int_equal(fragment_part_size(&gcm, 62, 65536, &total), 0);
	/* Never more than a datagram that the peer would read. */
	assert_true(fragment_part_size(&gcm, SIZE_MAX, 100000, &total) < IKE_MESSAGE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_any_order),
		cmocka_unit_test(test_one_of_one),
		cmocka_unit_test(test_parts_are_copied),
		cmocka_unit_test(t47_empty_content),
		cmocka_unit_test(t49_numbers_that_cannot_be),
		cmocka_unit_test(t49_smaller_total_is_dropped),
		cmocka_unit_test(test_larger_total_starts_over),
		cmocka_unit_test(test_another_message_starts_over),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(t52_all_sent_again_after_the_last),
		cmocka_unit_test(t52_freed_in_the_middle),
		cmocka_unit_test(t53_number_is_limited),
		cmocka_unit_test(t53_octets_are_limited),
		cmocka_unit_test(test_part_size),
		cmocka_unit_test(test_part_size_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
