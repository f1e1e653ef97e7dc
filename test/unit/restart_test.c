/* SPDX-License-Identifier: Apache-2.0 */
/* Another core goes on in the very moment after an answer: RFC 7296 2.8, and ike/save.h. */
#include "ike/core.h"
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void restart(struct duet *d)
{
	struct secret state = { 0 };

	assert_int_equal(engine_save(d->engine, &state), 0);
	duet_restart(d, secret_view(&state), 0);
	secret_free(&state);
}

static void hear_answer(struct duet *d, struct draft *heard)
{
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, heard);
	assert_int_equal(draft_error(heard), 0);
}

/* The peer rekeys the CHILD_SA, and the answer is the last that this process did. */
static void rekeyed_and_restarted(struct duet *d, struct peer_exchange *x)
{
	struct draft heard, said;

	duet_start(d, &(struct duet_options){ 0 });
	duet_peer_up(d);
	x->rekeys = d->peer.esp_in;
	/* <-- CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, TSi, TSr } */
	peer_ask_child(&d->peer, x, &said);
	duet_say(d, &said);
	/* --> CREATE_CHILD_SA { SA, Nr, TSi, TSr } */
	hear_answer(d, &heard);
	peer_take_child(&d->peer, x, &heard);
	draft_free(&heard);
	restart(d);
}

static const struct child *child_by_spi(const struct duet *d, uint32_t spi)
{
	for (const struct child *c = d->engine->sas->children; c != NULL; c = c->next)
		if (c->spi_in == spi)
			return c;
	return NULL;
}

/* The exchange is over for the successor, and what was rekeyed is known to be replaced. */
static void test_the_exchange_is_over(void **state)
{
	struct peer_exchange x = { 0 };
	const struct child *old, *fresh;
	struct duet d;

	(void)state;
	rekeyed_and_restarted(&d, &x);
	assert_null(d.engine->sas->theirs);
	old = child_by_spi(&d, d.peer.esp_out);
	fresh = child_by_spi(&d, x.esp_out);
	assert_non_null(old);
	assert_non_null(fresh);
	assert_ptr_equal(old->replaced_by, fresh);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* The next one finds nothing of it in its way, and nothing of it is left behind. */
static void test_the_next_one_goes_well(void **state)
{
	struct peer_exchange x = { 0 }, y = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	rekeyed_and_restarted(&d, &x);
	peer_use_child(&d.peer, &x);
	y.rekeys = d.peer.esp_in;
	peer_ask_child(&d.peer, &y, &said);
	duet_say(&d, &said);
	hear_answer(&d, &heard);
	draft_free(&heard);
	peer_exchange_free(&x);
	peer_exchange_free(&y);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_exchange_is_over),
		cmocka_unit_test(test_the_next_one_goes_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
