/* SPDX-License-Identifier: Apache-2.0 */
/* The directory for what lives as long as this boot: control socket, lock, what the host had. */
#ifndef IKEMESH_CMD_RUN_DIR_H
#define IKEMESH_CMD_RUN_DIR_H

#include "cmd/ikemeshd/log.h"

#include <sys/types.h>

/*
 * Makes it and locks it; *lock is to be closed in the end. 0, or negative errno after having said
 * why: -EBUSY if an ikemeshd runs with it.
 */
int run_dir_take(const char *run_dir, struct log *log, int *lock);

/*
 * The lock goes along with what this process executes, where run_dir_take() finds it: nobody else
 * has it in between. 0, or negative errno after having said why.
 */
int run_dir_pass(struct log *log, int lock);

#define RUN_DIR_MODE 0711 /* members of control_group get through to the socket */

/*
 * The directory, which is made with mode if it is not there, becomes that user's, and so do files
 * right in it that are root's or his whose it was. As root. 0 or negative errno: -EACCES, it is one
 * that others use as well.
 */
int run_dir_give(const char *dir, mode_t mode, uid_t user, gid_t group);

/* Says that it cannot be used, and returns err. */
int run_dir_refuse(const char *run_dir, struct log *log, int err);

#endif
