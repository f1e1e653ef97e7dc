/* SPDX-License-Identifier: Apache-2.0 */
#include "config/state_file.h"
#include "crypto/file_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN 4096

static int write_all(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t now = write(fd, text, n);

		if (now < 0 && errno != EINTR)
			return -errno;
		if (now > 0) {
			text += now;
			n -= (size_t)now;
		}
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int write_fresh(const char *state_dir, const char *fresh, const char *text)
{
	int fd, err;

	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	if (err == 0)
		err = file_owner_follow(fd, state_dir);
	close(fd);
	if (err != 0)
		unlink(fresh);
	return err;
}

static int replace(const char *state_dir, const char *path, const char *fresh, const char *text)
{
	int err = write_fresh(state_dir, fresh, text);

	if (err == 0 && rename(fresh, path) != 0) {
		err = -errno;
		unlink(fresh);
	}
	return err;
}

/* Opened before anything changes, as this may fail. */
static int open_dir(const char *state_dir)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

/* A name is on the disk when its directory is. */
static int sync_dir(int dir)
{
	int err = fsync(dir) == 0 ? 0 : -errno;

	close(dir);
	return err;
}

int state_file_write(const char *state_dir, const char *name, const char *text)
{
	char path[PATH_LEN], fresh[PATH_LEN];
	int dir, err;

	if (snprintf(path, PATH_LEN, "%s/%s", state_dir, name) >= PATH_LEN ||
	    snprintf(fresh, PATH_LEN, "%s/%s.new", state_dir, name) >= PATH_LEN)
		return -ENAMETOOLONG;
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	dir = open_dir(state_dir);
	if (dir < 0)
		return dir;
	err = replace(state_dir, path, fresh, text);
	if (err == 0)
		return sync_dir(dir);
	close(dir);
	return err;
}

int state_file_remove(const char *state_dir, const char *name)
{
	char path[PATH_LEN];
	int dir, err;

	if (snprintf(path, PATH_LEN, "%s/%s", state_dir, name) >= PATH_LEN)
		return -ENAMETOOLONG;
	dir = open_dir(state_dir);
	if (dir < 0)
		return dir == -ENOENT || dir == -ENOTDIR ? 0 : dir;
	if (unlink(path) == 0)
		return sync_dir(dir);
	err = errno == ENOENT ? 0 : -errno;
	close(dir);
	return err;
}
