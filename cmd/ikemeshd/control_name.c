/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/control_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOT_YET ".new" /* behind the name until the socket is published */

_Static_assert(sizeof(((struct control_name *)0)->bound) ==
			       CONTROL_PATH_LEN + sizeof(NOT_YET) - 1 &&
		       sizeof(((struct control_name *)0)->bound) ==
			       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "both names fit a socket address");

int control_name_set(struct control_name *n, const char *path)
{
	if (strlen(path) >= sizeof(n->path))
		return -ENAMETOOLONG;
	n->bound[0] = '\0';
	memcpy(n->path, path, strlen(path) + 1);
	return 0;
}

int control_name_is_free(const struct control_name *n)
{
	struct stat st;

	return lstat(n->path, &st) == 0 && S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

/*
 * Who has no right to give it to the group (a daemon without CAP_CHOWN) lets everybody connect: who
 * somebody is, and so what he may, the kernel says in any case.
 */
static int let_in(const char *path, gid_t group)
{
	const bool given = lchown(path, (uid_t)-1, group) == 0;

	if (!given && errno != EPERM)
		return -1;
	return chmod(path, given ? 0660 : 0666);
}

int control_name_listen(struct control_name *n, int fd, gid_t group, int backlog)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s" NOT_YET, n->path);
	unlink(a.sun_path);
	/* Linux keeps the mode of the socket itself for the name that it is bound to. */
	if (fchmod(fd, 0600) != 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return -errno;
	memcpy(n->bound, a.sun_path, sizeof(n->bound));
	if (group != RIGHTS_NO_GROUP && let_in(n->bound, group) != 0)
		return -errno;
	return listen(fd, backlog) == 0 ? 0 : -errno;
}

int control_name_publish(struct control_name *n)
{
	if (rename(n->bound, n->path) != 0)
		return -errno;
	memcpy(n->bound, n->path, sizeof(n->path));
	return 0;
}

void control_name_remove(struct control_name *n)
{
	if (n->bound[0] != '\0') /* whoever has the other name, it is not us */
		unlink(n->bound);
}
