/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA against the scripted peer, in both roles: the right conversation first, then the
 * same with one thing changed. RFC 7296 1.3, 2.8, 2.17, 2.18, 2.25.
 */
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

/* --- to begin with --- */

static void forget_sent(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->log[0] = d->reports[0] = '\0';
}

static void add_group(struct spec *s, uint16_t group)
{
	struct proposal_spec *p = &s->esp[0];

	if (group != KE_NONE)
		p->t[p->n++] = (struct transform){ .type = TRANSFORM_KE, .id = group };
}

/* Up, made by either side; quiet. With PFS from now on. */
static void up(struct duet *d, bool by_core, uint16_t group, uint64_t seed)
{
	const struct duet_options o = { .seed = seed };

	duet_start(d, &o);
	d->spec.dpd_delay_s = 0;
	if (by_core)
		duet_core_up(d);
	else
		duet_peer_up(d);
	duet_wait(d, 10 * SECOND);
	duet_hear_nothing(d);
	add_group(&d->spec, group);
	forget_sent(d);
}

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = d->us.ip, .remote = d->them.ip },
	};

	duet_event(d, &e);
}

static size_t inbound(const struct duet *d)
{
	return fake_kernel_count(&d->kernel, &d->them.ip, &d->us.ip, true);
}

static size_t outbound(const struct duet *d)
{
	return fake_kernel_count(&d->kernel, &d->us.ip, &d->them.ip, false);
}

/* The core's SA to the peer is this one and no other. */
static bool sends_on(const struct duet *d, uint32_t spi)
{
	const struct app_packet p = { .src = d->us.ip, .dst = d->them.ip, .protocol = 1 };
	const struct fake_sa *s = fake_kernel_outbound(&d->kernel, d->now, &p);

	return s != NULL && s->spec.spi == spi;
}

static bool receives_on(const struct duet *d, uint32_t spi)
{
	return fake_kernel_sa(&d->kernel, &d->us.ip, spi) != NULL;
}

/* ESP of the peer on the CHILD_SA of x. */
static void esp_on(struct duet *d, const struct peer_exchange *x)
{
	struct peer before = d->peer;

	peer_use_child(&d->peer, x);
	duet_esp_from_peer(d);
	duet_esp_from_peer(d);
	d->peer.esp_in = before.esp_in;
	d->peer.esp_out = before.esp_out;
	d->peer.esp_key_in = before.esp_key_in;
	d->peer.esp_key_out = before.esp_key_out;
	d->peer.esp_seq = before.esp_seq;
}

