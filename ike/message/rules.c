/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/rules.h"

/* Limits on what may be repeated: a peer that sends more means us no good. */
#define MANY 20
#define CERTS_MAX 8 /* RFC 7296 3.6 asks for four */

struct rule {
	uint8_t exchange;
	bool response;
	uint8_t payload;
	uint8_t min, max;
};

#define REQUEST(kind, type, low, high)                                                          \
	{                                                                                       \
		.exchange = EXCHANGE_##kind, .payload = PAYLOAD_##type, .min = low, .max = high \
	}
#define RESPONSE(kind, type, low, high)                                                   \
	{                                                                                 \
		.exchange = EXCHANGE_##kind, .response = true, .payload = PAYLOAD_##type, \
		.min = low, .max = high                                                   \
	}

/* What is not listed is not allowed. Order within a message is free (RFC 7296 2.5). */
static const struct rule rules[] = {
	/* 1.2: HDR, SAi1, KEi, Ni */
	REQUEST(IKE_SA_INIT, SA, 1, 1),
	REQUEST(IKE_SA_INIT, KE, 1, 1),
	REQUEST(IKE_SA_INIT, NONCE, 1, 1),
	REQUEST(IKE_SA_INIT, NOTIFY, 0, MANY),
	REQUEST(IKE_SA_INIT, VENDOR, 0, MANY),
	/* HDR, SAr1, KEr, Nr, [CERTREQ] */
	RESPONSE(IKE_SA_INIT, SA, 1, 1),
	RESPONSE(IKE_SA_INIT, KE, 1, 1),
	RESPONSE(IKE_SA_INIT, NONCE, 1, 1),
	RESPONSE(IKE_SA_INIT, CERTREQ, 0, MANY),
	RESPONSE(IKE_SA_INIT, NOTIFY, 0, MANY),
	RESPONSE(IKE_SA_INIT, VENDOR, 0, MANY),
	/*
	 * 1.2: HDR, SK { IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, SAi2, TSi, TSr }. A request without
	 * AUTH asks for EAP (2.16): it is well formed, and whether to refuse it is not for us.
	 */
	REQUEST(IKE_AUTH, IDI, 1, 1),
	REQUEST(IKE_AUTH, IDR, 0, 1),
	REQUEST(IKE_AUTH, CERT, 0, CERTS_MAX),
	REQUEST(IKE_AUTH, CERTREQ, 0, MANY),
	REQUEST(IKE_AUTH, AUTH, 0, 1),
	REQUEST(IKE_AUTH, SA, 0, 1),
	REQUEST(IKE_AUTH, TSI, 0, 1),
	REQUEST(IKE_AUTH, TSR, 0, 1),
	REQUEST(IKE_AUTH, CP, 0, 1),
	REQUEST(IKE_AUTH, EAP, 0, 1),
	REQUEST(IKE_AUTH, NOTIFY, 0, MANY),
	REQUEST(IKE_AUTH, VENDOR, 0, MANY),
	/* HDR, SK { IDr, [CERT,] AUTH, SAr2, TSi, TSr }; 1.2: without the last three if refused */
	RESPONSE(IKE_AUTH, IDR, 1, 1),
	RESPONSE(IKE_AUTH, CERT, 0, CERTS_MAX),
	RESPONSE(IKE_AUTH, AUTH, 0, 1),
	RESPONSE(IKE_AUTH, SA, 0, 1),
	RESPONSE(IKE_AUTH, TSI, 0, 1),
	RESPONSE(IKE_AUTH, TSR, 0, 1),
	RESPONSE(IKE_AUTH, CP, 0, 1),
	RESPONSE(IKE_AUTH, EAP, 0, 1),
	RESPONSE(IKE_AUTH, NOTIFY, 0, MANY),
	RESPONSE(IKE_AUTH, VENDOR, 0, MANY),
	/* RFC 9370 2.2.2: HDR, SK { KEi(n) } */
	REQUEST(IKE_INTERMEDIATE, KE, 1, 1),
	REQUEST(IKE_INTERMEDIATE, NOTIFY, 0, MANY),
	REQUEST(IKE_INTERMEDIATE, VENDOR, 0, MANY),
	/* HDR, SK { KEr(n) } */
	RESPONSE(IKE_INTERMEDIATE, KE, 1, 1),
	RESPONSE(IKE_INTERMEDIATE, NOTIFY, 0, MANY),
	RESPONSE(IKE_INTERMEDIATE, VENDOR, 0, MANY),
	/* 1.3: HDR, SK { SA, Ni, [KEi,] [TSi, TSr] }, without TS to rekey an IKE SA */
	REQUEST(CREATE_CHILD_SA, SA, 1, 1),
	REQUEST(CREATE_CHILD_SA, NONCE, 1, 1),
	REQUEST(CREATE_CHILD_SA, KE, 0, 1),
	REQUEST(CREATE_CHILD_SA, TSI, 0, 1),
	REQUEST(CREATE_CHILD_SA, TSR, 0, 1),
	REQUEST(CREATE_CHILD_SA, CP, 0, 1),
	REQUEST(CREATE_CHILD_SA, NOTIFY, 0, MANY),
	REQUEST(CREATE_CHILD_SA, VENDOR, 0, MANY),
	RESPONSE(CREATE_CHILD_SA, SA, 1, 1),
	RESPONSE(CREATE_CHILD_SA, NONCE, 1, 1),
	RESPONSE(CREATE_CHILD_SA, KE, 0, 1),
	RESPONSE(CREATE_CHILD_SA, TSI, 0, 1),
	RESPONSE(CREATE_CHILD_SA, TSR, 0, 1),
	RESPONSE(CREATE_CHILD_SA, CP, 0, 1),
	RESPONSE(CREATE_CHILD_SA, NOTIFY, 0, MANY),
	RESPONSE(CREATE_CHILD_SA, VENDOR, 0, MANY),
	/* RFC 9370 2.2.4: HDR, SK { KEi(n), N(ADDITIONAL_KEY_EXCHANGE) } */
	REQUEST(IKE_FOLLOWUP_KE, KE, 1, 1),
	REQUEST(IKE_FOLLOWUP_KE, NOTIFY, 0, MANY),
	REQUEST(IKE_FOLLOWUP_KE, VENDOR, 0, MANY),
	/* HDR, SK { KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)] } */
	RESPONSE(IKE_FOLLOWUP_KE, KE, 1, 1),
	RESPONSE(IKE_FOLLOWUP_KE, NOTIFY, 0, MANY),
	RESPONSE(IKE_FOLLOWUP_KE, VENDOR, 0, MANY),
	/* 1.4: HDR, SK { [N,] [D,] [CP,] ... }; empty to ask whether the peer lives */
	REQUEST(INFORMATIONAL, NOTIFY, 0, MANY),
	REQUEST(INFORMATIONAL, DELETE, 0, MANY),
	REQUEST(INFORMATIONAL, CP, 0, 1),
	REQUEST(INFORMATIONAL, VENDOR, 0, MANY),
	RESPONSE(INFORMATIONAL, NOTIFY, 0, MANY),
	RESPONSE(INFORMATIONAL, DELETE, 0, MANY),
	RESPONSE(INFORMATIONAL, CP, 0, 1),
	RESPONSE(INFORMATIONAL, VENDOR, 0, MANY),
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

static bool rule_is_for(const struct rule *r, uint8_t exchange, bool response)
{
	return r->exchange == exchange && r->response == response;
}

static const struct rule *rule_find(uint8_t exchange, bool response, uint8_t payload)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rule_is_for(&rules[i], exchange, response) && rules[i].payload == payload)
			return &rules[i];
	return NULL;
}

