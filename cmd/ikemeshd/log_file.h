/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file. It is opened to append, so that several writers and logrotate may meet in it, and
 * written line by line. A disk that is full, or a file that may not grow, costs lines and nothing
 * else: they are counted, so that the first line that can be written again says how many.
 */
#ifndef IKEMESH_CMD_LOG_FILE_H
#define IKEMESH_CMD_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_file {
	int fd; /* -1: none */
	char *path;
	bool torn;	     /* its last line has no end */
	uint64_t lost;	     /* lines, all told */
	uint64_t lost_since; /* of these not told yet */
	int error;	     /* negative errno of the last line, 0: it was written */
};

/*
 * A regular file, made with mode 0640 if it is not there; a process that is over its file size
 * limit gets EFBIG from now on, and no signal. 0; -EINVAL: it is not a regular file; negative
 * errno. On failure f is as it was.
 */
int log_file_open(struct log_file *f, const char *path);
int log_file_reopen(struct log_file *f); /* the same path: logrotate has moved the file away */
void log_file_close(struct log_file *f);

/* One line with its end. True: it could not be written, and the one before could. */
bool log_file_write(struct log_file *f, const char *line, size_t n);
/* The line that tells of those that were lost. True: it is there, and the count begins anew. */
bool log_file_gap(struct log_file *f, const char *line, size_t n);

#endif
