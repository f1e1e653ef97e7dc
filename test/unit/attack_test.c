/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad input. Whatever comes: no crash, no leak, nothing installed that was not negotiated, at most
 * one datagram back for one, and a right handshake goes through right after. The names T01 ... are
 * those of the collection of other implementations' bugs that this follows.
 */
#include "lib/flip.h"
#include "sim/duet.h"

#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;
static const struct duet_options real = { .real = true };

static void forget_sent(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
}

static bool unknown_sa(void *arg, const struct fake_sa *s)
{
	const struct sa_ref ref = { .src = s->spec.src, .dst = s->spec.dst, .spi = s->spec.spi };

	assert_true(engine_knows_sa(arg, &ref));
	return true;
}

static void sound(struct duet *d)
{
	fake_kernel_walk(&d->kernel, unknown_sa, d->engine);
}

/* What is half open runs out; then the right thing goes through. */
static void right_handshake_after(struct duet *d)
{
	sound(d);
	duet_wait(d, 100 * SECOND);
	forget_sent(d);
	assert_int_equal(duet_counters(d).half_open, 0);
	assert_int_equal(duet_counters(d).jobs, 0);
	peer_wipe(&d->peer);
	duet_peer_up(d);
}

/* --- truncate and flip --- */

struct flipping {
	struct duet *d;
	struct blob good;
	size_t n;
	struct status_counters before;
	size_t sas_before;
};

/* Into a fresh state each time: time has run out for what came before. */
static void try_init_request(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct flipping *f = arg;

	(void)what;
	duet_give(f->d, BYTES(p, n));
	assert_in_range(duet_waiting(f->d), 0, 1);
	assert_in_range(duet_counters(f->d).ike_sas, 0, 1);
	duet_wait(f->d, 100 * SECOND);
	duet_assert_empty(f->d);
	forget_sent(f->d);
	f->d->reports[0] = f->d->log[0] = '\0';
	if (++f->n % 500 == 0) {
		struct duet fresh;

		duet_start(&fresh, &standin);
		duet_give(&fresh, BYTES(p, n));
		right_handshake_after(&fresh);
		duet_end(&fresh);
	}
}

static void test_flip_init_request(void **state)
{
	struct flipping f = { 0 };
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	f.d = &d;
	peer_ask_init(&d.peer, &said);
	f.good = draft_message(&said);
	draft_free(&said);
	assert_true(flip_all(blob_view(&f.good), try_init_request, &f) > 4000);
	right_handshake_after(&d);
	blob_free(&f.good);
	duet_end(&d);
}

/* The core waits for an answer: one that is not right must not end it. */
static void try_init_answer(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct flipping *f = arg;
	struct duet d;
	const struct duet_datagram *x;
	struct ike_header h;
	bool asked_auth = false;

	duet_start(&d, &standin); /* the same seed: the same octets */
	duet_acquire(&d);
	forget_sent(&d);
	duet_give(&d, BYTES(p, n));
	for (int i = 0; i < 2 && !asked_auth; i++) {
		while ((x = duet_take(&d)) != NULL)
			asked_auth |= ike_header_decode(blob_view(&x->b), &h) == DECODE_OK &&
				      h.exchange == EXCHANGE_IKE_AUTH;
		/* A COOKIE or INVALID_KE_PAYLOAD made of a flipped type begins anew. */
		if (!asked_auth)
			duet_give(&d, blob_view(&f->good));
	}
	while ((x = duet_take(&d)) != NULL)
		asked_auth |= ike_header_decode(blob_view(&x->b), &h) == DECODE_OK &&
			      h.exchange == EXCHANGE_IKE_AUTH;
	if (!asked_auth)
		fail_msg("%s ended the exchange", what);
	assert_int_equal(d.kernel.n_sas, 0);
	sound(&d);
	duet_end(&d);
	f->n++;
}

static void test_flip_init_answer(void **state)
{
	struct flipping f = { 0 };
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	f.good = draft_message(&said);
	draft_free(&said);
	duet_end(&d);
	flip_all(blob_view(&f.good), try_init_answer, &f);
	blob_free(&f.good);
}

