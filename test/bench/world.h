/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cores that talk to each other in memory, with nothing between them: what a handshake costs
 * without kernel, sockets and log. One host begins with each of the addresses of the other one.
 *
 * Crypto is real (RSA-3072 under a CA of RSA-3072, one certificate for all as a fleet has it,
 * modp2048), by the daemon's pool of threads or in place; or it is the simulator's stand-in, where
 * all that is left is our own.
 */
#ifndef IKEMESH_TEST_BENCH_WORLD_H
#define IKEMESH_TEST_BENCH_WORLD_H

#include "cmd/ikemeshd/perform.h"
#include "cmd/ikemeshd/pool.h"
#include "ike/engine.h"
#include "sim/jobs.h"

#define WORLD_UNDER_WAY \
	16 /* handshakes at once, at most: fewer than make a responder ask for cookies */

enum end {
	END_INITIATOR,
	END_RESPONDER,
	ENDS,
};

struct world_options {
	bool standin;
	unsigned threads;  /* of the pool; 0: crypto is done in place */
	unsigned together; /* handshakes at once; 0: one after the other */
	bool cold;	   /* in place: each certificate is one never seen before */
};

struct datagram {
	struct endpoint from, to;
	struct blob octets;
};

struct errand;
struct world;

struct side {
	struct world *world;
	struct spec spec;
	struct engine *engine;
	struct hands hands;
	struct performer performer;
	struct job_doer doer; /* of the stand-in */
	struct datagram inbox[64];
	size_t first, n_inbox;
	uint64_t sas_in, sas_out; /* that the kernel would have been given */
	uint64_t datagrams, octets;
	int64_t cpu_ns; /* of this thread for this side */
};

struct world {
	struct world_options options;
	struct side sides[ENDS];
	struct mono now;
	struct rng rng;
	struct pool *pool;
	struct errand *done, **done_last; /* stand-in jobs that are to come home */
	unsigned next_pair;		  /* the number of its address */
	uint64_t failures;		  /* error reports of the cores */
};

void world_open(struct world *w, const struct world_options *options);
void world_close(struct world *w);

/* n more pairs come up. Ends the program where one does not. */
void world_connect(struct world *w, unsigned n);
/* Time goes by; what falls due is done. */
void world_wait(struct world *w, int64_t us);

int64_t cpu_of_thread_ns(void);

#endif
