/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick crash detection, RFC 6290: who lost an IKE SA proves it. At IKE_AUTH each side hands the
 * other a token, an HMAC under a secret that outlives a reboot. A protected request for an IKE SA
 * that the maker no longer has is answered in the clear by INVALID_IKE_SPI with that token, and the
 * taker drops the IKE SA at once instead of asking until it times out. Tokens cover both addresses:
 * no other host gets the one of a pair out of the maker (RFC 6290 9.2).
 */
#ifndef IKEMESH_IKE_QCD_H
#define IKEMESH_IKE_QCD_H

#include "ike/core.h"

#define QCD_TOKEN_LEN 16      /* octets of ours; the least (RFC 6290 5): the answer stays small */
#define QCD_TOKEN_MAX_LEN 128 /* of a peer's */

/* taker: whom we give it to. 0 or -EIO. */
int qcd_token(const uint8_t secret[static QCD_SECRET_LEN], uint64_t spi_i, uint64_t spi_r,
	      const struct ip *maker, const struct ip *taker, uint8_t out[static QCD_TOKEN_LEN]);

/* N(QCD_TOKEN) of ours for this IKE SA, to an ikemesh peer; nothing if we have no secret. */
void qcd_encode(struct engine *e, const struct ike_sa *sa, struct builder *b);
/* The same to a peer whose IKE SA we do not have; the request's SPIs and addresses. */
void qcd_encode_lost(struct engine *e, const struct ike_header *h, const struct endpoint *local,
		     const struct endpoint *remote, struct builder *b);
/* The peer's token, out of a message that only it can have sealed. Without one: the old one stays.
 */
void qcd_keep(struct ike_sa *sa, const struct payloads *ps);
/*
 * A message in the clear for one of our IKE SAs. true: it bore the peer's token, and the IKE SA is
 * gone with its children. Another token is counted, and changes nothing.
 */
bool qcd_take(struct engine *e, struct ike_sa *sa, const struct payloads *ps);
/* After a rekeying that we began: the peer got no token yet (RFC 6290 4.3). */
void qcd_renew(struct engine *e, struct ike_sa *sa);

#endif
