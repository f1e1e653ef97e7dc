/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one ikemeshd to the next: the core's state and the open IKE ports, as descriptors. systemd
 * keeps them while there is no ikemeshd (its file descriptor store), or the guardian where there is
 * no systemd, by the same protocol (guardian.h). The state is
 * memory of this boot, never a file on a disk, and sealed (sealing.h); whoever goes on from it has
 * his own stored first, and empties it then, so that there is one at any moment and it is used
 * once.
 */
#ifndef IKEMESH_CMD_HANDOVER_H
#define IKEMESH_CMD_HANDOVER_H

#include "cmd/ikemeshd/sealing.h"
#include "cmd/ikemeshd/udp.h"
#include "crypto/secret.h"

#define HANDOVER_LEAF_LEN 20 /* octets: SHA-1 of our certificate, to tell whether it is another */

#define HANDOVER_STATES 2 /* descriptors of a state: the last, and perhaps the one before */

struct handover {
	int sockets[UDP_SOCKETS]; /* -1: not there; udp_open() takes them */
	bool stored;		  /* systemd has them already */
	int key;		  /* that states are sealed with (sealing.h); -1: none */
	bool key_stored;
	uint64_t sequence; /* of the state: each that is begun has the next */
	unsigned died; /* of who left it, and who took it over: so many did not end by themselves */
	int used[HANDOVER_STATES]; /* where the state comes from; -1: nowhere */
	struct secret state;	   /* what engine_save() gave; empty: there is none */
	uint32_t generation;	   /* of the certificate that the peers were shown */
	uint8_t leaf[HANDOVER_LEAF_LEN];
};

#define HANDOVER_TEXT_LEN 160

/*
 * What a predecessor left; none is no error, and there is a new key then. why: something was there
 * and could not be used, else empty. Takes the variables out of the environment.
 */
void handover_take(struct handover *h, char why[static HANDOVER_TEXT_LEN]);
/*
 * It is about to be used: should this process die over it, the next one knows that somebody may
 * have sent something already. A state that several died over is not taken any more.
 */
void handover_begin(const struct handover *h);
/* Another state is in its place: whoever starts next must not go on from it again. */
void handover_used(struct handover *h);
/* Wipes the state and closes the descriptors that nobody took. */
void handover_wipe(struct handover *h);

/* systemd keeps the sockets from now on, until the unit stops. 0, or -ENOTCONN without it. */
int handover_store_sockets(const int *sockets);
/* And the key, if it does not have it yet. The same. */
int handover_store_key(struct handover *h);

/* As they are called in the store; states by turns, so that one is there before another goes. */
#define HANDOVER_KEY_NAME "ikemesh-key"
const char *handover_state_name(uint64_t sequence);
const char *handover_socket_name(size_t which);

/*
 * A state that grows step by step, which systemd keeps for the next start whatever becomes of this
 * process.
 */
struct keepsake {
	int fd;			/* -1: none */
	uint64_t octets, first; /* of the file behind its head: now, and when it was begun */
	uint64_t sequence;
	struct sealing sealing;
};
#define KEEPSAKE_NONE ((struct keepsake){ .fd = -1 })

bool handover_can_keep(void); /* there is a systemd */
/*
 * In place of the one that k held and of those that h came from, which systemd gives up once it has
 * this one. 0; -ENOTCONN without systemd; or what went wrong, and k is as before.
 */
int keepsake_begin(struct keepsake *k, const struct handover *h);
/* 0 or negative errno: nothing may be added to it any more. */
int keepsake_append(struct keepsake *k, struct bytes record);
/* Longer by far than when it was begun: better to begin another. */
bool keepsake_is_long(const struct keepsake *k);
void keepsake_close(struct keepsake *k); /* systemd still has it */
void keepsake_drop(struct keepsake *k);	 /* and nobody goes on from any */
/* systemd has got all that it was told. 0 or negative errno. */
int handover_settle(void);

/*
 * handover_file.c: the state's file, in memory, behind a descriptor that k owns then. Both 0 or
 * negative errno.
 */
int handover_write(const struct handover *h, struct keepsake *k);
/* By h->key, which a file of version 1 does without. */
int handover_read(int fd, struct handover *h, char why[static HANDOVER_TEXT_LEN]);

#endif
