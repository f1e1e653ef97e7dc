/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crypto jobs on every core, so that the loop waits for none of them. Jobs start in the order in
 * which they were handed in, and come home as they are done. With no workers a job is run where it
 * is handed in, and still comes home by the same way.
 */
#ifndef IKEMESH_CMD_POOL_H
#define IKEMESH_CMD_POOL_H

#include "cmd/ikemeshd/keyholder.h"

#define POOL_JOBS_MAX 4096 /* waiting, running and done together */

struct pool;

/* run is keyring_run, or a test's. 0 or negative errno. */
int pool_open(unsigned workers, size_t room, void (*run)(struct job *, const struct keyring *),
	      struct pool **out);

/* Frees what waits or is done, after the jobs that are running have ended. NULL is fine. */
void pool_close(struct pool *p);

/* As many workers as this process has cores; none where there is but one. */
unsigned pool_workers_here(void);

int pool_fd(const struct pool *p); /* readable when jobs are done */

/* Takes job and ring over. -EBUSY: no room, and both stay the caller's. */
int pool_submit(struct pool *p, struct job *job, struct keyring *ring);

/* A job that is done, now the caller's; NULL: none. */
struct job *pool_take(struct pool *p);

size_t pool_pending(struct pool *p); /* handed in and not taken yet */

#endif
