/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t key[] = { 0x10, 0x20, 0x30, 0x40 };

static void test_new_is_zero(void **state)
{
	static const uint8_t zeros[32];
	struct secret s;

	(void)state;
	assert_int_equal(secret_new(&s, sizeof(zeros)), 0);
	assert_int_equal(s.n, sizeof(zeros));
	assert_memory_equal(s.p, zeros, sizeof(zeros));
	secret_free(&s);
	assert_null(s.p);
	assert_int_equal(s.n, 0);
	secret_free(&s);
}

static void test_of_nothing(void **state)
{
	struct secret s;

	(void)state;
	assert_int_equal(secret_new(&s, 0), 0);
	assert_null(s.p);
	assert_int_equal(secret_copy(&s, BYTES_NONE), 0);
	assert_null(s.p);
	assert_true(secret_equal(secret_view(&s), BYTES_NONE));
}

static void test_move_empties_the_source(void **state)
{
	struct secret a, b;

	(void)state;
	assert_int_equal(secret_copy(&a, BYTES(key, sizeof(key))), 0);
	assert_int_equal(secret_new(&b, 8), 0);
	secret_move(&b, &a);
	assert_null(a.p);
	assert_int_equal(a.n, 0);
	assert_true(secret_equal(secret_view(&b), BYTES(key, sizeof(key))));
	secret_move(&b, &b);
	assert_true(secret_equal(secret_view(&b), BYTES(key, sizeof(key))));
	secret_free(&b);
}

static void test_equal_looks_at_every_octet(void **state)
{
	uint8_t other[sizeof(key)];

	(void)state;
	assert_true(secret_equal(BYTES(key, 4), BYTES(key, 4)));
	assert_false(secret_equal(BYTES(key, 4), BYTES(key, 3)));
	for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
		memcpy(other, key, sizeof(key));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(secret_equal(BYTES(key, 4), BYTES(other, 4)));
	}
}

static void test_wipe(void **state)
{
	static const uint8_t zeros[sizeof(key)];
	uint8_t copy[sizeof(key)];

	(void)state;
	memcpy(copy, key, sizeof(key));
	wipe(copy, sizeof(copy));
	assert_memory_equal(copy, zeros, sizeof(copy));
	wipe(NULL, 0);
}

/* In a process of its own: it cannot be undone. */
static void test_process_is_guarded(void **state)
{
	struct rlimit core = { .rlim_cur = 1, .rlim_max = 1 };
	pid_t child = fork();
	int status = -1;

	(void)state;
	if (child == 0)
		_exit(secret_guard_process() == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
				      getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 &&
				      core.rlim_max == 0
			      ? 0
			      : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * Who may not lock all that it will want locks nothing: what it wants later would be refused.
 * (That it is locked where it may be, the lab sees.)
 */
static void test_process_is_not_locked_by_halves(void **state)
{
	const struct rlimit little = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };
	pid_t child = fork();
	int status = -1;

	(void)state;
	if (child == 0) {
		void *later;

		if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 ||
		    (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
		    secret_lock_process() != -EPERM)
			_exit(1);
		later = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		_exit(later == MAP_FAILED ? 2 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_is_zero),
		cmocka_unit_test(test_of_nothing),
		cmocka_unit_test(test_move_empties_the_source),
		cmocka_unit_test(test_equal_looks_at_every_octet),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_process_is_guarded),
		cmocka_unit_test(test_process_is_not_locked_by_halves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
