/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's name: until it is published the socket has another one beside it, so that
 * nobody finds it without its mode and group, or before there is somebody to answer.
 */
#ifndef IKEMESH_CMD_CONTROL_NAME_H
#define IKEMESH_CMD_CONTROL_NAME_H

#include "cmd/ikemeshd/control.h"

struct control_name {
	char bound[CONTROL_PATH_LEN + 4]; /* where it is now, or "": nowhere */
	char path[CONTROL_PATH_LEN];	  /* that it is to have */
};

int control_name_set(struct control_name *n, const char *path); /* 0 or -ENAMETOOLONG */
/* What publishing would not replace is better known before anything depends on it: -EISDIR. */
int control_name_is_free(const struct control_name *n);
/* Binds fd, with mode and group as struct control_options has them. 0 or negative errno. */
int control_name_listen(struct control_name *n, int fd, gid_t group, int backlog);
int control_name_publish(struct control_name *n); /* 0 or negative errno */
void control_name_remove(struct control_name *n); /* if it is bound */

#endif
