/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs that the configuration does not protect any more, and those whose address went away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/duet.h"

#define SECOND INT64_C(1000000)

static void take_spec(struct duet *d)
{
	duet_event(d, &(struct event){ .kind = EVENT_SPEC, .spec = { .spec = &d->spec } });
}

static void take_addresses(struct duet *d, const struct ip *locals, size_t n)
{
	duet_event(d, &(struct event){ .kind = EVENT_ADDRESSES,
				       .addresses = { .locals = locals, .n = n } });
}

static struct subnet_spec host(const struct ip *ip)
{
	return (struct subnet_spec){ .net = { .ip = *ip, .prefix = (uint8_t)ip_bits(ip) } };
}

/* --> INFORMATIONAL { D(IKE) }, and its answer */
static void hear_delete(struct duet *d)
{
	struct draft heard, said;

	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_non_null(draft_find(&heard, PAYLOAD_DELETE));
	peer_answer(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

/* Nothing is left, and nothing is begun. */
static void assert_left(struct duet *d)
{
	duet_assert_empty(d);
	assert_int_equal(duet_counters(d).pairs, 0);
	duet_acquire(d);
	duet_wait(d, 100 * SECOND);
	duet_hear_nothing(d);
	assert_int_equal(duet_counters(d).pairs, 0);
}

static void test_a_peer_that_is_bypassed_now(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &(struct duet_options){ 0 });
	duet_core_up(&d);
	d.spec.bypass[0] = host(&d.them.ip);
	take_spec(&d);
	assert_true(duet_reported(&d, "not protected any more by the configuration"));
	hear_delete(&d);
	assert_left(&d);
	duet_end(&d);
}

static void test_a_peer_that_is_in_no_list_now(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &(struct duet_options){ .ipv6 = true });
	duet_peer_up(&d);
	d.spec.n_protect = 0;
	take_spec(&d);
	hear_delete(&d);
	assert_left(&d);
	duet_end(&d);
}

static void test_a_longer_prefix_stays(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &(struct duet_options){ 0 });
	duet_core_up(&d);
	d.spec.bypass[0] = (struct subnet_spec){ .net = { .ip = { .family = 4 } } };
	d.spec.precedence = PRECEDENCE_LONGEST;
	take_spec(&d);
	duet_hear_nothing(&d);
	duet_assert_child(&d);
	d.spec.precedence = PRECEDENCE_BYPASS;
	take_spec(&d);
	hear_delete(&d);
	assert_left(&d);
	duet_end(&d);
}

/* Half way there is nobody to be told; and what was to be tried again is not. */
static void test_while_connecting_or_backing_off(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &(struct duet_options){ 0 });
	duet_acquire(&d);
	assert_non_null(duet_take(&d));
	d.spec.bypass[0] = host(&d.them.ip);
	take_spec(&d);
	assert_left(&d);
	duet_end(&d);

	duet_start(&d, &(struct duet_options){ 0 });
	duet_acquire(&d);
	while (duet_ike_state(&d) >= 0)
		assert_true(duet_next_deadline(&d));
	while (duet_take(&d) != NULL)
		;
	assert_int_equal(duet_counters(&d).pairs, 1);
	d.spec.bypass[0] = host(&d.them.ip);
	take_spec(&d);
	assert_left(&d);
	duet_end(&d);
}

static void test_an_address_that_is_not_covered(void **state)
{
	struct duet d;
	struct subnet_spec own[2];
	struct draft heard, said;

	(void)state;
	duet_start(&d, &(struct duet_options){ 0 });
	own[0] = host(&d.them.ip);
	own[1] = host(&d.us.ip);
	d.spec.local = own;
	d.spec.n_local = 2;
	take_spec(&d);
	duet_core_up(&d); /* it is one of those */
	d.spec.n_local = 1;
	take_spec(&d);
	hear_delete(&d);
	assert_left(&d);

	/* A peer that asks for it is told in IKE_AUTH, as one outside the subnets is. */
	peer_wipe(&d.peer);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_non_null(draft_notify(&heard, NOTIFY_TS_UNACCEPTABLE));
	draft_free(&heard);
	d.spec.local = NULL;
	d.spec.n_local = 0;
	duet_end(&d);
}

static void test_an_address_that_went_away(void **state)
{
	struct duet d;
	struct ip locals[2];

	(void)state;
	duet_start(&d, &(struct duet_options){ 0 });
	duet_core_up(&d);
	locals[0] = d.us.ip;
	locals[1] = d.us.ip;
	locals[1].b[3]++;
	take_addresses(&d, locals, 2);
	duet_assert_child(&d);
	take_addresses(&d, &locals[1], 1);
	assert_true(duet_reported(&d, "our address is not on this host any more"));
	duet_hear_nothing(&d);
	duet_assert_empty(&d);
	/* it comes back: everything begins anew */
	take_addresses(&d, locals, 2);
	peer_wipe(&d.peer);
	duet_core_up(&d);
	duet_assert_child(&d);
	take_addresses(&d, NULL, 0);
	duet_assert_empty(&d);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_peer_that_is_bypassed_now),
		cmocka_unit_test(test_a_peer_that_is_in_no_list_now),
		cmocka_unit_test(test_a_longer_prefix_stays),
		cmocka_unit_test(test_while_connecting_or_backing_off),
		cmocka_unit_test(test_an_address_that_is_not_covered),
		cmocka_unit_test(test_an_address_that_went_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
