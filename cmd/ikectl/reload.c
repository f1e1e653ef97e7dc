/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/reload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QUIET_MS 2000
#define MOST_MS (60 * 1000)
#define LOOK_EVERY_MS 200
#define ROUNDS 5 /* of who never stops writing */

const struct option reload_options[] = { { "force", no_argument, NULL, 0 },
					 { "settled", required_argument, NULL, 0 },
					 { 0 } };

/* ---- what the files are like ------------------------------------------------------------------
 */

#define FNV_PRIME UINT64_C(0x100000001b3)

/* FNV-1a: nobody gains by two states that are alike. */
static uint64_t mix(uint64_t hash, const void *p, size_t n)
{
	const uint8_t *octets = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ octets[i]) * FNV_PRIME;
	return hash;
}

static uint64_t mix_stat(uint64_t hash, const struct stat *st)
{
	const uint64_t facts[] = { (uint64_t)st->st_dev,	 (uint64_t)st->st_ino,
				   (uint64_t)st->st_size,	 (uint64_t)st->st_mode,
				   (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
				   (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec };

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		hash = (hash ^ facts[i]) * FNV_PRIME;
	return hash;
}

/* Of a symbolic link both count: itself, and what it leads to. */
static uint64_t mark_entry(int dir, const char *name, struct stat *st)
{
	uint64_t hash = mix(0xcbf29ce484222325u, name, strlen(name));

	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		hash = mix_stat(hash, st);
	if (fstatat(dir, name, st, 0) == 0)
		return mix_stat(hash, st);
	st->st_mode = 0;
	return hash;
}

/* The sum does not go by the order in which a directory is read. */
static int mark_directory(const char *path, uint64_t *mark)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;

	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			*mark += mark_entry(dirfd(dir), e->d_name, &st);
	}
	closedir(dir);
	return 0;
}

static int mark_path(const char *path, uint64_t *mark)
{
	struct stat st;

	if (path[0] != '/')
		return -EINVAL;
	*mark += mark_entry(AT_FDCWD, path, &st);
	return S_ISDIR(st.st_mode) ? mark_directory(path, mark) : 0;
}

int reload_mark(const char *list, uint64_t *mark)
{
	char *copy = strdup(list), *rest = NULL;
	int err = copy != NULL ? -EINVAL : -ENOMEM;

	*mark = 0;
	for (char *p = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; p != NULL;
	     p = strtok_r(NULL, ",", &rest)) {
		err = mark_path(p, mark);
		if (err != 0)
			break;
	}
	free(copy);
	return err;
}

int reload_settle(const char *list, unsigned quiet_ms, unsigned most_ms, uint64_t *mark)
{
	unsigned quiet = 0;
	int err = reload_mark(list, mark);

	for (unsigned all = 0; err == 0 && quiet < quiet_ms && all < most_ms;
	     all += LOOK_EVERY_MS) {
		const uint64_t before = *mark;

		nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY_MS * 1000000L }, NULL);
		err = reload_mark(list, mark);
		quiet = *mark == before ? quiet + LOOK_EVERY_MS : 0;
	}
	return err;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static enum status reload(const struct invocation *in)
{
	const bool force = command_option(in, "force") != NULL;
	const char *text;
	enum status status;
	json_t *answer = command_ask(
		in, json_pack("{s:s, s:b}", "command", "reload", "force", force), &status);

	if (answer == NULL)
		return status;
	text = json_string_value(json_object_get(answer, "text"));
	if (in->json)
		command_print_json(answer);
	else
		printf("%s\n", text != NULL ? text : "");
	json_decref(answer);
	return STATUS_GOOD;
}

/* What changes while the daemon reads it is read again. */
static enum status reload_settled(const struct invocation *in, const char *list)
{
	enum status status = STATUS_FAILED;
	uint64_t before, after;

	for (unsigned i = 0; i < ROUNDS; i++) {
		int err = reload_settle(list, QUIET_MS, MOST_MS, &before);

		if (err == -EINVAL)
			return command_misuse("--settled needs absolute paths", list);
		if (err == 0)
			status = reload(in);
		if (err == 0)
			err = reload_mark(list, &after);
		if (err != 0) {
			fprintf(stderr, "ikectl: %s: %s\n", list, strerror(-err));
			return STATUS_FAILED;
		}
		if (before == after)
			break;
	}
	return status;
}

enum status reload_run(const struct invocation *in)
{
	const char *list = command_option(in, "settled");

	return list != NULL ? reload_settled(in, list) : reload(in);
}
