/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/points.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *const outcomes[] = { "done", "refused", "WRONG" };

static const struct calls_fault ways[] = {
	{ .kind = CALLS_DESCRIPTOR, .error = EMFILE },
	{ .kind = CALLS_DESCRIPTOR, .error = EMFILE, .lasting = true },
	{ .kind = CALLS_DESCRIPTOR, .error = ENFILE },
	{ .kind = CALLS_DESCRIPTOR, .error = ENFILE, .lasting = true },
	{ .kind = CALLS_DISK, .error = ENOSPC },
	{ .kind = CALLS_DISK, .error = ENOSPC, .lasting = true },
	{ .kind = CALLS_DISK, .error = ENOSPC, .cut = true },
	{ .kind = CALLS_DISK, .error = EIO },
};

struct points {
	const char *what;
	enum outcome (*call)(void);
	size_t open; /* descriptors, when nothing is under way */
	uint64_t n, survived;
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* The keyholder is another thread, and may be late to close. */
static bool has_descriptors(size_t n)
{
	for (int i = 0; i < 400; i++) {
		if (calls_descriptors() == n)
			return true;
		pause_ms(5);
	}
	print_message("%zu descriptors, and there were %zu\n", calls_descriptors(), n);
	return false;
}

/* False: there was no such call any more. */
static bool try(struct points *p, const struct calls_fault *fault)
{
	enum outcome was, after;
	const char *which;
	bool hit, whole;

	calls_fail(fault);
	was = p->call();
	hit = calls_failed() > 0;
	which = calls_which();
	calls_fail(NULL);
	whole = has_descriptors(p->open);
	after = hit ? p->call() : DONE;
	if (hit ? was != WRONG && after == DONE && whole : was == DONE && whole)
		p->survived += hit;
	else
		print_message("%s, call %llu (%s: %s%s%s): %s, then %s\n", p->what,
			      (unsigned long long)fault->n, which, strerror(fault->error),
			      fault->lasting ? ", lasting" : "", fault->cut ? ", by half" : "",
			      outcomes[was], outcomes[after]);
	p->n += hit;
	return hit;
}

void points_try(const char *what, enum outcome (*call)(void), enum calls_kind kind, uint64_t least)
{
	struct points p = { .what = what, .call = call };

	assert_int_equal(call(), DONE); /* what is made once a process is made */
	pause_ms(200);
	p.open = calls_descriptors();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct calls_fault f = ways[i];

		if (f.kind != kind)
			continue;
		for (f.n = 1; try(&p, &f); f.n++)
			;
		assert_true(f.n > least);
	}
	print_message("%s: %llu injection points, %llu survived\n", what, (unsigned long long)p.n,
		      (unsigned long long)p.survived);
	assert_true(p.n == p.survived);
}
