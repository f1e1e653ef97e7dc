/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/swap.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SWAPS_MAX 32 /* the kernel has 29 at most */
#define LAYERS_MAX 8 /* of devices on devices */
#define ATTRIBUTE_LEN 80

static bool attribute(const char *dir, const char *name, char out[static ATTRIBUTE_LEN])
{
	char path[PATH_MAX];
	FILE *f;
	bool read;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	read = f != NULL && fgets(out, ATTRIBUTE_LEN, f) != NULL;
	if (f != NULL)
		(void)fclose(f);
	if (read)
		out[strcspn(out, "\n")] = '\0';
	return read;
}

static bool is_encrypted(const char *dir, unsigned layers);

/* All that it lies on, and there is something. */
static bool lies_on_encrypted(const char *dir, unsigned layers)
{
	char path[PATH_MAX];
	const struct dirent *e;
	bool any = false, all = true;
	DIR *slaves;

	snprintf(path, sizeof(path), "%s/slaves", dir);
	slaves = opendir(path);
	while (slaves != NULL && all && (e = readdir(slaves)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		any = true;
		snprintf(path, sizeof(path), "%s/slaves/%s", dir, e->d_name);
		all = is_encrypted(path, layers + 1);
	}
	if (slaves != NULL)
		closedir(slaves);
	return any && all;
}

static bool is_encrypted(const char *dir, unsigned layers)
{
	char uuid[ATTRIBUTE_LEN];

	if (attribute(dir, "dm/uuid", uuid) && strncmp(uuid, "CRYPT-", 6) == 0)
		return true;
	return layers < LAYERS_MAX && lies_on_encrypted(dir, layers);
}

enum swap_kind swap_kind_of(const char *sys, unsigned major, unsigned minor)
{
	char link[PATH_MAX], dir[PATH_MAX], backing[ATTRIBUTE_LEN];

	snprintf(link, sizeof(link), "%s/dev/block/%u:%u", sys, major, minor);
	if (realpath(link, dir) == NULL)
		return SWAP_UNKNOWN;
	if (strncmp(strrchr(dir, '/') + 1, "zram", 4) == 0)
		return !attribute(dir, "backing_dev", backing) || strcmp(backing, "none") == 0
			       ? SWAP_MEMORY
			       : SWAP_PLAIN;
	return is_encrypted(dir, 0) ? SWAP_ENCRYPTED : SWAP_PLAIN;
}

/* Blanks in a name are written \040. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static enum swap_kind kind_at(const char *sys, const char *path)
{
	struct stat st;
	dev_t device;

	if (stat(path, &st) != 0)
		return SWAP_UNKNOWN;
	device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	return swap_kind_of(sys, major(device), minor(device));
}

int swaps_read(const char *swaps, const char *sys, struct swap **out, size_t *n)
{
	char line[1024];
	FILE *f = fopen(swaps, "re");

	*out = NULL;
	*n = 0;
	if (f == NULL)
		return -errno;
	*out = calloc(SWAPS_MAX, sizeof(**out));
	/* The first line is a heading. */
	while (*out != NULL && *n < SWAPS_MAX && fgets(line, sizeof(line), f) != NULL) {
		struct swap *s = &(*out)[*n];

		if (line[0] != '/' || sscanf(line, "%255s", s->path) != 1)
			continue;
		unescape(s->path);
		s->kind = kind_at(sys, s->path);
		++*n;
	}
	(void)fclose(f);
	return *out != NULL ? 0 : -ENOMEM;
}
