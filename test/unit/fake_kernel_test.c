/* SPDX-License-Identifier: Apache-2.0 */
/* The fake kernel does what Linux was seen to do, else the simulator proves nothing. */
#include "sim/fake_kernel.h"

#include "sim/fleet.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

struct bench {
	struct fake_kernel k;
	struct spec spec;
	struct mono now;
	struct ip us;
	uint64_t next_id;
	size_t esp, clear, delivered, delivered_clear, acquires, soft, hard;
	size_t lost[LOSS_KINDS];
	struct esp_packet last_esp;
	uint64_t order[256]; /* ids that left as ESP */
};

static void on_esp(void *arg, const struct esp_packet *p)
{
	struct bench *b = arg;

	b->order[b->esp++ % 256] = p->inner.id;
	b->last_esp = *p;
}

static void on_clear(void *arg, const struct app_packet *p)
{
	(void)p;
	((struct bench *)arg)->clear++;
}

static void on_deliver(void *arg, const struct app_packet *p, bool was_protected)
{
	struct bench *b = arg;

	(void)p;
	b->delivered += was_protected;
	b->delivered_clear += !was_protected;
}

static void on_lost(void *arg, const struct app_packet *p, enum loss why)
{
	(void)p;
	((struct bench *)arg)->lost[why]++;
}

static void on_acquire(void *arg, const struct app_packet *p)
{
	(void)p;
	((struct bench *)arg)->acquires++;
}

static void on_expire(void *arg, const struct sa_ref *ref, bool hard)
{
	struct bench *b = arg;

	(void)ref;
	b->hard += hard;
	b->soft += !hard;
}

static void bench_start(struct bench *b, bool optional)
{
	const struct fake_kernel_hooks hooks = {
		.send_esp = on_esp,
		.send_clear = on_clear,
		.deliver = on_deliver,
		.lost = on_lost,
		.acquire = on_acquire,
		.expire = on_expire,
		.arg = b,
	};
	const struct fleet_options o = { .optional = optional };

	memset(b, 0, sizeof *b);
	fleet_spec(&b->spec, 1, &o);
	b->us = fleet_address(1, false);
	b->now.us = SECOND;
	fake_kernel_init(&b->k, &hooks);
	fake_kernel_policies(&b->k, &b->spec);
}

static void bench_end(struct bench *b)
{
	fake_kernel_wipe(&b->k);
	spec_free(&b->spec);
}

static void send_to(struct bench *b, unsigned host)
{
	const struct app_packet p = {
		.id = b->next_id++,
		.src = b->us,
		.dst = fleet_address(host, false),
		.protocol = 1,
		.n = 84,
	};

	fake_kernel_output(&b->k, b->now, &p);
}

static struct sa_spec sa(const struct bench *b, unsigned host, bool inbound, uint32_t spi)
{
	struct sa_spec s = {
		.inbound = inbound,
		.src = inbound ? fleet_address(host, false) : b->us,
		.dst = inbound ? b->us : fleet_address(host, false),
		.spi = spi,
		.encr = encr_by_id(ENCR_AES_GCM_16, 128),
		.key_len = 20,
		.replay_window = 64,
	};

	memset(s.key, (int)spi & 0xff, s.key_len);
	return s;
}

static void add(struct bench *b, const struct sa_spec *s)
{
	assert_int_equal(fake_kernel_sa_add(&b->k, b->now, s), 0);
}

static void wait_us(struct bench *b, int64_t us)
{
	int64_t end = b->now.us + us;

	while (fake_kernel_deadline(&b->k).us <= end) {
		if (fake_kernel_deadline(&b->k).us > b->now.us)
			b->now = fake_kernel_deadline(&b->k);
		fake_kernel_tick(&b->k, b->now);
	}
	b->now.us = end;
}

static struct esp_packet esp_in(const struct bench *b, unsigned host, uint32_t spi, uint64_t seq)
{
	struct sa_spec s = sa(b, host, true, spi);
	struct esp_packet p = {
		.inner = { .src = s.src, .dst = s.dst, .protocol = 1, .n = 84 },
		.spi = spi,
		.seq = seq,
		.encr = s.encr,
		.key_len = s.key_len,
	};

	memcpy(p.key, s.key, sizeof p.key);
	return p;
}

/* --- output --- */

static void test_enforced_holds_and_asks_once(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	for (int i = 0; i < 3; i++)
		send_to(&b, 2);
	assert_int_equal(b.acquires, 1); /* the larval state keeps the others back */
	assert_int_equal(fake_kernel_held(&b.k), 3);
	assert_int_equal(b.clear + b.esp, 0);
	bench_end(&b);
}

