/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heavy crypto as plain data, so that it can run on another core or in another process.
 *
 * The engine makes a job, hands it out with a JOB action (the performer owns it then) and gets the
 * same job back with a JOB_DONE event (the engine owns it again and frees it). job_run() may be
 * called in any thread: it reads nothing but the job and the two const arguments.
 */
#ifndef IKEMESH_CRYPTO_JOB_H
#define IKEMESH_CRYPTO_JOB_H

#include "crypto/bytes.h"
#include "crypto/secret.h"
#include "crypto/suite.h"
#include "crypto/trust.h"

enum job_kind {
	/* A key pair that is there already, made ahead for this job alone, stays. */
	JOB_KE_GENERATE, /* ke -> ke_key, ke_public */
	JOB_KE_DERIVE,	 /* ke, ke_key, peer_public -> shared */
	JOB_KE_RESPOND,	 /* ke, peer_public -> ke_public (what goes back), shared */
	JOB_SIGN,	 /* scheme, tbs -> signature */
	JOB_VERIFY,	 /* scheme, tbs, signature, certs, id, address -> judged */
	JOB_REVIEW,	 /* certs, address -> judged: would they still do? */
	JOB_PPK,	 /* prf, id (of the PPK), sk -> sk with the PPK in it (RFC 8784 3) */
};

/* A post-quantum preshared key, RFC 8784. Of the private key's class: the keyholder's alone. */
struct ppk {
	struct blob id;	   /* PPK_ID without its type octet */
	struct secret key; /* empty: there is none */
};
void ppk_free(struct ppk *p);			 /* wipes what it owns and empties it */
void ppk_move(struct ppk *to, struct ppk *from); /* what `to` held is wiped; from is empty then */

#define JOB_SK 3 /* SK_d, SK_pi, SK_pr */

struct job {
	enum job_kind kind;
	uint64_t ticket; /* the engine's; comes back untouched */

	const struct ke_alg *ke;
	struct ke_key *ke_key;
	struct blob ke_public;
	struct blob peer_public;
	struct secret shared;

	const struct sig_scheme *scheme;
	struct blob tbs; /* octets to be signed, RFC 7296 2.15 */
	struct blob signature;
	uint32_t credential; /* generation of our own certificate and key that is to sign */

	struct blob certs[CERT_CHAIN_MAX]; /* leaf first */
	size_t n_certs;
	uint8_t id_type;
	struct blob id;
	uint8_t address[16]; /* the peer's; address_n octets, 4 or 16 */
	size_t address_n;

	const struct prf_alg *prf;
	struct secret sk[JOB_SK];

	int result; /* 0, or negative errno as in suite.h; for VERIFY and REVIEW see judged */
	struct peer_finding judged; /* of SIGN and PPK its text alone: why not, if there is more to say */
};

struct job *job_new(enum job_kind kind); /* NULL on no memory */
void job_free(struct job *j);		 /* wipes and frees all that it holds; NULL is fine */

/* Why it failed, of one whose result says so. Lives as long as the job does. */
const char *job_why(const struct job *j);

/*
 * Does the work and fills in the results. key is needed for JOB_SIGN only, trust for JOB_VERIFY
 * and JOB_REVIEW (and JOB_SIGN, if given, refuses with -EKEYEXPIRED when our own certificate has
 * expired), ppk for JOB_PPK only (-ENOKEY if it is not the one that the job names); wall is the
 * time of day for certificate dates. JOB_VERIFY checks chain, identity, then signature, and stops
 * at the first that fails.
 */
void job_run(struct job *j, const struct sign_key *key, const struct trust *trust,
	     const struct ppk *ppk, time_t wall);

#endif
