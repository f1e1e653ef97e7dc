/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key pairs for Diffie-Hellman that were made while there was nothing else to do, so that a first
 * packet does not wait for one. Each is given away once (RFC 7296 2.12 allows reuse, we do not),
 * those that nobody took are wiped with the stock, and none leaves this process: neither the state
 * for a successor nor a child has any. The stock is refilled some at a time, as each waking up for
 * it costs as well.
 */
#ifndef IKEMESH_CMD_KE_STOCK_H
#define IKEMESH_CMD_KE_STOCK_H

#include "crypto/job.h"
#include "ike/spec.h"

#define KE_STOCK_MAX 8
#define KE_STOCK_LOW 4 /* with so many left it is refilled */

struct ke_pair {
	struct ke_key *key;
	struct blob public_value;
};

struct ke_stock {
	const struct ke_alg *ke; /* of all of them; NULL: none is wanted */
	struct ke_pair pairs[KE_STOCK_MAX];
	size_t n;
	size_t making; /* jobs handed out and not come back */
	bool filling;  /* once begun, it is filled up */
};

/* Of the group that our proposals name first. What there was is wiped. */
void ke_stock_for(struct ke_stock *s, const struct spec *spec);
void ke_stock_wipe(struct ke_stock *s);

/* A job that needs a new key pair of that group gets one, if there is one. */
void ke_stock_give(struct ke_stock *s, struct job *job);

/* One more is to be made; they are asked for one by one. */
bool ke_stock_is_low(const struct ke_stock *s);

/* A job that makes one more; NULL: there are enough of them, or there is no memory. */
struct job *ke_stock_job(struct ke_stock *s);

/*
 * It is done; takes it over. What is of a group no longer wanted is dropped; after a failure none
 * is made ahead any more.
 */
void ke_stock_take(struct ke_stock *s, struct job *job);

/* It was handed out and will not come back. */
void ke_stock_miss(struct ke_stock *s, struct job *job);

#endif
