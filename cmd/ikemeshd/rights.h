/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks at the control socket, by what the kernel says of it, and what it may: root and the
 * daemon's own user everything; members of control_group look and change nothing; others nothing.
 */
#ifndef IKEMESH_CMD_RIGHTS_H
#define IKEMESH_CMD_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

enum rights {
	RIGHTS_NONE,
	RIGHTS_READ,
	RIGHTS_ADMIN,
};

#define RIGHTS_NO_GROUP ((gid_t)-1)

/* Of a user in these groups, where the daemon's user is own and control_group is group. */
enum rights rights_of(uid_t uid, const gid_t *groups, size_t n, uid_t own, gid_t group);

/* Of whoever connected this unix socket; *uid is who. What cannot be found out is RIGHTS_NONE. */
enum rights rights_of_socket(int fd, gid_t group, uid_t *uid);

/* The group of that name. 0, -ENOENT: there is none, or negative errno. */
int rights_find_group(const char *name, gid_t *out);

#endif
