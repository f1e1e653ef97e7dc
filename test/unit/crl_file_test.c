/* SPDX-License-Identifier: Apache-2.0 */
/* Files of CRLs: seen to change, and worth what was read of them last while they are broken. */
#include "cmd/ikemeshd/daemon.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_AGO ((time_t)1000000000)

static struct testpki_cert ca, leaf;
static struct blob none, one; /* lists: nobody revoked, and leaf */
static char dir[] = "/tmp/ikemesh-crl-XXXXXX", path[64], other[64];

static int setup(void **state)
{
	(void)state;
	/* the keyholder goes by the clock of the day */
	testpki_make(&ca, &(struct testpki_spec){
				  .subject = "CN=CA", .ca = true, .not_before = LONG_AGO });
	testpki_make(&leaf, &(struct testpki_spec){ .subject = "CN=host",
						    .issuer = &ca,
						    .slot = 1,
						    .not_before = LONG_AGO });
	none = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca, .this_update = LONG_AGO },
			   NULL);
	one = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca,
						      .revoked = { &leaf },
						      .this_update = LONG_AGO },
			  NULL);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.crl", dir);
	snprintf(other, sizeof(other), "%s/b.crl", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	rmdir(dir);
	blob_free(&none);
	blob_free(&one);
	testpki_free(&leaf);
	testpki_free(&ca);
	return 0;
}

/* As a person or a script would: written beside it, then put in its place. */
static void put(const char *to, struct bytes content)
{
	char fresh[80];
	FILE *f;

	snprintf(fresh, sizeof(fresh), "%s.new", to);
	f = fopen(fresh, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, to), 0);
}

static size_t revoked_in(const struct crl_file *f)
{
	struct crl_info info;

	assert_int_equal(crls_count(f->crls), 1);
	crls_describe(f->crls, 0, &info);
	return info.revoked;
}

static void test_file_is_followed(void **state)
{
	struct crl_file f = { .path = strdup(path) };

	(void)state;
	unlink(path);
	assert_int_equal(crl_file_look(&f), CRL_BROKEN);
	assert_string_equal(crl_fault_text(f.fault), "there is no such file");
	assert_null(f.crls);
	assert_int_equal(crl_file_look(&f), CRL_SAME); /* said once */

	put(path, blob_view(&none));
	assert_int_equal(crl_file_look(&f), CRL_REPLACED);
	assert_int_equal(f.fault, 0);
	assert_int_equal(revoked_in(&f), 0);
	assert_int_equal(crl_file_look(&f), CRL_SAME);

	put(path, blob_view(&one));
	assert_int_equal(crl_file_look(&f), CRL_REPLACED);
	assert_int_equal(revoked_in(&f), 1);

	/* half of it, or nothing of it, or no file any more: the old list stays */
	put(path, BYTES(one.p, one.n / 2));
	assert_int_equal(crl_file_look(&f), CRL_BROKEN);
	assert_string_equal(crl_fault_text(f.fault), "is no CRL: its content is damaged");
	assert_int_equal(crl_file_look(&f), CRL_SAME);
	assert_int_equal(revoked_in(&f), 1);
	put(path, blob_view(&ca.pem));
	assert_int_equal(crl_file_look(&f), CRL_BROKEN);
	assert_string_equal(crl_fault_text(f.fault), "has no CRL in it");
	unlink(path);
	assert_int_equal(crl_file_look(&f), CRL_BROKEN);
	assert_string_equal(crl_fault_text(f.fault), "there is no such file");
	assert_int_equal(revoked_in(&f), 1);

	put(path, blob_view(&none));
	assert_int_equal(crl_file_look(&f), CRL_REPLACED);
	assert_int_equal(f.fault, 0);
	assert_int_equal(revoked_in(&f), 0);
	crl_file_wipe(&f);
}

static void test_files_joined(void **state)
{
	struct crl_file files[3] = { { .path = strdup(path) }, { .path = strdup(other) } };
	struct crls *all;

	(void)state;
	put(path, blob_view(&none));
	put(other, blob_view(&one));
	assert_int_equal(crl_file_look(&files[0]), CRL_REPLACED);
	assert_int_equal(crl_file_look(&files[1]), CRL_REPLACED);
	all = crl_files_join(files, 3); /* the last one could not be read */
	assert_int_equal(crls_count(all), 2);
	crls_drop(all);
	for (size_t i = 0; i < 3; i++)
		crl_file_wipe(&files[i]);
}

static enum verdict verdict_of(const struct trust *t)
{
	const struct bytes certs[] = { blob_view(&leaf.der) };
	struct peer_finding f;

	return trust_check_certs(t, certs, 1, BYTES_NONE, TESTPKI_NOW, &f);
}

static struct config config_with(const char *file)
{
	struct config c = { .trust = trust_new() };

	assert_int_equal(trust_add_ca(c.trust, blob_view(&ca.der)), 0);
	c.crl_files = calloc(1, sizeof(*c.crl_files));
	c.crl_files[0].path = strdup(file);
	c.n_crl_files = 1;
	(void)crl_file_look(&c.crl_files[0]);
	return c;
}

/* A reload that cannot read a file does not forget whom it revoked. */
static void test_reload_keeps_what_it_cannot_read(void **state)
{
	struct config before, after, elsewhere;

	(void)state;
	put(path, blob_view(&one));
	before = config_with(path);
	put(path, BYTES(one.p, 9));
	after = config_with(path);
	elsewhere = config_with("/nonexistent");
	assert_int_equal(verdict_of(after.trust), VERDICT_GOOD);
	assert_int_equal(daemon_keep_crls(&before, &after), 0);
	assert_int_equal(verdict_of(after.trust), VERDICT_REVOKED);
	assert_int_equal(daemon_keep_crls(&before, &elsewhere), 0);
	assert_int_equal(verdict_of(elsewhere.trust), VERDICT_GOOD);
	config_free(&before);
	config_free(&after);
	config_free(&elsewhere);
}

static struct job *review_job(void)
{
	struct job *j = job_new(JOB_REVIEW);

	assert_int_equal(blob_copy(&j->certs[0], blob_view(&leaf.der)), 0);
	j->n_certs = 1;
	return j;
}

/* New lists; jobs under way keep those of before. */
static void test_new_lists_make_a_new_ring(void **state)
{
	struct trust *t = trust_new();
	struct crls *lists = crls_new();
	struct job *j = review_job();
	struct keyring *old, *now;

	(void)state;
	assert_int_equal(crls_add(lists, blob_view(&one)), 0);
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	old = keyring_new(t);
	assert_non_null(old);
	now = keyring_with_crls(old, lists);
	assert_non_null(now);
	crls_drop(lists);
	keyring_run(j, old);
	assert_int_not_equal(j->judged.verdict, VERDICT_REVOKED);
	keyring_run(j, now);
	assert_int_equal(j->judged.verdict, VERDICT_REVOKED);
	keyring_drop(old);
	keyring_drop(now);
	job_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_is_followed),
		cmocka_unit_test(test_files_joined),
		cmocka_unit_test(test_reload_keeps_what_it_cannot_read),
		cmocka_unit_test(test_new_lists_make_a_new_ring),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
