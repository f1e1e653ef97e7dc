/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer.h"

#include "ike/message/fragment.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_LEN 32
#define IKEV2 0x20

static void copy(struct blob *out, struct bytes from)
{
	blob_free(out);
	if (blob_copy(out, from) != 0)
		abort();
}

static void must(bool good)
{
	if (!good)
		abort();
}

void peer_init(struct peer *p)
{
	*p = (struct peer){
		.doer = p->doer,
		.spec = p->spec,
		.rng = p->rng,
		.self = p->self,
		.other = p->other,
		.is_ikemesh = p->is_ikemesh,
		.vendor = p->vendor,
		.no_intermediate = p->no_intermediate,
	};
}

void peer_wipe(struct peer *p)
{
	struct blob *const blobs[] = { &p->ni,	   &p->nr,	  &p->init_i,	&p->init_r,
				       &p->cookie, &p->ke_public, &p->ke_other, &p->other_id };

	for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++)
		blob_free(blobs[i]);
	if (p->ke_key != NULL)
		p->ke->free(p->ke_key);
	secret_free(&p->shared);
	secret_free(&p->next_shared);
	fragments_free(&p->fragments);
	peer_init(p);
}

/* --- small parts --- */

static struct blob random_blob(struct peer *p, size_t n)
{
	struct blob b = { .p = malloc(n), .n = n };

	must(b.p != NULL);
	rng_fill(p->rng, b.p, n);
	return b;
}

static const struct transform *spec_transform(const struct proposal_spec *s, uint8_t type)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->t[i].type == type)
			return &s->t[i];
	return NULL;
}

/* RFC 9370 2.2.1: the first of each type, NONE aside. */
static void add_ke_take(struct peer *p, const struct proposal_spec *s)
{
	p->n_add_ke = p->add_ke_done = 0;
	for (uint8_t type = TRANSFORM_ADDKE1; type <= TRANSFORM_ADDKE7; type++) {
		const struct transform *t = spec_transform(s, type);

		if (t != NULL && t->id != KE_NONE)
			p->add_ke[p->n_add_ke++] = ke_by_id(t->id);
	}
}

static void suite_take(struct peer *p, const struct proposal_spec *s)
{
	const struct transform *encr = spec_transform(s, TRANSFORM_ENCR);
	const struct transform *integ = spec_transform(s, TRANSFORM_INTEG);

	p->encr = encr_by_id(encr->id, encr->key_bits);
	p->integ = integ == NULL ? NULL : integ_by_id(integ->id);
	p->prf = prf_by_id(spec_transform(s, TRANSFORM_PRF)->id);
	if (p->ke == NULL)
		p->ke = ke_by_id(spec_transform(s, TRANSFORM_KE)->id);
	must(p->encr != NULL && p->prf != NULL && p->ke != NULL);
	add_ke_take(p, s);
}

static struct ike_header header(const struct peer *p, uint8_t exchange, bool response, uint32_t id)
{
	return (struct ike_header){
		.spi_i = p->spi_i,
		.spi_r = p->spi_r,
		.version = IKEV2,
		.exchange = exchange,
		.initiator = p->initiator,
		.response = response,
		.message_id = id,
	};
}

/* RFC 7296 2.23: SHA-1(SPIs | address | port) */
static void natd_add(struct builder *b, const struct peer *p, uint16_t type,
		     const struct endpoint *e)
{
	uint8_t spis[16], port[2], hash[20];
	struct writer w = writer_of(spis, sizeof spis);
	struct bytes parts[3];

	write_u64(&w, p->spi_i);
	write_u64(&w, p->spi_r);
	w = writer_of(port, sizeof port);
	write_u16(&w, e->port);
	parts[0] = BYTES(spis, sizeof spis);
	parts[1] = BYTES(e->ip.b, ip_len(&e->ip));
	parts[2] = BYTES(port, sizeof port);
	must(sha1(parts, 3, hash) == 0);
	notify_encode(b, PROTO_NONE, BYTES_NONE, type, BYTES(hash, sizeof hash));
}

