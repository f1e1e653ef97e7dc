/* SPDX-License-Identifier: Apache-2.0 */
/* Header and chain of payloads, before anybody has proved anything. */
#include "cases/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* T01: all but those that exist; 0 is what Libreswan met. */
static void exchange_types(struct scene *s)
{
	for (unsigned type = 0; type < 256; type += type == 33 ? 11 : 1) {
		struct draft said;

		scene_init(s, &said);
		said.h.exchange = (uint8_t)type;
		scene_say_clear(s, &said);
		if (type > 44)
			type += 22;
	}
}

/* T02: the octet that names the next payload says "none" too soon. */
static void chain_ends_early(struct scene *s)
{
	struct draft said;

	scene_init(s, &said);
	said.first_lies = true;
	said.first_said = PAYLOAD_NONE;
	scene_say_clear(s, &said);
	for (size_t at = 0; at < 3; at++) {
		size_t offset = IKE_HEADER_LEN;
		struct blob message;

		scene_init(s, &said);
		for (size_t i = 0; i < at; i++)
			offset += 4 + said.p[i].body.n;
		message = draft_message(&said);
		message.p[offset] = PAYLOAD_NONE;
		draft_free(&said);
		scene_give(s, blob_view(&message));
		blob_free(&message);
	}
}

/* T03 */
static void payload_missing(struct scene *s)
{
	static const uint8_t types[] = { PAYLOAD_NONCE, PAYLOAD_KE, PAYLOAD_SA };
	struct draft said;

	for (size_t i = 0; i < N(types); i++) {
		scene_init(s, &said);
		draft_drop(&said, types[i]);
		scene_say_clear(s, &said);
	}
	scene_init(s, &said);
	while (said.n > 0)
		draft_drop_at(&said, 0);
	scene_say_clear(s, &said);
}

/* T04 */
static void substructure_type(struct scene *s)
{
	for (uint8_t type = 1; type < 33; type += 1) {
		struct draft said;

		scene_init(s, &said);
		draft_find(&said, PAYLOAD_NONCE)->type = type;
		scene_say_clear(s, &said);
	}
}

/* T06 */
static void plain_informational(struct scene *s)
{
	for (unsigned i = 0; i < 200; i++) {
		const struct ike_header h = { .spi_i = 0x1111 + i,
					      .spi_r = 0x2222,
					      .version = 0x20,
					      .exchange = EXCHANGE_INFORMATIONAL,
					      .initiator = true };
		uint8_t noise[60];
		struct draft said;

		rng_fill(&s->d.rng, noise, sizeof noise);
		draft_init(&said, &h);
		draft_add(&said, PAYLOAD_SK, BYTES(noise, sizeof noise));
		scene_say_clear(s, &said);
	}
	/* Rate-limited: RFC 7296 2.21.4. */
	scene_check(s, s->d.n_sent <= 5, "5 answers at most");
	scene_clear(s);
}

/* T11 */
static void other_versions(struct scene *s)
{
	static const uint8_t versions[] = { 0x00, 0x10, 0x11, 0x1f };

	for (size_t i = 0; i < N(versions); i++) {
		struct draft said;
		struct blob message;

		scene_init(s, &said);
		said.h.version = versions[i];
		message = draft_message(&said);
		draft_free(&said);
		scene_give(s, blob_view(&message));
		for (size_t n = 20; n <= 30; n++)
			scene_give(s, BYTES(message.p, n));
		blob_free(&message);
	}
}

static void version_3(struct scene *s)
{
	static const uint8_t versions[] = { 0x30, 0x3f, 0xf0 };

	for (size_t i = 0; i < N(versions); i++) {
		struct draft said;

		scene_init(s, &said);
		said.h.version = versions[i];
		scene_say_clear(s, &said);
	}
}

/* T12 */
static void short_datagrams(struct scene *s)
{
	uint8_t noise[64];

	for (int round = 0; round < 20; round++) {
		for (size_t n = 0; n <= 28; n++) {
			rng_fill(&s->d.rng, noise, n);
			if (n > 17)
				noise[17] &= 0x2f; /* no later major version */
			scene_give(s, BYTES(noise, n));
		}
	}
}

static void lying_lengths(struct scene *s)
{
	static const int64_t lies[] = { 0, 1, 27, 28, -1, 1, 1000 };

	for (size_t i = 0; i < N(lies); i++) {
		struct draft said;
		struct blob message;

		scene_init(s, &said);
		message = draft_message(&said);
		said.lies = true;
		said.length_said = (uint32_t)(i < 4 ? lies[i] : (int64_t)message.n + lies[i]);
		blob_free(&message);
		scene_say_clear(s, &said);
	}
}

