/* SPDX-License-Identifier: Apache-2.0 */
/* Chores on threads: order, bound, going away in the middle, and rings that outlive a reload. */
#include "cmd/ikemeshd/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* What the test's chores do: wait at the gate, then say that they ran. */
static sem_t gate;
static atomic_uint ran;

struct step {
	struct chore chore;
	uint64_t number;
	unsigned turn; /* how many had run before it */
};

static struct step *home; /* the last one */
static unsigned dropped;

static void run_at_gate(struct chore *c)
{
	sem_wait(&gate);
	((struct step *)c)->turn = atomic_fetch_add(&ran, 1);
}

static void run_at_once(struct chore *c)
{
	((struct step *)c)->turn = atomic_fetch_add(&ran, 1);
}

static void come_home(struct chore *c)
{
	home = (struct step *)c;
}

static void drop(struct chore *c)
{
	dropped++;
	free(c);
}

static int setup(void **state)
{
	(void)state;
	atomic_store(&ran, 0);
	dropped = 0;
	return sem_init(&gate, 0, 0);
}

static int teardown(void **state)
{
	(void)state;
	return sem_destroy(&gate);
}

static void submit(struct pool *p, void (*run)(struct chore *), uint64_t number, int expected)
{
	struct step *s = malloc(sizeof(*s));

	assert_non_null(s);
	*s = (struct step){ .chore = { run, come_home, drop }, .number = number };
	assert_int_equal(pool_submit(p, &s->chore), expected);
	if (expected != 0)
		free(s);
}

static bool readable(struct pool *p, int ms)
{
	struct pollfd f = { .fd = pool_fd(p), .events = POLLIN };

	return poll(&f, 1, ms) == 1;
}

/* The next one that is done, NULL if none is; owned by the caller. */
static struct step *try_take(struct pool *p)
{
	size_t n;

	home = NULL;
	n = pool_turn(p, 1);
	assert_int_equal(n, home != NULL);
	return home;
}

static struct step *take(struct pool *p)
{
	struct step *s;

	/* Readable exactly as long as something is done, whenever it came. */
	while ((s = try_take(p)) == NULL)
		assert_true(readable(p, 2000));
	return s;
}

static void test_without_workers_nobody_is_woken(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(0, 4, &p), 0);
	assert_false(readable(p, 0));
	for (uint64_t i = 0; i < 3; i++)
		submit(p, run_at_once, i, 0);
	assert_int_equal(pool_pending(p), 3);
	assert_true(pool_has_done(p));
	assert_false(readable(p, 0));
	for (uint64_t i = 0; i < 3; i++) {
		/* What a turn leaves is not forgotten: from then on it can be waited for. */
		assert_int_equal(readable(p, 0), i > 0);
		struct step *s = try_take(p);

		assert_non_null(s);

		assert_int_equal(s->number, i);
		assert_int_equal(s->turn, i);
		free(s);
	}
	assert_null(try_take(p));
	assert_false(pool_has_done(p));
	assert_false(readable(p, 0));
	assert_int_equal(pool_pending(p), 0);
	pool_close(p);
}

static void test_one_worker_keeps_the_order(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(1, 100, &p), 0);
	for (uint64_t i = 0; i < 100; i++)
		submit(p, run_at_once, i, 0);
	for (uint64_t i = 0; i < 100; i++) {
		struct step *s = take(p);

		assert_int_equal(s->number, i);
		assert_int_equal(s->turn, i);
		free(s);
	}
	pool_close(p);
}

static void test_there_is_room_for_so_many(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(2, 3, &p), 0);
	submit(p, run_at_gate, 1, 0);
	submit(p, run_at_gate, 2, 0);
	submit(p, run_at_gate, 3, 0);
	submit(p, run_at_gate, 4, -EBUSY);
	/* What is done but not fetched still takes room. */
	sem_post(&gate);
	assert_true(readable(p, 2000));
	submit(p, run_at_gate, 5, -EBUSY);
	free(take(p));
	submit(p, run_at_gate, 6, 0);
	for (int i = 0; i < 3; i++)
		sem_post(&gate);
	for (int i = 0; i < 3; i++) {
		struct step *s = take(p);

		assert_int_not_equal(s->number, 4);
		free(s);
	}
	pool_close(p);
}

static void test_workers_run_side_by_side(void **state)
{
	struct pool *p;

	(void)state;
	/* The second can only finish if the first does not hold it up. */
	assert_int_equal(pool_open(2, 8, &p), 0);
	submit(p, run_at_gate, 1, 0);
	submit(p, run_at_gate, 2, 0);
	sem_post(&gate);
	free(take(p));
	sem_post(&gate);
	free(take(p));
	assert_int_equal(atomic_load(&ran), 2);
	pool_close(p);
}