static void init_extras(struct builder *b, const struct peer *p)
{
	static const uint8_t hashes[] = { 0, HASH_SHA2_256, 0, HASH_SHA2_384, 0, HASH_SHA2_512 };

	natd_add(b, p, NOTIFY_NAT_DETECTION_SOURCE_IP, &p->self);
	natd_add(b, p, NOTIFY_NAT_DETECTION_DESTINATION_IP, &p->other);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, BYTES_NONE);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_SIGNATURE_HASH_ALGORITHMS,
		      BYTES(hashes, sizeof hashes));
	if (p->n_add_ke > 0 && !p->no_intermediate)
		notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED,
			      BYTES_NONE);
	if (p->is_ikemesh)
		vendor_encode(b, p->vendor);
}

static void extras_take(struct peer *p, const struct draft *d)
{
	struct bytes hashes = draft_notify_data(d, NOTIFY_SIGNATURE_HASH_ALGORITHMS);

	for (size_t i = 0; i + 1 < hashes.n; i += 2)
		if (hashes.p[i] == 0 && hashes.p[i + 1] < 32)
			p->other_hashes |= UINT32_C(1) << hashes.p[i + 1];
	p->other_fragments = draft_has_notify(d, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED);
}

static struct draft_payload *find(const struct draft *d, uint8_t type)
{
	return draft_find((struct draft *)(uintptr_t)d, type);
}

static void ke_take(struct peer *p, const struct draft *d)
{
	const struct draft_payload *ke = find(d, PAYLOAD_KE);
	struct bytes value;
	uint16_t group;

	must(ke != NULL && ke_decode(blob_view(&ke->body), &group, &value));
	copy(&p->ke_other, value);
}

static void nonce_take(struct blob *out, const struct draft *d)
{
	const struct draft_payload *nonce = find(d, PAYLOAD_NONCE);

	must(nonce != NULL);
	copy(out, blob_view(&nonce->body));
}

/* --- keys --- */

static void key_cut(const uint8_t **from, struct peer_key *to, size_t n)
{
	must(n <= PEER_KEY_MAX);
	memcpy(to->b, *from, n);
	to->n = n;
	*from += n;
}

/* RFC 7296 2.14: prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
static void keys_cut(struct peer *p, struct bytes skeyseed)
{
	uint8_t stream[7 * PEER_KEY_MAX], spis[16];
	struct bytes nonces[] = { blob_view(&p->ni), blob_view(&p->nr), BYTES(spis, sizeof spis) };
	size_t encr = p->encr->key_len + p->encr->salt_len;
	size_t integ = p->integ == NULL ? 0 : p->integ->key_len;
	const uint8_t *at = stream;
	struct writer w = writer_of(spis, sizeof spis);

	write_u64(&w, p->spi_i);
	write_u64(&w, p->spi_r);
	must(prf_plus(p->prf, skeyseed, nonces, 3, stream,
		      3 * p->prf->len + 2 * integ + 2 * encr) == 0);
	key_cut(&at, &p->sk_d, p->prf->len);
	key_cut(&at, &p->sk_ai, integ);
	key_cut(&at, &p->sk_ar, integ);
	key_cut(&at, &p->sk_ei, encr);
	key_cut(&at, &p->sk_er, encr);
	key_cut(&at, &p->sk_pi, p->prf->len);
	key_cut(&at, &p->sk_pr, p->prf->len);
}

/* RFC 7296 2.14: SKEYSEED = prf(Ni | Nr, g^ir) */
static void keys_derive(struct peer *p)
{
	uint8_t seed[PRF_MAX_LEN];
	struct bytes shared = secret_view(&p->shared);
	struct blob both = { 0 };

	both = (struct blob){ .p = malloc(p->ni.n + p->nr.n), .n = p->ni.n + p->nr.n };
	must(both.p != NULL);
	memcpy(both.p, p->ni.p, p->ni.n);
	memcpy(both.p + p->ni.n, p->nr.p, p->nr.n);
	must(p->prf->compute(p->prf, blob_view(&both), &shared, 1, seed) == 0);
	blob_free(&both);
	keys_cut(p, BYTES(seed, p->prf->len));
}

static struct bytes key_view(const struct peer_key *k)
{
	return BYTES(k->b, k->n);
}

