/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a command makes: never over one that is there. */
#ifndef IKEMESH_CTL_NEW_FILE_H
#define IKEMESH_CTL_NEW_FILE_H

#include "cmd/ikectl/command.h"
#include "crypto/bytes.h"

#include <sys/types.h>

/* 0, or a negative errno: nothing is left behind then. -EEXIST: there is one already. */
int new_file_write(const char *path, struct bytes content, mode_t mode);

/* Says what keeps it from being written: STATUS_FAILED. */
enum status new_file_failed(const char *path, int err);

#endif
