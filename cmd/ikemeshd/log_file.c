/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A log that is read by nobody (a FIFO, a terminal that stands still) must not stop the daemon. */
static int open_regular(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	struct stat st;

	if (fd < 0)
		return errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

int log_file_open(struct log_file *f, const char *path)
{
	char *copy = strdup(path);
	int fd = copy != NULL ? open_regular(path) : -ENOMEM;

	if (fd < 0) {
		free(copy);
		return fd;
	}
	signal(SIGXFSZ, SIG_IGN);
	log_file_close(f);
	f->fd = fd;
	f->path = copy;
	f->torn = false;
	return 0;
}

int log_file_reopen(struct log_file *f)
{
	int fd = open_regular(f->path);

	if (fd < 0)
		return fd;
	close(f->fd);
	f->fd = fd;
	f->torn = false;
	return 0;
}

void log_file_close(struct log_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	f->fd = -1;
	f->path = NULL;
}

/* 0 or negative errno. A line that was cut off leaves the next one to end it. */
static int put(struct log_file *f, const char *line, size_t n)
{
	ssize_t done;

	if (f->torn && write(f->fd, "\n", 1) != 1)
		return -errno;
	f->torn = false;
	done = write(f->fd, line, n);
	if (done == (ssize_t)n)
		return 0;
	f->torn = done > 0;
	return done < 0 ? -errno : -ENOSPC;
}

bool log_file_write(struct log_file *f, const char *line, size_t n)
{
	const bool went_well = f->error == 0;

	f->error = put(f, line, n);
	if (f->error == 0)
		return false;
	f->lost++;
	f->lost_since++;
	return went_well;
}

bool log_file_gap(struct log_file *f, const char *line, size_t n)
{
	const int err = put(f, line, n);

	if (err == 0)
		f->lost_since = 0;
	return err == 0;
}