/* RFC 9370 2.2.2: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr) */
static void keys_renew(struct peer *p, struct bytes shared)
{
	const struct bytes parts[] = { shared, blob_view(&p->ni), blob_view(&p->nr) };
	uint8_t seed[PRF_MAX_LEN];

	must(p->prf->compute(p->prf, key_view(&p->sk_d), parts, 3, seed) == 0);
	keys_cut(p, BYTES(seed, p->prf->len));
	p->add_ke_done++;
	p->ke = ke_by_id(spec_transform(&p->spec->ike[0], TRANSFORM_KE)->id);
}

struct seal_keys peer_keys_out(struct peer *p)
{
	return (struct seal_keys){
		.encr = p->encr,
		.integ = p->integ,
		.sk_e = key_view(p->initiator ? &p->sk_ei : &p->sk_er),
		.sk_a = key_view(p->initiator ? &p->sk_ai : &p->sk_ar),
		.iv_counter = &p->iv_counter,
	};
}

struct seal_keys peer_keys_in(struct peer *p)
{
	return (struct seal_keys){
		.encr = p->encr,
		.integ = p->integ,
		.sk_e = key_view(p->initiator ? &p->sk_er : &p->sk_ei),
		.sk_a = key_view(p->initiator ? &p->sk_ar : &p->sk_ai),
		.iv_counter = &p->iv_counter,
	};
}

/* RFC 7296 2.17: keys of the initiator's direction come first. AEAD only. */
static void child_keys(struct peer *p, bool we_asked)
{
	uint8_t stream[2 * PEER_KEY_MAX];
	struct bytes nonces[] = { blob_view(&p->ni), blob_view(&p->nr) };
	size_t n = p->esp_encr->key_len + p->esp_encr->salt_len;
	const uint8_t *at = stream;

	must(prf_plus(p->prf, key_view(&p->sk_d), nonces, 2, stream, 2 * n) == 0);
	key_cut(&at, we_asked ? &p->esp_key_out : &p->esp_key_in, n);
	key_cut(&at, we_asked ? &p->esp_key_in : &p->esp_key_out, n);
	p->esp_seq = 0;
}

/* --- jobs, done at once --- */

static struct job *job_start(enum job_kind kind)
{
	struct job *j = job_new(kind);

	must(j != NULL);
	return j;
}

static void key_make(struct peer *p)
{
	struct job *j = job_start(JOB_KE_GENERATE);

	j->ke = p->ke;
	job_do(p->doer, j);
	must(j->result == 0);
	p->ke_key = j->ke_key;
	j->ke_key = NULL;
	copy(&p->ke_public, blob_view(&j->ke_public));
	job_free(j);
}

static void key_derive(struct peer *p)
{
	struct job *j = job_start(JOB_KE_DERIVE);

	j->ke = p->ke;
	j->ke_key = p->ke_key;
	p->ke_key = NULL;
	copy(&j->peer_public, blob_view(&p->ke_other));
	job_do(p->doer, j);
	must(j->result == 0);
	secret_move(&p->shared, &j->shared);
	job_free(j);
}

static void key_respond(struct peer *p)
{
	struct job *j = job_start(JOB_KE_RESPOND);

	j->ke = p->ke;
	copy(&j->peer_public, blob_view(&p->ke_other));
	job_do(p->doer, j);
	must(j->result == 0);
	copy(&p->ke_public, blob_view(&j->ke_public));
	secret_move(&p->shared, &j->shared);
	job_free(j);
}

/* --- IKE_SA_INIT --- */

void peer_ask_init(struct peer *p, struct draft *out)
{
	struct ike_header h;
	struct builder *b;

	if (p->spi_i == 0) {
		p->initiator = true;
		p->spi_i = rng_next(p->rng) | 1;
		p->ni = random_blob(p, NONCE_LEN);
		suite_take(p, &p->spec->ike[0]);
		key_make(p);
	}
	h = header(p, EXCHANGE_IKE_SA_INIT, false, 0);
	draft_init(out, &h);
	b = draft_begin(out);
	if (p->cookie.n > 0)
		notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_COOKIE, blob_view(&p->cookie));
	sa_encode(b, PROTO_IKE, BYTES_NONE, p->spec->ike, p->spec->n_ike);
	ke_encode(b, p->ke->id, blob_view(&p->ke_public));
	nonce_encode(b, blob_view(&p->ni));
	init_extras(b, p);
	draft_end(out);
	p->send_id = 1;
}

