/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP without an SA: a peer that goes on sending to a host that lost its SAs is negotiated with at
 * once; a forger gets nothing for it.
 */
#include "ike/stray.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define SPI 0xc0ffee01u
#define PLENTY 2000 /* octets of a stray that pay for anything */

static const struct duet_options standin;
static const struct duet_options to_ikemesh = { .peer_is_ikemesh = true };

/* SHA-256("ikemesh 1"), cut: what tells an ikemesh peer. */
static const uint8_t vendor_id[16] = { 0x0a, 0x10, 0x9b, 0xb3, 0xdf, 0x1b, 0x7f, 0xaa,
				       0x75, 0x3f, 0x4d, 0xd6, 0x58, 0x31, 0x20, 0x73 };

static void stray_from(struct duet *d, const struct ip *remote, uint16_t port, uint32_t spi,
		       uint32_t seq, size_t octets)
{
	const struct event e = {
		.kind = EVENT_STRAY_ESP,
		.stray = { .local = d->us.ip,
			   .remote = *remote,
			   .port = port,
			   .spi = spi,
			   .seq = seq,
			   .octets = octets },
	};

	duet_event(d, &e);
}

static void stray(struct duet *d, uint32_t spi, uint32_t seq, size_t octets)
{
	stray_from(d, &d->them.ip, 0, spi, seq, octets);
}

static void two_strays(struct duet *d)
{
	stray(d, SPI, 7, PLENTY);
	stray(d, SPI, 8, PLENTY);
}

static void take_all(struct duet *d)
{
	while (duet_take(d) != NULL)
		;
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
}

/* On the wire, over IPv4. */
static size_t octets_sent(const struct duet *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_sent; i++)
		n += d->sent[i].b.n + 28;
	return n;
}

/* From the answer on it is a negotiation like any other. */
static void heal(struct duet *d, bool initial_contact)
{
	struct draft heard, said;

	/* --> IKE_SA_INIT { SA, KE, Ni, N(...) } */
	duet_hear(d, EXCHANGE_IKE_SA_INIT, false, &heard);
	assert_int_equal(duet_counters(d).pairs, 0);
	/* <-- IKE_SA_INIT { SA, KE, Nr, N(...) } */
	peer_answer_init(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	assert_int_equal(duet_counters(d).pairs, 1);
	assert_true(duet_reported(d, "sends on an SA that this host has lost"));
	/* --> IKE_AUTH { IDi, CERT, CERTREQ, AUTH, N(INITIAL_CONTACT), SA, TSi, TSr, ... } */
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_true(draft_has_notify(&heard, NOTIFY_INITIAL_CONTACT) == initial_contact);
	/* <-- IKE_AUTH { IDr, CERT, AUTH, SA, TSi, TSr, N(USE_TRANSPORT_MODE) } */
	peer_answer_auth(&d->peer, &heard, &said);
	draft_free(&heard);
	duet_say(d, &said);
	duet_assert_child(d);
	assert_int_equal(duet_counters(d).strays_healed, 1);
}

/* Without the vendor ID: design 7 forbids INITIAL_CONTACT. */
static void test_heals_with_others(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	stray(&d, SPI, 7, PLENTY);
	duet_hear_nothing(&d);
	stray(&d, SPI, 8, PLENTY);
	heal(&d, false);
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).strays, 2);
	assert_int_equal(duet_counters(&d).strays_asked, 1);
	duet_end(&d);
}

/* An ikemesh peer hears of a fresh start, and at once that we receive. */
static void test_heals_with_ikemesh(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &to_ikemesh);
	d.peer.vendor = BYTES(vendor_id, sizeof vendor_id);
	two_strays(&d);
	heal(&d, true);
	/* --> INFORMATIONAL { } <-- INFORMATIONAL { } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_int_equal(heard.n, 0);
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	duet_assert_child(&d);
	duet_end(&d);
}

/* Nobody is sent more octets than came in his name: small packets must first be as many. */
static void test_pays_beforehand(void **state)
{
	struct duet d;
	size_t in = 0;

	(void)state;
	duet_start(&d, &standin);
	for (uint32_t seq = 1; duet_waiting(&d) == 0; seq++) {
		stray(&d, SPI, seq, 100);
		in += 100;
		assert_in_range(in, 1, 1000);
	}
	assert_in_range(octets_sent(&d), in - 100, in);
	assert_int_equal(d.n_sent, 1);
	duet_end(&d);
}

