/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Additional key exchanges (RFC 9370) in IKE_INTERMEDIATE (RFC 9242) as conversations. Where the
 * crypto library has no ML-KEM, a stand-in with the same lengths takes its place. Keys and IntAuth
 * are computed by the peer once more, from the RFCs.
 */
#include "config/suites.h"
#include "ike/core.h"
#include "ike/intauth.h"
#include "lib/toykem.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define PLAIN "aes256-sha384-curve25519"
#define HYBRID PLAIN "-ke1_mlkem768"
#define THREE "aes256gcm16-prfsha512-ecp256-ke2_mlkem1024-ke3_ecp384-ke7_mlkem512"

static void propose(struct spec *s, const char *proposals)
{
	char error[256];

	if (suites_parse(proposals, PROTO_IKE, s->ike, SPEC_PROPOSALS, &s->n_ike, error,
			 sizeof error) != 0)
		fail_msg("%s: %s", proposals, error);
}

static void start(struct duet *d, const char *ours, const char *theirs, bool real)
{
	duet_start(d, &(struct duet_options){ .real = real });
	propose(&d->spec, ours);
	propose(&d->peer_spec, theirs);
}

/* --- passages --- */

static void check_value(const struct duet *d, struct draft *heard, size_t n)
{
	const struct draft_payload *p = draft_find(heard, PAYLOAD_KE);
	struct bytes value;
	uint16_t method;

	assert_int_equal(heard->n, 1);
	assert_non_null(p);
	assert_true(ke_decode(blob_view(&p->body), &method, &value));
	assert_int_equal(method, d->peer.add_ke[d->peer.add_ke_done]->id);
	assert_int_equal(value.n, n);
	assert_int_equal(heard->h.message_id, 1 + d->peer.add_ke_done);
}