static uint8_t number_offered(const struct draft *request)
{
	const struct draft_payload *sa = find(request, PAYLOAD_SA);
	struct sa_view *v = calloc(1, sizeof *v);
	uint8_t number = 1;

	must(v != NULL);
	if (sa != NULL && sa_decode(blob_view(&sa->body), v) && v->n > 0)
		number = v->p[0].number;
	free(v);
	return number;
}

void peer_answer_init(struct peer *p, const struct draft *request, struct draft *out)
{
	struct ike_header h;
	struct builder *b;

	p->initiator = false;
	p->spi_i = request->h.spi_i;
	p->spi_r = rng_next(p->rng) | 1;
	nonce_take(&p->ni, request);
	p->nr = random_blob(p, NONCE_LEN);
	suite_take(p, &p->spec->ike[0]);
	ke_take(p, request);
	extras_take(p, request);
	key_respond(p);
	keys_derive(p);
	p->proposal_number = number_offered(request);
	h = header(p, EXCHANGE_IKE_SA_INIT, true, 0);
	draft_init(out, &h);
	b = draft_begin(out);
	sa_encode_chosen(b, p->proposal_number, PROTO_IKE, BYTES_NONE, p->spec->ike[0].t,
			 p->spec->ike[0].n);
	ke_encode(b, p->ke->id, blob_view(&p->ke_public));
	nonce_encode(b, blob_view(&p->nr));
	init_extras(b, p);
	draft_end(out);
	p->recv_id = 1;
}

void peer_take_init(struct peer *p, const struct draft *answer)
{
	p->spi_r = answer->h.spi_r;
	nonce_take(&p->nr, answer);
	ke_take(p, answer);
	extras_take(p, answer);
	key_derive(p);
	keys_derive(p);
}

/* --- IKE_INTERMEDIATE --- */

/*
 * RFC 9242 3.3.2: IntAuth_n = prf(SK_p, IntAuth_(n-1) | A | P), where A is the header and the SK
 * payload's header with lengths that count A and P alone, and P the inner payloads.
 */
static void intauth_add(struct peer *p, bool of_initiator, const struct draft *d)
{
	struct peer_key *sum = of_initiator ? &p->int_i : &p->int_r;
	const struct peer_key *key = of_initiator ? &p->sk_pi : &p->sk_pr;
	uint8_t a[32], first, fresh[PRF_MAX_LEN];
	struct blob chain = draft_chain(d, &first);
	const struct bytes parts[] = { key_view(sum), BYTES(a, sizeof a), blob_view(&chain) };
	struct writer w = writer_of(a, sizeof a);

	write_u64(&w, p->spi_i);
	write_u64(&w, p->spi_r);
	write_u8(&w, 46);
	write_u8(&w, IKEV2);
	write_u8(&w, 43);
	write_u8(&w, (uint8_t)((d->h.response ? 0x20 : 0) | (of_initiator ? 0x08 : 0)));
	write_u32(&w, d->h.message_id);
	write_u32(&w, (uint32_t)(sizeof a + chain.n));
	write_u8(&w, first);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(4 + chain.n));
	must(!w.failed && w.n == sizeof a);
	must(p->prf->compute(p->prf, key_view(key), parts, 3, fresh) == 0);
	memcpy(sum->b, fresh, p->prf->len);
	sum->n = p->prf->len;
	blob_free(&chain);
}

void peer_ask_intermediate(struct peer *p, struct draft *out)
{
	p->ke = p->add_ke[p->add_ke_done];
	key_make(p);
	peer_ask(p, EXCHANGE_IKE_INTERMEDIATE, out);
	ke_encode(draft_begin(out), p->ke->id, blob_view(&p->ke_public));
	draft_end(out);
	intauth_add(p, true, out);
}

