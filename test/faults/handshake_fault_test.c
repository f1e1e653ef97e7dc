/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's core runs out of memory once, at each single allocation of a whole life with a peer:
 * first contact, rekeying of the CHILD_SA and of the IKE SA, deletion, and a second contact; as the
 * one who begins all of it, and as the one who answers. Whatever was lost by that: nobody crashes,
 * nothing leaks, the invariants hold at every step, somebody says that memory was short, and a
 * minute later both ends agree and packets pass.
 */
#include "cmd/ikemeshd/shortage.h"
#include "faults/heap.h"
#include "sim/sim.h"

#include <errno.h>
#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VICTIM 1
#define OTHER 0
#define STEP_S 3
#define REST_S 90
#define PACE_S 3 /* a packet each way */
#define SHOWN 10 /* injection points that were not survived */

struct life {
	bool begins; /* the victim initiates */
	bool jobs;   /* the work of the pool as well */
	struct sim_options sim;
};

static struct {
	jmp_buf out;
	char breach[512];
	bool jobs;
} run;

static void breach(const struct sim *s, int a, int b, const char *text)
{
	(void)s;
	(void)a;
	(void)b;
	heap_arm(false);
	snprintf(run.breach, sizeof run.breach, "%s", text);
	longjmp(run.out, 1);
}

/* --- the victim */

static int short_step(struct engine *e, struct mono now, const struct event *event,
		      struct actions *out)
{
	int r;

	heap_arm(true);
	r = engine_step(e, now, event, out);
	heap_arm(false);
	return r == -ENOMEM && heap_failed() ? 0 : r;
}

static const struct sim_core short_core = {
	.make = engine_new,
	.free = engine_free,
	.step = short_step,
	.status = engine_status,
	.counters = engine_counters,
	.knows_sa = engine_knows_sa,
};

void __real_job_do(const struct job_doer *d, struct job *j);
void __wrap_job_do(const struct job_doer *d, struct job *j);

static const struct job_doer *victims_doer;

void __wrap_job_do(const struct job_doer *d, struct job *j)
{
	if (run.jobs && d == victims_doer)
		heap_arm(true);
	__real_job_do(d, j);
	heap_arm(false);
}

/* --- one life */

static void live(struct sim *s, const struct life *l)
{
	const unsigned first = l->begins ? VICTIM : OTHER, second = 1 - first;
	static const enum command_kind steps[] = { COMMAND_REKEY, COMMAND_REKEY_IKE, COMMAND_REAUTH,
						   COMMAND_DOWN };

	sim_start_all(s);
	sim_send(s, first, second);
	sim_run_for(s, STEP_S * SIM_SECOND);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		sim_command(s, first, second, steps[i]);
		sim_run_for(s, STEP_S * SIM_SECOND);
	}
	/* Another handshake, and what it takes to get there. */
	sim_stream(s, first, second, 0, PACE_S * SIM_SECOND, REST_S / PACE_S);
	sim_stream(s, second, first, 0, PACE_S * SIM_SECOND, REST_S / PACE_S);
	sim_run_for(s, (REST_S + 10) * SIM_SECOND);
	sim_check_rest(s);
	if (!sim_pair_up(s, 0, 1))
		sim_breach(s, "the pair is not up");
}

/* Not survived: run.breach says why. */
static bool survives(const struct life *l, uint64_t n)
{
	struct sim_options o = l->sim;
	const uint64_t before = shortages();
	struct sim *s;

	o.breach = breach;
	o.other_core = &short_core;
	run.breach[0] = '\0';
	run.jobs = l->jobs;
	s = sim_new(&o);
	victims_doer = &s->hosts[VICTIM].doer;
	sim_pair_want(s, 0, 1);
	heap_fail(n);
	if (setjmp(run.out) == 0) {
		live(s, l);
		if (heap_failed() && shortages() == before && !heap_libc_asked())
			snprintf(run.breach, sizeof run.breach,
				 "the daemon would not say that memory was short");
	}
	sim_free(s);
	return run.breach[0] == '\0';
}

static void show(uint64_t n)
{
	void *const *frames;
	const size_t depth = heap_who(&frames);

	print_message("allocation %llu: %s\n", (unsigned long long)n, run.breach);
	backtrace_symbols_fd(frames, (int)depth, 1);
}

static void each_allocation(const struct life *l)
{
	uint64_t survived = 0, points = 0;

	for (uint64_t n = 1;; n++) {
		const bool well = survives(l, n);

		if (!heap_failed())
			break;
		points++;
		survived += well;
		if (!well && points - survived <= SHOWN)
			show(n);
	}
	assert_string_equal(run.breach, ""); /* without any failure */
	print_message("%llu injection points, %llu survived\n", (unsigned long long)points,
		      (unsigned long long)survived);
	assert_true(points > 100);
	assert_true(points == survived);
}

static const struct wire_manners wire = { .delay_us = 1000 };

static void test_who_begins(void **state)
{
	(void)state;
	each_allocation(
		&(struct life){ .begins = true,
				.jobs = true,
				.sim = { .seed = 1, .hosts = 2, .wire = wire, .quiet = true } });
}

static void test_who_answers(void **state)
{
	(void)state;
	each_allocation(
		&(struct life){ .sim = { .seed = 2, .hosts = 2, .wire = wire, .quiet = true } });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_begins),
		cmocka_unit_test(test_who_answers),
	};

	shortage_watch();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
