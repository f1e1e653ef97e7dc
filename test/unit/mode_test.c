/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mode.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct subnet net(const char *text)
{
	struct subnet out;
	bool host_bits;

	assert_true(subnet_parse(text, &out, &host_bits));
	return out;
}

static void choose(struct mode *m, const char *where, enum mode_choice choice)
{
	struct subnet at;

	if (where != NULL)
		at = net(where);
	assert_int_equal(mode_choose(m, where != NULL ? &at : NULL, choice), 0);
}

static void expect_text(const struct mode *m, const char *expected)
{
	char *text = mode_write(m);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static int parse(const char *text, struct mode *m)
{
	return mode_parse(BYTES((const uint8_t *)text, strlen(text)), m);
}

#define TEXT                     \
	"ikemesh mode 1\n"       \
	"all enforced\n"         \
	"10.0.8.0/22 optional\n" \
	"fd00:1::/64 file\n"     \
	"end\n"

/* ---- text ----------------------------------------------------------------------------------- */

static void test_text_and_back(void **state)
{
	struct mode m = { 0 }, again;

	(void)state;
	choose(&m, NULL, MODE_ENFORCED);
	choose(&m, "10.0.8.0/22", MODE_OPTIONAL);
	choose(&m, "fd00:1::/64", MODE_FILE);
	expect_text(&m, TEXT);
	assert_int_equal(parse(TEXT, &again), 0);
	expect_text(&again, TEXT);
	mode_wipe(&again);
	assert_int_equal(mode_copy(&again, &m), 0);
	expect_text(&again, TEXT);
	mode_wipe(&again);
	mode_wipe(&m);
}

/* A file that lost its end, or any octet of it, is no mode: nothing less than what was chosen. */
static void test_text_cut_and_flipped(void **state)
{
	uint8_t text[sizeof(TEXT) - 1];
	struct mode m;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		assert_int_equal(mode_parse(BYTES((const uint8_t *)TEXT, n), &m), -EINVAL);
		assert_int_equal(m.all, MODE_FILE);
		assert_null(m.entry);
	}
	for (size_t i = 0; i < sizeof(text) * 8; i++) {
		memcpy(text, TEXT, sizeof(text));
		text[i / 8] ^= (uint8_t)(1u << i % 8);
		/* Another digit is another subnet; that can be told from nothing. */
		if (mode_parse(BYTES(text, sizeof(text)), &m) == 0) {
			assert_int_equal(m.all, MODE_ENFORCED);
			assert_int_equal(m.n, 2);
		}
		mode_wipe(&m);
	}
}

static void test_text_wrong(void **state)
{
	static const char *const wrong[] = {
		"ikemesh mode 2\nall enforced\nend\n",
		"ikemesh mode 1\nall strict\nend\n",
		"ikemesh mode 1\n10.0.8.0/22 optional\nend\n",
		"ikemesh mode 1\nall optional\nall enforced\nend\n",
		"ikemesh mode 1\nall file\n10.0.8.1/22 optional\nend\n",
		"ikemesh mode 1\nall file\n10.0.8.0/22 optional\n10.0.8.0/22 enforced\nend\n",
		"ikemesh mode 1\nall file\n10.0.8.0/22 file\nend\n",
		"ikemesh mode 1\nall file\n\n10.0.8.0/22 optional\nend\n",
		"ikemesh mode 1\nall file\n10.0.8.0/22  optional\nend\n",
		"ikemesh mode 1\nall optional\nend\nend\n",
		"ikemesh mode 1\nend\n",
	};
	struct mode m;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], &m), -EINVAL);
	/* What stands behind an octet 0 is not overlooked. */
	assert_int_equal(
		mode_parse(BYTES((const uint8_t *)"ikemesh mode 1\nall optional\n\0x\nend\n",
				 sizeof("ikemesh mode 1\nall optional\n\0x\nend\n") - 1),
			   &m),
		-EINVAL);
}

/* ---- choosing ------------------------------------------------------------------------------- */

static void test_choose(void **state)
{
	const struct subnet a = net("10.0.8.0/22"), b = net("10.1.0.0/16");
	struct mode m = { 0 };

	(void)state;
	assert_int_equal(mode_of(&m, &a), MODE_FILE);
	choose(&m, "10.0.8.0/22", MODE_OPTIONAL);
	choose(&m, "10.1.0.0/16", MODE_ENFORCED);
	assert_int_equal(mode_of(&m, &a), MODE_OPTIONAL);
	assert_int_equal(mode_of(&m, &b), MODE_ENFORCED);
	choose(&m, "10.0.8.0/22", MODE_ENFORCED);
	assert_int_equal(mode_of(&m, &a), MODE_ENFORCED);
	/* Back to what all are: nothing is left to be said of it. */
	choose(&m, "10.0.8.0/22", MODE_FILE);
	assert_int_equal(m.n, 1);
	assert_int_equal(mode_of(&m, &b), MODE_ENFORCED);
	/* For all: what was said of single ones is over. */
	choose(&m, NULL, MODE_OPTIONAL);
	assert_int_equal(m.n, 0);
	assert_int_equal(mode_of(&m, &b), MODE_OPTIONAL);
	mode_wipe(&m);
}

