/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/intauth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GENERIC_HEADER_LEN 4
#define NEXT_PAYLOAD_AT 16 /* RFC 7296 3.1 */
#define LENGTH_AT 24
#define A_LEN (IKE_HEADER_LEN + GENERIC_HEADER_LEN)

/*
 * IntAuth_*A: header and SK payload header, as if between and behind them were nothing but the
 * content: no IV, no padding, no ICV, and no fragments.
 */
static int write_a(const struct intauth_message *m, uint8_t out[static A_LEN])
{
	struct writer w = writer_of(out, A_LEN);

	if (m->content.n > UINT16_MAX - GENERIC_HEADER_LEN)
		return -EMSGSIZE;
	write_bytes(&w, BYTES(m->header, IKE_HEADER_LEN));
	out[NEXT_PAYLOAD_AT] = PAYLOAD_SK;
	patch_u32(&w, LENGTH_AT, (uint32_t)(A_LEN + m->content.n));
	write_u8(&w, m->first);
	write_u8(&w, m->reserved);
	write_u16(&w, (uint16_t)(GENERIC_HEADER_LEN + m->content.n));
	return 0;
}

/* IntAuth_*n = prf(SK_p*n, IntAuth_*(n-1) | IntAuth_*nA | IntAuth_*nP) */
static int add(struct ike_sa *sa, bool of_initiator, const struct intauth_message *m)
{
	const struct prf_alg *prf = sa->suite.prf;
	const struct secret *key = of_initiator ? &sa->keys.pi : &sa->keys.pr;
	struct blob *sum = of_initiator ? &sa->hs->int_i : &sa->hs->int_r;
	uint8_t a[A_LEN], fresh[PRF_MAX_LEN];
	int r = write_a(m, a);
	const struct bytes parts[] = { blob_view(sum), BYTES(a, sizeof(a)), m->content };

	if (r == 0)
		r = prf->compute(prf, secret_view(key), parts, 3, fresh);
	if (r != 0)
		return r;
	blob_free(sum);
	return blob_copy(sum, BYTES(fresh, prf->len));
}

int intauth_sent(struct ike_sa *sa, const struct ike_header *h, uint8_t first, struct bytes content)
{
	uint8_t header[IKE_HEADER_LEN];
	struct builder b;

	message_begin(&b, header, sizeof(header), h);
	return add(
		sa, sa->initiator,
		&(struct intauth_message){ .header = header, .first = first, .content = content });
}

int intauth_received(struct ike_sa *sa, const struct intauth_message *m)
{
	return add(sa, !sa->initiator, m);
}

int intauth_octets(const struct ike_sa *sa, struct blob *out)
{
	const struct handshake *hs = sa->hs;
	/* RFC 9242 3.2: one exchange each from message id 1 on, and IKE_AUTH is the next. */
	const uint32_t mid = 1 + (uint32_t)hs->add_ke_done;
	struct writer w;

	*out = (struct blob){ 0 };
	if (hs->add_ke_done == 0)
		return 0;
	out->p = malloc(hs->int_i.n + hs->int_r.n + 4);
	if (out->p == NULL)
		return -ENOMEM;
	out->n = hs->int_i.n + hs->int_r.n + 4;
	w = writer_of(out->p, out->n);
	write_bytes(&w, blob_view(&hs->int_i));
	write_bytes(&w, blob_view(&hs->int_r));
	write_u32(&w, mid);
	return 0;
}