static void *open_gate_later(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	for (int i = 0; i < 5; i++)
		sem_post(&gate);
	return NULL;
}

/* Waiting, running and done ones all go. */
static void test_closing_drops_what_is_inside(void **state)
{
	struct pool *p;
	pthread_t opener;

	(void)state;
	assert_int_equal(pool_open(1, 8, &p), 0);
	for (uint64_t i = 0; i < 6; i++)
		submit(p, run_at_gate, i, 0);
	sem_post(&gate);
	assert_true(readable(p, 2000));
	/* The second runs meanwhile, and closing waits for it. */
	assert_int_equal(pthread_create(&opener, NULL, open_gate_later, NULL), 0);
	pool_close(p);
	pthread_join(opener, NULL);
	assert_in_range(atomic_load(&ran), 1, 5);
	assert_int_equal(dropped, 6);
	pool_close(NULL);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void done(void *arg, struct job *job)
{
	*(struct job **)arg = job;
}

static struct job *run_job(struct pool *p, struct job *job, struct keyring *ring)
{
	struct job *back = NULL;

	assert_int_equal(pool_submit_job(p, job, ring, done, &back), 0);
	while (back == NULL) {
		assert_true(readable(p, 2000));
		pool_turn(p, 8);
	}
	return back;
}

static struct job *ppk_job_of(const char *id)
{
	struct job *job = job_new(JOB_PPK);

	job->prf = prf_by_id(PRF_HMAC_SHA2_256);
	assert_int_equal(blob_copy(&job->id, BYTES((const uint8_t *)id, strlen(id))), 0);
	for (size_t i = 0; i < JOB_SK; i++)
		assert_int_equal(secret_new(&job->sk[i], 32), 0);
	return job;
}

static struct keyring *ring_with_ppk(void)
{
	struct keyring *ring = keyring_new(trust_new());

	assert_non_null(ring);
	assert_int_equal(blob_copy(&ring->ppk.id, BYTES((const uint8_t *)"mesh", 4)), 0);
	assert_int_equal(secret_new(&ring->ppk.key, 32), 0);
	return ring;
}

/* A job that is under way keeps its ring, whoever else drops it. */
static void test_a_job_has_its_ring(void **state)
{
	struct keyring *ring = ring_with_ppk();
	struct pool *p;
	struct job *job;

	(void)state;
	assert_int_equal(pool_open(1, 4, &p), 0);
	job = run_job(p, ppk_job_of("another"), keyring_keep(ring));
	assert_int_equal(job->result, -ENOKEY);
	job_free(job);
	job = run_job(p, ppk_job_of("mesh"), ring);
	assert_int_equal(job->result, 0);
	job_free(job);
	pool_close(p);
}

static void test_nobody_signs_without_a_key(void **state)
{
	struct keyring *ring = keyring_new(trust_new());
	struct job *job = job_new(JOB_SIGN), *verify = job_new(JOB_VERIFY);

	(void)state;
	keyring_run(job, ring);
	assert_int_equal(job->result, -ENOKEY);
	keyring_run(job, NULL);
	assert_int_equal(job->result, -ENOKEY);
	keyring_run(verify, NULL);
	assert_int_equal(verify->judged.verdict, VERDICT_FAILED);
	keyring_drop(ring);
	keyring_drop(NULL);
	job_free(job);
	job_free(verify);
}

static void test_there_is_room_for_so_many_jobs(void **state)
{
	struct job *job = job_new(JOB_SIGN), *back = NULL;
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(0, 1, &p), 0);
	submit(p, run_at_once, 1, 0);
	assert_int_equal(pool_submit_job(p, job, NULL, done, &back), -EBUSY);
	assert_null(back);
	job_free(job);
	free(take(p));
	/* One that nobody takes home goes with the pool. */
	assert_int_equal(pool_submit_job(p, job_new(JOB_SIGN), ring_with_ppk(), done, &back), 0);
	pool_close(p);
	assert_null(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_without_workers_nobody_is_woken),
		TEST(test_one_worker_keeps_the_order),
		TEST(test_there_is_room_for_so_many),
		TEST(test_workers_run_side_by_side),
		TEST(test_closing_drops_what_is_inside),
		TEST(test_a_job_has_its_ring),
		TEST(test_nobody_signs_without_a_key),
		TEST(test_there_is_room_for_so_many_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
