/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8784 as conversations: every row of its table 1, and both sides of the initiator's choice. */
#include "sim/duet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define ID "mesh"
#define VIEW(text) BYTES((const uint8_t *)(text), strlen(text))

static const uint8_t key_octets[32] = "a key for the days to come ....";
static struct ppk ppk;

struct say {
	bool ours, required; /* the core has a PPK; insists on it */
	bool theirs;	     /* the peer says USE_PPK */
};

static void start(struct duet *d, struct say s, bool real)
{
	duet_start(d, &(struct duet_options){ .real = real });
	if (!s.ours)
		return;
	d->doer.ppk = &ppk;
	assert_int_equal(blob_copy(&d->spec.ppk_id, VIEW(ID)), 0);
	d->spec.ppk_required = s.required;
}

/* RFC 8784 3, for a prf whose output is as long as its key: SK_x = prf (PPK, SK_x' | 0x01) */
static void mix(const struct peer *p, struct peer_key *k, struct bytes key)
{
	const uint8_t one = 1;
	const struct bytes parts[] = { BYTES(k->b, k->n), BYTES(&one, 1) };
	uint8_t out[PRF_MAX_LEN];

	assert_int_equal(p->prf->compute(p->prf, key, parts, 2, out), 0);
	memcpy(k->b, out, k->n);
}

struct three {
	struct peer_key d, pi, pr;
};

/* From here on the peer has the PPK in its keys; what it had before is given back. */
static struct three peer_mix(struct peer *p, struct bytes key)
{
	const struct three before = { p->sk_d, p->sk_pi, p->sk_pr };

	mix(p, &p->sk_d, key);
	mix(p, &p->sk_pi, key);
	mix(p, &p->sk_pr, key);
	return before;
}

static void peer_unmix(struct peer *p, const struct three *before)
{
	p->sk_d = before->d;
	p->sk_pi = before->pi;
	p->sk_pr = before->pr;
}

static void use_ppk(struct draft *d)
{
	draft_add_notify(d, NOTIFY_USE_PPK, BYTES_NONE);
}

static void identity(struct draft *d, const char *id)
{
	uint8_t data[64] = { 2 }; /* PPK_ID_FIXED */

	memcpy(data + 1, id, strlen(id));
	draft_add_notify(d, NOTIFY_PPK_IDENTITY, BYTES(data, 1 + strlen(id)));
}

/* --- the core responds --- */

/* Up to IKE_SA_INIT answered. true: the core said USE_PPK. */
static bool peer_says_init(struct duet *d, struct say s)
{
	struct draft heard, said;
	bool used;

	peer_ask_init(&d->peer, &said);
	if (s.theirs)
		use_ppk(&said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_SA_INIT, true, &heard);
	used = draft_has_notify(&heard, NOTIFY_USE_PPK);
	peer_take_init(&d->peer, &heard);
	draft_free(&heard);
	return used;
}

enum asked {
	WITHOUT,     /* no PPK_IDENTITY */
	RIGHT,	     /* ours, and AUTH by it */
	RIGHT_FORCE, /* ... without NO_PPK_AUTH */
	OTHER,	     /* a PPK that the core does not have */
	OTHER_FORCE,
	FORGED, /* ours by name, and AUTH by another */
};

static void add_no_ppk_auth(struct duet *d, struct draft *said)
{
	struct draft plain;
	const struct draft_payload *auth;

	peer_ask_auth(&d->peer, &plain);
	auth = draft_find(&plain, PAYLOAD_AUTH);
	draft_add_notify(said, NOTIFY_NO_PPK_AUTH, BYTES(auth->body.p + 4, auth->body.n - 4));
	draft_free(&plain);
}

static void ask(struct duet *d, enum asked what, struct draft *said)
{
	struct bytes key = what == RIGHT || what == RIGHT_FORCE ? BYTES(key_octets, 32)
								: VIEW("another key altogether!");
	struct three before;

	if (what == WITHOUT) {
		peer_ask_auth(&d->peer, said);
		return;
	}
	before = peer_mix(&d->peer, key);
	peer_ask_auth(&d->peer, said);
	identity(said, what == OTHER || what == OTHER_FORCE ? "stranger" : ID);
	if (what == RIGHT || what == OTHER || what == FORGED) {
		const struct three mixed = { d->peer.sk_d, d->peer.sk_pi, d->peer.sk_pr };
		uint32_t spi = d->peer.esp_in;

		peer_unmix(&d->peer, &before);
		add_no_ppk_auth(d, said);
		d->peer.esp_in = spi;
		if (what != OTHER)
			peer_unmix(&d->peer, &mixed);
	}
}

