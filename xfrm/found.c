/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/found.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/file_owner.h"
#include "xfrm/number.h"

#define PATH_ROOM 4096
#define TEXT_ROOM 256
#define LINE_ROOM 128
#define N(x) (sizeof(x) / sizeof((x)[0]))
#define DEFAULT_FILE "default-policy"
#define FRESH_ROOM 16 /* ".new" and the number of a process */

static int path_of(const char *run_dir, const char *file, char path[static PATH_ROOM])
{
	int n = snprintf(path, PATH_ROOM, "%s/%s", run_dir, file);

	return n < 0 || n >= PATH_ROOM ? -ENAMETOOLONG : 0;
}

static int write_fresh(const char *run_dir, const char *fresh, const char *text)
{
	ssize_t written;
	int fd, r = 0;

	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	written = write(fd, text, strlen(text));
	if (written != (ssize_t)strlen(text))
		r = written < 0 ? -errno : -ENOSPC;
	(void)file_owner_follow(fd, run_dir); /* root's alone, it is there all the same */
	close(fd);
	return r;
}

/* link(2) would do the same, but the daemon may not call it. Not every file system can do this. */
static int name_first(const char *fresh, const char *path)
{
	if (!renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	return errno == EINVAL && !rename(fresh, path) ? 0 : -errno;
}

/*
 * The first to come knows what the host had, also of two at once; it has its name when it is whole,
 * as half of it would be no way back.
 */
static int keep(const char *run_dir, const char *file, const char *text)
{
	char path[PATH_ROOM], fresh[PATH_ROOM + FRESH_ROOM];
	int r = path_of(run_dir, file, path);

	if (r || !access(path, F_OK))
		return r;
	snprintf(fresh, sizeof(fresh), "%s.new%ld", path, (long)getpid());
	r = write_fresh(run_dir, fresh, text);
	if (!r)
		r = name_first(fresh, path);
	if (r)
		unlink(fresh);
	return r == -EEXIST ? 0 : r;
}

/* What was kept; NULL: nothing. */
static FILE *kept(const char *run_dir, const char *file, char path[static PATH_ROOM])
{
	return path_of(run_dir, file, path) ? NULL : fopen(path, "re");
}

int found_keep_sysctls(const char *run_dir, const struct found_value *values, size_t n)
{
	char text[TEXT_ROOM] = "";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int more = snprintf(text + len, sizeof(text) - len, "%s %d\n", values[i].name,
				    values[i].value);

		if (more < 0 || (size_t)more >= sizeof(text) - len)
			return -ENAMETOOLONG;
		len += (size_t)more;
	}
	return keep(run_dir, "sysctl", text);
}

/* The next line: where its name ends, a NUL is put. false: no line, or none of ours. */
static bool read_value(FILE *f, char line[static LINE_ROOM], int *value)
{
	char *blank = fgets(line, LINE_ROOM, f) ? strchr(line, ' ') : NULL;

	if (!blank || !number_int(blank, value))
		return false;
	*blank = '\0';
	return true;
}

int found_restore_sysctls(const char *run_dir, found_told told, void *arg)
{
	char path[PATH_ROOM], name[LINE_ROOM];
	int value, first = 0;
	FILE *f = kept(run_dir, "sysctl", path);

	if (!f)
		return 0;
	while (read_value(f, name, &value)) {
		int r = kernel_sysctl_set(name, value, NULL);

		if (told)
			told(arg, name, value, r);
		first = first ? first : r;
	}
	(void)fclose(f);
	if (!first)
		unlink(path);
	return first;
}

bool found_is_strict(const char *run_dir)
{
	char path[PATH_ROOM];

	return !path_of(run_dir, DEFAULT_FILE, path) && !access(path, F_OK);
}

int found_strict(struct kernel *k, const char *run_dir)
{
	static const struct policy_default block = { DEFAULT_BLOCK, DEFAULT_BLOCK, DEFAULT_BLOCK };
	struct policy_default was;
	char text[TEXT_ROOM];
	int r = kernel_default_get(k, &was);

	if (r)
		return r;
	snprintf(text, sizeof(text), "in %d\nfwd %d\nout %d\n", was.in, was.fwd, was.out);
	r = keep(run_dir, DEFAULT_FILE, text);
	return r ? r : kernel_default_set(k, &block);
}

int found_loosen(struct kernel *k, const char *run_dir)
{
	static const char *const names[] = { "in", "fwd", "out" };
	char path[PATH_ROOM];
	struct policy_default was;
	char line[LINE_ROOM];
	int value[N(names)], r = 0;
	FILE *f = kept(run_dir, DEFAULT_FILE, path);

	if (!f)
		return 0;
	for (size_t i = 0; i < N(names) && !r; i++)
		r = read_value(f, line, &value[i]) && !strcmp(line, names[i]) ? 0 : -EINVAL;
	(void)fclose(f);
	if (r)
		return r;
	was = (struct policy_default){ (enum default_action)value[0], (enum default_action)value[1],
				       (enum default_action)value[2] };
	r = kernel_default_set(k, &was);
	if (!r)
		unlink(path);
	return r;
}