/* The core begins: all of IKE_INTERMEDIATE. */
static void core_exchanges(struct duet *d)
{
	while (d->peer.add_ke_done < d->peer.n_add_ke) {
		struct draft heard, said;

		/* --> IKE_INTERMEDIATE { KEi(n) } */
		duet_hear(d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		check_value(d, &heard, d->peer.add_ke[d->peer.add_ke_done]->public_len);
		/* <-- IKE_INTERMEDIATE { KEr(n) } */
		peer_answer_intermediate(&d->peer, &heard, &said);
		draft_free(&heard);
		duet_say(d, &said);
		peer_turn(&d->peer);
	}
}

/* The core begins, and the peer answers IKE_AUTH. */
static void core_auth(struct duet *d)
{
	struct draft heard, said;

	/* --> IKE_AUTH */
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(heard.h.message_id, 1 + d->peer.n_add_ke);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	/* <-- IKE_AUTH */
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	duet_assert_child(d);
	assert_int_equal(duet_ike_state(d), IKE_ESTABLISHED);
}

static void peer_exchange(struct duet *d)
{
	struct draft heard, said;

	/* <-- IKE_INTERMEDIATE { KEi(n) } */
	peer_ask_intermediate(&d->peer, &said);
	duet_say(d, &said);
	/* --> IKE_INTERMEDIATE { KEr(n) } */
	duet_hear(d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
	check_value(d, &heard, d->peer.ke->response_len);
	peer_take_intermediate(&d->peer, &heard);
	draft_free(&heard);
}

static void peer_exchanges(struct duet *d)
{
	while (d->peer.add_ke_done < d->peer.n_add_ke)
		peer_exchange(d);
}

static void peer_auth(struct duet *d)
{
	struct draft heard, said;

	peer_ask_auth(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	peer_take_auth(&d->peer, &heard);
	draft_free(&heard);
	duet_esp_from_peer(d);
	duet_esp_from_peer(d);
	duet_assert_child(d);
	assert_int_equal(duet_ike_state(d), IKE_ESTABLISHED);
}

/* Under the last keys: the IKE SA is alive. */
static void check_alive(struct duet *d)
{
	struct draft heard, said;

	peer_ask(&d->peer, EXCHANGE_INFORMATIONAL, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	assert_int_equal(heard.n, 0);
	draft_free(&heard);
}

/* --- what goes well --- */

static const char *const suites[] = { HYBRID, THREE, PLAIN "-ke1_ecp384",
				      "aes128gcm16-prfsha256-modp2048-ke1_mlkem512", PLAIN };
#define N_SUITES (sizeof suites / sizeof suites[0])

static void test_core_begins(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * N_SUITES; i++) {
		struct duet d;

		start(&d, suites[i / 2], suites[i / 2], i % 2);
		duet_core_init(&d);
		core_exchanges(&d);
		core_auth(&d);
		check_alive(&d);
		duet_end(&d);
	}
}

static void test_peer_begins(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * N_SUITES; i++) {
		struct duet d;

		start(&d, suites[i / 2], suites[i / 2], i % 2);
		duet_peer_init(&d);
		peer_exchanges(&d);
		peer_auth(&d);
		check_alive(&d);
		duet_end(&d);
	}
}

/* Both ways with small datagrams: RFC 9242 3.3.2, IntAuth does not depend on how a message comes.
 */
static void test_fragments(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, true);
	d.spec.fragment_size = 576;
	duet_core_init(&d);
	assert_true(duet_waiting(&d) > 2);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
	check_value(&d, &heard, 1184);
	peer_answer_intermediate(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say_fragmented(&d, &said, 400);
	peer_turn(&d.peer);
	core_auth(&d);
	duet_end(&d);

	start(&d, HYBRID, HYBRID, true);
	d.spec.fragment_size = 576;
	duet_peer_init(&d);
	peer_ask_intermediate(&d.peer, &said);
	duet_say_fragmented(&d, &said, 300);
	assert_true(duet_waiting(&d) > 1);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
	check_value(&d, &heard, 1088);
	peer_take_intermediate(&d.peer, &heard);
	draft_free(&heard);
	peer_auth(&d);
	duet_end(&d);
}

/* RFC 9242 3.2: behind a NAT the port changes with the first IKE_INTERMEDIATE. */
static void test_ports(void **state)
{
	struct endpoint them, us;
	struct draft said, heard;
	struct blob datagram;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, false);
	d.spec.encapsulation = ENCAP_ALWAYS;
	duet_core_init(&d);
	assert_int_equal(d.sent[d.taken].remote.port, 4500);
	assert_int_equal(d.sent[d.taken].local.port, 4500);
	core_exchanges(&d);
	assert_int_equal(d.sent[d.taken].remote.port, 4500);
	core_auth(&d);
	duet_end(&d);

	start(&d, HYBRID, HYBRID, false);
	duet_peer_init(&d);
	peer_ask_intermediate(&d.peer, &said);
	datagram = peer_seal(&d.peer, &said);
	draft_free(&said);
	them = d.them;
	us = d.us;
	them.port = 61234;
	us.port = 4500;
	duet_give_from(&d, &them, &us, blob_view(&datagram));
	blob_free(&datagram);
	assert_int_equal(d.sent[d.taken].remote.port, 61234);
	assert_int_equal(d.sent[d.taken].local.port, 4500);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* --- who can what --- */

static void test_peer_falls_back(void **state)
{
	static const struct {
		const char *ours, *theirs;
	} table[] = {
		{ HYBRID "," PLAIN, PLAIN },   /* it takes another proposal */
		{ HYBRID "-ke1_none", PLAIN }, /* ours may do without */
		{ HYBRID "," HYBRID "-ke2_none", HYBRID "," PLAIN },
		{ PLAIN, PLAIN "-ke1_none" },
	};
	struct draft heard, said;
	struct duet d;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		start(&d, table[i].ours, table[i].theirs, false);
		duet_peer_init(&d);
		peer_exchanges(&d);
		peer_auth(&d);
		duet_end(&d);
	}
	/* The core begins; the peer takes the second proposal, and says nothing of RFC 9242. */
	start(&d, HYBRID "," PLAIN, PLAIN, false);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	assert_true(draft_has_notify(&heard, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED));
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	const struct draft_payload *sa = draft_find(&said, PAYLOAD_SA);
	sa->body.p[4] = 2; /* the number of the proposal */
	duet_say(&d, &said);
	core_auth(&d);
	duet_end(&d);
	/* The core offers NONE too, and the peer leaves the type out. */
	start(&d, HYBRID "-ke1_none", PLAIN, false);
	duet_core_init(&d);
	core_auth(&d);
	duet_end(&d);
}

/* What has no use for it does not speak of it. */
static void test_nothing_said_without_need(void **state)
{
	struct draft heard;
	struct duet d;

	(void)state;
	start(&d, PLAIN, PLAIN, false);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	assert_false(draft_has_notify(&heard, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED));
	draft_free(&heard);
	duet_end(&d);
}

static void test_peer_cannot(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	/* Nothing in common. */
	start(&d, HYBRID, PLAIN, false);
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_NO_PROPOSAL_CHOSEN);
	draft_free(&heard);
	assert_true(duet_reported(&d, "no common IKE proposal, peer offers "
				      "AES_CBC_256/PRF_HMAC_SHA2_384/HMAC_SHA2_384_192/"
				      "CURVE_25519"));
	duet_end(&d);
	/* Offers what it does not know how to do. */
	start(&d, HYBRID, HYBRID, false);
	d.peer.no_intermediate = true;
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_NO_PROPOSAL_CHOSEN);
	draft_free(&heard);
	assert_true(duet_reported(&d, "additional key exchange without IKE_INTERMEDIATE"));
	assert_true(duet_reported(&d, "/KE1_ML_KEM_768"));
	duet_end(&d);
	/* Chooses it: a hint, since anybody could have said so, and a better answer still counts.
	 */
	start(&d, HYBRID, HYBRID, false);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	d.peer.no_intermediate = true;
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	duet_wait(&d, SECOND);
	assert_true(duet_reported(&d, "peer chooses an additional key exchange, and knows no "
				      "IKE_INTERMEDIATE"));
	duet_assert_empty(&d);
	duet_end(&d);
}

