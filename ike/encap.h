/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `encapsulation: auto` where there is no NAT, and yet something on the way drops ESP and lets UDP
 * pass (clouds, home routers, firewalls). IKE is up then, what we send leaves, and nothing comes
 * back. The pair is authenticated anew with ESP in UDP (RFC 3948), as if there were a NAT; if that
 * helps, it is remembered.
 *
 * That nothing comes back proves nothing by itself: traffic may be one way by its nature. So
 * - an ikemesh peer is asked how many packets it had from us, and sent to us (N(ESP_RECEIVED), a
 *   status notify of private use). It looks when it is asked, so its second answer counts what both
 *   had sent before the first question. That it had none, or that it sent some and we had none, is
 *   proof; else nothing is done.
 * - with others a trial is made when IKE was answered, while ESP was silent for some looks, and
 *   nothing came by plain ESP lately. A trial costs one negotiation beside the SAs that are there,
 *   and no packet. Only if ESP in UDP then comes in within a minute (or an ikemesh peer counts it)
 *   it has helped; else the SAs stay as they are, nothing is remembered but the trial, and the next
 *   one is an hour away, then two, four ... 16.
 *
 * What helped is remembered for a day, and used by every IKE SA that begins in that time; plain ESP
 * that comes in ends the matter. IKE SAs that are up are never moved back: to find the filter still
 * there would cost packets.
 */
#ifndef IKEMESH_IKE_ENCAP_H
#define IKEMESH_IKE_ENCAP_H

#include "ike/core.h"

/* An IKE_SA_INIT of this SA pretends a NAT. sa->pair may be NULL. */
bool encap_wanted(const struct engine *e, const struct ike_sa *sa);

/* How soon the counters are to be looked at: us, or INT64_MAX. */
int64_t encap_look(const struct engine *e, const struct child *c);

/* They were: did packets come in, did they go out, since the last look? */
void encap_looked(struct engine *e, struct child *c, bool comes, bool goes);

/* For how long a pair without an IKE SA is worth keeping for what it remembers: us; 0: not. */
int64_t encap_memory_left(const struct engine *e, const struct pair *p);

/* N(ESP_RECEIVED): into a request for whom we wonder about, into our answer, and out of the peer's.
 */
void encap_ask(struct engine *e, struct ike_sa *sa, struct builder *b);
void encap_answer(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		  struct builder *b);
void encap_take(struct engine *e, struct ike_sa *sa, const struct payloads *ps);

#endif
