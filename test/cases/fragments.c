/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of IKE messages, RFC 7383. */
#include "cases/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* An IKE_AUTH request that is to be cut. */
struct cut {
	struct ike_header h;
	struct blob chain;
	uint8_t first;
};

static void cut_begin(struct scene *s, struct cut *c)
{
	struct draft said;

	scene_auth(s, &said);
	c->h = said.h;
	c->chain = draft_chain(&said, &c->first);
	draft_free(&said);
}

static struct blob sealed(struct scene *s, const struct cut *c, uint16_t number, uint16_t total,
			  struct bytes part)
{
	return peer_seal_fragment(&s->d.peer, &c->h, number == 1 ? c->first : 0, number, total,
				  part);
}

static enum outcome give(struct scene *s, const struct cut *c, uint16_t number, uint16_t total,
			 struct bytes part)
{
	struct blob x = sealed(s, c, number, total, part);
	enum outcome o = scene_give(s, blob_view(&x));

	blob_free(&x);
	return o;
}

/* The genuine one still goes through. */
static void cut_end(struct scene *s, struct cut *c)
{
	const size_t half = c->chain.n / 2;

	give(s, c, 1, 2, BYTES(c->chain.p, half));
	scene_check(s, give(s, c, 2, 2, BYTES(c->chain.p + half, c->chain.n - half)) == OUT_GOES_ON,
		    "the genuine one is taken after it");
	blob_free(&c->chain);
}

/* T47 */
static void empty_fragments(struct scene *s)
{
	for (uint16_t total = 1; total <= 3; total++) {
		struct cut c;

		cut_begin(s, &c);
		for (uint16_t i = 1; i <= total; i++)
			give(s, &c, i, total, BYTES_NONE);
		scene_check(s, s->d.kernel.n_sas == 0, "no SA was made");
		blob_free(&c.chain);
	}
}

/* T48: SKF payloads of every length up to a good one's, in a datagram as long, and longer. */
static void fragment_lengths(struct scene *s)
{
	struct cut c;
	struct blob good;

	cut_begin(s, &c);
	good = sealed(s, &c, 1, 2, BYTES(c.chain.p, 8));
	for (size_t n = 4; n < good.n - IKE_HEADER_LEN; n++) {
		struct blob x = { 0 };

		assert_int_equal(blob_copy(&x, BYTES(good.p, IKE_HEADER_LEN + n)), 0);
		x.p[26] = (uint8_t)(x.n >> 8);
		x.p[27] = (uint8_t)x.n;
		x.p[IKE_HEADER_LEN + 2] = (uint8_t)(n >> 8);
		x.p[IKE_HEADER_LEN + 3] = (uint8_t)n;
		scene_give(s, blob_view(&x));
		x.p[IKE_HEADER_LEN + 3] = (uint8_t)(n + 1); /* past the datagram */
		scene_give(s, blob_view(&x));
		blob_free(&x);
	}
	blob_free(&good);
	cut_end(s, &c);
}

/* T49 */
static void fragment_numbers(struct scene *s)
{
	static const uint16_t numbers[][2] = { { 0, 2 }, { 3, 2 },     { 1, 0 },
					       { 0, 0 }, { 65535, 2 }, { 2, 1 } };
	struct cut c;

	cut_begin(s, &c);
	for (size_t i = 0; i < N(numbers); i++)
		scene_check(s,
			    give(s, &c, numbers[i][0], numbers[i][1], BYTES(c.chain.p, 10)) ==
				    OUT_DROP,
			    "each is dropped");
	cut_end(s, &c);
	/* A total below what is queued. */
	cut_begin(s, &c);
	const size_t third = c.chain.n / 3;
	give(s, &c, 1, 3, BYTES(c.chain.p, third));
	scene_check(s, give(s, &c, 2, 2, BYTES(c.chain.p, 10)) == OUT_DROP,
		    "the smaller total is dropped");
	give(s, &c, 2, 3, BYTES(c.chain.p + third, third));
	scene_check(s,
		    give(s, &c, 3, 3, BYTES(c.chain.p + 2 * third, c.chain.n - 2 * third)) ==
			    OUT_GOES_ON,
		    "the whole message is taken");
	blob_free(&c.chain);
}

/* T52: the last one completes what is malformed; then all of them come again. */
static void fragments_of_nonsense(struct scene *s)
{
	struct blob part[2];
	struct cut c;
	size_t sent;

	cut_begin(s, &c);
	c.chain.p[2] = 0xff;
	part[0] = sealed(s, &c, 1, 2, BYTES(c.chain.p, 500));
	part[1] = sealed(s, &c, 2, 2, BYTES(c.chain.p + 500, c.chain.n - 500));
	sent = s->d.n_sent;
	for (int i = 0; i < 2; i++)
		scene_give(s, blob_view(&part[i]));
	scene_check(s, s->d.n_sent == sent + 1, "one answer");
	for (int i = 0; i < 6; i++)
		scene_give(s, blob_view(&part[i % 2]));
	for (size_t i = sent + 1; i < s->d.n_sent; i++) /* the answer repeated, no other */
		scene_check(s,
			    bytes_equal(blob_view(&s->d.sent[i].b), blob_view(&s->d.sent[sent].b)),
			    "the same answer to its repetition");
	for (int i = 0; i < 2; i++)
		blob_free(&part[i]);
	blob_free(&c.chain);
}

/* The IKE SA goes while fragments wait. */
static void sa_goes_meanwhile(struct scene *s)
{
	const struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };
	struct cut c;

	cut_begin(s, &c);
	give(s, &c, 1, 2, BYTES(c.chain.p, 100));
	duet_event(&s->d, &down);
	duet_wait(&s->d, 31 * SECOND);
	scene_check(s, duet_counters(&s->d).ike_sas == 0, "the IKE SA is gone");
	give(s, &c, 2, 2, BYTES(c.chain.p + 100, c.chain.n - 100));
	blob_free(&c.chain);
}

