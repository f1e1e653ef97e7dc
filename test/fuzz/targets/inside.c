/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind the encryption: the input is what stands inside of messages, and the peer seals it with
 * the keys of a real handshake. The first octet says how far that had come (scene.h: each exchange,
 * in either role), the second one what kind of hosts these are.
 *
 * Each message is how (HOW_… of scene.h), exchange, what is added to the message id that is right,
 * type of the first payload, length of the chain in two octets, chain.
 */
#include "fuzz/scene.h"

#include <stdlib.h>

#define MESSAGES_MAX 8

static struct scene scene;

/* --- what has to be right --- */

static void swap_in(struct draft *d, struct draft *good, uint8_t type)
{
	struct draft_payload *p = draft_find(d, type), *from = draft_find(good, type);

	if (p != NULL && from != NULL)
		draft_set(p, blob_view(&from->body));
}

static void mend_intermediate(struct scene *s, struct draft *d)
{
	struct peer *p = &s->d.peer;
	struct draft own;

	if (p->add_ke_done >= p->n_add_ke || p->next_shared.n > 0)
		return;
	if (!d->h.response && p->initiator) {
		const uint32_t id = p->send_id;

		p->send_id = d->h.message_id;
		peer_ask_intermediate(p, &own);
		p->send_id = id;
	} else if (d->h.response && s->has_asked && draft_has(&s->asked, PAYLOAD_KE) &&
		   s->asked.h.exchange == EXCHANGE_IKE_INTERMEDIATE) {
		peer_answer_intermediate(p, &s->asked, &own);
	} else {
		return;
	}
	swap_in(d, &own, PAYLOAD_KE);
	draft_free(&own);
}

static void mend(struct scene *s, struct draft *d)
{
	struct peer *p = &s->d.peer;

	switch (d->h.exchange) {
	case EXCHANGE_IKE_SA_INIT:
		if (!s->has_good)
			return;
		swap_in(d, &s->good, PAYLOAD_NONCE);
		swap_in(d, &s->good, PAYLOAD_KE);
		break;
	case EXCHANGE_IKE_INTERMEDIATE:
		mend_intermediate(s, d);
		break;
	case EXCHANGE_IKE_AUTH:
		if (p->init_i.n == 0 || p->init_r.n == 0 || !draft_has(d, PAYLOAD_AUTH) ||
		    !(draft_has(d, PAYLOAD_IDI) || draft_has(d, PAYLOAD_IDR)))
			return;
		peer_sign(p, d);
		s->proved = true;
		break;
	default:
		break;
	}
}

/* --- one message --- */

static struct ike_header header_of(struct scene *s, uint8_t how, uint8_t exchange, int8_t off)
{
	struct peer *p = &s->d.peer;
	struct ike_header h = {
		.spi_i = p->spi_i,
		.spi_r = p->spi_r,
		.version = 0x20,
		.exchange = exchange,
		.initiator = p->initiator != ((how & HOW_OTHER_ROLE) != 0),
		.response = (how & HOW_RESPONSE) != 0,
	};

	if (h.response && s->has_asked) {
		h.message_id = s->asked.h.message_id;
		if (exchange == EXCHANGE_IKE_SA_INIT)
			h.spi_i = s->asked.h.spi_i;
	} else if (!h.response) {
		h.message_id = exchange == EXCHANGE_IKE_SA_INIT ? 0 : p->send_id;
		if (exchange != EXCHANGE_IKE_SA_INIT && off == 0)
			p->send_id++;
	}
	h.message_id += (uint32_t)off;
	return h;
}

static void give(struct scene *s, uint8_t how, struct bytes datagram)
{
	struct endpoint from = s->d.them;

	if ((how & HOW_OTHER_PORT) != 0)
		from.port = 4600;
	duet_give_from(&s->d, &from, &s->d.us, datagram);
}

static void give_fragments(struct scene *s, uint8_t how, const struct ike_header *h, uint8_t first,
			   struct bytes chain)
{
	const struct seal_keys keys = peer_keys_out(&s->d.peer);
	uint16_t total;
	size_t part = fragment_part_size(&keys, 180, chain.n, &total);

	for (uint16_t i = 0; i < total; i++) {
		size_t at = i * part, n = chain.n - at < part ? chain.n - at : part;
		struct blob b =
			peer_seal_fragment(&s->d.peer, h, i == 0 ? first : 0, (uint16_t)(i + 1),
					   total, BYTES(n > 0 ? chain.p + at : NULL, n));

		give(s, how, blob_view(&b));
		blob_free(&b);
	}
}

static void give_sealed(struct scene *s, uint8_t how, const struct ike_header *h, uint8_t first,
			struct bytes chain)
{
	static uint8_t out[IKE_MESSAGE_MAX + 256];
	const struct seal_keys keys = peer_keys_out(&s->d.peer);

	if ((how & HOW_FRAGMENTED) != 0)
		give_fragments(s, how, h, first, chain);
	else
		give(s, how, BYTES(out, sealed_seal(&keys, h, first, chain, out, sizeof out)));
}

static void give_clear(struct scene *s, uint8_t how, struct draft *d)
{
	struct blob b = d->h.exchange == EXCHANGE_IKE_SA_INIT ? peer_encode(&s->d.peer, d)
							      : draft_message(d);

	give(s, how, blob_view(&b));
	blob_free(&b);
}

static void say(struct scene *s, uint8_t how, const struct ike_header *h, uint8_t first,
		struct bytes chain)
{
	const bool clear = (how & HOW_CLEAR) != 0 || h->exchange == EXCHANGE_IKE_SA_INIT ||
			   s->d.peer.sk_d.n == 0;
	struct draft d;
	bool whole;

	draft_init(&d, h);
	whole = draft_read(&d, first, chain);
	if (whole && (how & HOW_MENDED) != 0)
		mend(s, &d);
	if (clear && whole) {
		give_clear(s, how, &d);
	} else if (!clear && whole) {
		struct blob good = draft_chain(&d, &first);

		give_sealed(s, how, h, first, blob_view(&good));
		blob_free(&good);
	} else if (!clear) {
		give_sealed(s, how, h, first, chain);
	}
	if (s->d.peer.next_shared.n > 0)
		peer_turn(&s->d.peer);
	draft_free(&d);
}

static void message(struct scene *s, struct feed *input)
{
	const uint8_t how = feed_u8(input), exchange = feed_u8(input);
	const int8_t off = (int8_t)feed_u8(input);
	const uint8_t first = feed_u8(input);
	const struct bytes chain = feed_sized(input);
	const struct ike_header h = header_of(s, how, exchange, off);

	s->d.hold_jobs = (how & HOW_JOBS_LATER) != 0;
	say(s, how, &h, first, chain);
	scene_listen(s);
	if ((how & HOW_TIME_PASSES) != 0)
		duet_next_deadline(&s->d);
	if (!s->d.hold_jobs)
		duet_run_jobs(&s->d);
	scene_listen(s);
	scene_check(s);
}

FUZZ_TARGET(input)
{
	const uint8_t opening = feed_u8(input), flavour = feed_u8(input);

	scene_start(&scene, &openings[opening % n_openings], flavour);
	for (int i = 0; i < MESSAGES_MAX && input->left > 0; i++)
		message(&scene, input);
	scene_recover(&scene);
	scene_end(&scene);
}
