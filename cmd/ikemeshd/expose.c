/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/wireshark.h"
#include "xfrm/number.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* As Wireshark wants them to be called. */
#define IKE_FILE "ikev2_decryption_table"
#define ESP_FILE "esp_sa"

struct expose {
	char *dir;
	int ike, esp;
};

static int say(char why[static EXPOSE_TEXT_LEN], int err, const char *path, const char *text)
{
	snprintf(why, EXPOSE_TEXT_LEN, "%s %s", path, text);
	return err;
}

static bool is_roots_alone(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & 077) == 0;
}

/* The directory's descriptor or negative errno. */
static int open_dir(const char *path, char why[static EXPOSE_TEXT_LEN])
{
	struct stat st;
	int fd;

	if (geteuid() != 0)
		return say(why, -EPERM, "--expose-keys", "is for root alone");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return say(why, -errno, path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return say(why, -errno, path, strerror(errno));
	if (fstat(fd, &st) == 0 && is_roots_alone(&st))
		return fd;
	close(fd);
	return say(why, -EPERM, path, "must be root's, with mode 0700");
}

static bool is_keys_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       is_roots_alone(&st);
}

static int open_file(int dir, const char *name, char why[static EXPOSE_TEXT_LEN])
{
	int fd = openat(dir, name,
			O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return say(why, -errno, name, strerror(errno));
	if (is_keys_file(fd))
		return fd;
	close(fd);
	return say(why, -EPERM, name,
		   "is there already, and no file of one name that is root's with mode 0600");
}

static void look_for_disk(int dir, const char *path, char why[static EXPOSE_TEXT_LEN])
{
	struct statfs fs;

	if (fstatfs(dir, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		say(why, 0, path, "lies on a disk, which may keep the keys: a tmpfs would not");
}

/* What a process was given by the one that executed it: "IKE,ESP", descriptors. */
#define PASSED "IKEMESH_EXPOSED"
#define PASSED_FD 64 /* or above: the first ones have their uses */

int expose_pass(const struct expose *x)
{
	int ike = fcntl(x->ike, F_DUPFD, PASSED_FD), esp = fcntl(x->esp, F_DUPFD, PASSED_FD);
	int err = ike < 0 || esp < 0 ? -errno : 0;
	char text[32];

	snprintf(text, sizeof(text), "%d,%d", ike, esp);
	if (err == 0 && setenv(PASSED, text, 1) != 0)
		err = -errno;
	if (err != 0 && ike >= 0)
		close(ike);
	if (err != 0 && esp >= 0)
		close(esp);
	return err;
}

static bool is_passed(int fd)
{
	return fd >= PASSED_FD && is_keys_file(fd) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* False: nothing was passed that is such files. */
static bool adopt(struct expose *x)
{
	const char *text = getenv(PASSED);
	int ike = -1, esp = -1;
	const char *comma = text != NULL ? number_int(text, &ike) : NULL;

	if (comma == NULL || *comma != ',' || number_int(comma + 1, &esp) == NULL)
		return false;
	unsetenv(PASSED);
	if (!is_passed(ike) || !is_passed(esp))
		return false;
	x->ike = ike;
	x->esp = esp;
	return true;
}

static int open_files(struct expose *x, const char *path, char why[static EXPOSE_TEXT_LEN])
{
	int dir = open_dir(path, why), err = dir;

	if (err >= 0)
		x->ike = err = open_file(dir, IKE_FILE, why);
	if (err >= 0)
		x->esp = err = open_file(dir, ESP_FILE, why);
	if (err >= 0)
		look_for_disk(dir, path, why);
	if (dir >= 0)
		close(dir);
	return err >= 0 ? 0 : err;
}

int expose_open(const char *path, struct expose **out, char why[static EXPOSE_TEXT_LEN])
{
	struct expose *x = calloc(1, sizeof(*x));
	int err = 0;

	*out = NULL;
	why[0] = '\0';
	if (x == NULL)
		return say(why, -ENOMEM, path, strerror(ENOMEM));
	x->ike = x->esp = -1;
	if (!adopt(x))
		err = open_files(x, path, why);
	if (err == 0 && (x->dir = strdup(path)) == NULL)
		err = say(why, -ENOMEM, path, strerror(ENOMEM));
	if (err != 0) {
		expose_close(x);
		return err;
	}
	*out = x;
	return 0;
}

void expose_close(struct expose *x)
{
	if (x == NULL)
		return;
	if (x->ike >= 0)
		close(x->ike);
	if (x->esp >= 0)
		close(x->esp);
	free(x->dir);
	free(x);
}

const char *expose_dir(const struct expose *x)
{
	return x != NULL ? x->dir : NULL;
}

/* Half a line would spoil the whole file for Wireshark: what there is of it is taken back. */
static int put_line(int fd, const char *line, size_t n)
{
	struct stat before;
	ssize_t done;

	if (fstat(fd, &before) != 0)
		return -errno;
	done = write(fd, line, n);
	if (done < 0)
		return -errno;
	if (done == (ssize_t)n)
		return 0;
	return ftruncate(fd, before.st_size) == 0 ? -ENOSPC : -errno;
}

/* Wipes the line. */
static int put(int fd, char line[static WIRESHARK_LINE_LEN], size_t n)
{
	int err = n > 0 ? put_line(fd, line, n) : -ENOTSUP;

	wipe(line, WIRESHARK_LINE_LEN);
	return err;
}

int expose_ike(struct expose *x, const struct exposed_keys *keys)
{
	char line[WIRESHARK_LINE_LEN];

	return put(x->ike, line, wireshark_ike(keys, line));
}

int expose_esp(struct expose *x, const struct sa_spec *sa)
{
	char line[WIRESHARK_LINE_LEN];

	return put(x->esp, line, wireshark_esp(sa, line));
}
