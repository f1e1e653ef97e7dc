/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What strangers may cost, RFC 8019 4: how many half-open IKE SAs there may be in all and from one
 * source, from when on a sender must return a cookie first (RFC 7296 2.6), and how often anybody is
 * answered in the clear that something cannot be taken (RFC 7296 2.21.4). And what a peer that has
 * proved who it is may ask for (RFC 8019 5). The numbers are the configuration's; each limit that
 * turned something away is counted.
 *
 * A source is an IPv4 address, or an IPv6 /64, since whoever has one address of it has them all
 * (RFC 8019 4.2). Under ipsec_subnets a whole fleet may share a /64, and a host of it may begin
 * with many of our addresses at once: there each pair of addresses counts by itself, and the source
 * may take half of all places.
 */
#ifndef IKEMESH_IKE_LOAD_H
#define IKEMESH_IKE_LOAD_H

#include "ike/core.h"

/* Half-open IKE SAs of one source from which on it must return cookies. */
#define LOAD_COOKIE_SOURCE 3
/* Of a peer's CREATE_CHILD_SA requests: so many at once, whatever the rate. */
#define LOAD_CHILD_BURST 20
/* Errors in the clear to one source: so many at once, then one a second. */
#define LOAD_REPLY_BURST_SOURCE 5

/* Must who asks by IKE_SA_INIT return a cookie first? p: the pair, NULL: there is none yet. */
bool load_wants_cookie(const struct engine *e, const struct ip *local, const struct ip *remote,
		       const struct pair *p);
/* Is there a place for one more half-open IKE SA? If not, it is counted. */
bool load_has_room(struct engine *e, const struct ip *local, const struct ip *remote,
		   const struct pair *p);

/* A half-open IKE SA of this source is there, is gone. false: no memory. */
bool load_opened(struct engine *e, const struct ip *remote);
void load_closed(struct engine *e, const struct ip *remote);
void load_free(struct engine *e);

/*
 * May this source be told, in the clear, that something of it cannot be taken? Of each kind so many
 * a second (error_replies) in all, and one a second to one source: neither forged sources nor one
 * that asks and asks make us send more. If not, it is counted.
 */
bool load_may_complain(struct engine *e, enum complaint about, const struct ip *local,
		       const struct ip *remote);

/* May the peer have a CREATE_CHILD_SA request answered now? If not, it is counted. */
bool load_takes_child_request(struct engine *e, struct pair *p);

/*
 * Fragments of peers that have not proved who they are wait for the rest in so many octets at most,
 * whoever they are of (RFC 7383 5). May n more? If not, it is counted.
 */
#define LOAD_REASSEMBLY_OCTETS (8u << 20)
bool load_takes_fragment(struct engine *e, const struct ike_sa *sa, size_t n);
/* Fragments of the IKE SA came or went. */
void load_reassembly_changed(struct engine *e, struct ike_sa *sa);

/* What a decoder turned away. */
void load_limit(struct engine *e, enum limit which);
void load_decode_error(struct engine *e, enum decode_error bad);
/* The SA payload could not be decoded: since it has too much in it? */
void load_sa_payload(struct engine *e, const struct sa_view *v);
void load_child_payloads(struct engine *e, const struct sa_view *v, bool too_many_selectors);

#endif
