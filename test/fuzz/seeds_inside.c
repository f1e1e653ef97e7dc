/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From each opening the conversation goes on as it should, and what the peer says is written down:
 * the answers that are due, the exchanges that are left to come up, then one of several wishes.
 */
#include "fuzz/scene.h"
#include "fuzz/seeds.h"

#include "ike/message/sealed.h"
#include <string.h>

#define ROOM 16384
#define STEPS 6
#define SIGNATURE_LEN 384 /* the stand-in's */

static struct scene scene;

/* --- one input --- */

struct record {
	uint8_t octets[ROOM];
	struct writer w;
};

static void record_begin(struct record *r, size_t opening, uint8_t flavour)
{
	r->w = writer_of(r->octets, sizeof r->octets);
	write_u8(&r->w, (uint8_t)opening);
	write_u8(&r->w, flavour);
}

/* A signature that is good by itself would prove an identity without the scene's knowing it. */
static void hide_signature(struct draft *d)
{
	struct draft_payload *auth = draft_find(d, PAYLOAD_AUTH);

	if (auth != NULL && auth->body.n > SIGNATURE_LEN)
		memset(auth->body.p + auth->body.n - SIGNATURE_LEN, 0, SIGNATURE_LEN);
}

static void record_message(struct record *r, uint8_t how, const struct draft *d)
{
	struct draft copy;
	struct blob chain;
	uint8_t first;

	draft_copy(&copy, d);
	hide_signature(&copy);
	chain = draft_chain(&copy, &first);
	write_u8(&r->w, (uint8_t)(how | (d->h.response ? HOW_RESPONSE : 0)));
	write_u8(&r->w, d->h.exchange);
	write_u8(&r->w, 0);
	write_u8(&r->w, first);
	write_u16(&r->w, (uint16_t)chain.n);
	write_bytes(&r->w, blob_view(&chain));
	blob_free(&chain);
	draft_free(&copy);
}

static void say(struct record *r, uint8_t how, struct draft *d)
{
	struct scene *s = &scene;

	record_message(r, how, d);
	if (s->has_asked && d->h.response) {
		draft_free(&s->asked);
		s->has_asked = false;
	}
	duet_say(&s->d, d);
	if (s->d.peer.next_shared.n > 0)
		peer_turn(&s->d.peer);
	scene_listen(s);
	duet_run_jobs(&s->d);
	scene_listen(s);
}

/* --- what is right to say --- */

static void answer(struct scene *s, struct draft *out)
{
	struct peer *p = &s->d.peer;

	switch (s->asked.h.exchange) {
	case EXCHANGE_IKE_SA_INIT:
		draft_copy(out, &s->good); /* it was made where the scene opens */
		break;
	case EXCHANGE_IKE_INTERMEDIATE:
		peer_answer_intermediate(p, &s->asked, out);
		break;
	case EXCHANGE_IKE_AUTH:
		peer_answer_auth(p, &s->asked, out);
		break;
	case EXCHANGE_CREATE_CHILD_SA:
		if (draft_has(&s->asked, PAYLOAD_TSI))
			peer_answer_child(p, &s->x, &s->asked, out);
		else
			peer_answer_rekey(p, &s->x, &s->asked, out);
		break;
	case EXCHANGE_IKE_FOLLOWUP_KE:
		peer_answer_followup(p, &s->x, &s->asked, out);
		break;
	default:
		peer_answer(p, &s->asked, out);
		break;
	}
}

/* false: it is up, as far as it knows. */
static bool next_of_coming_up(struct scene *s, struct draft *out)
{
	struct peer *p = &s->d.peer;

	if (!p->initiator && p->spi_i != 0)
		return false;
	if (p->spi_r == 0)
		peer_ask_init(p, out);
	else if (p->add_ke_done < p->n_add_ke)
		peer_ask_intermediate(p, out);
	else if (p->esp_in == 0)
		peer_ask_auth(p, out);
	else
		return false;
	return true;
}

static void wish_rekey_child(struct scene *s, struct draft *out)
{
	peer_exchange_free(&s->x);
	s->x = (struct peer_exchange){ .rekeys = s->d.peer.esp_in };
	peer_ask_child(&s->d.peer, &s->x, out);
}

