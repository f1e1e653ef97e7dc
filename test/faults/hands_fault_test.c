/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a core reaches out for fails it once, at each single point of a whole life with a peer
 * (life.h): the kernel refuses an SA, or its removal, or to say how it is used; a datagram cannot
 * be sent; there is no randomness; a job finds no room; the keyholder is gone when a signature is
 * wanted; any other job fails. Each with each errno that it may come with.
 */
#include "faults/life.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum hand {
	HAND_SA_ADD,
	HAND_SA_DELETE,
	HAND_SA_UPDATE,
	HAND_SA_PACKETS,
	HAND_SEND,
	HAND_RANDOM,
	HAND_JOB,  /* no room in the pool */
	HAND_SIGN, /* the keyholder's answer */
	HAND_WORK, /* what the pool makes of any other */
};

static struct {
	enum hand hand;
	int error;
	uint64_t fails_at, counted;
	bool hit, said;
	struct hands real;
	int (*random)(void *arg, uint8_t *out, size_t n);
	const struct job_doer *doer;
} fault;

static bool fails(enum hand hand)
{
	if (hand != fault.hand || ++fault.counted != fault.fails_at)
		return false;
	fault.hit = true;
	return true;
}

static void set(uint64_t n)
{
	fault.fails_at = n;
	fault.counted = 0;
	fault.hit = fault.said = false;
}

static bool hit(void)
{
	return fault.hit;
}

/* --- hands that fail */

/* As the daemon's: what is refused changed nothing. */
static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct sim_host *h = arg;

	if (fails(HAND_SA_ADD)) {
		h->kernel.fail_add_in = 1;
		h->kernel.fail_error = fault.error;
	}
	return fault.real.sa_add(arg, sa);
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	/* The performer asks a second time, so no action has been performed yet. */
	return fails(HAND_SA_DELETE) ? fault.error : fault.real.sa_delete(arg, ref, inbound);
}

static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	fault.real.sas_packets(arg, refs, n, packets, errors);
	for (size_t i = 0; i < n; i++) {
		if (!fails(HAND_SA_PACKETS))
			continue;
		packets[i] = 0;
		errors[i] = fault.error;
	}
}

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	if (!fails(HAND_SEND))
		return fault.real.send(arg, local, remote, datagram);
	sim_check_performed(arg, ACTION_SEND, false);
	return fault.error;
}

static int hand_job(void *arg, struct job *job)
{
	if (!fails(HAND_JOB))
		return fault.real.job(arg, job);
	sim_check_performed(arg, ACTION_JOB, false);
	return fault.error;
}

static void hand_report(void *arg, const struct report *report)
{
	if (fault.hit && report->level <= REPORT_INFO)
		fault.said = true;
	fault.real.report(arg, report);
}

static int hand_random(void *arg, uint8_t *out, size_t n)
{
	return fails(HAND_RANDOM) ? fault.error : fault.random(arg, out, n);
}

static struct engine *make(const struct engine_options *options)
{
	struct engine_options o = *options;

	fault.random = options->random;
	o.random = hand_random;
	return engine_new(&o);
}

static const struct sim_core core = {
	.make = make,
	.free = engine_free,
	.step = engine_step,
	.status = engine_status,
	.counters = engine_counters,
	.knows_sa = engine_knows_sa,
};

void __real_job_do(const struct job_doer *d, struct job *j);
void __wrap_job_do(const struct job_doer *d, struct job *j);

void __wrap_job_do(const struct job_doer *d, struct job *j)
{
	if (d != fault.doer || !fails(j->kind == JOB_SIGN ? HAND_SIGN : HAND_WORK)) {
		__real_job_do(d, j);
		return;
	}
	j->result = fault.error;
	j->judged.verdict = VERDICT_FAILED;
}

static void prepare(struct sim *s)
{
	struct sim_host *h = &s->hosts[LIFE_VICTIM];

	fault.doer = &h->doer;
	fault.real = h->hands;
	h->hands.sa_add = hand_sa_add;
	h->hands.sa_delete = hand_sa_delete;
	h->hands.sas_packets = hand_sas_packets;
	h->hands.send = hand_send;
	h->hands.job = hand_job;
	h->hands.report = hand_report;
}

/*
 * The core says so, where the daemon does not by itself (it does of datagrams, randomness and SAs
 * that stay), and something was lost by it.
 */
static const char *said(void)
{
	static const bool tells[] = { [HAND_SA_ADD] = true,
				      [HAND_RANDOM] = true,
				      [HAND_JOB] = true,
				      [HAND_SIGN] = true,
				      [HAND_WORK] = true };

	return fault.hit && !fault.said && fault.hand < sizeof tells && tells[fault.hand]
		       ? "nobody says so"
		       : NULL;
}

static void each_point(enum hand hand, const char *what, const int *errors, uint64_t least)
{
	for (; *errors != 0; errors++) {
		char text[64];
		const struct life_points p = {
			.what = text, .set = set, .hit = hit, .least = least
		};

		fault.hand = hand;
		fault.error = -*errors;
		snprintf(text, sizeof text, "%s, %s", what, strerrorname_np(*errors));
		for (int begins = 0; begins < 2; begins++)
			life_each_point(&(struct life){ .begins = begins == 1,
							.core = &core,
							.prepare = prepare,
							.judge = said },
					&p);
	}
}

static const int netlink_errors[] = { ENOBUFS, ENOMEM, EEXIST, ESRCH, EPERM, 0 };

static void test_sa_refused(void **state)
{
	(void)state;
	each_point(HAND_SA_ADD, "SA refused", netlink_errors, 8);
}

static void test_sa_stays(void **state)
{
	static const int errors[] = { ENOBUFS, ENOMEM, EPERM, 0 }; /* ESRCH: it is not there */

	(void)state;
	each_point(HAND_SA_DELETE, "SA stays", errors, 6);
}

static void test_sa_untold(void **state)
{
	(void)state;
	each_point(HAND_SA_PACKETS, "SA's use untold", netlink_errors, 1);
}

static void test_not_sent(void **state)
{
	static const int errors[] = { ENOBUFS, ENOMEM, EPERM, ENETUNREACH, EAGAIN, 0 };

	(void)state;
	each_point(HAND_SEND, "datagram not sent", errors, 15);
}

static void test_no_randomness(void **state)
{
	static const int errors[] = { EIO, 0 };

	(void)state;
	each_point(HAND_RANDOM, "no randomness", errors, 15);
}

static void test_no_room(void **state)
{
	static const int errors[] = { ENOMEM, EAGAIN, 0 };

	(void)state;
	each_point(HAND_JOB, "no room for a job", errors, 10);
}

static void test_keyholder_gone(void **state)
{
	static const int errors[] = { EPIPE, ETIMEDOUT, ENOTCONN, ENOENT, 0 };

	(void)state;
	each_point(HAND_SIGN, "keyholder gone", errors, 3);
}

static void test_work_failed(void **state)
{
	static const int errors[] = { EIO, ENOMEM, 0 };

	(void)state;
	each_point(HAND_WORK, "job failed", errors, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sa_refused),     cmocka_unit_test(test_sa_stays),
		cmocka_unit_test(test_sa_untold),      cmocka_unit_test(test_not_sent),
		cmocka_unit_test(test_no_randomness),  cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_keyholder_gone), cmocka_unit_test(test_work_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
