/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden octets are what iproute2 6.1 sends for the command above each; the sequence number is
 * cut out, and flags and order of attributes are its.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_hex.h"
#include "lib/xfrm_spec.h"
#include "xfrm/attribute.h"
#include "xfrm/encode.h"

/* ip xfrm policy add src 10.0.0.1/32 dst 10.0.16.0/20 dir out priority 0x12033
 *      tmpl proto esp reqid 0x494b4d00 mode transport */
static const char policy_out_v4[] =
	"fc0000001300050000000000000000000a0010000000000000000000000000000a000001"
	"000000000000000000000000000000000000000002001420000000000000000000000000"
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000332001000000000001000000"
	"000000004400050000000000000000000000000000000000000000003200000002000000"
	"00000000000000000000000000000000004d4b4900000000ffffffffffffffffffffffff";

/* ip xfrm policy update src 10.0.16.0/20 dst 10.0.0.1/32 dir fwd priority 0x12033
 *      tmpl proto esp reqid 0x494b4d00 mode transport level use */
static const char policy_fwd_optional[] =
	"fc0000001900050000000000000000000a0000010000000000000000000000000a001000"
	"000000000000000000000000000000000000000002002014000000000000000000000000"
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000332001000000000002000000"
	"000000004400050000000000000000000000000000000000000000003200000002000000"
	"00000000000000000000000000000000004d4b4900000100ffffffffffffffffffffffff";

/* ip xfrm policy add src 2001:db8::1/128 dst 2001:db8:1::/48 proto udp dport 53
 *      dir out priority 0x11140 index 0x494b0009 */
static const char policy_bypass_v6_port[] =
	"b800000013000500000000000000000020010db800010000000000000000000020010db8"
	"0000000000000000000000010035ffff000000000a003080110000000000000000000000"
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000004011010009004b4901000000"
	"00000000";

/* ip xfrm policy get src 10.0.0.1/32 dst 10.0.16.0/20 dir out */
static const char policy_get[] =
	"500000001500010000000000000000000a0010000000000000000000000000000a000001"
	"000000000000000000000000000000000000000002001420000000000000000000000000"
	"0000000001000000";

/* ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0xc0ffee01 reqid 0x494b4d00
 *      mode transport replay-window 32 aead 'rfc4106(gcm(aes))'
 *      0x000102030405060708090a0b0c0d0e0f10111213 128 sel src 10.0.0.1/32 dst 10.0.0.2/32 */
static const char sa_gcm_v4[] =
	"500100001000050000000000000000000a0000020000000000000000000000000a000001"
	"000000000000000000000000000000000000000002002020000000000000000000000000"
	"0a000002000000000000000000000000c0ffee01320000000a0000010000000000000000"
	"00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000004d4b49020000200000000000000000600012007266633431303628"
	"67636d286165732929000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000a0000000800000000001020304050607"
	"08090a0b0c0d0e0f10111213";

/* ip xfrm state add src 2001:db8::1 dst 2001:db8::2 proto esp spi 0xc0ffee02 reqid 0x494b4d00
 *      mode transport replay-window 64 flag esn auth-trunc 'hmac(sha256)'
 *      0x101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f 128 enc 'cbc(aes)'
 *      0x000102030405060708090a0b0c0d0e0f encap espinudp 4500 4501 0.0.0.0
 *      sel src 2001:db8::1/128 dst 2001:db8::2/128 proto tcp sport 80 limit packet-soft 1
 *      limit byte-hard 1000 limit time-soft 60 limit time-hard 90 */
static const char sa_cbc_v6_encap_esn[] =
	"ec01000010000500000000000000000020010db800000000000000000000000220010db8"
	"000000000000000000000001000000000050ffff0a008080060000000000000000000000"
	"20010db8000000000000000000000002c0ffee023200000020010db80000000000000000"
	"00000001ffffffffffffffffe8030000000000000100000000000000ffffffffffffffff"
	"3c000000000000005a000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000004d4b490a00000080000000000000006c001400686d616328736861"
	"323536290000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000010000800000001011121314151617"
	"18191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f580002006362632861657329"
	"000000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000080000000000102030405060708090a0b"
	"0c0d0e0f1c0004000200119411950000000000000000000000000000000000001c001700"
	"020000000000000000000000000000000000000040000000";

static union {
	uint64_t align;
	uint8_t octets[ENCODE_ROOM];
} buf;

/* The message against golden octets; flags that the sender adds (acknowledge, create) aside. */
static void assert_golden(struct nlmsghdr *nlh, const char *golden)
{
	struct blob want = xfrm_hex(golden);

	assert_non_null(nlh);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	memcpy(&nlh->nlmsg_flags, want.p + 6, 2);
	assert_true(xfrm_same_octets(blob_view(&want), BYTES((uint8_t *)nlh, nlh->nlmsg_len)));
	blob_free(&want);
}

