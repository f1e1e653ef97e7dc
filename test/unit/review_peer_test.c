/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a second independent review of the core found, each as what must hold instead: forged first
 * messages, crash tokens, peers that pile up IKE SAs, exchanges that fail while others begin.
 */
#include "ike/core.h"
#include "ike/qcd.h"
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;
static const uint8_t crash_secret[QCD_SECRET_LEN] = { 1, 2, 3 };
static const uint8_t vendor_id[16] = { 0x0a, 0x10, 0x9b, 0xb3, 0xdf, 0x1b, 0x7f, 0xaa,
				       0x75, 0x3f, 0x4d, 0xd6, 0x58, 0x31, 0x20, 0x73 };

static void forget_sent(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->log[0] = d->reports[0] = '\0';
}

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = d->us.ip, .remote = d->them.ip },
	};

	duet_event(d, &e);
}

static void start(struct duet *d)
{
	duet_start(d, &standin);
	d->spec.dpd_delay_s = 0;
}

/* Up for a while, and nothing under way. */
static void up(struct duet *d)
{
	start(d);
	duet_core_up(d);
	duet_wait(d, 10 * SECOND);
	forget_sent(d);
}

/* Under the peer's address, by somebody who will never see the answer. */
static void forged_init_as(struct duet *d, const struct ip *source)
{
	const struct endpoint from = { .ip = *source, .port = 500 };
	struct peer forger = {
		.doer = d->peer.doer,
		.spec = d->peer.spec,
		.rng = d->peer.rng,
		.self = d->peer.self,
		.other = d->peer.other,
	};
	struct draft said;
	struct blob message;

	peer_init(&forger);
	peer_ask_init(&forger, &said);
	message = draft_message(&said);
	draft_free(&said);
	duet_give_from(d, &from, &d->us, blob_view(&message));
	blob_free(&message);
	peer_wipe(&forger);
}

static void forged_init(struct duet *d)
{
	forged_init_as(d, &d->them.ip);
}

static void acquire_for(struct duet *d, struct ip remote)
{
	const struct event e = { .kind = EVENT_ACQUIRE,
				 .acquire = { .local = d->us.ip, .remote = remote } };

	duet_event(d, &e);
	forget_sent(d);
}

/* How many IKE_SA_INIT requests of ours are among what was sent. */
static unsigned own_inits(struct duet *d)
{
	const struct duet_datagram *x;
	unsigned n = 0;

	while ((x = duet_take(d)) != NULL) {
		struct ike_header h;

		n += ike_header_decode(blob_view(&x->b), &h) == DECODE_OK &&
		     h.exchange == EXCHANGE_IKE_SA_INIT && !h.response;
	}
	return n;
}

/* --- forged IKE_SA_INITs --- */

static void test_a_forged_init_delays_ours_by_a_moment(void **state)
{
	struct duet d;
	unsigned first = 0;

	(void)state;
	start(&d);
	forged_init(&d);
	for (unsigned s = 1; s <= 10 && first == 0; s++) {
		duet_acquire(&d);
		duet_wait(&d, SECOND);
		if (own_inits(&d) > 0)
			first = s;
		forget_sent(&d);
	}
	assert_in_range(first, 1, 4);
	duet_end(&d);
}

/* The kernel asks once and then is quiet: what it asked for is not forgotten. */
static void test_a_forged_init_and_a_single_acquire(void **state)
{
	struct duet d;

	(void)state;
	start(&d);
	forged_init(&d);
	duet_acquire(&d);
	forget_sent(&d);
	duet_wait(&d, 4 * SECOND);
	assert_true(own_inits(&d) > 0);
	duet_end(&d);
}

static void test_forged_inits_do_not_stop_reauthentication(void **state)
{
	const uint8_t life[4] = { 0, 0, 0, 60 };
	struct draft said, heard;
	struct duet d;

	(void)state;
	up(&d);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add_notify(&said, NOTIFY_AUTH_LIFETIME, BYTES(life, 4));
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	for (int s = 0; s < 60; s++) {
		if (s % 25 == 0)
			forged_init(&d);
		duet_wait(&d, SECOND);
		forget_sent(&d);
	}
	assert_in_range(duet_counters(&d).ike_initiated, 2, 10);
	duet_end(&d);
}

