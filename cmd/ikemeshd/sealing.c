/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/sealing.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_LEN 32
#define LABEL "ikemesh state"

int sealing_new_key(int *fd)
{
	uint8_t key[KEY_LEN];
	int pair[2], err = random_fill(key, sizeof(key));

	*fd = -1;
	if (err == 0 && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
		err = -errno;
	if (err == 0) {
		if (send(pair[0], key, sizeof(key), MSG_NOSIGNAL) != sizeof(key))
			err = -EIO;
		close(pair[0]);
		if (err == 0)
			*fd = pair[1];
		else
			close(pair[1]);
	}
	wipe(key, sizeof(key));
	return err;
}

int sealing_of(int fd, const uint8_t salt[static SEALING_SALT_LEN], struct sealing *out)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const struct bytes seed[] = { BYTES((const uint8_t *)LABEL, sizeof(LABEL) - 1),
				      BYTES(salt, SEALING_SALT_LEN) };
	uint8_t key[KEY_LEN + 1];
	ssize_t n = fd < 0 ? -1 : recv(fd, key, sizeof(key), MSG_PEEK | MSG_DONTWAIT);
	int err = n == KEY_LEN ? 0 : -ENOKEY;

	if (err == 0)
		err = prf_plus(prf, BYTES(key, KEY_LEN), seed, 2, out->key, sizeof(out->key));
	wipe(key, sizeof(key));
	return err;
}

static void put_at(uint8_t iv[static sizeof(uint64_t)], uint64_t at)
{
	for (size_t i = sizeof(at); i > 0; i--, at >>= 8)
		iv[i - 1] = (uint8_t)at;
}

int sealing_seal(const struct sealing *s, uint64_t at, uint8_t *data, size_t n,
		 uint8_t tag[static SEALING_TAG_LEN])
{
	const struct encr_alg *gcm = encr_by_id(ENCR_AES_GCM_16, 256);
	uint8_t iv[sizeof(at)];

	put_at(iv, at);
	return gcm->seal(gcm, s->key, iv, BYTES_NONE, data, n, tag);
}

int sealing_open(const struct sealing *s, uint64_t at, uint8_t *data, size_t n,
		 const uint8_t tag[static SEALING_TAG_LEN])
{
	const struct encr_alg *gcm = encr_by_id(ENCR_AES_GCM_16, 256);
	uint8_t iv[sizeof(at)];

	put_at(iv, at);
	return gcm->open(gcm, s->key, iv, BYTES_NONE, data, n, tag);
}
