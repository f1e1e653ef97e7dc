/* SPDX-License-Identifier: Apache-2.0 */
/* User and capabilities of a process: what it has, and what it lets go for ever. */
#ifndef IKEMESH_CMD_PRIVILEGES_H
#define IKEMESH_CMD_PRIVILEGES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PRIVILEGE(capability) (UINT64_C(1) << (capability))

/* What the engine starts with (linux/capability.h), and what is left once its sockets are open. */
#define PRIVILEGES_ENGINE_START \
	(PRIVILEGE(CAP_NET_ADMIN) | PRIVILEGE(CAP_NET_RAW) | PRIVILEGE(CAP_NET_BIND_SERVICE))
#define PRIVILEGES_ENGINE PRIVILEGE(CAP_NET_ADMIN)

struct privileges_user {
	char name[33];
	uid_t uid;
	gid_t gid;
};

/* 0, or -ENOENT: there is no such user. */
int privileges_find(const char *name, struct privileges_user *out);

/*
 * For a process that is to execute another program: as that user, without other groups, and with
 * these capabilities and no others, which its program has, too. user NULL: root stays what he is.
 * Needs root with CAP_SETPCAP, and for a user CAP_SETUID and CAP_SETGID. 0 or negative errno.
 */
int privileges_become(const struct privileges_user *user, uint64_t capabilities);

/*
 * Of what this thread (and what it starts from now on) has, these capabilities stay, and nothing it
 * executes will have more: no_new_privs. 0 or negative errno.
 */
int privileges_keep(uint64_t capabilities);

/* None but these can come to any program that is executed: the bounding set. */
int privileges_bound(uint64_t capabilities);

/* Those in force. */
uint64_t privileges_have(void);

#endif
