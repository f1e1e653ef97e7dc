/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end or to the room's. Octets read, or a negative errno. */
static ssize_t read_up_to(int fd, uint8_t *p, size_t room)
{
	size_t n = 0;

	while (n < room) {
		ssize_t got = read(fd, p + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* A file may grow, and those of /proc have no size: the room is doubled until the end is seen. */
static int read_all(int fd, size_t expected, struct secret *out)
{
	size_t room = expected + 1, n = 0;
	struct secret buffer = { 0 };
	int r = secret_new(&buffer, room);

	while (!r) {
		struct secret larger = { 0 };
		ssize_t got = read_up_to(fd, buffer.p + n, room - n);

		if (got < 0) {
			r = (int)got;
			break;
		}
		n += (size_t)got;
		if (n < room)
			break;
		room *= 2;
		if (n > FILE_SIZE_MAX)
			r = -EFBIG;
		else if (!(r = secret_new(&larger, room))) {
			memcpy(larger.p, buffer.p, n);
			secret_move(&buffer, &larger);
		}
	}
	if (!r && n)
		r = secret_copy(out, BYTES(buffer.p, n));
	secret_free(&buffer);
	return r;
}

static int kind_check(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (st->st_size > FILE_SIZE_MAX)
		return -EFBIG;
	return 0;
}

int file_read_dated(const char *path, struct secret *out, mode_t *mode, int64_t *modified_ns)
{
	struct stat st = { 0 };
	int fd, r;

	*out = (struct secret){ 0 };
	/* Whoever reads must not be kept waiting: a FIFO would, already in open(). */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) ? -errno : kind_check(&st);
	if (!r)
		r = read_all(fd, (size_t)st.st_size, out);
	close(fd);
	*mode = r ? 0 : st.st_mode & 07777;
	*modified_ns = r ? 0 : (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return r;
}

int file_read(const char *path, struct secret *out, mode_t *mode)
{
	int64_t modified_ns;

	return file_read_dated(path, out, mode, &modified_ns);
}

const char *file_error(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return "there is no such file";
	case -EACCES:
	case -EPERM:
		return "permission denied";
	case -EISDIR:
		return "is a directory";
	case -EFBIG:
		return "is larger than 4 MiB";
	case -EINVAL:
	case -ENXIO: /* a socket, or a device that is not there */
		return "is not a regular file";
	case -ELOOP:
		return "has too many symbolic links on its way";
	case -EMFILE:
	case -ENFILE:
		return "cannot be read: too many files are open";
	default:
		return "cannot be read";
	}
}
