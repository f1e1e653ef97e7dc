/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic selectors for transport mode between the two addresses of a pair (RFC 7296 2.9, and a
 * peer speaks for its own address only).
 */
#ifndef IKEMESH_IKE_TS_H
#define IKEMESH_IKE_TS_H

#include "ike/message/payload.h"

/* The host, any protocol, any port. */
struct ts ts_host(const struct ip *host);

/*
 * What the pair may have of the lists offered: host to host for all traffic if they cover it, else
 * the first protocol and ports for which both do. false: TS_UNACCEPTABLE.
 */
bool ts_narrow(const struct ts_list *tsi, const struct ts_list *tsr, const struct ip *initiator,
	       const struct ip *responder, struct ts *out_i, struct ts *out_r);

/* An answer to our host-to-host offer: one selector, the same host, any or one protocol. */
bool ts_accept(const struct ts_list *answer, const struct ip *host, struct ts *out);

/* 0 if the selector leaves the port open, else the one port. */
uint16_t ts_port(const struct ts *t);

#endif
