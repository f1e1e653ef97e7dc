/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs made ahead: as many as there is room for, each given once, of one group. */
#include "cmd/ikemeshd/ke_stock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct spec wanting(uint16_t group)
{
	struct spec s = { .n_ike = 1 };

	s.ike[0].n = 2;
	s.ike[0].t[0] = (struct transform){ TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0 };
	s.ike[0].t[1] = (struct transform){ TRANSFORM_KE, group, 0 };
	return s;
}

static void make_all(struct ke_stock *s)
{
	struct job *job;

	while ((job = ke_stock_job(s)) != NULL) {
		job_run(job, NULL, NULL, NULL, 0);
		ke_stock_take(s, job);
	}
}

static struct job *asking(enum job_kind kind, uint16_t group)
{
	struct job *job = job_new(kind);

	assert_non_null(job);
	job->ke = ke_by_id(group);
	return job;
}

static void test_each_is_given_once(void **state)
{
	const struct spec spec = wanting(KE_CURVE25519);
	struct blob before[KE_STOCK_MAX + 1] = { 0 };
	struct ke_stock s = { 0 };

	(void)state;
	assert_null(ke_stock_job(&s));
	assert_false(ke_stock_is_low(&s));
	ke_stock_for(&s, &spec);
	assert_true(ke_stock_is_low(&s));
	make_all(&s);
	assert_int_equal(s.n, KE_STOCK_MAX);
	assert_false(ke_stock_is_low(&s));

	/* The last one is asked of an empty stock, and made as if there were none. */
	for (size_t i = 0; i <= KE_STOCK_MAX; i++) {
		struct job *job = asking(JOB_KE_GENERATE, KE_CURVE25519);

		ke_stock_give(&s, job);
		assert_int_equal(job->ke_key != NULL, i < KE_STOCK_MAX);
		assert_int_equal(ke_stock_is_low(&s), KE_STOCK_MAX - 1 <= i + KE_STOCK_LOW);
		job_run(job, NULL, NULL, NULL, 0);
		assert_int_equal(job->result, 0);
		for (size_t k = 0; k < i; k++)
			assert_false(
				bytes_equal(blob_view(&before[k]), blob_view(&job->ke_public)));
		assert_int_equal(blob_copy(&before[i], blob_view(&job->ke_public)), 0);
		job_free(job);
	}
	for (size_t i = 0; i <= KE_STOCK_MAX; i++)
		blob_free(&before[i]);
	ke_stock_wipe(&s);
}

/* One made ahead is as good as one that was not, for both sides. */
static void test_they_agree(void **state)
{
	const struct spec spec = wanting(KE_MODP_2048);
	struct job *i = asking(JOB_KE_GENERATE, KE_MODP_2048);
	struct job *r = asking(JOB_KE_RESPOND, KE_MODP_2048);
	struct blob ahead = { 0 };
	struct ke_stock s = { 0 };

	(void)state;
	ke_stock_for(&s, &spec);
	make_all(&s);
	ke_stock_give(&s, i);
	assert_int_equal(blob_copy(&ahead, blob_view(&i->ke_public)), 0);
	job_run(i, NULL, NULL, NULL, 0);
	assert_true(bytes_equal(blob_view(&ahead), blob_view(&i->ke_public)));

	assert_int_equal(blob_copy(&r->peer_public, blob_view(&i->ke_public)), 0);
	ke_stock_give(&s, r);
	assert_non_null(r->ke_key);
	job_run(r, NULL, NULL, NULL, 0);
	assert_int_equal(r->result, 0);

	i->kind = JOB_KE_DERIVE;
	assert_int_equal(blob_copy(&i->peer_public, blob_view(&r->ke_public)), 0);
	ke_stock_give(&s, i); /* which has its key */
	assert_int_equal(s.n, KE_STOCK_MAX - 2);
	job_run(i, NULL, NULL, NULL, 0);
	assert_int_equal(i->result, 0);
	assert_true(secret_equal(secret_view(&i->shared), secret_view(&r->shared)));
	blob_free(&ahead);
	job_free(i);
	job_free(r);
	ke_stock_wipe(&s);
}

static void test_of_one_group(void **state)
{
	const struct spec first = wanting(KE_CURVE25519), then = wanting(KE_ECP_256);
	struct job *other = asking(JOB_KE_GENERATE, KE_ECP_256), *late;
	struct ke_stock s = { 0 };

	(void)state;
	ke_stock_for(&s, &first);
	late = ke_stock_job(&s);
	assert_non_null(late);
	job_run(late, NULL, NULL, NULL, 0);
	make_all(&s);
	assert_int_equal(s.n, KE_STOCK_MAX - 1);
	ke_stock_give(&s, other);
	assert_null(other->ke_key);

	/* Another configuration: what there was is gone, and so is what was being made. */
	ke_stock_for(&s, &then);
	assert_int_equal(s.n, 0);
	ke_stock_take(&s, late);
	assert_int_equal(s.n, 0);
	make_all(&s);
	ke_stock_give(&s, other);
	assert_non_null(other->ke_key);
	job_free(other);
	ke_stock_wipe(&s);
	assert_int_equal(s.n, 0);
}

/* Who makes them one by one gets all of them, though it was low at the first ones only. */
static void test_filled_up_one_by_one(void **state)
{
	const struct spec spec = wanting(KE_CURVE25519);
	struct ke_stock s = { 0 };
	size_t made = 0;

	(void)state;
	ke_stock_for(&s, &spec);
	for (; ke_stock_is_low(&s); made++) {
		struct job *job = ke_stock_job(&s);

		assert_non_null(job);
		job_run(job, NULL, NULL, NULL, 0);
		ke_stock_take(&s, job);
	}
	assert_int_equal(made, KE_STOCK_MAX);
	ke_stock_wipe(&s);
}

/* A library that cannot is not asked again and again; one that is away is no loss. */
static void test_failures(void **state)
{
	const struct spec spec = wanting(KE_CURVE25519);
	struct ke_stock s = { 0 };
	struct job *job;

	(void)state;
	ke_stock_for(&s, &spec);
	ke_stock_miss(&s, ke_stock_job(&s));
	assert_int_equal(s.making, 0);
	assert_true(ke_stock_is_low(&s));
	make_all(&s);
	job = asking(JOB_KE_GENERATE, KE_CURVE25519);
	ke_stock_give(&s, job);
	job_free(job);
	job = ke_stock_job(&s);
	job->result = -EIO;
	ke_stock_take(&s, job);
	assert_int_equal(s.n, 0);
	assert_false(ke_stock_is_low(&s));
	assert_null(ke_stock_job(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_given_once),
		cmocka_unit_test(test_they_agree),
		cmocka_unit_test(test_of_one_group),
		cmocka_unit_test(test_filled_up_one_by_one),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