/* A sealed message: nothing may change, but for a word in the clear about its header. */
static void try_sealed(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct flipping *f = arg;
	struct status_counters c;
	struct ike_header h;
	const struct duet_datagram *x;

	duet_give(f->d, BYTES(p, n));
	while ((x = duet_take(f->d)) != NULL) {
		assert_int_equal(ike_header_decode(blob_view(&x->b), &h), DECODE_OK);
		if (h.next_payload != PAYLOAD_NOTIFY)
			fail_msg("%s was answered", what);
	}
	forget_sent(f->d);
	c = duet_counters(f->d);
	if (c.ike_sas != f->before.ike_sas || c.child_sas != f->before.child_sas ||
	    c.half_open != f->before.half_open || c.jobs != f->before.jobs ||
	    f->d->kernel.n_sas != f->sas_before)
		fail_msg("%s changed the state", what);
	if (strpbrk(f->d->log, "+-:") != NULL)
		fail_msg("%s: %s", what, f->d->log);
	f->d->reports[0] = f->d->log[0] = '\0';
	f->n++;
}

static void flip_sealed(struct duet *d, struct bytes good)
{
	struct flipping f = { .d = d, .before = duet_counters(d), .sas_before = d->kernel.n_sas };

	forget_sent(d);
	d->log[0] = '\0';
	flip_all(good, try_sealed, &f);
	assert_int_equal(f.n, 9 * good.n);
}

static void test_flip_auth_request(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob good;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	good = peer_seal(&d.peer, &said);
	draft_free(&said);
	flip_sealed(&d, blob_view(&good));
	duet_give(&d, blob_view(&good));
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	duet_wait(&d, 6 * SECOND);
	duet_assert_child(&d);
	blob_free(&good);
	duet_end(&d);
}

static void test_flip_auth_answer(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob good;

	(void)state;
	duet_start(&d, &standin);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	good = peer_seal(&d.peer, &said);
	draft_free(&said);
	flip_sealed(&d, blob_view(&good));
	duet_give(&d, blob_view(&good));
	duet_assert_child(&d);
	blob_free(&good);
	duet_end(&d);
}

static void test_flip_fragments(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob parts[32];
	size_t n;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	n = peer_seal_fragments(&d.peer, &said, 600, parts, 32);
	draft_free(&said);
	for (size_t i = 0; i < n; i++) {
		flip_sealed(&d, blob_view(&parts[i]));
		duet_give(&d, blob_view(&parts[i]));
	}
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	for (size_t i = 0; i < n; i++)
		blob_free(&parts[i]);
	duet_end(&d);
}

static void test_flip_informational(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob good;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	peer_ask_delete_child(&d.peer, &said);
	good = peer_seal(&d.peer, &said);
	draft_free(&said);
	flip_sealed(&d, blob_view(&good));
	duet_give(&d, blob_view(&good));
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	blob_free(&good);
	duet_end(&d);
}

/*
 * The same inside: the peer itself is malicious, and seals what is not right. Each variant meets a
 * core that has just come to that point.
 */
static void give_chain(struct duet *d, const struct ike_header *h, uint8_t first,
		       struct bytes chain)
{
	struct seal_keys keys = peer_keys_out(&d->peer);
	size_t room = sealed_size(&keys, chain.n);
	uint8_t *out = malloc(room);
	size_t n;

	assert_non_null(out);
	n = sealed_seal(&keys, h, first, chain, out, room);
	assert_true(n > 0);
	duet_give(d, BYTES(out, n));
	free(out);
}

struct inner {
	bool by_core;
	size_t n;
};

static void auth_draft(struct duet *d, bool by_core, struct draft *said)
{
	struct draft heard;

	duet_start(d, &standin);
	if (!by_core) {
		duet_peer_init(d);
		peer_ask_auth(&d->peer, said);
		return;
	}
	duet_core_init(d);
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d->peer, &heard, said);
	draft_free(&heard);
}

/* at: the octet to change; beyond the end: where to cut. */
static bool try_inner(struct inner *in, size_t at)
{
	struct duet d;
	struct draft said;
	struct blob chain;
	uint8_t first;
	size_t n;
	bool more;

	auth_draft(&d, in->by_core, &said);
	chain = draft_chain(&said, &first);
	more = at < 2 * chain.n;
	n = chain.n;
	if (at < chain.n)
		chain.p[at] ^= (uint8_t)(1u << (at * 5 % 8));
	else
		n = at - chain.n;
	forget_sent(&d);
	if (more)
		give_chain(&d, &said.h, first, BYTES(chain.p, n));
	assert_in_range(d.kernel.n_sas, 0, 2);
	sound(&d);
	if (at >= chain.n && more && d.kernel.n_sas > 0)
		fail_msg("cut at %zu of %zu octets, and an SA was made", n, chain.n);
	draft_free(&said);
	blob_free(&chain);
	if (in->n++ % 200 == 0)
		right_handshake_after(&d);
	duet_end(&d);
	return more;
}