static void test_bypass_and_others_are_clear(void **state)
{
	struct bench b;
	struct app_packet p = { .src = fleet_address(1, false),
				.dst = ip_v4(192, 0, 2, 1),
				.n = 1 };

	(void)state;
	bench_start(&b, false);
	fake_kernel_output(&b.k, b.now, &p);
	p.dst = ip_v4(10, 255, 0, 7); /* inside the protected net, but bypassed */
	fake_kernel_output(&b.k, b.now, &p);
	assert_int_equal(b.clear, 2);
	assert_int_equal(b.acquires, 0);
	bench_end(&b);
}

static void test_optional_is_clear_until_the_sa(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, true);
	send_to(&b, 2);
	assert_int_equal(b.clear, 1);
	assert_int_equal(b.acquires, 1);
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	send_to(&b, 2);
	assert_int_equal(b.clear, 1);
	assert_int_equal(b.esp, 1);
	bench_end(&b);
}

static void test_acquire_again_after_its_time(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, true);
	b.k.acquire_expires_us = 6 * SECOND;
	send_to(&b, 2);
	wait_us(&b, 5 * SECOND);
	send_to(&b, 2);
	assert_int_equal(b.acquires, 1);
	wait_us(&b, SECOND);
	send_to(&b, 2);
	assert_int_equal(b.acquires, 2);
	bench_end(&b);
}

static void test_held_packets_ask_again(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	b.k.acquire_expires_us = 6 * SECOND;
	send_to(&b, 2);
	wait_us(&b, 13 * SECOND); /* looks at .1, .3, .7, 1.5, 3.1, 6.3 and 12.7 s */
	assert_int_equal(b.acquires, 3);
	bench_end(&b);
}

static void test_nobody_listens(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	b.k.listening = false;
	send_to(&b, 2);
	assert_int_equal(b.acquires, 0);
	assert_int_equal(fake_kernel_held(&b.k), 1);
	b.k.listening = true; /* no larval state is left over from before */
	send_to(&b, 2);
	assert_int_equal(b.acquires, 1);
	bench_end(&b);
}

static void test_outbound_sa_ends_the_larval_state(void **state)
{
	struct bench b;
	struct sa_spec in, out;
	struct sa_ref ref;

	(void)state;
	bench_start(&b, true);
	send_to(&b, 2);
	in = sa(&b, 2, true, 0x100);
	add(&b, &in);
	send_to(&b, 2);
	assert_int_equal(b.acquires, 1); /* the inbound one does not */
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	ref = (struct sa_ref){ .src = out.src, .dst = out.dst, .spi = out.spi };
	assert_int_equal(fake_kernel_sa_delete(&b.k, &ref), 0);
	send_to(&b, 2);
	assert_int_equal(b.acquires, 2);
	assert_int_equal(fake_kernel_sa_delete(&b.k, &ref), -ESRCH);
	bench_end(&b);
}

static void test_queue_is_released_by_its_timer(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	send_to(&b, 2);
	wait_us(&b, 150000); /* looked at after 100 ms, next after 200 more */
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	wait_us(&b, 100000);
	assert_int_equal(b.esp, 0);
	wait_us(&b, 50000);
	assert_int_equal(b.esp, 1);
	assert_int_equal(fake_kernel_held(&b.k), 0);
	bench_end(&b);
}

static void test_nudge_releases_at_once_and_in_order(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	for (int i = 0; i < 12; i++)
		send_to(&b, 2);
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	assert_int_equal(b.esp, 0);
	fake_kernel_nudge(&b.k, b.now, &out.dst);
	assert_int_equal(b.esp, 12);
	for (uint64_t i = 0; i < 12; i++)
		assert_int_equal(b.order[i], i);
	bench_end(&b);
}

static void test_hundred_are_held(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	for (int i = 0; i < 103; i++)
		send_to(&b, 2);
	assert_int_equal(fake_kernel_held(&b.k), 100);
	assert_int_equal(b.lost[LOSS_QUEUE_FULL], 3);
	bench_end(&b);
}

static void test_larval_drop(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	b.k.larval_drop = true;
	send_to(&b, 2);
	assert_int_equal(b.lost[LOSS_LARVAL], 1);
	bench_end(&b);
}

static void test_dead_head_holds_back_others(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	send_to(&b, 9); /* never answers */
	send_to(&b, 2);
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	fake_kernel_nudge(&b.k, b.now, &out.dst);
	assert_int_equal(b.esp, 0);
	send_to(&b, 2); /* what is sent now passes by */
	assert_int_equal(b.esp, 1);
	assert_int_equal(fake_kernel_held(&b.k), 2);
	bench_end(&b);
}

