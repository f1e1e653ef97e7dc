/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/run_dir.h"
#include "cmd/ikemeshd/control.h"
#include "crypto/file_owner.h"
#include "xfrm/number.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_AREA AREA_DAEMON

int run_dir_refuse(const char *run_dir, struct log *log, int err)
{
	log_text(log, REPORT_ERROR, "cannot use %s as the run directory (--run-dir): %s", run_dir,
		 strerror(-err));
	return err;
}

#define GONE_WITHIN_US 500000
#define LOOK_EVERY_US 10000

/* What a process was given by the one that executed it. */
#define PASSED "IKEMESH_LOCK"
#define PASSED_FD 64 /* or above: the first ones have their uses */

/* The lock that was passed, if it is this file's; else -1. */
static int passed_lock(const char *path)
{
	const char *text = getenv(PASSED);
	struct stat st, named;
	int fd = -1;

	if (text == NULL)
		return -1;
	(void)number_int(text, &fd);
	unsetenv(PASSED);
	if (fd < PASSED_FD || fstat(fd, &st) != 0)
		return -1;
	if (stat(path, &named) == 0 && st.st_dev == named.st_dev && st.st_ino == named.st_ino &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	close(fd);
	return -1;
}

int run_dir_pass(struct log *log, int lock)
{
	char text[16];
	int fd = fcntl(lock, F_DUPFD, PASSED_FD), err = fd < 0 ? -errno : 0;

	snprintf(text, sizeof(text), "%d", fd);
	if (err == 0 && setenv(PASSED, text, 1) != 0)
		err = -errno;
	if (err != 0)
		log_text(log, REPORT_ERROR, "cannot pass the run directory's lock on: %s",
			 strerror(-err));
	return err;
}

/* With a name elsewhere, too, it might be a file that is nothing to us. */
static bool is_to_be_given(const struct stat *st, uid_t before)
{
	return (st->st_uid == 0 || st->st_uid == before) &&
	       (S_ISREG(st->st_mode) ? st->st_nlink == 1 : !S_ISDIR(st->st_mode));
}

static int give_files(DIR *d, uid_t before, uid_t user, gid_t group)
{
	const struct dirent *e;
	struct stat st;
	int err = 0;

	while (err == 0 && (e = readdir(d)) != NULL) {
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    is_to_be_given(&st, before) &&
		    fchownat(dirfd(d), e->d_name, user, group, AT_SYMLINK_NOFOLLOW) != 0)
			err = -errno;
	}
	return err;
}

static int give(DIR *d, uid_t user, gid_t group)
{
	struct stat st;

	if (fstat(dirfd(d), &st) != 0)
		return -errno;
	if ((st.st_mode & 066) != 0) /* /run itself, or /tmp: nobody's alone */
		return st.st_uid == user ? 0 : -EACCES;
	if (fchown(dirfd(d), user, group) != 0)
		return -errno;
	return give_files(d, st.st_uid, user, group);
}

int run_dir_give(const char *dir, mode_t mode, uid_t user, gid_t group)
{
	int err, fd;
	DIR *d;

	if (mkdir(dir, mode) != 0 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = give(d, user, group);
	closedir(d);
	return err;
}

/* Who was killed a moment ago may not be gone yet. */
static int wait_for(int lock)
{
	for (int us = 0;; us += LOOK_EVERY_US) {
		if (flock(lock, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (us >= GONE_WITHIN_US)
			return -EBUSY;
		usleep(LOOK_EVERY_US);
	}
}

int run_dir_take(const char *run_dir, struct log *log, int *lock)
{
	const size_t most = CONTROL_PATH_LEN - sizeof("/control.sock");
	char path[CONTROL_PATH_LEN];
	int err;

	if (strlen(run_dir) > most) {
		log_text(log, REPORT_ERROR,
			 "--run-dir is too long for the control socket's address: %zu characters, "
			 "of at most %zu",
			 strlen(run_dir), most);
		return -ENAMETOOLONG;
	}
	snprintf(path, sizeof(path), "%s/lock", run_dir);
	if (mkdir(run_dir, RUN_DIR_MODE) != 0 && errno != EEXIST)
		return run_dir_refuse(run_dir, log, -errno);
	*lock = passed_lock(path);
	if (*lock < 0)
		*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0)
		return run_dir_refuse(run_dir, log, -errno);
	if ((err = file_owner_follow(*lock, run_dir)) != 0)
		return run_dir_refuse(run_dir, log, err);
	if (wait_for(*lock) == 0)
		return 0;
	log_text(log, REPORT_ERROR,
		 "another ikemeshd runs with %s: stop it first, or name another --run-dir",
		 run_dir);
	return -EBUSY;
}
