/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine: what comes too early, again, or too often, and peers that are authenticated.
 */
#include "cases/scene.h"
#include "ike/load.h"
#include "sim/peer_child.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* T26: no keys, or no proof yet; then the genuine IKE_AUTH. */
static void protected_before_auth(struct scene *s)
{
	static const uint8_t exchanges[] = { EXCHANGE_INFORMATIONAL, EXCHANGE_CREATE_CHILD_SA };

	for (size_t i = 0; i < N(exchanges); i++) {
		uint8_t noise[80] = { 0 };
		struct draft said, auth;

		scene_auth(s, &auth);
		for (int sealed = 0; sealed < 2; sealed++) {
			s->d.peer.send_id = 1;
			peer_ask(&s->d.peer, exchanges[i], &said);
			delete_encode(draft_begin(&said), PROTO_IKE, NULL, 0);
			draft_end(&said);
			if (sealed) {
				scene_say(s, &said);
				continue;
			}
			draft_drop(&said, PAYLOAD_DELETE);
			rng_fill(&s->d.rng, noise, sizeof noise);
			draft_add(&said, PAYLOAD_SK, BYTES(noise, sizeof noise));
			scene_say_clear(s, &said);
		}
		assert_int_equal(duet_counters(&s->d).half_open, 1);
		scene_check(s, scene_say(s, &auth) == OUT_GOES_ON, "the genuine IKE_AUTH is taken");
	}
}

/* T27: RFC 8019 4.6 */
static void wrong_keys(struct scene *s)
{
	struct draft said;
	struct blob good, bad;
	uint64_t jobs;

	scene_auth(s, &said);
	good = peer_seal(&s->d.peer, &said);
	s->d.peer.sk_ai.b[0] ^= 1;
	bad = peer_seal(&s->d.peer, &said);
	s->d.peer.sk_ai.b[0] ^= 1;
	draft_free(&said);
	jobs = duet_counters(&s->d).tally.jobs_done;
	for (int i = 0; i < 50; i++)
		scene_give(s, blob_view(&bad));
	scene_check(s, duet_counters(&s->d).tally.jobs_done == jobs, "no job was done for them");
	scene_check(s, scene_give(s, blob_view(&good)) == OUT_GOES_ON, "the genuine one is taken");
	blob_free(&good);
	blob_free(&bad);
}

/* T29 */
static void traffic_selectors(struct scene *s)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{ 0, 0 },   { 0, 2 },	 { 0, 255 },		/* how many */
		{ 7, 0 },   { 7, 7 },	 { 7, 15 },  { 7, 41 }, /* length of one */
		{ 4, 0 },   { 4, 8 },				/* type: none, IPv6's */
		{ 12, 11 }, { 12, 255 },			/* starts above its end */
	};

	for (size_t i = 0; i < 2 * N(changes); i++) {
		const uint8_t type = i % 2 == 0 ? PAYLOAD_TSI : PAYLOAD_TSR;
		struct draft said;

		scene_auth(s, &said);
		draft_find(&said, type)->body.p[changes[i / 2].at] = changes[i / 2].value;
		scene_say(s, &said);
		scene_check(s, s->d.kernel.n_sas == 0, "no SA in the kernel");
	}
}

/* T31: our own AUTH cannot be made; no later timer may touch what is left. */
static void key_is_missing(struct scene *s)
{
	for (int as_responder = 0; as_responder < 2; as_responder++) {
		struct draft said, heard;

		scene_clear(s);
		duet_wait(&s->d, 4000 * SECOND);
		s->d.hold_jobs = true;
		if (as_responder) {
			peer_ask_init(&s->d.peer, &said);
			duet_say(&s->d, &said);
		} else {
			duet_acquire(&s->d);
		}
		for (int i = 0; i < 20; i++) {
			struct job *j;

			while (duet_waiting(&s->d) > 0) {
				duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, as_responder, &heard);
				if (as_responder) {
					peer_take_init(&s->d.peer, &heard);
					peer_ask_auth(&s->d.peer, &said);
				} else {
					peer_answer_init(&s->d.peer, &heard, &said);
				}
				draft_free(&heard);
				duet_say(&s->d, &said);
			}
			if (s->d.n_jobs == 0)
				break;
			j = duet_take_job(&s->d, 0);
			if (j->kind == JOB_SIGN) {
				const size_t sent = s->d.n_sent;

				j->result = -ENOENT;
				duet_job_home(&s->d, j);
				scene_check(s, s->d.kernel.n_sas == 0, "no SA in the kernel");
				/* A responder refuses; an initiator has nothing to say. */
				scene_check(s, (s->d.n_sent > sent) == as_responder,
					    "a responder says so, an initiator is silent");
				break;
			}
			duet_do_job(&s->d, j);
			duet_job_home(&s->d, j);
		}
		s->d.hold_jobs = false;
		duet_run_jobs(&s->d);
		duet_wait(&s->d, 600 * SECOND);
	}
	scene_clear(s);
}

