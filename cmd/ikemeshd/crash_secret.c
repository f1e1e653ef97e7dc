/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/crash_secret.h"

#include "crypto/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE_ID_LEN 32 /* hex digits, machine-id(5) */
#define MAGIC "ikemesh crash secret 1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)

/* As it is in the file: the machine's id by its hash, since it is not for everybody to know. */
struct image {
	char magic[MAGIC_LEN];
	uint8_t machine[32];
	uint8_t secret[QCD_SECRET_LEN];
};

static bool machine_of(const char *path, uint8_t out[static 32])
{
	static const uint8_t key[] = "ikemesh crash secret";
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	uint8_t id[MACHINE_ID_LEN];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, id, sizeof(id)) : -1;
	const struct bytes part = BYTES(id, sizeof(id));

	if (fd >= 0)
		close(fd);
	return n == MACHINE_ID_LEN &&
	       prf->compute(prf, BYTES(key, sizeof(key) - 1), &part, 1, out) == 0;
}

/* An owner other than us, or a mode that lets others read: no secret any more. */
static bool read_image(const char *path, struct image *image)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
		    st.st_size == (off_t)sizeof(*image) &&
		    read(fd, image, sizeof(*image)) == (ssize_t)sizeof(*image);

	if (fd >= 0)
		close(fd);
	return good && memcmp(image->magic, MAGIC, MAGIC_LEN) == 0;
}

static int write_all(int fd, const struct image *image)
{
	if (write(fd, image, sizeof(*image)) != (ssize_t)sizeof(*image))
		return errno != 0 ? -errno : -EIO;
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Another name first: after a loss of power there is the old file, the new one, or none. */
static int write_image(const char *path, const struct image *image)
{
	char fresh[CRASH_SECRET_TEXT_LEN];
	int fd, err;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	errno = 0;
	err = write_all(fd, image);
	close(fd);
	if (err == 0 && rename(fresh, path) != 0)
		err = -errno;
	if (err != 0)
		unlink(fresh);
	return err;
}

static int load_or_make(const char *path, struct image *image, char *why)
{
	uint8_t machine[32];
	int err;

	memcpy(machine, image->machine, sizeof(machine));
	if (read_image(path, image) && memcmp(machine, image->machine, sizeof(machine)) == 0)
		return 0;
	memcpy(image->magic, MAGIC, MAGIC_LEN);
	memcpy(image->machine, machine, sizeof(machine));
	err = random_fill(image->secret, sizeof(image->secret));
	if (err == 0)
		err = write_image(path, image);
	if (err != 0)
		snprintf(why, CRASH_SECRET_TEXT_LEN, "cannot write %s", path);
	return err;
}

int crash_secret_load(const char *state_dir, const char *machine_id_path,
		      uint8_t out[static QCD_SECRET_LEN], char why[static CRASH_SECRET_TEXT_LEN])
{
	char path[CRASH_SECRET_TEXT_LEN - 20];
	struct image image = { 0 };
	int err;

	snprintf(why, CRASH_SECRET_TEXT_LEN, "no randomness");
	if (state_dir == NULL || !machine_of(machine_id_path, image.machine))
		return random_fill(out, QCD_SECRET_LEN);
	snprintf(why, CRASH_SECRET_TEXT_LEN, "cannot use %s as the state directory", state_dir);
	if (snprintf(path, sizeof(path), "%s/" CRASH_SECRET_FILE, state_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	err = load_or_make(path, &image, why);
	if (err == 0)
		memcpy(out, image.secret, QCD_SECRET_LEN);
	wipe(&image, sizeof(image));
	return err;
}
