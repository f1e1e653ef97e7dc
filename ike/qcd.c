/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/qcd.h"

#include "ike/kept.h"
#include "ike/pair.h"
#include "ike/sa.h"

#include <string.h>

static void put_spi(uint8_t out[static 8], uint64_t spi)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(spi >> (56 - 8 * i));
}

int qcd_token(const uint8_t secret[static QCD_SECRET_LEN], uint64_t spi_i, uint64_t spi_r,
	      const struct ip *maker, const struct ip *taker, uint8_t out[static QCD_TOKEN_LEN])
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	uint8_t spis[16], mac[PRF_MAX_LEN];

	put_spi(spis, spi_i);
	put_spi(spis + 8, spi_r);
	/* Of one family, or there is no IKE SA: no two inputs are the same octets. */
	const struct bytes parts[] = { BYTES(spis, sizeof(spis)), BYTES(maker->b, ip_len(maker)),
				       BYTES(taker->b, ip_len(taker)) };
	int r = prf->compute(prf, BYTES(secret, QCD_SECRET_LEN), parts, 3, mac);
	if (r == 0)
		memcpy(out, mac, QCD_TOKEN_LEN);
	wipe(mac, sizeof(mac));
	return r;
}

/* RFC 6290 4.1: the protocol is IKE although no SPI follows, unlike in other notifies. */
static void token_encode(struct engine *e, uint64_t spi_i, uint64_t spi_r, const struct ip *maker,
			 const struct ip *taker, struct builder *b)
{
	uint8_t token[QCD_TOKEN_LEN];

	if (!e->has_qcd_secret || qcd_token(e->qcd_secret, spi_i, spi_r, maker, taker, token) != 0)
		return;
	payload_begin(b, PAYLOAD_NOTIFY);
	write_u8(&b->w, PROTO_IKE);
	write_u8(&b->w, 0);
	write_u16(&b->w, NOTIFY_QUICK_CRASH_DETECTION);
	write_bytes(&b->w, BYTES(token, sizeof(token)));
	payload_end(b);
	wipe(token, sizeof(token));
}

void qcd_encode(struct engine *e, const struct ike_sa *sa, struct builder *b)
{
	if (sa->peer_ikemesh)
		token_encode(e, sa->initiator ? sa->spi_local : sa->spi_peer,
			     sa->initiator ? sa->spi_peer : sa->spi_local, &sa->local.ip,
			     &sa->remote.ip, b);
}

void qcd_encode_lost(struct engine *e, const struct ike_header *h, const struct endpoint *local,
		     const struct endpoint *remote, struct builder *b)
{
	token_encode(e, h->spi_i, h->spi_r, &local->ip, &remote->ip, b);
}

void qcd_keep(struct ike_sa *sa, const struct payloads *ps)
{
	struct blob copy = { 0 };
	struct notify_view n;

	if (!notify_find(ps, NOTIFY_QUICK_CRASH_DETECTION, &n) || n.data.n < QCD_TOKEN_LEN ||
	    n.data.n > QCD_TOKEN_MAX_LEN || blob_copy(&copy, n.data) != 0)
		return;
	kept_forget_token(sa);
	sa->peer_token = copy;
}

/* RFC 6290 4.5: up to four, of which one must be right. */
static bool bears_token(const struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_view n;

	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].type == PAYLOAD_NOTIFY && notify_decode(ps->p[i].body, &n) &&
		    n.type == NOTIFY_QUICK_CRASH_DETECTION && n.data.n == sa->peer_token.n &&
		    secret_equal(n.data, blob_view(&sa->peer_token)))
			return true;
	return false;
}

bool qcd_take(struct engine *e, struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_view n;

	/* Before the peer is authenticated, its token says nothing of the address that it is at. */
	if (!sa->authenticated || sa->peer_token.n == 0 ||
	    !notify_find(ps, NOTIFY_INVALID_IKE_SPI, &n) ||
	    !notify_find(ps, NOTIFY_QUICK_CRASH_DETECTION, &n))
		return false;
	if (!bears_token(sa, ps)) {
		e->counters.qcd_wrong++;
		return false;
	}
	e->counters.qcd_taken++;
	report_reason(e, REPORT_NOTICE, AREA_IKE, REASON_PEER_LOST, sa->pair, sa, 0,
		      "peer has lost IKE SA [%u] and proves it (RFC 6290): its SAs are gone",
		      sa->number);
	pair_note(e, sa->pair, STAGE_UP, "peer lost its SAs");
	sa_close(e, sa);
	return true;
}

void qcd_renew(struct engine *e, struct ike_sa *sa)
{
	if (!e->has_qcd_secret || !sa->peer_ikemesh || sa->state != SA_UP)
		return;
	sa->want_token = true;
	sa_work(e, sa);
}