/* The peer's part from IKE_SA_INIT, as heard, to the CHILD_SA. Frees what was heard. */
static void answer_as_responder(struct duet *d, struct draft *init)
{
	struct draft heard, said;

	peer_answer_init(&d->peer, init, &said);
	draft_free(init);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

/* What the core has just made with the peer stands, and nobody took it for a crossed start. */
static void assert_no_rival(struct duet *d)
{
	assert_false(duet_reported(d, "both sides began at once"));
	assert_int_equal(duet_counters(d).tally.collisions[COLLISION_FIRST_CONTACT], 0);
	assert_non_null(fake_kernel_sa(&d->kernel, &d->us.ip, d->peer.esp_out));
	assert_non_null(fake_kernel_sa(&d->kernel, &d->them.ip, d->peer.esp_in));
}

/* Two IKE SAs, both the peer's. What it has of the first one is the caller's, to be wiped. */
static struct peer up_twice(struct duet *d)
{
	struct peer first;

	start(d);
	duet_peer_up(d);
	duet_wait(d, SECOND);
	forget_sent(d);
	first = d->peer;
	peer_init(&d->peer);
	duet_peer_up_beside(d);
	duet_wait(d, SECOND);
	forget_sent(d);
	return first;
}

/* One that the peer made, and forgot when it was killed, is no rival of what we make later. */
static void test_an_ike_sa_that_the_peer_forgot_is_no_rival(void **state)
{
	struct draft heard;
	struct peer first;
	struct duet d;

	(void)state;
	first = up_twice(&d);
	peer_wipe(&first);
	peer_wipe(&d.peer);
	peer_init(&d.peer);
	command(&d, COMMAND_REAUTH);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	answer_as_responder(&d, &heard);
	assert_no_rival(&d);
	duet_end(&d);
}

/* The answer on the peer's newest IKE SA, among DELETEs on those that it has no keys of any more.
 */
static void hear_answer(struct duet *d, uint8_t exchange, struct draft *out)
{
	const struct duet_datagram *x;

	while ((x = duet_take(d)) != NULL) {
		if (peer_open(&d->peer, blob_view(&x->b), out) != 0)
			continue;
		if (out->h.exchange == exchange && out->h.response)
			return;
		draft_free(out);
	}
	fail_msg("no answer");
}

/* Nor is its heir, where the peer rekeys it while we authenticate anew: it is as old. */
static void test_an_ike_sa_that_the_peer_rekeys_meanwhile_is_no_rival(void **state)
{
	struct peer_exchange rekey = { 0 };
	struct draft said, heard;
	struct peer first, second;
	struct blob init;
	struct duet d;

	(void)state;
	first = up_twice(&d);
	command(&d, COMMAND_REAUTH);
	assert_int_equal(blob_copy(&init, blob_view(&duet_take(&d)->b)), 0);
	second = d.peer;
	d.peer = first;
	peer_ask_rekey(&d.peer, &rekey, &said);
	duet_say(&d, &said);
	hear_answer(&d, EXCHANGE_CREATE_CHILD_SA, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	peer_exchange_free(&rekey);
	peer_wipe(&d.peer);
	peer_wipe(&second);
	peer_init(&d.peer);
	assert_int_equal(peer_open(&d.peer, blob_view(&init), &heard), 0);
	blob_free(&init);
	answer_as_responder(&d, &heard);
	assert_no_rival(&d);
	duet_end(&d);
}

/* One after the other, and the kernel asked once: what it asked for is not forgotten. */
static void test_forged_inits_in_a_row(void **state)
{
	struct duet d;
	unsigned n = 0;

	(void)state;
	start(&d);
	for (int i = 0; i < 3; i++) {
		forged_init(&d);
		if (i == 0)
			duet_acquire(&d);
		duet_wait(&d, 2 * SECOND);
		n += own_inits(&d);
		forget_sent(&d);
	}
	assert_true(n > 0);
	duet_end(&d);
}

static void stray(struct duet *d, const struct ip *local, const struct ip *remote, uint32_t spi,
		  uint32_t seq)
{
	const struct event e = {
		.kind = EVENT_STRAY_ESP,
		.stray = { .local = *local,
			   .remote = *remote,
			   .spi = spi,
			   .seq = seq,
			   .octets = 2000 },
	};

	duet_event(d, &e);
}

static void test_forged_inits_do_not_stop_healing(void **state)
{
	struct duet d;
	unsigned n = 0;

	(void)state;
	start(&d);
	for (int i = 0; i < 100; i++) {
		if (i == 0)
			forged_init(&d);
		duet_wait(&d, SECOND / 10);
		stray(&d, &d.us.ip, &d.them.ip, 0xc0ffee01, (uint32_t)i + 5);
		n += own_inits(&d);
		forget_sent(&d);
	}
	assert_true(n > 0);
	duet_end(&d);
}

/* The SPI of a living SA, sent to another address of this host: not what the kernel lost. */
static void test_a_stray_to_another_address_ends_nothing(void **state)
{
	const struct ip local = ip_v4(10, 9, 9, 9), remote = ip_v4(10, 0, 0, 77);
	struct duet d;

	(void)state;
	up(&d);
	for (uint32_t seq = 1; seq < 10; seq++) {
		stray(&d, &local, &remote, d.peer.esp_out, seq);
		stray(&d, &local, &d.them.ip, d.peer.esp_out, seq);
		stray(&d, &d.us.ip, &remote, d.peer.esp_out, seq);
	}
	assert_int_equal(d.kernel.n_sas, 2);
	duet_assert_child(&d);
	duet_end(&d);
}

/* However full the table is: a stranger's first message drives out nobody that has an SA. */
static void test_a_forged_init_evicts_nobody(void **state)
{
	const struct ip who = ip_v4(10, 0, 7, 1);
	struct duet d;

	(void)state;
	up(&d);
	for (uint8_t i = 0; i < 3; i++)
		acquire_for(&d, ip_v4(10, 0, 3, i));
	for (int i = 0; i < 60; i++) {
		duet_wait(&d, SECOND);
		forget_sent(&d);
	}
	d.spec.max_pairs = 2;
	forged_init_as(&d, &who);
	assert_false(duet_reported(&d, "max_pairs"));
	assert_int_equal(d.kernel.n_sas, 2);
	duet_end(&d);
}

/*
 * A pair waits for its turn; a reload drops its subnet; its half-open IKE SA ends in the very step
 * in which its turn comes.
 */
static void test_a_pair_ends_in_the_step_of_its_turn(void **state)
{
	const struct event tick = { .kind = EVENT_TIMER };
	const struct ip who = ip_v4(10, 250, 0, 1);
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	const int64_t began = d.now.us;
	forged_init_as(&d, &who);
	forget_sent(&d);
	duet_wait(&d, 20 * SECOND + 10000);
	for (unsigned i = 0; i < 700; i++)
		acquire_for(&d, i == 650 ? who : ip_v4(10, 100, (uint8_t)(i >> 8), (uint8_t)i));
	while (d.now.us < began + 29990000) {
		duet_wait(&d, 5000);
		forget_sent(&d);
	}
	const size_t n = d.spec.n_protect;
	d.spec.n_protect = 0;
	const struct event reload = { .kind = EVENT_SPEC, .spec = { .spec = &d.spec } };
	duet_event(&d, &reload);
	d.now.us = began + 30200000;
	duet_event(&d, &tick);
	d.spec.n_protect = n;
	forget_sent(&d);
	duet_end(&d);
}

/* --- what the kernel is said to have lost --- */

/* An ACQUIRE that was read late: the SAs are there, and stay. */
static void test_a_late_acquire_ends_nothing(void **state)
{
	struct duet d;

	(void)state;
	up(&d);
	duet_acquire(&d);
	assert_false(duet_reported(&d, "the kernel lost"));
	assert_int_equal(d.kernel.n_sas, 2);
	duet_end(&d);
}

/* --- RFC 6290 --- */

static bool has_token(struct duet *d, const uint8_t token[static QCD_TOKEN_LEN])
{
	const struct duet_datagram *x;
	bool has = false;

	while ((x = duet_take(d)) != NULL)
		for (size_t i = 0; i + QCD_TOKEN_LEN <= x->b.n; i++)
			has |= memcmp(x->b.p + i, token, QCD_TOKEN_LEN) == 0;
	return has;
}

/* 9.2: never for an IKE SA that lives, however the header of the request is twisted. */
static void test_no_token_for_a_living_sa(void **state)
{
	const struct duet_options o = { .peer_is_ikemesh = true, .qcd_secret = crash_secret };

	(void)state;
	for (int i = 0; i < 8; i++) {
		uint8_t sealed[60] = { 0 }, buffer[200], copy[200], token[QCD_TOKEN_LEN];
		struct builder b;
		struct bytes m;
		struct duet d;

		duet_start(&d, &o);
		d.peer.vendor = BYTES(vendor_id, sizeof vendor_id);
		if (i & 1)
			duet_core_up(&d);
		else
			duet_peer_up(&d);
		duet_wait(&d, 5 * SECOND);
		forget_sent(&d);
		const struct ike_header h = { .spi_i = d.peer.spi_i,
					      .spi_r = d.peer.spi_r,
					      .version = 0x20,
					      .exchange = EXCHANGE_INFORMATIONAL,
					      .initiator = (i & 2) != 0,
					      .message_id = i & 4 ? 7 : 1 };
		message_begin(&b, buffer, sizeof buffer, &h);
		payload_begin(&b, PAYLOAD_SK);
		write_bytes(&b.w, BYTES(sealed, sizeof sealed));
		payload_end(&b);
		m = message_end(&b);
		memcpy(copy, m.p, m.n);
		duet_give(&d, BYTES(copy, m.n));
		assert_int_equal(qcd_token(crash_secret, d.peer.spi_i, d.peer.spi_r, &d.us.ip,
					   &d.them.ip, token),
				 0);
		assert_false(has_token(&d, token));
		duet_end(&d);
	}
}

/* --- a peer that piles up --- */

static void test_ike_sas_without_children_are_bounded(void **state)
{
	struct duet d;

	(void)state;
	start(&d);
	duet_peer_up(&d);
	for (int i = 0; i < 60; i++) {
		struct draft said, heard;

		duet_wait(&d, SECOND / 10);
		forget_sent(&d);
		peer_wipe(&d.peer);
		duet_peer_init(&d);
		peer_ask_auth(&d.peer, &said);
		draft_drop(&said, PAYLOAD_SA);
		draft_drop(&said, PAYLOAD_TSI);
		draft_drop(&said, PAYLOAD_TSR);
		duet_say(&d, &said);
		hear_answer(&d, EXCHANGE_IKE_AUTH, &heard);
		draft_free(&heard);
	}
	assert_in_range(duet_counters(&d).ike_sas, 1, 20);
	assert_int_equal(duet_counters(&d).child_sas, 1); /* the one that serves was spared */
	duet_end(&d);
}

static void test_rekeys_in_a_row_are_bounded(void **state)
{
	struct duet d;

	(void)state;
	up(&d);
	d.spec.child_requests_per_minute = 60000; /* all are answered */
	for (int i = 0; i < 100; i++) {
		struct peer_exchange x = { 0 };
		struct draft said, heard;
		struct peer old;

		duet_wait(&d, SECOND / 10);
		forget_sent(&d);
		peer_ask_rekey(&d.peer, &x, &said);
		duet_say(&d, &said);
		hear_answer(&d, EXCHANGE_CREATE_CHILD_SA, &heard);
		peer_take_rekey(&d.peer, &x, &heard);
		draft_free(&heard);
		old = d.peer;
		peer_successor(&old, &x, &d.peer);
		peer_wipe(&old);
		peer_exchange_free(&x);
	}
	assert_in_range(duet_counters(&d).ike_sas, 1, 20);
	duet_end(&d);
}

/* Ours is out; the peer rekeys the same IKE SA, once: that is a collision. Again: not yet. */
static void test_a_second_rekey_of_the_peer_has_to_wait(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	draft_free(&heard);
	for (int i = 0; i < 10; i++) {
		struct peer_exchange x = { 0 };

		peer_ask_rekey(&d.peer, &x, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
		assert_int_equal(draft_error(&heard), i == 0 ? 0 : NOTIFY_TEMPORARY_FAILURE);
		draft_free(&heard);
		peer_exchange_free(&x);
	}
	assert_int_equal(duet_counters(&d).ike_sas, 2);
	duet_end(&d);
}

/* --- failures --- */

static void test_a_refused_rekey_beside_a_forged_init_is_tried_again(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d);
	forged_init(&d);
	forget_sent(&d);
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_add_notify(&said, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
	draft_free(&heard);
	duet_say(&d, &said);
	forget_sent(&d);
	duet_wait(&d, 61 * SECOND);
	assert_true(duet_waiting(&d) > 0);
	duet_end(&d);
}

static int no_random(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	(void)out;
	(void)n;
	return -EIO;
}

static void test_without_randomness_a_rekey_fails_once(void **state)
{
	struct duet d;

	(void)state;
	up(&d);
	d.engine->options.random = no_random;
	command(&d, COMMAND_REKEY);
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	duet_end(&d);
}

/* A reload that demands the PPK arrives while IKE_AUTH without one is under way. */
static void test_ppk_required_while_ike_auth_is_out(void **state)
{
	static struct ppk ppk;
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	d.doer.ppk = &ppk;
	assert_int_equal(blob_copy(&d.spec.ppk_id, BYTES((const uint8_t *)"mesh", 4)), 0);
	d.spec.ppk_required = true;
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &d.spec } };
	duet_event(&d, &e);
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_true(duet_reported(&d, "which ppk_required demands by now"));
	duet_end(&d);
}

/* Its outbound SA waits for others' sake (hold.h) when the kernel refuses the inbound one. */
static void test_a_held_child_that_is_deleted_stays_so(void **state)
{
	struct event other = { .kind = EVENT_ACQUIRE };
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d);
	duet_acquire(&d);
	other.acquire.local = d.us.ip;
	other.acquire.remote = d.them.ip;
	other.acquire.remote.b[3] ^= 0x10;
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	duet_event(&d, &other);
	(void)duet_take(&d);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	d.kernel.fail_add_in = 1;
	d.kernel.fail_error = -ENOMEM;
	duet_say(&d, &said);
	duet_wait(&d, 6 * SECOND);
	assert_int_equal(fake_kernel_count(&d.kernel, &d.us.ip, &d.them.ip, false), 0);
	duet_end(&d);
}