/* T13: below the payload's own header, at each place, plain and sealed. */
static const uint16_t small[] = { 0, 1, 2, 3, 0xffff };

static void payload_lengths(struct scene *s)
{
	for (size_t i = 0; i < N(small); i++) {
		for (size_t at = 0; at < 6; at++) {
			struct draft said;

			scene_init(s, &said);
			said.p[at].lies = true;
			said.p[at].length_said = small[i];
			scene_say_clear(s, &said);
		}
	}
}

static void payload_lengths_inside(struct scene *s)
{
	for (size_t i = 0; i < N(small); i++) {
		for (size_t at = 0; at < 6; at++) {
			struct draft said;

			scene_auth(s, &said);
			said.p[at].lies = true;
			said.p[at].length_said = small[i];
			scene_say(s, &said);
		}
	}
}

/* T15 */
static void vendor_ids(struct scene *s)
{
	static const uint8_t known[16] = { 0x68, 0x6a, 0x8c, 0xbd, 0xfe, 0x63, 0x4b, 0x40,
					   0x51, 0x46, 0xfb, 0x2b, 0xaf, 0x33, 0xe9, 0xe8 };
	static const size_t lengths[] = { 0, 1, 16, 16 + 256, 4000, 15000 };
	uint8_t *vendor = calloc(1, 65000);
	struct draft said;

	assert_non_null(vendor);
	memcpy(vendor, known, sizeof known);
	for (size_t i = 0; i < N(lengths); i++) {
		scene_init(s, &said);
		draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, lengths[i]));
		scene_say(s, &said);
	}
	free(vendor);
}

static void large_vendor_ids(struct scene *s)
{
	uint8_t *vendor = calloc(1, 65000);
	struct draft said;

	assert_non_null(vendor);
	for (size_t n = 20000; n <= 65000; n += 45000) {
		scene_init(s, &said);
		draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, n));
		scene_say_clear(s, &said);
	}
	free(vendor);
}

/* T20: the performer of these tests fails at a report with an octet that cannot be printed. */
static void names_that_hurt(struct scene *s)
{
	static const struct {
		const char *text;
		size_t n;
	} names[] = { { "\";reboot;#", 10 },	  { "%n%n%s", 6 },	 { "a\nb: a line", 11 },
		      { "\x1b[2J", 4 },		  { "nul\0inside", 10 }, { "\xff\xfe\xc0\x80", 4 },
		      { "$(reboot)`reboot`", 17 } };

	for (size_t i = 0; i < N(names); i++) {
		const struct bytes name = BYTES((const uint8_t *)names[i].text, names[i].n);
		struct draft said, heard;
		uint8_t id[64] = { ID_KEY_ID };

		scene_init(s, &said);
		draft_add(&said, PAYLOAD_VENDOR, name);
		draft_add_notify(&said, 8200, name);
		scene_say(s, &said);
		duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
		peer_take_init(&s->d.peer, &heard);
		draft_free(&heard);
		peer_ask_auth(&s->d.peer, &said);
		memcpy(id + 4, name.p, name.n);
		draft_set(draft_find(&said, PAYLOAD_IDI), BYTES(id, 4 + name.n));
		draft_add_notify(&said, 8201, name);
		peer_sign(&s->d.peer, &said);
		s->d.doer.verdict = VERDICT_ID_MISMATCH;
		scene_say(s, &said);
		s->d.doer.verdict = VERDICT_GOOD;
	}
}

/* T21: under an address that nobody has proved. A peer that has may be overtaken (ike/overtake.h).
 */
static void no_amplification(struct scene *s)
{
	struct draft said;
	size_t sent;

	scene_clear(s);
	peer_wipe(&s->d.peer);
	s->d.peer.self.ip = fleet_address(900, false);
	peer_ask_init(&s->d.peer, &said);
	scene_say(s, &said);
	sent = s->d.n_sent;
	duet_wait(&s->d, 100 * SECOND);
	scene_check(s, sent == 1 && s->d.n_sent == 1, "1 datagram in all");
}

/* T23 */
static void payload_twice(struct scene *s)
{
	static const uint8_t clear[] = { PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE };
	static const uint8_t sealed[] = { PAYLOAD_IDI, PAYLOAD_AUTH, PAYLOAD_SA, PAYLOAD_TSI,
					  PAYLOAD_TSR };
	struct draft said;

	for (size_t i = 0; i < N(clear); i++) {
		scene_init(s, &said);
		draft_double(&said, clear[i]);
		scene_say_clear(s, &said);
	}
	for (size_t i = 0; i < N(sealed); i++) {
		scene_auth(s, &said);
		draft_double(&said, sealed[i]);
		scene_say(s, &said);
	}
}

