/* SPDX-License-Identifier: Apache-2.0 */
/* What ESP adds, held against a packet built octet by octet and against the kernel's own sum. */
#include "xfrm/overhead.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct encr_alg *gcm(uint16_t bits)
{
	return encr_by_id(ENCR_AES_GCM_16, bits);
}

static const struct encr_alg *cbc(uint16_t bits)
{
	return encr_by_id(ENCR_AES_CBC, bits);
}

static void assert_overhead(const struct encr_alg *encr, uint16_t integ, bool udp, size_t min,
			    size_t max)
{
	struct overhead o = overhead_of(encr, integ != 0 ? integ_by_id(integ) : NULL, udp);

	assert_int_equal(o.min, min);
	assert_int_equal(o.max, max);
}

static void test_known(void **state)
{
	(void)state;
	assert_overhead(gcm(128), 0, false, 34, 37);
	assert_overhead(gcm(256), 0, false, 34, 37);
	assert_overhead(gcm(128), 0, true, 42, 45);
	assert_overhead(cbc(128), AUTH_HMAC_SHA2_256_128, false, 42, 57);
	assert_overhead(cbc(256), AUTH_HMAC_SHA2_384_192, false, 50, 65);
	assert_overhead(cbc(256), AUTH_HMAC_SHA2_512_256, true, 66, 81);
}

/* RFC 4303 2.4: pad until pad length and next header end a block, as esp_output() does it. */
static size_t built(const struct encr_alg *encr, const struct integ_alg *integ, bool udp,
		    size_t header, size_t packet)
{
	size_t block = encr->block % 4 == 0 ? encr->block : 4, plain = packet - header;

	do
		plain++;
	while ((plain + 1) % block != 0);
	plain++;
	return header + (udp ? 8 : 0) + 8 + encr->iv_len + plain + encr->icv_len +
	       (integ != NULL ? integ->icv_len : 0);
}

/* Linux, net/xfrm/xfrm_state.c: ((mtu - header_len - authsize - net_adj) & ~(blksize - 1)) +
 * net_adj - 2 */
static size_t kernels(const struct encr_alg *encr, const struct integ_alg *integ, bool udp,
		      size_t net_adj, size_t mtu)
{
	size_t header_len = 8 + encr->iv_len + (udp ? 8 : 0);
	size_t authsize = encr->icv_len + (integ != NULL ? integ->icv_len : 0);
	size_t blksize = (encr->block + 3) & ~(size_t)3;

	return ((mtu - header_len - authsize - net_adj) & ~(blksize - 1)) + net_adj - 2;
}

static void all_sizes(const struct encr_alg *encr, const struct integ_alg *integ, bool udp,
		      uint8_t family)
{
	const struct overhead o = overhead_of(encr, integ, udp);
	const size_t header = family == 4 ? 20 : 40;

	for (size_t packet = header; packet < 9100; packet++) {
		size_t n = built(encr, integ, udp, header, packet);

		assert_int_equal(overhead_packet(&o, family, packet), n);
		assert_in_range(n - packet, o.min, o.max);
	}
	for (size_t mtu = 576; mtu < 9100; mtu++) {
		size_t most = overhead_largest(&o, family, mtu);

		assert_int_equal(most, kernels(encr, integ, udp, header, mtu));
		assert_true(overhead_packet(&o, family, most) <= mtu);
		assert_true(overhead_packet(&o, family, most + 1) > mtu);
	}
}

static void test_every_suite(void **state)
{
	(void)state;
	for (const struct encr_alg *const *e = encr_all(); *e != NULL; e++) {
		for (const struct integ_alg *const *i = integ_all(); *i != NULL; i++) {
			const struct integ_alg *integ = (*e)->aead ? NULL : *i;

			all_sizes(*e, integ, false, 4);
			all_sizes(*e, integ, true, 4);
			all_sizes(*e, integ, false, 6);
			all_sizes(*e, integ, true, 6);
		}
	}
}

static void test_no_room(void **state)
{
	const struct overhead o = overhead_of(gcm(128), NULL, false);

	(void)state;
	assert_int_equal(overhead_largest(&o, 4, 55), 0);
	assert_int_equal(overhead_largest(&o, 4, 56), 22);
	assert_int_equal(overhead_largest(&o, 4, 1500), 1466);
	assert_int_equal(overhead_largest(&o, 6, 1280), 1246);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
