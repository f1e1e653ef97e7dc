/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer_child.h"

#include <stdlib.h>
#include <string.h>

#define NONCE_LEN 32

static void must(bool good)
{
	if (!good)
		abort();
}

static void copy(struct blob *out, struct bytes from)
{
	blob_free(out);
	must(blob_copy(out, from) == 0);
}

void peer_exchange_free(struct peer_exchange *x)
{
	blob_free(&x->nonce);
	blob_free(&x->other);
	blob_free(&x->ke_public);
	secret_free(&x->shared);
	blob_free(&x->more);
	blob_free(&x->link);
	if (x->ke_key != NULL)
		x->ke->free(x->ke_key);
	*x = (struct peer_exchange){ 0 };
}

/* --- small parts --- */

static struct draft_payload *find(const struct draft *d, uint8_t type)
{
	return draft_find((struct draft *)(uintptr_t)d, type);
}

static void nonce_make(struct peer *p, struct peer_exchange *x)
{
	uint8_t nonce[NONCE_LEN];

	rng_fill(p->rng, nonce, sizeof nonce);
	if (x->nonce.n == 0)
		copy(&x->nonce, BYTES(nonce, sizeof nonce));
}

static void nonce_take(struct peer_exchange *x, const struct draft *d)
{
	const struct draft_payload *nonce = find(d, PAYLOAD_NONCE);

	must(nonce != NULL);
	copy(&x->other, blob_view(&nonce->body));
}

static void key_make(struct peer *p, struct peer_exchange *x)
{
	struct job *j = job_new(JOB_KE_GENERATE);

	if (x->ke_key != NULL)
		x->ke->free(x->ke_key);
	x->ke = ke_by_id(x->group);
	must(j != NULL && x->ke != NULL);
	j->ke = x->ke;
	job_do(p->doer, j);
	must(j->result == 0);
	x->ke_key = j->ke_key;
	j->ke_key = NULL;
	copy(&x->ke_public, blob_view(&j->ke_public));
	job_free(j);
}

/* g^ir of the core's value in d. */
static void key_use(struct peer *p, struct peer_exchange *x, const struct draft *d)
{
	const struct draft_payload *ke = find(d, PAYLOAD_KE);
	struct job *j = job_new(x->asked ? JOB_KE_DERIVE : JOB_KE_RESPOND);
	struct bytes value;

	must(j != NULL && ke != NULL && ke_decode(blob_view(&ke->body), &x->group, &value));
	j->ke = x->ke = ke_by_id(x->group);
	copy(&j->peer_public, value);
	j->ke_key = x->ke_key;
	x->ke_key = NULL;
	job_do(p->doer, j);
	must(j->result == 0);
	if (!x->asked)
		copy(&x->ke_public, blob_view(&j->ke_public));
	secret_move(&x->shared, &j->shared);
	job_free(j);
}

static void ts_add(struct draft *d, uint8_t type, const struct ip *ip)
{
	struct blob body = body_ts(ip);

	draft_add(d, type, blob_view(&body));
	blob_free(&body);
}

/* SPI of the first proposal. */
static uint64_t sa_spi(struct peer_exchange *x, const struct draft *d)
{
	const struct draft_payload *sa = find(d, PAYLOAD_SA);
	struct sa_view *v = calloc(1, sizeof *v);
	uint64_t spi = 0;

	must(v != NULL && sa != NULL && sa_decode(blob_view(&sa->body), v) && v->n > 0);
	for (size_t i = 0; i < v->p[0].spi.n; i++)
		spi = spi << 8 | v->p[0].spi.p[i];
	x->number = v->p[0].number;
	free(v);
	return spi;
}

static struct bytes spi_bytes(uint64_t spi, size_t n, uint8_t out[static 8])
{
	struct writer w = writer_of(out, 8);

	if (n == 4)
		write_u32(&w, (uint32_t)spi);
	else
		write_u64(&w, spi);
	return BYTES(out, n);
}

/* The proposal with a group, or without one. */
static struct proposal_spec esp_proposal(const struct peer *p, uint16_t group)
{
	struct proposal_spec s = p->spec->esp[0];
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.t[i].type != TRANSFORM_KE)
			s.t[n++] = s.t[i];
	if (group != KE_NONE)
		s.t[n++] = (struct transform){ .type = TRANSFORM_KE, .id = group };
	s.n = n;
	return s;
}