/* T39 */
static void critical_payload(struct scene *s)
{
	struct draft said;

	scene_init(s, &said);
	draft_add(&said, 200, BYTES_NONE);
	said.p[said.n - 1].critical = true;
	scene_say_clear(s, &said);
	scene_auth(s, &said);
	draft_add(&said, 200, BYTES_NONE);
	said.p[said.n - 1].critical = true;
	scene_say(s, &said);
}

static void critical_known_payload(struct scene *s)
{
	struct draft said;

	scene_init(s, &said);
	for (size_t i = 0; i < said.n; i++)
		said.p[i].critical = true;
	draft_add(&said, 200, BYTES_NONE); /* and one that nobody knows, and may be skipped */
	scene_say(s, &said);
	scene_auth(s, &said);
	for (size_t i = 0; i < said.n; i++)
		said.p[i].critical = true;
	scene_say(s, &said);
}

/* An unknown critical payload beside SK, outside of it. */
static void critical_outside(struct scene *s)
{
	struct draft said;
	struct blob message;

	scene_up(s);
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, &said);
	message = peer_seal(&s->d.peer, &said);
	draft_free(&said);
	/* payload 200, critical and empty, in front of SK */
	struct blob longer = { .p = malloc(message.n + 4), .n = message.n + 4 };
	assert_non_null(longer.p);
	memcpy(longer.p, message.p, IKE_HEADER_LEN);
	memcpy(longer.p + IKE_HEADER_LEN, (const uint8_t[]){ PAYLOAD_SK, 0x80, 0, 4 }, 4);
	memcpy(longer.p + IKE_HEADER_LEN + 4, message.p + IKE_HEADER_LEN,
	       message.n - IKE_HEADER_LEN);
	longer.p[16] = 200;
	longer.p[27] = (uint8_t)longer.n;
	scene_give(s, blob_view(&longer));
	blob_free(&message);
	blob_free(&longer);
}

/* T41 */
static void sealed_out_of_place(struct scene *s)
{
	uint8_t noise[100] = { 0, 1, 0, 1 };

	for (int kind = 0; kind < 5; kind++) {
		struct draft said;

		scene_init(s, &said);
		if (kind == 1 || kind == 2)
			draft_insert(&said, 0, PAYLOAD_SK, BYTES(noise, sizeof noise));
		if (kind == 2)
			draft_insert(&said, 0, PAYLOAD_SKF, BYTES(noise, sizeof noise));
		if (kind == 0 || kind == 1)
			draft_add(&said, PAYLOAD_SK, BYTES(noise, sizeof noise));
		if (kind == 3)
			draft_add(&said, PAYLOAD_SKF, BYTES(noise, sizeof noise)); /* T54 */
		if (kind == 4)
			said.h.exchange = EXCHANGE_IKE_AUTH;
		scene_say_clear(s, &said);
	}
}

/* RFC 7296 2.21.4 and 2.4: what is said in the clear of a living IKE SA changes nothing. */
static void clear_errors(struct scene *s)
{
	static const uint16_t types[] = { NOTIFY_INVALID_IKE_SPI, NOTIFY_INVALID_MAJOR_VERSION,
					  NOTIFY_INVALID_SYNTAX, NOTIFY_AUTHENTICATION_FAILED,
					  NOTIFY_NO_PROPOSAL_CHOSEN };

	scene_up(s);
	for (size_t i = 0; i < N(types); i++) {
		for (int response = 0; response < 2; response++) {
			struct ike_header h = { .spi_i = s->d.peer.spi_i,
						.spi_r = s->d.peer.spi_r,
						.version = 0x20,
						.exchange = EXCHANGE_INFORMATIONAL,
						.initiator = true,
						.response = response != 0 };
			struct draft said;

			draft_init(&said, &h);
			draft_add_notify(&said, types[i], BYTES_NONE);
			scene_say_clear(s, &said);
		}
	}
	duet_assert_child(&s->d);
}