/* One SPI, rising numbers. */
static void test_two_of_one_spi(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	for (uint32_t i = 0; i < 1000; i++)
		stray(&d, SPI + i, i, PLENTY); /* no two of an SPI */
	for (uint32_t i = 0; i < 10; i++)
		stray(&d, 0x12345678, 100 - i, PLENTY); /* falling */
	for (uint32_t i = 0; i < 10; i++)
		stray(&d, 0x12345679, 100, PLENTY); /* the same packet */
	for (uint32_t i = 0; i < 10; i++)
		stray(&d, 255, i, PLENTY); /* reserved, RFC 4303 2.1 */
	duet_hear_nothing(&d);
	stray(&d, 0x12345679, 101, PLENTY);
	heal(&d, false);
	duet_end(&d);
}

/* A forger's packets in between do not keep the peer's own from being seen. */
static void test_two_spis_in_turn(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	for (uint32_t i = 0; i < 2; i++) {
		stray(&d, SPI, i, 300);
		stray(&d, SPI + 100 + i, i, 300);
	}
	heal(&d, false);
	duet_end(&d);
}

static void test_protected_sources_alone(void **state)
{
	static const char *const others[] = { "10.255.0.1", "11.0.0.1", "192.0.2.1", "0.0.0.0" };
	struct duet d;
	struct ip ip;

	(void)state;
	duet_start(&d, &standin);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_true(ip_parse(others[i], &ip));
		for (uint32_t seq = 1; seq < 20; seq++)
			stray_from(&d, &ip, 0, SPI, seq, PLENTY);
	}
	duet_hear_nothing(&d);
	assert_int_equal(duet_counters(&d).strays_refused, 4 * 19);
	duet_assert_empty(&d);
	duet_end(&d);

	duet_start(&d, &(struct duet_options){ .optional = true });
	two_strays(&d);
	duet_hear_nothing(&d);
	duet_end(&d);
}