static struct bytes nonce_i(const struct peer_exchange *x)
{
	return blob_view(x->asked ? &x->nonce : &x->other);
}

static struct bytes nonce_r(const struct peer_exchange *x)
{
	return blob_view(x->asked ? &x->other : &x->nonce);
}

static void key_cut(const uint8_t **from, struct peer_key *to, size_t n)
{
	must(n <= PEER_KEY_MAX);
	memcpy(to->b, *from, n);
	to->n = n;
	*from += n;
}

/* --- CHILD_SAs --- */

/* RFC 7296 2.17: KEYMAT = prf+(SK_d, [g^ir (new)] | Ni | Nr); the initiator's direction first. */
static void child_keys(struct peer *p, struct peer_exchange *x)
{
	const struct bytes seed[] = { secret_view(&x->shared), nonce_i(x), nonce_r(x) };
	uint8_t stream[2 * PEER_KEY_MAX];
	const uint8_t *at = stream;
	size_t n;

	must(p->esp_encr != NULL && p->esp_encr->aead);
	n = p->esp_encr->key_len + p->esp_encr->salt_len;
	must(prf_plus(p->prf, BYTES(p->sk_d.b, p->sk_d.n), seed, 3, stream, 2 * n) == 0);
	key_cut(&at, x->asked ? &x->esp_key_out : &x->esp_key_in, n);
	key_cut(&at, x->asked ? &x->esp_key_in : &x->esp_key_out, n);
}

void peer_ask_child(struct peer *p, struct peer_exchange *x, struct draft *out)
{
	const struct proposal_spec esp = esp_proposal(p, x->group);
	struct builder *b;
	uint8_t spi[8];

	x->asked = true;
	x->esp_in = (uint32_t)rng_next(p->rng) | 0x100;
	nonce_make(p, x);
	if (x->group != KE_NONE)
		key_make(p, x);
	peer_ask(p, EXCHANGE_CREATE_CHILD_SA, out);
	b = draft_begin(out);
	if (x->rekeys != 0)
		notify_encode(b, PROTO_ESP, spi_bytes(x->rekeys, 4, spi), NOTIFY_REKEY_SA,
			      BYTES_NONE);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(b, PROTO_ESP, spi_bytes(x->esp_in, 4, spi), &esp, 1);
	nonce_encode(b, blob_view(&x->nonce));
	if (x->group != KE_NONE)
		ke_encode(b, x->group, blob_view(&x->ke_public));
	draft_end(out);
	ts_add(out, PAYLOAD_TSI, &p->self.ip);
	ts_add(out, PAYLOAD_TSR, &p->other.ip);
}

void peer_answer_child(struct peer *p, struct peer_exchange *x, const struct draft *request,
		       struct draft *out)
{
	struct proposal_spec esp;
	struct builder *b;
	uint8_t spi[8];

	x->asked = false;
	x->esp_in = (uint32_t)rng_next(p->rng) | 0x100;
	x->esp_out = (uint32_t)sa_spi(x, request);
	nonce_make(p, x);
	nonce_take(x, request);
	x->group = KE_NONE;
	if (draft_has(request, PAYLOAD_KE))
		key_use(p, x, request);
	child_keys(p, x);
	esp = esp_proposal(p, x->group);
	peer_answer(p, request, out);
	b = draft_begin(out);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode_chosen(b, x->number, PROTO_ESP, spi_bytes(x->esp_in, 4, spi), esp.t, esp.n);
	nonce_encode(b, blob_view(&x->nonce));
	if (x->group != KE_NONE)
		ke_encode(b, x->group, blob_view(&x->ke_public));
	draft_end(out);
	ts_add(out, PAYLOAD_TSI, &p->other.ip);
	ts_add(out, PAYLOAD_TSR, &p->self.ip);
}

void peer_take_child(struct peer *p, struct peer_exchange *x, const struct draft *answer)
{
	x->esp_out = (uint32_t)sa_spi(x, answer);
	nonce_take(x, answer);
	if (x->group != KE_NONE)
		key_use(p, x, answer);
	child_keys(p, x);
}

