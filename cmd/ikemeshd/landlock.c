/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the headers that we are built with may not know yet, by the ABI that brought it. */
#define ACCESS_FS_TRUNCATE (1ull << 14) /* 3 */
#define ACCESS_NET_BIND_TCP (1ull << 0) /* 4 */
#define ACCESS_NET_CONNECT_TCP (1ull << 1)
#define ACCESS_FS_IOCTL_DEV (1ull << 15) /* 5 */
#define SCOPE_SIGNAL (1ull << 1)	 /* 6 */

struct ruleset {
	uint64_t access_fs;
	uint64_t access_net; /* from ABI 4 on */
	uint64_t scoped;     /* from ABI 6 on */
};

#define ACCESS_FILE_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE)
#define ACCESS_DIR_WRITE                                                  \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_OF_FILES                                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_FILE_WRITE | \
	 ACCESS_FS_IOCTL_DEV)

static int abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return r < 0 ? -errno : (int)r;
}

static struct ruleset everything(int version)
{
	struct ruleset r = { .access_fs = LANDLOCK_ACCESS_FS_EXECUTE |
					  LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_READ |
					  ACCESS_DIR_WRITE };

	if (version >= 3)
		r.access_fs |= ACCESS_FS_TRUNCATE;
	if (version >= 4)
		r.access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
	if (version >= 5)
		r.access_fs |= ACCESS_FS_IOCTL_DEV;
	if (version >= 6)
		r.scoped = SCOPE_SIGNAL;
	return r;
}

static size_t size_of(int version)
{
	return version >= 6   ? sizeof(struct ruleset)
	       : version >= 4 ? offsetof(struct ruleset, scoped)
			      : offsetof(struct ruleset, access_net);
}

static int add(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = -1 };
	struct stat st;
	int err = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) != 0)
		err = -errno;
	rule.allowed_access = S_ISDIR(st.st_mode) ? access : access & ACCESS_OF_FILES;
	if (err == 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		err = -errno;
	close(rule.parent_fd);
	return err;
}

static int add_all(int ruleset, const struct landlock_paths *paths, uint64_t known)
{
	const uint64_t write = (ACCESS_READ | ACCESS_FILE_WRITE | ACCESS_DIR_WRITE) & known;
	int err = 0;

	for (size_t i = 0; i < paths->n_write && err == 0; i++)
		err = add(ruleset, paths->write[i], write);
	for (size_t i = 0; i < paths->n_read && err == 0; i++)
		err = add(ruleset, paths->read[i], ACCESS_READ);
	return err;
}

int landlock_enter(const struct landlock_paths *paths)
{
	const int version = abi();
	const struct ruleset attributes = everything(version);
	int fd, err;

	/* ENOSYS: the kernel has none; EOPNOTSUPP: it was not chosen at boot (lsm=) */
	if (version <= 0)
		return version == -ENOSYS ? -EOPNOTSUPP : version;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, size_of(version), 0);
	if (fd < 0)
		return -errno;
	err = add_all(fd, paths, attributes.access_fs);
	if (err == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		err = -errno;
	close(fd);
	return err;
}