static const struct encr_alg gcm = { .id = ENCR_AES_GCM_16,
				     .key_bits = 128,
				     .key_len = 16,
				     .salt_len = 4,
				     .icv_len = 16,
				     .aead = true };
static const struct encr_alg cbc = { .id = ENCR_AES_CBC, .key_bits = 128, .key_len = 16 };
static const struct integ_alg sha256 = { .id = AUTH_HMAC_SHA2_256_128,
					 .key_len = 32,
					 .icv_len = 16 };

static struct sa_spec gcm_sa(bool inbound)
{
	struct sa_spec sa = { .inbound = inbound,
			      .src = xfrm_ip("10.0.0.1"),
			      .dst = xfrm_ip("10.0.0.2"),
			      .spi = 0xc0ffee01,
			      .encr = &gcm,
			      .key_len = 20,
			      .replay_window = 32 };

	for (size_t i = 0; i < sa.key_len; i++)
		sa.key[i] = (uint8_t)i;
	return sa;
}

static struct sa_spec cbc_sa(void)
{
	struct sa_spec sa = { .inbound = true,
			      .src = xfrm_ip("2001:db8::1"),
			      .dst = xfrm_ip("2001:db8::2"),
			      .spi = 0xc0ffee02,
			      .encr = &cbc,
			      .integ = &sha256,
			      .key_len = 48,
			      .esn = true,
			      .replay_window = 64,
			      .encap = true,
			      .encap_src_port = 4500,
			      .encap_dst_port = 4501,
			      .sel_protocol = 6,
			      .sel_src_port = 80,
			      .soft_packets = 2, /* the kernel calls it 1 */
			      .hard_bytes = 1000,
			      .soft_s = 60,
			      .hard_s = 90 };

	for (size_t i = 0; i < 16; i++)
		sa.key[i] = (uint8_t)i;
	for (size_t i = 16; i < sa.key_len; i++)
		sa.key[i] = (uint8_t)(0x10 + i % 16);
	return sa;
}

static const struct policy trap = { .dir = POLICY_OUT,
				    .kind = POLICY_PROTECT,
				    .priority = 0x12033 };

static void policies_as_others_write_them(void **state)
{
	struct policy p = trap;

	(void)state;
	p.src = xfrm_subnet("10.0.0.1/32");
	p.dst = xfrm_subnet("10.0.16.0/20");
	assert_golden(encode_policy_put(&buf, &p, false), policy_out_v4);
	assert_golden(encode_policy_get(&buf, &p), policy_get);

	p.dir = POLICY_FWD;
	p.src = xfrm_subnet("10.0.16.0/20");
	p.dst = xfrm_subnet("10.0.0.1/32");
	p.optional = true;
	assert_golden(encode_policy_put(&buf, &p, true), policy_fwd_optional);
}

static void a_bypass_with_port_and_index(void **state)
{
	struct policy p = { .dir = POLICY_OUT,
			    .kind = POLICY_BYPASS,
			    .src = xfrm_subnet("2001:db8::1/128"),
			    .dst = xfrm_subnet("2001:db8:1::/48"),
			    .protocol = 17,
			    .dst_port = 53,
			    .dst_port_mask = 0xffff,
			    .priority = 0x11140,
			    .index = 0x494b0009 };
	const struct xfrm_userpolicy_id *id;
	const struct xfrm_userpolicy_info *info;
	struct nlmsghdr *nlh;

	(void)state;
	assert_golden(encode_policy_put(&buf, &p, false), policy_bypass_v6_port);
	nlh = encode_policy_delete(&buf, &p);
	id = NLMSG_DATA(nlh);
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_DELPOLICY);
	assert_int_equal(nlh->nlmsg_len, NLMSG_LENGTH(sizeof(*id)));
	assert_int_equal(id->index, 0x494b0009);
	assert_int_equal(id->dir, 1);
	p.kind = POLICY_BLOCK;
	info = NLMSG_DATA(encode_policy_put(&buf, &p, false));
	assert_int_equal(info->action, XFRM_POLICY_BLOCK);
}

static void sas_as_others_write_them(void **state)
{
	struct sa_spec in = gcm_sa(true), full = cbc_sa();

	(void)state;
	assert_golden(encode_sa_add(&buf, &in, false), sa_gcm_v4);
	assert_golden(encode_sa_add(&buf, &full, false), sa_cbc_v6_encap_esn);
}

static const struct xfrm_usersa_info *info_of(const struct nlmsghdr *nlh)
{
	assert_non_null(nlh);
	return NLMSG_DATA(nlh);
}