/* T38 */
static void message_ids(struct scene *s)
{
	static const uint32_t away[] = { 1, 2, 100, 0x7fffffff, 0xfffffffd };
	struct draft said;
	struct blob again;
	size_t first, n;

	scene_up(s);
	for (size_t i = 0; i < N(away); i++) {
		const uint32_t id = s->d.peer.send_id;

		s->d.peer.send_id = id + away[i];
		peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, &said);
		s->d.peer.send_id = id;
		scene_check(s, scene_say(s, &said) == OUT_DROP, "others are dropped");
	}
	/* An answer to nothing. */
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, &said);
	said.h.response = true;
	scene_check(s, scene_say(s, &said) == OUT_DROP, "the answer is dropped");
	s->d.peer.send_id--;
	/* The same request again: the same octets. */
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, &said);
	again = peer_seal(&s->d.peer, &said);
	draft_free(&said);
	first = s->d.n_sent;
	scene_give(s, blob_view(&again));
	for (n = 0; n < 3; n++)
		scene_give(s, blob_view(&again));
	for (size_t i = first + 1; i < s->d.n_sent; i++)
		scene_check(s,
			    bytes_equal(blob_view(&s->d.sent[i].b), blob_view(&s->d.sent[first].b)),
			    "the same octets each time");
	scene_check(s, s->d.n_sent - first == 4, "4 answers to 4");
	blob_free(&again);
}

/* ---- both sides at once: T45 ------------------------------------------------------------------
 */

/* The peer answers what the core asks by INFORMATIONAL, for so long. */
static void answer_all(struct scene *s, int seconds)
{
	for (int i = 0; i < 2 * seconds; i++) {
		const struct duet_datagram *x;

		while ((x = duet_take(&s->d)) != NULL) {
			struct draft heard, said;

			if (peer_open(&s->d.peer, blob_view(&x->b), &heard) != 0)
				continue;
			if (!heard.h.response && heard.h.exchange == EXCHANGE_INFORMATIONAL) {
				peer_answer(&s->d.peer, &heard, &said);
				duet_say(&s->d, &said);
			}
			draft_free(&heard);
		}
		duet_wait(&s->d, SECOND / 2);
	}
}

static void command(struct scene *s, enum command_kind what)
{
	const struct event e = { .kind = EVENT_COMMAND,
				 .command = { .command = what, .remote = s->d.them.ip } };

	duet_event(&s->d, &e);
}

static void both_rekey_the_child(struct scene *s)
{
	for (int order = 0; order < 2; order++) {
		struct peer_exchange peers = { 0 }, cores = { 0 };
		struct draft request, said, answer;

		scene_up(s);
		peers.rekeys = s->d.peer.esp_in;
		command(s, COMMAND_REKEY);
		duet_hear(&s->d, EXCHANGE_CREATE_CHILD_SA, false, &request);
		peer_ask_child(&s->d.peer, &peers, &said);
		peer_answer_child(&s->d.peer, &cores, &request, &answer);
		draft_free(&request);
		if (order == 0) {
			scene_say(s, &said);
			scene_say(s, &answer);
		} else {
			scene_say(s, &answer);
			scene_say(s, &said);
		}
		/* The peer deletes nothing by itself. */
		answer_all(s, 60);
		scene_check(
			s, duet_counters(&s->d).child_sas == 1 && duet_counters(&s->d).ike_sas == 1,
			"one CHILD_SA is left");
		peer_exchange_free(&peers);
		peer_exchange_free(&cores);
	}
}

static void rekey_of_what_is_not_there(struct scene *s)
{
	for (uint32_t spi = 1; spi < 5; spi++) {
		struct peer_exchange x = { .rekeys = 0x7000 + spi };
		struct draft said;

		scene_up(s);
		peer_ask_child(&s->d.peer, &x, &said);
		scene_say(s, &said);
		peer_exchange_free(&x);
	}
}

static void child_while_we_rekey_ike(struct scene *s)
{
	struct peer_exchange x = { 0 };
	struct draft said;

	scene_up(s);
	command(s, COMMAND_REKEY_IKE);
	peer_ask_child(&s->d.peer, &x, &said);
	scene_say(s, &said);
	peer_exchange_free(&x);
}

/* The peer deletes the CHILD_SA that we rekey. */
static void delete_of_what_we_rekey(struct scene *s)
{
	struct draft said;

	scene_up(s);
	command(s, COMMAND_REKEY);
	peer_ask_delete_child(&s->d.peer, &said);
	scene_check(s, scene_say(s, &said) == OUT_GOES_ON, "the DELETE is answered");
	scene_check(s, duet_counters(&s->d).ike_sas == 1, "the IKE SA lives");
}