static void test_the_peer_deletes_while_our_key_is_made(void **state)
{
	struct draft said, heard;
	struct duet d;

	(void)state;
	up(&d);
	d.hold_jobs = true;
	command(&d, COMMAND_REKEY_IKE);
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	d.hold_jobs = false;
	duet_run_jobs(&d);
	duet_wait(&d, 9 * SECOND);
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* It is authentic and cannot be read: the IKE SA goes, and the peer is told. */
static void test_a_malformed_answer_ends_in_a_delete(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d);
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_add(&said, 99, BYTES((const uint8_t *)"x", 1));
	said.p[said.n - 1].critical = true;
	draft_free(&heard);
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	duet_end(&d);
}

/* Ours comes to nothing; the peer's own rekeying, complete, carries the children on. */
static void test_a_failed_rekey_yields_to_the_rival(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft ask, heard, said;
	struct duet d;

	(void)state;
	up(&d);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &ask);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&d.peer, &x, &heard);
	draft_free(&heard);
	peer_answer(&d.peer, &ask, &said);
	draft_free(&ask);
	duet_say(&d, &said);
	duet_wait(&d, 60 * SECOND);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	assert_int_equal(d.kernel.n_sas, 2);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	peer_exchange_free(&x);
	duet_end(&d);
}