void peer_take_intermediate(struct peer *p, const struct draft *answer)
{
	ke_take(p, answer);
	key_derive(p);
	intauth_add(p, false, answer);
	keys_renew(p, secret_view(&p->shared));
}

void peer_answer_intermediate(struct peer *p, const struct draft *request, struct draft *out)
{
	p->ke = p->add_ke[p->add_ke_done];
	ke_take(p, request);
	key_respond(p);
	intauth_add(p, true, request);
	peer_answer(p, request, out);
	ke_encode(draft_begin(out), p->ke->id, blob_view(&p->ke_public));
	draft_end(out);
	intauth_add(p, false, out);
	secret_move(&p->next_shared, &p->shared);
}

void peer_turn(struct peer *p)
{
	keys_renew(p, secret_view(&p->next_shared));
	secret_free(&p->next_shared);
}

/* --- IKE_AUTH --- */

/* RFC 7296 2.15. Owned by the caller. */
static struct blob signed_octets(const struct peer *p, bool of_initiator, struct bytes id)
{
	const struct blob *message = of_initiator ? &p->init_i : &p->init_r;
	const struct blob *nonce = of_initiator ? &p->nr : &p->ni;
	const struct peer_key *key = of_initiator ? &p->sk_pi : &p->sk_pr;
	const size_t plain = message->n + nonce->n + p->prf->len;
	struct blob out = { .n = plain + p->int_i.n + p->int_r.n + (p->add_ke_done > 0 ? 4 : 0) };

	out.p = malloc(out.n);
	must(out.p != NULL && message->n > 0);
	memcpy(out.p, message->p, message->n);
	memcpy(out.p + message->n, nonce->p, nonce->n);
	must(p->prf->compute(p->prf, key_view(key), &id, 1, out.p + message->n + nonce->n) == 0);
	if (p->add_ke_done > 0) { /* RFC 9242 3.3.2: IntAuth_iN | IntAuth_rN | IKE_AUTH_MID */
		struct writer w = writer_of(out.p + plain, out.n - plain);

		write_bytes(&w, key_view(&p->int_i));
		write_bytes(&w, key_view(&p->int_r));
		write_u32(&w, 1 + (uint32_t)p->add_ke_done);
		must(!w.failed);
	}
	return out;
}

static struct draft_payload *id_of(const struct draft *d)
{
	struct draft_payload *id = find(d, PAYLOAD_IDI);

	return id != NULL ? id : find(d, PAYLOAD_IDR);
}

void peer_set_auth(struct draft *d, uint8_t method, struct bytes data)
{
	struct draft_payload *old = draft_find(d, PAYLOAD_AUTH);
	struct blob body;

	auth_encode(draft_begin(d), method, data);
	draft_end(d);
	if (old == NULL)
		return;
	body = draft_take_last(d);
	draft_set(old, blob_view(&body));
	blob_free(&body);
}

struct blob draft_take_last(struct draft *d)
{
	struct blob body = d->p[d->n - 1].body;

	d->n--;
	d->p[d->n] = (struct draft_payload){ 0 };
	return body;
}

struct blob peer_signed_octets(struct peer *p, struct draft *d)
{
	must(id_of(d) != NULL);
	return signed_octets(p, p->initiator, blob_view(&id_of(d)->body));
}

void peer_sign(struct peer *p, struct draft *d)
{
	const struct sig_scheme *scheme =
		sig_choose(p->spec->credential.key, p->other_hashes, NULL);
	struct job *j = job_start(JOB_SIGN);
	struct draft_payload *old = draft_find(d, PAYLOAD_AUTH);
	struct blob body;

	must(scheme != NULL && id_of(d) != NULL);
	j->scheme = scheme;
	j->credential = p->spec->credential.generation;
	j->tbs = signed_octets(p, p->initiator, blob_view(&id_of(d)->body));
	job_do(p->doer, j);
	must(j->result == 0);
	if (scheme->method == AUTH_METHOD_DIGITAL_SIGNATURE)
		auth_signature_encode(draft_begin(d), BYTES(scheme->algid, scheme->algid_len),
				      blob_view(&j->signature));
	else
		auth_encode(draft_begin(d), scheme->method, blob_view(&j->signature));
	draft_end(d);
	job_free(j);
	if (old == NULL)
		return;
	body = draft_take_last(d);
	draft_set(old, blob_view(&body));
	blob_free(&body);
}