/* ---- applying ------------------------------------------------------------------------------- */

#define N_ENTRIES 4

/* As the configuration leaves it. */
static void entries(struct spec *s, struct subnet_spec *out, bool optional)
{
	static const char *const nets[N_ENTRIES] = { "10.0.0.0/20", "10.0.8.0/22", "fd00:1::/64",
						     "10.0.8.0/22" };

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < N_ENTRIES; i++)
		out[i] = (struct subnet_spec){ .net = net(nets[i]),
					       .optional = optional,
					       .optional_in_file = optional };
	out[3].protocol = 6;
	out[3].port = 80;
	s->protect = out;
	s->n_protect = N_ENTRIES;
	s->optional = optional;
}

static void expect_optional(const struct spec *s, const char *flags)
{
	bool all = true;

	for (size_t i = 0; i < N_ENTRIES; i++) {
		assert_int_equal(s->protect[i].optional, flags[i] == 'o');
		all = all && flags[i] == 'o';
	}
	assert_int_equal(s->optional, all);
}

static void test_apply(void **state)
{
	struct subnet_spec e[N_ENTRIES];
	struct mode m = { 0 };
	struct spec s;

	(void)state;
	entries(&s, e, true);
	mode_apply(&m, &s);
	expect_optional(&s, "oooo");
	assert_int_equal(mode_differences(&s), 0);
	/* One entry: all of its lines, and the whole is optional no longer. */
	choose(&m, "10.0.8.0/22", MODE_ENFORCED);
	mode_apply(&m, &s);
	expect_optional(&s, "oeoe");
	assert_int_equal(mode_differences(&s), 2);
	choose(&m, NULL, MODE_ENFORCED);
	mode_apply(&m, &s);
	expect_optional(&s, "eeee");
	assert_int_equal(mode_differences(&s), 4);
	/* What the file said is not forgotten. */
	choose(&m, "10.0.0.0/20", MODE_FILE);
	mode_apply(&m, &s);
	expect_optional(&s, "oeee");
	choose(&m, NULL, MODE_FILE);
	mode_apply(&m, &s);
	expect_optional(&s, "oooo");
	assert_int_equal(mode_differences(&s), 0);

	/* A file in which all are enforced. */
	entries(&s, e, false);
	choose(&m, NULL, MODE_OPTIONAL);
	mode_apply(&m, &s);
	expect_optional(&s, "oooo");
	choose(&m, "fd00:1::/64", MODE_ENFORCED);
	mode_apply(&m, &s);
	expect_optional(&s, "ooeo");
	assert_int_equal(mode_differences(&s), 3);
	mode_wipe(&m);
}

/* A subnet that the file does not have (any more) concerns no other. */
static void test_apply_unknown(void **state)
{
	struct subnet_spec e[N_ENTRIES];
	struct mode m = { 0 };
	struct spec s;

	(void)state;
	entries(&s, e, false);
	choose(&m, "10.0.0.0/8", MODE_OPTIONAL);
	choose(&m, "10.0.8.0/24", MODE_OPTIONAL);
	mode_apply(&m, &s);
	expect_optional(&s, "eeee");
	mode_wipe(&m);
}

/* The rulings and the policies follow. */
static void test_apply_ruling(void **state)
{
	const struct ip a = ip_v4(10, 0, 0, 9), b = ip_v4(10, 0, 8, 9);
	struct subnet_spec e[N_ENTRIES];
	struct mode m = { 0 };
	struct spec s;

	(void)state;
	entries(&s, e, true);
	choose(&m, "10.0.8.0/22", MODE_ENFORCED);
	mode_apply(&m, &s);
	assert_int_equal(spec_ruling(&s, &a, NULL), RULING_OPTIONAL);
	assert_int_equal(spec_ruling(&s, &b, NULL), RULING_ENFORCED);
	mode_wipe(&m);
}

/* ---- the file ------------------------------------------------------------------------------- */

