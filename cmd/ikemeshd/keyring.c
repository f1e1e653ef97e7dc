/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/keyring.h"

#include <errno.h>
#include <stdlib.h>

struct keyring *keyring_new(struct trust *trust)
{
	struct keyring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL) {
		trust_free(trust);
		return NULL;
	}
	atomic_init(&ring->users, 1);
	ring->trust = trust;
	return ring;
}

struct keyring *keyring_keep(struct keyring *ring)
{
	if (ring != NULL)
		atomic_fetch_add(&ring->users, 1);
	return ring;
}

void keyring_drop(struct keyring *ring)
{
	if (ring == NULL || atomic_fetch_sub(&ring->users, 1) != 1)
		return;
	sign_key_free(ring->key);
	trust_free(ring->trust);
	ppk_free(&ring->ppk);
	for (size_t i = 0; i < ring->n_files; i++)
		crl_file_wipe(&ring->files[i]);
	free(ring->files);
	free(ring);
}

struct keyring *keyring_with_crls(const struct keyring *ring, struct crls *crls)
{
	struct trust *trust = trust_with_crls(ring->trust, crls);

	return trust != NULL ? keyring_new(trust) : NULL;
}

static bool fits(const struct job *job, const struct keyring *ring)
{
	switch (job->kind) {
	case JOB_SIGN:
		return ring != NULL && ring->key != NULL;
	case JOB_VERIFY:
	case JOB_REVIEW:
	case JOB_PPK:
		return ring != NULL;
	case JOB_KE_GENERATE:
	case JOB_KE_DERIVE:
	case JOB_KE_RESPOND:
		break;
	}
	return true;
}

/* The time of day: for dates of certificates, and a system call where there is no vDSO. */
static time_t wall_for(const struct job *job)
{
	return job->kind == JOB_SIGN || job->kind == JOB_VERIFY || job->kind == JOB_REVIEW
		       ? time(NULL)
		       : 0;
}

void keyring_run(struct job *job, const struct keyring *ring)
{
	if (!fits(job, ring)) {
		job->result = -ENOKEY;
		job->judged.verdict = VERDICT_FAILED;
		return;
	}
	job_run(job, ring != NULL ? ring->key : NULL, ring != NULL ? ring->trust : NULL,
		ring != NULL ? &ring->ppk : NULL, wall_for(job));
}