/* RFC 9370 2.2.1: what is chosen was offered, once each, and nothing is left out that had to be. */
static void test_bad_choices(void **state)
{
	static const struct {
		const char *ours, *chosen;
	} table[] = {
		{ HYBRID, PLAIN },
		{ HYBRID, PLAIN "-ke1_mlkem512" },
		{ HYBRID, PLAIN "-ke2_mlkem768" },
		{ HYBRID, HYBRID "-ke2_ecp256" },
		{ HYBRID "-ke1_ecp384", HYBRID "-ke1_ecp384" }, /* both of one type */
		{ PLAIN, HYBRID },
		{ THREE, "aes256gcm16-prfsha512-ecp256-ke2_mlkem1024-ke7_mlkem512" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct duet d;

		start(&d, table[i].ours, table[i].chosen, false);
		duet_core_init(&d);
		if (duet_waiting(&d) || !duet_reported(&d, "chooses what we did not offer"))
			fail_msg("%s of %s: %s", table[i].chosen, table[i].ours, d.reports);
		duet_end(&d);
	}
	/* A number of no type that there is. */
	for (unsigned type = 13; type < 256; type += 11) {
		struct draft heard, said;
		struct duet d;

		start(&d, HYBRID, HYBRID, false);
		duet_acquire(&d);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		struct draft_payload *sa = draft_find(&said, PAYLOAD_SA);
		assert_int_equal(sa->body.p[sa->body.n - 4], TRANSFORM_ADDKE1);
		sa->body.p[sa->body.n - 4] = (uint8_t)type;
		duet_say(&d, &said);
		duet_hear_nothing(&d);
		assert_true(duet_reported(&d, "chooses what we did not offer"));
		duet_end(&d);
	}
}

/* --- loss --- */

static bool same_datagram(const struct duet *d, size_t a, size_t b)
{
	return bytes_equal(blob_view(&d->sent[a].b), blob_view(&d->sent[b].b));
}

/* The core's request is lost, then the peer's answer: the same goes out again. */
static void test_core_repeats(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, THREE, THREE, true);
	d.spec.fragment_size = 65535; /* one message, one datagram */
	duet_core_init(&d);
	while (d.peer.add_ke_done < d.peer.n_add_ke) {
		size_t first = d.taken;

		/* --> IKE_INTERMEDIATE { KEi(n) }, lost */
		assert_int_equal(duet_waiting(&d), 1);
		duet_take(&d);
		duet_wait(&d, 6 * SECOND / 10);
		assert_int_equal(duet_waiting(&d), 1);
		assert_true(same_datagram(&d, first, first + 1));
		/* --> the same; <-- its answer, lost; --> the same */
		duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		duet_wait(&d, 7 * SECOND / 10);
		assert_int_equal(duet_waiting(&d), 1);
		assert_true(same_datagram(&d, first, first + 2));
		duet_take(&d);
		peer_answer_intermediate(&d.peer, &heard, &said);
		draft_free(&heard);
		struct blob answer = peer_seal(&d.peer, &said);
		draft_free(&said);
		duet_give(&d, blob_view(&answer));
		duet_give(&d, blob_view(&answer)); /* twice: under keys that are gone */
		blob_free(&answer);
		peer_turn(&d.peer);
	}
	core_auth(&d);
	duet_end(&d);
}

