/* SPDX-License-Identifier: Apache-2.0 */
/* What other implementations really send: odd, and to be taken. Seen on the wire. */
#include "cases/scene.h"
#include "sim/peer_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* Moves payload `from` to `to`. */
static void move(struct draft *d, size_t from, size_t to)
{
	const struct draft_payload p = d->p[from];

	memmove(&d->p[from], &d->p[from + 1], (d->n - from - 1) * sizeof p);
	memmove(&d->p[to + 1], &d->p[to], (d->n - 1 - to) * sizeof p);
	d->p[to] = p;
}

static size_t place(struct draft *d, const struct draft_payload *p)
{
	return (size_t)(p - d->p);
}

/* Each payload of IKE_AUTH first, and each last; so USE_TRANSPORT_MODE before SA and after TSr. */
static void any_order(struct scene *s)
{
	size_t n = 1;

	for (size_t i = 0; i < 2 * n; i++) {
		struct draft said;

		scene_auth(s, &said);
		n = said.n;
		move(&said, i / 2, i % 2 == 0 ? 0 : n - 1);
		scene_say(s, &said);
		scene_check(s, duet_counters(&s->d).child_sas == 1, "a CHILD_SA each time");
	}
}

static void rekey_notify_anywhere(struct scene *s)
{
	for (int last = 0; last < 2; last++) {
		struct peer_exchange x = { 0 };
		struct draft said;

		scene_up(s);
		x.rekeys = s->d.peer.esp_in;
		peer_ask_child(&s->d.peer, &x, &said);
		move(&said, place(&said, draft_notify(&said, NOTIFY_REKEY_SA)),
		     last ? said.n - 1 : 0);
		scene_say(s, &said);
		peer_exchange_free(&x);
	}
}

/* IDr asked for or not, CERT left out is another matter; two CERTREQs, of another encoding, empty.
 */
static void idr_and_certreqs(struct scene *s)
{
	static const uint8_t odd[] = { 12 }, empty[] = { CERT_X509_SIGNATURE };

	for (int with = 0; with < 2; with++) {
		struct draft said;

		scene_auth(s, &said);
		if (with) {
			const struct blob *id = &draft_find(&said, PAYLOAD_IDI)->body;

			draft_add(&said, PAYLOAD_IDR, blob_view(id));
		}
		draft_drop(&said, PAYLOAD_CERTREQ);
		draft_add(&said, PAYLOAD_CERTREQ, BYTES(odd, sizeof odd));
		draft_add(&said, PAYLOAD_CERTREQ, BYTES(empty, sizeof empty));
		scene_say(s, &said);
	}
}

/* RSASSA-PSS with SHA2-512, salt 64, no trailerField: the answer follows the padding. */
static void pss_sha512(struct scene *s)
{
	const struct sig_scheme *scheme = NULL;
	struct blob tbs, signature, body;
	struct draft said, heard;
	struct bytes algid, proof;
	uint8_t method;

	for (size_t i = 0; sig_all()[i] != NULL; i++)
		if (sig_all()[i]->pss && sig_all()[i]->hash == HASH_SHA2_512)
			scheme = sig_all()[i];
	assert_non_null(scheme);
	scene_auth(s, &said);
	tbs = peer_signed_octets(&s->d.peer, &said);
	assert_int_equal(sign_key_sign(s->d.peer_doer.key, scheme, blob_view(&tbs), &signature), 0);
	auth_signature_encode(draft_begin(&said), BYTES(scheme->algid, scheme->algid_len),
			      blob_view(&signature));
	draft_end(&said);
	body = draft_take_last(&said);
	draft_set(draft_find(&said, PAYLOAD_AUTH), blob_view(&body));
	blob_free(&body);
	blob_free(&tbs);
	blob_free(&signature);
	scene_say(s, &said);
	duet_hear(&s->d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_true(
		auth_decode(blob_view(&draft_find(&heard, PAYLOAD_AUTH)->body), &method, &proof));
	scene_check(s,
		    method == AUTH_METHOD_DIGITAL_SIGNATURE &&
			    auth_signature_decode(proof, &algid, &proof) &&
			    sig_by_algid(algid) != NULL && sig_by_algid(algid)->pss,
		    "the answer is signed by PSS");
	draft_free(&heard);
}

/* A CHILD_SA refused in IKE_AUTH: with IDr CERT AUTH the IKE SA lives, with the notify alone not.
 */
static void child_refused(struct scene *s)
{
	for (int alone = 0; alone < 2; alone++) {
		struct draft said;

		scene_auth_answer(s, &said);
		draft_drop(&said, PAYLOAD_SA);
		draft_drop(&said, PAYLOAD_TSI);
		draft_drop(&said, PAYLOAD_TSR);
		draft_drop_notify(&said, NOTIFY_USE_TRANSPORT_MODE);
		while (alone && said.n > 0)
			draft_drop_at(&said, 0);
		draft_add_notify(&said, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
		scene_say(s, &said);
		scene_check(s, duet_counters(&s->d).child_sas == 0, "no CHILD_SA");
	}
}

/* INVALID_KE_PAYLOAD under a responder's SPI: the retry has none (RFC 7296 2.6). */
static void invalid_ke_with_spi(struct scene *s)
{
	static const uint8_t group[] = { 0, 19 };
	struct draft heard, said;
	struct ike_header h;

	scene_clear(s);
	duet_wait(&s->d, 4000 * SECOND);
	s->d.spec.ike[1] = s->d.spec.ike[0];
	for (size_t i = 0; i < s->d.spec.ike[1].n; i++)
		if (s->d.spec.ike[1].t[i].type == TRANSFORM_KE)
			s->d.spec.ike[1].t[i].id = 19;
	s->d.spec.n_ike = 2;
	duet_acquire(&s->d);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, false, &heard);
	h = heard.h;
	draft_free(&heard);
	h.spi_r = 0x5555;
	h.initiator = false;
	h.response = true;
	draft_init(&said, &h);
	draft_add_notify(&said, NOTIFY_INVALID_KE_PAYLOAD, BYTES(group, 2));
	scene_say_clear(s, &said);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, false, &heard);
	scene_check(s, heard.h.spi_r == 0, "the retry has no responder's SPI");
	scene_check(s, draft_find(&heard, PAYLOAD_KE)->body.p[1] == 19, "and the group asked for");
	draft_free(&heard);
	s->d.spec.n_ike = 1;
}

