/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/ke_stock.h"
#include "ike/message/iana.h"

static void pair_free(const struct ke_alg *ke, struct ke_pair *p)
{
	ke->free(p->key);
	blob_free(&p->public_value);
	*p = (struct ke_pair){ 0 };
}

void ke_stock_wipe(struct ke_stock *s)
{
	while (s->n > 0)
		pair_free(s->ke, &s->pairs[--s->n]);
}

static const struct ke_alg *first_group(const struct spec *spec)
{
	const struct proposal_spec *p = &spec->ike[0];

	for (size_t i = 0; spec->n_ike > 0 && i < p->n; i++)
		if (p->t[i].type == TRANSFORM_KE)
			return ke_by_id(p->t[i].id);
	return NULL;
}

void ke_stock_for(struct ke_stock *s, const struct spec *spec)
{
	ke_stock_wipe(s);
	s->ke = first_group(spec);
}

/* A KEM's responder has no key pair. */
static bool needs_pair(const struct job *job)
{
	return job->kind == JOB_KE_GENERATE ||
	       (job->kind == JOB_KE_RESPOND && job->ke->encapsulate == NULL);
}

void ke_stock_give(struct ke_stock *s, struct job *job)
{
	struct ke_pair *p;

	if (!needs_pair(job) || job->ke != s->ke || s->n == 0 || job->ke_key != NULL)
		return;
	p = &s->pairs[--s->n];
	job->ke_key = p->key;
	blob_free(&job->ke_public);
	job->ke_public = p->public_value;
	*p = (struct ke_pair){ 0 };
}

bool ke_stock_is_low(const struct ke_stock *s)
{
	const size_t n = s->n + s->making;

	return s->ke != NULL && (n <= KE_STOCK_LOW || (s->filling && n < KE_STOCK_MAX));
}

struct job *ke_stock_job(struct ke_stock *s)
{
	struct job *job;

	if (s->ke == NULL || s->n + s->making >= KE_STOCK_MAX)
		return NULL;
	job = job_new(JOB_KE_GENERATE);
	if (job == NULL)
		return NULL;
	job->ke = s->ke;
	s->making++;
	s->filling = s->n + s->making < KE_STOCK_MAX;
	return job;
}

void ke_stock_take(struct ke_stock *s, struct job *job)
{
	s->making--;
	if (job->ke == s->ke && job->result != 0) {
		ke_stock_wipe(s);
		s->ke = NULL;
	} else if (job->ke == s->ke && s->n < KE_STOCK_MAX) {
		s->pairs[s->n++] = (struct ke_pair){ job->ke_key, job->ke_public };
		job->ke_key = NULL;
		job->ke_public = (struct blob){ 0 };
	}
	job_free(job);
}

void ke_stock_miss(struct ke_stock *s, struct job *job)
{
	s->making--;
	job_free(job);
}
