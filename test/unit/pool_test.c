/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on threads: order, bound, going away in the middle, and keys that outlive a reload. */
#include "cmd/ikemeshd/keyholder.h"
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

/* What the test's jobs do: wait at the gate, then say that they ran. */
static sem_t gate;
static atomic_uint ran;

static void run_at_gate(struct job *job, const struct keyring *ring)
{
	(void)ring;
	sem_wait(&gate);
	job->result = (int)atomic_fetch_add(&ran, 1);
}

static void run_at_once(struct job *job, const struct keyring *ring)
{
	(void)ring;
	job->result = (int)atomic_fetch_add(&ran, 1);
}

static int setup(void **state)
{
	(void)state;
	atomic_store(&ran, 0);
	return sem_init(&gate, 0, 0);
}

static int teardown(void **state)
{
	(void)state;
	return sem_destroy(&gate);
}

static struct job *job_of(uint64_t ticket)
{
	struct job *job = job_new(JOB_SIGN);

	assert_non_null(job);
	job->ticket = ticket;
	return job;
}

static void submit(struct pool *p, uint64_t ticket, int expected)
{
	struct job *job = job_of(ticket);

	assert_int_equal(pool_submit(p, job, NULL), expected);
	if (expected != 0)
		job_free(job);
}

static bool readable(struct pool *p, int ms)
{
	struct pollfd f = { .fd = pool_fd(p), .events = POLLIN };

	return poll(&f, 1, ms) == 1;
}

static struct job *take(struct pool *p)
{
	assert_true(readable(p, 2000));
	return pool_take(p);
}

static void test_without_workers_the_way_home_is_the_same(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(0, 4, run_at_once, &p), 0);
	assert_false(readable(p, 0));
	for (uint64_t i = 0; i < 3; i++)
		submit(p, i, 0);
	assert_int_equal(pool_pending(p), 3);
	for (uint64_t i = 0; i < 3; i++) {
		struct job *job = take(p);

		assert_int_equal(job->ticket, i);
		assert_int_equal(job->result, i);
		job_free(job);
	}
	assert_null(pool_take(p));
	assert_false(readable(p, 0));
	assert_int_equal(pool_pending(p), 0);
	pool_close(p);
}

static void test_one_worker_keeps_the_order(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(1, 100, run_at_once, &p), 0);
	for (uint64_t i = 0; i < 100; i++)
		submit(p, i, 0);
	for (uint64_t i = 0; i < 100; i++) {
		struct job *job;

		/* Readable exactly as long as something is done, whenever it came. */
		while ((job = pool_take(p)) == NULL)
			assert_true(readable(p, 2000));
		assert_int_equal(job->ticket, i);
		assert_int_equal(job->result, i);
		job_free(job);
	}
	pool_close(p);
}

static void test_there_is_room_for_so_many(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_open(2, 3, run_at_gate, &p), 0);
	submit(p, 1, 0);
	submit(p, 2, 0);
	submit(p, 3, 0);
	submit(p, 4, -EBUSY);
	/* What is done but not fetched still takes room. */
	sem_post(&gate);
	assert_true(readable(p, 2000));
	submit(p, 5, -EBUSY);
	job_free(take(p));
	submit(p, 6, 0);
	for (int i = 0; i < 3; i++)
		sem_post(&gate);
	for (int i = 0; i < 3; i++) {
		struct job *job;

		while ((job = pool_take(p)) == NULL)
			assert_true(readable(p, 2000));
		assert_int_not_equal(job->ticket, 4);
		job_free(job);
	}
	pool_close(p);
}

