/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one request line, one JSON answer, good-bye. A client can be slow, mute or
 * malicious, and is none of the loop's concern: nothing here blocks, what comes in and goes out is
 * bounded, and whoever makes no progress for CONTROL_PATIENCE_S, or stays for CONTROL_VISIT_S, is
 * shown the door.
 *
 * Opening takes everything that may fail; the socket appears under its name, complete and with
 * mode 0600, when it is published: its existence tells that the daemon is ready.
 */
#ifndef IKEMESH_CMD_CONTROL_H
#define IKEMESH_CMD_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#define CONTROL_CLIENTS 64
#define CONTROL_REQUEST_MAX 4096	/* octets, with the line end */
#define CONTROL_ANSWERS_MAX (64u << 20) /* octets waiting to be read, of all clients together */
#define CONTROL_PATIENCE_S 2
#define CONTROL_VISIT_S 30
#define CONTROL_WAITING 16 /* clients that wait for something to happen ... */
#define CONTROL_WAIT_S 5   /* ... for so long */

#define CONTROL_PATH_LEN 104 /* octets of a path with its NUL (Linux's 108 less 4 of our own) */

struct control;

struct control_options {
	const char *path; /* -ENAMETOOLONG beyond CONTROL_PATH_LEN */
	/*
	 * Answers one request; the result is taken over. NULL: out of memory. json_null(): there is
	 * nothing to say yet; it is asked the same again at each control_wake(), and after
	 * CONTROL_WAIT_S, or at once where too many wait, for the last time: with "wait" set to
	 * false in the request.
	 */
	json_t *(*answer)(void *arg, const json_t *request);
	void *arg;
};

int control_open(const struct control_options *options, struct control **out);
int control_publish(struct control *c); /* once; 0 or negative errno */
void control_close(struct control *c);	/* removes the socket's name; NULL is fine */

int control_fd(const struct control *c);
void control_turn(struct control *c); /* a bounded amount of work, without blocking */
void control_wake(struct control *c); /* something happened that clients may wait for */

/* {"ok": false, "error": text}; NULL on no memory. */
json_t *control_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