static void test_inside_auth_request(void **state)
{
	struct inner in = { .by_core = false };

	(void)state;
	for (size_t at = 0; try_inner(&in, at); at++)
		;
	assert_true(in.n > 2000);
}

static void test_inside_auth_answer(void **state)
{
	struct inner in = { .by_core = true };

	(void)state;
	for (size_t at = 0; try_inner(&in, at); at++)
		;
	assert_true(in.n > 2000);
}

static void try_informational(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct draft *said = arg;
	struct duet d;
	struct draft ours;

	(void)what;
	duet_start(&d, &standin);
	duet_core_up(&d);
	forget_sent(&d);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &ours);
	give_chain(&d, &ours.h, said->p[0].type, BYTES(p, n));
	draft_free(&ours);
	/* Always one answer: the window must move on. */
	assert_true(duet_waiting(&d) >= 1);
	sound(&d);
	duet_end(&d);
}

static void test_inside_informational(void **state)
{
	struct duet d;
	struct draft said;
	struct blob chain;
	uint8_t first;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	peer_ask_delete_child(&d.peer, &said);
	draft_add_notify(&said, NOTIFY_INVALID_SELECTORS, BYTES((const uint8_t *)"abc", 3));
	chain = draft_chain(&said, &first);
	duet_end(&d);
	flip_all(blob_view(&chain), try_informational, &said);
	blob_free(&chain);
	draft_free(&said);
}

/* --- header and chain, in the clear --- */

/* Given, then at most one error in the clear, no state, and a right handshake. */
static void dropped(struct duet *d, struct bytes message)
{
	struct ike_header h;
	const struct duet_datagram *x;

	duet_give(d, message);
	assert_in_range(duet_waiting(d), 0, 1);
	x = duet_take(d);
	if (x != NULL) {
		assert_int_equal(ike_header_decode(blob_view(&x->b), &h), DECODE_OK);
		assert_int_equal(h.next_payload, PAYLOAD_NOTIFY);
		assert_true(h.response);
	}
	duet_assert_empty(d);
}

static void dropped_draft(struct duet *d, struct draft *said)
{
	struct blob message = draft_message(said);

	draft_free(said);
	dropped(d, blob_view(&message));
	blob_free(&message);
	peer_wipe(&d->peer);
	duet_peer_up(d);
	duet_end(d);
}

static void ask(struct duet *d, struct draft *said)
{
	duet_start(d, &standin);
	peer_ask_init(&d->peer, said);
}

/* T01 */
static void test_exchange_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type += 1) {
		struct duet d;
		struct draft said;

		if (type == EXCHANGE_IKE_SA_INIT)
			continue;
		ask(&d, &said);
		said.h.exchange = (uint8_t)type;
		if (type % 16 != 0 && (type < 33 || type > 43)) { /* not always a handshake after */
			struct blob message = draft_message(&said);

			draft_free(&said);
			dropped(&d, blob_view(&message));
			blob_free(&message);
			duet_end(&d);
			continue;
		}
		dropped_draft(&d, &said);
	}
}

/* T02: the chain ends early, and octets are left. */
static void test_chain_ends_early(void **state)
{
	struct duet d;
	struct draft said;
	struct blob message;

	(void)state;
	ask(&d, &said);
	said.first_lies = true;
	said.first_said = PAYLOAD_NONE;
	dropped_draft(&d, &said);
	for (size_t at = 0; at < 3; at++) {
		size_t offset = IKE_HEADER_LEN;

		ask(&d, &said);
		for (size_t i = 0; i < at; i++)
			offset += 4 + said.p[i].body.n;
		message = draft_message(&said);
		message.p[offset] = PAYLOAD_NONE;
		draft_free(&said);
		dropped(&d, blob_view(&message));
		blob_free(&message);
		duet_end(&d);
	}
}

/* T04: KE is followed by a type that only stands inside SA. */
static void test_substructure_type(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	ask(&d, &said);
	draft_find(&said, PAYLOAD_NONCE)->type = 2;
	dropped_draft(&d, &said);
}