/* The same request again: the same answer, though the keys have changed, and no other job. */
static void test_core_answers_again(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, THREE, THREE, true);
	d.spec.fragment_size = 65535;
	duet_peer_init(&d);
	while (d.peer.add_ke_done < d.peer.n_add_ke) {
		struct blob request;
		size_t first = d.taken;

		peer_ask_intermediate(&d.peer, &said);
		request = peer_seal(&d.peer, &said);
		draft_free(&said);
		duet_log(&d);
		d.hold_jobs = true;
		duet_give(&d, blob_view(&request));
		duet_give(&d, blob_view(&request)); /* while it is worked on: nothing */
		assert_string_equal(duet_log(&d), "job:respond");
		d.hold_jobs = false;
		duet_run_jobs(&d);
		duet_give(&d, blob_view(&request));
		duet_give(&d, blob_view(&request));
		assert_string_equal(duet_log(&d), "send send send");
		assert_true(same_datagram(&d, first, first + 1));
		assert_true(same_datagram(&d, first, first + 2));
		duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
		d.taken = d.n_sent;
		peer_take_intermediate(&d.peer, &heard);
		draft_free(&heard);
		blob_free(&request);
	}
	peer_auth(&d);
	duet_end(&d);
}

static void test_no_answer_at_all(void **state)
{
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, false);
	duet_core_init(&d);
	duet_wait(&d, 40 * SECOND);
	assert_true(duet_reported(&d, "no answer to IKE_INTERMEDIATE after 13 tries"));
	duet_assert_empty(&d);
	duet_end(&d);

	start(&d, HYBRID, HYBRID, false);
	duet_peer_init(&d);
	peer_exchange(&d);
	duet_wait(&d, 40 * SECOND);
	assert_true(duet_reported(&d, "peer went silent"));
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- what does not go well --- */

/*
 * Somebody who has the keys of IKE_SA_INIT (one with a quantum computer) changes a message on its
 * way: what the other side said is not what came, and AUTH shows it.
 */
