/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mode.h"
#include "config/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_OCTETS (1 << 20)
#define PATH_LEN 4096
#define NAME "mode"

static int path_of(const char *state_dir, char path[static PATH_LEN])
{
	return snprintf(path, PATH_LEN, "%s/" NAME, state_dir) < PATH_LEN ? 0 : -ENAMETOOLONG;
}

/*
 * Whoever else could write here could turn enforcement off. Whose the directory is, is the daemon's
 * user, or could put a file of root's away.
 */
static int judge(int fd, const char *state_dir, size_t *size)
{
	struct stat st, dir;

	if (fstat(fd, &st) != 0 || stat(state_dir, &dir) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_OCTETS)
		return -EINVAL;
	if ((st.st_uid != geteuid() && st.st_uid != 0 && st.st_uid != dir.st_uid) ||
	    (st.st_mode & 022) != 0)
		return -EPERM;
	*size = (size_t)st.st_size;
	return 0;
}

static int read_text(int fd, const char *state_dir, struct mode *out)
{
	size_t size = 0, n = 0;
	int err = judge(fd, state_dir, &size);
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
	err = path_of(state_dir, path);
	if (err == 0) {
		/* A FIFO would be waited for. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		err = fd >= 0 ? read_text(fd, state_dir, out) : -errno;
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

static int save(const char *state_dir, const struct mode *m)
{
	char *text;
	int err;

	if (m->all == MODE_FILE && m->n == 0)
		return state_file_remove(state_dir, NAME);
	text = mode_write(m);
	if (text == NULL)
		return -ENOMEM;
	err = state_file_write(state_dir, NAME, text);
	free(text);
	return err;
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
