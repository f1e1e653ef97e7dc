/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are believed, when the lists of revoked certificates change; and what else the verdict
 * on a certificate, or the age of our own, says to the core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/duet.h"
#include "sim/peer_child.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin = { 0 };
static const struct event review = { .kind = EVENT_REVIEW };

/* ---- the pair's last attempt and its IKE SAs ------------------------------------------------- */

struct seen {
	struct status_attempt last;
	bool pinned;
	char warning[VERDICT_TEXT_LEN];
	size_t n_ike;
};

static void on_pair(void *arg, const struct status_pair *p)
{
	struct seen *s = arg;

	if (p->n_attempts > 0)
		s->last = p->attempts[0];
}

static void on_ike(void *arg, const struct status_ike *i)
{
	struct seen *s = arg;

	s->n_ike++;
	s->pinned = i->peer_pinned;
	if (i->peer_warning != NULL)
		(void)snprintf(s->warning, sizeof(s->warning), "%s", i->peer_warning);
}

static void on_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

static struct seen look(const struct duet *d)
{
	struct seen s = { 0 };
	const struct status_visitor v = {
		.pair = on_pair, .ike = on_ike, .child = on_child, .arg = &s
	};

	engine_status(d->engine, &v);
	return s;
}

/* --> INFORMATIONAL { D }, which the peer answers */
static void delete_heard(struct duet *d)
{
	struct draft heard, said;

	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	peer_answer(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

/* ---- revoked -------------------------------------------------------------------------------- */

static void test_revoked_peer_loses_its_sas(void **state)
{
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	(void)duet_log(&d);
	d.doer.verdict = VERDICT_REVOKED;
	duet_event(&d, &review);
	/* at once in both directions, whatever the peer answers */
	assert_string_equal(duet_log(&d), "job:review -out -in send");
	assert_int_equal(d.kernel.n_sas, 0);
	assert_true(duet_reported(&d, "certificate revoked"));
	s = look(&d);
	assert_true(s.last.failed);
	assert_non_null(strstr(s.last.reason, "certificate revoked"));
	delete_heard(&d);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* The next one is refused for the same reason. */
static void test_revoked_peer_comes_again(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	d.doer.verdict = VERDICT_REVOKED;
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	/* --> IKE_AUTH { N(AUTHENTICATION_FAILED) } */
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
	draft_free(&heard);
	assert_non_null(strstr(look(&d).last.reason, "certificate revoked"));
	duet_end(&d);
}

/* Lists are no reason to look at anything else. */
static void test_others_go_on(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_GOOD,		VERDICT_EXPIRED,
						 VERDICT_NO_TRUSTED_CA, VERDICT_NO_CRL,
						 VERDICT_NOT_ALLOWED,	VERDICT_FAILED };

	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct duet d;

		duet_start(&d, &standin);
		duet_peer_up(&d);
		duet_esp_from_peer(&d);
		(void)duet_log(&d);
		d.doer.verdict = verdicts[i];
		duet_event(&d, &review);
		duet_event(&d, &review);
		assert_string_equal(duet_log(&d), "job:review job:review");
		duet_assert_child(&d);
		duet_end(&d);
	}
}

static void test_nobody_to_review(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_event(&d, &review);
	assert_string_equal(duet_log(&d), "");
	duet_end(&d);
}

/* A verdict by the old list may be on its way: that peer is looked at as soon as it is up. */
static void test_peer_that_comes_up_meanwhile(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	d.hold_jobs = true;
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_run_jobs(&d); /* verify: good */
	duet_event(&d, &review);
	assert_int_equal(d.n_jobs, 1); /* sign */
	d.doer.verdict = VERDICT_REVOKED;
	duet_run_jobs(&d);
	assert_int_equal(d.n_jobs, 1); /* review */
	duet_run_jobs(&d);
	assert_true(duet_reported(&d, "certificate revoked"));
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* Gone before its job is home: nothing is left over, and the next review is done. */
static void test_peer_that_goes_meanwhile(void **state)
{
	struct duet d;
	struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	d.hold_jobs = true;
	duet_event(&d, &review);
	assert_int_equal(d.n_jobs, 1);
	duet_event(&d, &down); /* with everybody: no address is named */
	delete_heard(&d);
	duet_run_jobs(&d);
	duet_assert_empty(&d);
	peer_wipe(&d.peer);
	d.hold_jobs = false;
	duet_peer_up(&d);
	(void)duet_log(&d);
	duet_event(&d, &review);
	assert_string_equal(duet_log(&d), "job:review");
	duet_end(&d);
}

/* No room for the job, say: nobody is taken for good for it, and the next review finds out. */
static void test_review_that_fails(void **state)
{
	struct duet d;
	struct job *j;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	d.hold_jobs = true;
	assert_false(engine_review_failed(d.engine));
	duet_event(&d, &review);
	assert_false(engine_review_failed(d.engine));
	j = duet_take_job(&d, 0);
	j->result = -EBUSY;
	duet_job_home(&d, j);
	assert_int_equal(d.n_jobs, 0); /* not at once */
	assert_int_equal(d.kernel.n_sas, 2);
	assert_true(engine_review_failed(d.engine));
	d.hold_jobs = false;
	d.doer.verdict = VERDICT_REVOKED;
	duet_event(&d, &review);
	assert_false(engine_review_failed(d.engine));
	assert_int_equal(d.kernel.n_sas, 0);
	delete_heard(&d);
	duet_end(&d);
}

/* The IKE SA is rekeyed while its peer is looked at: the verdict is about its successor. */
static void test_rekeyed_meanwhile(void **state)
{
	struct event rekey = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_REKEY_IKE } };
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;
	struct job *j;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	d.hold_jobs = true;
	duet_event(&d, &review);
	j = duet_take_job(&d, 0);
	duet_do_job(&d, j);
	j->judged.verdict = VERDICT_REVOKED;
	d.hold_jobs = false;
	rekey.command.remote = d.them.ip;
	duet_event(&d, &rekey);
	/* --> CREATE_CHILD_SA { SA, Ni, KEi }, and its answer */
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_rekey(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 2);
	duet_job_home(&d, j);
	assert_true(duet_reported(&d, "certificate revoked"));
	assert_int_equal(d.kernel.n_sas, 0);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* ---- what a good verdict says all the same -------------------------------------------------- */

static void test_warning_and_pin_are_told(void **state)
{
	static const char text[] = "believed only since its certificate is our own: no trusted CA";
	struct duet d;
	struct draft said;
	struct seen s;
	struct job *j;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	d.hold_jobs = true;
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	j = duet_take_job(&d, 0);
	assert_int_equal(j->kind, JOB_VERIFY);
	/* where the peer is goes along, for bind_address_to_certificate */
	assert_int_equal(j->address_n, 4);
	assert_memory_equal(j->address, d.them.ip.b, 4);
	duet_do_job(&d, j);
	j->judged.pinned = true;
	(void)snprintf(j->judged.warning, sizeof(j->judged.warning), "%s", text);
	duet_job_home(&d, j);
	duet_run_jobs(&d);
	assert_true(duet_reported(&d, text));
	s = look(&d);
	assert_int_equal(s.n_ike, 1);
	assert_true(s.pinned);
	assert_string_equal(s.warning, text);
	duet_end(&d);
}

/* ---- our own certificate has expired --------------------------------------------------------- */

static const char expired[] = "our own certificate expired on 2031-01-01 00:00:00 UTC";

/* The job that is to sign comes back without. */
static void cannot_sign(struct duet *d)
{
	struct job *j = duet_take_job(d, 0);

	assert_int_equal(j->kind, JOB_SIGN);
	j->result = -EKEYEXPIRED;
	(void)snprintf(j->judged.text, sizeof(j->judged.text), "%s", expired);
	duet_job_home(d, j);
}

static void test_expired_as_responder(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	d.hold_jobs = true;
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_run_jobs(&d); /* verify */
	cannot_sign(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
	draft_free(&heard);
	assert_non_null(strstr(look(&d).last.reason, expired));
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

static void test_expired_as_initiator(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	d.hold_jobs = true;
	duet_acquire(&d);
	duet_run_jobs(&d); /* generate */
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_run_jobs(&d); /* derive */
	cannot_sign(&d);
	duet_hear_nothing(&d);
	assert_non_null(strstr(look(&d).last.reason, expired));
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revoked_peer_loses_its_sas),
		cmocka_unit_test(test_revoked_peer_comes_again),
		cmocka_unit_test(test_others_go_on),
		cmocka_unit_test(test_nobody_to_review),
		cmocka_unit_test(test_peer_that_comes_up_meanwhile),
		cmocka_unit_test(test_peer_that_goes_meanwhile),
		cmocka_unit_test(test_review_that_fails),
		cmocka_unit_test(test_rekeyed_meanwhile),
		cmocka_unit_test(test_warning_and_pin_are_told),
		cmocka_unit_test(test_expired_as_responder),
		cmocka_unit_test(test_expired_as_initiator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
