/* SPDX-License-Identifier: Apache-2.0 */
/* One word for why: the core's, in logs and metrics, and the one that `ikectl why` prints. */
#include "cmd/ikectl/why.h"
#include "ike/message/iana.h"
#include "ike/reason.h"
#include "ike/status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What `ikectl why` says to an attempt that the daemon tells of, with nothing amiss on the host. */
static const char *why_of(const struct status_attempt *a)
{
	const char *unreachable = a->unreachable != 0 ? strerrorname_np(-a->unreachable) : NULL;
	const char *verdict = a->verdict != VERDICT_GOOD ? verdict_name(a->verdict) : NULL;
	const char *notify = a->notify != 0 ? notify_name(a->notify) : NULL;
	json_t *status = json_pack(
		"{s:{s:i,s:i}, s:{s:s,s:s}, s:[{s:s, s:[{s:b,s:s,s:s?,s:b,s:b,s:s?,s:s?}]}]}",
		"certificate", "not_before", 1, "not_after", 2000000000, "peer", "address",
		"10.1.0.9", "ruling", "enforced", "pairs", "state", "backing off", "attempts",
		"failed", (int)a->failed, "stage", stage_name(a->stage), "notify", notify,
		"notify_ours", (int)a->notify_ours, "silent", (int)a->silent, "unreachable",
		unreachable, "certificate", verdict);
	const struct why_facts facts = { .status = status, .now = 1800000000 };
	struct diagnosis d;

	assert_non_null(status);
	why_diagnose(&facts, &d);
	json_decref(status);
	return d.cause->name;
}

static void assert_agree(const struct status_attempt *a)
{
	assert_string_equal(reason_name(attempt_reason(a)), why_of(a));
}

static void test_verdicts_agree_with_why(void **state)
{
	(void)state;
	for (enum verdict v = VERDICT_MALFORMED; v <= VERDICT_FAILED; v++) {
		const struct status_attempt a = { .failed = true,
						  .stage = STAGE_AUTH,
						  .verdict = v };

		assert_agree(&a);
		assert_int_equal(attempt_reason(&a), reason_of_verdict(v));
	}
}

static void test_notifies_agree_with_why(void **state)
{
	static const uint16_t notifies[] = {
		NOTIFY_NO_PROPOSAL_CHOSEN,    NOTIFY_INVALID_KE_PAYLOAD, NOTIFY_TS_UNACCEPTABLE,
		NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX,	 NOTIFY_NO_ADDITIONAL_SAS,
	};
	static const enum stage stages[] = { STAGE_INIT, STAGE_AUTH, STAGE_CHILD };

	(void)state;
	for (size_t i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		for (size_t k = 0; k < 6; k++) {
			const struct status_attempt a = { .failed = true,
							  .stage = stages[k % 3],
							  .notify = notifies[i],
							  .notify_ours = k > 2 };

			assert_agree(&a);
		}
	}
}

static void test_silence_agrees_with_why(void **state)
{
	static const int errors[] = { 0, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH };

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		const struct status_attempt a = { .silent = true,
						  .stage = i < 4 ? STAGE_INIT : STAGE_AUTH,
						  .unreachable = -errors[i % 4] };

		assert_agree(&a);
	}
	assert_string_equal(reason_name(REASON_NONE), "");
	assert_int_equal(attempt_reason(&(struct status_attempt){ .stage = STAGE_UP }),
			 REASON_NONE);
}

static void test_names_are_words_and_differ(void **state)
{
	(void)state;
	for (size_t i = REASON_NONE + 1; i < N_REASONS; i++) {
		const char *name = reason_name((enum reason)i);

		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		for (size_t k = i + 1; k < N_REASONS; k++)
			assert_string_not_equal(name, reason_name((enum reason)k));
	}
}

static void test_levels_and_areas_are_read_back(void **state)
{
	enum report_level level;
	enum report_area area;

	(void)state;
	for (size_t i = 0; i < REPORT_LEVELS; i++) {
		assert_true(report_level_parse(report_level_name((enum report_level)i), &level));
		assert_int_equal(level, i);
	}
	for (size_t i = 0; i < REPORT_N_AREAS; i++) {
		assert_true(report_area_parse(report_area_name((enum report_area)i), &area));
		assert_int_equal(area, i);
		assert_true(strlen(report_area_text((enum report_area)i)) > 0);
	}
	assert_false(report_level_parse("loud", &level));
	assert_false(report_area_parse("all", &area));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts_agree_with_why),
		cmocka_unit_test(test_notifies_agree_with_why),
		cmocka_unit_test(test_silence_agrees_with_why),
		cmocka_unit_test(test_names_are_words_and_differ),
		cmocka_unit_test(test_levels_and_areas_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
