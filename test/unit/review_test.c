/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an independent review of the core found, each as what must hold instead: strangers who use
 * up memory, answers or places; our own messages sent back; exchanges that end while others begin.
 */
#include "cmd/ikemeshd/key_message.h"
#include "sim/duet.h"
#include "sim/sim.h"

#include "ike/message/message.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

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

/* A draft in the clear from anywhere; frees it. */
static void say_from(struct duet *d, const struct ip *ip, struct draft *said)
{
	const struct endpoint from = { .ip = *ip, .port = 500 };
	struct blob message = draft_message(said);

	draft_free(said);
	duet_give_from(d, &from, &d->us, blob_view(&message));
	blob_free(&message);
}

/* --- strangers --- */

static void test_strangers_outside_the_subnets_leave_no_trace(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 200; i++) {
		struct ip from = ip_v4(203, 0, (uint8_t)(i >> 8), (uint8_t)i);

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		say_from(&d, &from, &said);
		forget_sent(&d);
		duet_wait(&d, SECOND);
		assert_in_range(duet_counters(&d).pairs, 0, 32);
	}
	duet_wait(&d, 60 * SECOND);
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	assert_int_equal(duet_counters(&d).pairs, 0);
	duet_end(&d);
}

/* From within the subnets: something may be remembered, but not for ever. */
static void test_refused_strangers_are_forgotten(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 500; i++) {
		struct ip from = ip_v4(10, 7, (uint8_t)(i >> 8), (uint8_t)i);
		struct draft_payload *sa;

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		sa = draft_find(&said, PAYLOAD_SA);
		sa->body.p[sa->body.n - 1] = 1; /* group 1: nothing in common */
		say_from(&d, &from, &said);
		forget_sent(&d);
		duet_wait(&d, SECOND / 10);
	}
	duet_wait(&d, 2 * 3600 * SECOND);
	assert_int_equal(duet_counters(&d).pairs, 0);
	duet_end(&d);
}

/* Half-open ones that go no further, as well. */
static void test_half_open_strangers_are_forgotten(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 200; i++) {
		struct ip from = ip_v4(10, 7, 0, (uint8_t)i);

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		say_from(&d, &from, &said);
		forget_sent(&d);
		duet_wait(&d, 2 * SECOND);
	}
	duet_wait(&d, 2 * 3600 * SECOND);
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	assert_int_equal(duet_counters(&d).pairs, 0);
	duet_end(&d);
}

/* RFC 8019 4.2: cookies or not. */
static void test_one_address_takes_few_half_open_places(void **state)
{
	struct duet d;
	struct draft said, again;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 200; i++) {
		const struct duet_datagram *answer;

		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		draft_copy(&again, &said);
		say_from(&d, &d.them.ip, &said);
		answer = duet_take(&d);
		if (answer != NULL && answer->b.n < 120) {
			/* N(COOKIE): comes back in front */
			const struct bytes body = BYTES(answer->b.p + 32, answer->b.n - 32);

			draft_insert(&again, 0, PAYLOAD_NOTIFY, body);
			say_from(&d, &d.them.ip, &again);
		} else {
			draft_free(&again);
		}
		forget_sent(&d);
	}
	assert_in_range(duet_counters(&d).half_open, 1, 16);
	/* Another address is served. */
	peer_wipe(&d.peer);
	peer_ask_init(&d.peer, &said);
	{
		struct ip other = ip_v4(10, 0, 0, 77);

		say_from(&d, &other, &said);
	}
	assert_true(d.n_sent > 0 && d.sent[0].b.n > 120);
	duet_end(&d);
}

static void test_junk_does_not_use_up_answers_to_honest_peers(void **state)
{
	static const uint8_t junk[28] = { 1, 2, 3, 4,	 5,  6,	   7, 8, 1, 1, 1, 1, 1, 1,
					  1, 1, 0, 0x20, 37, 0x08, 0, 0, 0, 0, 0, 0, 0, 28 };
	struct duet d;
	struct draft said;
	unsigned answered = 0;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 50; i++) {
		for (unsigned k = 0; k < 6; k++) {
			const struct endpoint from = { .ip = ip_v4(203, 0, 113, (uint8_t)i),
						       .port = 500 };

			duet_give_from(&d, &from, &d.us, BYTES(junk, sizeof junk));
		}
		forget_sent(&d);
		peer_wipe(&d.peer);
		peer_ask_init(&d.peer, &said);
		draft_find(&said, PAYLOAD_KE)->body.p[1] = 19; /* INVALID_KE_PAYLOAD is due */
		say_from(&d, &d.them.ip, &said);
		answered += d.n_sent > 0;
		forget_sent(&d);
		duet_wait(&d, SECOND);
	}
	assert_int_equal(answered, 50);
	duet_end(&d);
}

