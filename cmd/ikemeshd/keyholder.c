/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/keyholder.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct keyring {
	atomic_uint users;
	struct sign_key *key;
	struct trust *trust;
	struct ppk ppk;
	uint32_t generation;
};

struct keyholder {
	struct keyring *now, *before;
};

struct keyholder *keyholder_new(void)
{
	return calloc(1, sizeof(struct keyholder));
}

void keyring_drop(struct keyring *ring)
{
	if (ring == NULL || atomic_fetch_sub(&ring->users, 1) != 1)
		return;
	sign_key_free(ring->key);
	trust_free(ring->trust);
	ppk_free(&ring->ppk);
	free(ring);
}

void keyholder_free(struct keyholder *h)
{
	if (h == NULL)
		return;
	keyring_drop(h->now);
	keyring_drop(h->before);
	free(h);
}

int keyholder_load(struct keyholder *h, struct sign_key *key, struct trust *trust, struct ppk *ppk,
		   uint32_t generation)
{
	struct keyring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL) {
		if (ppk != NULL)
			ppk_free(ppk);
		sign_key_free(key);
		trust_free(trust);
		return -ENOMEM;
	}
	atomic_init(&ring->users, 1);
	ring->key = key;
	ring->trust = trust;
	if (ppk != NULL)
		ppk_move(&ring->ppk, ppk);
	ring->generation = generation;
	/* The same credential again (other CAs, say) replaces its ring and keeps the old key. */
	if (h->now != NULL && h->now->generation == generation) {
		keyring_drop(h->now);
	} else {
		keyring_drop(h->before);
		h->before = h->now;
	}
	h->now = ring;
	return 0;
}

/* The private key and the PPK of one ring for another. */
static int copy_secrets(struct keyring *to, const struct keyring *from)
{
	int err = 0;

	if (from->key != NULL)
		to->key = sign_key_share(from->key);
	if (from->key != NULL && to->key == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = blob_copy(&to->ppk.id, blob_view(&from->ppk.id));
	if (err == 0 && from->ppk.key.n > 0)
		err = secret_copy(&to->ppk.key, secret_view(&from->ppk.key));
	return err;
}

int keyholder_renew_crls(struct keyholder *h, struct crls *crls)
{
	struct keyring *ring;
	int err = -ENOMEM;

	if (h->now == NULL)
		return -ENOKEY;
	ring = calloc(1, sizeof(*ring));
	if (ring == NULL)
		return -ENOMEM;
	atomic_init(&ring->users, 1);
	ring->generation = h->now->generation;
	ring->trust = trust_with_crls(h->now->trust, crls);
	if (ring->trust != NULL)
		err = copy_secrets(ring, h->now);
	if (err != 0) {
		keyring_drop(ring);
		return err;
	}
	keyring_drop(h->now);
	h->now = ring;
	return 0;
}

enum verdict keyholder_check_own(const struct keyholder *h, time_t at, char *text)
{
	text[0] = '\0';
	if (h->now == NULL || h->now->trust == NULL)
		return VERDICT_GOOD;
	return trust_check_own(h->now->trust, at, text);
}

enum verdict keyholder_judge(const struct keyholder *h, const struct blob *certs, size_t n_certs,
			     time_t at, struct peer_finding *out)
{
	struct bytes views[CERT_CHAIN_MAX];

	*out = (struct peer_finding){ .verdict = VERDICT_FAILED };
	if (h->now == NULL || h->now->trust == NULL || n_certs > CERT_CHAIN_MAX)
		return out->verdict;
	for (size_t i = 0; i < n_certs; i++)
		views[i] = blob_view(&certs[i]);
	return trust_check_certs(h->now->trust, views, n_certs, BYTES_NONE, at, out);
}

struct keyring *keyholder_ring(struct keyholder *h, const struct job *job)
{
	struct keyring *ring = h->now;

	if (job->kind == JOB_SIGN && h->before != NULL && h->before->generation == job->credential)
		ring = h->before;
	if (ring != NULL)
		atomic_fetch_add(&ring->users, 1);
	return ring;
}

void keyring_run(struct job *job, const struct keyring *ring)
{
	bool needs_key = job->kind == JOB_SIGN;
	bool needs_ring = needs_key || job->kind == JOB_VERIFY || job->kind == JOB_REVIEW ||
			  job->kind == JOB_PPK;

	if (needs_ring && (ring == NULL || (needs_key && ring->generation != job->credential))) {
		job->result = -ENOKEY;
		job->judged.verdict = VERDICT_FAILED;
		return;
	}
	job_run(job, ring != NULL ? ring->key : NULL, ring != NULL ? ring->trust : NULL,
		ring != NULL ? &ring->ppk : NULL, time(NULL));
}
