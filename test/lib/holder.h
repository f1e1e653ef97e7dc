/* SPDX-License-Identifier: Apache-2.0 */
/* A keyholder on a thread of the test itself, on a socket in a directory of its own. */
#ifndef IKEMESH_TEST_LIB_HOLDER_H
#define IKEMESH_TEST_LIB_HOLDER_H

#include "cmd/ikemeshd/key_client.h"
#include <pthread.h>

struct holder {
	char dir[40], path[64]; /* of the socket, which is named as in a run directory */
	const char *config_path;
	int listener, stop;
	bool runs;
	pthread_t thread;
	int status; /* what it ended with */
};

/* The socket alone: whoever connects waits. Aborts the test where anything fails. */
void holder_open(struct holder *h, const char *config_path);
void holder_run(struct holder *h);
/* It ends, as if it were killed: what it was asked is not answered. Returns its exit status. */
int holder_kill(struct holder *h);
void holder_close(struct holder *h);

/* Turns the client until *done, for 20 s at most. */
void holder_wait(struct key_client *c, const bool *done);

#endif