static bool payload_is_known(uint8_t type)
{
	switch (type) {
#define X(name, value) case value:
		PAYLOADS(X)
#undef X
		return type != PAYLOAD_NONE;
	default:
		return false;
	}
}

static struct judgement refuse(uint8_t payload, const char *why)
{
	return (struct judgement){ .notify = NOTIFY_INVALID_SYNTAX,
				   .payload = payload,
				   .why = why };
}

/*
 * RFC 7296 1.2, 1.3, 2.6, 2.21: a response that refuses, or asks to come again, is made of
 * notifies, and so lacks what it would carry otherwise.
 */
static bool is_notifies_alone(const struct payloads *ps)
{
	size_t notifies = 0;

	for (size_t i = 0; i < ps->n; i++) {
		const uint8_t type = ps->p[i].type;
		if (type == PAYLOAD_NOTIFY)
			notifies++;
		else if (type != PAYLOAD_VENDOR && payload_is_known(type))
			return false;
	}
	return notifies > 0;
}

static struct judgement judge_payload(uint8_t exchange, bool response, const struct payloads *ps,
				      const struct payload *p)
{
	const struct rule *r = rule_find(exchange, response, p->type);

	if (!payload_is_known(p->type)) {
		/* RFC 7296 2.5: skipped, unless the critical bit forbids it. */
		if (!p->critical)
			return (struct judgement){ 0 };
		return (struct judgement){ .notify = NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
					   .payload = p->type,
					   .why = "critical" };
	}
	if (r == NULL)
		return refuse(p->type, "not allowed here");
	if (payloads_count(ps, p->type) > r->max) {
		struct judgement j = refuse(p->type, "too many");

		j.too_many = r->max > 1;
		return j;
	}
	return (struct judgement){ 0 };
}

static struct judgement judge_missing(uint8_t exchange, bool response, const struct payloads *ps)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rule_is_for(&rules[i], exchange, response) &&
		    payloads_count(ps, rules[i].payload) < rules[i].min)
			return refuse(rules[i].payload, "missing");
	return (struct judgement){ 0 };
}

struct judgement rules_judge(uint8_t exchange, bool response, const struct payloads *ps)
{
	/* An exchange without rows is none of ours: nothing may be in it, not even nothing. */
	if (rule_find(exchange, response, PAYLOAD_NOTIFY) == NULL)
		return refuse(PAYLOAD_NONE, "unknown exchange");
	for (size_t i = 0; i < ps->n; i++) {
		struct judgement j = judge_payload(exchange, response, ps, &ps->p[i]);
		if (j.notify != 0)
			return j;
	}
	if (response && is_notifies_alone(ps))
		return (struct judgement){ 0 };
	return judge_missing(exchange, response, ps);
}
