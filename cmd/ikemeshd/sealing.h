/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is handed over is sealed: the file that holds it shows nothing to whoever comes by a copy of
 * it, or by the swap that its pages went to while no ikemeshd stood behind them.
 *
 * The key is a datagram that waits in a socket's queue. That is the kernel's own memory, which is
 * never swapped, counts against no limit, and is not to be read by way of /proc as a file is; the
 * socket goes from one ikemeshd to the next beside the file. Who is root, or this daemon, can have
 * both: against them it is no protection.
 */
#ifndef IKEMESH_CMD_SEALING_H
#define IKEMESH_CMD_SEALING_H

#include "crypto/suite.h"

#define SEALING_SALT_LEN 32
#define SEALING_TAG_LEN 16

/* Of one file: derived from the key and the file's salt, so no nonce is ever used twice. */
struct sealing {
	uint8_t key[ENCR_MAX_KEY];
};

/* A new key in *fd, owned by the caller. 0 or negative errno. */
int sealing_new_key(int *fd);
/* 0; -ENOKEY: there is no key in fd; or negative errno. Wipe *out after use. */
int sealing_of(int fd, const uint8_t salt[static SEALING_SALT_LEN], struct sealing *out);

/*
 * AES-256-GCM, in place. at names the piece: its octet in the file, where nothing else is ever
 * sealed. 0; -EBADMSG: it is not what was sealed there, and data is wiped; -EIO.
 */
int sealing_seal(const struct sealing *s, uint64_t at, uint8_t *data, size_t n,
		 uint8_t tag[static SEALING_TAG_LEN]);
int sealing_open(const struct sealing *s, uint64_t at, uint8_t *data, size_t n,
		 const uint8_t tag[static SEALING_TAG_LEN]);

#endif