static void test_tampered_request_to_core(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, true);
	duet_peer_init(&d);
	peer_ask_intermediate(&d.peer, &said);
	draft_add_notify(&said, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
	peer_take_intermediate(&d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

static void test_tampered_answer_from_core(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, true);
	duet_peer_init(&d);
	peer_ask_intermediate(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
	draft_add_notify(&heard, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	peer_take_intermediate(&d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
	draft_free(&heard);
	duet_end(&d);
}

static void test_tampered_with_core_as_initiator(void **state)
{
	(void)state;
	for (unsigned answer = 0; answer < 2; answer++) {
		struct draft heard, said;
		struct duet d;

		start(&d, HYBRID, HYBRID, true);
		duet_core_init(&d);
		duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		if (!answer)
			draft_add_notify(&heard, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
		peer_answer_intermediate(&d.peer, &heard, &said);
		draft_free(&heard);
		if (answer)
			draft_add_notify(&said, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
		duet_say(&d, &said);
		peer_turn(&d.peer);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_BAD_SIGNATURE);
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		/* --> INFORMATIONAL { N(AUTHENTICATION_FAILED) }, and nothing is up */
		duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

/* A KEM's response that is none: both sides have other keys, and nothing can be read any more. */
static void test_wrong_response(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, true);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
	peer_answer_intermediate(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_find(&said, PAYLOAD_KE)->body.p[700] ^= 1;
	duet_say(&d, &said);
	peer_turn(&d.peer);
	const struct duet_datagram *auth = duet_take(&d);
	assert_non_null(auth);
	assert_true(peer_open(&d.peer, blob_view(&auth->b), &heard) != 0);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* IKE_AUTH while an exchange is missing: refused, whatever it says. */
static void test_peer_leaves_one_out(void **state)
{
	(void)state;
	for (size_t done = 0; done < 3; done++) {
		struct draft heard, said;
		struct duet d;

		start(&d, THREE, THREE, true);
		duet_peer_init(&d);
		for (size_t i = 0; i < done; i++)
			peer_exchange(&d);
		peer_ask_auth(&d.peer, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
		draft_free(&heard);
		assert_true(duet_reported(&d, "peer leaves out an additional key exchange"));
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

static void ask_and_hear_nothing(struct duet *d)
{
	uint64_t drops = duet_counters(d).drops;
	struct draft said;

	peer_ask(&d->peer, EXCHANGE_IKE_INTERMEDIATE, &said);
	ke_encode(draft_begin(&said), KE_ECP_256, blob_view(&d->peer.ni));
	draft_end(&said);
	duet_log(d);
	duet_say(d, &said);
	assert_string_equal(duet_log(d), "");
	assert_int_equal(duet_counters(d).drops, drops + 1);
	d->peer.send_id--;
}

/* None is due: not agreed on, all done, or the IKE SA is up. Dropped, and no harm done. */
static void test_none_is_due(void **state)
{
	struct duet d;

	(void)state;
	start(&d, PLAIN, PLAIN, false);
	duet_peer_init(&d);
	ask_and_hear_nothing(&d);
	peer_auth(&d);
	ask_and_hear_nothing(&d);
	check_alive(&d);
	duet_end(&d);

	start(&d, HYBRID, HYBRID, false);
	duet_peer_init(&d);
	peer_exchanges(&d);
	ask_and_hear_nothing(&d);
	peer_auth(&d);
	ask_and_hear_nothing(&d);
	check_alive(&d);
	duet_end(&d);
	/* A responder has nothing to ask. */
	start(&d, HYBRID, HYBRID, false);
	duet_core_init(&d);
	ask_and_hear_nothing(&d);
	core_exchanges(&d);
	ask_and_hear_nothing(&d);
	core_auth(&d);
	duet_end(&d);
}

enum fault {
	OTHER_METHOD,
	NO_OCTETS,
	TOO_SHORT,
	TOO_LONG,
	NO_KEY, /* no ML-KEM public value: FIPS 203 7.2 */
	NO_KE,
	TWO_KES,
	FAULTS,
};

static void spoil(struct draft *said, enum fault f, size_t n)
{
	uint8_t value[2048];
	struct draft_payload *ke = draft_find(said, PAYLOAD_KE);
	struct draft other = { 0 };
	uint16_t method = f == OTHER_METHOD ? KE_ML_KEM_512 : KE_ML_KEM_768;

	if (f == NO_KE) {
		draft_drop(said, PAYLOAD_KE);
		return;
	}
	if (f == TWO_KES) {
		draft_double(said, PAYLOAD_KE);
		return;
	}
	memset(value, 0xff, sizeof value);
	memcpy(value, ke->body.p + 4, f == NO_KEY ? 0 : n);
	n = f == NO_OCTETS ? 0 : f == TOO_SHORT ? n - 1 : f == TOO_LONG ? n + 1 : n;
	ke_encode(draft_begin(&other), method, BYTES(value, n));
	draft_end(&other);
	draft_set(ke, blob_view(&other.p[0].body));
	draft_free(&other);
}

static void test_bad_requests(void **state)
{
	(void)state;
	for (unsigned f = 0; f < FAULTS; f++) {
		struct draft heard, said;
		struct duet d;

		start(&d, HYBRID, HYBRID, true);
		duet_peer_init(&d);
		peer_ask_intermediate(&d.peer, &said);
		spoil(&said, f, 1184);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
		draft_free(&heard);
		assert_true(duet_reported(&d, "INVALID_SYNTAX"));
		duet_wait(&d, 60 * SECOND);
		duet_assert_empty(&d);
		peer_wipe(&d.peer);
		duet_peer_init(&d);
		peer_exchanges(&d);
		peer_auth(&d);
		duet_end(&d);
	}
}

static void test_bad_answers(void **state)
{
	(void)state;
	for (unsigned f = 0; f <= FAULTS; f++) {
		struct draft heard, said;
		struct duet d;

		if (f == NO_KEY) /* any octets are a response: test_wrong_response */
			continue;
		start(&d, HYBRID, HYBRID, true);
		duet_core_init(&d);
		duet_hear(&d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		peer_answer_intermediate(&d.peer, &heard, &said);
		draft_free(&heard);
		if (f < FAULTS)
			spoil(&said, f, 1088);
		if (f == FAULTS) { /* a refusal */
			draft_drop(&said, PAYLOAD_KE);
			draft_add_notify(&said, NOTIFY_INVALID_SYNTAX, BYTES_NONE);
		}
		duet_say(&d, &said);
		duet_hear_nothing(&d);
		if (!duet_reported(
			    &d, f == FAULTS ? "peer refused IKE_INTERMEDIATE with ML_KEM_768: "
					      "INVALID_SYNTAX"
				: f == NO_KE || f == TWO_KES ? "peer's answer is malformed"
							     : "no ML_KEM_768 value that can be"))
			fail_msg("%u: %s", f, d.reports);
		duet_assert_empty(&d);
		duet_end(&d);
	}
}

/* Something in the clear beside the SK payload: we know of nothing that would be. */
static void test_something_in_the_clear(void **state)
{
	struct blob sealed, mixed;
	struct draft said;
	struct duet d;

	(void)state;
	start(&d, HYBRID, HYBRID, false);
	duet_peer_init(&d);
	peer_ask_intermediate(&d.peer, &said);
	sealed = peer_seal(&d.peer, &said);
	draft_free(&said);
	/* A vendor ID of four octets in front; the ICV does not fit any more, but nobody looks. */
	mixed = (struct blob){ .p = malloc(sealed.n + 8), .n = sealed.n + 8 };
	assert_non_null(mixed.p);
	memcpy(mixed.p, sealed.p, 28);
	mixed.p[16] = PAYLOAD_VENDOR;
	mixed.p[26] = (uint8_t)(mixed.n >> 8);
	mixed.p[27] = (uint8_t)mixed.n;
	memcpy(mixed.p + 28, (const uint8_t[]){ PAYLOAD_SK, 0, 0, 8, 1, 2, 3, 4 }, 8);
	memcpy(mixed.p + 36, sealed.p + 28, sealed.n - 28);
	duet_give(&d, blob_view(&mixed));
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).integrity_errors, 0);
	duet_give(&d, blob_view(&sealed));
	assert_int_equal(duet_waiting(&d), 1);
	blob_free(&sealed);
	blob_free(&mixed);
	duet_end(&d);
}

/* --- with a PPK: it comes last, over the keys of the last exchange (RFC 8784 3) --- */

static const uint8_t ppk_octets[32] = "a key for the days to come ....";

static void mix(const struct peer *p, struct peer_key *k)
{
	const uint8_t one = 1;
	const struct bytes parts[] = { BYTES(k->b, k->n), BYTES(&one, 1) };
	uint8_t out[PRF_MAX_LEN];

	assert_int_equal(p->prf->compute(p->prf, BYTES(ppk_octets, 32), parts, 2, out), 0);
	memcpy(k->b, out, k->n);
}

static void test_with_ppk(void **state)
{
	static const uint8_t id[] = { 2, 'm', 'e', 's', 'h' };
	struct ppk ppk = { 0 };
	struct draft heard, said;

	(void)state;
	assert_int_equal(blob_copy(&ppk.id, BYTES(id + 1, 4)), 0);
	assert_int_equal(secret_copy(&ppk.key, BYTES(ppk_octets, 32)), 0);
	for (unsigned peer_begins = 0; peer_begins < 2; peer_begins++) {
		struct duet d;

		start(&d, THREE, THREE, true);
		d.doer.ppk = &ppk;
		assert_int_equal(blob_copy(&d.spec.ppk_id, BYTES(id + 1, 4)), 0);
		d.spec.ppk_required = true;
		if (peer_begins) {
			peer_ask_init(&d.peer, &said);
			draft_add_notify(&said, NOTIFY_USE_PPK, BYTES_NONE);
			duet_say(&d, &said);
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
			assert_true(draft_has_notify(&heard, NOTIFY_USE_PPK));
			peer_take_init(&d.peer, &heard);
			draft_free(&heard);
			peer_exchanges(&d);
			mix(&d.peer, &d.peer.sk_d);
			mix(&d.peer, &d.peer.sk_pi);
			mix(&d.peer, &d.peer.sk_pr);
			peer_ask_auth(&d.peer, &said);
			draft_add_notify(&said, NOTIFY_PPK_IDENTITY, BYTES(id, sizeof id));
			duet_say(&d, &said);
			duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
			assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
			peer_take_auth(&d.peer, &heard);
			draft_free(&heard);
			duet_esp_from_peer(&d);
			duet_esp_from_peer(&d);
		} else {
			duet_acquire(&d);
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
			peer_answer_init(&d.peer, &heard, &said);
			draft_free(&heard);
			draft_add_notify(&said, NOTIFY_USE_PPK, BYTES_NONE);
			duet_say(&d, &said);
			core_exchanges(&d);
			mix(&d.peer, &d.peer.sk_d);
			mix(&d.peer, &d.peer.sk_pi);
			mix(&d.peer, &d.peer.sk_pr);
			duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
			assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
			peer_answer_auth(&d.peer, &heard, &said);
			draft_free(&heard);
			draft_add_notify(&said, NOTIFY_PPK_IDENTITY, BYTES_NONE);
			duet_say(&d, &said);
		}
		duet_assert_child(&d);
		assert_true(duet_reported(&d, "has the PPK in its keys"));
		duet_end(&d);
	}
	ppk_free(&ppk);
}

/* --- IntAuth by itself --- */

/* RFC 9242 3.3.2, figure 1, octet by octet: two requests, with a RESERVED that is none of ours. */
static void test_intauth(void **state)
{
	static const uint8_t content[] = { 0, 0, 0, 8, 1, 2, 3, 4 };
	static const uint8_t header[28] = { 1,	2,  3,	4,  5,	6,  7,	8,    11, 12,
					    13, 14, 15, 16, 17, 18, 53, 0x20, 43, 0x08,
					    0,	0,  0,	1,  0,	0,  9,	9 };
	static const uint8_t a[32] = { 1,  2,  3,  4,  5,  6,  7,    8,	   11,	 12, 13,
				       14, 15, 16, 17, 18, 46, 0x20, 43,   0x08, 0,  0,
				       0,  1,  0,  0,  0,  40, 43,   0x81, 0,	 12 };
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const struct bytes first[] = { BYTES(a, 32), BYTES(content, 8) };
	const struct intauth_message m = {
		.header = header, .first = 43, .reserved = 0x81, .content = BYTES(content, 8)
	};
	struct handshake hs = { 0 };
	struct ike_sa sa = { .hs = &hs, .suite = { .prf = prf } };
	uint8_t pi[32] = { 1 }, one[32], two[32];
	struct blob octets;

	(void)state;
	assert_int_equal(secret_copy(&sa.keys.pi, BYTES(pi, 32)), 0);
	assert_int_equal(intauth_octets(&sa, &octets), 0);
	assert_int_equal(octets.n, 0);
	assert_int_equal(intauth_received(&sa, &m), 0);
	assert_int_equal(prf->compute(prf, BYTES(pi, 32), first, 2, one), 0);
	assert_int_equal(hs.int_i.n, 32);
	assert_memory_equal(hs.int_i.p, one, 32);
	assert_int_equal(intauth_received(&sa, &m), 0);
	const struct bytes second[] = { BYTES(one, 32), first[0], first[1] };
	assert_int_equal(prf->compute(prf, BYTES(pi, 32), second, 3, two), 0);
	assert_memory_equal(hs.int_i.p, two, 32);
	hs.add_ke_done = 2;
	assert_int_equal(intauth_octets(&sa, &octets), 0);
	assert_int_equal(octets.n, 32 + 0 + 4);
	assert_memory_equal(octets.p, two, 32);
	assert_memory_equal(octets.p + 32, "\0\0\0\3", 4);
	blob_free(&octets);
	blob_free(&hs.int_i);
	ike_keys_free(&sa.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core_begins),
		cmocka_unit_test(test_peer_begins),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_peer_falls_back),
		cmocka_unit_test(test_nothing_said_without_need),
		cmocka_unit_test(test_peer_cannot),
		cmocka_unit_test(test_bad_choices),
		cmocka_unit_test(test_core_repeats),
		cmocka_unit_test(test_core_answers_again),
		cmocka_unit_test(test_no_answer_at_all),
		cmocka_unit_test(test_tampered_request_to_core),
		cmocka_unit_test(test_tampered_answer_from_core),
		cmocka_unit_test(test_tampered_with_core_as_initiator),
		cmocka_unit_test(test_wrong_response),
		cmocka_unit_test(test_peer_leaves_one_out),
		cmocka_unit_test(test_none_is_due),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_something_in_the_clear),
		cmocka_unit_test(test_with_ppk),
		cmocka_unit_test(test_intauth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