static void test_workers_run_side_by_side(void **state)
{
	struct pool *p;

	(void)state;
	/* The second can only finish if the first does not hold it up. */
	assert_int_equal(pool_open(2, 8, run_at_gate, &p), 0);
	submit(p, 1, 0);
	submit(p, 2, 0);
	sem_post(&gate);
	job_free(take(p));
	sem_post(&gate);
	job_free(take(p));
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

/* The leak checker is the judge: waiting, running and done jobs all go. */
static void test_closing_frees_what_is_inside(void **state)
{
	struct pool *p;
	pthread_t opener;

	(void)state;
	assert_int_equal(pool_open(1, 8, run_at_gate, &p), 0);
	for (uint64_t i = 0; i < 6; i++)
		submit(p, i, 0);
	sem_post(&gate);
	assert_true(readable(p, 2000));
	/* The second runs meanwhile, and closing waits for it. */
	assert_int_equal(pthread_create(&opener, NULL, open_gate_later, NULL), 0);
	pool_close(p);
	pthread_join(opener, NULL);
	assert_in_range(atomic_load(&ran), 1, 5);
	pool_close(NULL);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static struct job *sign_job(uint32_t credential)
{
	struct job *job = job_of(1);

	job->credential = credential;
	return job;
}

static void test_an_exchange_signs_with_the_key_that_it_showed(void **state)
{
	struct keyholder *h = keyholder_new();
	struct job *old = sign_job(1), *now = sign_job(2), *verify = job_new(JOB_VERIFY);
	struct keyring *ring_old, *ring_now, *ring_verify;

	(void)state;
	assert_null(keyholder_ring(h, now));
	assert_int_equal(keyholder_load(h, NULL, trust_new(), NULL, 1), 0);
	ring_old = keyholder_ring(h, old);
	assert_int_equal(keyholder_load(h, NULL, trust_new(), NULL, 2), 0);
	ring_now = keyholder_ring(h, now);
	ring_verify = keyholder_ring(h, verify);
	assert_ptr_not_equal(ring_old, ring_now);
	assert_ptr_equal(ring_verify, ring_now);
	keyring_drop(ring_old);
	/* A reload in between: the old one is still to be had. */
	ring_old = keyholder_ring(h, old);
	assert_ptr_not_equal(ring_old, ring_now);
	/* Other CAs with the same key: verification sees them, the old key stays. */
	assert_int_equal(keyholder_load(h, NULL, trust_new(), NULL, 2), 0);
	keyring_drop(keyholder_ring(h, verify));
	keyholder_free(h);
	/* Rings that are out outlive their keyholder. */
	keyring_drop(ring_old);
	keyring_drop(ring_now);
	keyring_drop(ring_verify);
	job_free(old);
	job_free(now);
	job_free(verify);
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

/* The PPK moves in, is used by whoever knows its name, and goes with a reload that has none. */
static void test_the_ppk_is_the_keyholders(void **state)
{
	struct keyholder *h = keyholder_new();
	struct job *ours = ppk_job_of("mesh"), *other = ppk_job_of("another");
	struct ppk ppk = { 0 };
	struct keyring *ring;

	(void)state;
	assert_int_equal(blob_copy(&ppk.id, BYTES((const uint8_t *)"mesh", 4)), 0);
	assert_int_equal(secret_new(&ppk.key, 32), 0);
	assert_int_equal(keyholder_load(h, NULL, trust_new(), &ppk, 1), 0);
	assert_null(ppk.key.p);
	assert_null(ppk.id.p);
	ring = keyholder_ring(h, ours);
	keyring_run(other, ring);
	assert_int_equal(other->result, -ENOKEY);
	assert_int_equal(keyholder_load(h, NULL, trust_new(), NULL, 1), 0);
	keyring_run(ours, ring); /* under way: it keeps its own */
	assert_int_equal(ours->result, 0);
	keyring_drop(ring);
	ring = keyholder_ring(h, ours);
	keyring_run(ours, ring);
	assert_int_equal(ours->result, -ENOKEY);
	keyring_drop(ring);
	keyholder_free(h);
	job_free(ours);
	job_free(other);
}

static void test_no_key_of_that_generation(void **state)
{
	struct keyholder *h = keyholder_new();
	struct job *job = sign_job(1), *verify = job_new(JOB_VERIFY);
	struct keyring *ring;

	(void)state;
	keyring_run(job, NULL);
	assert_int_equal(job->result, -ENOKEY);
	keyring_run(verify, NULL);
	assert_int_equal(verify->judged.verdict, VERDICT_FAILED);
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(keyholder_load(h, NULL, trust_new(), NULL, i), 0);
	ring = keyholder_ring(h, job);
	job->result = 0;
	keyring_run(job, ring);
	assert_int_equal(job->result, -ENOKEY);
	keyring_drop(ring);
	keyholder_free(h);
	job_free(job);
	job_free(verify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_without_workers_the_way_home_is_the_same),
		TEST(test_one_worker_keeps_the_order),
		TEST(test_there_is_room_for_so_many),
		TEST(test_workers_run_side_by_side),
		TEST(test_closing_frees_what_is_inside),
		TEST(test_an_exchange_signs_with_the_key_that_it_showed),
		TEST(test_no_key_of_that_generation),
		TEST(test_the_ppk_is_the_keyholders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
