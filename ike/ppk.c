/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/ppk.h"

#include "ike/sa.h"

#include <string.h>

#define ENFORCE_WITHIN_US INT64_C(30000000)
#define PPK_ID_FIXED 2 /* RFC 8784 5.1 */
#define PPK_ID_TEXT 64

bool ppk_is_configured(const struct engine *e)
{
	return e->spec->ppk_id.n > 0;
}

/* ---- keys ------------------------------------------------------------------------------- */

struct job *ppk_job(const struct engine *e, struct ike_sa *sa, const struct ike_keys *keys)
{
	const struct secret *const from[JOB_SK] = { &keys->d, &keys->pi, &keys->pr };
	struct handshake *hs = sa->hs;
	struct job *job = job_new(JOB_PPK);
	int r = 0;

	if (job == NULL)
		return NULL;
	job->prf = sa->suite.prf;
	blob_free(&hs->ppk_id);
	r = blob_copy(&hs->ppk_id, blob_view(&e->spec->ppk_id));
	if (r == 0)
		r = blob_copy(&job->id, blob_view(&hs->ppk_id));
	for (size_t i = 0; r == 0 && i < JOB_SK; i++)
		r = secret_copy(&job->sk[i], secret_view(from[i]));
	if (r == 0)
		return job;
	job_free(job);
	return NULL;
}

void ppk_keep(struct ike_sa *sa, struct job *job)
{
	for (size_t i = 0; i < JOB_SK; i++)
		secret_move(&sa->hs->ppk_sk[i], &job->sk[i]);
}

/* Both sides have it: from here on the IKE SA's keys are those with the PPK in them. */
static void apply(struct ike_sa *sa)
{
	struct secret *const to[JOB_SK] = { &sa->keys.d, &sa->keys.pi, &sa->keys.pr };

	for (size_t i = 0; i < JOB_SK; i++)
		secret_move(to[i], &sa->hs->ppk_sk[i]);
	sa->ppk = true;
}

/* ---- what is said ----------------------------------------------------------------------- */

void ppk_encode(const struct ike_sa *sa, struct builder *b)
{
	const struct handshake *hs = sa->hs;
	uint8_t id[1 + PPK_ID_MAX] = { PPK_ID_FIXED };

	if (!hs->ppk)
		return;
	if (!sa->initiator) { /* RFC 8784 3: without data, to say that it is used */
		if (sa->ppk)
			notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_PPK_IDENTITY, BYTES_NONE);
		return;
	}
	memcpy(id + 1, hs->ppk_id.p, hs->ppk_id.n);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_PPK_IDENTITY, BYTES(id, 1 + hs->ppk_id.n));
	if (hs->no_ppk_auth.n > 0)
		notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_NO_PPK_AUTH,
			      blob_view(&hs->no_ppk_auth));
}

static bool is_ours(const struct ike_sa *sa, struct bytes id)
{
	return id.n > 1 && id.p[0] == PPK_ID_FIXED &&
	       bytes_equal(BYTES(id.p + 1, id.n - 1), blob_view(&sa->hs->ppk_id));
}

/* RFC 8784 3, table 1: the peer's PPK is not ours. */
static uint16_t judge_stranger(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
			       struct bytes id, const char **why)
{
	char text[PPK_ID_TEXT];
	struct notify_view n;

	if (id.n > 0)
		id = BYTES(id.p + 1, id.n - 1);
	report(e, REPORT_INFO, AREA_AUTH, sa->pair, sa, EXCHANGE_IKE_AUTH,
	       "peer names the PPK \"%s\", which is not our ppk_id",
	       escape(id, text, sizeof(text)));
	*why = "peer's PPK is not ours (ppk_id differs), and ppk_required is set here";
	if (e->spec->ppk_required)
		return NOTIFY_AUTHENTICATION_FAILED;
	*why = "peer insists on a PPK that is not ours (ppk_id differs)";
	if (!notify_find(ps, NOTIFY_NO_PPK_AUTH, &n))
		return NOTIFY_AUTHENTICATION_FAILED;
	sa->hs->without_ppk = true;
	return 0;
}

uint16_t ppk_judge(struct engine *e, struct ike_sa *sa, const struct payloads *ps, const char **why)
{
	struct notify_view n;

	*why = "peer does not use a PPK, and ppk_required is set here";
	if (!sa->hs->ppk)
		return ppk_is_configured(e) && e->spec->ppk_required ? NOTIFY_AUTHENTICATION_FAILED
								     : 0;
	*why = "peer agreed to use a PPK, and names none";
	if (!notify_find(ps, NOTIFY_PPK_IDENTITY, &n))
		return NOTIFY_AUTHENTICATION_FAILED;
	if (!is_ours(sa, n.data))
		return judge_stranger(e, sa, ps, n.data, why);
	apply(sa);
	return 0;
}

uint16_t ppk_accept(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		    const char **why)
{
	struct notify_view n;

	*why = "peer was not asked for a PPK, which ppk_required demands by now";
	if (!sa->hs->ppk)
		return ppk_is_configured(e) && e->spec->ppk_required ? NOTIFY_AUTHENTICATION_FAILED
								     : 0;
	if (notify_find(ps, NOTIFY_PPK_IDENTITY, &n)) {
		apply(sa);
		return 0;
	}
	*why = "peer does not have our PPK (ppk_id), and ppk_required is set here";
	return e->spec->ppk_required || sa->hs->no_ppk_auth.n == 0 ? NOTIFY_AUTHENTICATION_FAILED
								   : 0;
}

void ppk_enforce(struct engine *e, struct pair *p)
{
	if (!ppk_is_configured(e) || !e->spec->ppk_required)
		return;
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		uint16_t fuzz = 0;

		if (!sa_is_up(sa) || sa->ppk)
			continue;
		/* Not all of a mesh at once. */
		if (engine_random(e, (uint8_t *)&fuzz, sizeof(fuzz)) != 0)
			fuzz = 0;
		sa->reauth_at = mono_first(sa->reauth_at,
					   mono_after(e->now, ENFORCE_WITHIN_US * fuzz / 65536));
		sa_arm(e, sa);
	}
}

void ppk_audit(struct engine *e, const struct ike_sa *sa)
{
	if (sa->ppk)
		report(e, REPORT_INFO, AREA_AUTH, sa->pair, sa, EXCHANGE_IKE_AUTH,
		       "IKE SA [%u] has the PPK in its keys", sa->number);
	else if (ppk_is_configured(e))
		report(e, REPORT_WARNING, AREA_AUTH, sa->pair, sa, EXCHANGE_IKE_AUTH,
		       "IKE SA [%u] is up without our PPK: the peer has %s (ppk_required would "
		       "refuse it)",
		       sa->number, sa->hs->ppk ? "another" : "none");
}