static bool get(const struct nlmsghdr *nlh, uint16_t type, void *to, size_t size)
{
	return attribute_get(nlh, sizeof(struct xfrm_usersa_info), type, to, size);
}

static void direction_when_the_kernel_knows_it(void **state)
{
	struct sa_spec in = gcm_sa(true), out = gcm_sa(false);
	uint8_t dir = 0;

	(void)state;
	assert_true(get(encode_sa_add(&buf, &in, true), XFRM_ATTR_SA_DIR, &dir, 1));
	assert_int_equal(dir, SA_DIR_IN);
	assert_true(get(encode_sa_add(&buf, &out, true), XFRM_ATTR_SA_DIR, &dir, 1));
	assert_int_equal(dir, SA_DIR_OUT);
	assert_false(get(encode_sa_add(&buf, &out, false), XFRM_ATTR_SA_DIR, &dir, 1));
}

/* No iproute2 of Debian 12 writes this one: the last two attributes, octet by octet. */
static void nat_keepalives_when_they_are_wanted(void **state)
{
	static const uint8_t end[] = { 5, 0, 33, 0, 2, 0, 0, 0, 8, 0, 34, 0, 20, 0, 0, 0 };
	struct sa_spec out = gcm_sa(false);
	struct nlmsghdr *nlh;
	uint32_t seconds;
	uint8_t octet;

	(void)state;
	out.encap = true;
	out.encap_src_port = out.encap_dst_port = 4500;
	assert_false(get(encode_sa_add(&buf, &out, true), XFRM_ATTR_NAT_KEEPALIVE, &seconds, 4));
	out.keepalive_s = 20;
	nlh = encode_sa_add(&buf, &out, true);
	assert_memory_equal((uint8_t *)nlh + nlh->nlmsg_len - sizeof(end), end, sizeof(end));
	nlh = encode_sa_update(&buf, &out, true);
	assert_memory_equal((uint8_t *)nlh + nlh->nlmsg_len - sizeof(end), end, sizeof(end));

	nlh = encode_keepalive_probe(&buf);
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_GETSA);
	assert_true(attribute_get(nlh, sizeof(struct xfrm_usersa_id), XFRM_ATTR_NAT_KEEPALIVE,
				  &octet, 1));
	assert_int_equal(nlh->nlmsg_len,
			 NLMSG_LENGTH(sizeof(struct xfrm_usersa_id)) + NLA_HDRLEN + 4);
}