/* ---- floods: T22, T46 -------------------------------------------------------------------------
 */

static void child_requests(struct scene *s)
{
	const struct ip them = s->d.them.ip;
	unsigned most = 0;

	/* Another than the one whose handshake is tried after: it has its own limits to bear. */
	s->d.them.ip = fleet_address(9, false);
	scene_up(s);
	for (unsigned i = 0; i < 10000; i++) {
		struct peer_exchange x = { 0 };
		struct draft said;
		unsigned n;

		peer_ask_child(&s->d.peer, &x, &said);
		scene_say(s, &said);
		peer_exchange_free(&x);
		for (size_t k = 0; k < s->d.n_sent; k++)
			blob_free(&s->d.sent[k].b);
		s->d.n_sent = s->d.taken = 0;
		s->d.reports[0] = s->d.log[0] = s->d.happened[0] = '\0';
		n = (unsigned)duet_counters(&s->d).child_sas;
		most = n > most ? n : most;
	}
	scene_check(s, most <= 16, "16 CHILD_SAs at most");
	snprintf(s->note, sizeof s->note, "CHILD_SAs at most: %u", most);
	s->d.them.ip = them;
}

/* IKE_SA_INIT under as many sources as there are datagrams: nothing but cookies soon. */
static void forged_sources(struct scene *s)
{
	size_t most = 0;

	scene_clear(s);
	for (unsigned i = 0; i < 5000; i++) {
		struct draft said;
		struct blob message;

		peer_wipe(&s->d.peer);
		s->d.peer.self.ip = fleet_address(1000 + i, false);
		peer_ask_init(&s->d.peer, &said);
		message = peer_encode(&s->d.peer, &said);
		draft_free(&said);
		scene_give(s, blob_view(&message));
		blob_free(&message);
		for (size_t k = 0; k < s->d.n_sent; k++)
			blob_free(&s->d.sent[k].b);
		s->d.n_sent = s->d.taken = 0;
		s->d.reports[0] = s->d.log[0] = s->d.happened[0] = '\0';
		if (duet_counters(&s->d).half_open > most)
			most = duet_counters(&s->d).half_open;
	}
	scene_check(s, most <= 30, "30 half-open at most");
	scene_check(s, s->octets_out < s->octets_in, "fewer octets back than came");
	snprintf(s->note, sizeof s->note, "half-open at most: %zu; octets in %llu, out %llu", most,
		 (unsigned long long)s->octets_in, (unsigned long long)s->octets_out);
}

/* T22: what T01 to T20 send, each very often: nothing leaks. */
#define KINDS 15
#define EACH 33400 /* in each of three rounds: 100,000 of a kind in all */

/* The first transform of a type in the first proposal, which has no SPI. */
static uint8_t *transform_in(struct blob *sa, uint8_t type)
{
	size_t at = 8;

	while (at + 8 <= sa->n && sa->p[at + 4] != type)
		at += (size_t)(sa->p[at + 2] << 8 | sa->p[at + 3]);
	assert_true(at + 8 <= sa->n);
	return sa->p + at;
}

static struct blob kind(struct scene *s, int nth)
{
	static const uint8_t vendor[256] = { 0x68, 0x6a, 0x8c, 0xbd };
	struct draft said;
	struct blob message, *sa;

	peer_wipe(&s->d.peer);
	peer_ask_init(&s->d.peer, &said);
	sa = &draft_find(&said, PAYLOAD_SA)->body;
	switch (nth) {
	case 0: /* T01 */
		said.h.exchange = 0;
		break;
	case 1: /* T02 */
		said.first_lies = true;
		break;
	case 2: /* T03 */
		draft_drop(&said, PAYLOAD_NONCE);
		break;
	case 3: /* T04 */
		draft_find(&said, PAYLOAD_NONCE)->type = 2;
		break;
	case 4: /* T06 */
		said.h.exchange = EXCHANGE_INFORMATIONAL;
		said.h.spi_r = 1;
		break;
	case 5: /* T07: its last transform is of a type that nobody knows */
		sa->p[sa->n - 4] = 9;
		break;
	case 6: /* T09: the PRF is HMAC-MD5 */
		transform_in(sa, TRANSFORM_PRF)[7] = 1;
		break;
	case 7: /* T11 */
		said.h.version = 0x10;
		break;
	case 8: /* T12 */
		said.lies = true;
		said.length_said = 27;
		break;
	case 9: /* T13 */
		said.p[1].lies = true;
		said.p[1].length_said = 3;
		break;
	case 10: /* T15, and without a nonce */
		draft_drop(&said, PAYLOAD_NONCE);
		draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, sizeof vendor));
		break;
	case 11: /* T16 */
		sa->p[7] = 200;
		break;
	case 12: /* T18 */
		draft_set(draft_find(&said, PAYLOAD_KE),
			  BYTES(draft_find(&said, PAYLOAD_KE)->body.p, 5));
		break;
	case 13: /* T08: AES-XCBC-96 */
		transform_in(sa, TRANSFORM_INTEG)[7] = 5;
		break;
	default: /* T20 */
		draft_add_notify(&said, 8200, BYTES((const uint8_t *)"\";reboot;#%n", 12));
		draft_double(&said, PAYLOAD_SA);
		break;
	}
	message = draft_message(&said);
	draft_free(&said);
	return message;
}

