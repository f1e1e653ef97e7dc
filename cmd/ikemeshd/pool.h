/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes long is done on every core, so that the loop waits for none of it. Chores start in the
 * order in which they were handed in, and come home as they are done. With no workers a chore is
 * run where it is handed in, and still comes home in pool_turn(); as waking oneself up costs some
 * system calls, nobody is woken for it: who hands in calls pool_turn() before he waits.
 */
#ifndef IKEMESH_CMD_POOL_H
#define IKEMESH_CMD_POOL_H

#include "cmd/ikemeshd/keyring.h"

#define POOL_JOBS_MAX 4096 /* waiting, running and done together */

struct pool;

/* The head of whatever it is about; whoever hands it in owns the rest. */
struct chore {
	void (*run)(struct chore *);  /* in any thread */
	void (*home)(struct chore *); /* afterwards, in pool_turn(): owns it then */
	void (*drop)(struct chore *); /* in place of home, whether it ran or not: the pool closes */
};

/* 0 or negative errno. */
int pool_open(unsigned workers, size_t room, struct pool **out);

/* Drops what waits or is done, after what is running has ended. NULL is fine. */
void pool_close(struct pool *p);

/* As many workers as this process has cores; none where there is but one. */
unsigned pool_workers_here(void);

/* Readable when something is done; with no workers, only when pool_turn() has left some. */
int pool_fd(const struct pool *p);

/* Takes the chore over. -EBUSY: no room, and it stays the caller's. */
int pool_submit(struct pool *p, struct chore *c);

/* Brings home at most so many of those that are done. Returns how many. */
size_t pool_turn(struct pool *p, size_t most);

bool pool_has_done(struct pool *p);  /* that is not home yet */
size_t pool_pending(struct pool *p); /* handed in and not home yet */

/*
 * A crypto job as a chore: keyring_run() with this ring, then done, which owns the job. Takes both
 * over, the ring (NULL: none) as counted for it. -EBUSY, -ENOMEM: both stay the caller's.
 */
int pool_submit_job(struct pool *p, struct job *job, struct keyring *ring,
		    void (*done)(void *arg, struct job *job), void *arg);

#endif