/* --- our own messages --- */

/* In-line, an attacker sends everything back to where it came from. */
static void test_own_request_reflected_is_dropped(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	for (unsigned round = 0; round < 100; round++) {
		const struct duet_datagram *sent = duet_take(&d);
		struct blob copy = { 0 };
		struct endpoint local, remote;

		if (sent == NULL) {
			duet_wait(&d, SECOND / 3);
			continue;
		}
		local = sent->local;
		remote = sent->remote;
		assert_int_equal(blob_copy(&copy, blob_view(&sent->b)), 0);
		duet_give_from(&d, &remote, &local, blob_view(&copy));
		blob_free(&copy);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).ike_sas, 1);
		if (d.n_sent > DUET_SENT / 2)
			forget_sent(&d);
		if (duet_counters(&d).ike_failed > 0)
			break;
	}
	assert_int_not_equal(duet_ike_state(&d), IKE_ESTABLISHED);
	assert_false(duet_reported(&d, "established"));
	duet_end(&d);
}

/* --- peers that have not proved who they are --- */

/*
 * A CHILD_SA is up. The IKE SA is to be replaced; whoever answers that negotiation cannot sign, is
 * refused, and asks to delete the CHILD_SA, whose SPIs are on the wire.
 */
static void test_unauthenticated_peer_deletes_nothing(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_INFORMATIONAL, EXCHANGE_CREATE_CHILD_SA };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct duet d;
		struct draft heard, said;
		struct draft_payload *auth;
		uint32_t victim;
		size_t before;

		duet_start(&d, &standin);
		duet_peer_up(&d);
		victim = d.peer.esp_in;
		command(&d, COMMAND_REAUTH);
		forget_sent(&d);
		peer_wipe(&d.peer);
		duet_wait(&d, 2 * SECOND); /* once more */
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		forget_sent(&d);
		duet_wait(&d, 3 * SECOND);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		auth = draft_find(&said, PAYLOAD_AUTH);
		auth->body.p[auth->body.n - 1] ^= 1;
		duet_say(&d, &said);
		assert_true(duet_reported(&d, "failed"));
		before = d.kernel.n_sas;
		assert_int_equal(before, 2);
		/* <-- INFORMATIONAL { D(ESP, spi) } */
		peer_ask(&d.peer, exchanges[i], &said);
		delete_encode(draft_begin(&said), PROTO_ESP, &victim, 1);
		draft_end(&said);
		duet_say(&d, &said);
		assert_int_equal(d.kernel.n_sas, before);
		assert_false(duet_reported(&d, "deleted CHILD_SA"));
		duet_end(&d);
	}
}

/* RFC 7296 1.2: only the initiator asks for IKE_AUTH. The peer's window is not used up by it. */
static void test_auth_request_to_the_initiator_is_dropped(void **state)
{
	struct duet d;
	struct draft heard, said, odd;

	(void)state;
	duet_start(&d, &standin);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	d.peer.send_id = 0;
	peer_ask(&d.peer, EXCHANGE_IKE_AUTH, &odd);
	draft_add(&odd, PAYLOAD_IDI, BYTES((const uint8_t *)"\x09\0\0\0abc", 7));
	duet_say(&d, &odd);
	duet_hear_nothing(&d);
	duet_say(&d, &said);
	duet_assert_child(&d);
	/* <-- INFORMATIONAL { } of the same message id: served */
	d.peer.send_id = 0;
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* Malformed ones while the verdict is out: what was reported as failed is not established later. */
static void test_malformed_auth_request_revives_nothing(void **state)
{
	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		struct duet d;
		struct draft heard, said;

		duet_start(&d, &standin);
		duet_core_init(&d);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		d.hold_jobs = true;
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		if (bad) {
			struct draft_payload *auth = draft_find(&said, PAYLOAD_AUTH);

			auth->body.p[auth->body.n - 1] ^= 1;
		}
		duet_say(&d, &said);
		peer_ask(&d.peer, EXCHANGE_IKE_AUTH, &said); /* no IDi */
		duet_say(&d, &said);
		duet_run_jobs(&d);
		d.hold_jobs = false;
		assert_true(duet_reported(&d, "failed") != duet_reported(&d, "established"));
		assert_int_equal(duet_reported(&d, "failed"), bad);
		duet_end(&d);
	}
}

