/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/jobs.h"

#include "lib/toykem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDIN_SIGNATURE_LEN 384
#define STANDIN_HEAD 4 /* 'S', 'I', CA, length of the name */

static uint64_t hash_bytes(uint64_t h, struct bytes b)
{
	h = rng_mix(h + b.n + 1);
	for (size_t i = 0; i < b.n; i += 8) {
		uint64_t word = 0;

		memcpy(&word, b.p + i, b.n - i < 8 ? b.n - i : 8);
		h = rng_mix((h ^ word) + 0x9e3779b97f4a7c15u);
	}
	return h;
}

static void expand(uint64_t seed, uint8_t *out, size_t n)
{
	struct rng r = { .state = seed };

	rng_fill(&r, out, n);
}

static int blob_make(struct blob *out, size_t n)
{
	blob_free(out);
	out->p = calloc(1, n == 0 ? 1 : n);
	out->n = out->p == NULL ? 0 : n;
	return out->p == NULL ? -ENOMEM : 0;
}

struct blob standin_cert(uint8_t ca, struct bytes der_name, size_t n)
{
	struct blob b = { 0 };

	if (n < STANDIN_HEAD + der_name.n)
		n = STANDIN_HEAD + der_name.n;
	if (der_name.n > UINT8_MAX || blob_make(&b, n) != 0)
		abort();
	b.p[0] = 'S';
	b.p[1] = 'I';
	b.p[2] = ca;
	b.p[3] = (uint8_t)der_name.n;
	memcpy(b.p + STANDIN_HEAD, der_name.p, der_name.n);
	return b;
}

static uint8_t *limits_of(const struct blob *cert)
{
	size_t at = STANDIN_HEAD + (size_t)cert->p[3];

	return cert->n >= at + 20 ? cert->p + at : NULL;
}

void standin_cert_limits(struct blob *cert, uint32_t serial, int64_t from, int64_t until)
{
	uint8_t *at = limits_of(cert);

	if (at == NULL)
		abort();
	memcpy(at, &serial, 4);
	memcpy(at + 4, &from, 8);
	memcpy(at + 12, &until, 8);
}

static enum verdict verify_dates(const struct job_doer *d, const struct blob *cert)
{
	const uint8_t *at = limits_of(cert);
	int64_t from = 0, until = 0;

	if (at != NULL) {
		memcpy(&from, at + 4, 8);
		memcpy(&until, at + 12, 8);
	}
	if (from != 0 && d->wall < from)
		return VERDICT_NOT_YET_VALID;
	return until != 0 && d->wall > until ? VERDICT_EXPIRED : VERDICT_GOOD;
}

/* The public value's first octet stays below 0x7f and above 1, as in every group that we have. */
static int public_make(const struct job_doer *d, struct job *j, size_t n)
{
	int r = blob_make(&j->ke_public, n);

	if (r == 0) {
		expand(rng_next(d->rng), j->ke_public.p, j->ke_public.n);
		j->ke_public.p[0] = (uint8_t)(j->ke_public.p[0] % 0x7d + 2);
	}
	return r;
}

static int secret_make(struct job *j, const struct blob *responder_public)
{
	int r = secret_new(&j->shared, j->ke->secret_len);

	if (r == 0)
		expand(hash_bytes(1, blob_view(responder_public)), j->shared.p, j->shared.n);
	return r;
}

static bool public_plausible(const struct job *j, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < j->peer_public.n; i++)
		any |= j->peer_public.p[i];
	return j->peer_public.n == n && any != 0;
}

static void sign(const struct job_doer *d, struct job *j)
{
	j->result = blob_make(&j->signature, STANDIN_SIGNATURE_LEN);
	if (j->result == 0)
		expand(hash_bytes(hash_bytes(2, d->leaf), blob_view(&j->tbs)), j->signature.p,
		       j->signature.n);
}

static enum verdict verify_cert(const struct job_doer *d, const struct job *j)
{
	const struct blob *leaf = &j->certs[0];
	size_t name_len;

