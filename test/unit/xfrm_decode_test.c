/* SPDX-License-Identifier: Apache-2.0 */
/* What a Linux 6.1 said, taken apart; each prefix of it, and each bit turned over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include "ike/ip.h"
#include "lib/flip.h"
#include "lib/xfrm_hex.h"
#include "lib/xfrm_recorded.h"
#include "lib/xfrm_spec.h"
#include "xfrm/decode.h"
#include "xfrm/encode.h"

static void assert_ip(const struct ip *ip, const char *text)
{
	char have[IP_TEXT_LEN];

	assert_string_equal(ip_text(ip, have), text);
}

static void assert_net(const struct subnet *net, const char *text)
{
	char have[SUBNET_TEXT_LEN];

	assert_string_equal(subnet_text(net, have), text);
}

/* The message behind golden octets; the caller frees it. */
static struct nlmsghdr *message(const char *golden)
{
	return (struct nlmsghdr *)xfrm_hex(golden).p;
}

static void a_policy_of_a_dump(void **state)
{
	struct nlmsghdr *nlh = message(policy_out_v4);
	struct policy_held held;

	(void)state;
	assert_true(decode_policy(nlh, &held));
	assert_int_equal(held.policy.dir, POLICY_OUT);
	assert_int_equal(held.policy.kind, POLICY_PROTECT);
	assert_false(held.policy.optional);
	assert_net(&held.policy.src, "10.0.0.1/32");
	assert_net(&held.policy.dst, "10.0.0.0/20");
	assert_int_equal(held.policy.priority, 0x12033);
	assert_int_equal(held.policy.index, 1);
	assert_int_equal(held.tmpl_reqid, IKEMESH_REQID);
	assert_true(held.ours);
	assert_false(held.apart);
	assert_false(held.odd);
	free(nlh);

	nlh = message(policy_optional_v6);
	assert_true(decode_policy(nlh, &held));
	assert_true(held.policy.optional);
	assert_net(&held.policy.dst, "2001:db8::/64");
	assert_false(held.odd);
	free(nlh);
}

/* What encode.c writes, decode.c reads: the same policy comes out. */
static void policies_there_and_back(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20", "2001:db8::/32?", "10.1.0.0/16 udp/53"),
				     ENTRIES("10.0.0.9/32", "10.0.0.8/32 tcp/22"));
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);

	(void)state;
	for (size_t i = 0; i < set.n; i++) {
		uint64_t buf[ENCODE_ROOM / 8];
		struct policy_held held;
		const struct policy *p = &set.p[i], *q = &held.policy;

		assert_true(decode_policy(encode_policy_put(buf, p, false), &held));
		assert_true(policy_same_selector(p, q));
		assert_int_equal(p->kind, q->kind);
		assert_int_equal(p->optional, q->optional);
		assert_int_equal(p->priority, q->priority);
		assert_int_equal(p->index, q->index);
		assert_true(held.ours);
		assert_false(held.apart);
		assert_false(held.odd);
	}
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void what_makes_a_policy_odd_or_apart(void **state)
{
	struct policy p = { .dir = POLICY_OUT,
			    .kind = POLICY_PROTECT,
			    .src = xfrm_subnet("10.0.0.1/32"),
			    .dst = xfrm_subnet("10.0.0.0/20") };
	const struct xfrm_mark mark = { 1, 1 };
	uint64_t buf[ENCODE_ROOM / 8];
	struct xfrm_userpolicy_info *info;
	struct xfrm_user_tmpl *tmpl;
	struct policy_held held;
	struct nlmsghdr *nlh;

	(void)state;
	nlh = encode_policy_put(buf, &p, false);
	mnl_attr_put(nlh, XFRMA_MARK, sizeof(mark), &mark);
	assert_true(decode_policy(nlh, &held));
	assert_true(held.apart);
	assert_false(held.ours);

	nlh = encode_policy_put(buf, &p, false);
	mnl_attr_put_u32(nlh, XFRMA_IF_ID, 7);
	assert_true(decode_policy(nlh, &held) && held.apart);

	nlh = encode_policy_put(buf, &p, false);
	tmpl = (struct xfrm_user_tmpl *)((uint8_t *)nlh + NLMSG_HDRLEN + sizeof(*info) +
					 NLA_HDRLEN);
	tmpl->mode = XFRM_MODE_TUNNEL;
	assert_true(decode_policy(nlh, &held) && held.odd && held.ours && held.tunnel);
	tmpl->mode = XFRM_MODE_TRANSPORT;
	tmpl->id.spi = 1;
	assert_true(decode_policy(nlh, &held) && held.odd && !held.tunnel);
	tmpl->id.spi = 0;
	tmpl->reqid = 7;
	assert_true(decode_policy(nlh, &held) && !held.odd && !held.ours);

	nlh = encode_policy_put(buf, &p, false);
	info = NLMSG_DATA(nlh);
	info->dir = 3; /* of a socket */
	assert_false(decode_policy(nlh, &held));
	info->dir = 1;
	info->sel.family = 99;
	assert_false(decode_policy(nlh, &held));
	info->sel.family = 2;
	info->sel.prefixlen_d = 33;
	assert_false(decode_policy(nlh, &held));
	info->sel.prefixlen_d = 32;
	info->flags = XFRM_POLICY_ICMP;
	assert_true(decode_policy(nlh, &held) && held.odd);
}

