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

struct handover {
	int sockets[UDP_SOCKETS]; /* -1: not there; udp_open() takes them */
	bool stored;		  /* systemd has them already */
	struct secret state;	  /* what engine_save() gave; empty: there is none */
	uint32_t generation;	  /* of the certificate that the peers were shown */
	uint8_t leaf[HANDOVER_LEAF_LEN];
};

#define HANDOVER_TEXT_LEN 160

/*
 * What a predecessor left; none is no error. why: something was there and could not be used, else
 * empty. Takes the variables out of the environment.
 */
void handover_take(struct handover *h, char why[static HANDOVER_TEXT_LEN]);
/* Wipes the state and closes the sockets that nobody took. */
void handover_wipe(struct handover *h);

/* systemd keeps the sockets from now on, until the unit stops. 0, or -ENOTCONN without it. */
int handover_store_sockets(const int *sockets);

/*
 * systemd keeps the state for the next start; it has it when this returns. 0; -ENOTCONN without it;
 * or what went wrong.
 */
int handover_keep(const struct handover *h);

/*
 * Executes program with argv anew in this process, and hands state and sockets to it. Returns only
 * if that fails, with a negative errno and everything as it was.
 */
int handover_exec(const struct handover *h, const char *program, char *const *argv);

/* The state's file: for tests, and the steps that the two above have in common. */
int handover_write(const struct handover *h, int *fd); /* 0 or negative errno */
int handover_read(int fd, struct handover *h, char why[static HANDOVER_TEXT_LEN]); /* the same */

#endif