struct blob body_ts(const struct ip *ip)
{
	struct ts ts = { .family = ip->family, .end_port = 65535, .start = *ip, .end = *ip };
	struct draft d = { 0 };
	struct blob body;

	ts_encode(draft_begin(&d), PAYLOAD_TSI, &ts, 1);
	draft_end(&d);
	body = draft_take_last(&d);
	draft_free(&d);
	return body;
}

struct blob body_sa(uint8_t protocol, struct bytes spi, const struct proposal_spec *specs, size_t n)
{
	struct draft d = { 0 };
	struct blob body;

	sa_encode(draft_begin(&d), protocol, spi, specs, n);
	draft_end(&d);
	body = draft_take_last(&d);
	draft_free(&d);
	return body;
}

static void ts_add(struct draft *d, uint8_t type, const struct ip *ip)
{
	struct blob body = body_ts(ip);

	draft_add(d, type, blob_view(&body));
	blob_free(&body);
}

static void spi_write(uint32_t spi, uint8_t out[static 4])
{
	struct writer w = writer_of(out, 4);

	write_u32(&w, spi);
}

static void credential_add(struct peer *p, struct draft *d)
{
	const struct credential_spec *c = &p->spec->credential;
	struct builder *b = draft_begin(d);

	id_encode(b, p->initiator ? PAYLOAD_IDI : PAYLOAD_IDR, c->id_type, blob_view(&c->id));
	for (size_t i = 0; i < c->n_certs; i++)
		cert_encode(b, CERT_X509_SIGNATURE, blob_view(&c->certs[i]));
	if (p->initiator)
		certreq_encode(b, CERT_X509_SIGNATURE, BYTES(p->spec->cas[0].info.spki_sha1, 20));
	draft_end(d);
	peer_sign(p, d);
}