void peer_use_child(struct peer *p, const struct peer_exchange *x)
{
	p->esp_in = x->esp_in;
	p->esp_out = x->esp_out;
	p->esp_key_in = x->esp_key_in;
	p->esp_key_out = x->esp_key_out;
	p->esp_seq = 0;
}

/* --- the IKE SA --- */

void peer_ask_rekey(struct peer *p, struct peer_exchange *x, struct draft *out)
{
	struct builder *b;
	uint8_t spi[8];

	x->asked = true;
	x->group = p->ke->id;
	x->ike_own = rng_next(p->rng) | 1;
	nonce_make(p, x);
	key_make(p, x);
	peer_ask(p, EXCHANGE_CREATE_CHILD_SA, out);
	b = draft_begin(out);
	sa_encode(b, PROTO_IKE, spi_bytes(x->ike_own, 8, spi), p->spec->ike, 1);
	nonce_encode(b, blob_view(&x->nonce));
	ke_encode(b, x->group, blob_view(&x->ke_public));
	draft_end(out);
}

static void link_give(struct peer *p, struct peer_exchange *x, struct draft *out)
{
	uint8_t link[9];

	rng_fill(p->rng, link, sizeof link);
	copy(&x->link, BYTES(link, sizeof link));
	draft_add_notify(out, NOTIFY_ADDITIONAL_KEY_EXCHANGE, blob_view(&x->link));
}

void peer_answer_rekey(struct peer *p, struct peer_exchange *x, const struct draft *request,
		       struct draft *out)
{
	struct builder *b;
	uint8_t spi[8];

	x->asked = false;
	x->ike_own = rng_next(p->rng) | 1;
	x->ike_other = sa_spi(x, request);
	nonce_make(p, x);
	nonce_take(x, request);
	key_use(p, x, request);
	peer_answer(p, request, out);
	b = draft_begin(out);
	sa_encode_chosen(b, x->number, PROTO_IKE, spi_bytes(x->ike_own, 8, spi), p->spec->ike[0].t,
			 p->spec->ike[0].n);
	nonce_encode(b, blob_view(&x->nonce));
	ke_encode(b, x->group, blob_view(&x->ke_public));
	draft_end(out);
	if (p->n_add_ke > 0)
		link_give(p, x, out);
}

void peer_take_rekey(struct peer *p, struct peer_exchange *x, const struct draft *answer)
{
	x->ike_other = sa_spi(x, answer);
	nonce_take(x, answer);
	key_use(p, x, answer);
	copy(&x->link, draft_notify_data(answer, NOTIFY_ADDITIONAL_KEY_EXCHANGE));
}

/* --- IKE_FOLLOWUP_KE --- */

/* The secret of the exchange is behind those before; that of CREATE_CHILD_SA stays. */
static void secret_add(struct peer_exchange *x, struct secret *first)
{
	struct blob sum = { .p = malloc(x->more.n + x->shared.n), .n = x->more.n + x->shared.n };

	must(sum.p != NULL);
	if (x->more.n > 0)
		memcpy(sum.p, x->more.p, x->more.n);
	memcpy(sum.p + x->more.n, x->shared.p, x->shared.n);
	blob_free(&x->more);
	x->more = sum;
	secret_move(&x->shared, first);
	x->add_ke_done++;
}

void peer_ask_followup(struct peer *p, struct peer_exchange *x, struct draft *out)
{
	x->group = p->add_ke[x->add_ke_done]->id;
	key_make(p, x);
	peer_ask(p, EXCHANGE_IKE_FOLLOWUP_KE, out);
	ke_encode(draft_begin(out), x->group, blob_view(&x->ke_public));
	draft_end(out);
	draft_add_notify(out, NOTIFY_ADDITIONAL_KEY_EXCHANGE, blob_view(&x->link));
}

void peer_take_followup(struct peer *p, struct peer_exchange *x, const struct draft *answer)
{
	struct secret first = { 0 };

	secret_move(&first, &x->shared);
	key_use(p, x, answer);
	secret_add(x, &first);
	copy(&x->link, draft_notify_data(answer, NOTIFY_ADDITIONAL_KEY_EXCHANGE));
}

void peer_answer_followup(struct peer *p, struct peer_exchange *x, const struct draft *request,
			  struct draft *out)
{
	struct secret first = { 0 };

