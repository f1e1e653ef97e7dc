/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/import.h"
#include "cmd/ikectl/new_file.h"
#include "config/file.h"
#include "config/import.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct option import_options[] = { { "output", required_argument, NULL, 0 }, { 0 } };

/* --- files for the reader ------------------------------------------------------------------- */

static int read_file(void *context, const char *path, struct secret *out)
{
	mode_t mode;

	(void)context;
	return file_read(path, out, &mode);
}

/* glob(3) sorts. Directories are no files of anybody's. */
static void list_files(void *context, const char *pattern, void (*each)(void *to, const char *path),
		       void *to)
{
	struct stat st;
	glob_t found;

	(void)context;
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (stat(found.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode))
			each(to, found.gl_pathv[i]);
	}
	globfree(&found);
}

/* --- what comes of it ------------------------------------------------------------------------ */

static void print_notes(const struct import *im)
{
	for (size_t i = 0; i < im->n_notes; i++) {
		char *text = import_note_text(&im->notes[i]);

		if (text != NULL)
			fprintf(stderr, "%s\n", text);
		free(text);
	}
}

/* File i of those that are made: the PEM texts, and the configuration last. */
static const char *name_of(const struct import *im, size_t i)
{
	return i < im->n_pems ? im->pems[i].name : "ikemesh.yml";
}

static enum status write_file(const char *dir, const char *name, struct bytes content)
{
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return new_file_failed(dir, -ENAMETOOLONG);
	err = new_file_write(path, content, 0600);
	return err != 0 ? new_file_failed(path, err) : STATUS_GOOD;
}

static void tell_or_remove(const struct import *im, const char *dir, size_t n, bool tell)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, name_of(im, i));
		if (tell)
			printf("%s\n", path);
		else
			unlink(path);
	}
}

/* All or nothing: half of it would be in the way of the next try. */
static enum status write_all(const struct import *im, const char *dir, const char *text)
{
	const bool made = mkdir(dir, 0700) == 0;
	enum status status = STATUS_GOOD;
	size_t n = 0;

	if (!made && errno != EEXIST)
		return new_file_failed(dir, -errno);
	while (n <= im->n_pems && status == STATUS_GOOD) {
		status = write_file(dir, name_of(im, n),
				    n < im->n_pems ? secret_view(&im->pems[n].content)
						   : BYTES((const uint8_t *)text, strlen(text)));
		n += status == STATUS_GOOD;
	}
	tell_or_remove(im, dir, n, status == STATUS_GOOD);
	if (made && status != STATUS_GOOD)
		rmdir(dir);
	return status;
}

static void tell_of_texts(const struct import *im)
{
	for (size_t i = 0; i < im->n_pems; i++)
		fprintf(stderr,
			"%s/%s: warning: its text is not printed; --output DIR "
			"writes it beside the configuration\n",
			IMPORT_HOME, im->pems[i].name);
}

static enum status bring_out(struct import *im, const char *dir)
{
	char *text = import_text(im, dir != NULL ? "" : IMPORT_HOME);
	enum status status = im->n_pems > 0 && dir == NULL ? STATUS_FAILED : STATUS_GOOD;

	print_notes(im);
	if (import_worst(im) == IMPORT_BROKEN || text == NULL) {
		fprintf(stderr, "ikectl: no configuration was made\n");
		status = STATUS_BAD_CONFIG;
	} else if (dir == NULL) {
		fputs(text, stdout);
		tell_of_texts(im);
	} else if ((status = write_all(im, dir, text)) == STATUS_GOOD) {
		fprintf(stderr, "look at it by `ikectl check %s/ikemesh.yml`\n", dir);
	}
	free(text);
	if (status == STATUS_GOOD && import_worst(im) == IMPORT_LOST)
		status = STATUS_FAILED;
	return status;
}

enum status import_run(const struct invocation *in)
{
	const struct import_files files = { .read = read_file, .list = list_files };
	struct import im = { 0 };
	enum status status;

	secret_guard_process();
	for (size_t i = 0; i < in->n_arguments; i++) {
		/* Where a file lies is where its relative paths start. */
		char *path = realpath(in->arguments[i], NULL);

		import_read(&im, path != NULL ? path : in->arguments[i], &files);
		free(path);
	}
	status = bring_out(&im, command_option(in, "output"));
	import_free(&im);
	return status;
}