static void test_live_head_loses_others(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	send_to(&b, 2);
	send_to(&b, 9);
	out = sa(&b, 2, false, 0x200);
	add(&b, &out);
	fake_kernel_nudge(&b.k, b.now, &out.dst);
	assert_int_equal(b.esp, 1);
	assert_int_equal(b.lost[LOSS_RELEASED], 1);
	bench_end(&b);
}

static void test_newest_outbound_wins(void **state)
{
	struct bench b;
	struct sa_spec old, new;
	struct sa_ref ref;

	(void)state;
	bench_start(&b, false);
	old = sa(&b, 2, false, 0x200);
	add(&b, &old);
	new = sa(&b, 2, false, 0x201);
	add(&b, &new);
	send_to(&b, 2);
	assert_int_equal(b.last_esp.spi, 0x201);
	ref = (struct sa_ref){ .src = new.src, .dst = new.dst, .spi = new.spi };
	fake_kernel_sa_delete(&b.k, &ref);
	send_to(&b, 2);
	assert_int_equal(b.last_esp.spi, 0x200);
	bench_end(&b);
}

static void test_dying_outbound_loses(void **state)
{
	struct bench b;
	struct sa_spec old, new;

	(void)state;
	bench_start(&b, false);
	old = sa(&b, 2, false, 0x200);
	add(&b, &old);
	new = sa(&b, 2, false, 0x201);
	new.soft_packets = 1;
	add(&b, &new);
	send_to(&b, 2);
	assert_int_equal(b.last_esp.spi, 0x201);
	send_to(&b, 2);
	assert_int_equal(b.last_esp.spi, 0x200);
	bench_end(&b);
}

static void test_selector_narrows(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	out = sa(&b, 2, false, 0x200);
	out.sel_protocol = 6;
	add(&b, &out);
	send_to(&b, 2); /* protocol 1 */
	assert_int_equal(b.esp, 0);
	assert_int_equal(fake_kernel_held(&b.k), 1);
	bench_end(&b);
}

/* --- adding --- */

static void test_add_twice(void **state)
{
	struct bench b;
	struct sa_spec in;

	(void)state;
	bench_start(&b, false);
	in = sa(&b, 2, true, 0x100);
	add(&b, &in);
	assert_int_equal(fake_kernel_sa_add(&b.k, b.now, &in), -EEXIST);
	assert_int_equal(b.k.n_sas, 1);
	bench_end(&b);
}

static void test_add_fails_as_told(void **state)
{
	struct bench b;
	struct sa_spec in, out;

	(void)state;
	bench_start(&b, false);
	b.k.fail_add_in = 2;
	b.k.fail_error = -ENOMEM;
	in = sa(&b, 2, true, 0x100);
	out = sa(&b, 2, false, 0x200);
	add(&b, &in);
	assert_int_equal(fake_kernel_sa_add(&b.k, b.now, &out), -ENOMEM);
	add(&b, &out);
	bench_end(&b);
}

/* --- input --- */

static void test_input(void **state)
{
	struct bench b;
	struct sa_spec in;
	struct esp_packet p;

	(void)state;
	bench_start(&b, false);
	p = esp_in(&b, 2, 0x100, 1);
	fake_kernel_input_esp(&b.k, b.now, &p);
	assert_int_equal(b.k.no_states, 1);
	in = sa(&b, 2, true, 0x100);
	add(&b, &in);
	fake_kernel_input_esp(&b.k, b.now, &p);
	assert_int_equal(b.delivered, 1);
	p.seq = 2;
	p.key[0] ^= 1;
	fake_kernel_input_esp(&b.k, b.now, &p);
	assert_int_equal(b.lost[LOSS_KEYS], 1);
	p = esp_in(&b, 3, 0x100, 3); /* another's address */
	fake_kernel_input_esp(&b.k, b.now, &p);
	assert_int_equal(b.lost[LOSS_SELECTOR], 1);
	bench_end(&b);
}

static void test_replay(void **state)
{
	static const struct {
		uint64_t seq;
		bool passes;
	} steps[] = {
		{ 1, true },	{ 1, false },	{ 3, true },	{ 2, true },   { 2, false },
		{ 100, true },	{ 36, false },	{ 37, true },	{ 37, false }, { 99, true },
		{ 5000, true }, { 100, false }, { 4999, true },
	};
	struct bench b;
	struct sa_spec in;
	size_t passed = 0;

	(void)state;
	bench_start(&b, false);
	in = sa(&b, 2, true, 0x100);
	add(&b, &in);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		const struct esp_packet p = esp_in(&b, 2, 0x100, steps[i].seq);

		fake_kernel_input_esp(&b.k, b.now, &p);
		passed += steps[i].passes;
		assert_int_equal(b.delivered, passed);
	}
	bench_end(&b);
}

