/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's line to the keyholder. Questions are answered when they are; none of this blocks.
 * When the line breaks it is connected anew, and what is open is asked once more, so that a
 * keyholder that dies costs nothing but time. Each question has a deadline.
 */
#ifndef IKEMESH_CMD_KEY_CLIENT_H
#define IKEMESH_CMD_KEY_CLIENT_H

#include "cmd/ikemeshd/key_message.h"
#include "ike/action.h"

#define KEY_QUESTIONS_MAX 4096 /* open at once */
#define KEY_JOB_S 10	       /* a job's deadline */

struct key_client;

struct key_client_options {
	const char *path; /* of its socket; borrowed until the end */
	void (*say)(void *arg, enum report_level level, const char *text); /* NULL: nobody hears */
	struct mono (*now)(void *arg); /* NULL: the clock itself, which may be a system call */
	void *arg;
};

/* 0 or negative errno. It need not be there yet. */
int key_client_open(const struct key_client_options *options, struct key_client **out);
/* What is open is forgotten, and its jobs freed. NULL is fine. */
void key_client_close(struct key_client *c);

int key_client_fd(const struct key_client *c); /* readable when there is something to do */
void key_client_turn(struct key_client *c);    /* a bounded amount of it */

/*
 * JOB_SIGN (with the key of the certificate with this fingerprint) or JOB_PPK. done owns the job
 * then: -ETIMEDOUT, -ENOKEY and other reasons are in it, with a text. It is called in
 * key_client_turn(). 0; -EBUSY, -EINVAL, -ENOMEM: the job stays the caller's.
 */
int key_client_job(struct key_client *c, struct job *job, const char *fingerprint,
		   void (*done)(void *arg, struct job *job), void *arg);

/*
 * Anything else. answer: its result is -ETIMEDOUT if there was none in so many seconds. *content
 * (-1: none) is closed unless done takes it and leaves -1. drop (may be NULL) comes in its place
 * when the line is given up. 0; -EBUSY, -EINVAL, -ENOMEM.
 */
typedef void key_done(void *arg, const struct key_message *answer, int *content);
int key_client_ask(struct key_client *c, const struct key_message *question, unsigned seconds,
		   key_done *done, void (*drop)(void *arg), void *arg);

size_t key_client_jobs(const struct key_client *c); /* that are open */

struct key_client_state {
	bool away;	   /* for some time now */
	int64_t away_us;   /* so long; 0: it is not */
	char why[128];	   /* if it is: "is stopped or busy: it has not answered for ..." */
	uint64_t renewed;  /* so often there was another one */
	uint64_t timeouts; /* of questions */
	size_t open;	   /* questions */
	uint64_t resident; /* octets of its memory a few seconds ago; 0: not known */
	uint64_t cpu_us;   /* of this one: another begins anew */
};
void key_client_state(const struct key_client *c, struct key_client_state *out);

#endif