/* RFC 7296 2.21.1: anybody could have sent it; the good answer still counts. */
static void test_bad_key_exchange_value_is_a_hint(void **state)
{
	(void)state;
	for (int real = 0; real <= 1; real++) {
		const struct duet_options o = { .real = real != 0 };
		struct duet d;
		struct draft heard, said, forged;
		struct draft_payload *ke;

		duet_start(&d, &o);
		duet_acquire(&d);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		draft_copy(&forged, &said);
		forged.h.spi_r ^= 0x55;
		ke = draft_find(&forged, PAYLOAD_KE);
		memset(ke->body.p + 4, 0, ke->body.n - 4);
		say_from(&d, &d.them.ip, &forged);
		assert_int_equal(duet_counters(&d).ike_failed, 0);
		/* The good one after it. */
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* --- liveness --- */

/* An old request, authentic and replayed by somebody else, is no sign that the peer lives. */
static void test_replayed_request_is_no_sign_of_life(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob old;
	struct event usage = { .kind = EVENT_USAGE };

	(void)state;
	duet_start(&d, &standin);
	d.spec.dpd_timeout_s = 10;
	duet_core_up(&d);
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	old = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&old));
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	/* We send, and nothing comes back. */
	usage.usage.in = (struct sa_ref){ d.them.ip, d.us.ip, d.peer.esp_out };
	usage.usage.packets_out = 1000;
	duet_wait(&d, SECOND);
	duet_event(&d, &usage);
	for (int i = 0; i < 30; i++) {
		duet_give(&d, blob_view(&old));
		duet_wait(&d, SECOND / 2);
	}
	assert_true(duet_reported(&d, "peer is dead"));
	assert_int_equal(d.kernel.n_sas, 0);
	blob_free(&old);
	duet_end(&d);
}

/* --- one exchange ends while another is under way: two cores --- */

static struct sim *two_up(uint64_t seed)
{
	struct sim_options o = {
		.seed = seed, .hosts = 2, .wire = { .delay_us = 2000 }, .timer_slack_us = 1000
	};
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	sim_stream(s, 0, 1, 0, 100 * SIM_MS, 2);
	sim_run_for(s, 10 * SIM_SECOND);
	sim_check_pair(s, 0, 1);
	return s;
}

/* Everything that the host in *lose_arg asks for is lost; its answers arrive. */
static bool lose_requests(struct sim *s, unsigned from, struct bytes datagram)
{
	struct ike_header h;

	return from == *(unsigned *)s->lose_arg && ike_header_decode(datagram, &h) == DECODE_OK &&
	       !h.response;
}

/* RFC 7296 2.8.2: both rekey the IKE SA, and one of the requests never arrives. */
static void test_crossed_ike_rekey_with_a_lost_request_keeps_the_child(void **state)
{
	(void)state;
	for (unsigned silent = 0; silent < 2; silent++) {
		struct sim *s = two_up(3 + silent);
		struct sim_tally t;

		s->lose = lose_requests;
		s->lose_arg = &silent;
		sim_stream(s, 0, 1, 0, 10 * SIM_MS, 1000);
		sim_stream(s, 1, 0, 0, 10 * SIM_MS, 1000);
		sim_command(s, 0, 1, COMMAND_REKEY_IKE);
		sim_command(s, 1, 0, COMMAND_REKEY_IKE);
		sim_run_for(s, 2 * SIM_SECOND);
		s->lose = NULL;
		sim_run_for(s, 60 * SIM_SECOND);
		sim_check_pair(s, 0, 1);
		assert_int_equal(sim_ike_sas(s, 0, 1), 1);
		assert_int_equal(sim_ike_sas(s, 1, 0), 1);
		t = sim_tally(s, -1, -1);
		assert_int_equal(t.lost, 0);
		sim_free(s);
	}
}

