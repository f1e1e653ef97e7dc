/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS _LINUX_CAPABILITY_U32S_3

int privileges_find(const char *name, struct privileges_user *out)
{
	const struct passwd *p = getpwnam(name);

	if (p == NULL || strlen(name) >= sizeof(out->name))
		return -ENOENT;
	*out = (struct privileges_user){ .uid = p->pw_uid, .gid = p->pw_gid };
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

static int get(struct __user_cap_data_struct data[static WORDS])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) == 0 ? 0 : -errno;
}

uint64_t privileges_have(void)
{
	struct __user_cap_data_struct data[WORDS] = { 0 };

	if (get(data) != 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static bool is_in(uint64_t set, unsigned capability)
{
	return (set & PRIVILEGE(capability)) != 0;
}

/* Permitted and in force; inherited as well if a program that is executed is to have them. */
static int set(uint64_t capabilities, bool inherit)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[WORDS];

	for (unsigned i = 0; i < WORDS; i++) {
		const uint32_t word = (uint32_t)(capabilities >> 32 * i);

		data[i] = (struct __user_cap_data_struct){ .effective = word,
							   .permitted = word,
							   .inheritable = inherit ? word : 0 };
	}
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

int privileges_bound(uint64_t capabilities)
{
	for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!is_in(capabilities, c) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
			return -errno;
	return 0;
}

static int make_ambient(uint64_t capabilities)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -errno;
	for (unsigned c = 0; c < 64; c++)
		if (is_in(capabilities, c) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0)
			return -errno;
	return 0;
}

static int become_user(const struct privileges_user *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
	    setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		return -errno;
	return 0;
}

/* Root gets what the bounding set leaves at every execve(); a user, what is ambient. */
int privileges_become(const struct privileges_user *user, uint64_t capabilities)
{
	const uint64_t mine = capabilities & privileges_have();
	int err = privileges_bound(capabilities);

	/* In a container that keeps root from it, the program lets them go by itself. */
	if (err == -EPERM && user == NULL)
		err = 0;
	if (err == 0 && user != NULL)
		err = become_user(user);
	if (err == 0)
		err = set(mine, true);
	return err == 0 ? make_ambient(mine) : err;
}

int privileges_keep(uint64_t capabilities)
{
	const uint64_t have = privileges_have();
	int err = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (is_in(have, CAP_SETPCAP))
		err = privileges_bound(capabilities);
	if (err == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		err = -errno;
	return err == 0 ? set(have & capabilities, false) : err;
}
