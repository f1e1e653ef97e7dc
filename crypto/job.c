/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/job.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct job *job_new(enum job_kind kind)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j != NULL)
		j->kind = kind;
	return j;
}

void job_free(struct job *j)
{
	if (j == NULL)
		return;
	if (j->ke_key != NULL)
		j->ke->free(j->ke_key);
	blob_free(&j->ke_public);
	blob_free(&j->peer_public);
	secret_free(&j->shared);
	blob_free(&j->tbs);
	blob_free(&j->signature);
	for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
		blob_free(&j->certs[i]);
	blob_free(&j->id);
	for (size_t i = 0; i < JOB_SK; i++)
		secret_free(&j->sk[i]);
	free(j);
}

const char *job_why(const struct job *j)
{
	return j->judged.text[0] != '\0' ? j->judged.text : strerror(-j->result);
}

void ppk_free(struct ppk *p)
{
	blob_free(&p->id);
	secret_free(&p->key);
}

void ppk_move(struct ppk *to, struct ppk *from)
{
	ppk_free(to);
	*to = *from;
	*from = (struct ppk){ 0 };
}

static int run_generate(struct job *j)
{
	int r;

	if (j->ke_key != NULL && j->ke_public.n == j->ke->public_len)
		return 0;
	if (j->ke_key != NULL)
		j->ke->free(j->ke_key);
	j->ke_key = NULL;
	blob_free(&j->ke_public);
	j->ke_public.p = calloc(1, j->ke->public_len);
	if (j->ke_public.p == NULL)
		return -ENOMEM;
	j->ke_public.n = j->ke->public_len;
	r = j->ke->generate(j->ke, &j->ke_key, j->ke_public.p);
	if (r != 0)
		blob_free(&j->ke_public);
	return r;
}

static int run_derive(struct job *j)
{
	int r;

	if (j->ke_key == NULL)
		return -EINVAL;
	secret_free(&j->shared);
	r = secret_new(&j->shared, j->ke->secret_len);
	if (r != 0)
		return r;
	r = j->ke->derive(j->ke, j->ke_key, blob_view(&j->peer_public), j->shared.p);
	if (r != 0)
		secret_free(&j->shared);
	return r;
}

static int run_encapsulate(struct job *j)
{
	int r;

	blob_free(&j->ke_public);
	secret_free(&j->shared);
	r = secret_new(&j->shared, j->ke->secret_len);
	if (r != 0)
		return r;
	j->ke_public.p = calloc(1, j->ke->response_len);
	j->ke_public.n = j->ke_public.p != NULL ? j->ke->response_len : 0;
	r = j->ke_public.p == NULL ? -ENOMEM
				   : j->ke->encapsulate(j->ke, blob_view(&j->peer_public),
							j->ke_public.p, j->shared.p);
	if (r != 0) {
		blob_free(&j->ke_public);
		secret_free(&j->shared);
	}
	return r;
}

static int run_respond(struct job *j)
{
	int r;

	if (j->ke->encapsulate != NULL)
		return run_encapsulate(j);
	r = run_generate(j);
	return r != 0 ? r : run_derive(j);
}

static int run_sign(struct job *j, const struct sign_key *key, const struct trust *trust,
		    time_t wall)
{
	if (key == NULL)
		return -EINVAL;
	if (trust != NULL && trust_check_own(trust, wall, j->judged.text) != VERDICT_GOOD)
		return -EKEYEXPIRED;
	blob_free(&j->signature);
	return sign_key_sign(key, j->scheme, blob_view(&j->tbs), &j->signature);
}

static size_t certs_of(const struct job *j, struct bytes certs[static CERT_CHAIN_MAX])
{
	const size_t n = j->n_certs < CERT_CHAIN_MAX ? j->n_certs : CERT_CHAIN_MAX;

	for (size_t i = 0; i < n; i++)
		certs[i] = blob_view(&j->certs[i]);
	return n;
}

static int run_verify(struct job *j, const struct trust *trust, time_t wall)
{
	struct bytes certs[CERT_CHAIN_MAX];
	const struct peer_proof proof = {
		.certs = certs,
		.n_certs = certs_of(j, certs),
		.id_type = j->id_type,
		.id = blob_view(&j->id),
		.address = BYTES(j->address, j->address_n),
		.scheme = j->scheme,
		.tbs = blob_view(&j->tbs),
		.signature = blob_view(&j->signature),
	};

	j->judged = (struct peer_finding){ .verdict = VERDICT_FAILED };
	if (trust == NULL)
		return -EINVAL;
	trust_check_peer(trust, &proof, wall, &j->judged);
	return 0;
}

static int run_review(struct job *j, const struct trust *trust, time_t wall)
{
	struct bytes certs[CERT_CHAIN_MAX];
	const size_t n = certs_of(j, certs);

	j->judged = (struct peer_finding){ .verdict = VERDICT_FAILED };
	if (trust == NULL)
		return -EINVAL;
	trust_check_certs(trust, certs, n, BYTES(j->address, j->address_n), wall, &j->judged);
	return 0;
}

/* RFC 8784 3: SK_x = prf+ (PPK, SK_x'), each as long as before. */
static int run_ppk(struct job *j, const struct ppk *ppk)
{
	int r = 0;

	if (ppk == NULL || ppk->key.n == 0 || !bytes_equal(blob_view(&ppk->id), blob_view(&j->id)))
		return -ENOKEY;
	for (size_t i = 0; r == 0 && i < JOB_SK; i++) {
		const struct bytes before = secret_view(&j->sk[i]);
		struct secret after = { 0 };

		r = secret_new(&after, before.n);
		if (r == 0)
			r = prf_plus(j->prf, secret_view(&ppk->key), &before, 1, after.p, after.n);
		secret_move(&j->sk[i], &after);
	}
	return r;
}

void job_run(struct job *j, const struct sign_key *key, const struct trust *trust,
	     const struct ppk *ppk, time_t wall)
{
	j->result = -EINVAL;
	switch (j->kind) {
	case JOB_KE_GENERATE:
		j->result = run_generate(j);
		break;
	case JOB_KE_DERIVE:
		j->result = run_derive(j);
		break;
	case JOB_KE_RESPOND:
		j->result = run_respond(j);
		break;
	case JOB_SIGN:
		j->result = run_sign(j, key, trust, wall);
		break;
	case JOB_VERIFY:
		j->result = run_verify(j, trust, wall);
		break;
	case JOB_REVIEW:
		j->result = run_review(j, trust, wall);
		break;
	case JOB_PPK:
		j->result = run_ppk(j, ppk);
		break;
	}
}