/* A row per kind of SA: where its window stands and how large it is. */
static void replay_windows(void **state)
{
	static const struct {
		bool inbound, esn, knows_dir;
		uint32_t window;
		int legacy;		/* in the fixed part */
		int attr_window, words; /* -1: no attribute */
	} rows[] = {
		{ true, false, true, 32, 32, -1, -1 },
		{ true, false, true, 33, 0, 33, 2 },
		{ true, false, true, 4096, 0, 4096, 128 },
		{ true, false, true, 9999, 0, 4096, 128 },
		{ true, false, true, 0, 0, -1, -1 },
		{ true, true, true, 32, 0, 32, 1 },
		{ true, true, true, 0, 0, 1, 1 },
		{ true, true, false, 64, 0, 64, 2 },
		{ false, false, true, 32, 0, -1, -1 },
		{ false, false, false, 4096, 0, -1, -1 },
		{ false, true, true, 32, 0, 0, 0 },
		{ false, true, false, 32, 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_spec sa = gcm_sa(rows[i].inbound);
		struct xfrm_replay_state_esn r;
		struct nlmsghdr *nlh;
		bool has;

		sa.esn = rows[i].esn;
		sa.replay_window = rows[i].window;
		nlh = encode_sa_add(&buf, &sa, rows[i].knows_dir);
		assert_int_equal(info_of(nlh)->replay_window, rows[i].legacy);
		assert_int_equal(info_of(nlh)->flags, rows[i].esn ? XFRM_STATE_ESN : 0);
		has = get(nlh, XFRMA_REPLAY_ESN_VAL, &r, sizeof(r));
		assert_int_equal(has, rows[i].words >= 0);
		if (has) {
			assert_int_equal(r.replay_window, rows[i].attr_window);
			assert_int_equal(r.bmp_len, rows[i].words);
		}
		assert_true(nlh->nlmsg_len <= ENCODE_ROOM);
	}
}

/* The kernel compares before it counts. */
static void limits(void **state)
{
	struct sa_spec sa = gcm_sa(true);
	const struct xfrm_lifetime_cfg *lft = &info_of(encode_sa_add(&buf, &sa, true))->lft;

	(void)state;
	assert_true(lft->soft_packet_limit == XFRM_INF && lft->hard_packet_limit == XFRM_INF);
	assert_true(lft->soft_byte_limit == XFRM_INF && lft->hard_byte_limit == XFRM_INF);
	sa.soft_packets = 1; /* the first one */
	sa.hard_packets = 1;
	encode_sa_add(&buf, &sa, true);
	assert_true(lft->soft_packet_limit == 0 && lft->hard_packet_limit == 1);
}

static void every_suite_has_its_name_and_lengths(void **state)
{
	static const struct {
		uint16_t encr, bits, integ;
		const char *name, *auth;
	} rows[] = {
		{ ENCR_AES_GCM_16, 128, 0, "rfc4106(gcm(aes))", NULL },
		{ ENCR_AES_GCM_16, 256, 0, "rfc4106(gcm(aes))", NULL },
		{ ENCR_AES_CBC, 128, AUTH_HMAC_SHA2_256_128, "cbc(aes)", "hmac(sha256)" },
		{ ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_384_192, "cbc(aes)", "hmac(sha384)" },
		{ ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_512_256, "cbc(aes)", "hmac(sha512)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_spec sa = gcm_sa(true);
		struct xfrm_algo_aead aead;
		struct xfrm_algo_auth auth;
		struct nlmsghdr *nlh;

		sa.encr = encr_by_id(rows[i].encr, rows[i].bits);
		sa.integ = rows[i].integ ? integ_by_id(rows[i].integ) : NULL;
		assert_non_null(sa.encr);
		sa.key_len =
			sa.encr->key_len + sa.encr->salt_len + (sa.integ ? sa.integ->key_len : 0);
		nlh = encode_sa_add(&buf, &sa, true);
		assert_non_null(nlh);
		if (!rows[i].auth) {
			assert_true(get(nlh, XFRMA_ALG_AEAD, &aead, sizeof(aead)));
			assert_string_equal(aead.alg_name, rows[i].name);
			assert_int_equal(aead.alg_key_len, rows[i].bits + 32);
			assert_int_equal(aead.alg_icv_len, 128);
			continue;
		}
		assert_true(get(nlh, XFRMA_ALG_AUTH_TRUNC, &auth, sizeof(auth)));
		assert_string_equal(auth.alg_name, rows[i].auth);
		assert_int_equal(auth.alg_trunc_len, sa.integ->icv_len * 8);
		assert_int_equal(auth.alg_key_len, sa.integ->key_len * 8);
	}
}

static void what_cannot_be_said_is_not(void **state)
{
	struct encr_alg odd = gcm;
	struct sa_spec sa = gcm_sa(true);

	(void)state;
	sa.key_len = 19;
	assert_null(encode_sa_add(&buf, &sa, true));
	sa.key_len = 20;
	sa.integ = &sha256; /* beside an AEAD */
	assert_null(encode_sa_add(&buf, &sa, true));
	sa.integ = NULL;
	odd.id = 999;
	sa.encr = &odd;
	assert_null(encode_sa_add(&buf, &sa, true));
	sa.encr = &cbc; /* without integrity */
	sa.key_len = 16;
	assert_null(encode_sa_add(&buf, &sa, true));
	sa.encr = NULL;
	assert_null(encode_sa_add(&buf, &sa, true));
}

static void naming_an_sa(void **state)
{
	struct sa_ref ref = { xfrm_ip("10.0.0.1"), xfrm_ip("10.0.0.2"), 0xc0ffee01 };
	struct nlmsghdr *nlh = encode_sa_delete(&buf, &ref);
	const struct xfrm_usersa_id *id = NLMSG_DATA(nlh);
	uint8_t proto = 0;

	(void)state;
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_DELSA);
	assert_int_equal(id->spi, htonl(0xc0ffee01));
	assert_int_equal(id->proto, 50);
	assert_memory_equal(&id->daddr, ref.dst.b, 4);
	nlh = encode_sa_get(&buf, &ref);
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_GETSA);
	assert_false(nlh->nlmsg_flags & NLM_F_DUMP);
	nlh = encode_sa_dump(&buf);
	assert_int_equal(nlh->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
	/* read from there by the kernel, unlike in other requests */
	assert_true(attribute_get(nlh, 0, XFRMA_PROTO, &proto, 1));
	assert_int_equal(proto, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_as_others_write_them),
		cmocka_unit_test(a_bypass_with_port_and_index),
		cmocka_unit_test(sas_as_others_write_them),
		cmocka_unit_test(nat_keepalives_when_they_are_wanted),
		cmocka_unit_test(direction_when_the_kernel_knows_it),
		cmocka_unit_test(replay_windows),
		cmocka_unit_test(limits),
		cmocka_unit_test(every_suite_has_its_name_and_lengths),
		cmocka_unit_test(what_cannot_be_said_is_not),
		cmocka_unit_test(naming_an_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
