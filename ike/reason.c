/* SPDX-License-Identifier: Apache-2.0 */
/* From what is remembered of an attempt to one word; `ikectl why` goes on from the same facts. */
#include "ike/reason.h"

#include "ike/message/iana.h"
#include "ike/status.h"

#include <errno.h>

enum reason reason_of_verdict(enum verdict verdict)
{
	static const struct {
		enum verdict verdict;
		enum reason reason;
	} rows[] = {
		{ VERDICT_GOOD, REASON_NONE },
		{ VERDICT_NO_TRUSTED_CA, REASON_WRONG_CA },
		{ VERDICT_EXPIRED, REASON_EXPIRED },
		{ VERDICT_NOT_YET_VALID, REASON_NOT_YET_VALID },
		{ VERDICT_ID_MISMATCH, REASON_IDENTITY },
		{ VERDICT_NOT_ALLOWED, REASON_NOT_ALLOWED },
		{ VERDICT_WRONG_ADDRESS, REASON_WRONG_ADDRESS },
		{ VERDICT_REVOKED, REASON_REVOKED },
		{ VERDICT_NO_CRL, REASON_NO_CRL },
		{ VERDICT_BAD_SIGNATURE, REASON_SIGNATURE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].verdict == verdict)
			return rows[i].reason;
	return REASON_CERTIFICATE;
}

enum reason reason_of_notify(uint16_t notify, bool ours, bool init)
{
	switch (notify) {
	case 0:
		return REASON_NONE;
	case NOTIFY_NO_PROPOSAL_CHOSEN:
		return init ? REASON_NO_IKE_PROPOSAL : REASON_NO_ESP_PROPOSAL;
	case NOTIFY_INVALID_KE_PAYLOAD:
		return REASON_NO_IKE_PROPOSAL;
	case NOTIFY_TS_UNACCEPTABLE:
		return REASON_SELECTORS;
	case NOTIFY_AUTHENTICATION_FAILED:
		return ours ? REASON_OTHER : REASON_REFUSED_US;
	case NOTIFY_TEMPORARY_FAILURE:
		return REASON_TEMPORARY;
	default:
		return REASON_OTHER;
	}
}

static enum reason of_silence(const struct status_attempt *a)
{
	if (a->stage != STAGE_INIT)
		return REASON_AUTH_SILENT;
	switch (-a->unreachable) {
	case ECONNREFUSED:
		return REASON_NO_IPSEC;
	case ENETUNREACH:
		return REASON_NO_ROUTE;
	case EHOSTUNREACH:
		return REASON_PEER_DOWN;
	default:
		return REASON_SILENT;
	}
}

enum reason attempt_reason(const struct status_attempt *a)
{
	if (a->verdict != VERDICT_GOOD)
		return reason_of_verdict(a->verdict);
	if (a->notify != 0)
		return reason_of_notify(a->notify, a->notify_ours, a->stage == STAGE_INIT);
	if (a->silent)
		return of_silence(a);
	if (a->failed)
		return REASON_OTHER;
	/* It came up, and was not well for long. */
	return a->stage == STAGE_UP && a->reason[0] != '\0' ? REASON_PEER_DELETED : REASON_NONE;
}
