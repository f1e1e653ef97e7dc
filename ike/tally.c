/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/tally.h"

#include "ike/status.h"

#define MS INT64_C(1000)

const int64_t tally_job_times[TALLY_JOB_TIMES] = { 1 * MS,   2500,	5 * MS,	  10 * MS,
						   25 * MS,  50 * MS,	100 * MS, 250 * MS,
						   500 * MS, 1000 * MS, 2500 * MS };

void tally_attempt(struct status_tally *t, const struct status_attempt *a)
{
	const enum role role = a->initiator ? ROLE_INITIATOR : ROLE_RESPONDER;

	if (!a->failed) {
		t->established[role]++;
		return;
	}
	t->failed[role]++;
	t->failures[attempt_reason(a)]++;
}

void tally_job(struct status_tally *t, int64_t us)
{
	t->jobs_done++;
	t->jobs_us += us > 0 ? (uint64_t)us : 0;
	for (size_t i = 0; i < TALLY_JOB_TIMES; i++)
		t->jobs_within[i] += us <= tally_job_times[i];
}

/* ---- names ------------------------------------------------------------------------------- */

const char *role_name(enum role r)
{
	return r == ROLE_INITIATOR ? "initiator" : "responder";
}

const char *rekeyed_name(enum rekeyed r)
{
	return r == REKEYED_CHILD ? "child" : "ike";
}

const char *collision_name(enum collision_kind c)
{
	static const char *const names[] = { "first-contact", "child-rekey", "ike-rekey",
					     "postponed" };
	return names[c];
}

const char *drop_name(enum drop d)
{
	static const char *const names[] = { "malformed",     "no-ike-sa",  "integrity",
					     "wrong-address", "unexpected", "unauthenticated",
					     "window",	      "load" };
	return names[d];
}

const char *limit_name(enum limit l)
{
	static const char *const names[] = {
		[LIMIT_HALF_OPEN] = "half-open",
		[LIMIT_HALF_OPEN_SOURCE] = "half-open-source",
		[LIMIT_REPLIES] = "error-replies",
		[LIMIT_REPLIES_SOURCE] = "error-replies-source",
		[LIMIT_DATAGRAM] = "datagram",
		[LIMIT_PAYLOADS] = "payloads",
		[LIMIT_PROPOSALS] = "proposals",
		[LIMIT_TRANSFORMS] = "transforms",
		[LIMIT_TRAFFIC_SELECTORS] = "traffic-selectors",
		[LIMIT_CERTIFICATES] = "certificates",
		[LIMIT_FRAGMENTS] = "fragments",
		[LIMIT_REASSEMBLY] = "reassembly",
		[LIMIT_CHILD_REQUESTS] = "child-requests",
		[LIMIT_CHILDREN] = "child-sas",
		[LIMIT_IKE_SAS] = "ike-sas",
		[LIMIT_PEER_CERTIFICATES] = "peer-certificates",
	};
	return names[l];
}
