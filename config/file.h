/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files into memory that is wiped when it goes back: any of them may hold a private key. */
#ifndef IKEMESH_CONFIG_FILE_H
#define IKEMESH_CONFIG_FILE_H

#include "crypto/secret.h"
#include <sys/types.h>

#define FILE_SIZE_MAX (4u << 20) /* octets */

/*
 * 0: the caller owns *out (empty for an empty file), *mode has the permission bits. -EISDIR,
 * -EFBIG beyond FILE_SIZE_MAX, -EINVAL a FIFO, device or socket, or what the system says. Nobody
 * is waited for.
 */
int file_read(const char *path, struct secret *out, mode_t *mode);
/* The same; *modified_ns: when it was last written, in ns since the epoch (0 on failure). */
int file_read_dated(const char *path, struct secret *out, mode_t *mode, int64_t *modified_ns);

/* An error of file_read() in words: "there is no such file". */
const char *file_error(int error);

#endif
