/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad input as a table: each case is a row, what it sends a function, and what is seen is written
 * down by the scene while it happens. A case is played some times against one core. The test
 * fails unless
 *	- each datagram had one of the outcomes that the row expects,
 *	- none took the core 100 ms of CPU,
 *	- after each round nothing is left: no IKE SA, no CHILD_SA, no SA in the kernel, no job,
 *	- the last round left no more memory allocated than the one before,
 *	- and a right handshake went through at once.
 * That the core is alive and that sanitizers find nothing goes without saying: the program runs.
 */
#ifndef IKEMESH_TEST_CASES_SCENE_H
#define IKEMESH_TEST_CASES_SCENE_H

#include "sim/duet.h"

#include <stdio.h>

/* What came of a datagram, or of another event. */
enum outcome {
	OUT_DROP,    /* no answer, and nothing kept */
	OUT_KEPT,    /* no answer yet: part of a message, or a request whose answer is known */
	OUT_GOES_ON, /* answered as a right one, or the core's next request */
	OUT_COOKIE,  /* N(COOKIE) */
	OUT_ERROR,   /* an error notify; which: see scene.errors */
	OUT_ENDS,    /* the IKE SA, or the attempt, ended without a word in the clear */
	OUTCOMES,
};

#define ALLOW(o) (1u << (o))
#define ERRORS_MAX 6

struct scene;

struct bad_case {
	const char *id;	    /* "T01" */
	const char *name;   /* of the test */
	const char *source; /* whose bug, or which RFC */
	const char *sent;
	unsigned allowed;	     /* ALLOW() of outcomes */
	uint16_t errors[ERRORS_MAX]; /* the notifies that OUT_ERROR may be; 0: no more */
	bool real;		     /* real crypto */
	void (*play)(struct scene *s);
};

struct scene {
	const struct bad_case *row;
	struct duet d;
	unsigned seen[OUTCOMES];
	struct {
		uint16_t notify;
		unsigned times;
	} errors[16];
	size_t n_errors;
	struct {
		const char *what;
		unsigned times, failed;
	} checks[8];
	size_t n_checks;
	unsigned handshakes; /* right ones, each at once after a round */
	unsigned given;	     /* datagrams and other events */
	int64_t slowest_us;  /* CPU of one */
	uint64_t octets_in, octets_out;
	char note[160]; /* what a case found out besides */
};

/* Gives it as the peer, and writes down what came of it. What the core sent is left to duet_hear().
 */
enum outcome scene_give(struct scene *s, struct bytes datagram);
enum outcome scene_give_from(struct scene *s, const struct endpoint *from, struct bytes datagram);
/* The same datagram so many times; what is sent and reported is forgotten. Time goes on by 1 ms
 * with each. */
void scene_pour(struct scene *s, struct bytes datagram, unsigned times);
/* The same for a draft, which is freed: encoded or sealed, or cut in fragments of so many octets.
 */
enum outcome scene_say(struct scene *s, struct draft *said);
enum outcome scene_say_fragmented(struct scene *s, struct draft *said, size_t limit);
/* In the clear, whatever exchange it says. */
enum outcome scene_say_clear(struct scene *s, struct draft *said);
/* What the case looks at by itself, in words; the test fails if it is not so. */
void scene_check(struct scene *s, bool is_so, const char *what);
/* Nothing is left: time runs out for what is half done, SAs are taken down, sent messages freed.
 * The peer knows nothing any more. Called between rounds, and by cases that begin anew. */
void scene_clear(struct scene *s);

/* The peer's IKE_SA_INIT request; an IKE_AUTH request after an exchange that went well; its answer
 * where the core has begun. All from a clear scene. */
void scene_init(struct scene *s, struct draft *said);
void scene_auth(struct scene *s, struct draft *said);
void scene_auth_answer(struct scene *s, struct draft *said);
void scene_up(struct scene *s);

/* Arrays of rows, each ended by one without a name. */
extern const struct bad_case cases_header[];
extern const struct bad_case cases_negotiation[];
extern const struct bad_case cases_states[];
extern const struct bad_case cases_auth[];
extern const struct bad_case cases_fragments[];
extern const struct bad_case cases_certificates[];
extern const struct bad_case cases_keys[];
extern const struct bad_case cases_peers[];

#define SECOND INT64_C(1000000)

/* Plays the row, writes its line to f if that is not NULL, and fails the test if it is not as it
 * should be. */
void scene_play(const struct bad_case *row, FILE *f);

#endif