static void an_sa_of_a_dump(void **state)
{
	struct nlmsghdr *nlh = message(sa_encap);
	struct sa_held held;

	(void)state;
	assert_true(decode_sa(nlh, &held));
	assert_ip(&held.ref.src, "10.0.0.1");
	assert_ip(&held.ref.dst, "10.0.0.2");
	assert_int_equal(held.ref.spi, 0xc0ffee01);
	assert_int_equal(held.reqid, IKEMESH_REQID);
	assert_false(held.larval);
	assert_int_equal(held.counters.packets, 2);
	assert_int_equal(held.counters.bytes, 128);
	assert_in_range(held.counters.added, 1700000000, 2700000000);
	assert_in_range(held.counters.last_used, held.counters.added, 2700000000);
	free(nlh);
}

static void a_larval_state(void **state)
{
	struct nlmsghdr *nlh = message(sa_larval);
	struct sa_held held;

	(void)state;
	assert_true(decode_sa(nlh, &held));
	assert_true(held.larval);
	assert_int_equal(held.ref.spi, 0);
	assert_ip(&held.ref.dst, "2001:db8::2");
	assert_int_equal(held.counters.last_used, 0);
	free(nlh);
}

static void the_last_use_where_the_kernel_tells_it(void **state)
{
	struct nlmsghdr *nlh = message(sa_encap), *more = calloc(1, 1024);
	uint64_t when = 1999999999;
	struct sa_held held;

	(void)state;
	assert_non_null(more);
	memcpy(more, nlh, nlh->nlmsg_len);
	mnl_attr_put(more, XFRMA_LASTUSED, sizeof(when), &when);
	assert_true(decode_sa(more, &held));
	assert_int_equal(held.counters.last_used, when);
	free(more);
	free(nlh);
}

/* From the limit on, the expiry was told, whether it was heard or not. */
static void a_soft_limit_that_was_reached(void **state)
{
	struct nlmsghdr *nlh = message(sa_encap);
	struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(nlh);
	struct sa_held held;

	(void)state;
	info->lft.soft_packet_limit = info->lft.soft_byte_limit = XFRM_INF;
	assert_true(decode_sa(nlh, &held) && !held.soft_reached);
	info->lft.soft_packet_limit = 3;
	assert_true(decode_sa(nlh, &held) && !held.soft_reached);
	info->lft.soft_packet_limit = 2;
	assert_true(decode_sa(nlh, &held) && held.soft_reached);
	info->lft.soft_packet_limit = XFRM_INF;
	info->lft.soft_byte_limit = 128;
	assert_true(decode_sa(nlh, &held) && held.soft_reached);
	free(nlh);
}

static void an_acquire(void **state)
{
	struct nlmsghdr *nlh = message(acquire_v4);
	struct kernel_event e;

	(void)state;
	assert_true(decode_event(nlh, &e));
	assert_int_equal(e.kind, KERNEL_ACQUIRE);
	assert_int_equal(e.reqid, IKEMESH_REQID);
	assert_ip(&e.src, "10.0.0.1");
	assert_ip(&e.dst, "10.0.0.2");
	/* ping asked for its route with a UDP socket: the first packet is none of its own */
	assert_int_equal(e.protocol, IPPROTO_UDP);
	assert_int_equal(e.dst_port, 1025);
	assert_int_equal(e.policy_index, 1);
	assert_int_equal(e.seq, 1);
	free(nlh);

	nlh = message(acquire_v6);
	assert_true(decode_event(nlh, &e));
	assert_ip(&e.src, "2001:db8::1");
	assert_ip(&e.dst, "2001:db8::2");
	assert_int_equal(e.seq, 2);
	free(nlh);
}

static void an_expire(void **state)
{
	struct nlmsghdr *nlh = message(expire_soft);
	struct xfrm_user_expire *x = NLMSG_DATA(nlh);
	struct kernel_event e;

	(void)state;
	assert_true(decode_event(nlh, &e));
	assert_int_equal(e.kind, KERNEL_EXPIRE);
	assert_int_equal(e.reqid, IKEMESH_REQID);
	assert_int_equal(e.spi, 0xc0ffee01);
	assert_ip(&e.src, "10.0.0.1");
	assert_ip(&e.dst, "10.0.0.2");
	assert_false(e.hard);
	x->hard = 1;
	assert_true(decode_event(nlh, &e) && e.hard);
	x->state.id.spi = 0; /* a larval one: nobody knows it */
	assert_false(decode_event(nlh, &e));
	free(nlh);
}