struct place {
	char dir[64], file[80], fresh[80];
	char why[MODE_TEXT_LEN];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/ikemesh-mode-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/mode", p->dir);
	snprintf(p->fresh, sizeof(p->fresh), "%s/mode.new", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	rmdir(p->file);
	unlink(p->fresh);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *text, mode_t permissions)
{
	FILE *f = fopen(p->file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(p->file, permissions), 0);
}

static void test_save_and_load(void **state)
{
	struct place *p = *state;
	struct mode m = { 0 }, again;
	struct stat st;

	assert_int_equal(mode_load(p->dir, &again, p->why), 0);
	assert_int_equal(again.all, MODE_FILE);
	choose(&m, NULL, MODE_ENFORCED);
	choose(&m, "10.0.8.0/22", MODE_OPTIONAL);
	/* What an interrupted writer left is in nobody's way. */
	put(p, "ikem", 0600);
	assert_int_equal(rename(p->file, p->fresh), 0);
	assert_int_equal(mode_save(p->dir, &m, p->why), 0);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->fresh, &st), -1);
	assert_int_equal(mode_load(p->dir, &again, p->why), 0);
	expect_text(&again, "ikemesh mode 1\nall enforced\n10.0.8.0/22 optional\nend\n");
	mode_wipe(&again);
	/* Nothing said: no file, and no error when there was none. */
	choose(&m, NULL, MODE_FILE);
	assert_int_equal(mode_save(p->dir, &m, p->why), 0);
	assert_int_equal(stat(p->file, &st), -1);
	assert_int_equal(mode_save(p->dir, &m, p->why), 0);
	mode_wipe(&m);
}

static void test_save_makes_directory(void **state)
{
	struct place *p = *state;
	struct mode m = { .all = MODE_OPTIONAL }, again;
	char dir[80], file[96];
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/state", p->dir);
	snprintf(file, sizeof(file), "%s/mode", dir);
	assert_int_equal(mode_load(dir, &again, p->why), 0);
	assert_int_equal(mode_save(dir, &m, p->why), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(mode_load(dir, &again, p->why), 0);
	assert_int_equal(again.all, MODE_OPTIONAL);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Root chooses for a daemon of another user, and reads at boot what that daemon chose. */
static void test_the_daemon_has_a_user(void **state)
{
	enum { USER = 65534, OTHER = 65533 };
	struct place *p = *state;
	struct mode m = { .all = MODE_OPTIONAL }, again;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(p->dir, USER, USER), 0);
	assert_int_equal(mode_save(p->dir, &m, p->why), 0);
	assert_int_equal(stat(p->file, &st), 0);
	assert_true(st.st_uid == USER && st.st_gid == USER);
	assert_int_equal(mode_load(p->dir, &again, p->why), 0);
	assert_int_equal(again.all, MODE_OPTIONAL);
	assert_int_equal(chown(p->file, OTHER, OTHER), 0);
	assert_int_equal(mode_load(p->dir, &again, p->why), -EPERM);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(chown(p->dir, 0, 0), 0);
}

/* Who cannot tell what was chosen takes the stricter one, and says so. */
static void expect_strict(struct place *p, int err)
{
	struct subnet_spec e[N_ENTRIES];
	struct mode m;
	struct spec s;

	assert_int_equal(mode_load(p->dir, &m, p->why), err);
	assert_non_null(strstr(p->why, p->file));
	assert_non_null(strstr(p->why, "enforced"));
	entries(&s, e, true);
	mode_apply(&m, &s);
	expect_optional(&s, "eeee");
	mode_wipe(&m);
}

static void test_load_bad(void **state)
{
	struct place *p = *state;

	put(p, "ikemesh mode 1\nall optional\n10.0.8", 0600);
	expect_strict(p, -EINVAL);
	put(p, "", 0600);
	expect_strict(p, -EINVAL);
	/* Whoever wrote that may not have been us. */
	put(p, "ikemesh mode 1\nall optional\nend\n", 0620);
	expect_strict(p, -EPERM);
	put(p, "ikemesh mode 1\nall optional\nend\n", 0602);
	expect_strict(p, -EPERM);
	if (geteuid() == 0) {
		put(p, "ikemesh mode 1\nall optional\nend\n", 0600);
		assert_int_equal(chown(p->file, 65534, 65534), 0);
		expect_strict(p, -EPERM);
	}
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(symlink("/dev/null", p->file), 0);
	expect_strict(p, -ELOOP);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	expect_strict(p, -EINVAL);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkdir(p->file, 0700), 0);
	expect_strict(p, -EINVAL);
}

/* A save that fails leaves what is there. */
static void test_save_fails(void **state)
{
	struct place *p = *state;
	struct mode m = { .all = MODE_OPTIONAL }, again;

	put(p, "ikemesh mode 1\nall enforced\nend\n", 0600);
	assert_int_equal(mkdir(p->fresh, 0700), 0);
	assert_int_equal(mode_save(p->dir, &m, p->why), -EEXIST);
	assert_non_null(strstr(p->why, p->file));
	assert_int_equal(mode_load(p->dir, &again, p->why), 0);
	assert_int_equal(again.all, MODE_ENFORCED);
	assert_int_equal(rmdir(p->fresh), 0);
	assert_int_not_equal(mode_save(NULL, &m, p->why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_and_back),
		cmocka_unit_test(test_text_cut_and_flipped),
		cmocka_unit_test(test_text_wrong),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_apply_unknown),
		cmocka_unit_test(test_apply_ruling),
		cmocka_unit_test_setup_teardown(test_save_and_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_save_makes_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_daemon_has_a_user, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_load_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_save_fails, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