/* T53 */
static void large_sets(struct scene *s)
{
	static const uint8_t part[1000];
	struct cut c;

	cut_begin(s, &c);
	for (uint16_t i = 65535; i > 65435; i--)
		give(s, &c, i, 65535, BYTES(part, sizeof part));
	for (uint16_t i = 255; i > 0; i--)
		give(s, &c, i, 255, BYTES(part, sizeof part));
	for (uint16_t i = 64; i > 1; i--)
		give(s, &c, i, 64, BYTES(part, sizeof part));
	blob_free(&c.chain);
	duet_wait(&s->d, 40 * SECOND);
	scene_check(s, duet_counters(&s->d).ike_sas == 0,
		    "the half-open IKE SA is gone after 40 s");
}

/* Each of very many half-open IKE SAs has an incomplete set. */
static void many_sets(struct scene *s)
{
	static const uint8_t part[1000];
	const uint32_t threshold = s->d.spec.cookie_threshold;

	scene_clear(s);
	s->d.spec.cookie_threshold = 100000;
	for (unsigned i = 0; i < 1000; i++) {
		struct draft said, heard;
		struct cut c;
		struct blob x;

		peer_wipe(&s->d.peer);
		s->d.peer.self.ip = fleet_address(1000 + i, false);
		peer_ask_init(&s->d.peer, &said);
		x = peer_encode(&s->d.peer, &said);
		draft_free(&said);
		duet_give_from(&s->d, &s->d.peer.self, &s->d.us, blob_view(&x));
		blob_free(&x);
		duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
		peer_take_init(&s->d.peer, &heard);
		draft_free(&heard);
		peer_ask_auth(&s->d.peer, &said);
		c.h = said.h;
		c.first = said.p[0].type;
		draft_free(&said);
		for (uint16_t k = 1; k < 20; k++) {
			x = sealed(s, &c, k, 20, BYTES(part, sizeof part));
			scene_give(s, blob_view(&x));
			blob_free(&x);
		}
		for (size_t k = 0; k < s->d.n_sent; k++)
			blob_free(&s->d.sent[k].b);
		s->d.n_sent = s->d.taken = 0;
		s->d.reports[0] = s->d.log[0] = s->d.happened[0] = '\0';
	}
	scene_check(s, duet_counters(&s->d).tally.limits[LIMIT_REASSEMBLY] > 0,
		    "the bound of all strangers' fragments was met");
	snprintf(s->note, sizeof s->note, "half-open: %zu", duet_counters(&s->d).half_open);
	s->d.spec.cookie_threshold = threshold;
	duet_wait(&s->d, 40 * SECOND);
	scene_check(s, duet_counters(&s->d).half_open == 0, "nothing is half open after 40 s");
}

/* T54 */
static void not_agreed(struct scene *s)
{
	struct blob parts[32];
	struct draft said, heard;
	size_t n;

	scene_init(s, &said);
	draft_drop_notify(&said, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED);
	duet_say(&s->d, &said);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
	peer_take_init(&s->d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&s->d.peer, &said);
	n = peer_seal_fragments(&s->d.peer, &said, 600, parts, 32);
	for (size_t i = 0; i < n; i++) {
		scene_give(s, blob_view(&parts[i]));
		blob_free(&parts[i]);
	}
	scene_check(s, scene_say(s, &said) == OUT_GOES_ON, "the message is taken unfragmented");
}

#define TAKEN (ALLOW(OUT_DROP) | ALLOW(OUT_KEPT) | ALLOW(OUT_GOES_ON))

const struct bad_case cases_fragments[] = {
	{ "T47",
	  "empty_fragments",
	  "CVE-2022-34721 Windows",
	  "SKF 1/1 to 3/3, all empty",
	  ALLOW(OUT_KEPT),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = empty_fragments },
	{ "T48",
	  "fragment_lengths",
	  "CVE-2016-1287, CVE-2016-1344 Cisco",
	  "SKF of each length below a good one's, and past the datagram; then good ones",
	  TAKEN,
	  { NOTIFY_INVALID_SYNTAX },
	  .play = fragment_lengths },
	{ "T49", "fragment_numbers", "RFC 7383 2.6",
	  "number 0, above total, total 0, total below what waits; then good ones", TAKEN,
	  .play = fragment_numbers },
	{ "T52",
	  "fragments_of_nonsense",
	  "CVE-2026-33824 Windows",
	  "fragments of a malformed message, four times",
	  ALLOW(OUT_KEPT) | ALLOW(OUT_DROP) | ALLOW(OUT_GOES_ON),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = fragments_of_nonsense },
	{ "T52",
	  "sa_goes_meanwhile",
	  "CVE-2026-33824 Windows",
	  "the IKE SA ends between two fragments",
	  ALLOW(OUT_KEPT),
	  { NOTIFY_INVALID_IKE_SPI },
	  .play = sa_goes_meanwhile },
	{ "T53", "large_sets", "CVE-2016-10396 racoon",
	  "total 65535, 255 and 64, backwards, never whole", TAKEN, .play = large_sets },
	{ "T53", "many_sets", "CVE-2016-10396 racoon",
	  "1,000 half-open IKE SAs with 19 of 20 fragments each", TAKEN, .play = many_sets },
	{ "T54", "not_agreed", "RFC 7383 2.3", "SKF of a peer that said it can not; then SK", TAKEN,
	  .play = not_agreed },
	{ .name = NULL },
};