/* Not repeated; then ever longer waits; no pair at any time; nothing is left. */
static void test_no_answer(void **state)
{
	struct duet d;
	uint32_t seq = 1;

	(void)state;
	duet_start(&d, &standin);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	duet_wait(&d, 60 * SECOND);
	assert_int_equal(duet_waiting(&d), 1);
	duet_assert_empty(&d);

	/* Ten minutes of strays each 10 ms: asked after 0.5, 1, 2, 4 … 60 s. */
	duet_end(&d);
	duet_start(&d, &standin);
	for (int i = 0; i < 60000; i++) {
		stray(&d, SPI, seq++, PLENTY);
		duet_wait(&d, 10000);
		assert_int_equal(duet_counters(&d).pairs, 0);
		assert_in_range(duet_counters(&d).ike_sas, 0, 1);
	}
	assert_in_range(duet_counters(&d).strays_asked, 14, 18);
	assert_int_equal(d.n_sent, duet_counters(&d).strays_asked);
	duet_wait(&d, 10 * SECOND);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* Only the source itself can name our SPI. */
static void test_answers_of_others(void **state)
{
	struct duet d;
	struct draft heard, said;
	struct endpoint other;

	(void)state;
	duet_start(&d, &standin);
	two_strays(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	struct blob good = draft_message(&said);
	/* <-- the answer, from another address */
	other = d.them;
	other.ip.b[3] ^= 1;
	duet_give_from(&d, &other, &d.us, blob_view(&good));
	assert_int_equal(duet_counters(&d).pairs, 0);
	/* <-- another SPI */
	said.h.spi_i ^= 1;
	struct blob bad = draft_message(&said);
	duet_give(&d, blob_view(&bad));
	assert_int_equal(duet_counters(&d).pairs, 0);
	duet_hear_nothing(&d);
	/* <-- a refusal in the clear: the source is there, so it has a pair and a memory */
	draft_free(&said);
	draft_init(&said, &heard.h);
	said.h.response = true;
	said.h.initiator = false;
	draft_add_notify(&said, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
	blob_free(&bad);
	bad = draft_message(&said);
	duet_give(&d, blob_view(&bad));
	assert_int_equal(duet_counters(&d).pairs, 1);
	blob_free(&good);
	blob_free(&bad);
	draft_free(&heard);
	draft_free(&said);
	duet_end(&d);
}

/* A refusal is remembered: the pair's back-off holds for strays too. */
static void test_backs_off(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	two_strays(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer(&d.peer, &heard, &said);
	draft_add_notify(&said, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
	draft_free(&heard);
	duet_say(&d, &said);
	take_all(&d);
	uint64_t before = duet_counters(&d).strays_asked;
	for (uint32_t seq = 100; seq < 190; seq++) {
		stray(&d, SPI, seq, PLENTY);
		duet_wait(&d, 10000);
	}
	assert_int_equal(duet_counters(&d).strays_asked, before);
	duet_wait(&d, SECOND);
	stray(&d, SPI, 1000, PLENTY);
	assert_int_equal(duet_counters(&d).strays_asked, before + 1);
	duet_end(&d);
}

/* Where an IKE SA lives, the peer is told in it, once until it answers. */
static void test_tells_inside(void **state)
{
	struct duet d;
	struct draft heard, said;
	struct delete_view v;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	duet_wait(&d, 10 * SECOND);
	take_all(&d);
	for (uint32_t seq = 1; seq < 10; seq++)
		stray(&d, SPI, seq, PLENTY);
	/* --> INFORMATIONAL { D(ESP, the stray's SPI) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(delete_decode(blob_view(&draft_find(&heard, PAYLOAD_DELETE)->body), &v));
	assert_int_equal(v.protocol, PROTO_ESP);
	assert_int_equal(v.count, 1);
	struct reader r = reader_of(v.spis);
	assert_int_equal(read_u32(&r), SPI);
	duet_hear_nothing(&d);
	/* <-- INFORMATIONAL { } */
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear_nothing(&d);
	duet_assert_child(&d);
	assert_int_equal(duet_counters(&d).strays_deleted, 1);
	assert_int_equal(duet_counters(&d).strays_asked, 0);
	/* Small packets must pay here too. */
	duet_wait(&d, 5 * SECOND);
	take_all(&d);
	stray(&d, SPI + 1, 1, 40);
	stray(&d, SPI + 1, 2, 40);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard); /* with what was saved up */
	draft_free(&heard);
	duet_end(&d);
}

/* The kernel lost one that we believe in: the peer is told, and makes another. */
static void test_flushed_here(void **state)
{
	struct duet d;
	struct draft heard;

	(void)state;
	duet_start(&d, &standin);
	duet_core_up(&d);
	take_all(&d);
	/* On its way when the SA was only just added: nothing is wrong. */
	stray(&d, d.peer.esp_out, 1, PLENTY);
	duet_hear_nothing(&d);
	duet_wait(&d, 10 * SECOND);
	take_all(&d);
	fake_kernel_flush(&d.kernel);
	stray(&d, d.peer.esp_out, 2, PLENTY);
	/* --> INFORMATIONAL { D(ESP, spi) } */
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	assert_true(duet_reported(&d, "the kernel lost CHILD_SA"));
	duet_end(&d);
}

/* An exchange is under way: it will serve. */
static void test_under_way(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	assert_int_equal(duet_waiting(&d), 1);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	duet_end(&d);

	duet_start(&d, &standin);
	peer_ask_init(&d.peer, &said);
	duet_say(&d, &said);
	assert_int_equal(duet_waiting(&d), 1);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	/* It may have been a forger's: not for long. */
	duet_wait(&d, 4 * SECOND);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 2);
	assert_int_equal(duet_counters(&d).strays_asked, 1);
	duet_end(&d);
}

/* Traffic of our own: what was begun for the strays serves it, and is repeated from then on. */
static void test_acquire_meanwhile(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	duet_acquire(&d);
	assert_int_equal(duet_waiting(&d), 1);
	assert_int_equal(duet_counters(&d).pairs, 1);
	duet_wait(&d, 5 * SECOND);
	assert_true(duet_waiting(&d) > 2);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

static void test_not_yet_and_no_more(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &(struct duet_options){ .no_spec = true });
	two_strays(&d);
	duet_hear_nothing(&d);
	duet_end(&d);

	duet_start(&d, &(struct duet_options){ .awaits_state = true });
	two_strays(&d);
	duet_hear_nothing(&d);
	duet_event(&d, &(struct event){ .kind = EVENT_STATE_LOADED });
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	/* Leaving: what was asked is dropped, and nothing is asked any more. */
	duet_event(&d, &(struct event){ .kind = EVENT_SHUTDOWN });
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	duet_wait(&d, 10 * SECOND);
	two_strays(&d);
	assert_int_equal(duet_waiting(&d), 1);
	duet_end(&d);
}

/* ESP in UDP: to the port that it came from, from ours for NAT. */
static void test_in_udp(void **state)
{
	struct duet d;
	const struct duet_datagram *sent;

	(void)state;
	duet_start(&d, &standin);
	stray_from(&d, &d.them.ip, 31337, SPI, 1, PLENTY);
	stray_from(&d, &d.them.ip, 31337, SPI, 2, PLENTY);
	sent = duet_take(&d);
	assert_non_null(sent);
	assert_int_equal(sent->local.port, 4500);
	assert_int_equal(sent->remote.port, 31337);
	duet_end(&d);
}

/*
 * A forger who knows all of this sends pairs of packets under as many names as he likes: in all,
 * and each of his victims, gets no more octets than he sent; no pair is made; memory is bounded.
 */
static void test_forger(void **state)
{
	struct duet d;
	size_t in = 0, out = 0;
	struct rng rng = { .state = 7 };

	(void)state;
	duet_start(&d, &standin);
	for (int i = 0; i < 60000; i++) { /* a minute */
		struct ip victim = fleet_address(1000 + (unsigned)(rng_next(&rng) % 50000), false);

		for (uint32_t seq = 1; seq <= 2; seq++) {
			size_t octets = 60 + rng_next(&rng) % 1400;

			stray_from(&d, &victim, 0, SPI, seq, octets);
			in += octets;
		}
		duet_wait(&d, 1000);
		out += octets_sent(&d);
		assert_true(out <= in);
		assert_in_range(d.n_sent, 0, 1);
		take_all(&d);
		struct status_counters c = duet_counters(&d);
		assert_int_equal(c.pairs, 0);
		assert_in_range(c.ike_sas, 0, SUSPECTS_MAX);
	}
	assert_in_range(duet_counters(&d).strays_asked, 100, STRAY_BURST + 60 * STRAY_PER_S);
	duet_wait(&d, 10 * SECOND);
	duet_assert_empty(&d);
	/* The peer that really lost us is served right after. */
	two_strays(&d);
	heal(&d, false);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heals_with_others),
		cmocka_unit_test(test_heals_with_ikemesh),
		cmocka_unit_test(test_pays_beforehand),
		cmocka_unit_test(test_two_of_one_spi),
		cmocka_unit_test(test_two_spis_in_turn),
		cmocka_unit_test(test_protected_sources_alone),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_answers_of_others),
		cmocka_unit_test(test_backs_off),
		cmocka_unit_test(test_tells_inside),
		cmocka_unit_test(test_flushed_here),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_acquire_meanwhile),
		cmocka_unit_test(test_not_yet_and_no_more),
		cmocka_unit_test(test_in_udp),
		cmocka_unit_test(test_forger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
