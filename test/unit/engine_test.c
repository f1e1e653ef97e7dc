/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: first contact in both roles, time, jobs, kernel failures, commands, the end. */
#include "sim/duet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

/* --- first contact --- */

static void both_roles(const struct duet_options *o)
{
	struct duet d;

	duet_start(&d, o);
	duet_core_up(&d);
	duet_hear_nothing(&d);
	duet_end(&d);
	duet_start(&d, o);
	duet_peer_up(&d);
	duet_hear_nothing(&d);
	duet_end(&d);
}

static void test_first_contact(void **state)
{
	(void)state;
	both_roles(&standin);
	both_roles(&(struct duet_options){ .ipv6 = true });
	both_roles(&(struct duet_options){ .group = KE_CURVE25519 });
	both_roles(&(struct duet_options){ .optional = true });
}

static void test_first_contact_for_real(void **state)
{
	(void)state;
	both_roles(&(struct duet_options){ .real = true });
	both_roles(&(struct duet_options){ .real = true, .group = KE_CURVE25519, .ipv6 = true });
}

/* What is done, and in which order. */
static void test_order_as_initiator(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	/* --> IKE_SA_INIT { SA, KE, Ni } */
	assert_string_equal(duet_log(&d), "job:generate send");
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	/* <-- IKE_SA_INIT { SA, KE, Nr } --> IKE_AUTH { ... } in two fragments */
	duet_say(&d, &said);
	assert_string_equal(duet_log(&d), "job:derive job:sign send send");
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	/* <-- IKE_AUTH { ... }: the way in first, then the way out, then what waits for it */
	duet_say(&d, &said);
	assert_string_equal(duet_log(&d), "job:verify +in +out nudge");
	duet_end(&d);
}

/* The peer initiates; traffic of ours waits if `waiting`. Up to our answer to IKE_AUTH. */
static void answered(struct duet *d, bool waiting)
{
	struct draft heard, said;

	duet_peer_init(d);
	if (waiting)
		duet_acquire(d);
	duet_log(d);
	peer_ask_auth(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	peer_take_auth(&d->peer, &heard);
	draft_free(&heard);
}

static void test_order_as_responder(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	assert_string_equal(duet_log(&d), "job:respond send");
	duet_end(&d);
	/* Nothing waits to be sent: what we send first answers the peer's first packet. */
	duet_start(&d, &standin);
	answered(&d, false);
	assert_string_equal(duet_log(&d), "job:verify job:sign +in send send +out nudge");
	duet_end(&d);
	/* RFC 7296 2.8: only the way in; the peer cannot receive before our answer is there. */
	duet_start(&d, &standin);
	answered(&d, true);
	assert_string_equal(duet_log(&d), "job:verify job:sign +in send send");
	duet_esp_from_peer(&d);
	assert_string_equal(duet_log(&d), "+out nudge");
	duet_end(&d);
}

/* The peer never sends: the outbound SA comes by time. */
static void test_responder_installs_in_time(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	answered(&d, true);
	assert_int_equal(fake_kernel_count(&d.kernel, &d.us.ip, &d.them.ip, false), 0);
	duet_wait(&d, 6 * SECOND);
	duet_assert_child(&d);
	duet_end(&d);
}

/* The first ESP packet is noticed with the second one: not worse than that. */
static void test_late_soft_limit(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.kernel.soft_late = true;
	answered(&d, true);
	duet_esp_from_peer(&d);
	assert_int_equal(fake_kernel_count(&d.kernel, &d.us.ip, &d.them.ip, false), 0);
	duet_esp_from_peer(&d);
	duet_assert_child(&d);
	duet_end(&d);
}

/* --- before a configuration there is silence --- */

static void test_silence_before_spec(void **state)
{
	const struct duet_options o = { .no_spec = true };
	const struct event spec_event = { .kind = EVENT_SPEC };
	struct event e = spec_event;
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &o);
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	duet_acquire(&d);
	duet_hear_nothing(&d);
	duet_assert_empty(&d);
	e.spec.spec = &d.spec;
	duet_event(&d, &e);
	peer_wipe(&d.peer);
	duet_peer_up(&d);
	duet_end(&d);
}

/* --- time --- */

