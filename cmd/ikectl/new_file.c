/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status new_file_failed(const char *path, int err)
{
	fprintf(stderr, "ikectl: %s: %s%s\n", path, strerror(-err),
		err == -EEXIST ? ": nothing is overwritten; remove it first, if you mean to" : "");
	return STATUS_FAILED;
}

static int write_all(int fd, struct bytes content)
{
	for (size_t n = 0; n < content.n;) {
		ssize_t now = write(fd, content.p + n, content.n - n);

		if (now < 0 && errno != EINTR)
			return -errno;
		n += now > 0 ? (size_t)now : 0;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

int new_file_write(const char *path, struct bytes content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int err;

	if (fd < 0)
		return -errno;
	err = fchmod(fd, mode) == 0 ? write_all(fd, content) : -errno;
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err != 0)
		unlink(path);
	return err;
}