static void test_responder(void **state)
{
	static const struct {
		struct say say;
		enum asked asked;
		bool used; /* USE_PPK answered */
		bool up, with;
		const char *why;
	} table[] = {
		/* RFC 8784 3, table 1, by its rows */
		{ { 0 }, WITHOUT, false, true, false, NULL },
		{ { .ours = true }, WITHOUT, false, true, false, "without our PPK" },
		{ { .ours = true, .required = true },
		  WITHOUT,
		  false,
		  false,
		  false,
		  "peer does not use a PPK, and ppk_required is set here" },
		{ { .ours = true, .theirs = true },
		  OTHER_FORCE,
		  true,
		  false,
		  false,
		  "peer insists on a PPK that is not ours" },
		{ { .ours = true, .theirs = true, .required = true },
		  OTHER,
		  true,
		  false,
		  false,
		  "peer's PPK is not ours (ppk_id differs), and ppk_required is set here" },
		{ { .ours = true, .theirs = true },
		  OTHER,
		  true,
		  true,
		  false,
		  "without our PPK: the peer has another" },
		{ { .ours = true, .theirs = true },
		  RIGHT,
		  true,
		  true,
		  true,
		  "has the PPK in its keys" },
		{ { .ours = true, .theirs = true, .required = true },
		  RIGHT,
		  true,
		  true,
		  true,
		  "has the PPK" },
		{ { .ours = true, .theirs = true, .required = true },
		  RIGHT_FORCE,
		  true,
		  true,
		  true,
		  "has the PPK" },
		/* "the responder MUST send back an AUTHENTICATION_FAILED" */
		{ { .ours = true, .theirs = true },
		  WITHOUT,
		  true,
		  false,
		  false,
		  "peer agreed to use a PPK, and names none" },
		{ { .ours = true, .theirs = true }, FORGED, true, false, false, "signature" },
		/* The peer speaks of it, the core has none: ignored. */
		{ { .theirs = true }, WITHOUT, false, true, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		const size_t n = i / 2;
		struct draft said, heard;
		struct duet d;

		start(&d, table[n].say, i % 2);
		assert_true(peer_says_init(&d, table[n].say) == table[n].used);
		ask(&d, table[n].asked, &said);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		if (table[n].why && !duet_reported(&d, table[n].why))
			fail_msg("row %zu: %s", n, d.reports);
		assert_int_equal(draft_error(&heard),
				 table[n].up ? 0 : NOTIFY_AUTHENTICATION_FAILED);
		assert_true(draft_has_notify(&heard, NOTIFY_PPK_IDENTITY) == table[n].with);
		assert_int_equal(draft_notify_data(&heard, NOTIFY_PPK_IDENTITY).n, 0);
		if (table[n].up) {
			assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
			peer_take_auth(&d.peer, &heard);
			duet_esp_from_peer(&d);
			duet_esp_from_peer(&d);
			duet_assert_child(&d); /* the keys, from SK_d with or without */
		}
		draft_free(&heard);
		duet_end(&d);
	}
}

/* --- the core initiates --- */

static void answer_init(struct duet *d, struct say s, bool *said_use)
{
	struct draft heard, said;

	duet_acquire(d);
	duet_hear(d, EXCHANGE_IKE_SA_INIT, false, &heard);
	*said_use = draft_has_notify(&heard, NOTIFY_USE_PPK);
	peer_answer_init(&d->peer, &heard, &said);
	draft_free(&heard);
	if (s.theirs)
		use_ppk(&said);
	duet_say(d, &said);
}

static void check_no_ppk_auth(struct duet *d, struct draft *heard)
{
	struct bytes data = draft_notify_data(heard, NOTIFY_NO_PPK_AUTH);
	struct draft plain;

	draft_copy(&plain, heard);
	peer_set_auth(&plain, AUTH_METHOD_DIGITAL_SIGNATURE, data);
	assert_int_equal(peer_check_auth(&d->peer, &plain), VERDICT_GOOD);
	draft_free(&plain);
}

/* The core's IKE_AUTH: AUTH with the PPK, NO_PPK_AUTH without it. The peer's keys end up mixed. */
static struct three check_request(struct duet *d, struct draft *heard, bool required)
{
	struct bytes id = draft_notify_data(heard, NOTIFY_PPK_IDENTITY);
	struct three before;

	assert_int_equal(id.n, 1 + strlen(ID));
	assert_int_equal(id.p[0], 2);
	assert_memory_equal(id.p + 1, ID, strlen(ID));
	assert_true(draft_has_notify(heard, NOTIFY_NO_PPK_AUTH) == !required);
	assert_int_not_equal(peer_check_auth(&d->peer, heard), VERDICT_GOOD);
	if (!required)
		check_no_ppk_auth(d, heard);
	before = peer_mix(&d->peer, BYTES(key_octets, 32));
	assert_int_equal(peer_check_auth(&d->peer, heard), VERDICT_GOOD);
	return before;
}

static void initiate(bool required, bool peer_has_it, bool real)
{
	const struct say s = { .ours = true, .required = required, .theirs = true };
	struct draft heard, said;
	struct three before;
	struct duet d;
	bool used;

	start(&d, s, real);
	answer_init(&d, s, &used);
	assert_true(used);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	before = check_request(&d, &heard, required);
	if (!peer_has_it)
		peer_unmix(&d.peer, &before);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	if (peer_has_it) /* RFC 8784 3: its content is ignored */
		draft_add_notify(&said, NOTIFY_PPK_IDENTITY, VIEW("whatever"));
	duet_say(&d, &said);
	if (peer_has_it || !required) {
		duet_assert_child(&d);
		assert_true(duet_reported(&d, peer_has_it
						      ? "has the PPK in its keys"
						      : "without our PPK: the peer has another"));
	} else {
		/* RFC 8784 3: told in an INFORMATIONAL of its own */
		duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
		draft_free(&heard);
		assert_true(duet_reported(&d, "peer does not have our PPK (ppk_id), and "
					      "ppk_required is set here"));
		assert_int_equal(d.kernel.n_sas, 0);
	}
	duet_end(&d);
}

static void test_initiator(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		initiate(i & 1, i & 2, i & 4);
}

/* The peer does not take up the offer. */
static void test_initiator_alone(void **state)
{
	const struct say s = { .ours = true };
	struct draft heard, said;
	struct duet d;
	bool used;

	(void)state;
	start(&d, s, false);
	answer_init(&d, s, &used);
	assert_true(used);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_false(draft_has_notify(&heard, NOTIFY_PPK_IDENTITY));
	assert_false(draft_has_notify(&heard, NOTIFY_NO_PPK_AUTH));
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_assert_child(&d);
	assert_true(duet_reported(&d, "is up without our PPK: the peer has none"));
	duet_end(&d);
}

/* RFC 8784 6: an answer without USE_PPK could be anybody's, so a better one still counts. */
static void test_required_waits_for_better(void **state)
{
	const struct say s = { .ours = true, .required = true, .theirs = true };
	struct draft heard, said, better;
	struct duet d;

	(void)state;
	start(&d, s, false);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_copy(&better, &said);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	use_ppk(&better);
	duet_say(&d, &better);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	draft_free(&heard);
	duet_end(&d);
}

static void test_required_gives_up(void **state)
{
	const struct say s = { .ours = true, .required = true };
	struct duet d;
	bool used;

	(void)state;
	start(&d, s, false);
	answer_init(&d, s, &used);
	duet_hear_nothing(&d);
	duet_wait(&d, SECOND);
	assert_true(duet_reported(&d, "peer does not use a PPK, and ppk_required is set here"));
	assert_true(duet_ike_state(&d) != IKE_ESTABLISHED);
	duet_end(&d);
}

/* A reload brings a PPK and insists on it: what is up without it is made anew, before it goes. */
static void test_required_from_now_on(void **state)
{
	const struct say s = { 0 };
	struct event e = { .kind = EVENT_SPEC };
	struct draft heard;
	struct duet d;

	(void)state;
	start(&d, s, false);
	duet_core_up(&d);
	assert_int_equal(blob_copy(&d.spec.ppk_id, VIEW(ID)), 0);
	d.spec.ppk_required = true;
	d.doer.ppk = &ppk;
	e.spec.spec = &d.spec;
	duet_event(&d, &e);
	duet_wait(&d, 31 * SECOND);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	assert_true(draft_has_notify(&heard, NOTIFY_USE_PPK));
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 2);
	duet_end(&d);
}

