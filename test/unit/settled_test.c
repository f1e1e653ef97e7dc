/* SPDX-License-Identifier: Apache-2.0 */
/* What a settled pair no longer keeps, and what it still does. */
#include "ike/attempt.h"
#include "ike/core.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

/* No probes: time is all that goes by. */
static void start(struct duet *d)
{
	duet_start(d, &(struct duet_options){ 0 });
	d->spec.dpd_delay_s = 0;
}

/* --> IKE_AUTH, and the answer is heard. The request is the caller's. */
static struct blob come_up(struct duet *d)
{
	struct draft said, heard;
	struct blob request;

	duet_peer_init(d);
	peer_ask_auth(&d->peer, &said);
	request = peer_seal(&d->peer, &said);
	draft_free(&said);
	duet_give(d, blob_view(&request));
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
	return request;
}

/* Decryption is in place, so each time needs its own. */
static void repeat(struct duet *d, const struct blob *request)
{
	struct blob copy;

	assert_int_equal(blob_copy(&copy, blob_view(request)), 0);
	duet_give(d, blob_view(&copy));
	blob_free(&copy);
}

/* RFC 7296 2.1: for several minutes the answer is repeated, then the request is ignored. */
static void test_the_answer_goes_in_time(void **state)
{
	struct duet d;
	struct draft heard;
	struct blob request;

	(void)state;
	start(&d);
	request = come_up(&d);
	assert_true(d.engine->sas->window.reply.n > 0);
	duet_wait(&d, (REPLY_LIFE_S - 1) * SECOND);
	repeat(&d, &request);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 2 * SECOND);
	assert_int_equal(d.engine->sas->window.reply.n, 0);
	duet_log(&d);
	repeat(&d, &request);
	duet_hear_nothing(&d);
	assert_string_equal(duet_log(&d), ""); /* nothing is done a second time */
	assert_int_equal(d.kernel.n_sas, 2);
	blob_free(&request);
	duet_end(&d);
}

/* A small one stays, and nobody wakes up for it. */
static void test_a_small_answer_stays(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob request, probe;

	(void)state;
	start(&d);
	request = come_up(&d);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	probe = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&probe));
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	assert_true(mono_is_never(d.engine->sas->window.reply_until));
	duet_wait(&d, 2 * REPLY_LIFE_S * SECOND);
	repeat(&d, &probe);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	blob_free(&probe);
	blob_free(&request);
	duet_end(&d);
}

/* Once it is up, in either role: no nonces, no messages, no key that AUTH was made with. */
static void assert_shrunk(struct duet *d)
{
	const struct ike_sa *sa = d->engine->sas;

	assert_null(sa->hs);
	assert_null(sa->attempt);
	assert_int_equal(sa->keys.pi.n, 0);
	assert_int_equal(sa->keys.pr.n, 0);
	assert_int_not_equal(sa->keys.d.n, 0);
	assert_int_equal(sa->window.request.n, 0);
}

static void test_the_handshake_goes(void **state)
{
	struct duet d;

	(void)state;
	start(&d);
	duet_core_up(&d);
	assert_shrunk(&d);
	duet_end(&d);
	start(&d);
	duet_peer_up(&d);
	duet_wait(&d, SECOND);
	assert_shrunk(&d);
	duet_end(&d);
}

static void test_an_attempt_in_few_octets(void **state)
{
	struct status_attempt a = { .started_at = { 7 },
				    .ended_at = { 9 },
				    .initiator = true,
				    .failed = true,
				    .stage = STAGE_AUTH,
				    .notify = 24,
				    .retransmits = 3,
				    .unreachable = -113,
				    .verdict = VERDICT_EXPIRED },
			      back;
	struct past_attempt *p;
	struct duet d;

	(void)state;
	start(&d);
	for (unsigned texts = 0; texts < 4; texts++) {
		memset(a.reason, 'r', (texts & 1) != 0 ? sizeof(a.reason) - 1 : 0);
		memset(a.offered, 'o', (texts & 2) != 0 ? sizeof(a.offered) - 1 : 0);
		p = attempt_pack(d.engine, &a);
		assert_non_null(p);
		memset(&back, 0xff, sizeof(back));
		attempt_unpack(p, &back);
		attempt_free(d.engine, p);
		assert_string_equal(back.reason, a.reason);
		assert_string_equal(back.offered, a.offered);
		assert_memory_equal(&back, &a, offsetof(struct status_attempt, reason));
		memset(a.reason, 0, sizeof(a.reason));
		memset(a.offered, 0, sizeof(a.offered));
	}
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_answer_goes_in_time),
		cmocka_unit_test(test_a_small_answer_stays),
		cmocka_unit_test(test_the_handshake_goes),
		cmocka_unit_test(test_an_attempt_in_few_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
