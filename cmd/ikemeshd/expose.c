/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/wireshark.h"

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

static int open_file(int dir, const char *name, char why[static EXPOSE_TEXT_LEN])
{
	int fd = openat(dir, name,
			O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return say(why, -errno, name, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && is_roots_alone(&st))
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

int expose_open(const char *path, struct expose **out, char why[static EXPOSE_TEXT_LEN])
{
	struct expose *x = calloc(1, sizeof(*x));
	int dir, err;

	*out = NULL;
	why[0] = '\0';
	if (x == NULL)
		return say(why, -ENOMEM, path, strerror(ENOMEM));
	x->ike = x->esp = -1;
	dir = err = open_dir(path, why);
	if (err >= 0)
		x->ike = err = open_file(dir, IKE_FILE, why);
	if (err >= 0)
		x->esp = err = open_file(dir, ESP_FILE, why);
	if (err >= 0) {
		x->dir = strdup(path);
		err = x->dir != NULL ? 0 : say(why, -ENOMEM, path, strerror(ENOMEM));
	}
	if (err == 0) {
		look_for_disk(dir, path, why);
		*out = x;
	}
	if (dir >= 0)
		close(dir);
	if (err != 0)
		expose_close(x);
	return err;
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

/* Wipes the line. */
static int put(int fd, char line[static WIRESHARK_LINE_LEN], size_t n)
{
	ssize_t done = n > 0 ? write(fd, line, n) : -1;
	int err = n == 0 ? -ENOTSUP : done < 0 ? -errno : done == (ssize_t)n ? 0 : -ENOSPC;

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
