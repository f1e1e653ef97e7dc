/* SPDX-License-Identifier: Apache-2.0 */
/* Who counts as talking in the clear, given who was heard and what the core knows. */
#include "cmd/ikemeshd/clear_view.h"
#include "cmd/ikemeshd/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/duet.h"

struct scene {
	struct duet d;
	struct clear *clear;
	struct clear_talker *t;
	size_t n;
	bool sees_decrypted;
};

static int set_up(void **state)
{
	const struct duet_options options = { .optional = true };
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	duet_start(&s->d, &options);
	assert_int_equal(clear_open(&s->clear), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	free(s->t);
	clear_close(s->clear);
	duet_end(&s->d);
	free(s);
	return 0;
}

static void look(struct scene *s)
{
	free(s->t);
	assert_int_equal(clear_view(s->clear, s->d.engine, &s->d.spec, s->sees_decrypted, s->d.now,
				    &s->t, &s->n),
			 0);
}

static size_t remembered(const struct scene *s)
{
	size_t n;

	clear_peers(s->clear, &n);
	return n;
}

static void test_heard(void **state)
{
	const struct ip a = ip_v4(10, 9, 0, 1), b = ip_v4(10, 8, 0, 1), out = ip_v4(192, 0, 2, 1);
	struct scene *s = *state;

	look(s);
	assert_int_equal(s->n, 0);
	clear_note(s->clear, &a, s->d.now);
	clear_note(s->clear, &out, s->d.now); /* a reload may have dropped its subnet since */
	s->d.now = clock_after(s->d.now, 5 * CLOCK_SECOND);
	clear_note(s->clear, &b, s->d.now);
	look(s);
	assert_int_equal(s->n, 2);
	assert_true(ip_equal(&s->t[0].remote, &b));
	assert_true(ip_equal(&s->t[1].remote, &a));
	assert_int_equal(s->t[0].in.us, s->d.now.us);
	assert_int_equal(s->t[1].in.us, s->d.now.us - 5 * CLOCK_SECOND);
	assert_int_equal(s->t[0].out.us, MONO_NEVER.us);
	assert_ptr_equal(s->t[0].entry, &s->d.spec.protect[0]);
	/* An hour later the one that was silent longer does not talk any more. */
	s->d.now = clock_after(s->d.now, CLEAR_WINDOW_US - CLOCK_SECOND);
	look(s);
	assert_int_equal(s->n, 1);
	assert_true(ip_equal(&s->t[0].remote, &b));
}

/* Where IPsec is enforced nobody gets through. */
static void test_enforced(void **state)
{
	const struct ip a = ip_v4(10, 9, 0, 1);
	struct scene *s = *state;

	clear_note(s->clear, &a, s->d.now);
	s->d.spec.optional = false;
	for (size_t i = 0; i < s->d.spec.n_protect; i++)
		s->d.spec.protect[i].optional = false;
	look(s);
	assert_int_equal(s->n, 0);
}

/* One port of a subnet is optional still. */
static void test_one_protocol(void **state)
{
	const struct ip a = ip_v4(10, 9, 0, 1);
	struct scene *s = *state;
	struct subnet_spec two[2];
	struct spec *spec = &s->d.spec;
	struct subnet_spec *const before = spec->protect;

	two[0] = two[1] = spec->protect[0];
	two[0].optional = false;
	two[1].optional = true;
	two[1].protocol = 6;
	two[1].port = 80;
	spec->protect = two;
	spec->n_protect = 2;
	spec->optional = false;
	clear_note(s->clear, &a, s->d.now);
	look(s);
	assert_int_equal(s->n, 1);
	assert_ptr_equal(s->t[0].entry, &two[1]);
	two[1].optional = false;
	look(s);
	assert_int_equal(s->n, 0);
	spec->protect = before;
	spec->n_protect = 1;
}

/* An SA ends the matter, also for the time when it is gone; what comes in the clear later does not
 * count less for it. */
static void test_sa(void **state)
{
	struct scene *s = *state;
	const struct ip peer = s->d.them.ip;

	clear_note(s->clear, &peer, s->d.now);
	duet_core_up(&s->d);
	duet_wait(&s->d, CLEAR_GRACE_US / 2);
	clear_note(s->clear, &peer, s->d.now); /* was on its way, or the peer's SA came later */
	look(s);
	assert_int_equal(s->n, 0);
	assert_int_equal(remembered(s), 0);
	duet_wait(&s->d, CLEAR_GRACE_US);
	clear_note(s->clear, &peer, s->d.now);
	look(s);
	assert_int_equal(s->n, 1);
	assert_int_equal(s->t[0].in.us, s->d.now.us);
	assert_int_equal(s->t[0].out.us, MONO_NEVER.us);
	assert_int_equal(remembered(s), 1);
}

/* A kernel that shows what it decrypted: as long as there is an SA, nothing can be told. */
static void test_decrypted(void **state)
{
	struct scene *s = *state;
	const struct ip peer = s->d.them.ip, other = ip_v4(10, 9, 0, 1);

	s->sees_decrypted = true;
	duet_core_up(&s->d);
	duet_wait(&s->d, 2 * CLEAR_GRACE_US);
	clear_note(s->clear, &peer, s->d.now);
	clear_note(s->clear, &other, s->d.now);
	look(s);
	assert_int_equal(s->n, 1);
	assert_true(ip_equal(&s->t[0].remote, &other));
	assert_int_equal(remembered(s), 1);
}

/* We wanted an SA and got no answer: what we sent went in the clear. */
static void test_attempt_failed(void **state)
{
	struct scene *s = *state;
	const struct ip peer = s->d.them.ip;
	const struct mono began = s->d.now;

	duet_acquire(&s->d);
	look(s);
	assert_int_equal(s->n, 0); /* nobody knows yet */
	duet_wait(&s->d, 600 * CLOCK_SECOND);
	look(s);
	assert_int_equal(s->n, 1);
	assert_true(ip_equal(&s->t[0].remote, &peer));
	assert_int_equal(s->t[0].in.us, MONO_NEVER.us);
	assert_in_range(s->t[0].out.us, began.us, s->d.now.us);
	/* Heard as well: one entry with both. */
	clear_note(s->clear, &peer, s->d.now);
	look(s);
	assert_int_equal(s->n, 1);
	assert_int_equal(s->t[0].in.us, s->d.now.us);
	assert_true(s->t[0].out.us != MONO_NEVER.us);
	/* Nobody wanted anything for an hour. */
	s->d.now = clock_after(s->d.now, CLEAR_WINDOW_US + CLOCK_SECOND);
	look(s);
	assert_int_equal(s->n, 0);
}

/* Nobody watches: what the core knows is known all the same. */
static void test_no_watch(void **state)
{
	struct scene *s = *state;

	duet_acquire(&s->d);
	duet_wait(&s->d, 600 * CLOCK_SECOND);
	free(s->t);
	assert_int_equal(clear_view(NULL, s->d.engine, &s->d.spec, false, s->d.now, &s->t, &s->n),
			 0);
	assert_int_equal(s->n, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_heard),    TEST(test_enforced),  TEST(test_one_protocol),
		TEST(test_sa),	     TEST(test_decrypted), TEST(test_attempt_failed),
		TEST(test_no_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