static void test_clear_input(void **state)
{
	struct bench b;
	struct app_packet p = { .src = fleet_address(2, false), .dst = fleet_address(1, false) };

	(void)state;
	bench_start(&b, false);
	fake_kernel_input_clear(&b.k, &p);
	assert_int_equal(b.lost[LOSS_CLEAR_REFUSED], 1);
	p.src = ip_v4(10, 255, 0, 1);
	fake_kernel_input_clear(&b.k, &p);
	p.src = ip_v4(192, 0, 2, 1);
	fake_kernel_input_clear(&b.k, &p);
	assert_int_equal(b.delivered_clear, 2);
	bench_end(&b);
	bench_start(&b, true);
	p.src = fleet_address(2, false);
	fake_kernel_input_clear(&b.k, &p);
	assert_int_equal(b.delivered_clear, 1);
	bench_end(&b);
}

/* --- limits --- */

static void test_first_packet_is_reported(void **state)
{
	struct bench b;
	struct sa_spec in;
	struct esp_packet p;

	(void)state;
	for (int late = 0; late <= 1; late++) {
		bench_start(&b, false);
		b.k.soft_late = late != 0;
		in = sa(&b, 2, true, 0x100);
		in.soft_packets = 1;
		in.soft_s = 10;
		add(&b, &in);
		p = esp_in(&b, 2, 0x100, 1);
		fake_kernel_input_esp(&b.k, b.now, &p);
		assert_int_equal(b.soft, late ? 0 : 1);
		p.seq = 2;
		fake_kernel_input_esp(&b.k, b.now, &p);
		assert_int_equal(b.soft, 1);
		wait_us(&b, 20 * SECOND);
		assert_int_equal(b.soft, 1); /* dying already: the soft time is not told */
		assert_int_equal(b.delivered, 2);
		bench_end(&b);
	}
}

static void test_time_limits(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	out = sa(&b, 2, false, 0x200);
	out.soft_s = 10;
	out.hard_s = 20;
	add(&b, &out);
	wait_us(&b, 10 * SECOND - 1);
	assert_int_equal(b.soft, 0);
	wait_us(&b, 1);
	assert_int_equal(b.soft, 1);
	wait_us(&b, 10 * SECOND);
	assert_int_equal(b.hard, 1);
	assert_int_equal(b.k.n_sas, 0);
	bench_end(&b);
}

static void test_hard_packets(void **state)
{
	struct bench b;
	struct sa_spec out;

	(void)state;
	bench_start(&b, false);
	out = sa(&b, 2, false, 0x200);
	out.hard_packets = 2;
	add(&b, &out);
	for (int i = 0; i < 3; i++)
		send_to(&b, 2);
	assert_int_equal(b.esp, 2);
	assert_int_equal(b.hard, 1);
	assert_int_equal(b.lost[LOSS_EXPIRED], 1);
	bench_end(&b);
}

/* --- another configuration --- */

static void test_policies_replaced_keep_their_queues(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, false);
	send_to(&b, 2);
	fake_kernel_policies(&b.k, &b.spec);
	assert_int_equal(fake_kernel_held(&b.k), 1);
	fake_kernel_policies(&b.k, NULL);
	assert_int_equal(b.lost[LOSS_PURGED], 1);
	send_to(&b, 2);
	assert_int_equal(b.clear, 1);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enforced_holds_and_asks_once),
		cmocka_unit_test(test_bypass_and_others_are_clear),
		cmocka_unit_test(test_optional_is_clear_until_the_sa),
		cmocka_unit_test(test_acquire_again_after_its_time),
		cmocka_unit_test(test_held_packets_ask_again),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_outbound_sa_ends_the_larval_state),
		cmocka_unit_test(test_queue_is_released_by_its_timer),
		cmocka_unit_test(test_nudge_releases_at_once_and_in_order),
		cmocka_unit_test(test_hundred_are_held),
		cmocka_unit_test(test_larval_drop),
		cmocka_unit_test(test_dead_head_holds_back_others),
		cmocka_unit_test(test_live_head_loses_others),
		cmocka_unit_test(test_newest_outbound_wins),
		cmocka_unit_test(test_dying_outbound_loses),
		cmocka_unit_test(test_selector_narrows),
		cmocka_unit_test(test_add_twice),
		cmocka_unit_test(test_add_fails_as_told),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_clear_input),
		cmocka_unit_test(test_first_packet_is_reported),
		cmocka_unit_test(test_time_limits),
		cmocka_unit_test(test_hard_packets),
		cmocka_unit_test(test_policies_replaced_keep_their_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
