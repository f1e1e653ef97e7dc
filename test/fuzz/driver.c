/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz target where no fuzzer brings one: runs each FILE, and each file of a directory,
 * so that a corpus is a test. A directory that is not there counts as empty, unless nothing at all
 * was run. --times N: all of it N times over, for a profiler.
 */
#include "fuzz/frame.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t inputs, octets;
static char current[4096]; /* the file that is being run, for whoever it kills */

static void run_file(const char *path)
{
	static uint8_t buf[FUZZ_INPUT_MAX];
	FILE *in = fopen(path, "rb");
	struct exact e;
	size_t n;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	n = fread(buf, 1, sizeof buf, in);
	fclose(in);
	snprintf(current, sizeof current, "%s", path);
	e = exact_of(BYTES(buf, n));
	LLVMFuzzerTestOneInput(e.p, e.n);
	exact_free(&e);
	inputs++;
	octets += n;
}

/* In the order of their names, so that what one leaves behind meets the same one each time. */
static void run_directory(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run_file(name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void run(const char *path)
{
	struct stat s;

	if (stat(path, &s) != 0 && errno == ENOENT)
		return;
	if (S_ISDIR(s.st_mode))
		run_directory(path);
	else
		run_file(path);
}

static void say_which(void)
{
	if (current[0] != '\0')
		fprintf(stderr, "while running %s\n", current);
}

int main(int argc, char **argv)
{
	int first = 1;
	long times = 1;

	atexit(say_which);
	LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 2 && strcmp(argv[1], "--times") == 0) {
		times = atol(argv[2]);
		first = 3;
	}
	for (; times > 0; times--)
		for (int i = first; i < argc; i++)
			run(argv[i]);
	current[0] = '\0';
	printf("%zu inputs, %zu octets\n", inputs, octets);
	return inputs > 0 ? 0 : 1;
}
