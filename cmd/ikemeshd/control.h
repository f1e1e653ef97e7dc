/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one request line, one JSON answer, good-bye. A client can be slow, mute or
 * malicious, and is none of the loop's concern: nothing here blocks, what comes in and goes out is
 * bounded, and whoever makes no progress for CONTROL_PATIENCE_S, or stays for CONTROL_VISIT_S, is
 * shown the door. When all places are taken, who has not asked within CONTROL_GRACE_MS goes first,
 * then who has not read for CONTROL_READING_GRACE_MS, then whoever is not root, in favour of root;
 * somebody else is told that there is no place. Nobody goes for what the loop was too busy to see:
 * what has come from a client, and what it has read, is looked at before it is judged.
 *
 * Answers that take long are made one after the other, and what is made of the loop's time by them
 * is at most half. Requests alike that wait meanwhile are answered with one answer, if whoever
 * makes it says that it is the same for all. Such answers wait until there is room for them; those
 * who read on are not driven out for others.
 *
 * Opening takes everything that may fail; the socket appears under its name, complete and with its
 * mode and group, when it is published: its existence tells that the daemon is ready.
 */
#ifndef IKEMESH_CMD_CONTROL_H
#define IKEMESH_CMD_CONTROL_H

#include "cmd/ikemeshd/rights.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTROL_CLIENTS 128
#define CONTROL_REQUEST_MAX 4096	/* octets, with the line end */
#define CONTROL_ANSWERS_MAX (64u << 20) /* octets waiting to be read, of all clients together */
#define CONTROL_PATIENCE_S 2
#define CONTROL_VISIT_S 30
#define CONTROL_GRACE_MS 250
#define CONTROL_READING_GRACE_MS 1000
#define CONTROL_WAITING 16 /* clients that wait for something to happen ... */
#define CONTROL_WAIT_S 5   /* ... for so long */

#define CONTROL_PATH_LEN 104 /* octets of a path with its NUL (Linux's 108 less 4 of our own) */

struct control;

/* Who has asked. */
struct control_asker {
	struct control *control;
	uint64_t ticket; /* names it as long as it is there; never 0, and never given twice */
	enum rights rights;
	uid_t uid;
};

struct control_options {
	const char *path; /* -ENAMETOOLONG beyond CONTROL_PATH_LEN */
	gid_t group; /* may ask as well, mode 0660 or 0666; RIGHTS_NO_GROUP: root alone, 0600 */
	/*
	 * One request of somebody with at least RIGHTS_READ, valid for the call. It is answered by
	 * control_answer() or control_answer_text(), now or later (within CONTROL_VISIT_S of its
	 * coming): the client waits. Answered with json_null(), it waits for something to happen:
	 * it is asked the same again at each control_wake(), and after CONTROL_WAIT_S, or at once
	 * where too many wait, for the last time: with "wait" set to false in the request.
	 */
	void (*ask)(void *arg, const struct control_asker *asker, const json_t *request);
	/*
	 * There is no descriptor (or memory) for whoever comes, negative errno: it waits, and is
	 * let in when there is. Called at each attempt, four times a second at most. NULL: nobody
	 * hears of it.
	 */
	void (*cannot_accept)(void *arg, int err);
	void *arg;
};

int control_open(const struct control_options *options, struct control **out);
int control_publish(struct control *c); /* once; 0 or negative errno */
void control_close(struct control *c);	/* removes the socket's name; NULL is fine */

int control_fd(const struct control *c);
void control_turn(struct control *c);		  /* a bounded amount of work, without blocking */
bool control_is_watched(const struct control *c); /* somebody waits for something to happen */
void control_wake(struct control *c);		  /* something happened that clients may wait for */

/*
 * Answers whoever has this ticket, unless it has gone or was answered. The document is taken over;
 * NULL (out of memory) closes the connection. A text is of malloc() and n octets without line end.
 */
void control_answer(struct control *c, uint64_t ticket, json_t *document);
void control_answer_text(struct control *c, uint64_t ticket, char *text, size_t n);

/*
 * Said within ask(): the answer is the same for all with the same rights who ask the same now, and
 * changes nothing: where there is no room for it, the same is asked again.
 */
void control_share(struct control *c, uint64_t ticket);

/* {"ok": false, "error": text}; NULL on no memory. */
json_t *control_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and that the reason is who asks: {..., "reason": "not allowed"}. */
json_t *control_not_allowed(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