/* The operator's `down` is done although a rekey is under way, of either side. */
static void test_down_during_ike_rekey_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		for (int64_t after = 0; after <= 6000; after += 200) {
			struct sim *s = two_up(30 + who);

			sim_command(s, 0, 1, COMMAND_REKEY_IKE);
			sim_run_for(s, after);
			sim_command(s, who, 1 - who, COMMAND_DOWN);
			sim_run_for(s, 60 * SIM_SECOND);
			for (unsigned h = 0; h < 2; h++)
				if (s->hosts[h].kernel.n_sas != 0 || sim_ike_sas(s, h, 1 - h) != 0)
					sim_breach(s,
						   "host %u: %zu SAs, %zu IKE SAs; h%u said down "
						   "%lld us after the rekey",
						   h, s->hosts[h].kernel.n_sas,
						   sim_ike_sas(s, h, 1 - h), who, (long long)after);
			sim_free(s);
		}
	}
}

static void test_shutdown_tells_the_peer_although_a_request_is_out(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_REKEY, COMMAND_REKEY_IKE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sim *s = two_up(40);

		sim_command(s, 0, 1, kinds[i]);
		sim_run_for(s, SIM_MS);
		sim_shutdown(s, 0);
		sim_run_for(s, 20 * SIM_SECOND);
		assert_int_equal(s->hosts[1].kernel.n_sas, 0);
		assert_int_equal(sim_ike_sas(s, 1, 0), 0);
		sim_free(s);
	}
}

static int add_refused(void *arg, const struct sa_spec *sa)
{
	(void)sa;
	sim_check_performed(arg, ACTION_SA_ADD, true);
	return -ENOMEM;
}

/* A host whose kernel refuses every SA must not fill the memory of its peers. */
static void test_sick_kernel_makes_no_pile_of_ike_sas(void **state)
{
	(void)state;
	for (unsigned sick = 0; sick < 2; sick++) {
		struct sim_options o = { .seed = 50, .hosts = 2, .wire = { .delay_us = 2000 } };
		struct sim *s = sim_new(&o);

		sim_start_all(s);
		s->hosts[sick].hands.sa_add = add_refused;
		sim_stream(s, 0, 1, 0, SIM_SECOND, 600);
		for (unsigned i = 0; i < 60; i++) {
			sim_run_for(s, 10 * SIM_SECOND);
			assert_in_range(sim_ike_sas(s, 0, 1), 0, 2);
			assert_in_range(sim_ike_sas(s, 1, 0), 0, 2);
		}
		/* With a back-off between attempts, not one a second. */
		assert_in_range(s->datagrams, 1, 1000);
		sim_free(s);
	}
}

/* --- replacing an IKE SA --- */

/* RFC 7296 2.8: the peer refuses to rekey, the new negotiation comes to nothing: later again. */
static void test_failed_replacement_is_tried_again(void **state)
{
	struct duet d;
	struct draft heard, said;
	unsigned again = 0;

	(void)state;
	duet_start(&d, &standin);
	d.spec.esp_lifetime_s = 100;
	d.spec.dpd_delay_s = 0;
	duet_peer_up(&d);
	forget_sent(&d);
	duet_wait(&d, 103 * SECOND);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	/* <-- CREATE_CHILD_SA { N(NO_ADDITIONAL_SAS) } */
	draft_add_notify(&said, NOTIFY_NO_ADDITIONAL_SAS, BYTES_NONE);
	forget_sent(&d);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	for (int i = 0; i < 120; i++) { /* nobody answers */
		forget_sent(&d);
		duet_wait(&d, SECOND);
	}
	forget_sent(&d);
	for (int i = 0; i < 200 && again == 0; i++) {
		duet_wait(&d, SECOND);
		again += duet_waiting(&d) > 0;
	}
	assert_true(again > 0);
	duet_end(&d);
}

/* --- narrowed CHILD_SAs --- */

static void test_narrowed_child_survives_other_traffic(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_find(&said, PAYLOAD_TSI)->body.p[5] = 6; /* TCP only */
	draft_find(&said, PAYLOAD_TSR)->body.p[5] = 6;
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 2);
	for (int i = 0; i < 3; i++) {
		duet_wait(&d, 3 * SECOND);
		duet_acquire(&d); /* ICMP */
		assert_false(duet_reported(&d, "the kernel lost"));
		assert_int_equal(d.kernel.n_sas, 2);
	}
	duet_end(&d);
}

/* --- INITIAL_CONTACT --- */

