/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/file_owner.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int file_owner_follow(int fd, const char *dir)
{
	struct stat of_dir, of_file;

	if (geteuid() != 0)
		return 0;
	if (stat(dir, &of_dir) != 0 || fstat(fd, &of_file) != 0)
		return -errno;
	if (of_dir.st_uid == of_file.st_uid || of_file.st_uid != 0)
		return 0;
	return fchown(fd, of_dir.st_uid, of_dir.st_gid) == 0 ? 0 : -errno;
}