/*
 * The old child of a rekeying comes to its hard limit while its successor's outbound SA still
 * waits, beside an IKE SA of the peer's: with the successor there this IKE SA is superfluous. One
 * DELETE.
 */
static void test_a_delete_within_a_delete(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft said, heard;
	struct peer first;
	struct duet d;

	(void)state;
	up(&d);
	x.rekeys = d.peer.esp_in;
	const struct event hard = {
		.kind = EVENT_EXPIRE,
		.expire = { .hard = true,
			    .ref = { .src = d.us.ip, .dst = d.them.ip, .spi = d.peer.esp_in } },
	};
	peer_ask_child(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_child(&d.peer, &x, &heard);
	draft_free(&heard);
	first = d.peer;
	d.peer = (struct peer){ .doer = first.doer,
				.spec = first.spec,
				.rng = first.rng,
				.self = first.self,
				.other = first.other };
	peer_init(&d.peer);
	duet_peer_up_beside(&d);
	forget_sent(&d);
	duet_event(&d, &hard);
	assert_int_equal(duet_waiting(&d), 1);
	for (int i = 0; i < 300; i++) {
		duet_wait(&d, SECOND);
		forget_sent(&d);
	}
	assert_int_equal(d.kernel.n_sas, 2);
	assert_int_equal(duet_counters(&d).child_sas, 1);
	peer_exchange_free(&x);
	peer_wipe(&first);
	duet_end(&d);
}

/* Up to a tenth below the limit, by chance. */
static void test_packet_limits_have_a_fuzz(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		const struct duet_options o = { .seed = seed };
		struct duet d;

		duet_start(&d, &o);
		d.spec.esp_packet_limit = 1000000;
		duet_core_up(&d);
		const struct fake_sa *s = fake_kernel_sa(&d.kernel, &d.them.ip, d.peer.esp_in);
		assert_non_null(s);
		least = s->spec.soft_packets < least ? s->spec.soft_packets : least;
		most = s->spec.soft_packets > most ? s->spec.soft_packets : most;
		duet_end(&d);
	}
	assert_in_range(least, 900000, 950000);
	assert_in_range(most, 950000, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_forged_init_delays_ours_by_a_moment),
		cmocka_unit_test(test_a_forged_init_and_a_single_acquire),
		cmocka_unit_test(test_forged_inits_do_not_stop_reauthentication),
		cmocka_unit_test(test_an_ike_sa_that_the_peer_forgot_is_no_rival),
		cmocka_unit_test(test_an_ike_sa_that_the_peer_rekeys_meanwhile_is_no_rival),
		cmocka_unit_test(test_forged_inits_in_a_row),
		cmocka_unit_test(test_forged_inits_do_not_stop_healing),
		cmocka_unit_test(test_a_stray_to_another_address_ends_nothing),
		cmocka_unit_test(test_a_forged_init_evicts_nobody),
		cmocka_unit_test(test_a_pair_ends_in_the_step_of_its_turn),
		cmocka_unit_test(test_a_late_acquire_ends_nothing),
		cmocka_unit_test(test_a_delete_within_a_delete),
		cmocka_unit_test(test_no_token_for_a_living_sa),
		cmocka_unit_test(test_ike_sas_without_children_are_bounded),
		cmocka_unit_test(test_rekeys_in_a_row_are_bounded),
		cmocka_unit_test(test_a_second_rekey_of_the_peer_has_to_wait),
		cmocka_unit_test(test_a_refused_rekey_beside_a_forged_init_is_tried_again),
		cmocka_unit_test(test_without_randomness_a_rekey_fails_once),
		cmocka_unit_test(test_ppk_required_while_ike_auth_is_out),
		cmocka_unit_test(test_a_held_child_that_is_deleted_stays_so),
		cmocka_unit_test(test_the_peer_deletes_while_our_key_is_made),
		cmocka_unit_test(test_a_malformed_answer_ends_in_a_delete),
		cmocka_unit_test(test_a_failed_rekey_yields_to_the_rival),
		cmocka_unit_test(test_packet_limits_have_a_fuzz),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