void peer_ask_auth(struct peer *p, struct draft *out)
{
	struct ike_header h = header(p, EXCHANGE_IKE_AUTH, false, 1 + (uint32_t)p->add_ke_done);
	uint8_t spi[4];

	draft_init(out, &h);
	credential_add(p, out);
	p->esp_in = (uint32_t)rng_next(p->rng) | 0x100;
	spi_write(p->esp_in, spi);
	draft_add_notify(out, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(draft_begin(out), PROTO_ESP, BYTES(spi, 4), p->spec->esp, p->spec->n_esp);
	draft_end(out);
	ts_add(out, PAYLOAD_TSI, &p->self.ip);
	ts_add(out, PAYLOAD_TSR, &p->other.ip);
	p->send_id = h.message_id + 1;
}

/* SPI of the first proposal; *number too. */
static uint32_t sa_spi(const struct draft *d, uint8_t *number)
{
	const struct draft_payload *sa = find(d, PAYLOAD_SA);
	struct sa_view *v = calloc(1, sizeof *v);
	struct reader r;
	uint32_t spi;

	must(v != NULL && sa != NULL && sa_decode(blob_view(&sa->body), v) && v->n > 0);
	r = reader_of(v->p[0].spi);
	spi = read_u32(&r);
	*number = v->p[0].number;
	free(v);
	return spi;
}

static void child_take(struct peer *p, const struct draft *d, bool we_asked)
{
	const struct transform *encr = spec_transform(&p->spec->esp[0], TRANSFORM_ENCR);

	p->esp_out = sa_spi(d, &p->proposal_number);
	p->esp_encr = encr_by_id(encr->id, encr->key_bits);
	must(p->esp_encr != NULL && p->esp_encr->aead);
	child_keys(p, we_asked);
}

void peer_answer_auth(struct peer *p, const struct draft *request, struct draft *out)
{
	struct ike_header h = header(p, EXCHANGE_IKE_AUTH, true, request->h.message_id);
	uint8_t spi[4];

	draft_init(out, &h);
	child_take(p, request, false);
	credential_add(p, out);
	p->esp_in = (uint32_t)rng_next(p->rng) | 0x100;
	spi_write(p->esp_in, spi);
	draft_add_notify(out, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode_chosen(draft_begin(out), p->proposal_number, PROTO_ESP, BYTES(spi, 4),
			 p->spec->esp[0].t, p->spec->esp[0].n);
	draft_end(out);
	ts_add(out, PAYLOAD_TSI, &p->other.ip);
	ts_add(out, PAYLOAD_TSR, &p->self.ip);
	p->recv_id = request->h.message_id + 1;
}

void peer_take_auth(struct peer *p, const struct draft *answer)
{
	child_take(p, answer, true);
}

static const struct sig_scheme *auth_read(const struct draft *d, struct bytes *signature)
{
	const struct draft_payload *auth = find(d, PAYLOAD_AUTH);
	struct bytes data, algid;
	uint8_t method;

	if (auth == NULL || !auth_decode(blob_view(&auth->body), &method, &data))
		return NULL;
	*signature = data;
	if (method != AUTH_METHOD_DIGITAL_SIGNATURE)
		return sig_by_method(method);
	return auth_signature_decode(data, &algid, signature) ? sig_by_algid(algid) : NULL;
}

enum verdict peer_check_auth(struct peer *p, const struct draft *d)
{
	struct job *j = job_start(JOB_VERIFY);
	struct bytes signature, data;
	enum verdict verdict = VERDICT_BAD_SIGNATURE;
	struct id_view id;
	uint8_t encoding;

	j->scheme = auth_read(d, &signature);
	if (j->scheme != NULL && id_of(d) != NULL && id_decode(blob_view(&id_of(d)->body), &id)) {
		j->tbs = signed_octets(p, !p->initiator, id.whole);
		copy(&j->signature, signature);
		j->id_type = id.type;
		copy(&j->id, id.data);
		for (size_t i = 0; i < d->n && j->n_certs < CERT_CHAIN_MAX; i++)
			if (d->p[i].type == PAYLOAD_CERT &&
			    cert_decode(blob_view(&d->p[i].body), &encoding, &data))
				copy(&j->certs[j->n_certs++], data);
		job_do(p->doer, j);
		verdict = j->judged.verdict;
	}
	job_free(j);
	return verdict;
}

/* --- INFORMATIONAL and others --- */

void peer_ask(struct peer *p, uint8_t exchange, struct draft *out)
{
	struct ike_header h = header(p, exchange, false, p->send_id++);

	draft_init(out, &h);
}

void peer_ask_delete_ike(struct peer *p, struct draft *out)
{
	peer_ask(p, EXCHANGE_INFORMATIONAL, out);
	delete_encode(draft_begin(out), PROTO_IKE, NULL, 0);
	draft_end(out);
}

void peer_ask_delete_child(struct peer *p, struct draft *out)
{
	peer_ask(p, EXCHANGE_INFORMATIONAL, out);
	delete_encode(draft_begin(out), PROTO_ESP, &p->esp_in, 1);
	draft_end(out);
}

void peer_answer(struct peer *p, const struct draft *request, struct draft *out)
{
	struct ike_header h = header(p, request->h.exchange, true, request->h.message_id);

	draft_init(out, &h);
	p->recv_id = request->h.message_id + 1;
}

/* --- datagrams --- */

struct blob peer_encode(struct peer *p, const struct draft *d)
{
	struct blob message = draft_message(d);

	copy(d->h.response ? &p->init_r : &p->init_i, blob_view(&message));
	return message;
}

struct blob peer_seal(struct peer *p, const struct draft *d)
{
	struct seal_keys keys = peer_keys_out(p);
	uint8_t first;
	struct blob chain = draft_chain(d, &first);
	size_t room = sealed_size(&keys, chain.n);
	struct blob out = { .p = malloc(room), .n = room };

	must(out.p != NULL);
	out.n = sealed_seal(&keys, &d->h, first, blob_view(&chain), out.p, room);
	must(out.n > 0);
	blob_free(&chain);
	return out;
}

struct blob peer_seal_fragment(struct peer *p, const struct ike_header *h, uint8_t first,
			       uint16_t number, uint16_t total, struct bytes part)
{
	struct seal_keys keys = peer_keys_out(p);
	size_t room = sealed_size(&keys, part.n) + 16;
	struct blob out = { .p = malloc(room) };

	must(out.p != NULL);
	out.n = sealed_seal_fragment(&keys, h, first, number, total, part, out.p, room);
	must(out.n > 0);
	return out;
}

size_t peer_seal_fragments(struct peer *p, const struct draft *d, size_t limit, struct blob *out,
			   size_t room)
{
	struct seal_keys keys = peer_keys_out(p);
	uint8_t first;
	struct blob chain = draft_chain(d, &first);
	uint16_t total;
	size_t part = fragment_part_size(&keys, limit, chain.n, &total);

	must(part > 0 && total <= room);
	for (uint16_t i = 0; i < total; i++) {
		size_t at = i * part, n = chain.n - at < part ? chain.n - at : part;

		out[i] = peer_seal_fragment(p, &d->h, first, (uint16_t)(i + 1), total,
					    BYTES(chain.p + at, n));
	}
	blob_free(&chain);
	return total;
}

static int fragment_open(struct peer *p, const struct ike_header *h, const struct payload *skf,
			 uint8_t inner_first, struct bytes plain, struct draft *out)
{
	struct blob chain = { 0 };
	uint16_t number, total;
	uint8_t first;

	if (!skf_numbers(skf->body, &number, &total))
		return -EINVAL;
	if (fragments_add(&p->fragments, h->message_id, number, total, inner_first, plain, &chain,
			  &first) != FRAGMENT_COMPLETE)
		return -EAGAIN;
	draft_init(out, h);
	if (!draft_read(out, first, blob_view(&chain))) {
		draft_free(out);
		blob_free(&chain);
		return -EINVAL;
	}
	blob_free(&chain);
	return 0;
}

static int sealed_take(struct peer *p, const struct ike_header *h, uint8_t *datagram, size_t n,
		       const struct payloads *ps, uint8_t inner_first, struct draft *out)
{
	struct seal_keys keys = peer_keys_in(p);
	const struct payload *last = &ps->p[ps->n - 1];
	struct bytes plain;

	if (p->encr == NULL || sealed_open(&keys, datagram, n, ps, &plain) != 0)
		return -EBADMSG;
	if (last->type == PAYLOAD_SKF)
		return fragment_open(p, h, last, inner_first, plain, out);
	draft_init(out, h);
	if (draft_read(out, inner_first, plain))
		return 0;
	draft_free(out);
	return -EINVAL;
}

static int take(struct peer *p, uint8_t *datagram, size_t n, struct payloads *ps, struct draft *out)
{
	struct bytes whole = BYTES(datagram, n);
	uint8_t inner_first = 0;
	struct ike_header h;

	if (ike_header_decode(whole, &h) != DECODE_OK ||
	    payloads_decode(h.next_payload, BYTES(datagram + IKE_HEADER_LEN, n - IKE_HEADER_LEN),
			    ps, &inner_first) != DECODE_OK)
		return -EINVAL;
	if (ps->n > 0 &&
	    (ps->p[ps->n - 1].type == PAYLOAD_SK || ps->p[ps->n - 1].type == PAYLOAD_SKF))
		return sealed_take(p, &h, datagram, n, ps, inner_first, out);
	draft_init(out, &h);
	if (!draft_read(out, h.next_payload,
			BYTES(datagram + IKE_HEADER_LEN, n - IKE_HEADER_LEN))) {
		draft_free(out);
		return -EINVAL;
	}
	if (h.exchange == EXCHANGE_IKE_SA_INIT)
		copy(h.response ? &p->init_r : &p->init_i, whole);
	return 0;
}

int peer_open(struct peer *p, struct bytes datagram, struct draft *out)
{
	struct blob mine = { 0 };
	struct payloads *ps = calloc(1, sizeof *ps);
	int r;

	must(ps != NULL);
	copy(&mine, datagram);
	r = take(p, mine.p, mine.n, ps, out);
	free(ps);
	blob_free(&mine);
	return r;
}
