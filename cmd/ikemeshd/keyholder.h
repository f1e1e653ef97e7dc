/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the private key, the PPK and the trusted CAs. A keyring is an immutable snapshot of them
 * with a count of its users: a reload makes another one, and a job that is under way keeps its own.
 * The ring before the last is kept as well: an exchange that has shown the old certificate to its
 * peer must also be signed with the old key.
 */
#ifndef IKEMESH_CMD_KEYHOLDER_H
#define IKEMESH_CMD_KEYHOLDER_H

#include "crypto/crl.h"
#include "crypto/job.h"

struct keyring;
struct keyholder;

struct keyholder *keyholder_new(void); /* NULL on no memory */
void keyholder_free(struct keyholder *h);

/*
 * Takes over key, trust and what ppk holds (NULL: none), whatever comes of it. 0 or -ENOMEM with
 * the old ring still in place.
 */
int keyholder_load(struct keyholder *h, struct sign_key *key, struct trust *trust, struct ppk *ppk,
		   uint32_t generation);

/*
 * The same with other lists of revoked certificates. 0 or -ENOMEM with the old ring still in place;
 * -ENOKEY: nothing was loaded yet.
 */
int keyholder_renew_crls(struct keyholder *h, struct crls *crls);

/* Is our own certificate still good for new SAs? As trust_check_own(), which see. */
enum verdict keyholder_check_own(const struct keyholder *h, time_t at, char *text);
/* trust_check_certs() of a chain (leaf first) as the last ring has it. */
enum verdict keyholder_judge(const struct keyholder *h, const struct blob *certs, size_t n_certs,
			     time_t at, struct peer_finding *out);

/* The ring that this job needs, counted for the caller; NULL: nothing was loaded yet. */
struct keyring *keyholder_ring(struct keyholder *h, const struct job *job);
void keyring_drop(struct keyring *ring); /* any thread; NULL is fine */

/* job_run() with this ring, in any thread. -ENOKEY in the job if ring is not what it needs. */
void keyring_run(struct job *job, const struct keyring *ring);

#endif
