/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/rights.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_USUAL 32
#define GROUP_ENTRY_MAX (1u << 20) /* octets: a group of very many members */

enum rights rights_of(uid_t uid, const gid_t *groups, size_t n, uid_t own, gid_t group)
{
	if (uid == 0 || uid == own)
		return RIGHTS_ADMIN;
	for (size_t i = 0; i < n && group != RIGHTS_NO_GROUP; i++) {
		if (groups[i] == group)
			return RIGHTS_READ;
	}
	return RIGHTS_NONE;
}

/* The supplementary groups. NULL: not to be had. */
static gid_t *groups_of(int fd, size_t *n)
{
	socklen_t room = GROUPS_USUAL * sizeof(gid_t);

	for (int tries = 0; tries < 2; tries++) {
		gid_t *groups = malloc(room);

		if (groups == NULL)
			return NULL;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &room) == 0) {
			*n = room / sizeof(gid_t);
			return groups;
		}
		free(groups);
		if (errno != ERANGE) /* else room says how much it takes */
			break;
	}
	return NULL;
}

enum rights rights_of_socket(int fd, gid_t group, uid_t *uid)
{
	struct ucred who;
	socklen_t n_who = sizeof(who);
	enum rights rights;
	gid_t *groups;
	size_t n;

	*uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n_who) != 0)
		return RIGHTS_NONE;
	*uid = who.uid;
	rights = rights_of(who.uid, &who.gid, 1, geteuid(), group);
	if (rights != RIGHTS_NONE || group == RIGHTS_NO_GROUP)
		return rights;
	groups = groups_of(fd, &n);
	if (groups != NULL)
		rights = rights_of(who.uid, groups, n, geteuid(), group);
	free(groups);
	return rights;
}

int rights_find_group(const char *name, gid_t *out)
{
	struct group entry, *found = NULL;
	int err = ERANGE;

	for (size_t room = 1024; err == ERANGE && room <= GROUP_ENTRY_MAX; room *= 4) {
		char *text = malloc(room);

		if (text == NULL)
			return -ENOMEM;
		err = getgrnam_r(name, &entry, text, room, &found);
		if (err == 0 && found != NULL)
			*out = entry.gr_gid;
		free(text);
	}
	if (err != 0)
		return -err;
	return found != NULL ? 0 : -ENOENT;
}
