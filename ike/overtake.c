/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/overtake.h"

#include "ike/load.h"
#include "ike/pair.h"
#include "ike/sa.h"

#define PATIENCE_US INT64_C(500000)
#define AGAIN_US INT64_C(30000000)

struct mono overtake_due(const struct engine *e, const struct ike_sa *sa)
{
	return sa->pair->answered && !sa->peer_ikemesh ? mono_after(e->now, PATIENCE_US)
						       : MONO_NEVER;
}

static bool have_begun(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa->initiator && sa_is_connecting(sa))
			return true;
	return false;
}

void overtake(struct engine *e, struct ike_sa *sa)
{
	struct pair *p = sa->pair;

	sa->overtake_at = MONO_NEVER;
	if (have_begun(p) || !mono_reached(e->now, p->overtake_not_before) ||
	    load_wants_cookie(e, &p->key.local, &p->key.remote, p))
		return;
	p->overtake_not_before = mono_after(e->now, AGAIN_US);
	report(e, REPORT_INFO, AREA_IKE, p, sa, 0,
	       "the peer does not go on after our answer: we begin as well");
	pair_initiate(e, p);
}
