/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/leave.h"

#include "ike/admission.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/pair.h"
#include "ike/sa.h"
#include <stdlib.h>

void leave_pair(struct engine *e, struct pair *p)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = p->sas; sa; sa = next) {
		next = sa->next;
		if (sa_is_up(sa))
			informational_delete_sa(e, sa);
		else if (sa->state != SA_DELETING)
			sa_close(e, sa);
	}
}

static void close_all(struct engine *e, struct pair *p)
{
	while (p->sas != NULL)
		sa_close(e, p->sas);
}

/*
 * A DELETE leaves wherever one can, and no answer is waited for: whether the peer heard of it or
 * not, INITIAL_CONTACT in the new IKE_AUTH says it once more to an ikemesh peer, as nothing is left
 * beside it (RFC 7296 2.4).
 */
void leave_and_return(struct engine *e, struct pair *p)
{
	report_reason(e, REPORT_NOTICE, AREA_CONTROL, REASON_COMMAND, p, NULL, 0,
		      "reset, as was asked for: its SAs are gone, and it is negotiated afresh");
	leave_pair(e, p);
	close_all(e, p);
	pair_clear_back_off(e, p);
	pair_initiate(e, p);
}

/* Nothing of it is waited for any more; without an SA it is freed, now or at the end of the step.
 */
static void forget_plans(struct engine *e, struct pair *p)
{
	admission_forget(e, p);
	hold_forget(e, p);
	p->failures = 0;
	p->retry_at = MONO_NEVER;
	pair_arm(e, p);
	pair_release(e, p);
}

void leave_unprotected(struct engine *e)
{
	struct pair *p, *next;

	HASH_ITER(hh, e->pairs, p, next)
	{
		if (spec_protects(e->spec, &p->key.local, &p->key.remote))
			continue;
		if (p->sas != NULL)
			report_reason(
				e, REPORT_INFO, AREA_CONFIG, REASON_NOT_PROTECTED, p, NULL, 0,
				"not protected any more by the configuration: its SAs are deleted");
		leave_pair(e, p);
		forget_plans(e, p);
	}
	HASH_ITER(hh, e->suspects, p, next)
	{
		if (!spec_protects(e->spec, &p->key.local, &p->key.remote))
			close_all(e, p);
	}
}

static int by_value(const void *a, const void *b)
{
	return ip_compare(a, b);
}

static bool is_there(const struct ip *ip, const struct ip *locals, size_t n)
{
	return n > 0 && bsearch(ip, locals, n, sizeof(*ip), by_value) != NULL;
}

void leave_addresses(struct engine *e, const struct ip *locals, size_t n)
{
	struct pair *p, *next;

	HASH_ITER(hh, e->pairs, p, next)
	{
		if (is_there(&p->key.local, locals, n))
			continue;
		if (p->sas != NULL)
			report_reason(
				e, REPORT_INFO, AREA_NET, REASON_ADDRESS_GONE, p, NULL, 0,
				"our address is not on this host any more: its SAs are dropped");
		close_all(e, p);
		forget_plans(e, p);
	}
	HASH_ITER(hh, e->suspects, p, next)
	{
		if (!is_there(&p->key.local, locals, n))
			close_all(e, p);
	}
}
