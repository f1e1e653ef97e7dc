/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of attempts, so that it can be told later why there is no SA. */
#include "ike/status.h"
#include "sim/duet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

static void keep_newest(void *arg, const struct status_pair *p)
{
	if (p->n_attempts > 0)
		*(struct status_attempt *)arg = p->attempts[0];
}

static void pass_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void pass_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

/* The newest of the only pair; zeroed if there is none. */
static struct status_attempt newest(const struct duet *d)
{
	struct status_attempt a = { .stage = STAGE_ACQUIRE };
	const struct status_visitor v = {
		.pair = keep_newest, .ike = pass_ike, .child = pass_child, .arg = &a
	};

	engine_status(d->engine, &v);
	return a;
}

static void unreachable(struct duet *d, int error)
{
	struct event e = { .kind = EVENT_UNREACHABLE };

	e.unreachable.local = d->us;
	e.unreachable.remote = d->them;
	e.unreachable.error = error;
	duet_event(d, &e);
}

/* Nobody answers: known while the attempt is under way, and after it. */
static void test_silence(void **state)
{
	struct status_attempt a;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	a = newest(&d);
	assert_true(a.initiator && !a.failed && !a.silent);
	assert_int_equal(a.stage, STAGE_INIT);
	duet_wait(&d, 3 * SECOND);
	a = newest(&d);
	assert_true(a.silent && !a.failed);
	assert_true(a.retransmits > 0);
	assert_int_equal(a.unreachable, 0);
	while (!a.failed) {
		duet_wait(&d, SECOND);
		a = newest(&d);
		while (duet_take(&d) != NULL)
			;
	}
	assert_true(a.silent);
	assert_non_null(strstr(a.reason, "no answer to IKE_SA_INIT"));
	duet_end(&d);
}

/* The network has a word: kept beside the silence. */
static void test_unreachable(void **state)
{
	struct status_attempt a;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	unreachable(&d, -EHOSTUNREACH);
	unreachable(&d, -ECONNREFUSED);
	a = newest(&d);
	assert_int_equal(a.unreachable, -ECONNREFUSED); /* the last one */
	assert_non_null(strstr(a.reason, "no answer yet; the network says"));
	while (!a.failed) {
		duet_wait(&d, SECOND);
		a = newest(&d);
		while (duet_take(&d) != NULL)
			;
	}
	assert_int_equal(a.unreachable, -ECONNREFUSED);
	assert_non_null(strstr(a.reason, "the network says: Connection refused"));
	duet_end(&d);
}

/* It answered at last: what was silent is no longer. */
static void test_answer(void **state)
{
	struct status_attempt a;
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	duet_wait(&d, SECOND);
	assert_true(newest(&d).silent);
	while (duet_take(&d) != NULL)
		;
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	a = newest(&d);
	assert_false(a.silent);
	assert_int_equal(a.stage, STAGE_AUTH);
	duet_end(&d);
}

/* As responder: whose proposals were refused, and what they were. */
static void test_ike_proposals_refused(void **state)
{
	struct status_attempt a;
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	for (size_t i = 0; i < d.peer_spec.ike[0].n; i++) {
		if (d.peer_spec.ike[0].t[i].type == TRANSFORM_KE)
			d.peer_spec.ike[0].t[i].id = KE_ECP_384;
	}
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_NO_PROPOSAL_CHOSEN);
	draft_free(&heard);
	a = newest(&d);
	assert_true(a.failed && a.notify_ours && !a.initiator);
	assert_int_equal(a.notify, NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_int_equal(a.stage, STAGE_INIT);
	assert_non_null(strstr(a.offered, "ECP_384"));
	duet_end(&d);
}

static void test_esp_proposals_refused(void **state)
{
	struct status_attempt a;
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	for (size_t i = 0; i < d.peer_spec.esp[0].n; i++) {
		if (d.peer_spec.esp[0].t[i].type == TRANSFORM_ENCR)
			d.peer_spec.esp[0].t[i].key_bits = 256;
	}
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_NO_PROPOSAL_CHOSEN);
	draft_free(&heard);
	a = newest(&d);
	assert_true(a.failed && a.notify_ours);
	assert_int_equal(a.stage, STAGE_CHILD);
	assert_int_equal(a.notify, NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_non_null(strstr(a.offered, "AES_GCM_16"));
	assert_int_equal(a.verdict, VERDICT_GOOD);
	duet_end(&d);
}

/* The peer begins, with a certificate that has expired. */
static void refused_certificate(struct duet *d)
{
	struct draft said, heard;

	duet_start(d, &standin);
	duet_peer_init(d);
	peer_ask_auth(&d->peer, &said);
	d->doer.verdict = VERDICT_EXPIRED;
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
}

static void test_certificate_refused(void **state)
{
	struct status_attempt a;
	struct duet d;

	(void)state;
	refused_certificate(&d);
	a = newest(&d);
	assert_true(a.failed && a.notify_ours);
	assert_int_equal(a.stage, STAGE_AUTH);
	assert_int_equal(a.verdict, VERDICT_EXPIRED);
	duet_end(&d);
}

/* A successor knows what its predecessor met with. */
static void test_handed_over(void **state)
{
	static const struct duet_options successor = { .awaits_state = true };
	struct event loaded = { .kind = EVENT_STATE_LOADED };
	struct status_attempt before, after;
	struct secret saved = { 0 };
	struct duet d, next;

	(void)state;
	refused_certificate(&d);
	unreachable(&d, -EHOSTUNREACH); /* of none that is under way: not noted */
	before = newest(&d);
	assert_int_equal(before.unreachable, 0);
	assert_int_equal(engine_save(d.engine, &saved), 0);
	duet_start(&next, &successor);
	loaded.state_loaded.state = secret_view(&saved);
	duet_event(&next, &loaded);
	after = newest(&next);
	assert_int_equal(after.verdict, VERDICT_EXPIRED);
	assert_int_equal(after.notify, before.notify);
	assert_string_equal(after.reason, before.reason);
	secret_free(&saved);
	duet_end(&next);
	duet_end(&d);
}

static void test_handed_over_silence(void **state)
{
	static const struct duet_options successor = { .awaits_state = true };
	struct event loaded = { .kind = EVENT_STATE_LOADED };
	struct status_attempt a;
	struct secret saved = { 0 };
	struct duet d, next;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	unreachable(&d, -EHOSTUNREACH);
	while (!newest(&d).failed) {
		duet_wait(&d, SECOND);
		while (duet_take(&d) != NULL)
			;
	}
	assert_int_equal(engine_save(d.engine, &saved), 0);
	duet_start(&next, &successor);
	loaded.state_loaded.state = secret_view(&saved);
	duet_event(&next, &loaded);
	a = newest(&next);
	assert_true(a.silent);
	assert_int_equal(a.unreachable, -EHOSTUNREACH);
	secret_free(&saved);
	duet_end(&next);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_ike_proposals_refused),
		cmocka_unit_test(test_esp_proposals_refused),
		cmocka_unit_test(test_certificate_refused),
		cmocka_unit_test(test_handed_over),
		cmocka_unit_test(test_handed_over_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
