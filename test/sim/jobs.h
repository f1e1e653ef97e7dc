/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the crypto jobs of a test host are done: for real (with a stand-in KEM where the library has
 * none), or by a cheap stand-in that keeps what the
 * protocol needs: both ends of a key exchange come to the same secret and nobody else's signature
 * verifies.
 *
 * The stand-in's secret is a function of the responder's public value alone, which both ends have;
 * so no private value is needed and job->ke_key stays NULL. Its certificate names a CA by a number
 * and carries the subject's DER name; its signature is a hash over certificate and octets.
 */
#ifndef IKEMESH_TEST_SIM_JOBS_H
#define IKEMESH_TEST_SIM_JOBS_H

#include "crypto/job.h"
#include "sim/rng.h"

struct job_doer {
	bool real;
	/* Real. */
	const struct sign_key *key;
	const struct trust *trust;
	time_t wall;	       /* the stand-in's, too */
	const struct ppk *ppk; /* in either case; NULL: none */
	/* Stand-in. */
	struct rng *rng;
	struct bytes leaf;    /* our certificate */
	uint8_t ca;	      /* the one we trust */
	enum verdict verdict; /* what VERIFY finds if all is well: for tests of refusals */
};

void job_do(const struct job_doer *d, struct job *j);

/* Virtual time that the job takes on one core of the reference machine, microseconds. */
int64_t job_cost_us(const struct job *j);

/* A stand-in certificate of n octets (at least what the name needs). Owned by the caller. */
struct blob standin_cert(uint8_t ca, struct bytes der_name, size_t n);
/* Which one of that name it is, and from when until when it is good (seconds; 0: no limit). */
void standin_cert_limits(struct blob *cert, uint32_t serial, int64_t from, int64_t until);

#endif