/* RFC 7296 2.1, 2.4: the same octets, at growing distances, and an end. */
static void test_retransmission(void **state)
{
	struct duet d;
	const struct duet_datagram *first, *next;
	int64_t gap, last_gap = 0;
	size_t n = 1;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	first = duet_take(&d);
	assert_non_null(first);
	for (const struct duet_datagram *before = first; d.now.us < first->at.us + 60 * SECOND;) {
		if (!duet_next_deadline(&d))
			break;
		next = duet_take(&d);
		if (next == NULL)
			continue;
		if (!bytes_equal(blob_view(&next->b), blob_view(&first->b)))
			break; /* a new attempt after the back-off */
		gap = next->at.us - before->at.us;
		assert_true(gap > last_gap);
		if (n == 1)
			assert_in_range(gap, SECOND / 4, SECOND);
		last_gap = gap;
		before = next;
		n++;
	}
	assert_in_range(n, 5, 15);
	assert_true(duet_reported(&d, "10.0.0.2") || d.reports[0] != '\0');
	duet_end(&d);
}

/* A peer that does not exist: attempts get rarer, memory does not grow. */
static void test_back_off_is_bounded(void **state)
{
	struct duet d;
	struct status_counters c;
	uint64_t sent_before;

	(void)state;
	duet_start(&d, &standin);
	for (int i = 0; i < 40; i++) {
		duet_acquire(&d);
		sent_before = d.n_sent;
		duet_wait(&d, 30 * SECOND);
		while (duet_take(&d) != NULL)
			;
		for (size_t j = 0; j < d.n_sent; j++)
			blob_free(&d.sent[j].b);
		assert_in_range(d.n_sent, 0, sent_before + 40);
		d.n_sent = d.taken = 0;
	}
	c = duet_counters(&d);
	assert_in_range(c.ike_sas, 0, 1);
	assert_in_range(c.pairs, 0, 1);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* Early and late timers do no harm. */
static void test_timer_out_of_time(void **state)
{
	static const struct event timer = { .kind = EVENT_TIMER };
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_event(&d, &timer);
	duet_acquire(&d);
	for (int i = 0; i < 10; i++)
		duet_event(&d, &timer);
	assert_int_equal(duet_waiting(&d), 1);
	d.now.us += 20 * SECOND;
	duet_event(&d, &timer);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	while (duet_take(&d) != NULL)
		;
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* RFC 8019 4.1: half an IKE SA does not live long. */
static void test_half_open_goes(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	assert_int_equal(duet_counters(&d).half_open, 1);
	duet_wait(&d, 60 * SECOND);
	duet_hear_nothing(&d);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- one attempt at a time --- */

static void test_acquire_while_connecting(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_acquire(&d);
	duet_acquire(&d);
	assert_int_equal(duet_waiting(&d), 1);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

/* The peer's exchange is under way already: ours waits for it. */
static void test_acquire_attaches(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	duet_acquire(&d);
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	duet_wait(&d, 6 * SECOND);
	duet_assert_child(&d);
	duet_end(&d);
}

static void acquire_for(struct duet *d, struct ip remote)
{
	const struct event e = { .kind = EVENT_ACQUIRE,
				 .acquire = { .local = d->us.ip, .remote = remote } };

	duet_event(d, &e);
}

static void test_acquire_outside_the_subnets(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	acquire_for(&d, ip_v4(10, 255, 0, 1)); /* bypassed */
	acquire_for(&d, ip_v4(192, 0, 2, 1));  /* in no list */
	assert_int_equal(duet_waiting(&d), 0);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- jobs --- */

static void test_each_job_may_fail(void **state)
{
	(void)state;
	for (int nth = 0; nth < 4; nth++) { /* generate, derive, sign, verify */
		struct duet d;
		struct draft heard, said;
		struct job *j;

		duet_start(&d, &standin);
		d.hold_jobs = true;
		duet_acquire(&d);
		for (int i = 0;; i++) {
			if (d.n_jobs == 0) {
				if (d.n_sent == d.taken)
					break;
				if (i <= 1) {
					duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
					peer_answer_init(&d.peer, &heard, &said);
				} else {
					duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
					peer_answer_auth(&d.peer, &heard, &said);
				}
				draft_free(&heard);
				duet_say(&d, &said);
			}
			j = duet_take_job(&d, 0);
			duet_do_job(&d, j);
			if (i == nth) {
				j->result = -EIO;
				j->judged.verdict = VERDICT_FAILED;
				duet_job_home(&d, j);
				break;
			}
			duet_job_home(&d, j);
		}
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		assert_true(d.reports[0] != '\0');
		duet_end(&d);
	}
}

/* A repeated request must not start a second job (RFC 8019 4.6). */
static void test_repeat_starts_no_second_job(void **state)
{
	struct duet d;
	struct draft said;
	struct blob init, auth;
	struct draft heard;

	(void)state;
	duet_start(&d, &standin);
	d.hold_jobs = true;
	peer_ask_init(&d.peer, &said);
	init = peer_encode(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&init));
	duet_give(&d, blob_view(&init));
	duet_give(&d, blob_view(&init));
	assert_int_equal(d.n_jobs, 1);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_run_jobs(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	peer_take_init(&d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	auth = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&auth));
	duet_give(&d, blob_view(&auth));
	assert_int_equal(d.n_jobs, 1);
	duet_run_jobs(&d); /* verify */
	duet_give(&d, blob_view(&auth));
	assert_int_equal(d.n_jobs, 1); /* sign */
	duet_run_jobs(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
	duet_hear_nothing(&d);
	blob_free(&init);
	blob_free(&auth);
	duet_end(&d);
}

/* The SA is gone when its job comes home. */
static void test_job_comes_too_late(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	d.hold_jobs = true;
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	assert_int_equal(d.n_jobs, 1);
	duet_wait(&d, 120 * SECOND);
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	duet_run_jobs(&d);
	duet_hear_nothing(&d);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- the kernel refuses --- */

/* As responder: no answer leaves for an SA that is not there; another one takes its place. */
static void test_inbound_refused_as_responder(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	duet_log(&d);
	d.kernel.fail_add_in = 1;
	d.kernel.fail_error = -ENOBUFS;
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	assert_int_equal(d.failed_events, 1);
	assert_string_equal(duet_log(&d), "job:verify job:sign !in send send");
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	/* RFC 7296 1.2: the IKE SA stands, the CHILD_SA is refused. */
	assert_true(draft_error(&heard) != 0);
	assert_false(draft_has(&heard, PAYLOAD_SA));
	assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
	draft_free(&heard);
	duet_hear_nothing(&d);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	duet_end(&d);
}

/* Too late to refuse: the child is deleted with the peer. */
static void test_outbound_refused_as_responder(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	answered(&d, true);
	d.kernel.fail_add_in = 1;
	duet_esp_from_peer(&d);
	/* --> INFORMATIONAL { D } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_wait(&d, SECOND / 2); /* before the next attempt */
	assert_int_equal(d.kernel.n_sas, 0);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	duet_end(&d);
}

static void test_refused_as_initiator(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 2; nth++) { /* the way in, the way out */
		struct duet d;
		struct draft heard, said;

		duet_start(&d, &standin);
		duet_core_init(&d);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		d.kernel.fail_add_in = nth;
		duet_say(&d, &said);
		assert_int_equal(d.failed_events, 1);
		/* --> INFORMATIONAL { D }: the peer has it installed already */
		duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
		assert_true(draft_has(&heard, PAYLOAD_DELETE));
		peer_answer(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		duet_end(&d);
	}
}

/* A datagram that cannot be sent is a lost one. */
static void test_sending_fails(void **state)
{
	struct duet d;
	struct draft heard;

	(void)state;
	duet_start(&d, &standin);
	d.fail_send = -ENETUNREACH;
	duet_acquire(&d);
	duet_wait(&d, 3 * SECOND);
	d.fail_send = 0;
	duet_wait(&d, 20 * SECOND);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* RFC 7296 2.4: ICMP is a hint at most. */
static void test_unreachable_is_no_proof(void **state)
{
	struct duet d;
	struct event e = { .kind = EVENT_UNREACHABLE };
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	e.unreachable.local = d.us;
	e.unreachable.remote = d.them;
	e.unreachable.error = -ECONNREFUSED;
	for (int i = 0; i < 10; i++)
		duet_event(&d, &e);
	duet_assert_child(&d);
	assert_int_equal(duet_ike_state(&d), IKE_ESTABLISHED);
	while (duet_take(&d) != NULL)
		;
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* --- the kernel tells that an SA is over --- */

static void test_hard_expire(void **state)
{
	struct duet d;
	struct event e = { .kind = EVENT_EXPIRE };
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	e.expire.ref = (struct sa_ref){ .src = d.us.ip, .dst = d.them.ip, .spi = d.peer.esp_in };
	e.expire.hard = true;
	assert_int_equal(fake_kernel_sa_delete(&d.kernel, &e.expire.ref), 0);
	duet_event(&d, &e);
	/* --> INFORMATIONAL { D }: half a CHILD_SA is of no use */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	duet_end(&d);
}

static void test_expire_of_a_strange_sa(void **state)
{
	struct duet d;
	struct event e = { .kind = EVENT_EXPIRE };

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_log(&d);
	for (int hard = 0; hard <= 1; hard++) {
		e.expire.ref = (struct sa_ref){ .src = d.us.ip, .dst = d.them.ip, .spi = 77 };
		e.expire.hard = hard != 0;
		duet_event(&d, &e);
	}
	assert_string_equal(duet_log(&d), "");
	duet_assert_child(&d);
	duet_end(&d);
}

/* --- the operator --- */

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .remote = d->them.ip, .local = d->us.ip }
	};

	duet_event(d, &e);
}

static void test_command_up_and_down(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	command(&d, COMMAND_UP);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_assert_child(&d);
	command(&d, COMMAND_DOWN);
	/* --> INFORMATIONAL { D } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	assert_int_equal(d.kernel.n_sas, 0);
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* SAs of another daemon of this host with that peer stay: it is not told that we start afresh. */
static void test_command_join(void **state)
{
	const struct duet_options o = { .peer_is_ikemesh = true };
	struct draft heard, said;
	struct duet d;

	(void)state;
	for (int joins = 0; joins <= 1; joins++) {
		duet_start(&d, &o);
		command(&d, joins ? COMMAND_JOIN : COMMAND_UP);
		command(&d, COMMAND_UP); /* somebody's, meanwhile */
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		/* --> IKE_AUTH { ..., [N(INITIAL_CONTACT)] } */
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		assert_int_equal(draft_has_notify(&heard, NOTIFY_INITIAL_CONTACT), !joins);
		peer_answer_auth(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* COMMAND_UP does not wait for the back-off to end. */
static void test_command_up_cuts_back_off(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	/* <-- IKE_AUTH { N(AUTHENTICATION_FAILED) } */
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_add_notify(&said, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
	duet_say(&d, &said);
	while (duet_take(&d) != NULL)
		;
	duet_acquire(&d);
	assert_int_equal(duet_waiting(&d), 0); /* backs off */
	peer_wipe(&d.peer);
	command(&d, COMMAND_UP);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	draft_free(&heard);
	duet_end(&d);
}

static void test_shutdown(void **state)
{
	static const struct event e = { .kind = EVENT_SHUTDOWN };
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_event(&d, &e);
	/* --> INFORMATIONAL { D } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	/* Nothing new is begun. */
	duet_acquire(&d);
	peer_wipe(&d.peer);
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* --- a reload --- */

static void test_reload_to_another_configuration(void **state)
{
	struct duet d;
	struct spec other;
	const struct fleet_options o = { .optional = true };
	struct event e = { .kind = EVENT_SPEC };

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	fleet_spec(&other, 1, &o);
	e.spec.spec = &other;
	duet_event(&d, &e);
	duet_assert_child(&d);
	duet_end(&d);
	spec_free(&other);
}

/* --- looked at from outside --- */

static void test_knows_its_sas(void **state)
{
	struct duet d;
	struct sa_ref in, out, strange;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	in = (struct sa_ref){ .src = d.them.ip, .dst = d.us.ip, .spi = d.peer.esp_out };
	out = (struct sa_ref){ .src = d.us.ip, .dst = d.them.ip, .spi = d.peer.esp_in };
	strange = (struct sa_ref){ .src = d.us.ip, .dst = d.them.ip, .spi = 77 };
	assert_true(engine_knows_sa(d.engine, &in));
	assert_true(engine_knows_sa(d.engine, &out));
	assert_false(engine_knows_sa(d.engine, &strange));
	duet_end(&d);
}

/* --- behind a NAT --- */

/* The core initiates, and the peer sees it come from another address than its own. */
static void up_behind_a_nat(struct duet *d)
{
	struct draft heard, said;
	uint8_t *body;

	duet_acquire(d);
	duet_hear(d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d->peer, &heard, &said);
	draft_free(&heard);
	body = draft_notify(&said, NOTIFY_NAT_DETECTION_DESTINATION_IP)->body.p;
	body[4] ^= 1; /* the first octet of the hash */
	duet_say(d, &said);
	d->us.port = d->them.port = 4500;
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	duet_assert_child(d);
}

/* How many the core sends in a bit more than a minute. */
static size_t keepalives(struct duet *d)
{
	size_t n = 0;

	(void)duet_log(d);
	duet_wait(d, 61 * SECOND);
	for (const char *at = duet_log(d); (at = strstr(at, "keepalive")) != NULL; at++)
		n++;
	return n;
}

/* The kernel sends them on an SA, if it can and the policies let it: then the core does not. */
static void test_who_keeps_a_mapping_alive(void **state)
{
	static const struct {
		bool kernel, exempt, by_kernel;
	} rows[] = {
		{ false, false, false },
		{ false, true, false },
		{ true, false, false },
		{ true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct fake_sa *out, *in;
		struct draft heard, said;
		struct duet d;

		duet_start(&d, &(struct duet_options){ .kernel_keepalives = rows[i].kernel });
		if (rows[i].exempt)
			d.spec.bypass[0] = (struct subnet_spec){ .net = { d.them.ip, 32 },
								 .protocol = 17,
								 .port = 4500 };
		up_behind_a_nat(&d);
		out = fake_kernel_sa(&d.kernel, &d.them.ip, d.peer.esp_in);
		in = fake_kernel_sa(&d.kernel, &d.us.ip, d.peer.esp_out);
		assert_non_null(out);
		assert_non_null(in);
		assert_true(out->spec.encap);
		assert_int_equal(out->spec.keepalive_s, rows[i].by_kernel ? 20 : 0);
		assert_int_equal(in->spec.keepalive_s, 0);
		assert_int_equal(keepalives(&d), rows[i].by_kernel ? 0 : 3);
		/* Without an SA that the kernel could do it on, the core does again. */
		peer_ask_delete_child(&d.peer, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
		draft_free(&heard);
		assert_int_equal(keepalives(&d), 3);
		duet_end(&d);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_keeps_a_mapping_alive),
		cmocka_unit_test(test_first_contact),
		cmocka_unit_test(test_first_contact_for_real),
		cmocka_unit_test(test_order_as_initiator),
		cmocka_unit_test(test_order_as_responder),
		cmocka_unit_test(test_responder_installs_in_time),
		cmocka_unit_test(test_late_soft_limit),
		cmocka_unit_test(test_silence_before_spec),
		cmocka_unit_test(test_retransmission),
		cmocka_unit_test(test_back_off_is_bounded),
		cmocka_unit_test(test_timer_out_of_time),
		cmocka_unit_test(test_half_open_goes),
		cmocka_unit_test(test_acquire_while_connecting),
		cmocka_unit_test(test_acquire_attaches),
		cmocka_unit_test(test_acquire_outside_the_subnets),
		cmocka_unit_test(test_each_job_may_fail),
		cmocka_unit_test(test_repeat_starts_no_second_job),
		cmocka_unit_test(test_job_comes_too_late),
		cmocka_unit_test(test_inbound_refused_as_responder),
		cmocka_unit_test(test_outbound_refused_as_responder),
		cmocka_unit_test(test_refused_as_initiator),
		cmocka_unit_test(test_sending_fails),
		cmocka_unit_test(test_unreachable_is_no_proof),
		cmocka_unit_test(test_hard_expire),
		cmocka_unit_test(test_expire_of_a_strange_sa),
		cmocka_unit_test(test_command_up_and_down),
		cmocka_unit_test(test_command_join),
		cmocka_unit_test(test_command_up_cuts_back_off),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_reload_to_another_configuration),
		cmocka_unit_test(test_knows_its_sas),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