static void wish_child(struct scene *s, struct draft *out)
{
	peer_exchange_free(&s->x);
	s->x = (struct peer_exchange){ 0 };
	peer_ask_child(&s->d.peer, &s->x, out);
}

static void wish_rekey_ike(struct scene *s, struct draft *out)
{
	peer_exchange_free(&s->x);
	s->x = (struct peer_exchange){ 0 };
	peer_ask_rekey(&s->d.peer, &s->x, out);
}

static void wish_followup(struct scene *s, struct draft *out)
{
	if (s->x.link.n > 0 && s->x.add_ke_done < s->d.peer.n_add_ke)
		peer_ask_followup(&s->d.peer, &s->x, out);
	else
		peer_ask(&s->d.peer, EXCHANGE_IKE_FOLLOWUP_KE, out);
}

static void wish_life(struct scene *s, struct draft *out)
{
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, out);
}

static void wish_no_child(struct scene *s, struct draft *out)
{
	peer_ask_delete_child(&s->d.peer, out);
}

static void wish_no_ike(struct scene *s, struct draft *out)
{
	peer_ask_delete_ike(&s->d.peer, out);
}

static void wish_reset(struct scene *s, struct draft *out)
{
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, out);
	draft_add_notify(out, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	draft_add_notify(out, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
}

static void (*const wishes[])(struct scene *s, struct draft *out) = {
	wish_life,     wish_rekey_child, wish_child,  wish_rekey_ike,
	wish_followup, wish_no_child,	 wish_no_ike, wish_reset,
};
#define N_WISHES (sizeof wishes / sizeof wishes[0])

static void conversation(struct record *r, size_t wish)
{
	struct draft said;

	for (int i = 0; i < STEPS; i++) {
		bool over = false;

		if (scene.has_asked)
			answer(&scene, &said);
		else if (!next_of_coming_up(&scene, &said)) {
			wishes[wish](&scene, &said);
			over = true;
		}
		say(r, HOW_MENDED, &said);
		if (over)
			return;
	}
}

/* An answer of error notifies alone, to whatever was asked. */
static void refusal(struct record *r, uint16_t notify)
{
	struct draft said;

	if (!scene.has_asked)
		return;
	if (scene.asked.h.exchange == EXCHANGE_IKE_SA_INIT) {
		draft_copy(&said, &scene.asked);
		said.h.response = true;
		while (said.n > 0)
			draft_drop_at(&said, 0);
	} else {
		peer_answer(&scene.d.peer, &scene.asked, &said);
	}
	draft_add_notify(&said, notify, BYTES((const uint8_t *)"\0\x13", 2));
	record_message(r, 0, &said);
	draft_free(&said);
}

static const uint16_t refusals[] = {
	NOTIFY_NO_PROPOSAL_CHOSEN,
	NOTIFY_INVALID_KE_PAYLOAD,
	NOTIFY_TS_UNACCEPTABLE,
	NOTIFY_TEMPORARY_FAILURE,
	NOTIFY_COOKIE,
	NOTIFY_AUTHENTICATION_FAILED,
	NOTIFY_CHILD_SA_NOT_FOUND,
	NOTIFY_NO_ADDITIONAL_SAS,
};

void seeds_inside(void)
{
	static struct record r;

	for (size_t i = 0; i < n_openings; i++) {
		for (size_t wish = 0; wish < N_WISHES; wish++) {
			const uint8_t flavour = (uint8_t)(wish * 9 % 64 & ~FLAVOUR_GCM);

			scene_start(&scene, &openings[i], flavour);
			record_begin(&r, i, flavour);
			conversation(&r, wish);
			scene_end(&scene);
			seed_write("inside", writer_view(&r.w));
		}
		for (size_t k = 0; k < sizeof refusals / sizeof refusals[0]; k++) {
			scene_start(&scene, &openings[i], 0);
			record_begin(&r, i, 0);
			refusal(&r, refusals[k]);
			scene_end(&scene);
			seed_write("inside", writer_view(&r.w));
		}
	}
}
