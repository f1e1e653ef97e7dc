/* SPDX-License-Identifier: Apache-2.0 */
/* Rekeying an IKE SA with additional key exchanges, RFC 9370 2.2.4, as conversations. */
#include "config/suites.h"
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define PLAIN "aes256-sha384-curve25519"
#define HYBRID PLAIN "-ke1_mlkem768"
#define TWO "aes256gcm16-prfsha512-ecp256-ke2_mlkem1024-ke5_ecp384"

static void propose(struct spec *s, const char *proposals)
{
	char error[256];

	if (suites_parse(proposals, PROTO_IKE, s->ike, SPEC_PROPOSALS, &s->n_ike, error,
			 sizeof error) != 0)
		fail_msg("%s: %s", proposals, error);
}

/* Up, the core being the initiator. */
static void up(struct duet *d, const char *ours, const char *theirs, bool real)
{
	struct draft heard, said;

	duet_start(d, &(struct duet_options){ .real = real });
	propose(&d->spec, ours);
	propose(&d->peer_spec, theirs);
	duet_core_init(d);
	while (d->peer.add_ke_done < d->peer.n_add_ke) {
		duet_hear(d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		peer_answer_intermediate(&d->peer, &heard, &said);
		draft_free(&heard);
		duet_say(d, &said);
		peer_turn(&d->peer);
	}
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	duet_assert_child(d);
	duet_hear_nothing(d);
	duet_log(d);
}

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = { .kind = EVENT_COMMAND,
				 .command = { .command = kind, .remote = d->them.ip } };

	duet_event(d, &e);
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

/* Until the core says something; it has so long. */
static void wait_until_heard(struct duet *d, int64_t us)
{
	for (; us > 0 && duet_waiting(d) == 0; us -= SECOND / 10)
		duet_wait(d, SECOND / 10);
	assert_true(duet_waiting(d) > 0);
}

/* --- the core asks --- */

/* --> CREATE_CHILD_SA { SA, Ni, KEi } <-- { SA, Nr, KEr, N(ADDITIONAL_KEY_EXCHANGE) } */
static void core_begins(struct duet *d, struct peer_exchange *x)
{
	struct draft heard, said;

	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_rekey(&d->peer, x, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
}

/* --> IKE_FOLLOWUP_KE { KEi(n), N(link) } */
static void hear_followup(struct duet *d, const struct peer_exchange *x, struct draft *heard)
{
	struct bytes value;
	uint16_t method;

	duet_hear(d, EXCHANGE_IKE_FOLLOWUP_KE, false, heard);
	assert_int_equal(heard->n, 2);
	assert_true(ke_decode(blob_view(&draft_find(heard, PAYLOAD_KE)->body), &method, &value));
	assert_int_equal(method, d->peer.add_ke[x->add_ke_done]->id);
	assert_int_equal(value.n, d->peer.add_ke[x->add_ke_done]->public_len);
	assert_true(bytes_equal(draft_notify_data(heard, NOTIFY_ADDITIONAL_KEY_EXCHANGE),
				blob_view(&x->link)));
}

static void core_goes_on(struct duet *d, struct peer_exchange *x)
{
	while (x->add_ke_done < d->peer.n_add_ke) {
		struct draft heard, said;

		hear_followup(d, x, &heard);
		peer_answer_followup(&d->peer, x, &heard, &said);
		draft_free(&heard);
		duet_say(d, &said);
	}
}

/* The core deletes the old one; the new one works, both ways. */
static void core_ends(struct duet *d, struct peer_exchange *x)
{
	struct peer old = d->peer;
	struct draft heard, said;

	duet_hear(d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	peer_answer(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	old = d->peer;
	peer_successor(&old, x, &d->peer);
	assert_int_equal(duet_counters(d).ike_sas, 1);
	alive(d);
	alive(d);
	peer_wipe(&old);
	peer_exchange_free(x);
}

static void core_rekeys(struct duet *d)
{
	struct peer_exchange x = { 0 };

	core_begins(d, &x);
	core_goes_on(d, &x);
	core_ends(d, &x);
}

static const char *const suites[] = { HYBRID, TWO };

static void test_core_rekeys(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct duet d;

		up(&d, suites[i / 2], suites[i / 2], i % 2);
		command(&d, COMMAND_REKEY_IKE);
		core_rekeys(&d);
		/* and its successor, by keys that have all of it in them */
		command(&d, COMMAND_REKEY_IKE);
		core_rekeys(&d);
		duet_end(&d);
	}
}

/* --- the peer asks --- */

static void peer_begins(struct duet *d, struct peer_exchange *x)
{
	struct draft heard, said;

	peer_ask_rekey(&d->peer, x, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_true(draft_has_notify(&heard, NOTIFY_ADDITIONAL_KEY_EXCHANGE));
	peer_take_rekey(&d->peer, x, &heard);
	draft_free(&heard);
	assert_int_equal(duet_counters(d).ike_sas, 1); /* there is no other yet */
}

static void peer_goes_on(struct duet *d, struct peer_exchange *x)
{
	while (x->add_ke_done < d->peer.n_add_ke) {
		struct draft heard, said;

		peer_ask_followup(&d->peer, x, &said);
		duet_say(d, &said);
		duet_hear(d, EXCHANGE_IKE_FOLLOWUP_KE, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		peer_take_followup(&d->peer, x, &heard);
		/* A link as long as there is something to come. */
		assert_true(draft_has_notify(&heard, NOTIFY_ADDITIONAL_KEY_EXCHANGE) ==
			    (x->add_ke_done < d->peer.n_add_ke));
		draft_free(&heard);
	}
}

static void peer_ends(struct duet *d, struct peer_exchange *x)
{
	struct draft heard, said;
	struct peer old;

	assert_int_equal(duet_counters(d).ike_sas, 2);
	peer_ask_delete_ike(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	old = d->peer;
	peer_successor(&old, x, &d->peer);
	alive(d);
	duet_wait(d, 11 * SECOND);
	assert_int_equal(duet_counters(d).ike_sas, 1);
	duet_assert_child(d);
	peer_wipe(&old);
	peer_exchange_free(x);
}

static void peer_rekeys(struct duet *d)
{
	struct peer_exchange x = { 0 };

	peer_begins(d, &x);
	peer_goes_on(d, &x);
	peer_ends(d, &x);
}

static void test_peer_rekeys(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct duet d;

		up(&d, suites[i / 2], suites[i / 2], i % 2);
		peer_rekeys(&d);
		peer_rekeys(&d);
		command(&d, COMMAND_REKEY_IKE);
		core_rekeys(&d);
		duet_end(&d);
	}
}

/* In between the IKE SA does what else it has to do. */
static void test_other_exchanges_between(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;

	(void)state;
	up(&d, TWO, TWO, false);
	peer_begins(&d, &x);
	alive(&d);
	peer_goes_on(&d, &x);
	peer_ends(&d, &x);
	duet_end(&d);
}

/* A request again: the same answer, and one job. */
static void test_repeated_request(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct blob request;
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	d.spec.fragment_size = 65535;
	peer_begins(&d, &x);
	peer_ask_followup(&d.peer, &x, &said);
	request = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_log(&d);
	duet_give(&d, blob_view(&request));
	duet_give(&d, blob_view(&request));
	assert_string_equal(duet_log(&d), "job:respond send send");
	duet_hear(&d, EXCHANGE_IKE_FOLLOWUP_KE, true, &heard);
	duet_take(&d);
	peer_take_followup(&d.peer, &x, &heard);
	draft_free(&heard);
	blob_free(&request);
	peer_ends(&d, &x);
	duet_end(&d);
}

/* --- it may not get lost --- */

/* The core would make an IKE SA without, but none out of one with. */
static void test_peer_wants_to_do_without(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, HYBRID "-ke1_none," PLAIN, HYBRID, false);
	propose(&d.peer_spec, PLAIN);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_NO_PROPOSAL_CHOSEN);
	draft_free(&heard);
	peer_exchange_free(&x);
	propose(&d.peer_spec, HYBRID);
	peer_rekeys(&d);
	duet_end(&d);
}

/* What the core offers: that alone which has one. */
static void test_core_offers_no_less(void **state)
{
	struct proposal_spec wanted[SPEC_PROPOSALS];
	struct draft heard, said;
	char error[256];
	size_t n;
	struct duet d;

	(void)state;
	up(&d, HYBRID "-ke1_none," PLAIN "," PLAIN "-ke2_ecp384", HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	assert_int_equal(suites_parse(HYBRID "," PLAIN "-ke2_ecp384", PROTO_IKE, wanted,
				      SPEC_PROPOSALS, &n, error, sizeof error),
			 0);
	const struct draft_payload *sa = draft_find(&heard, PAYLOAD_SA);
	struct blob body = body_sa(PROTO_IKE, BYTES(sa->body.p + 8, 8), wanted, n);
	assert_int_equal(sa->body.n, body.n);
	assert_memory_equal(sa->body.p, body.p, body.n);
	blob_free(&body);
	/* A peer that answers without: no successor, and another try later. */
	struct peer_exchange x = { 0 };
	propose(&d.peer_spec, PLAIN);
	peer_answer_rekey(&d.peer, &x, &heard, &said);
	draft_drop_notify(&said, NOTIFY_ADDITIONAL_KEY_EXCHANGE);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	assert_true(duet_reported(&d, "cannot rekey IKE SA [1]: peer's answer is malformed"));
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	peer_exchange_free(&x);
	propose(&d.peer_spec, HYBRID);
	wait_until_heard(&d, 11 * SECOND);
	core_rekeys(&d);
	duet_end(&d);
}

/* A reload took them out of the configuration: then it goes on without. */
static void test_no_longer_configured(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	propose(&d.spec, PLAIN);
	propose(&d.peer_spec, PLAIN);
	d.peer.n_add_ke = 0;
	command(&d, COMMAND_REKEY_IKE);
	core_begins(&d, &x);
	core_ends(&d, &x);
	duet_end(&d);
}

/* --- what does not go well --- */

static uint16_t error_of_followup(struct duet *d, struct draft *said)
{
	struct draft heard;
	uint16_t error;

	duet_say(d, said);
	duet_hear(d, EXCHANGE_IKE_FOLLOWUP_KE, true, &heard);
	error = draft_error(&heard);
	draft_free(&heard);
	return error;
}

/* RFC 9370 2.2.4: STATE_NOT_FOUND for what the core does not remember, and nothing else happens. */
static void test_state_not_found(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft said;
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	/* Nothing before it. */
	peer_ask_followup(&d.peer, &x, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	peer_exchange_free(&x);
	/* Another link, or none. */
	peer_begins(&d, &x);
	x.link.p[3] ^= 1;
	peer_ask_followup(&d.peer, &x, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	peer_ask_followup(&d.peer, &x, &said);
	draft_drop_notify(&said, NOTIFY_ADDITIONAL_KEY_EXCHANGE);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	x.link.p[3] ^= 1;
	peer_goes_on(&d, &x);
	peer_ends(&d, &x);
	/* Too late. */
	peer_begins(&d, &x);
	duet_wait(&d, 19 * SECOND);
	assert_false(duet_reported(&d, "peer does not go on"));
	duet_wait(&d, 2 * SECOND);
	assert_true(duet_reported(&d, "peer does not go on with its rekeying of IKE SA"));
	peer_ask_followup(&d.peer, &x, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	peer_exchange_free(&x);
	peer_rekeys(&d);
	/* After its end. */
	x = (struct peer_exchange){ 0 };
	peer_begins(&d, &x);
	peer_goes_on(&d, &x);
	x.add_ke_done = 0;
	peer_ask_followup(&d.peer, &x, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* While the peer takes its time the core does not rekey, and afterwards it does. */
static void test_core_waits(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	peer_begins(&d, &x);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear_nothing(&d);
	wait_until_heard(&d, 21 * SECOND);
	peer_exchange_free(&x);
	core_rekeys(&d);
	duet_end(&d);
}

/* The peer begins anew instead of going on: the first one is forgotten. */
static void test_peer_begins_anew(void **state)
{
	struct peer_exchange first = { 0 };
	struct draft said;
	struct duet d;

	(void)state;
	up(&d, TWO, TWO, true);
	peer_begins(&d, &first);
	struct peer_exchange second = { 0 };
	peer_begins(&d, &second);
	peer_ask_followup(&d.peer, &first, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
	peer_goes_on(&d, &second);
	peer_ends(&d, &second);
	peer_exchange_free(&first);
	duet_end(&d);
}

static void test_both_at_once(void **state)
{
	struct peer_exchange ours = { 0 }, theirs = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	/* <-- CREATE_CHILD_SA { SA, Ni, KEi }, before anything of the core's came */
	peer_ask_rekey(&d.peer, &theirs, &said);
	duet_say(&d, &said);
	core_begins(&d, &ours);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_TEMPORARY_FAILURE);
	draft_free(&heard);
	peer_exchange_free(&theirs);
	/* Nor in the middle of ours. */
	peer_ask_rekey(&d.peer, &theirs, &said);
	duet_say(&d, &said);
	core_goes_on(&d, &ours);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_TEMPORARY_FAILURE);
	draft_free(&heard);
	peer_exchange_free(&theirs);
	core_ends(&d, &ours);
	duet_end(&d);
	/* The peer refuses likewise: again in a moment. */
	up(&d, HYBRID, HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_add_notify(&said, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	wait_until_heard(&d, 3 * SECOND);
	core_rekeys(&d);
	duet_end(&d);
}

/* Values that cannot be, from the peer as the one who asks. */
static void test_bad_requests(void **state)
{
	(void)state;
	for (int f = 0; f < 4; f++) {
		struct peer_exchange x = { 0 };
		uint8_t value[2000] = { 1, 2, 3 };
		struct draft said;
		struct duet d;
		struct draft other = { 0 };

		up(&d, HYBRID, HYBRID, true);
		peer_begins(&d, &x);
		peer_ask_followup(&d.peer, &x, &said);
		ke_encode(draft_begin(&other), f == 0 ? KE_ML_KEM_512 : KE_ML_KEM_768,
			  BYTES(value, f == 1	? 1183
				       : f == 2 ? 1185
						: 1184));
		draft_end(&other);
		memset(value, 0xff, sizeof value);
		if (f == 3)
			memset(other.p[0].body.p + 4, 0xff, 1184);
		draft_set(draft_find(&said, PAYLOAD_KE), blob_view(&other.p[0].body));
		draft_free(&other);
		assert_int_equal(error_of_followup(&d, &said), NOTIFY_INVALID_SYNTAX);
		/* That was that. */
		peer_ask_followup(&d.peer, &x, &said);
		assert_int_equal(error_of_followup(&d, &said), NOTIFY_STATE_NOT_FOUND);
		peer_exchange_free(&x);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		peer_rekeys(&d);
		duet_end(&d);
	}
}

/* Answers that are none: the IKE SA lives on, and is rekeyed another time. */
static void test_bad_answers(void **state)
{
	(void)state;
	for (int f = 0; f < 4; f++) {
		struct peer_exchange x = { 0 };
		struct draft heard, said;
		struct duet d;

		up(&d, TWO, TWO, true);
		command(&d, COMMAND_REKEY_IKE);
		core_begins(&d, &x);
		hear_followup(&d, &x, &heard);
		peer_answer_followup(&d.peer, &x, &heard, &said);
		draft_free(&heard);
		struct draft_payload *ke = draft_find(&said, PAYLOAD_KE);
		if (f == 0) { /* we took too long */
			draft_drop(&said, PAYLOAD_KE);
			draft_drop_notify(&said, NOTIFY_ADDITIONAL_KEY_EXCHANGE);
			draft_add_notify(&said, NOTIFY_STATE_NOT_FOUND, BYTES_NONE);
		}
		if (f == 1) /* there is one more, and no link */
			draft_drop_notify(&said, NOTIFY_ADDITIONAL_KEY_EXCHANGE);
		if (f == 2) /* one octet short */
			draft_set(ke, BYTES(ke->body.p, ke->body.n - 1));
		if (f == 3) /* another method */
			ke->body.p[1]--;
		duet_say(&d, &said);
		duet_hear_nothing(&d);
		if (!duet_reported(&d, f == 0 ? "cannot rekey IKE SA [1]: STATE_NOT_FOUND"
					      : "cannot rekey IKE SA [1]: peer's answer is "
						"malformed"))
			fail_msg("%d: %s", f, d.reports);
		peer_exchange_free(&x);
		alive(&d);
		wait_until_heard(&d, 11 * SECOND);
		core_rekeys(&d);
		duet_end(&d);
	}
}

/* CREATE_CHILD_SA without a link, where there should be more: as above. */
static void test_no_link(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_rekey(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	draft_drop_notify(&said, NOTIFY_ADDITIONAL_KEY_EXCHANGE);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	assert_true(duet_reported(&d, "peer's answer is malformed"));
	peer_exchange_free(&x);
	wait_until_heard(&d, 11 * SECOND);
	core_rekeys(&d);
	duet_end(&d);
}

static void test_no_answer(void **state)
{
	struct peer_exchange x = { 0 };
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	core_begins(&d, &x);
	duet_wait(&d, 40 * SECOND);
	assert_true(duet_reported(&d, "no answer to IKE_FOLLOWUP_KE"));
	assert_int_equal(d.kernel.n_sas, 0);
	peer_exchange_free(&x);
	duet_end(&d);
}

/* Deleted in the middle, by either side. */
static void test_deleted_meanwhile(void **state)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	(void)state;
	up(&d, HYBRID, HYBRID, false);
	peer_begins(&d, &x);
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_wait(&d, 15 * SECOND);
	duet_assert_empty(&d);
	peer_exchange_free(&x);
	duet_end(&d);

	up(&d, HYBRID, HYBRID, false);
	command(&d, COMMAND_REKEY_IKE);
	core_begins(&d, &x);
	command(&d, COMMAND_DOWN);
	core_goes_on(&d, &x);
	/* The peer has the successor, so both go. */
	duet_wait(&d, 15 * SECOND);
	duet_assert_empty(&d);
	peer_exchange_free(&x);
	duet_end(&d);

	up(&d, HYBRID, HYBRID, false);
	peer_begins(&d, &x);
	command(&d, COMMAND_DOWN);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	draft_free(&heard);
	peer_ask_followup(&d.peer, &x, &said);
	assert_int_equal(error_of_followup(&d, &said), NOTIFY_TEMPORARY_FAILURE);
	duet_wait(&d, 15 * SECOND);
	duet_assert_empty(&d);
	peer_exchange_free(&x);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core_rekeys),
		cmocka_unit_test(test_peer_rekeys),
		cmocka_unit_test(test_other_exchanges_between),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_peer_wants_to_do_without),
		cmocka_unit_test(test_core_offers_no_less),
		cmocka_unit_test(test_no_longer_configured),
		cmocka_unit_test(test_state_not_found),
		cmocka_unit_test(test_core_waits),
		cmocka_unit_test(test_peer_begins_anew),
		cmocka_unit_test(test_both_at_once),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_no_link),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_deleted_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
