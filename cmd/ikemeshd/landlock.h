/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files this process may open, whatever its rights say: landlock (Linux 5.13). It holds for
 * the calling thread and for those that it starts from now on, so it comes before the first of
 * them.
 */
#ifndef IKEMESH_CMD_LANDLOCK_H
#define IKEMESH_CMD_LANDLOCK_H

#include <stddef.h>

struct landlock_paths {
	const char *const *write; /* files and directories: read and written, made and removed */
	size_t n_write;
	const char *const *read;
	size_t n_read;
};

/*
 * Paths that do not exist are left out. Neither can any program be executed any more, nor a TCP
 * connection be made, nor a signal be sent to another process, each where the kernel knows of it.
 * Needs no_new_privs. 0, or negative errno: -EOPNOTSUPP where the kernel has no landlock.
 */
int landlock_enter(const struct landlock_paths *paths);

#endif
