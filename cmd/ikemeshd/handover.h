/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one ikemeshd to the next: the core's state and the open IKE ports, as descriptors. Either
 * systemd keeps them while there is no ikemeshd (its file descriptor store), or the program is
 * executed anew in the same process, with the same protocol of environment variables. The state is
 * memory of this boot, never a file on a disk; whoever takes it empties it, so that it is used
 * once.
 */
#ifndef IKEMESH_CMD_HANDOVER_H
#define IKEMESH_CMD_HANDOVER_H

#include "cmd/ikemeshd/udp.h"
#include "crypto/secret.h"

#define HANDOVER_LEAF_LEN 20 /* octets: SHA-1 of our certificate, to tell whether it is another */

#define HANDOVER_STATES 2 /* descriptors of a state: the last, and perhaps the one before */

struct handover {
	int sockets[UDP_SOCKETS]; /* -1: not there; udp_open() takes them */
	bool stored;		  /* systemd has them already */
	uint64_t sequence;	  /* of the state: each that is begun has the next */
	unsigned died; /* of who left it, and who took it over: so many did not end by themselves */
	int used[HANDOVER_STATES]; /* where the state comes from; -1: nowhere */
	struct secret state;	   /* what engine_save() gave; empty: there is none */
	uint32_t generation;	   /* of the certificate that the peers were shown */
	uint8_t leaf[HANDOVER_LEAF_LEN];
};

#define HANDOVER_TEXT_LEN 160

/*
 * What a predecessor left; none is no error. why: something was there and could not be used, else
 * empty. Takes the variables out of the environment.
 */
void handover_take(struct handover *h, char why[static HANDOVER_TEXT_LEN]);
/*
 * It is about to be used: should this process die over it, the next one knows that somebody may
 * have sent something already. A state that several died over is not taken any more.
 */
void handover_begin(const struct handover *h);
/* The state is in use: whoever starts next must not go on from it again. */
void handover_used(struct handover *h);
/* Wipes the state and closes the sockets that nobody took. */
void handover_wipe(struct handover *h);

/* systemd keeps the sockets from now on, until the unit stops. 0, or -ENOTCONN without it. */
int handover_store_sockets(const int *sockets);

/*
 * A state that grows step by step, which systemd keeps for the next start whatever becomes of this
 * process.
 */
struct keepsake {
	int fd;			/* -1: none */
	uint64_t octets, first; /* of the state: now, and when it was begun */
	uint64_t sequence;
};
#define KEEPSAKE_NONE ((struct keepsake){ .fd = -1 })

bool handover_can_keep(void); /* there is a systemd */
/* In place of the one that k held, which goes. 0; -ENOTCONN without systemd; or what went wrong. */
int keepsake_begin(struct keepsake *k, const struct handover *h);
int keepsake_append(struct keepsake *k, struct bytes record); /* 0 or negative errno */
/* Longer by far than when it was begun: better to begin another. */
bool keepsake_is_long(const struct keepsake *k);
void keepsake_close(struct keepsake *k); /* systemd still has it */
void keepsake_drop(struct keepsake *k);	 /* and nobody goes on from it */
/* systemd has got all that it was told. 0 or negative errno. */
int handover_settle(void);

/*
 * Executes program with argv anew in this process, and hands state and sockets to it. Returns only
 * if that fails, with a negative errno and everything as it was.
 */
int handover_exec(const struct handover *h, const char *program, char *const *argv);

/* The state's file: for tests, and the steps that the two above have in common. */
int handover_write(const struct handover *h, int *fd); /* 0 or negative errno */
int handover_read(int fd, struct handover *h, char why[static HANDOVER_TEXT_LEN]); /* the same */

#endif
