/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which payloads may stand in which message: one table, exchange × direction × payload with lowest
 * and highest count. Payloads of unknown type are skipped unless critical (RFC 7296 2.5).
 */
#ifndef IKEMESH_IKE_MESSAGE_RULES_H
#define IKEMESH_IKE_MESSAGE_RULES_H

#include "ike/message/message.h"

struct judgement {
	uint16_t notify;  /* 0: fine; NOTIFY_INVALID_SYNTAX or NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD */
	bool too_many;	  /* payloads of one kind that may be repeated */
	uint8_t payload;  /* the type that offends, for the notify's data and the log */
	const char *why;  /* static text: "missing", "too many", "not allowed here", "critical" */
};

/*
 * ps: the outer chain of IKE_SA_INIT, or the inner chain of a protected message. Error answers
 * (a response that consists of notifies alone) are fine in every exchange.
 */
struct judgement rules_judge(uint8_t exchange, bool response, const struct payloads *ps);

#endif
