/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a peer's certificates and of the CAs that it names: status.h tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/core.h"
#include "ike/peer_certs.h"
#include "sim/duet.h"
#include <string.h>

static const struct duet_options standin = { 0 };

/* The IKE SAs that the status walk shows, the newest first. */
struct seen {
	struct status_ike ike[8];
	size_t n;
};

static void on_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void on_ike(void *arg, const struct status_ike *s)
{
	struct seen *seen = arg;

	assert_true(seen->n < 8);
	seen->ike[seen->n++] = *s;
}

static void on_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

static struct seen look(const struct duet *d)
{
	struct seen seen = { 0 };
	const struct status_visitor v = {
		.pair = on_pair, .ike = on_ike, .child = on_child, .arg = &seen
	};

	engine_status(d->engine, &v);
	return seen;
}

static void assert_shown(const struct status_ike *s, const struct spec *by)
{
	assert_non_null(s->peer_cert);
	assert_int_equal(s->n_peer_chain, by->credential.n_certs);
	for (size_t i = 0; i < s->n_peer_chain; i++)
		assert_true(bytes_equal(s->peer_chain[i], blob_view(&by->credential.certs[i])));
}

static void test_a_peer_that_asks(void **state)
{
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	d.spec.credential.generation = 7;
	/* <-- IKE_AUTH { IDi, CERT, CERTREQ, AUTH, ... } */
	duet_peer_up(&d);
	s = look(&d);
	assert_int_equal(s.n, 1);
	assert_shown(&s.ike[0], &d.peer_spec);
	assert_true(bytes_equal(s.ike[0].peer_cas, BYTES(d.peer_spec.cas[0].info.spki_sha1, 20)));
	assert_int_equal(s.ike[0].credential, 7);
	duet_end(&d);
}

/* RFC 7296 1.2: a responder's CERTREQ stands in its IKE_SA_INIT. */
static void test_a_peer_that_answers(void **state)
{
	static const uint8_t other[20] = { 1, 2, 3 };
	struct draft heard, said;
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	d.spec.credential.generation = 3;
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	/* <-- IKE_SA_INIT { SA, KE, Nr, CERTREQ, CERTREQ } */
	peer_answer_init(&d.peer, &heard, &said);
	certreq_encode(draft_begin(&said), CERT_X509_SIGNATURE,
		       BYTES(d.peer_spec.cas[0].info.spki_sha1, 20));
	draft_end(&said);
	certreq_encode(draft_begin(&said), CERT_X509_SIGNATURE, BYTES(other, 20));
	draft_end(&said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_assert_child(&d);
	s = look(&d);
	assert_int_equal(s.n, 1);
	assert_shown(&s.ike[0], &d.peer_spec);
	assert_int_equal(s.ike[0].peer_cas.n, 40);
	assert_memory_equal(s.ike[0].peer_cas.p, d.peer_spec.cas[0].info.spki_sha1, 20);
	assert_memory_equal(s.ike[0].peer_cas.p + 20, other, 20);
	assert_int_equal(s.ike[0].credential, 3);
	duet_end(&d);
}

/* One that names no CA, as RFC 7296 3.7 lets it. */
static void test_a_peer_that_names_none(void **state)
{
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	s = look(&d);
	assert_int_equal(s.ike[0].peer_cas.n, 0);
	assert_shown(&s.ike[0], &d.peer_spec);
	duet_end(&d);
}

static void test_equal_ones_are_stored_once(void **state)
{
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	peer_wipe(&d.peer);
	duet_peer_up_beside(&d);
	s = look(&d);
	assert_int_equal(s.n, 2);
	assert_ptr_equal(s.ike[0].peer_cert, s.ike[1].peer_cert);
	assert_int_equal(HASH_COUNT(d.engine->peer_certs), 1);
	duet_end(&d);
}

/* Beyond the bound the leaf is described, and its chain is not kept. */
static void test_octets_are_bounded(void **state)
{
	struct duet d;
	struct seen s;

	(void)state;
	duet_start(&d, &standin);
	d.engine->peer_certs_octets = PEER_CERTS_OCTETS;
	duet_peer_up(&d);
	s = look(&d);
	assert_int_equal(s.n, 1);
	assert_non_null(s.ike[0].peer_cert);
	assert_int_equal(s.ike[0].n_peer_chain, 0);
	assert_int_equal(s.ike[0].peer_cas.n, 20);
	d.engine->peer_certs_octets -= PEER_CERTS_OCTETS;
	duet_end(&d);
}

/* More hashes than are kept: the first of them count. */
static void test_hashes_are_bounded(void **state)
{
	struct handshake hs = { 0 };
	uint8_t body[1 + 20 * 100] = { CERT_X509_SIGNATURE };
	struct payloads ps = { .n = 2 };

	(void)state;
	for (size_t i = 0; i < 100; i++)
		body[1 + 20 * i] = (uint8_t)i;
	ps.p[0] = (struct payload){ .type = PAYLOAD_CERTREQ, .body = BYTES(body, sizeof(body)) };
	ps.p[1] = ps.p[0];
	certreq_keep(&hs, &ps);
	assert_int_equal(hs.peer_cas.n, 20 * CERTREQ_KEPT);
	assert_int_equal(hs.peer_cas.p[20 * (CERTREQ_KEPT - 1)], CERTREQ_KEPT - 1);
	body[0] = CERT_HASH_URL; /* asks for something else */
	certreq_keep(&hs, &ps);
	assert_int_equal(hs.peer_cas.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_peer_that_asks),
		cmocka_unit_test(test_a_peer_that_answers),
		cmocka_unit_test(test_a_peer_that_names_none),
		cmocka_unit_test(test_equal_ones_are_stored_once),
		cmocka_unit_test(test_octets_are_bounded),
		cmocka_unit_test(test_hashes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
