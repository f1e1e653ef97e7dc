/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From each opening the conversation goes on as it should, and what the peer says is written down:
 * the answers that are due, the exchanges that are left to come up, then one of several wishes.
 */
#include "fuzz/scene.h"
#include "fuzz/seeds.h"
#include "fuzz/talk.h"

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

static void conversation(struct record *r, size_t wish)
{
	struct draft said;

	for (int i = 0; i < STEPS; i++) {
		bool over = false;

		if (scene.has_asked) {
			talk_answer(&scene, &said);
		} else if (!talk_begin(&scene, &said)) {
			talk_wish(&scene, wish, &said);
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
		for (size_t wish = 0; wish < TALK_WISHES; wish++) {
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

/* What a successor finds at each opening, and when the conversation went on from there. */
void seeds_state(void)
{
	static uint8_t buf[1 << 16];
	static struct record r;

	for (size_t i = 0; i < n_openings; i++)
		for (size_t wish = 0; wish < TALK_WISHES; wish += 3) {
			struct writer w = writer_of(buf, sizeof buf);
			struct secret state = { 0 };

			scene_start(&scene, &openings[i], (uint8_t)(wish * 9 & FLAVOUR_IPV6));
			record_begin(&r, i, 0);
			if (wish > 0)
				conversation(&r, wish);
			HOLDS(engine_save(scene.d.engine, &state) == 0);
			write_u8(&w, (uint8_t)(wish & 1));
			write_bytes(&w, secret_view(&state));
			seed_write("state", writer_view(&w));
			secret_free(&state);
			scene_end(&scene);
		}
}

/* Each kind of event at each opening, among answers and time. */
void seeds_engine(void)
{
	uint8_t buf[64];

	for (uint8_t i = 0; i < n_openings; i++)
		for (uint8_t kind = 0; kind < 24; kind++) {
			struct writer w = writer_of(buf, sizeof buf);

			write_u8(&w, i);
			write_u8(&w, kind);
			for (int k = 0; k < 3; k++) /* an answer, then a request, unchanged */
				write_bytes(&w, BYTES((const uint8_t *)"\0\0\0\1\0\0\0", 7));
			write_u8(&w, kind);
			write_bytes(&w, BYTES((const uint8_t *)"\5\5\1\1\0\1\0\0", 8));
			for (int k = 0; k < 2; k++)
				write_bytes(&w, BYTES((const uint8_t *)"\2\0\0\0\0\0", 6));
			seed_write("engine", writer_view(&w));
		}
}
