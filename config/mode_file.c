/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_OCTETS (1 << 20)
#define PATH_LEN 4096

static int path_of(const char *state_dir, const char *behind, char path[static PATH_LEN])
{
	return snprintf(path, PATH_LEN, "%s/mode%s", state_dir, behind) < PATH_LEN ? 0
										   : -ENAMETOOLONG;
}

/* Whoever else could write here could turn enforcement off. */
static int judge(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_OCTETS)
		return -EINVAL;
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022) != 0)
		return -EPERM;
	*size = (size_t)st.st_size;
	return 0;
}

static int read_text(int fd, struct mode *out)
{
	size_t size = 0, n = 0;
	int err = judge(fd, &size);
	uint8_t *text;

	if (err != 0)
		return err;
	text = malloc(size + 1);
	if (text == NULL)
		return -ENOMEM;
	while (err == 0 && n < size) {
		ssize_t now = read(fd, text + n, size - n);

		if (now > 0)
			n += (size_t)now;
		else if (now == 0)
			err = -EINVAL;
		else if (errno != EINTR)
			err = -errno;
	}
	if (err == 0)
		err = mode_parse(BYTES(text, n), out);
	free(text);
	return err;
}

static const char *reason(int err)
{
	if (err == -EINVAL || err == -ELOOP)
		return "it is not what `ikectl mode` writes";
	if (err == -EPERM)
		return "others than root may have written it";
	return strerror(-err);
}

int mode_load(const char *state_dir, struct mode *out, char why[static MODE_TEXT_LEN])
{
	char path[PATH_LEN];
	int fd, err;

	*out = (struct mode){ 0 };
	why[0] = '\0';
	if (state_dir == NULL)
		return 0;
	err = path_of(state_dir, "", path);
	if (err == 0) {
		/* A FIFO would be waited for. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		err = fd >= 0 ? read_text(fd, out) : -errno;
		if (fd >= 0)
			close(fd);
	}
	if (err == 0)
		return 0;
	out->all = MODE_ENFORCED;
	snprintf(why, MODE_TEXT_LEN,
		 "the mode in %s/mode cannot be told: %s; until `ikectl mode` sets another, all "
		 "of ipsec_subnets is enforced",
		 state_dir, reason(err));
	return err;
}

/* ---- writing -------------------------------------------------------------------------------- */

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

static int write_fresh(const char *fresh, const char *text)
{
	int fd, err;

	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	close(fd);
	if (err != 0)
		unlink(fresh);
	return err;
}

/* A name is on the disk when its directory is. */
static int sync_directory(const char *state_dir)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int replace(const char *path, const char *fresh, const char *text)
{
	int err = write_fresh(fresh, text);

	if (err == 0 && rename(fresh, path) != 0) {
		err = -errno;
		unlink(fresh);
	}
	return err;
}

static int save(const char *state_dir, const struct mode *m)
{
	char path[PATH_LEN], fresh[PATH_LEN], *text;
	int err = path_of(state_dir, "", path);

	if (err == 0)
		err = path_of(state_dir, ".new", fresh);
	if (err != 0)
		return err;
	if (m->all == MODE_FILE && m->n == 0) {
		if (unlink(path) != 0)
			return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
		return sync_directory(state_dir);
	}
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	text = mode_write(m);
	if (text == NULL)
		return -ENOMEM;
	err = replace(path, fresh, text);
	free(text);
	return err == 0 ? sync_directory(state_dir) : err;
}

int mode_save(const char *state_dir, const struct mode *m, char why[static MODE_TEXT_LEN])
{
	int err = state_dir != NULL ? save(state_dir, m) : -ENOENT;

	why[0] = '\0';
	if (err != 0)
		snprintf(why, MODE_TEXT_LEN, "the mode cannot be written to %s/mode: %s",
			 state_dir != NULL ? state_dir : "", strerror(-err));
	return err;
}
