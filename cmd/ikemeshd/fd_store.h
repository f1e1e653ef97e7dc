/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file descriptor store of systemd, where there is no systemd: descriptors by name, given in by
 * the words of sd_notify(3), and handed to the next process by those of sd_listen_fds(3).
 */
#ifndef IKEMESH_CMD_FD_STORE_H
#define IKEMESH_CMD_FD_STORE_H

#include <stddef.h>

#define FD_STORE_MAX 16
#define FD_STORE_NAME_LEN 32 /* octets with NUL: letters, digits, - and _ */

struct fd_store {
	size_t n;
	struct fd_stored {
		int fd;
		char name[FD_STORE_NAME_LEN];
	} p[FD_STORE_MAX];
};

/* What this process was handed. Takes the variables out of the environment. */
void fd_store_take(struct fd_store *s);

/*
 * One message, and what came with it (-1: nothing), which is the store's or closed. FDSTORE=1 keeps
 * it by its FDNAME=, FDSTOREREMOVE=1 lets go what has that name; anything else is for others to
 * hear.
 */
void fd_store_hear(struct fd_store *s, const char *text, int fd);

/*
 * For a process that is to execute another program: puts all at the descriptors from 3 on, and says
 * so in the environment. Other descriptors from there on are closed. 0 or negative errno.
 */
int fd_store_hand(const struct fd_store *s);

void fd_store_close(struct fd_store *s);

#endif