/* T11: IKEv1 is dropped; a later major version is told once. */
static void test_versions(void **state)
{
	static const uint8_t versions[] = { 0x00, 0x10, 0x11, 0x1f, 0x21, 0x2f, 0x30, 0x3f, 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof versions; i++) {
		struct duet d;
		struct draft said, heard;
		struct blob message;

		ask(&d, &said);
		said.h.version = versions[i];
		message = draft_message(&said);
		draft_free(&said);
		duet_give(&d, blob_view(&message));
		if (versions[i] < 0x20) {
			assert_int_equal(duet_waiting(&d), 0);
		} else if (versions[i] < 0x30) { /* RFC 7296 2.5: minor versions are no matter */
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
			assert_int_equal(draft_error(&heard), 0);
			draft_free(&heard);
		} else {
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
			assert_int_equal(draft_error(&heard), NOTIFY_INVALID_MAJOR_VERSION);
			assert_int_equal(heard.h.version >> 4, 2);
			draft_free(&heard);
			duet_assert_empty(&d);
			/* Cut short, and as an answer: silence. */
			duet_give(&d, BYTES(message.p, 27));
			message.p[19] |= 0x20;
			duet_give(&d, blob_view(&message));
			assert_int_equal(duet_waiting(&d), 0);
		}
		blob_free(&message);
		duet_end(&d);
	}
}

/* T12: short datagrams of anything, and lengths that are not the datagram's. */
static void test_short_and_lying_lengths(void **state)
{
	static const int64_t lies[] = { 0, 1, 27, 28, -1, 1, 1000, 0xffffffff };
	struct duet d;
	struct draft said;
	uint8_t noise[64];

	(void)state;
	duet_start(&d, &standin);
	for (int round = 0; round < 50; round++) {
		for (size_t n = 0; n <= 28; n++) {
			rng_fill(&d.rng, noise, n);
			dropped(&d, BYTES(noise, n));
		}
	}
	duet_end(&d);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct blob message;

		ask(&d, &said);
		message = draft_message(&said);
		said.lies = true;
		said.length_said = (uint32_t)(i < 4 ? lies[i] : (int64_t)message.n + lies[i]);
		blob_free(&message);
		dropped_draft(&d, &said);
	}
}

/* T13: payload lengths below their own header, at every place. */
static void test_payload_lengths(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 2, 3, 4, 5, 0x7fff, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		for (size_t at = 0; at < 3; at++) {
			struct duet d;
			struct draft said;

			ask(&d, &said);
			said.p[at].lies = true;
			said.p[at].length_said = lengths[i];
			dropped_draft(&d, &said);
		}
	}
}

static void test_payload_lengths_inside(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 2, 3, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		for (size_t at = 0; at < 6; at++) {
			struct duet d;
			struct draft said, heard;

			duet_start(&d, &standin);
			duet_peer_init(&d);
			peer_ask_auth(&d.peer, &said);
			said.p[at].lies = true;
			said.p[at].length_said = lengths[i];
			duet_say(&d, &said);
			duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
			assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
			draft_free(&heard);
			assert_int_equal(d.kernel.n_sas, 0);
			duet_end(&d);
		}
	}
}

/* T15, T22: long and many payloads that nobody asked for. */
static void test_long_and_many_payloads(void **state)
{
	static const size_t lengths[] = { 0, 1, 256, 4000, 15000, 60000 };
	struct duet d;
	struct draft said, heard;
	uint8_t *vendor = calloc(1, 60000);

	(void)state;
	assert_non_null(vendor);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		ask(&d, &said);
		draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, lengths[i]));
		duet_say(&d, &said);
		if (lengths[i] < 15000) {
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
			assert_int_equal(draft_error(&heard), 0);
			draft_free(&heard);
		} else if (lengths[i] > IKE_MESSAGE_MAX) {
			duet_hear_nothing(&d);
		}
		duet_end(&d);
	}
	free(vendor);
	ask(&d, &said);
	while (said.n < DRAFT_PAYLOADS)
		draft_add_notify(&said, 50000, BYTES_NONE);
	dropped_draft(&d, &said);
}