static void parse_errors(struct scene *s)
{
	for (int nth = 0; nth < KINDS; nth++) {
		struct blob message;

		scene_clear(s);
		message = kind(s, nth);
		scene_pour(s, blob_view(&message), EACH);
		blob_free(&message);
		scene_check(s, duet_counters(&s->d).half_open == 0, "nothing is half open");
	}
}

const struct bad_case cases_states[] = {
	{ "T22",
	  "parse_errors",
	  "CVE-2025-20224, -20225, CVE-2026-20012, -20013, -20015 Cisco",
	  "15 kinds of what T01 to T20 send, 100,000 of each",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX, NOTIFY_INVALID_IKE_SPI, NOTIFY_NO_PROPOSAL_CHOSEN },
	  .play = parse_errors },
	{ "T22", "forged_sources", "RFC 7296 2.6; RFC 8019 4.2",
	  "5,000 IKE_SA_INIT, each of another address", ALLOW(OUT_GOES_ON) | ALLOW(OUT_COOKIE),
	  .play = forged_sources },
	{ "T26", "protected_before_auth", "CVE-2019-12312 Libreswan",
	  "INFORMATIONAL, CREATE_CHILD_SA before IKE_AUTH: noise, well sealed; then IKE_AUTH",
	  ALLOW(OUT_DROP) | ALLOW(OUT_GOES_ON), .play = protected_before_auth },
	{ "T27", "wrong_keys", "RFC 8019 4.6", "50 IKE_AUTH under other keys; then the right one",
	  ALLOW(OUT_DROP) | ALLOW(OUT_GOES_ON), .play = wrong_keys },
	{ "T29",
	  "traffic_selectors",
	  "CVE-2023-23009 Libreswan",
	  "TS: number 0, 2, 255; length 0, 7, 15, 41; type 0, 8; start above end",
	  0,
	  { NOTIFY_INVALID_SYNTAX, NOTIFY_TS_UNACCEPTABLE },
	  .play = traffic_selectors },
	{ "T31", "key_is_missing", "CVE-2024-2357 Libreswan",
	  "our signature cannot be made, as initiator and as responder; 600 s", 0,
	  .play = key_is_missing },
	{ "T38", "message_ids", "RFC 7296 2.2, 2.3",
	  "ids +1, +2 ... -3, an answer to nothing, a request four times",
	  ALLOW(OUT_DROP) | ALLOW(OUT_GOES_ON), .play = message_ids },
	{ "T45",
	  "both_rekey_the_child",
	  "RFC 7296 2.8.1",
	  "both rekey one CHILD_SA, answers in both orders",
	  ALLOW(OUT_GOES_ON) | ALLOW(OUT_KEPT),
	  { NOTIFY_TEMPORARY_FAILURE, NOTIFY_CHILD_SA_NOT_FOUND },
	  .play = both_rekey_the_child },
	{ "T45",
	  "rekey_of_what_is_not_there",
	  "RFC 7296 2.25",
	  "REKEY_SA of unknown SPIs",
	  0,
	  { NOTIFY_CHILD_SA_NOT_FOUND },
	  .play = rekey_of_what_is_not_there },
	{ "T45",
	  "child_while_we_rekey_ike",
	  "RFC 7296 2.25.1",
	  "CREATE_CHILD_SA while we rekey the IKE SA",
	  0,
	  { NOTIFY_TEMPORARY_FAILURE },
	  .play = child_while_we_rekey_ike },
	{ "T45", "delete_of_what_we_rekey", "RFC 7296 2.25.1",
	  "DELETE of the CHILD_SA that we rekey", ALLOW(OUT_GOES_ON),
	  .play = delete_of_what_we_rekey },
	{ "T46",
	  "child_requests",
	  "RFC 8019 5",
	  "10,000 CREATE_CHILD_SA of one peer",
	  ALLOW(OUT_GOES_ON),
	  { NOTIFY_NO_ADDITIONAL_SAS, NOTIFY_TEMPORARY_FAILURE },
	  .play = child_requests },
	{ .name = NULL },
};