	secret_move(&first, &x->shared);
	key_use(p, x, request);
	secret_add(x, &first);
	peer_answer(p, request, out);
	ke_encode(draft_begin(out), x->group, blob_view(&x->ke_public));
	draft_end(out);
	if (x->add_ke_done < p->n_add_ke)
		link_give(p, x, out);
}

/*
 * RFC 7296 2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), then as 2.14 has it. RFC 9370
 * 2.2.4: with SK(1) | SK(2) ... behind the nonces.
 */
static void successor_keys(const struct peer *old, const struct peer_exchange *x,
			   struct peer *fresh)
{
	const struct bytes parts[] = { secret_view(&x->shared), nonce_i(x), nonce_r(x),
				       blob_view(&x->more) };
	uint8_t seed[PRF_MAX_LEN], stream[7 * PEER_KEY_MAX], spis[16];
	const struct bytes rest[] = { nonce_i(x), nonce_r(x), BYTES(spis, sizeof spis) };
	const size_t encr = fresh->encr->key_len + fresh->encr->salt_len;
	const size_t integ = fresh->integ == NULL ? 0 : fresh->integ->key_len;
	const uint8_t *at = stream;
	struct writer w = writer_of(spis, sizeof spis);

	write_u64(&w, fresh->spi_i);
	write_u64(&w, fresh->spi_r);
	must(old->prf->compute(old->prf, BYTES(old->sk_d.b, old->sk_d.n), parts, 4, seed) == 0);
	must(prf_plus(fresh->prf, BYTES(seed, old->prf->len), rest, 3, stream,
		      3 * fresh->prf->len + 2 * integ + 2 * encr) == 0);
	key_cut(&at, &fresh->sk_d, fresh->prf->len);
	key_cut(&at, &fresh->sk_ai, integ);
	key_cut(&at, &fresh->sk_ar, integ);
	key_cut(&at, &fresh->sk_ei, encr);
	key_cut(&at, &fresh->sk_er, encr);
	key_cut(&at, &fresh->sk_pi, fresh->prf->len);
	key_cut(&at, &fresh->sk_pr, fresh->prf->len);
}

void peer_successor(const struct peer *old, const struct peer_exchange *x, struct peer *fresh)
{
	*fresh = (struct peer){
		.doer = old->doer,
		.spec = old->spec,
		.rng = old->rng,
		.self = old->self,
		.other = old->other,
		.is_ikemesh = old->is_ikemesh,
		.vendor = old->vendor,
		/* RFC 7296 2.18: whoever rekeys is the original initiator of the new one. */
		.initiator = x->asked,
		.spi_i = x->asked ? x->ike_own : x->ike_other,
		.spi_r = x->asked ? x->ike_other : x->ike_own,
		.prf = old->prf,
		.encr = old->encr,
		.integ = old->integ,
		.ke = old->ke,
		.other_fragments = old->other_fragments,
		.esp_in = old->esp_in,
		.esp_out = old->esp_out,
		.esp_encr = old->esp_encr,
		.esp_key_in = old->esp_key_in,
		.esp_key_out = old->esp_key_out,
		.esp_seq = old->esp_seq,
		.n_add_ke = old->n_add_ke,
	};
	memcpy(fresh->add_ke, old->add_ke, sizeof fresh->add_ke);
	successor_keys(old, x, fresh);
}

/* --- DELETE --- */

void peer_ask_delete_spi(struct peer *p, uint32_t spi, struct draft *out)
{
	peer_ask(p, EXCHANGE_INFORMATIONAL, out);
	delete_encode(draft_begin(out), PROTO_ESP, &spi, 1);
	draft_end(out);
}

void peer_answer_delete(struct peer *p, const struct draft *request, uint32_t spi,
			struct draft *out)
{
	peer_answer(p, request, out);
	if (spi == 0)
		return;
	delete_encode(draft_begin(out), PROTO_ESP, &spi, 1);
	draft_end(out);
}

uint32_t draft_deleted_spi(const struct draft *d)
{
	const struct draft_payload *p = find(d, PAYLOAD_DELETE);
	struct delete_view v;
	struct reader r;

	if (p == NULL || !delete_decode(blob_view(&p->body), &v) || v.protocol != PROTO_ESP ||
	    v.count != 1)
		return 0;
	r = reader_of(v.spis);
	return read_u32(&r);
}
