/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What crypto jobs are done with: an immutable snapshot with a count of its users. A reload makes
 * another one, and a job that is under way keeps its own. The engine's rings have whom to trust,
 * and never a key; those of the keyholder have the private key and the PPK.
 */
#ifndef IKEMESH_CMD_KEYRING_H
#define IKEMESH_CMD_KEYRING_H

#include "config/crl_file.h"
#include "crypto/job.h"
#include <stdatomic.h>

struct keyring {
	atomic_uint users;
	struct sign_key *key; /* NULL: there is none here */
	struct trust *trust;
	struct ppk ppk; /* its key is empty if there is none */

	/* The keyholder's. */
	char fingerprint[96];	/* of the certificate that the key is for */
	struct crl_file *files; /* looked at by one thread alone */
	size_t n_files;
	uint64_t serial;       /* as it was loaded */
	uint64_t files_serial; /* the same, and counts up with each change that was seen */
};

/* Empty but for trust, which it takes over whatever comes of it. One user. NULL on no memory. */
struct keyring *keyring_new(struct trust *trust);
struct keyring *keyring_keep(struct keyring *ring); /* one more user; NULL is fine */
void keyring_drop(struct keyring *ring);	    /* any thread; NULL is fine */

/* The same with other lists of revoked certificates, and without a key. NULL on no memory. */
struct keyring *keyring_with_crls(const struct keyring *ring, struct crls *crls);

/* job_run() with this ring, in any thread. -ENOKEY in the job if ring is not what it needs. */
void keyring_run(struct job *job, const struct keyring *ring);

#endif