/* Four proposals of eight groups each, ours the last of the last. */
static void large_offer(struct scene *s)
{
	struct proposal_spec many[4];
	struct draft said;
	struct blob body;

	scene_init(s, &said);
	for (size_t i = 0; i < 4; i++) {
		many[i] = s->d.peer_spec.ike[0];
		for (size_t k = 0; k < many[i].n; k++) {
			if (many[i].t[k].type == TRANSFORM_ENCR && i < 3)
				many[i].t[k].key_bits = 256;
			if (many[i].t[k].type != TRANSFORM_KE)
				continue;
			for (size_t g = 0; g < 7; g++)
				many[i].t[many[i].n + g] =
					(struct transform){ .type = TRANSFORM_KE,
							    .id = (uint16_t)(15 + g) };
		}
		many[i].n += 7;
	}
	body = body_sa(PROTO_IKE, BYTES_NONE, many, 4);
	draft_set(draft_find(&said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
	scene_say(s, &said);
}

/* ESN yes and no in one proposal. */
static void both_esn(struct scene *s)
{
	static const uint8_t spi[] = { 1, 2, 3, 4 };
	struct proposal_spec p = s->d.peer_spec.esp[0];
	struct draft said;
	struct blob body;

	scene_auth(s, &said);
	p.t[p.n++] = (struct transform){ .type = TRANSFORM_ESN, .id = ESN_YES };
	body = body_sa(PROTO_ESP, BYTES(spi, 4), &p, 1);
	draft_set(draft_find(&said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
	scene_say(s, &said);
}

/* Repeated every half second while our signature is slow: one job, one answer. */
static void impatient(struct scene *s)
{
	struct draft said;
	struct blob auth;
	size_t jobs, sent;

	scene_auth(s, &said);
	auth = peer_seal(&s->d.peer, &said);
	draft_free(&said);
	s->d.hold_jobs = true;
	scene_give(s, blob_view(&auth));
	jobs = s->d.n_jobs;
	sent = s->d.n_sent;
	for (int i = 0; i < 6; i++) {
		duet_wait(&s->d, SECOND / 2);
		scene_give(s, blob_view(&auth));
	}
	scene_check(s, s->d.n_jobs == jobs, "no second job");
	scene_check(s, s->d.n_sent == sent, "no answer before its time");
	s->d.hold_jobs = false;
	while (s->d.n_jobs > 0)
		duet_run_jobs(&s->d);
	scene_check(s, duet_counters(&s->d).child_sas == 1, "one CHILD_SA");
	blob_free(&auth);
}

/* After a reboot, no INITIAL_CONTACT: the old IKE SA is still there, and the new one works. */
static void reboot_unannounced(struct scene *s)
{
	scene_up(s);
	for (int i = 0; i < 3; i++) {
		struct draft said, heard;

		peer_wipe(&s->d.peer);
		duet_peer_init(&s->d);
		peer_ask_auth(&s->d.peer, &said);
		scene_say(s, &said);
		duet_hear(&s->d, EXCHANGE_IKE_AUTH, true, &heard);
		peer_take_auth(&s->d.peer, &heard);
		draft_free(&heard);
		duet_esp_from_peer(&s->d);
		duet_esp_from_peer(&s->d);
		scene_check(s,
			    fake_kernel_sa(&s->d.kernel, &s->d.them.ip, s->d.peer.esp_in) != NULL,
			    "we send on the new one");
	}
}

/* USE_TRANSPORT_MODE is not in the answer: tunnel mode was chosen, and that is not ours. */
static void tunnel_chosen(struct scene *s)
{
	struct draft said;

	scene_auth_answer(s, &said);
	draft_drop_notify(&said, NOTIFY_USE_TRANSPORT_MODE);
	scene_say(s, &said);
	scene_check(s, s->d.kernel.n_sas == 0, "no SA was made");
}

/* It refuses our rekeying, and forgets the whole IKE SA without a word. */
static void drops_the_ike_sa(struct scene *s)
{
	const struct event rekey = { .kind = EVENT_COMMAND,
				     .command = { .command = COMMAND_REKEY,
						  .remote = s->d.them.ip } };
	struct draft heard, said;

	scene_up(s);
	duet_event(&s->d, &rekey);
	duet_hear(&s->d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer(&s->d.peer, &heard, &said);
	draft_free(&heard);
	draft_add_notify(&said, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
	scene_say(s, &said);
}

/* Fragments as small as some send them. */
static void small_fragments(struct scene *s)
{
	static const size_t limits[] = { 532 - 28, 548 - 28, 1204 - 48, 1236 - 48 };

	for (size_t i = 0; i < N(limits); i++) {
		struct draft said;

		scene_auth(s, &said);
		scene_check(s, scene_say_fragmented(s, &said, limits[i]) == OUT_GOES_ON,
			    "each is put together");
	}
}

#define ON ALLOW(OUT_GOES_ON)

const struct bad_case cases_peers[] = {
	{ "", "any_order", "RFC 7296 2.5", "IKE_AUTH with each payload first, and each last", ON,
	  .play = any_order },
	{ "", "rekey_notify_anywhere", "seen on the wire", "REKEY_SA first, and last", ON,
	  .play = rekey_notify_anywhere },
	{ "", "idr_and_certreqs", "seen on the wire",
	  "IDr or none; two CERTREQs, of another encoding and empty", ON,
	  .play = idr_and_certreqs },
	{ "", "pss_sha512", "seen on the wire", "AUTH by PSS SHA2-512, salt 64", ON, .real = true,
	  .play = pss_sha512 },
	{ "", "child_refused", "seen on the wire",
	  "NO_PROPOSAL_CHOSEN in IKE_AUTH, with AUTH and alone",
	  ON | ALLOW(OUT_KEPT) | ALLOW(OUT_ENDS), .play = child_refused },
	{ "", "invalid_ke_with_spi", "seen on the wire", "INVALID_KE_PAYLOAD under an SPI", ON,
	  .play = invalid_ke_with_spi },
	{ "", "large_offer", "seen on the wire", "four IKE proposals of eight groups", ON,
	  .play = large_offer },
	{ "", "both_esn", "seen on the wire", "ESN yes and no in one proposal", ON,
	  .play = both_esn },
	{ "", "impatient", "seen on the wire", "IKE_AUTH seven times while we sign",
	  ALLOW(OUT_KEPT), .play = impatient },
	{ "", "reboot_unannounced", "seen on the wire", "three new IKE SAs, no INITIAL_CONTACT", ON,
	  .play = reboot_unannounced },
	{ "", "tunnel_chosen", "seen on the wire", "an answer without USE_TRANSPORT_MODE",
	  ON | ALLOW(OUT_KEPT), .play = tunnel_chosen },
	{ "", "drops_the_ike_sa", "seen on the wire",
	  "NO_PROPOSAL_CHOSEN to our rekeying, then silence", ON | ALLOW(OUT_KEPT),
	  .play = drops_the_ike_sa },
	{ "", "small_fragments", "seen on the wire", "fragments of 532, 548, 1204, 1236 octets",
	  ON | ALLOW(OUT_KEPT), .play = small_fragments },
	{ .name = NULL },
};