/* T16: every octet of the SA payload takes odd values. */
static void test_odd_proposals(void **state)
{
	static const uint8_t values[] = { 0, 1, 2, 3, 8, 0x7f, 0x80, 0xff };
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	for (size_t at = 0;; at++) {
		struct draft said;
		bool more;

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		more = at < draft_find(&said, PAYLOAD_SA)->body.n;
		for (size_t i = 0; more && i < sizeof values; i++) {
			struct blob message;

			draft_find(&said, PAYLOAD_SA)->body.p[at] = values[i];
			message = draft_message(&said);
			duet_give(&d, blob_view(&message));
			blob_free(&message);
			duet_wait(&d, 100 * SECOND);
			assert_in_range(d.n_sent, 0, 1);
			forget_sent(&d);
			duet_assert_empty(&d);
			d.reports[0] = d.log[0] = '\0';
		}
		draft_free(&said);
		if (!more)
			break;
	}
	right_handshake_after(&d);
	duet_end(&d);
}

/* T39: critical payloads that nobody knows, before and outside protection. */
static void test_critical_in_the_clear(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &said);
	draft_add(&said, 200, BYTES_NONE);
	said.p[said.n - 1].critical = true;
	duet_say(&d, &said);
	if (duet_waiting(&d) > 0) {
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
		draft_free(&heard);
	}
	duet_assert_empty(&d);
	duet_end(&d);
}

/* T41 */
static void test_sealed_payloads_out_of_place(void **state)
{
	struct duet d;
	struct draft said;
	uint8_t noise[100] = { 0, 1, 0, 1 };

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		ask(&d, &said);
		if (kind == 0)
			draft_add(&said, PAYLOAD_SK, BYTES(noise, sizeof noise));
		else if (kind == 1)
			draft_insert(&said, 0, PAYLOAD_SK, BYTES(noise, sizeof noise));
		else if (kind == 2)
			draft_add(&said, PAYLOAD_SKF, BYTES(noise, sizeof noise)); /* T54 */
		else
			said.h.exchange = EXCHANGE_IKE_AUTH;
		dropped_draft(&d, &said);
	}
}

/* T06, RFC 7296 2.21.4: unknown SPIs: a word now and then, not each time. */
static void test_unknown_spis(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_INFORMATIONAL, EXCHANGE_IKE_AUTH,
					     EXCHANGE_CREATE_CHILD_SA };
	struct duet d;
	struct draft said;
	uint8_t noise[80];
	size_t answers = 0;

	(void)state;
	duet_start(&d, &standin);
	for (int i = 0; i < 3000; i++) {
		struct ike_header h = { .spi_i = rng_next(&d.rng),
					.spi_r = rng_next(&d.rng),
					.version = 0x20,
					.exchange = exchanges[i % 3],
					.initiator = i % 2 == 0,
					.response = i % 7 == 0,
					.message_id = (uint32_t)i };
		struct blob message;

		rng_fill(&d.rng, noise, sizeof noise);
		draft_init(&said, &h);
		draft_add(&said, PAYLOAD_SK, BYTES(noise, sizeof noise));
		message = draft_message(&said);
		draft_free(&said);
		dropped(&d, blob_view(&message));
		blob_free(&message);
		answers += d.n_sent;
		if (i % 7 == 0)
			assert_int_equal(d.n_sent, 0); /* never an answer to an answer */
		forget_sent(&d);
		d.reports[0] = d.log[0] = '\0';
	}
	assert_in_range(answers, 0, 100);
	right_handshake_after(&d);
	duet_end(&d);
}

/* --- key exchange values: T17, T18 --- */

static void set_ke(struct draft *said, uint16_t group, struct bytes value)
{
	struct blob body;

	ke_encode(draft_begin(said), group, value);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, PAYLOAD_KE), blob_view(&body));
	blob_free(&body);
}

/* 0, 1, p-1, p, p+1, 2^2048-1 */
static void bad_value(int nth, uint8_t out[static 256])
{
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);

	memset(out, nth == 5 ? 0xff : 0, 256);
	if (nth == 1)
		out[255] = 1;
	if (nth >= 2 && nth <= 4) {
		if (nth == 2)
			BN_sub_word(p, 1);
		if (nth == 4)
			BN_add_word(p, 1);
		assert_int_equal(BN_bn2binpad(p, out, 256), 256);
	}
	BN_free(p);
}

