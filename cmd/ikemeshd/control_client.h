/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of the control socket: its request comes in, waits to be answered, and its answer goes
 * out. Knows nothing of the others; control.c seats them and says whose turn it is.
 */
#ifndef IKEMESH_CMD_CONTROL_CLIENT_H
#define IKEMESH_CMD_CONTROL_CLIENT_H

#include "cmd/ikemeshd/control.h"
#include "ike/event.h"

enum client_state {
	CLIENT_FREE,
	CLIENT_ASKING,	 /* its request line is not complete */
	CLIENT_ASKED,	 /* complete, and not looked at */
	CLIENT_WAITING,	 /* for an answer that is being made */
	CLIENT_WATCHING, /* for something to happen */
	CLIENT_READING,	 /* it has not read all of its answer */
};

/* An answer, that several may be reading. */
struct answer {
	size_t readers;
	size_t n; /* octets, with the line end */
	char *text;
};

struct client {
	enum client_state state;
	int fd;
	uint64_t ticket;
	enum rights rights;
	uid_t uid;
	struct mono progress_at, visit_ends;
	char request[CONTROL_REQUEST_MAX];
	size_t n_request; /* octets; when it is complete, without the line end */
	bool too_long;
	bool shares;  /* control_share() was said of it */
	bool waits;   /* for something to happen, since progress_at */
	bool last;    /* it does not wait for something to happen any more */
	size_t wants; /* CLIENT_ASKED: its answer was made, and had no room: octets; else 0 */
	struct answer *answer;
	size_t sent;
};

/* Takes fd over. */
void client_seat(struct client *client, int fd, uint64_t ticket, enum rights rights, uid_t uid);
void client_leave(struct client *client); /* the answer, too, if nobody else reads it */

/* What has come, or what fits. false: it is done, or gone; it is for the caller to have it leave.
 */
bool client_read(struct client *client);
bool client_write(struct client *client);

/* Reads along with whoever reads it already. */
void client_give(struct client *client, struct answer *answer);

/* Waits for something to happen; again, where that was not what it waits for. */
void client_watch(struct client *client);

/* When it is shown the door, or asked for the last time. */
struct mono client_patience_ends(const struct client *client);

/* When it is stale: it holds a place, or memory, and does nothing with it. */
struct mono client_grace_ends(const struct client *client);
bool client_is_stale(const struct client *client, struct mono now);

/* Takes text over; a line end is put behind it. NULL: out of memory, and text is freed. */
struct answer *answer_new(char *text, size_t n);
void answer_drop(struct answer *answer); /* one reader less; NULL is fine */

#endif