static void a_mapping(void **state)
{
	struct nlmsghdr *nlh = message(mapping);
	struct kernel_event e;

	(void)state;
	assert_true(decode_event(nlh, &e));
	assert_int_equal(e.kind, KERNEL_MAPPING);
	assert_int_equal(e.reqid, IKEMESH_REQID);
	assert_int_equal(e.spi, 0xc0ffee01);
	assert_ip(&e.dst, "10.0.0.2");
	assert_ip(&e.src, "10.0.0.1");
	assert_ip(&e.new_src, "10.0.0.1");
	assert_int_equal(e.new_src_port, 4600);
	free(nlh);
}

static void other_protocols_are_not_ours(void **state)
{
	struct nlmsghdr *sa = message(sa_encap), *acquire = message(acquire_v4);
	struct kernel_event e;
	struct sa_held held;

	(void)state;
	((struct xfrm_usersa_info *)NLMSG_DATA(sa))->id.proto = 51; /* AH */
	assert_false(decode_sa(sa, &held));
	((struct xfrm_user_acquire *)NLMSG_DATA(acquire))->id.proto = 51;
	assert_false(decode_event(acquire, &e));
	acquire->nlmsg_type = XFRM_MSG_POLEXPIRE;
	assert_false(decode_event(acquire, &e));
	free(sa);
	free(acquire);
}

/* An error message with extended text, capped or with the request repeated. */
static size_t error_message(uint8_t *out, bool capped, int error, const char *text)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0);
	e->error = error;
	e->msg.nlmsg_len = NLMSG_HDRLEN + 40;
	if (!capped)
		mnl_nlmsg_put_extra_header(nlh, 40);
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, text);
	return nlh->nlmsg_len;
}

static void the_kernels_own_words(void **state)
{
	uint64_t buf[64];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	char text[32];

	(void)state;
	for (int capped = 0; capped < 2; capped++) {
		error_message((uint8_t *)buf, capped, -EINVAL, "No such\nthing");
		assert_int_equal(decode_error(nlh, text, sizeof(text)), -EINVAL);
		assert_string_equal(text, "No such?thing");
	}
	assert_int_equal(decode_error(nlh, text, 4), -EINVAL);
	assert_string_equal(text, "No ");
	nlh->nlmsg_flags = 0;
	assert_int_equal(decode_error(nlh, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "");
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;
	assert_int_equal(decode_error(nlh, text, sizeof(text)), -EPROTO);
}

/* As kernel.c does: the header is judged first, then all decoders may see it. */
static void decode_anything(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)p;
	struct policy_held policy;
	struct kernel_event event;
	struct sa_held sa;
	char text[16];

	(void)arg;
	(void)what;
	if (n < NLMSG_HDRLEN)
		return;
	if (nlh->nlmsg_len > n) /* cut short: say so, or the judge would stop it */
		nlh->nlmsg_len = (uint32_t)n;
	if (!mnl_nlmsg_ok(nlh, (int)n))
		return;
	if (decode_policy(nlh, &policy)) {
		assert_true(policy.policy.src.prefix <= ip_bits(&policy.policy.src.ip));
		assert_true(policy.policy.dst.prefix <= ip_bits(&policy.policy.dst.ip));
	}
	if (decode_sa(nlh, &sa))
		assert_true(ip_len(&sa.ref.src) && ip_len(&sa.ref.dst));
	if (decode_event(nlh, &event) && event.kind < KERNEL_POLICY_REMOVED)
		assert_true(ip_len(&event.src) && ip_len(&event.dst));
	decode_error(nlh, text, sizeof(text));
}

static void truncated_and_flipped(void **state)
{
	uint64_t buf[64];
	size_t tried = 0, n;

	(void)state;
	for (size_t i = 0; i < N_RECORDED; i++) {
		struct blob b = xfrm_hex(recorded[i]);

		tried += flip_all(blob_view(&b), decode_anything, NULL);
		blob_free(&b);
	}
	for (int capped = 0; capped < 2; capped++) {
		n = error_message((uint8_t *)buf, capped, -1, "Why");
		tried += flip_all(BYTES((uint8_t *)buf, n), decode_anything, NULL);
	}
	assert_true(tried > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_of_a_dump),
		cmocka_unit_test(policies_there_and_back),
		cmocka_unit_test(what_makes_a_policy_odd_or_apart),
		cmocka_unit_test(an_sa_of_a_dump),
		cmocka_unit_test(a_larval_state),
		cmocka_unit_test(the_last_use_where_the_kernel_tells_it),
		cmocka_unit_test(a_soft_limit_that_was_reached),
		cmocka_unit_test(an_acquire),
		cmocka_unit_test(an_expire),
		cmocka_unit_test(a_mapping),
		cmocka_unit_test(other_protocols_are_not_ours),
		cmocka_unit_test(the_kernels_own_words),
		cmocka_unit_test(truncated_and_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