static void test_weak_public_values(void **state)
{
	uint8_t value[256];

	(void)state;
	for (int nth = 0; nth < 6; nth++) {
		struct duet d;
		struct draft said, heard;

		bad_value(nth, value);
		duet_start(&d, &real);
		peer_ask_init(&d.peer, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, 256));
		dropped_draft(&d, &said);

		/* As an answer: dropped, and the right one is still taken. */
		duet_start(&d, &real);
		duet_acquire(&d);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, 256));
		draft_free(&heard);
		duet_say(&d, &said);
		assert_int_equal(duet_waiting(&d), 0);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

static void test_public_value_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 257, 512, 4096 };
	uint8_t *value = malloc(4096);

	(void)state;
	assert_non_null(value);
	memset(value, 0x55, 4096);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct duet d;
		struct draft said, heard;

		duet_start(&d, &real);
		peer_ask_init(&d.peer, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, lengths[i]));
		dropped_draft(&d, &said);
		duet_start(&d, &real);
		duet_acquire(&d);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, lengths[i]));
		draft_free(&heard);
		duet_say(&d, &said);
		assert_int_equal(duet_waiting(&d), 0);
		duet_end(&d);
	}
	free(value);
}

/* --- before there is an SA: T26 --- */

static void test_protected_before_auth(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_INFORMATIONAL, EXCHANGE_CREATE_CHILD_SA };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct duet d;
		struct draft said, heard;

		duet_start(&d, &standin);
		duet_peer_init(&d);
		d.peer.send_id = 1;
		peer_ask(&d.peer, exchanges[i], &said);
		delete_encode(draft_begin(&said), PROTO_IKE, NULL, 0);
		draft_end(&said);
		duet_say(&d, &said);
		duet_hear_nothing(&d);
		peer_ask_auth(&d.peer, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* --- names that hurt: T20. The performer of these tests looks at each report's octets. --- */

static void test_names_in_reports(void **state)
{
	static const char *const names[] = { "\";reboot;#", "%n%n%s",	   "a\nb: forged line",
					     "\x1b[2J",	    "nul\0inside", "\xff\xfe\xc0\x80" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct duet d;
		struct draft said, heard;
		struct bytes name =
			BYTES((const uint8_t *)names[i], i == 4 ? 10 : strlen(names[i]));

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		draft_add(&said, PAYLOAD_VENDOR, name);
		draft_add_notify(&said, 8200, name);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
		peer_take_init(&d.peer, &heard);
		draft_free(&heard);
		peer_ask_auth(&d.peer, &said);
		for (uint8_t type = 1; type <= 11; type += 1) {
			struct draft copy;

			draft_copy(&copy, &said);
			draft_find(&copy, PAYLOAD_IDI)->body.p[0] = type;
			if (type == 11) {
				draft_set(draft_find(&copy, PAYLOAD_IDI),
					  BYTES((const uint8_t *)"\x0b\0\0\0\";%n\n\x1b", 9));
			}
			peer_sign(&d.peer, &copy);
			if (type == 11)
				duet_say(&d, &copy);
			else
				draft_free(&copy);
		}
		draft_free(&said);
		duet_end(&d);
	}
}

/* --- fragments --- */

struct fragment_bench {
	struct duet d;
	struct ike_header h;
	struct blob chain;
	uint8_t first;
};

static void fragments_start(struct fragment_bench *b)
{
	struct draft said;

	duet_start(&b->d, &standin);
	duet_peer_init(&b->d);
	peer_ask_auth(&b->d.peer, &said);
	b->h = said.h;
	b->chain = draft_chain(&said, &b->first);
	draft_free(&said);
}

static void give_fragment(struct fragment_bench *b, uint16_t number, uint16_t total,
			  struct bytes part)
{
	struct blob x = peer_seal_fragment(&b->d.peer, &b->h, number == 1 ? b->first : 0, number,
					   total, part);

	duet_give(&b->d, blob_view(&x));
	blob_free(&x);
}

/* The whole message in two halves is still taken. */
static void fragments_end(struct fragment_bench *b)
{
	struct draft heard;
	size_t half = b->chain.n / 2;

	duet_hear_nothing(&b->d);
	for (uint16_t i = 0; i < 70; i++) /* more parts than before replace what is queued */
		give_fragment(b, (uint16_t)(i + 1), 70, BYTES(b->chain.p, i == 0 ? 1 : 0));
	forget_sent(&b->d);
	right_handshake_after(&b->d);
	(void)heard;
	(void)half;
	blob_free(&b->chain);
	duet_end(&b->d);
}

/* T47 */
static void test_empty_fragments(void **state)
{
	struct fragment_bench b;
	struct draft heard;

	(void)state;
	for (uint16_t total = 1; total <= 3; total++) {
		fragments_start(&b);
		for (uint16_t i = 1; i <= total; i++)
			give_fragment(&b, i, total, BYTES_NONE);
		if (duet_waiting(&b.d) > 0) {
			duet_hear(&b.d, EXCHANGE_IKE_AUTH, true, &heard);
			assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
			draft_free(&heard);
		}
		fragments_end(&b);
	}
}

/* T49 */
static void test_fragment_numbers(void **state)
{
	static const uint16_t numbers[][2] = { { 0, 2 }, { 3, 2 },     { 1, 0 },
					       { 0, 0 }, { 65535, 2 }, { 2, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct fragment_bench b;
		struct draft heard;
		size_t half;

		fragments_start(&b);
		half = b.chain.n / 2;
		give_fragment(&b, numbers[i][0], numbers[i][1], BYTES(b.chain.p, half));
		duet_hear_nothing(&b.d);
		give_fragment(&b, 1, 2, BYTES(b.chain.p, half));
		give_fragment(&b, 2, 2, BYTES(b.chain.p + half, b.chain.n - half));
		duet_hear(&b.d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		draft_free(&heard);
		blob_free(&b.chain);
		duet_end(&b.d);
	}
}

/* RFC 7383 2.6: a larger total starts anew, a smaller one is dropped. */
static void test_fragment_totals(void **state)
{
	struct fragment_bench b;
	struct draft heard;
	size_t third;

	(void)state;
	fragments_start(&b);
	third = b.chain.n / 3;
	give_fragment(&b, 1, 2, BYTES(b.chain.p, 10));
	give_fragment(&b, 1, 3, BYTES(b.chain.p, third));
	give_fragment(&b, 2, 2, BYTES(b.chain.p, 10));
	give_fragment(&b, 2, 3, BYTES(b.chain.p + third, third));
	duet_hear_nothing(&b.d);
	give_fragment(&b, 3, 3, BYTES(b.chain.p + 2 * third, b.chain.n - 2 * third));
	duet_hear(&b.d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	blob_free(&b.chain);
	duet_end(&b.d);
}

/* T53: sets that are never complete, as large as they may be claimed to be. */
static void test_fragment_floods(void **state)
{
	struct fragment_bench b;
	uint8_t part[1000] = { 0 };

	(void)state;
	fragments_start(&b);
	for (uint16_t i = 65535; i > 65235; i--)
		give_fragment(&b, i, 65535, BYTES(part, sizeof part));
	for (uint16_t i = 255; i > 0; i--)
		give_fragment(&b, i, 255, BYTES(part, sizeof part));
	for (uint16_t i = 64; i > 1; i--)
		give_fragment(&b, i, 64, BYTES(part, sizeof part));
	fragments_end(&b);
}

/* T52: the last fragment completes what is malformed; then all of them come again. */
static void test_fragments_of_nonsense(void **state)
{
	struct fragment_bench b;
	struct draft heard;
	size_t errors = 0;

	(void)state;
	fragments_start(&b);
	b.chain.p[2] = 0xff; /* the first payload's length */
	for (int round = 0; round < 3; round++) {
		give_fragment(&b, 1, 2, BYTES(b.chain.p, 500));
		give_fragment(&b, 2, 2, BYTES(b.chain.p + 500, b.chain.n - 500));
		while (duet_waiting(&b.d) > 0) {
			duet_hear(&b.d, EXCHANGE_IKE_AUTH, true, &heard);
			assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
			draft_free(&heard);
			errors++;
		}
	}
	assert_in_range(errors, 1, 3);
	assert_int_equal(b.d.kernel.n_sas, 0);
	blob_free(&b.chain);
	duet_end(&b.d);
}

/* T48, T54: nobody said that it can do fragments. */
static void test_fragments_not_agreed(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob parts[32];
	size_t n;

	(void)state;
	duet_start(&d, &standin);
	peer_ask_init(&d.peer, &said);
	draft_drop_notify(&said, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	peer_take_init(&d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	n = peer_seal_fragments(&d.peer, &said, 600, parts, 32);
	for (size_t i = 0; i < n; i++) {
		duet_give(&d, blob_view(&parts[i]));
		blob_free(&parts[i]);
	}
	duet_hear_nothing(&d);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	duet_end(&d);
}

/* --- floods --- */

/* T22: strangers by the thousand: memory and half-open SAs stay bounded and go. */
static void test_flood_of_strangers(void **state)
{
	struct duet d;
	struct draft said;
	size_t most = 0;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 3000; i++) {
		struct endpoint from = { .ip = fleet_address(1000 + i, false), .port = 500 };
		struct blob message;
		size_t half_open;

		peer_wipe(&d.peer);
		d.peer.self = from;
		peer_ask_init(&d.peer, &said);
		message = peer_encode(&d.peer, &said);
		draft_free(&said);
		duet_give_from(&d, &from, &d.us, blob_view(&message));
		blob_free(&message);
		assert_in_range(d.n_sent, 0, 1);
		forget_sent(&d);
		d.reports[0] = d.log[0] = '\0';
		half_open = duet_counters(&d).half_open;
		most = half_open > most ? half_open : most;
	}
	assert_in_range(most, 1, 1000);
	peer_wipe(&d.peer);
	d.peer.self = d.them;
	right_handshake_after(&d);
	duet_end(&d);
}

/* T46: an authenticated peer asks and asks. */
static void test_flood_of_child_requests(void **state)
{
	struct duet d;
	struct draft said;
	uint8_t spi[4] = { 0x11, 0, 0, 0 }, nonce[32] = { 1 };

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	forget_sent(&d);
	for (unsigned i = 0; i < 1000; i++) {
		struct blob ts;

		spi[2] = (uint8_t)(i >> 8);
		spi[3] = (uint8_t)i;
		peer_ask(&d.peer, EXCHANGE_CREATE_CHILD_SA, &said);
		draft_add_notify(&said, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
		sa_encode(draft_begin(&said), PROTO_ESP, BYTES(spi, 4), d.peer_spec.esp, 1);
		draft_end(&said);
		nonce_encode(draft_begin(&said), BYTES(nonce, sizeof nonce));
		draft_end(&said);
		ts = body_ts(&d.them.ip);
		draft_add(&said, PAYLOAD_TSI, blob_view(&ts));
		blob_free(&ts);
		ts = body_ts(&d.us.ip);
		draft_add(&said, PAYLOAD_TSR, blob_view(&ts));
		blob_free(&ts);
		duet_say(&d, &said);
		assert_true(d.n_sent >= 1);
		forget_sent(&d);
		d.reports[0] = d.log[0] = '\0';
		assert_in_range(duet_counters(&d).child_sas, 1, 64);
	}
	sound(&d);
	duet_end(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flip_init_request),
		cmocka_unit_test(test_flip_init_answer),
		cmocka_unit_test(test_flip_auth_request),
		cmocka_unit_test(test_flip_auth_answer),
		cmocka_unit_test(test_flip_fragments),
		cmocka_unit_test(test_flip_informational),
		cmocka_unit_test(test_inside_auth_request),
		cmocka_unit_test(test_inside_auth_answer),
		cmocka_unit_test(test_inside_informational),
		cmocka_unit_test(test_exchange_types),
		cmocka_unit_test(test_chain_ends_early),
		cmocka_unit_test(test_substructure_type),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_short_and_lying_lengths),
		cmocka_unit_test(test_payload_lengths),
		cmocka_unit_test(test_payload_lengths_inside),
		cmocka_unit_test(test_long_and_many_payloads),
		cmocka_unit_test(test_odd_proposals),
		cmocka_unit_test(test_critical_in_the_clear),
		cmocka_unit_test(test_sealed_payloads_out_of_place),
		cmocka_unit_test(test_unknown_spis),
		cmocka_unit_test(test_weak_public_values),
		cmocka_unit_test(test_public_value_lengths),
		cmocka_unit_test(test_protected_before_auth),
		cmocka_unit_test(test_names_in_reports),
		cmocka_unit_test(test_empty_fragments),
		cmocka_unit_test(test_fragment_numbers),
		cmocka_unit_test(test_fragment_totals),
		cmocka_unit_test(test_fragment_floods),
		cmocka_unit_test(test_fragments_of_nonsense),
		cmocka_unit_test(test_fragments_not_agreed),
		cmocka_unit_test(test_flood_of_strangers),
		cmocka_unit_test(test_flood_of_child_requests),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