	if (j->n_certs == 0 || leaf->n < STANDIN_HEAD || leaf->p[0] != 'S' || leaf->p[1] != 'I')
		return VERDICT_MALFORMED;
	if (leaf->p[2] != d->ca)
		return VERDICT_NO_TRUSTED_CA;
	name_len = leaf->p[3];
	if (leaf->n < STANDIN_HEAD + name_len)
		return VERDICT_MALFORMED;
	if (j->id_type != ID_DER_ASN1_DN ||
	    !bytes_equal(blob_view(&j->id), BYTES(leaf->p + STANDIN_HEAD, name_len)))
		return VERDICT_ID_MISMATCH;
	return verify_dates(d, leaf);
}

static enum verdict review_cert(const struct job_doer *d, const struct job *j)
{
	const struct blob *leaf = &j->certs[0];

	if (j->n_certs == 0 || leaf->n < STANDIN_HEAD)
		return VERDICT_MALFORMED;
	return leaf->p[2] != d->ca ? VERDICT_NO_TRUSTED_CA : d->verdict;
}

static void verify(const struct job_doer *d, struct job *j)
{
	uint8_t wanted[STANDIN_SIGNATURE_LEN];

	j->judged.verdict = verify_cert(d, j);
	if (j->judged.verdict == VERDICT_GOOD) {
		expand(hash_bytes(hash_bytes(2, blob_view(&j->certs[0])), blob_view(&j->tbs)),
		       wanted, sizeof wanted);
		if (!bytes_equal(blob_view(&j->signature), BYTES(wanted, sizeof wanted)))
			j->judged.verdict = VERDICT_BAD_SIGNATURE;
	}
	if (j->judged.verdict == VERDICT_GOOD)
		j->judged.verdict = d->verdict;
	if (j->judged.verdict == VERDICT_GOOD) {
		j->judged.leaf.key = KEY_RSA;
		j->judged.leaf.key_bits = 3072;
		snprintf(j->judged.leaf.subject, sizeof j->judged.leaf.subject, "CN=stand-in");
	} else {
		snprintf(j->judged.text, sizeof j->judged.text, "stand-in: %s",
			 verdict_name(j->judged.verdict));
	}
}

static void standin_do(const struct job_doer *d, struct job *j)
{
	j->result = 0;
	switch (j->kind) {
	case JOB_KE_GENERATE:
		j->result = public_make(d, j, j->ke->public_len);
		break;
	case JOB_KE_RESPOND:
		j->result = public_plausible(j, j->ke->public_len)
				    ? public_make(d, j, j->ke->response_len)
				    : -EINVAL;
		if (j->result == 0)
			j->result = secret_make(j, &j->ke_public);
		break;
	case JOB_KE_DERIVE:
		j->result = public_plausible(j, j->ke->response_len)
				    ? secret_make(j, &j->peer_public)
				    : -EINVAL;
		break;
	case JOB_SIGN:
		sign(d, j);
		break;
	case JOB_VERIFY:
		verify(d, j);
		break;
	case JOB_REVIEW:
		j->judged.verdict = review_cert(d, j);
		break;
	case JOB_PPK: /* cheap as it is */
		job_run(j, NULL, NULL, d->ppk, d->wall);
		break;
	}
}

void job_do(const struct job_doer *d, struct job *j)
{
	const struct ke_alg *row = j->ke;

	if (!d->real) {
		standin_do(d, j);
		return;
	}
	if (row != NULL)
		j->ke = toykem_for(row);
	job_run(j, d->key, d->trust, d->ppk, d->wall);
	j->ke = row;
}

int64_t job_cost_us(const struct job *j)
{
	static const int64_t cost[] = {
		[JOB_KE_GENERATE] = 290, [JOB_KE_DERIVE] = 280, [JOB_KE_RESPOND] = 570,
		[JOB_SIGN] = 1800,	 [JOB_VERIFY] = 80,	[JOB_REVIEW] = 80,
		[JOB_PPK] = 10,
	};

	return cost[j->kind];
}