const struct bad_case cases_header[] = {
	{ "T01",
	  "exchange_types",
	  "Libreswan recorded packet 0",
	  "exchange types 0 to 44 and others with good SA, KE, Ni",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_IKE_SPI },
	  .play = exchange_types },
	{ "T02",
	  "chain_ends_early",
	  "Libreswan packets 1, 2, 4",
	  "next payload 0 in the header, in SA, KE, Ni, with octets left",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = chain_ends_early },
	{ "T03",
	  "payload_missing",
	  "Libreswan packets 3, 5, 7",
	  "IKE_SA_INIT without Ni, KE, SA, without any",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = payload_missing },
	{ "T04",
	  "substructure_type",
	  "Libreswan packet 6",
	  "payload types 1 to 32 in the place of Ni",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = substructure_type },
	{ "T06",
	  "plain_informational",
	  "Libreswan packet 9",
	  "200 INFORMATIONAL of unknown SPIs with noise",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_IKE_SPI },
	  .play = plain_informational },
	{ "T11", "other_versions", "CVE-2020-1763, CVE-2022-23094, CVE-2015-3204, CVE-2009-0790",
	  "versions 0x00 to 0x1f, whole and cut", ALLOW(OUT_DROP), .play = other_versions },
	{ "T11",
	  "version_3",
	  "RFC 7296 2.5",
	  "versions 0x30, 0x3f, 0xf0",
	  0,
	  { NOTIFY_INVALID_MAJOR_VERSION },
	  .play = version_3 },
	{ "T12",
	  "short_datagrams",
	  "dissectors' reads out of bounds",
	  "noise of 0 to 28 octets",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_IKE_SPI },
	  .play = short_datagrams },
	{ "T12", "lying_lengths", "dissectors' reads out of bounds",
	  "lengths in the header below 28, below and above the datagram's", ALLOW(OUT_DROP),
	  .play = lying_lengths },
	{ "T13",
	  "payload_lengths",
	  "CVE-2025-20253; tcpdump",
	  "payload lengths 0 to 3, 65535 at each place",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = payload_lengths },
	{ "T13",
	  "payload_lengths_inside",
	  "CVE-2025-20253",
	  "the same, sealed in IKE_AUTH",
	  0,
	  { NOTIFY_INVALID_SYNTAX },
	  .play = payload_lengths_inside },
	{ "T15", "vendor_ids", "CVE-2022-21849 Windows",
	  "vendor ID 686a8cbd... of 0 to 15000 octets", ALLOW(OUT_GOES_ON), .play = vendor_ids },
	{ "T15", "large_vendor_ids", "CVE-2022-21849 Windows",
	  "vendor IDs of 20000 and 65000 octets", ALLOW(OUT_DROP), .play = large_vendor_ids },
	{ "T20",
	  "names_that_hurt",
	  "CVE-2023-28771 Zyxel",
	  "\";reboot;#, %n, NUL, ESC, newline in VID, notify and ID",
	  ALLOW(OUT_GOES_ON),
	  { NOTIFY_AUTHENTICATION_FAILED },
	  .play = names_that_hurt },
	{ "T21", "no_amplification", "CVE-2016-5361", "one IKE_SA_INIT, and silence for 100 s",
	  ALLOW(OUT_GOES_ON), .play = no_amplification },
	{ "T23",
	  "payload_twice",
	  "RFC 7296 3; OpenIKED",
	  "two of SA, KE, Ni, ID, AUTH, TSi, TSr",
	  0,
	  { NOTIFY_INVALID_SYNTAX },
	  .play = payload_twice },
	{ "T39",
	  "critical_payload",
	  "RFC 7296 2.5",
	  "unknown critical payload in IKE_SA_INIT, inside SK",
	  0,
	  { NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD },
	  .play = critical_payload },
	{ "T39",
	  "critical_outside",
	  "Libreswan ikev2-unknown-payload",
	  "unknown critical payload before SK of an IKE SA",
	  ALLOW(OUT_DROP) | ALLOW(OUT_GOES_ON),
	  { NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD },
	  .play = critical_outside },
	{ "T39", "critical_known_payload", "RFC 7296 2.5",
	  "known payloads with the critical bit, an unknown one without", ALLOW(OUT_GOES_ON),
	  .play = critical_known_payload },
	{ "T41",
	  "sealed_out_of_place",
	  "RFC 7296 3.14; RFC 7383 2.3",
	  "SK and SKF in IKE_SA_INIT, two, both; IKE_AUTH without",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX, NOTIFY_INVALID_IKE_SPI },
	  .play = sealed_out_of_place },
	{ "", "clear_errors", "RFC 7296 2.4, 2.21.4",
	  "errors in the clear with the SPIs of a living IKE SA", ALLOW(OUT_DROP),
	  .play = clear_errors },
	{ .name = NULL },
};
