/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted by kind: handshakes by the reason for which they failed, jobs by their time. */
#include "ike/message/iana.h"
#include "ike/status.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

/* --- counted where it happens ----------------------------------------------------------------- */

static uint64_t failed(struct duet *d, enum reason why)
{
	return duet_counters(d).tally.failures[why];
}

static void assert_handshakes(struct duet *d, enum role role, uint64_t good, uint64_t bad)
{
	const struct status_tally t = duet_counters(d).tally;

	assert_int_equal(t.established[role], good);
	assert_int_equal(t.failed[role], bad);
	assert_int_equal(t.established[!role], 0);
	assert_int_equal(t.failed[!role], 0);
}

static void test_handshakes_that_go_well(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	assert_handshakes(&d, ROLE_INITIATOR, 1, 0);
	duet_end(&d);
	duet_start(&d, &standin);
	duet_peer_up(&d);
	assert_handshakes(&d, ROLE_RESPONDER, 1, 0);
	duet_end(&d);
}

static void test_silence(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	for (int i = 0; i < 300 && failed(&d, REASON_SILENT) == 0; i++) {
		duet_wait(&d, SECOND);
		while (duet_take(&d) != NULL)
			;
	}
	assert_handshakes(&d, ROLE_INITIATOR, 0, 1);
	assert_int_equal(failed(&d, REASON_SILENT), 1);
	duet_end(&d);
}

/* The core refuses what the peer proposes: no IKE SA comes of it, and it counts all the same. */
static void test_refused_proposal(void **state)
{
	struct proposal_spec p;
	struct draft said;
	struct blob body;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	peer_ask_init(&d.peer, &said);
	p = d.peer_spec.ike[0];
	p.t[0].id = UINT16_MAX;
	body = body_sa(PROTO_IKE, BYTES_NONE, &p, 1);
	draft_set(draft_find(&said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
	duet_say(&d, &said);
	assert_handshakes(&d, ROLE_RESPONDER, 0, 1);
	assert_int_equal(failed(&d, REASON_NO_IKE_PROPOSAL), 1);
	duet_end(&d);
}

/* --- drops and jobs --------------------------------------------------------------------------- */

static uint64_t dropped(struct duet *d, enum drop cause)
{
	return duet_counters(d).tally.drops[cause];
}

static void test_drops(void **state)
{
	uint8_t header[28] = { 1 };
	struct endpoint from;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_give(&d, BYTES(header, sizeof(header))); /* all else is 0: that is no version */
	assert_int_equal(dropped(&d, DROP_MALFORMED), 1);
	header[17] = 0x20;
	header[18] = EXCHANGE_INFORMATIONAL;
	header[27] = sizeof(header);
	duet_give(&d, BYTES(header, sizeof(header)));
	assert_int_equal(dropped(&d, DROP_NO_SA), 1);
	/* The SPIs of the IKE SA that there is. */
	for (int i = 0; i < 8; i++) {
		header[i] = (uint8_t)(d.peer.spi_i >> (56 - 8 * i));
		header[8 + i] = (uint8_t)(d.peer.spi_r >> (56 - 8 * i));
	}
	duet_give(&d, BYTES(header, sizeof(header)));
	assert_int_equal(dropped(&d, DROP_UNEXPECTED), 1); /* nothing in it is protected */
	from = d.them;
	from.ip.b[3]++;
	duet_give_from(&d, &from, &d.us, BYTES(header, sizeof(header)));
	assert_int_equal(dropped(&d, DROP_ADDRESS), 1);
	assert_int_equal(duet_counters(&d).drops, 4);
	duet_end(&d);
}

static void test_job_times(void **state)
{
	struct status_tally t = { 0 };

	(void)state;
	for (size_t i = 1; i < TALLY_JOB_TIMES; i++)
		assert_true(tally_job_times[i - 1] < tally_job_times[i]);
	tally_job(&t, tally_job_times[0]); /* bounds belong to what they bound */
	tally_job(&t, tally_job_times[0] + 1);
	tally_job(&t, tally_job_times[TALLY_JOB_TIMES - 1] + 1);
	assert_int_equal(t.jobs_within[0], 1);
	assert_int_equal(t.jobs_within[1], 2);
	assert_int_equal(t.jobs_within[TALLY_JOB_TIMES - 1], 2);
	assert_int_equal(t.jobs_done, 3);
	assert_int_equal(t.jobs_us,
			 2 * tally_job_times[0] + 1 + tally_job_times[TALLY_JOB_TIMES - 1] + 1);
}

/* From the step that gives a job out to the one that takes it back. */
static void test_job_takes_time(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.hold_jobs = true;
	duet_acquire(&d);
	duet_wait(&d, 30 * 1000);
	assert_int_equal(duet_counters(&d).tally.jobs_done, 0);
	duet_run_jobs(&d);
	assert_int_equal(duet_counters(&d).tally.jobs_done, 1);
	assert_int_equal(duet_counters(&d).tally.jobs_us, 30 * 1000);
	duet_end(&d);
}

/* Metrics are labelled with them. */
static void test_names_differ(void **state)
{
	(void)state;
	for (int i = 0; i < DROPS; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(drop_name((enum drop)i), drop_name((enum drop)k));
	for (int i = 0; i < COLLISIONS; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(collision_name((enum collision_kind)i),
						collision_name((enum collision_kind)k));
	assert_string_not_equal(role_name(ROLE_INITIATOR), role_name(ROLE_RESPONDER));
	assert_string_not_equal(rekeyed_name(REKEYED_CHILD), rekeyed_name(REKEYED_IKE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes_that_go_well),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_refused_proposal),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_job_times),
		cmocka_unit_test(test_job_takes_time),
		cmocka_unit_test(test_names_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