/* The keyholder has another PPK than the core was told: nothing is signed. */
static void test_keyholder_without_it(void **state)
{
	const struct say s = { .ours = true, .theirs = true };
	struct duet d;
	bool used;

	(void)state;
	start(&d, s, false);
	d.doer.ppk = NULL;
	answer_init(&d, s, &used);
	assert_true(duet_reported(&d, "cannot use our PPK"));
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* --- the job --- */

static void test_job(void **state)
{
	struct job *j = job_new(JOB_PPK);
	const uint8_t one = 1, sk[32] = { 7 };
	const struct bytes parts[] = { BYTES(sk, 32), BYTES(&one, 1) };
	uint8_t wanted[32];

	(void)state;
	j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	assert_int_equal(blob_copy(&j->id, VIEW(ID)), 0);
	for (size_t i = 0; i < JOB_SK; i++)
		assert_int_equal(secret_copy(&j->sk[i], BYTES(sk, 32)), 0);
	job_run(j, NULL, NULL, NULL, 0);
	assert_int_equal(j->result, -ENOKEY);
	job_run(j, NULL, NULL, &ppk, 0);
	assert_int_equal(j->result, 0);
	assert_int_equal(j->prf->compute(j->prf, BYTES(key_octets, 32), parts, 2, wanted), 0);
	for (size_t i = 0; i < JOB_SK; i++)
		assert_memory_equal(j->sk[i].p, wanted, 32);
	blob_free(&j->id);
	assert_int_equal(blob_copy(&j->id, VIEW("mesh2")), 0);
	job_run(j, NULL, NULL, &ppk, 0);
	assert_int_equal(j->result, -ENOKEY);
	job_free(j);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(blob_copy(&ppk.id, VIEW(ID)), 0);
	return secret_copy(&ppk.key, BYTES(key_octets, 32));
}

static int teardown(void **state)
{
	(void)state;
	ppk_free(&ppk);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responder),
		cmocka_unit_test(test_initiator),
		cmocka_unit_test(test_initiator_alone),
		cmocka_unit_test(test_required_waits_for_better),
		cmocka_unit_test(test_required_gives_up),
		cmocka_unit_test(test_keyholder_without_it),
		cmocka_unit_test(test_required_from_now_on),
		cmocka_unit_test(test_job),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
