/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's core runs out of memory once, at each single allocation of a whole life with a peer
 * (life.h), the crypto library's among them; as the one who begins all of it, and as the one who
 * answers. Whatever was lost by that: nobody crashes, nothing leaks, the invariants hold, the
 * daemon would say that memory was short, and a minute later both ends agree and packets pass.
 */
#include "cmd/ikemeshd/shortage.h"
#include "faults/heap.h"
#include "faults/life.h"

#include <errno.h>
#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t before;

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
	heap_arm(d == victims_doer);
	__real_job_do(d, j);
	heap_arm(false);
}

static void prepare(struct sim *s)
{
	victims_doer = &s->hosts[LIFE_VICTIM].doer;
	before = shortages();
}

static const char *said(void)
{
	return heap_failed() && shortages() == before && !heap_libc_asked()
		       ? "the daemon would not say that memory was short"
		       : NULL;
}

static void show_who(void)
{
	void *const *frames;
	const size_t depth = heap_who(&frames);

	backtrace_symbols_fd(frames, (int)depth, 1);
}

static const struct life_points allocations = {
	.what = "allocation", .set = heap_fail, .hit = heap_failed, .show = show_who, .least = 1500
};

static void test_who_begins(void **state)
{
	(void)state;
	life_each_point(
		&(struct life){
			.begins = true, .core = &short_core, .prepare = prepare, .judge = said },
		&allocations);
}

static void test_who_answers(void **state)
{
	(void)state;
	life_each_point(&(struct life){ .core = &short_core, .prepare = prepare, .judge = said },
			&allocations);
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
