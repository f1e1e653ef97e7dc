/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl reload --settled`: what counts as a change, and when no more of them come. */
#include "cmd/ikectl/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[64], cert[80], key[80], elsewhere[80], list[200];
};

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/reload-test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->cert, sizeof(p->cert), "%s/cert.pem", p->dir);
	snprintf(p->key, sizeof(p->key), "%s/key.pem", p->dir);
	snprintf(p->elsewhere, sizeof(p->elsewhere), "%s.ca", p->dir);
	snprintf(p->list, sizeof(p->list), "%s,%s", p->dir, p->elsewhere);
	put(p->cert, "one");
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->cert);
	unlink(p->key);
	unlink(p->elsewhere);
	rmdir(p->dir);
	free(p);
	return 0;
}

static uint64_t mark(const struct place *p)
{
	uint64_t m;

	assert_int_equal(reload_mark(p->list, &m), 0);
	return m;
}

static void test_every_change_is_one(void **state)
{
	struct place *p = *state;
	uint64_t was = mark(p), is;

	assert_true(mark(p) == was);
	put(p->cert, "changed");
	assert_true((is = mark(p)) != was);
	was = is;
	put(p->key, "new");
	assert_true((is = mark(p)) != was);
	was = is;
	assert_int_equal(chmod(p->key, 0600), 0);
	assert_true((is = mark(p)) != was);
	was = is;
	put(p->elsewhere, "made");
	assert_true((is = mark(p)) != was);
	was = is;
	assert_int_equal(unlink(p->elsewhere), 0);
	assert_true((is = mark(p)) != was);
	was = is;
	assert_int_equal(rename(p->key, p->cert), 0);
	assert_true(mark(p) != was);
}

/* As agents do that turn a link to another directory. */
static void test_a_link_is_followed(void **state)
{
	struct place *p = *state;
	uint64_t was;

	put(p->elsewhere, "one");
	assert_int_equal(symlink(p->elsewhere, p->key), 0);
	snprintf(p->list, sizeof(p->list), "%s", p->dir);
	was = mark(p);
	put(p->elsewhere, "another");
	assert_true(mark(p) != was);
}

static void test_what_is_no_list(void **state)
{
	uint64_t m;

	(void)state;
	assert_int_equal(reload_mark("", &m), -EINVAL);
	assert_int_equal(reload_mark("etc/ikemesh", &m), -EINVAL);
	assert_int_equal(reload_mark("/nonexistent,certs", &m), -EINVAL);
	assert_int_equal(reload_mark("/nonexistent", &m), 0);
}

#define WRITES 4
#define WRITE_EVERY_MS 150

static void *write_some(void *arg)
{
	struct place *p = arg;
	char text[16];

	for (int i = 0; i < WRITES; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = WRITE_EVERY_MS * 1000000L }, NULL);
		snprintf(text, sizeof(text), "%d", i);
		put(p->key, text);
	}
	return NULL;
}

static void test_it_waits_for_the_last_one(void **state)
{
	struct place *p = *state;
	pthread_t writer;
	uint64_t m;
	char text[16] = "";
	FILE *f;

	assert_int_equal(pthread_create(&writer, NULL, write_some, p), 0);
	assert_int_equal(reload_settle(p->list, 800, 60000, &m), 0);
	f = fopen(p->key, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	pthread_join(writer, NULL);
	assert_string_equal(text, "3");
	assert_true(m == mark(p));
}

static void *write_on(void *arg)
{
	struct place *p = arg;

	for (int i = 0; i < 20; i++) {
		put(p->key, i % 2 == 0 ? "a" : "bc");
		nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000000L }, NULL);
	}
	return NULL;
}

static void test_but_not_for_ever(void **state)
{
	struct place *p = *state;
	struct timespec begun, ended;
	pthread_t writer;
	uint64_t m;

	assert_int_equal(pthread_create(&writer, NULL, write_on, p), 0);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	assert_int_equal(reload_settle(p->list, 5000, 600, &m), 0);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	pthread_join(writer, NULL);
	assert_true(ended.tv_sec - begun.tv_sec < 4);
}

static void test_how_it_fails(void **state)
{
	struct place *p = *state;
	struct invocation in = { .run_dir = p->dir,
				 .options = { { "settled", "certs" } },
				 .n_options = 1 };

	assert_int_equal(reload_run(&in), STATUS_USAGE);
	in.n_options = 0;
	assert_int_equal(reload_run(&in), STATUS_NO_DAEMON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_change_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_link_is_followed, set_up, tear_down),
		cmocka_unit_test(test_what_is_no_list),
		cmocka_unit_test_setup_teardown(test_it_waits_for_the_last_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_but_not_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_how_it_fails, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
