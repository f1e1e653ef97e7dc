/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/cursor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t counting[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void test_numbers_are_in_network_order(void **state)
{
	struct reader r = reader_of(BYTES(counting, 15));

	(void)state;
	assert_int_equal(read_u8(&r), 0x01);
	assert_int_equal(read_u16(&r), 0x0203);
	assert_int_equal(read_u32(&r), 0x04050607);
	assert_false(reader_done(&r));
	assert_true(read_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_true(reader_done(&r));
}

static void test_after_an_overrun_all_is_zero(void **state)
{
	struct reader r = reader_of(BYTES(counting, 3));

	(void)state;
	assert_int_equal(read_u32(&r), 0);
	/* Three octets were left, but the error sticks. */
	assert_int_equal(read_u8(&r), 0);
	assert_int_equal(read_u16(&r), 0);
	assert_true(read_u64(&r) == 0);
	assert_int_equal(read_bytes(&r, 1).n, 0);
	assert_int_equal(read_rest(&r).n, 0);
	assert_int_equal(r.left, 0);
	assert_false(reader_done(&r));
}

static void test_views_are_of_the_input(void **state)
{
	struct reader r = reader_of(BYTES(counting, 5));
	struct bytes b = read_bytes(&r, 2);

	(void)state;
	assert_ptr_equal(b.p, counting);
	assert_int_equal(b.n, 2);
	b = read_rest(&r);
	assert_ptr_equal(b.p, counting + 2);
	assert_int_equal(b.n, 3);
	assert_true(reader_done(&r));
	assert_int_equal(read_rest(&r).n, 0);
	assert_true(reader_done(&r));
}

static void test_a_huge_length_does_not_wrap(void **state)
{
	struct reader r = reader_of(BYTES(counting, 5));

	(void)state;
	read_u8(&r);
	assert_int_equal(read_bytes(&r, SIZE_MAX).n, 0);
	assert_false(reader_done(&r));
}

static void test_a_box_cannot_be_left(void **state)
{
	struct reader r = reader_of(BYTES(counting, 6));
	struct reader box = read_box(&r, 3);

	(void)state;
	assert_int_equal(read_u16(&box), 0x0102);
	assert_int_equal(read_u16(&box), 0);
	assert_false(reader_done(&box));
	/* What went wrong in the box stays in the box. */
	assert_int_equal(read_u16(&r), 0x0405);
	assert_int_equal(read_u8(&r), 6);
	assert_true(reader_done(&r));
}

static void test_a_box_too_large_fails_both(void **state)
{
	struct reader r = reader_of(BYTES(counting, 6));
	struct reader box = read_box(&r, 7);

	(void)state;
	assert_int_equal(read_u8(&box), 0);
	assert_false(reader_done(&box));
	assert_false(reader_done(&r));
	assert_int_equal(read_u8(&r), 0);
}

static void test_nothing_to_read(void **state)
{
	struct reader r = reader_of(BYTES_NONE);

	(void)state;
	assert_true(reader_done(&r));
	assert_int_equal(read_rest(&r).n, 0);
	assert_true(reader_done(&r));
	assert_int_equal(read_u8(&r), 0);
	assert_false(reader_done(&r));
}

static void test_what_is_written(void **state)
{
	uint8_t out[20];
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	write_u8(&w, 0x01);
	write_u16(&w, 0x0203);
	write_u32(&w, 0x04050607);
	write_u64(&w, 0x08090a0b0c0d0e0f);
	write_bytes(&w, BYTES(counting + 15, 1));
	write_bytes(&w, BYTES_NONE);
	assert_int_equal(writer_view(&w).n, 16);
	assert_memory_equal(writer_view(&w).p, counting, 16);
}

static void test_a_full_writer_stays_so(void **state)
{
	uint8_t out[4] = { 0 };
	struct writer w = writer_of(out, 3);

	(void)state;
	write_u16(&w, 0x0102);
	write_u16(&w, 0x0304);
	/* One octet of room is left, but the error sticks. */
	write_u8(&w, 5);
	write_bytes(&w, BYTES(counting, 1));
	assert_null(write_space(&w, 1));
	assert_int_equal(out[2], 0);
	assert_int_equal(w.n, 2);
	assert_int_equal(writer_view(&w).n, 0);
	assert_null(writer_view(&w).p);
}

static void test_room_is_used_to_the_last_octet(void **state)
{
	uint8_t out[16];

	(void)state;
	for (size_t room = 0; room <= sizeof(out); room++) {
		struct writer w = writer_of(out, room);
		write_bytes(&w, BYTES(counting, room));
		assert_int_equal(writer_view(&w).n, room);
		write_u8(&w, 0);
		assert_int_equal(writer_view(&w).n, 0);
	}
	struct writer w = writer_of(out, sizeof(out));
	write_u8(&w, 0);
	assert_null(write_space(&w, SIZE_MAX));
}

static void test_holes_are_patched(void **state)
{
	static const uint8_t expected[] = { 0x00, 0x07, 0xaa, 0x01, 0x02, 0x03, 0x04 };
	uint8_t out[16];
	struct writer w = writer_of(out, sizeof(out));
	const size_t at16 = write_hole16(&w);

	(void)state;
	write_u8(&w, 0xff);
	const size_t at32 = write_hole32(&w);
	patch_u16(&w, at16, (uint16_t)w.n);
	patch_u8(&w, 2, 0xaa);
	patch_u32(&w, at32, 0x01020304);
	assert_int_equal(writer_view(&w).n, sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
}

static void test_a_patch_stays_within_what_was_written(void **state)
{
	static const size_t outside[] = { 1, 2, 3, SIZE_MAX, SIZE_MAX - 1 };
	uint8_t out[16] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct writer w = writer_of(out, sizeof(out));
		write_u16(&w, 0);
		patch_u16(&w, outside[i], 0xffff);
		assert_true(w.failed);
		for (size_t at = 0; at < sizeof(out); at++)
			assert_int_equal(out[at], 0);
	}
}

static void test_no_patch_after_a_failure(void **state)
{
	uint8_t out[2] = { 0 };
	struct writer w = writer_of(out, 2);
	const size_t at = write_hole16(&w);

	(void)state;
	write_u8(&w, 1);
	patch_u16(&w, at, 0xffff);
	assert_int_equal(out[0], 0);
	assert_int_equal(writer_view(&w).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_in_network_order),
		cmocka_unit_test(test_after_an_overrun_all_is_zero),
		cmocka_unit_test(test_views_are_of_the_input),
		cmocka_unit_test(test_a_huge_length_does_not_wrap),
		cmocka_unit_test(test_a_box_cannot_be_left),
		cmocka_unit_test(test_a_box_too_large_fails_both),
		cmocka_unit_test(test_nothing_to_read),
		cmocka_unit_test(test_what_is_written),
		cmocka_unit_test(test_a_full_writer_stays_so),
		cmocka_unit_test(test_room_is_used_to_the_last_octet),
		cmocka_unit_test(test_holes_are_patched),
		cmocka_unit_test(test_a_patch_stays_within_what_was_written),
		cmocka_unit_test(test_no_patch_after_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
