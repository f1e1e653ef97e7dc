/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/review.h"

#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/sa.h"

#include <stdio.h>
#include <string.h>

#define REVIEWS_AT_ONCE 32

static void end_revoked(struct engine *e, struct ike_sa *sa, const char *text)
{
	char why[ATTEMPT_TEXT_LEN];

	snprintf(why, sizeof(why), "%s: %s", verdict_name(VERDICT_REVOKED), text);
	report_reason(e, REPORT_WARNING, AREA_TRUST, REASON_REVOKED, sa->pair, sa, 0,
		      "%s: its SAs end", why);
	pair_note(e, sa->pair, STAGE_UP, why);
	while (sa->children != NULL)
		child_remove(e, sa->children);
	informational_delete_sa(e, sa);
}

/* All of the pair whose peer showed the same: one may have taken this one's place meanwhile. */
static void end_all_like(struct engine *e, const struct ike_sa *sa, const char *text)
{
	const struct peer_certs *shown = sa->peer_certs;

	for (struct ike_sa *other = sa->pair->sas, *next; other; other = next) {
		next = other->next;
		if (other->peer_certs == shown && sa_is_up(other))
			end_revoked(e, other, text);
	}
}

/* Beyond PEER_CERTS_OCTETS nobody knows its chain: the next packet has it shown again. */
static void end_unknown(struct engine *e, struct ike_sa *sa)
{
	report(e, REPORT_NOTICE, AREA_TRUST, sa->pair, sa, 0,
	       "the CRLs are others, and the peer's certificates were not kept: it must "
	       "authenticate anew");
	informational_delete_sa(e, sa);
}

static void review_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (job->result != 0) {
		e->review_failed = true;
		report(e, REPORT_WARNING, AREA_TRUST, sa->pair, sa, 0,
		       "peer's certificate could not be held against the CRLs yet: %s",
		       strerror(-job->result));
	} else if (job->judged.verdict == VERDICT_REVOKED) {
		end_all_like(e, sa, job->judged.text);
	}
}

static struct job *review_job(const struct ike_sa *sa)
{
	const struct peer_certs *pc = sa->peer_certs;
	struct job *job = job_new(JOB_REVIEW);

	for (size_t i = 0; job != NULL && i < pc->n_certs; i++) {
		if (blob_copy(&job->certs[i], pc->certs[i]) != 0) {
			job_free(job);
			return NULL;
		}
		job->n_certs++;
	}
	return job;
}

static bool is_due(const struct ike_sa *sa)
{
	return sa->review && sa_is_up(sa);
}

static bool begin(struct engine *e, struct ike_sa *sa)
{
	struct job *job;

	if (sa->peer_certs == NULL || sa->peer_certs->n_certs == 0) {
		sa->review = false;
		end_unknown(e, sa);
		return true;
	}
	job = review_job(sa);
	if (job == NULL || act_job(e, sa, job, review_done) != 0) {
		e->review_failed = true;
		return false;
	}
	sa->review = false;
	e->reviews++;
	return true;
}

static void more(struct engine *e)
{
	for (struct pair *p = e->pairs; p; p = p->hh.next) {
		for (struct ike_sa *sa = p->sas, *next; sa; sa = next) {
			next = sa->next;
			if (is_due(sa) && (!begin(e, sa) || e->reviews == REVIEWS_AT_ONCE))
				return;
		}
	}
}

static void mark(struct pair *first)
{
	for (struct pair *p = first; p; p = p->hh.next)
		for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
			sa->review = true;
}

void review_begin(struct engine *e)
{
	e->review_failed = false;
	mark(e->pairs);
	mark(e->suspects);
	if (e->reviews == 0)
		more(e);
}

void review_established(struct engine *e, struct ike_sa *sa)
{
	if (sa->review && e->reviews == 0)
		more(e);
}

void review_job_home(struct engine *e)
{
	/* All together, so that looking for those still due costs little for each. */
	if (--e->reviews == 0 && !e->review_failed)
		more(e);
}

bool engine_review_failed(const struct engine *e)
{
	return e->review_failed && e->reviews == 0;
}