/* The core's DELETE of one SPI, answered with ours; 0: an empty answer. */
static void core_deletes(struct duet *d, uint32_t spi, uint32_t answered)
{
	struct draft heard, said;

	/* --> INFORMATIONAL { D(ESP, spi) } <-- INFORMATIONAL { D(ESP, the other half) } */
	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_int_equal(draft_deleted_spi(&heard), spi);
	peer_answer_delete(&d->peer, &heard, answered, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

/* The peer's DELETE of one SPI; the core answers with its half, or with nothing. */
static void peer_deletes(struct duet *d, uint32_t spi, uint32_t answered)
{
	struct draft heard, said;

	peer_ask_delete_spi(&d->peer, spi, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(draft_deleted_spi(&heard), answered);
	draft_free(&heard);
}

static void alive(struct duet *d)
{
	struct draft heard, said;

	peer_ask(&d->peer, EXCHANGE_INFORMATIONAL, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(heard.n, 0);
	draft_free(&heard);
}

/* Of the original two halves nothing was touched, and nothing of a new one is left. */
static void untouched(struct duet *d)
{
	assert_int_equal(d->kernel.n_sas, 2);
	assert_int_equal(duet_counters(d).child_sas, 1);
	duet_assert_child(d);
	alive(d);
}

static void hear_error(struct duet *d, uint16_t notify)
{
	struct draft heard;

	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	if (draft_error(&heard) != notify)
		fail_msg("%s instead of %s", notify_name(draft_error(&heard)), notify_name(notify));
	assert_int_equal(heard.n, 1);
	draft_free(&heard);
}

/* <-- CREATE_CHILD_SA { N(notify) } */
static void refuse(struct duet *d, const struct draft *request, uint16_t notify, struct bytes data)
{
	struct draft said;

	peer_answer(&d->peer, request, &said);
	draft_add_notify(&said, notify, data);
	duet_say(d, &said);
}

/* --- rekeying a CHILD_SA --- */

static void check_rekey_request(struct duet *d, const struct draft *m, uint16_t group, uint32_t spi)
{
	const struct draft_payload *rekey =
		draft_notify((struct draft *)(uintptr_t)m, NOTIFY_REKEY_SA);
	struct notify_view n;
	struct reader r;

	(void)d;
	assert_non_null(rekey);
	assert_true(notify_decode(blob_view(&rekey->body), &n));
	assert_int_equal(n.protocol, PROTO_ESP);
	assert_int_equal(n.data.n, 0);
	r = reader_of(n.spi);
	/* RFC 7296 1.3.3: the SPI that the core would expect in inbound ESP. */
	assert_int_equal(read_u32(&r), spi);
	assert_true(reader_done(&r));
	assert_true(draft_has_notify(m, NOTIFY_USE_TRANSPORT_MODE));
	assert_true(draft_has(m, PAYLOAD_NONCE) && draft_has(m, PAYLOAD_TSI) &&
		    draft_has(m, PAYLOAD_TSR) && draft_has(m, PAYLOAD_SA));
	assert_int_equal(draft_has(m, PAYLOAD_KE), group != KE_NONE);
}

/* This one rekeying is counted, and nothing else of its kind. */
static void assert_rekeyed(struct duet *d, enum rekeyed kind, enum role by)
{
	const struct status_tally t = duet_counters(d).tally;

	assert_int_equal(t.rekeys[kind][by], 1);
	assert_int_equal(t.rekeys[kind][!by], 0);
	assert_int_equal(t.rekey_failures[kind], 0);
	for (int c = 0; c < COLLISIONS; c++)
		assert_int_equal(t.collisions[c], 0);
}

static void core_rekeys(bool by_core, uint16_t group)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;
	uint32_t old_in, old_out;

	up(&d, by_core, group, 1);
	old_in = d.peer.esp_out; /* the core's way in */
	old_out = d.peer.esp_in;
	command(&d, COMMAND_REKEY);
	/* --> CREATE_CHILD_SA { N(REKEY_SA), N(USE_TRANSPORT_MODE), SA, Ni, [KEi], TSi, TSr } */
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	check_rekey_request(&d, &heard, group, old_in);
	duet_log(&d);
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	/* <-- CREATE_CHILD_SA { N(USE_TRANSPORT_MODE), SA, Nr, [KEr], TSi, TSr } */
	duet_say(&d, &said);
	/* The new one whole, before anything of the old one goes. */
	assert_string_equal(duet_log(&d), group == KE_NONE ? "+in +out nudge -out send"
							   : "job:derive +in +out nudge -out send");
	core_deletes(&d, old_in, old_out);
	assert_true(sends_on(&d, x.esp_in));
	/* What is still on its way arrives for 5 s. */
	duet_wait(&d, 4900 * 1000);
	assert_true(receives_on(&d, old_in));
	duet_wait(&d, 200 * 1000);
	assert_false(receives_on(&d, old_in));
	peer_use_child(&d.peer, &x);
	duet_assert_child(&d);
	untouched(&d);
	duet_hear_nothing(&d);
	assert_rekeyed(&d, REKEYED_CHILD, ROLE_INITIATOR);
	peer_exchange_free(&x);
	duet_end(&d);
}

static void test_core_rekeys_a_child(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		core_rekeys(by_core != 0, KE_NONE);
		core_rekeys(by_core != 0, KE_MODP_2048);
		core_rekeys(by_core != 0, KE_CURVE25519);
	}
}

/* Again and again: each successor is rekeyed in its turn. */
static void test_core_rekeys_many_times(void **state)
{
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	for (int i = 0; i < 10; i++) {
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		uint32_t old_in = d.peer.esp_out, old_out = d.peer.esp_in;

		command(&d, COMMAND_REKEY);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		check_rekey_request(&d, &heard, KE_NONE, old_in);
		peer_answer_child(&d.peer, &x, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		core_deletes(&d, old_in, old_out);
		peer_use_child(&d.peer, &x);
		duet_wait(&d, 6 * SECOND);
		duet_assert_child(&d);
		peer_exchange_free(&x);
		forget_sent(&d);
	}
	untouched(&d);
	duet_end(&d);
}

/* <-- request --> answer; the CHILD_SA is x's then, but the core does not yet send on it. */
static void peer_rekeys(struct duet *d, struct peer_exchange *x, uint16_t group)
{
	struct draft heard, said;

	x->rekeys = d->peer.esp_in; /* what the peer receives on */
	x->group = group;
	peer_ask_child(&d->peer, x, &said);
	duet_log(d);
	duet_say(d, &said);
	assert_string_equal(duet_log(d), group == KE_NONE ? "+in send" : "job:respond +in send");
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_int_equal(draft_has(&heard, PAYLOAD_KE), group != KE_NONE);
	assert_true(draft_has_notify(&heard, NOTIFY_USE_TRANSPORT_MODE));
	peer_take_child(&d->peer, x, &heard);
	draft_free(&heard);
	/* RFC 7296 2.8: the peer may not have our answer; it cannot receive on the new one yet. */
	assert_true(sends_on(d, d->peer.esp_in));
	assert_true(receives_on(d, x->esp_out) && receives_on(d, d->peer.esp_out));
}

enum comes { ESP_COMES, DELETE_COMES, NOTHING_COMES };

static void peer_rekeys_then(bool by_core, uint16_t group, enum comes comes)
{
	struct peer_exchange x = { 0 };
	struct duet d;
	uint32_t old_in, old_out;

	up(&d, by_core, group, 1);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	peer_rekeys(&d, &x, group);
	duet_wait(&d, SECOND);
	assert_true(sends_on(&d, old_out));
	assert_false(sends_on(&d, x.esp_in));
	duet_log(&d);
	if (comes == ESP_COMES) {
		esp_on(&d, &x);
		assert_string_equal(duet_log(&d), "+out nudge -out");
	} else if (comes == NOTHING_COMES) {
		duet_wait(&d, 20 * SECOND);
		assert_string_equal(duet_log(&d), "+out nudge -out");
	}
	if (comes != DELETE_COMES)
		assert_true(sends_on(&d, x.esp_in));
	/* <-- INFORMATIONAL { D(ESP, old) } --> INFORMATIONAL { D(ESP, the other half) } */
	peer_deletes(&d, old_out, old_in);
	assert_true(sends_on(&d, x.esp_in));
	assert_int_equal(outbound(&d), 1);
	duet_wait(&d, 4900 * 1000);
	assert_true(receives_on(&d, old_in));
	duet_wait(&d, 200 * 1000);
	assert_false(receives_on(&d, old_in));
	peer_use_child(&d.peer, &x);
	untouched(&d);
	duet_hear_nothing(&d);
	assert_rekeyed(&d, REKEYED_CHILD, ROLE_RESPONDER);
	peer_exchange_free(&x);
	duet_end(&d);
}

static void test_peer_rekeys_a_child(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		for (enum comes comes = ESP_COMES; comes <= NOTHING_COMES; comes++) {
			peer_rekeys_then(by_core != 0, KE_NONE, comes);
			peer_rekeys_then(by_core != 0, KE_MODP_2048, comes);
		}
	}
}

/* A peer that never deletes what it replaced: the core does, after a while. */
static void test_peer_never_deletes_the_old_one(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;
	uint32_t old_in, old_out;

	(void)state;
	up(&d, true, KE_NONE, 1);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	peer_rekeys(&d, &x, KE_NONE);
	esp_on(&d, &x);
	duet_wait(&d, 20 * SECOND);
	duet_hear_nothing(&d);
	assert_true(receives_on(&d, old_in));
	duet_wait(&d, 20 * SECOND);
	core_deletes(&d, old_in, old_out);
	duet_wait(&d, 6 * SECOND);
	peer_use_child(&d.peer, &x);
	forget_sent(&d);
	untouched(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* The second time there is nothing of that SPI: an empty answer. */
static void test_peer_deletes_the_old_one_twice(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;
	uint32_t old_in, old_out;

	(void)state;
	up(&d, true, KE_NONE, 1);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	peer_rekeys(&d, &x, KE_NONE);
	esp_on(&d, &x);
	peer_deletes(&d, old_out, old_in);
	peer_deletes(&d, old_out, 0);
	duet_wait(&d, 6 * SECOND);
	peer_deletes(&d, old_out, 0);
	peer_use_child(&d.peer, &x);
	untouched(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* RFC 7296 says nothing of where it stands; strongSwan has it first, others last. */
static void test_rekey_notify_stands_anywhere(void **state)
{
	(void)state;
	for (size_t at = 0;; at++) {
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct blob body = { 0 };
		struct duet d;
		bool last;

		up(&d, true, KE_NONE, 1);
		x.rekeys = d.peer.esp_in;
		peer_ask_child(&d.peer, &x, &said);
		last = at + 1 == said.n;
		assert_int_equal(blob_copy(&body, blob_view(&said.p[0].body)), 0);
		draft_drop_at(&said, 0);
		draft_insert(&said, at, PAYLOAD_NOTIFY, blob_view(&body));
		blob_free(&body);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		peer_take_child(&d.peer, &x, &heard);
		draft_free(&heard);
		esp_on(&d, &x);
		assert_int_equal(outbound(&d), 1); /* so the old one was replaced by it */
		assert_true(sends_on(&d, x.esp_in));
		peer_exchange_free(&x);
		duet_end(&d);
		if (last)
			break;
	}
}

/* RFC 7296 2.25: N(CHILD_SA_NOT_FOUND) with the SPI of the request. */
static void test_rekey_of_what_is_not_there(void **state)
{
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	for (int i = 0; i < 4; i++) {
		const uint32_t spis[] = { 0x12345678, d.peer.esp_out /* the wrong half */,
					  d.peer.esp_in, 0xffffffff };
		struct peer_exchange x = { .rekeys = spis[i] };
		struct draft heard, said;
		struct notify_view n;
		struct reader r;

		peer_ask_child(&d.peer, &x, &said);
		if (i == 2) /* AH */
			draft_notify(&said, NOTIFY_REKEY_SA)->body.p[0] = PROTO_AH;
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_CHILD_SA_NOT_FOUND);
		assert_true(notify_decode(blob_view(&heard.p[0].body), &n));
		assert_int_equal(n.protocol, i == 2 ? PROTO_AH : PROTO_ESP);
		r = reader_of(n.spi);
		assert_int_equal(read_u32(&r), spis[i]);
		draft_free(&heard);
		untouched(&d);
		peer_exchange_free(&x);
	}
	duet_end(&d);
}

/* --- new CHILD_SAs --- */

static void test_peer_asks_for_another_child(void **state)
{
	(void)state;
	for (int pfs = 0; pfs <= 1; pfs++) {
		struct peer_exchange x = { .group = pfs ? KE_MODP_2048 : KE_NONE };
		struct draft heard, said;
		struct duet d;

		up(&d, true, x.group, 1);
		peer_ask_child(&d.peer, &x, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		peer_take_child(&d.peer, &x, &heard);
		draft_free(&heard);
		esp_on(&d, &x);
		assert_int_equal(inbound(&d), 2);
		assert_int_equal(outbound(&d), 2);
		/* Either may go. */
		peer_deletes(&d, x.esp_in, x.esp_out);
		untouched(&d);
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

/* The peer deleted the only one; traffic asks for another on the same IKE SA. */
static void test_core_asks_for_another_child(void **state)
{
	(void)state;
	for (int pfs = 0; pfs <= 1; pfs++) {
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct duet d;

		up(&d, true, pfs ? KE_MODP_2048 : KE_NONE, 1);
		peer_deletes(&d, d.peer.esp_in, d.peer.esp_out);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_acquire(&d);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		assert_false(draft_has_notify(&heard, NOTIFY_REKEY_SA));
		peer_answer_child(&d.peer, &x, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		peer_use_child(&d.peer, &x);
		untouched(&d);
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

/* --- the peer refuses --- */

/* RFC 7296 2.25: the old one goes silently, and another is made from scratch. */
static void test_child_sa_not_found_received(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	refuse(&d, &heard, NOTIFY_CHILD_SA_NOT_FOUND, BYTES_NONE);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_false(draft_has_notify(&heard, NOTIFY_REKEY_SA));
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	peer_use_child(&d.peer, &x);
	untouched(&d);
	duet_hear_nothing(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* Not at once, but soon; and not for ever. */
static void test_temporary_failure_received(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_REKEY, COMMAND_REKEY_IKE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct draft heard;
		struct duet d;
		unsigned tries = 0;
		bool gave_up = false;

		up(&d, true, KE_NONE, 1);
		command(&d, kinds[i]);
		for (; tries < 50 && !gave_up; tries++) {
			duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
			refuse(&d, &heard, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
			draft_free(&heard);
			if (duet_waiting(&d) > 0) { /* another way: authenticates anew */
				gave_up = true;
				break;
			}
			duet_wait(&d, 500 * 1000);
			duet_hear_nothing(&d);
			for (int k = 0; k < 300 && duet_waiting(&d) == 0; k++)
				duet_wait(&d, 100 * 1000);
			assert_true(duet_waiting(&d) > 0);
			duet_assert_child(&d);
		}
		assert_in_range(tries, 2, 20);
		assert_true(gave_up);
		assert_int_equal(duet_counters(&d).tally.collisions[COLLISION_POSTPONED],
				 tries + 1);
		assert_int_equal(duet_counters(&d).tally.rekey_failures[i], 0);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		draft_free(&heard);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* Once refused, then accepted. */
static void test_temporary_failure_once(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;
	uint32_t old_in, old_out;

	(void)state;
	up(&d, true, KE_NONE, 1);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	refuse(&d, &heard, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
	draft_free(&heard);
	duet_wait(&d, 2 * SECOND);
	forget_sent(&d);
	duet_wait(&d, SECOND); /* a repetition of it */
	if (duet_waiting(&d) == 0)
		duet_wait(&d, SECOND);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	forget_sent(&d);
	duet_say(&d, &said);
	core_deletes(&d, old_in, old_out);
	duet_wait(&d, 6 * SECOND);
	peer_use_child(&d.peer, &x);
	untouched(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* RFC 7296 1.3: a peer of one CHILD_SA an IKE SA. A new IKE SA, make before break. */
static void test_no_additional_sas_received(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_REKEY, COMMAND_REKEY_IKE };
	static const uint16_t refusals[] = { NOTIFY_NO_ADDITIONAL_SAS, NOTIFY_NO_PROPOSAL_CHOSEN };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct draft heard, said;
		struct peer old;
		struct duet d;
		uint32_t old_in;

		up(&d, true, KE_NONE, 1);
		old_in = d.peer.esp_out;
		command(&d, kinds[i % 2]);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		refuse(&d, &heard, refusals[i / 2], BYTES_NONE);
		draft_free(&heard);
		assert_int_equal(duet_counters(&d).tally.rekey_failures[i % 2], 1);
		duet_assert_child(&d);
		old = d.peer;
		peer_init(&d.peer);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		/* It must not tell the peer that the old one is debris. */
		assert_false(draft_has_notify(&heard, NOTIFY_INITIAL_CONTACT));
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		assert_true(receives_on(&d, old_in));
		duet_say(&d, &said);
		assert_true(sends_on(&d, d.peer.esp_in));
		{
			struct peer fresh = d.peer;

			d.peer = old;
			duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
			assert_true(draft_has(&heard, PAYLOAD_DELETE));
			peer_answer(&d.peer, &heard, &said);
			draft_free(&heard);
			duet_say(&d, &said);
			peer_wipe(&d.peer);
			d.peer = fresh;
		}
		duet_wait(&d, 6 * SECOND);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		untouched(&d);
		duet_end(&d);
	}
}

/* --- which group --- */

/* RFC 7296 1.3: with another group of the offer at once, and once only. */
static void test_invalid_ke_received(void **state)
{
	static const uint8_t curve[] = { 0, KE_CURVE25519 }, other[] = { 0, KE_ECP_256 };
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;
	uint32_t old_in, old_out;
	struct bytes value;
	uint16_t group;

	(void)state;
	up(&d, true, KE_MODP_2048, 1);
	add_group(&d.spec, KE_CURVE25519);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	refuse(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(curve, 2));
	draft_free(&heard);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_true(ke_decode(blob_view(&draft_find(&heard, PAYLOAD_KE)->body), &group, &value));
	assert_int_equal(group, KE_CURVE25519);
	check_rekey_request(&d, &heard, group, old_in);
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	core_deletes(&d, old_in, old_out);
	duet_wait(&d, 6 * SECOND);
	peer_use_child(&d.peer, &x);
	untouched(&d);
	peer_exchange_free(&x);
	forget_sent(&d);
	/* One that was not offered, and one that was refused before: no loop. */
	for (int i = 0; i < 2; i++) {
		command(&d, COMMAND_REKEY);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		refuse(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(i == 0 ? other : curve, 2));
		draft_free(&heard);
		if (i == 1) {
			duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
			refuse(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(curve, 2));
			draft_free(&heard);
		}
		while (duet_waiting(&d) > 0) {
			const struct duet_datagram *sent = duet_take(&d);

			/* If anything, another IKE SA. */
			assert_int_equal(sent->b.p[18], EXCHANGE_IKE_SA_INIT);
		}
		duet_assert_child(&d);
		if (i == 0) { /* as if nothing had been */
			duet_end(&d);
			up(&d, true, KE_MODP_2048, 1);
			add_group(&d.spec, KE_CURVE25519);
		}
	}
	duet_end(&d);
}

/* The same for the IKE SA itself. */
static void test_invalid_ke_received_for_ike(void **state)
{
	static const uint8_t curve[] = { 0, KE_CURVE25519 };
	struct draft heard;
	struct duet d;
	struct bytes value;
	uint16_t group;

	(void)state;
	up(&d, true, KE_NONE, 1);
	d.spec.ike[0].t[d.spec.ike[0].n++] =
		(struct transform){ .type = TRANSFORM_KE, .id = KE_CURVE25519 };
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	refuse(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(curve, 2));
	draft_free(&heard);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_true(ke_decode(blob_view(&draft_find(&heard, PAYLOAD_KE)->body), &group, &value));
	assert_int_equal(group, KE_CURVE25519);
	/* Again: no loop, but another IKE SA beside this one. */
	refuse(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(curve, 2));
	draft_free(&heard);
	assert_true(duet_waiting(&d) > 0);
	assert_int_equal(duet_take(&d)->b.p[18], EXCHANGE_IKE_SA_INIT);
	duet_assert_child(&d);
	duet_end(&d);
}

static void test_invalid_ke_sent(void **state)
{
	static const uint16_t groups[] = { KE_CURVE25519, KE_ECP_256 };
	static const uint8_t wanted[] = { 0, KE_MODP_2048 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct peer_exchange x = { .group = groups[i] }, good = { 0 };
		struct draft heard, said;
		struct duet d;
		struct blob body;
		uint8_t spi[4] = { 0, 0, 1, 0 };

		up(&d, true, KE_MODP_2048, 1);
		x.rekeys = d.peer.esp_in;
		peer_ask_child(&d.peer, &x, &said);
		/* Offers ours as well as the one of its KE. */
		{
			struct proposal_spec p = d.spec.esp[0];

			p.t[p.n++] = (struct transform){ .type = TRANSFORM_KE, .id = groups[i] };
			body = body_sa(PROTO_ESP, BYTES(spi, 4), &p, 1);
		}
		draft_set(draft_find(&said, PAYLOAD_SA), blob_view(&body));
		blob_free(&body);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_INVALID_KE_PAYLOAD);
		assert_true(bytes_equal(draft_notify_data(&heard, NOTIFY_INVALID_KE_PAYLOAD),
					BYTES(wanted, 2)));
		draft_free(&heard);
		untouched(&d);
		peer_rekeys(&d, &good, KE_MODP_2048);
		peer_exchange_free(&x);
		peer_exchange_free(&good);
		duet_end(&d);
	}
}

/* --- malformed --- */

static void drop_nonce(struct draft *m)
{
	draft_drop(m, PAYLOAD_NONCE);
}

static void drop_ke(struct draft *m)
{
	draft_drop(m, PAYLOAD_KE);
}

static void drop_sa(struct draft *m)
{
	draft_drop(m, PAYLOAD_SA);
}

static void drop_tsi(struct draft *m)
{
	draft_drop(m, PAYLOAD_TSI);
}

static void drop_tsr(struct draft *m)
{
	draft_drop(m, PAYLOAD_TSR);
}

static void short_nonce(struct draft *m)
{
	draft_set(draft_find(m, PAYLOAD_NONCE), BYTES((const uint8_t *)"0123456789abcde", 15));
}

static void short_ke(struct draft *m)
{
	struct draft_payload *ke = draft_find(m, PAYLOAD_KE);

	ke->body.n--;
}

static void long_ke(struct draft *m)
{
	struct draft_payload *ke = draft_find(m, PAYLOAD_KE);
	uint8_t longer[600] = { 0 };

	memcpy(longer, ke->body.p, ke->body.n);
	draft_set(ke, BYTES(longer, ke->body.n + 1));
}

static void zero_ke(struct draft *m)
{
	struct draft_payload *ke = draft_find(m, PAYLOAD_KE);

	memset(ke->body.p + 4, 0, ke->body.n - 4);
}

static void other_group(struct draft *m)
{
	draft_find(m, PAYLOAD_KE)->body.p[1] = KE_ECP_256;
}

static void reserved_spi(struct draft *m)
{
	memset(draft_find(m, PAYLOAD_SA)->body.p + 8, 0, 4);
}

static void tunnel(struct draft *m)
{
	draft_drop_notify(m, NOTIFY_USE_TRANSPORT_MODE);
}

static void others_address(struct draft *m)
{
	struct ip ip = ip_v4(10, 9, 9, 9);
	struct blob body = body_ts(&ip);

	draft_set(draft_find(m, PAYLOAD_TSI), blob_view(&body));
	blob_free(&body);
}

static const struct change {
	const char *name;
	void (*change)(struct draft *m);
	uint16_t notify; /* that refuses a request */
} changes[] = {
	{ "no nonce", drop_nonce, NOTIFY_INVALID_SYNTAX },
	{ "15 octets of nonce", short_nonce, NOTIFY_INVALID_SYNTAX },
	{ "no KE", drop_ke, NOTIFY_INVALID_KE_PAYLOAD },
	{ "KE one octet short", short_ke, NOTIFY_INVALID_KE_PAYLOAD },
	{ "KE one octet long", long_ke, NOTIFY_INVALID_KE_PAYLOAD },
	{ "KE all zero", zero_ke, NOTIFY_INVALID_SYNTAX },
	{ "KE of another group", other_group, NOTIFY_INVALID_KE_PAYLOAD },
	{ "no SA", drop_sa, NOTIFY_INVALID_SYNTAX },
	{ "SPI 0", reserved_spi, NOTIFY_NO_PROPOSAL_CHOSEN },
	{ "no TSi", drop_tsi, NOTIFY_INVALID_SYNTAX },
	{ "no TSr", drop_tsr, NOTIFY_INVALID_SYNTAX },
	{ "tunnel mode", tunnel, NOTIFY_NO_PROPOSAL_CHOSEN },
	{ "another host's address", others_address, NOTIFY_TS_UNACCEPTABLE },
};
#define CHANGES (sizeof changes / sizeof changes[0])

static void test_changed_requests(void **state)
{
	(void)state;
	for (int rekey = 0; rekey <= 1; rekey++) {
		for (size_t i = 0; i < CHANGES; i++) {
			struct peer_exchange x = { .group = KE_MODP_2048 };
			struct draft said;
			struct duet d;

			up(&d, true, KE_MODP_2048, 1);
			x.rekeys = rekey ? d.peer.esp_in : 0;
			peer_ask_child(&d.peer, &x, &said);
			changes[i].change(&said);
			duet_say(&d, &said);
			print_message("%s\n", changes[i].name);
			hear_error(&d, changes[i].notify);
			untouched(&d);
			peer_exchange_free(&x);
			duet_end(&d);
		}
	}
}

/* As answers: the old one serves on, and is rekeyed another time, since its life is over. */
static void test_failed_rekey_is_tried_again(void **state)
{
	static const struct duet_options standin;

	(void)state;
	for (size_t i = 0; i < CHANGES; i++) {
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct duet d;
		int waited;

		duet_start(&d, &standin);
		d.spec.dpd_delay_s = 0;
		d.spec.esp_lifetime_s = 100;
		duet_core_up(&d);
		add_group(&d.spec, KE_MODP_2048);
		for (waited = 0; waited < 1000 && duet_waiting(&d) == 0; waited++)
			duet_wait(&d, SECOND / 10);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		peer_answer_child(&d.peer, &x, &heard, &said);
		draft_free(&heard);
		changes[i].change(&said);
		print_message("%s\n", changes[i].name);
		duet_say(&d, &said);
		peer_exchange_free(&x);
		if (d.kernel.n_sas == 0) {
			/* Against the rules of messages: the IKE SA ends, and all begins anew. */
			assert_true(duet_reported(&d, "malformed"));
			duet_end(&d);
			continue;
		}
		if (changes[i].change != others_address) /* TSi is what we said, or worse */
			duet_assert_child(&d);
		for (waited = 0; waited < 120 && duet_waiting(&d) == 0; waited++)
			duet_wait(&d, SECOND);
		assert_in_range(waited, 0, 119);
		duet_end(&d);
	}
}

/* --- both rekey the same CHILD_SA --- */

/* RFC 7296 2.8.1, written anew: octet by octet, a prefix is lower. */
static int nonce_order(struct bytes a, struct bytes b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (a.p[i] != b.p[i])
			return a.p[i] < b.p[i] ? -1 : 1;
	return a.n < b.n ? -1 : a.n > b.n;
}

static bool lowest_is_of_first(struct bytes a1, struct bytes a2, struct bytes b1, struct bytes b2)
{
	const struct bytes all[] = { a1, a2, b1, b2 };
	size_t lowest = 0;

	for (size_t i = 1; i < 4; i++)
		if (nonce_order(all[i], all[lowest]) < 0)
			lowest = i;
	return lowest < 2;
}

enum nonce_choice {
	LOW_IN_PEERS, /* the peer's nonce in its own exchange */
	LOW_IN_CORES, /* the peer's nonce in the core's exchange */
	BOTH_HIGH,    /* the core's nonces decide, whatever they are */
	BOTH_RANDOM,
	NONCE_CHOICES,
};

static struct blob nonce_of(uint8_t octet)
{
	struct blob b = { 0 };
	uint8_t nonce[32];

	memset(nonce, octet, sizeof nonce);
	assert_int_equal(blob_copy(&b, BYTES(nonce, sizeof nonce)), 0);
	return b;
}

static void choose_nonces(enum nonce_choice choice, struct peer_exchange *peers,
			  struct peer_exchange *cores)
{
	if (choice == BOTH_RANDOM)
		return;
	peers->nonce = nonce_of(choice == LOW_IN_PEERS ? 0x00 : 0xff);
	cores->nonce = nonce_of(choice == LOW_IN_CORES ? 0x00 : 0xff);
}

struct verdicts {
	unsigned core_loses, peer_loses;
};

/*
 * Both requests cross. Which answer comes first differs. At the end one CHILD_SA is left: not the
 * one that was made with the lowest nonce; each side deletes what is its to delete.
 */
static void both_rekey(enum nonce_choice choice, uint16_t group, uint64_t seed, bool peer_first,
		       bool peer_deletes_its_loser, struct verdicts *v)
{
	struct peer_exchange peers = { .group = group }, cores = { 0 };
	struct draft request, answer, heard, said;
	struct duet d;
	uint32_t old_in, old_out;
	bool core_loses;

	up(&d, seed % 2 == 0, group, seed);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	choose_nonces(choice, &peers, &cores);
	command(&d, COMMAND_REKEY);
	/* --> CREATE_CHILD_SA request */
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
	peers.rekeys = old_out;
	peer_ask_child(&d.peer, &peers, &said);
	peer_answer_child(&d.peer, &cores, &request, &answer);
	draft_free(&request);
	if (peer_first) {
		/* <-- request --> answer, then <-- answer */
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		duet_say(&d, &answer);
	} else {
		/* <-- request; its job is out when the <-- answer comes */
		d.hold_jobs = true;
		duet_say(&d, &said);
		duet_say(&d, &answer);
		if (d.n_jobs == 2) { /* ours is done before theirs */
			struct job *derive = duet_take_job(&d, 1);

			duet_do_job(&d, derive);
			duet_job_home(&d, derive);
		}
		d.hold_jobs = false;
		duet_run_jobs(&d);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	}
	assert_int_equal(draft_error(&heard), 0);
	peer_take_child(&d.peer, &peers, &heard);
	draft_free(&heard);
	core_loses = lowest_is_of_first(blob_view(&cores.nonce), blob_view(&cores.other),
					blob_view(&peers.nonce), blob_view(&peers.other));
	v->core_loses += core_loses;
	v->peer_loses += !core_loses;
	/* What was answered is settled with whatever happens next. */
	for (int i = 0; i < 60 && duet_waiting(&d) == 0; i++)
		duet_wait(&d, SECOND / 10);
	if (core_loses) {
		/*
		 * The core made the redundant one and deletes it, the peer deletes the old one. If
		 * the core sends on it already, it does so until the peer is seen to have the
		 * survivor.
		 */
		const bool sends = sends_on(&d, cores.esp_in);
		const bool by_traffic = seed % 2 == 0;

		assert_int_equal(sends, !peer_first);
		if (sends) {
			duet_hear_nothing(&d);
			if (by_traffic)
				esp_on(&d, &peers);
			else
				peer_deletes(&d, old_out, old_in);
		}
		core_deletes(&d, cores.esp_out, cores.esp_in);
		assert_false(sends_on(&d, cores.esp_in));
		if (!sends || !by_traffic)
			esp_on(&d, &peers);
		if (!sends || by_traffic)
			peer_deletes(&d, old_out, old_in);
		peer_use_child(&d.peer, &peers);
	} else {
		core_deletes(&d, old_in, old_out);
		assert_true(sends_on(&d, cores.esp_in));
		if (peer_deletes_its_loser) {
			peer_deletes(&d, peers.esp_in, peers.esp_out);
		} else {
			for (int i = 0; i < 400 && duet_waiting(&d) == 0; i++)
				duet_wait(&d, SECOND / 10);
			core_deletes(&d, peers.esp_out, peers.esp_in);
		}
		peer_use_child(&d.peer, &cores);
	}
	duet_wait(&d, 6 * SECOND);
	duet_hear_nothing(&d);
	untouched(&d);
	duet_wait(&d, 120 * SECOND);
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).tally.collisions[COLLISION_CHILD], 1);
	peer_exchange_free(&peers);
	peer_exchange_free(&cores);
	duet_end(&d);
}

static void test_both_rekey_the_same_child(void **state)
{
	struct verdicts v = { 0 };

	(void)state;
	for (enum nonce_choice choice = 0; choice < NONCE_CHOICES; choice++)
		for (uint64_t seed = 1; seed <= 8; seed++)
			for (int peer_first = 0; peer_first <= 1; peer_first++) {
				both_rekey(choice, KE_MODP_2048, seed, peer_first != 0, true, &v);
				if (peer_first)
					both_rekey(choice, KE_NONE, seed, true, true, &v);
			}
	/* Both verdicts were seen, often. */
	assert_in_range(v.core_loses, 20, 80);
	assert_in_range(v.peer_loses, 20, 80);
}

static void test_peer_never_deletes_its_loser(void **state)
{
	struct verdicts v = { 0 };

	(void)state;
	for (int peer_first = 0; peer_first <= 1; peer_first++)
		both_rekey(LOW_IN_PEERS, KE_MODP_2048, 1, peer_first != 0, false, &v);
	assert_int_equal(v.peer_loses, 2);
}

/* RFC 7296 2.25.1: the peer's request comes when ours is done and the old one is being deleted. */
static void test_rekey_of_what_is_being_deleted(void **state)
{
	struct peer_exchange peers = { 0 }, cores = { 0 };
	struct draft request, said, answer;
	struct duet d;
	uint32_t old_in, old_out;

	(void)state;
	up(&d, true, KE_NONE, 1);
	old_in = d.peer.esp_out;
	old_out = d.peer.esp_in;
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
	peers.rekeys = old_out;
	peer_ask_child(&d.peer, &peers, &said);
	peer_answer_child(&d.peer, &cores, &request, &answer);
	draft_free(&request);
	duet_say(&d, &answer);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &request); /* D(ESP, old) */
	duet_say(&d, &said);
	hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(duet_counters(&d).tally.collisions[COLLISION_POSTPONED], 1);
	peer_answer_delete(&d.peer, &request, old_out, &said);
	draft_free(&request);
	duet_say(&d, &said);
	duet_wait(&d, 6 * SECOND);
	assert_false(receives_on(&d, old_in));
	peer_use_child(&d.peer, &cores);
	untouched(&d);
	peer_exchange_free(&peers);
	peer_exchange_free(&cores);
	duet_end(&d);
}

/* The peer deletes what we are rekeying: as usual (2.25.1), and our request comes to its end. */
static void test_delete_of_what_we_rekey(void **state)
{
	struct draft request, heard, said;
	struct peer_exchange x = { 0 };
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
	peer_deletes(&d, d.peer.esp_in, d.peer.esp_out);
	assert_int_equal(d.kernel.n_sas, 0);
	refuse(&d, &request, NOTIFY_CHILD_SA_NOT_FOUND, BYTES_NONE);
	draft_free(&request);
	/* Traffic finds a way. */
	if (duet_waiting(&d) == 0)
		duet_acquire(&d);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_false(draft_has_notify(&heard, NOTIFY_REKEY_SA));
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	peer_use_child(&d.peer, &x);
	untouched(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* --- rekeying the IKE SA --- */

/* From now on the duet talks on the new IKE SA; the old one's peer is given back. */
static struct peer go_on(struct duet *d, const struct peer_exchange *x)
{
	struct peer old = d->peer;

	peer_successor(&old, x, &d->peer);
	return old;
}

/* On the IKE SA `on`: the core's DELETE of it is heard and answered. */
static void core_deletes_ike(struct duet *d, struct peer *on)
{
	struct peer fresh = d->peer;
	struct draft heard, said;

	d->peer = *on;
	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	assert_int_equal(draft_deleted_spi(&heard), 0);
	peer_answer(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	*on = d->peer;
	d->peer = fresh;
}

static void peer_deletes_ike(struct duet *d, struct peer *on)
{
	struct peer fresh = d->peer;
	struct draft heard, said;

	d->peer = *on;
	peer_ask_delete_ike(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(heard.n, 0);
	draft_free(&heard);
	*on = d->peer;
	d->peer = fresh;
}

/* Both ways, from message id 0 on; the CHILD_SA belongs to it. */
static void new_ike_sa_works(struct duet *d)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	uint32_t old_in = d->peer.esp_out, old_out = d->peer.esp_in;

	duet_assert_child(d);
	assert_int_equal(d->peer.send_id, 0);
	alive(d); /* id 0 */
	alive(d);
	command(d, COMMAND_REKEY);
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_int_equal(heard.h.message_id, 0);
	check_rekey_request(d, &heard, KE_NONE, old_in);
	peer_answer_child(&d->peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	core_deletes(d, old_in, old_out);
	duet_wait(d, 6 * SECOND);
	peer_use_child(&d->peer, &x);
	untouched(d);
	peer_exchange_free(&x);
}

static void test_core_rekeys_the_ike_sa(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		const struct duet_options o = { .real = i / 2 == 1,
						.group = i / 2 == 2 ? KE_CURVE25519 : 0 };
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct peer old;
		struct duet d;

		duet_start(&d, &o);
		if (i % 2)
			duet_core_up(&d);
		else
			duet_peer_up(&d);
		duet_wait(&d, 10 * SECOND);
		forget_sent(&d);
		command(&d, COMMAND_REKEY_IKE);
		/* --> CREATE_CHILD_SA { SA, Ni, KEi } */
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
		assert_int_equal(heard.n, 3);
		peer_answer_rekey(&d.peer, &x, &heard, &said);
		draft_free(&heard);
		duet_log(&d);
		/* <-- CREATE_CHILD_SA { SA, Nr, KEr }: the kernel does not notice */
		duet_say(&d, &said);
		assert_string_equal(duet_log(&d), "job:derive send");
		old = go_on(&d, &x);
		core_deletes_ike(&d, &old);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		assert_rekeyed(&d, REKEYED_IKE, ROLE_INITIATOR);
		new_ike_sa_works(&d);
		peer_wipe(&old);
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

static void test_peer_rekeys_the_ike_sa(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		const struct duet_options o = { .real = i / 2 == 1,
						.group = i / 2 == 2 ? KE_CURVE25519 : 0 };
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct peer old;
		struct duet d;

		duet_start(&d, &o);
		if (i % 2)
			duet_core_up(&d);
		else
			duet_peer_up(&d);
		duet_wait(&d, 10 * SECOND);
		forget_sent(&d);
		peer_ask_rekey(&d.peer, &x, &said);
		duet_say(&d, &said);
		assert_string_equal(duet_log(&d), "job:respond send");
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		peer_take_rekey(&d.peer, &x, &heard);
		draft_free(&heard);
		old = go_on(&d, &x);
		duet_hear_nothing(&d); /* the peer deletes */
		peer_deletes_ike(&d, &old);
		assert_rekeyed(&d, REKEYED_IKE, ROLE_RESPONDER);
		new_ike_sa_works(&d);
		duet_wait(&d, 20 * SECOND);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		peer_wipe(&old);
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

/* A peer that rekeys the IKE SA and never deletes the old one. */
static void test_peer_never_deletes_the_old_ike_sa(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct peer old;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&d.peer, &x, &heard);
	draft_free(&heard);
	old = go_on(&d, &x);
	duet_wait(&d, 60 * SECOND);
	forget_sent(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	new_ike_sa_works(&d);
	peer_wipe(&old);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* The old one answers, and does no more: RFC 7296 2.25.2. */
/*
 * The end of an IKE SA that was rekeyed says nothing of a CHILD_SA that the peer rekeys meanwhile:
 * the answer to that may have been lost, and the peer cannot receive on it.
 */
static void test_old_ike_sa_goes_while_a_child_is_rekeyed(void **state)
{
	struct peer_exchange x = { 0 }, child = { 0 };
	struct draft heard, said;
	struct peer old;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&d.peer, &x, &heard);
	draft_free(&heard);
	old = go_on(&d, &x);
	peer_rekeys(&d, &child, KE_NONE);
	peer_deletes_ike(&d, &old);
	assert_true(sends_on(&d, d.peer.esp_in));
	esp_on(&d, &child);
	assert_true(sends_on(&d, child.esp_in));
	peer_wipe(&old);
	peer_exchange_free(&x);
	peer_exchange_free(&child);
	duet_end(&d);
}

/* The same of an IKE SA that the peer ends since it has authenticated anew: of what IKE_AUTH made
 * that says that it is there, and nothing of what is rekeyed since. */
static void test_authenticated_anew_while_a_child_is_rekeyed(void **state)
{
	struct peer_exchange child = { 0 };
	struct draft heard, said;
	struct peer old, new;
	struct duet d;

	(void)state;
	up(&d, false, KE_NONE, 1);
	old = d.peer;
	d.peer = (struct peer){ .doer = old.doer,
				.spec = old.spec,
				.rng = old.rng,
				.self = old.self,
				.other = old.other };
	peer_init(&d.peer);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	duet_esp_from_peer(&d);
	duet_esp_from_peer(&d);
	peer_rekeys(&d, &child, KE_NONE);
	new = d.peer;
	d.peer = old;
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	old = d.peer;
	d.peer = new;
	assert_true(sends_on(&d, d.peer.esp_in));
	esp_on(&d, &child);
	assert_true(sends_on(&d, child.esp_in));
	peer_wipe(&old);
	peer_exchange_free(&child);
	duet_end(&d);
}

static void test_requests_on_the_old_ike_sa(void **state)
{
	struct peer_exchange x = { 0 }, child = { 0 }, again = { 0 };
	struct draft heard, said;
	struct peer old, fresh;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&d.peer, &x, &heard);
	draft_free(&heard);
	old = go_on(&d, &x);
	fresh = d.peer;
	d.peer = old;
	alive(&d);
	peer_ask_child(&d.peer, &child, &said);
	duet_say(&d, &said);
	hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
	peer_ask_rekey(&d.peer, &again, &said);
	duet_say(&d, &said);
	hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
	old = d.peer;
	d.peer = fresh;
	assert_int_equal(d.kernel.n_sas, 2);
	peer_deletes_ike(&d, &old);
	new_ike_sa_works(&d);
	peer_wipe(&old);
	peer_exchange_free(&x);
	peer_exchange_free(&child);
	peer_exchange_free(&again);
	duet_end(&d);
}

/* RFC 7296 2.25.2: no CHILD_SA is made or rekeyed while the IKE SA is; deleting is fine. */
static void test_requests_while_we_rekey_the_ike_sa(void **state)
{
	struct peer_exchange x = { 0 }, child = { 0 }, rekey = { 0 };
	struct draft request, said;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
	peer_ask_child(&d.peer, &child, &said);
	duet_say(&d, &said);
	hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
	rekey.rekeys = d.peer.esp_in;
	peer_ask_child(&d.peer, &rekey, &said);
	duet_say(&d, &said);
	hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
	untouched(&d);
	peer_deletes(&d, d.peer.esp_in, d.peer.esp_out);
	assert_int_equal(d.kernel.n_sas, 0);
	draft_free(&request);
	peer_exchange_free(&x);
	peer_exchange_free(&child);
	peer_exchange_free(&rekey);
	duet_end(&d);
}

/* RFC 7296 2.25.1, last paragraph: creating, rekeying or closing a CHILD_SA. */
static void test_ike_rekey_while_a_child_is_at_work(void **state)
{
	(void)state;
	for (int deleting = 0; deleting <= 1; deleting++) {
		struct peer_exchange x = { 0 }, cores = { 0 };
		struct draft request, said;
		struct duet d;
		uint32_t old_in, old_out;

		up(&d, true, KE_NONE, 1);
		old_in = d.peer.esp_out;
		old_out = d.peer.esp_in;
		command(&d, COMMAND_REKEY);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
		if (deleting) {
			peer_answer_child(&d.peer, &cores, &request, &said);
			duet_say(&d, &said);
			draft_free(&request);
			duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &request);
		}
		peer_ask_rekey(&d.peer, &x, &said);
		duet_say(&d, &said);
		hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
		if (deleting) {
			peer_answer_delete(&d.peer, &request, old_out, &said);
			duet_say(&d, &said);
		} else {
			peer_answer_child(&d.peer, &cores, &request, &said);
			duet_say(&d, &said);
			core_deletes(&d, old_in, old_out);
		}
		draft_free(&request);
		duet_wait(&d, 6 * SECOND);
		assert_false(receives_on(&d, old_in));
		peer_use_child(&d.peer, &cores);
		untouched(&d);
		peer_exchange_free(&x);
		peer_exchange_free(&cores);
		duet_end(&d);
	}
}

static void test_changed_ike_rekeys(void **state)
{
	static const struct change ike[] = {
		{ "no nonce", drop_nonce, NOTIFY_INVALID_SYNTAX },
		{ "15 octets of nonce", short_nonce, NOTIFY_INVALID_SYNTAX },
		{ "no KE", drop_ke, NOTIFY_INVALID_SYNTAX },
		{ "KE one octet short", short_ke, NOTIFY_INVALID_KE_PAYLOAD },
		{ "KE one octet long", long_ke, NOTIFY_INVALID_KE_PAYLOAD },
		{ "KE all zero", zero_ke, NOTIFY_INVALID_SYNTAX },
		{ "KE of another group", other_group, NOTIFY_INVALID_KE_PAYLOAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof ike / sizeof ike[0]; i++) {
		struct peer_exchange x = { 0 };
		struct draft said, request;
		struct duet d;

		up(&d, true, KE_NONE, 1);
		print_message("%s\n", ike[i].name);
		peer_ask_rekey(&d.peer, &x, &said);
		ike[i].change(&said);
		duet_say(&d, &said);
		hear_error(&d, ike[i].notify);
		untouched(&d);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		peer_exchange_free(&x);
		/* As an answer: the old IKE SA serves on, or is ended by the rules of messages. */
		command(&d, COMMAND_REKEY_IKE);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
		peer_answer_rekey(&d.peer, &x, &request, &said);
		draft_free(&request);
		ike[i].change(&said);
		duet_say(&d, &said);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		if (d.kernel.n_sas > 0)
			untouched(&d);
		else
			assert_true(duet_reported(&d, "malformed"));
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

/* --- both rekey the IKE SA --- */

static void both_rekey_ike(enum nonce_choice choice, uint64_t seed, bool peer_first,
			   struct verdicts *v)
{
	struct peer_exchange peers = { 0 }, cores = { 0 };
	struct draft request, answer, heard, said;
	struct peer old, by_core, by_peer;
	struct duet d;
	bool core_loses;

	up(&d, seed % 2 == 0, KE_NONE, seed);
	choose_nonces(choice, &peers, &cores);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &request);
	peer_ask_rekey(&d.peer, &peers, &said);
	peer_answer_rekey(&d.peer, &cores, &request, &answer);
	draft_free(&request);
	if (!peer_first)
		d.hold_jobs = true;
	duet_say(&d, &said);
	if (peer_first)
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	duet_say(&d, &answer);
	if (!peer_first) {
		struct job *derive;

		/* Ours is done before theirs. */
		assert_int_equal(d.n_jobs, 2);
		derive = duet_take_job(&d, 1);
		duet_do_job(&d, derive);
		duet_job_home(&d, derive);
		d.hold_jobs = false;
		duet_run_jobs(&d);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	}
	assert_int_equal(draft_error(&heard), 0);
	peer_take_rekey(&d.peer, &peers, &heard);
	draft_free(&heard);
	core_loses = lowest_is_of_first(blob_view(&cores.nonce), blob_view(&cores.other),
					blob_view(&peers.nonce), blob_view(&peers.other));
	v->core_loses += core_loses;
	v->peer_loses += !core_loses;
	old = d.peer;
	peer_successor(&old, &cores, &by_core);
	peer_successor(&old, &peers, &by_peer);
	if (core_loses) {
		/* The core deletes what it made, the peer the old one. */
		d.peer = by_peer;
		core_deletes_ike(&d, &by_core);
		peer_deletes_ike(&d, &old);
		peer_wipe(&by_core);
	} else {
		d.peer = by_core;
		core_deletes_ike(&d, &old);
		peer_deletes_ike(&d, &by_peer);
		peer_wipe(&by_peer);
	}
	assert_int_equal(duet_counters(&d).tally.collisions[COLLISION_IKE], 1);
	new_ike_sa_works(&d);
	duet_wait(&d, 60 * SECOND);
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	peer_wipe(&old);
	peer_exchange_free(&peers);
	peer_exchange_free(&cores);
	duet_end(&d);
}

static void test_both_rekey_the_ike_sa(void **state)
{
	struct verdicts v = { 0 };

	(void)state;
	for (enum nonce_choice choice = 0; choice < NONCE_CHOICES; choice++)
		for (uint64_t seed = 1; seed <= 8; seed++)
			for (int peer_first = 0; peer_first <= 1; peer_first++)
				both_rekey_ike(choice, seed, peer_first != 0, &v);
	assert_in_range(v.core_loses, 16, 48);
	assert_in_range(v.peer_loses, 16, 48);
}

/* --- RFC 4478 --- */

static void test_auth_lifetime(void **state)
{
	static const uint8_t seconds[] = { 0, 0, 0, 100 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, true, KE_NONE, 1);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add_notify(&said, NOTIFY_AUTH_LIFETIME, BYTES(seconds, 4));
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 60 * SECOND);
	duet_hear_nothing(&d);
	duet_wait(&d, 35 * SECOND);
	/* --> IKE_SA_INIT; the old one carries meanwhile */
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 2);
	duet_end(&d);
}

/* --- the kernel refuses --- */

/* Of the new inbound SA: a refusal instead of the answer, once. */
static void test_kernel_refuses_the_new_inbound_sa(void **state)
{
	for (int pfs = 0; pfs <= 1; pfs++) {
		struct peer_exchange x = { .group = pfs ? KE_MODP_2048 : KE_NONE };
		struct draft said;
		struct duet d;

		(void)state;
		up(&d, true, x.group, 1);
		x.rekeys = d.peer.esp_in;
		peer_ask_child(&d.peer, &x, &said);
		d.kernel.fail_add_in = 1;
		d.kernel.fail_error = -ENOMEM;
		duet_say(&d, &said);
		hear_error(&d, NOTIFY_TEMPORARY_FAILURE);
		duet_hear_nothing(&d);
		untouched(&d);
		peer_exchange_free(&x);
		duet_end(&d);
	}
}

/*
 * An answer with its inbound SA leaves in the same step in which another outbound SA, which waited,
 * is refused: that failure is not the answer's, and no second answer leaves.
 */
static void test_failure_of_another_sa_is_not_the_answers(void **state)
{
	struct peer_exchange waits = { 0 }, x = { 0 };
	struct draft said;
	struct duet d;
	unsigned answers = 0;

	(void)state;
	up(&d, true, KE_NONE, 1);
	peer_rekeys(&d, &waits, KE_NONE);
	duet_wait(&d, 10 * SECOND);
	assert_false(sends_on(&d, waits.esp_in));
	peer_ask_child(&d.peer, &x, &said);
	d.now.us += 60 * SECOND; /* the timer is late */
	d.kernel.fail_add_in = 2;
	d.kernel.fail_error = -ENOMEM;
	duet_log(&d);
	duet_say(&d, &said);
	assert_int_equal(strncmp(duet_log(&d), "+in send !out", 13), 0);
	for (const struct duet_datagram *sent; (sent = duet_take(&d)) != NULL;)
		answers += sent->b.p[18] == EXCHANGE_CREATE_CHILD_SA && (sent->b.p[19] & 0x20);
	assert_int_equal(answers, 1);
	peer_exchange_free(&waits);
	peer_exchange_free(&x);
	duet_end(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core_rekeys_a_child),
		cmocka_unit_test(test_core_rekeys_many_times),
		cmocka_unit_test(test_peer_rekeys_a_child),
		cmocka_unit_test(test_peer_never_deletes_the_old_one),
		cmocka_unit_test(test_peer_deletes_the_old_one_twice),
		cmocka_unit_test(test_rekey_notify_stands_anywhere),
		cmocka_unit_test(test_rekey_of_what_is_not_there),
		cmocka_unit_test(test_peer_asks_for_another_child),
		cmocka_unit_test(test_core_asks_for_another_child),
		cmocka_unit_test(test_child_sa_not_found_received),
		cmocka_unit_test(test_temporary_failure_received),
		cmocka_unit_test(test_temporary_failure_once),
		cmocka_unit_test(test_no_additional_sas_received),
		cmocka_unit_test(test_invalid_ke_received),
		cmocka_unit_test(test_invalid_ke_received_for_ike),
		cmocka_unit_test(test_invalid_ke_sent),
		cmocka_unit_test(test_changed_requests),
		cmocka_unit_test(test_failed_rekey_is_tried_again),
		cmocka_unit_test(test_both_rekey_the_same_child),
		cmocka_unit_test(test_peer_never_deletes_its_loser),
		cmocka_unit_test(test_rekey_of_what_is_being_deleted),
		cmocka_unit_test(test_delete_of_what_we_rekey),
		cmocka_unit_test(test_core_rekeys_the_ike_sa),
		cmocka_unit_test(test_peer_rekeys_the_ike_sa),
		cmocka_unit_test(test_peer_never_deletes_the_old_ike_sa),
		cmocka_unit_test(test_old_ike_sa_goes_while_a_child_is_rekeyed),
		cmocka_unit_test(test_authenticated_anew_while_a_child_is_rekeyed),
		cmocka_unit_test(test_requests_on_the_old_ike_sa),
		cmocka_unit_test(test_requests_while_we_rekey_the_ike_sa),
		cmocka_unit_test(test_ike_rekey_while_a_child_is_at_work),
		cmocka_unit_test(test_changed_ike_rekeys),
		cmocka_unit_test(test_both_rekey_the_ike_sa),
		cmocka_unit_test(test_auth_lifetime),
		cmocka_unit_test(test_kernel_refuses_the_new_inbound_sa),
		cmocka_unit_test(test_failure_of_another_sa_is_not_the_answers),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