/* RFC 7296 2.4: between the authenticated identities. Another one at the same address is not it. */
static void test_initial_contact_spares_another_identity(void **state)
{
	static const struct fleet_options fleet;

	(void)state;
	for (int other = 0; other <= 1; other++) {
		struct duet d;
		struct draft heard, said;
		struct spec spec;

		duet_start(&d, &standin);
		duet_peer_up(&d);
		duet_wait(&d, 10 * SECOND);
		forget_sent(&d);
		fleet_spec(&spec, other ? 3 : 2, &fleet);
		peer_wipe(&d.peer);
		d.peer.spec = &spec;
		d.peer_doer.leaf = blob_view(&spec.credential.certs[0]);
		duet_peer_init(&d);
		peer_ask_auth(&d.peer, &said);
		draft_add_notify(&said, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		draft_free(&heard);
		assert_int_equal(duet_reported(&d, "starts afresh"), !other);
		peer_wipe(&d.peer);
		d.peer.spec = &d.peer_spec;
		duet_end(&d);
		spec_free(&spec);
	}
}

/* Which signs nothing but what has the form of RFC 7296 2.15. */
static void assert_keyholder_takes(struct job *j)
{
	const struct key_message m = { .kind = KEY_SIGN, .job = j };
	struct secret wire = { 0 };
	struct key_message out = { 0 };

	assert_int_equal(key_message_put(&m, &wire), 0);
	assert_int_equal(key_message_take(secret_view(&wire), &out), 0);
	assert_true(bytes_equal(blob_view(&out.job->tbs), blob_view(&j->tbs)));
	job_free(out.job);
	secret_free(&wire);
}

/* --- a reload meanwhile --- */

/* The keyholder has forgotten the key that the job was made for: signed anew with the new one. */
static void test_signature_overtaken_by_reloads_is_made_anew(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		struct duet d;
		struct draft heard, said;
		struct job *j;
		const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &d.spec } };

		duet_start(&d, &standin);
		if (by_core) {
			duet_acquire(&d);
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
			peer_answer_init(&d.peer, &heard, &said);
			draft_free(&heard);
		} else {
			duet_peer_init(&d);
			peer_ask_auth(&d.peer, &said);
		}
		d.hold_jobs = true;
		duet_say(&d, &said);
		duet_run_jobs(&d); /* derive; verify */
		assert_int_equal(d.n_jobs, 1);
		j = duet_take_job(&d, 0);
		assert_int_equal(j->kind, JOB_SIGN);
		assert_keyholder_takes(j);
		d.spec.credential.generation += 2;
		duet_event(&d, &e);
		j->result = -ENOKEY;
		duet_job_home(&d, j);
		assert_int_equal(d.n_jobs, 1);
		assert_int_equal(d.jobs[0]->kind, JOB_SIGN);
		assert_int_equal(d.jobs[0]->credential, d.spec.credential.generation);
		duet_run_jobs(&d);
		d.hold_jobs = false;
		duet_hear(&d, EXCHANGE_IKE_AUTH, !by_core, &heard);
		assert_int_equal(draft_error(&heard), 0);
		assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
		draft_free(&heard);
		duet_end(&d);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers_outside_the_subnets_leave_no_trace),
		cmocka_unit_test(test_refused_strangers_are_forgotten),
		cmocka_unit_test(test_half_open_strangers_are_forgotten),
		cmocka_unit_test(test_one_address_takes_few_half_open_places),
		cmocka_unit_test(test_junk_does_not_use_up_answers_to_honest_peers),
		cmocka_unit_test(test_own_request_reflected_is_dropped),
		cmocka_unit_test(test_unauthenticated_peer_deletes_nothing),
		cmocka_unit_test(test_auth_request_to_the_initiator_is_dropped),
		cmocka_unit_test(test_malformed_auth_request_revives_nothing),
		cmocka_unit_test(test_bad_key_exchange_value_is_a_hint),
		cmocka_unit_test(test_replayed_request_is_no_sign_of_life),
		cmocka_unit_test(test_crossed_ike_rekey_with_a_lost_request_keeps_the_child),
		cmocka_unit_test(test_down_during_ike_rekey_leaves_nothing),
		cmocka_unit_test(test_shutdown_tells_the_peer_although_a_request_is_out),
		cmocka_unit_test(test_sick_kernel_makes_no_pile_of_ike_sas),
		cmocka_unit_test(test_failed_replacement_is_tried_again),
		cmocka_unit_test(test_narrowed_child_survives_other_traffic),
		cmocka_unit_test(test_initial_contact_spares_another_identity),
		cmocka_unit_test(test_signature_overtaken_by_reloads_is_made_anew),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
