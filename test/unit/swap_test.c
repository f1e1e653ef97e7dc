/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of swap, in trees that are like /sys. */
#include "cmd/ikectl/swap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/ikemesh-swap-XXXXXX";

static void write_at(const char *name, const char *text)
{
	char path[256], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)!mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

/* name is at devices/name, and lies on those at its slaves. */
static void device(const char *name, unsigned major, unsigned minor, const char *slave)
{
	char path[300], to[300];

	snprintf(path, sizeof(path), "devices/%s/size", name);
	write_at(path, "1\n");
	snprintf(path, sizeof(path), "dev/block/.x");
	write_at(path, "");
	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", root, major, minor);
	snprintf(to, sizeof(to), "../../devices/%s", name);
	assert_int_equal(symlink(to, path), 0);
	if (slave == NULL)
		return;
	snprintf(path, sizeof(path), "devices/%s/slaves/.x", name);
	write_at(path, "");
	snprintf(path, sizeof(path), "%s/devices/%s/slaves/%s", root, name, slave);
	snprintf(to, sizeof(to), "../../%s", slave);
	assert_int_equal(symlink(to, path), 0);
}

static void test_kinds(void **state)
{
	(void)state;
	device("sda2", 8, 2, NULL);
	assert_int_equal(swap_kind_of(root, 8, 2), SWAP_PLAIN);
	device("dm-0", 253, 0, "sda2");
	write_at("devices/dm-0/dm/uuid", "CRYPT-PLAIN-swap\n");
	assert_int_equal(swap_kind_of(root, 253, 0), SWAP_ENCRYPTED);
	/* A volume on what is encrypted, and one on what is not. */
	device("dm-1", 253, 1, "dm-0");
	write_at("devices/dm-1/dm/uuid", "LVM-abc\n");
	assert_int_equal(swap_kind_of(root, 253, 1), SWAP_ENCRYPTED);
	device("dm-2", 253, 2, "sda2");
	write_at("devices/dm-2/dm/uuid", "LVM-def\n");
	assert_int_equal(swap_kind_of(root, 253, 2), SWAP_PLAIN);
	/* On both: a part of it is not. */
	device("dm-3", 253, 3, "dm-0");
	write_at("devices/dm-3/slaves/sdb/size", "1\n");
	assert_int_equal(swap_kind_of(root, 253, 3), SWAP_PLAIN);
	device("zram0", 252, 0, NULL);
	assert_int_equal(swap_kind_of(root, 252, 0), SWAP_MEMORY);
	write_at("devices/zram0/backing_dev", "none\n");
	assert_int_equal(swap_kind_of(root, 252, 0), SWAP_MEMORY);
	write_at("devices/zram0/backing_dev", "/dev/sda3\n");
	assert_int_equal(swap_kind_of(root, 252, 0), SWAP_PLAIN);
	assert_int_equal(swap_kind_of(root, 0, 42), SWAP_UNKNOWN);
}

/* Devices that lie on each other without end. */
static void test_layers_are_bounded(void **state)
{
	(void)state;
	device("dm-8", 253, 8, "dm-9");
	device("dm-9", 253, 9, "dm-8");
	assert_int_equal(swap_kind_of(root, 253, 8), SWAP_PLAIN);
}

static void test_read(void **state)
{
	char swaps[280], file[280], line[512], text[600], escaped[320];
	struct swap *s;
	struct stat st;
	size_t n;

	(void)state;
	snprintf(swaps, sizeof(swaps), "%s/swaps", root);
	snprintf(file, sizeof(file), "%s/a file", root);
	snprintf(escaped, sizeof(escaped), "%s/a\\040file", root);
	write_at("a file", "");
	assert_int_equal(stat(file, &st), 0);
	device("vda1", major(st.st_dev), minor(st.st_dev), NULL);
	snprintf(line, sizeof(line), "%s\t\tfile\t\t2097148\t0\t-2\n", escaped);
	snprintf(text, sizeof(text), "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n%s%s", line,
		 "/dev/nowhere partition 1 0 -3\n");
	write_at("swaps", text);
	assert_int_equal(swaps_read(swaps, root, &s, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(s[0].path, file);
	assert_int_equal(s[0].kind, SWAP_PLAIN);
	assert_int_equal(s[1].kind, SWAP_UNKNOWN);
	free(s);
	write_at("swaps", "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n");
	assert_int_equal(swaps_read(swaps, root, &s, &n), 0);
	assert_int_equal(n, 0);
	free(s);
	assert_int_equal(swaps_read("/nowhere/swaps", root, &s, &n), -ENOENT);
	assert_null(s);
}

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_layers_are_bounded),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
