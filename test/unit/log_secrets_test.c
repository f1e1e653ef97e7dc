/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Never a secret in a log: handshakes, rekeyings and failures with real keys, everything said at
 * level debug to the file and to the journal, and all of it searched for eight octets in a row of
 * any key: as they are, escaped, hexadecimal or base64.
 */
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/log_socket.h"
#include "ike/ppk.h"
#include "lib/testpki.h"
#include "sim/duet.h"
#include "sim/peer_child.h"

#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW 8 /* octets; fewer in a row may be chance */
#define SECRETS_MAX 128

/* ---- what must not be found ------------------------------------------------------------------ */

struct secrets {
	struct {
		const char *name;
		struct blob b;
	} s[SECRETS_MAX];
	size_t n;
};

static void add(struct secrets *s, const char *name, struct bytes b)
{
	if (b.n < WINDOW)
		return;
	assert_true(s->n < SECRETS_MAX);
	s->s[s->n].name = name;
	assert_int_equal(blob_copy(&s->s[s->n++].b, b), 0);
}

static void add_key(struct secrets *s, const char *name, const struct peer_key *k)
{
	add(s, name, BYTES(k->b, k->n));
}

/* All that the peer derived, which the core has too. */
static void add_peer(struct secrets *s, const struct peer *p)
{
	add_key(s, "SK_d", &p->sk_d);
	add_key(s, "SK_ai", &p->sk_ai);
	add_key(s, "SK_ar", &p->sk_ar);
	add_key(s, "SK_ei", &p->sk_ei);
	add_key(s, "SK_er", &p->sk_er);
	add_key(s, "SK_pi", &p->sk_pi);
	add_key(s, "SK_pr", &p->sk_pr);
	add_key(s, "KEYMAT in", &p->esp_key_in);
	add_key(s, "KEYMAT out", &p->esp_key_out);
	add(s, "g^ir", secret_view(&p->shared));
}

static void secrets_free(struct secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		blob_free(&s->s[i].b);
}

/* ---- where it is looked for ------------------------------------------------------------------ */

/* All that was said: as it stands, in small letters, and with \xNN turned back into octets. */
struct said {
	char *text, *small;
	uint8_t *raw;
	size_t n, raw_n;
};

static void said_read(struct said *s, const char *path)
{
	FILE *f = fopen(path, "r");
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*s = (struct said){ .n = (size_t)st.st_size };
	s->text = calloc(1, s->n + 1);
	s->small = calloc(1, s->n + 1);
	s->raw = calloc(1, s->n + 1);
	assert_int_equal(fread(s->text, 1, s->n, f), s->n);
	fclose(f);
	for (size_t i = 0; i < s->n; i++)
		s->small[i] = (char)tolower((unsigned char)s->text[i]);
	for (size_t i = 0; i < s->n; i++) {
		unsigned octet;

		if (sscanf(s->text + i, "\\x%2x", &octet) == 1) {
			s->raw[s->raw_n++] = (uint8_t)octet;
			i += 3;
		} else {
			s->raw[s->raw_n++] = (uint8_t)s->text[i];
		}
	}
}

static void said_free(struct said *s)
{
	free(s->text);
	free(s->small);
	free(s->raw);
}

static bool has_hex(const struct said *s, const uint8_t *p)
{
	char hex[2 * WINDOW + 1];

	for (size_t i = 0; i < WINDOW; i++)
		snprintf(hex + 2 * i, 3, "%02x", p[i]);
	return strstr(s->small, hex) != NULL;
}

/* Six of the eight octets at a time, so that each place in a group of three is tried. */
static bool has_base64(const struct said *s, const uint8_t *p)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[13] = "";

	/* With the next windows the other alignments come. */
	for (size_t i = 0; i + 2 < WINDOW; i += 3) {
		const uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];

		for (int k = 0; k < 4; k++)
			text[i / 3 * 4 + (size_t)k] = digits[v >> (18 - 6 * k) & 63];
	}
	return strstr(s->text, text) != NULL;
}

static bool has_any(const struct said *s, struct bytes secret)
{
	for (size_t i = 0; i + WINDOW <= secret.n; i++) {
		const uint8_t *p = secret.p + i;

		if (has_hex(s, p) || has_base64(s, p) ||
		    memmem(s->raw, s->raw_n, p, WINDOW) != NULL)
			return true;
	}
	return false;
}

/* ---- the conversations ----------------------------------------------------------------------- */

struct log_of {
	struct log *log;
	FILE *journal;
	char dir[40], path[64], journal_path[64];
	int (*sa_add)(void *arg, const struct sa_spec *sa);
	struct secrets secrets;
};

static struct log_of all;

static void take_report(void *arg, const struct report *r)
{
	char line[1024], datagram[LOG_DATAGRAM_LEN];
	size_t n;

	(void)arg;
	log_report(all.log, r);
	log_line(r, line, sizeof(line));
	n = log_journal_datagram(r, line, datagram);
	assert_int_equal(fwrite(datagram, 1, n, all.journal), n);
}

static int take_sa_add(void *arg, const struct sa_spec *sa)
{
	add(&all.secrets, "an SA's key", BYTES(sa->key, sa->key_len));
	return all.sa_add(arg, sa);
}

static const uint8_t ppk_octets[32] = { 0x9c, 0x11, 0x52, 0xe3, 0x04, 0xa5, 0x66, 0x77,
					0x88, 0x99, 0xaa, 0x0b, 0x1c, 0x2d, 0x3e, 0x4f,
					0x50, 0x61, 0x72, 0x83, 0x94, 0xa6, 0xb7, 0xc8,
					0xd9, 0xea, 0xfb, 0x0c, 0x1d, 0x2e, 0x3f, 0x41 };

static void begin(struct duet *d, struct ppk *ppk)
{
	duet_start(d, &(struct duet_options){ .real = true, .peer_is_ikemesh = true });
	d->hands.report = take_report;
	all.sa_add = d->hands.sa_add;
	d->hands.sa_add = take_sa_add;
	d->spec.dpd_delay_s = 0;
	if (ppk == NULL)
		return;
	d->doer.ppk = ppk;
	assert_int_equal(blob_copy(&d->spec.ppk_id, BYTES((const uint8_t *)"mesh", 4)), 0);
}

static void end(struct duet *d)
{
	add_peer(&all.secrets, &d->peer);
	duet_end(d);
}

static void command(struct duet *d, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = d->us.ip, .remote = d->them.ip },
	};

	duet_event(d, &e);
}

/* The core begins, rekeys the CHILD_SA with PFS, and is told to end it all. */
static void core_begins(void)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;

	begin(&d, NULL);
	duet_core_up(&d);
	add_peer(&all.secrets, &d.peer);
	duet_wait(&d, 10000000);
	while (duet_take(&d) != NULL)
		;
	d.spec.esp[0].t[d.spec.esp[0].n++] =
		(struct transform){ .type = TRANSFORM_KE, .id = KE_MODP_2048 };
	command(&d, COMMAND_REKEY);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_child(&d.peer, &x, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	add(&all.secrets, "g^ir of a CHILD_SA", secret_view(&x.shared));
	add_key(&all.secrets, "KEYMAT of a CHILD_SA", &x.esp_key_in);
	add_key(&all.secrets, "KEYMAT of a CHILD_SA", &x.esp_key_out);
	peer_use_child(&d.peer, &x);
	peer_exchange_free(&x);
	command(&d, COMMAND_DOWN);
	duet_wait(&d, 60000000);
	end(&d);
}

/* The peer begins, rekeys the IKE SA, sends what cannot be, and leaves. */
static void peer_begins(void)
{
	struct peer_exchange x = { 0 };
	struct draft heard, said;
	struct duet d;
	struct peer fresh;
	struct blob sealed;

	begin(&d, NULL);
	duet_peer_up(&d);
	add_peer(&all.secrets, &d.peer);
	peer_ask_rekey(&d.peer, &x, &said);
	duet_say(&d, &said);
	while (duet_waiting(&d) > 1)
		duet_take(&d);
	duet_hear(&d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&d.peer, &x, &heard);
	draft_free(&heard);
	peer_successor(&d.peer, &x, &fresh);
	add_peer(&all.secrets, &fresh);
	add(&all.secrets, "g^ir of an IKE SA", secret_view(&x.shared));
	peer_wipe(&fresh);
	peer_exchange_free(&x);
	/* One that was changed on the way, and one with a payload that cannot be. */
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	sealed = peer_seal(&d.peer, &said);
	sealed.p[sealed.n - 1] ^= 1;
	duet_give(&d, blob_view(&sealed));
	blob_free(&sealed);
	draft_add(&said, PAYLOAD_DELETE, BYTES(ppk_octets, sizeof(ppk_octets)));
	duet_say(&d, &said);
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	duet_wait(&d, 60000000);
	end(&d);
}

/* PPK_ID_FIXED, and a name that would forge lines and fields. */
#define HOSTILE_ID "\x02me\nREASON=forged\x1b[2J\xff"
#define HOSTILE_SAID "me\\x0aREASON=forged\\x1b[2J\\xff"

/* With a PPK that the peer does not have: refused, with AUTH values that were computed. */
static void ppk_differs(void)
{
	struct ppk ppk = { 0 };
	struct draft heard, said;
	struct duet d;

	assert_int_equal(blob_copy(&ppk.id, BYTES((const uint8_t *)"mesh", 4)), 0);
	assert_int_equal(secret_copy(&ppk.key, BYTES(ppk_octets, sizeof(ppk_octets))), 0);
	begin(&d, &ppk);
	d.spec.ppk_required = true;
	peer_ask_init(&d.peer, &said);
	draft_add_notify(&said, NOTIFY_USE_PPK, BYTES_NONE);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	peer_take_init(&d.peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	draft_add_notify(&said, NOTIFY_PPK_IDENTITY,
			 BYTES((const uint8_t *)HOSTILE_ID, sizeof(HOSTILE_ID) - 1));
	duet_say(&d, &said);
	duet_wait(&d, 60000000);
	end(&d);
	ppk_free(&ppk);
}

/* The body of a PEM text: its lines without the first and the last, and what they stand for. */
static void add_private_key(struct secrets *s, const struct blob *pem)
{
	struct bytes view = blob_view(pem);
	const uint8_t *line = view.p, *last = view.p + view.n;

	while (line < last) {
		const uint8_t *line_end = memchr(line, '\n', (size_t)(last - line));
		const size_t n = (size_t)((line_end != NULL ? line_end : last) - line);

		if (n > 0 && line[0] != '-')
			add(s, "the private key's PEM", BYTES(line, n));
		line += n + 1;
	}
}

/* base64 of PEM to DER, and that as one secret. */
static void add_private_der(struct secrets *s, const struct blob *pem)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *body = memchr(pem->p, '\n', pem->n);
	uint8_t der[4096];
	uint32_t v = 0;
	size_t n = 0;
	int bits = 0;

	assert_non_null(body);
	for (; *body != '-'; body++) {
		const char *digit = *body != '\0' ? strchr(digits, *body) : NULL;

		if (digit == NULL)
			continue;
		v = v << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			assert_true(n < sizeof(der));
			der[n++] = (uint8_t)(v >> bits);
		}
	}
	assert_true(n > 1000);
	/* Without algorithm, version, and the modulus, which is public: d, p, q and so on. */
	add(s, "the private key", BYTES(der + 350, n - 350));
	wipe(der, sizeof(der));
}

static void test_handshakes_tell_no_secret(void **state)
{
	struct testpki_cert ca, own;
	struct said said[2];
	char line[1024];

	(void)state;
	core_begins();
	peer_begins();
	ppk_differs();
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&own, &ca, "O=Example, CN=core");
	add_private_key(&all.secrets, &own.key_pem);
	add_private_der(&all.secrets, &own.key_pem);
	add(&all.secrets, "the PPK", BYTES(ppk_octets, sizeof(ppk_octets)));
	fclose(all.journal);
	log_close(all.log);
	said_read(&said[0], all.path);
	said_read(&said[1], all.journal_path);
	/* It was a log of all that, and no empty one. */
	snprintf(line, sizeof(line), "%s", "established with");
	for (size_t i = 0; i < 2; i++) {
		assert_non_null(strstr(said[i].text, line));
		assert_non_null(strstr(said[i].text, "integrity check failed"));
		assert_non_null(strstr(said[i].text, "rekeyed"));
		assert_non_null(strstr(said[i].text, "failed: "));
		assert_non_null(strstr(said[i].text, "sends request 1 { IDI CERT AUTH CERTREQ "));
		assert_non_null(strstr(said[i].text, "receives answer 1 { IDR CERT AUTH "));
		/* What came from the network stays on its line. */
		assert_non_null(strstr(said[i].text, HOSTILE_SAID));
		assert_null(strstr(said[i].text, "\nREASON=forged"));
	}
	assert_true(all.secrets.n > 40);
	for (size_t i = 0; i < all.secrets.n; i++) {
		for (size_t k = 0; k < 2; k++)
			if (has_any(&said[k], blob_view(&all.secrets.s[i].b)))
				fail_msg("%s is in the %s", all.secrets.s[i].name,
					 k == 0 ? "file" : "journal");
	}
	print_message("%zu secrets, none of them in %zu and %zu octets of log\n", all.secrets.n,
		      said[0].n, said[1].n);
	said_free(&said[0]);
	said_free(&said[1]);
	testpki_free(&own);
	testpki_free(&ca);
}

/* The search finds what is there, in each form and at each place. */
static void test_the_search_finds(void **state)
{
	static const uint8_t secret[24] = "0\x01k\xfe(\x80)q[\x7f*\xd3\t\x99y\x42m|\xcc;\xab\x10.";
	const struct bytes whole = BYTES(secret, sizeof(secret));
	static const char *const forms[] = {
		"SK_ei 6bfe2880297 is cut, 016BFE28802971 5b is not",
		"key FE288029715b7f2ad3 in hexadecimal",
		"raw k\\xfe(\\x80)q[\\x7f*",
		"base64 AWv+KIApcVt/KtMJ",
		"base64 a/4ogClxW38q0wmZ",
		"base64 /iiAKXFbfyrTCZl5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char path[64];
		struct said said;
		FILE *f;

		snprintf(path, sizeof(path), "%s/form", all.dir);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(forms[i], f);
		fclose(f);
		said_read(&said, path);
		unlink(path);
		if (!has_any(&said, whole) && i > 0)
			fail_msg("not found in %s", forms[i]);
		if (i == 0) /* a gap between its octets, and no eight of them in a row */
			assert_false(has_any(&said, whole));
		said_free(&said);
	}
}

static int setup(void **state)
{
	(void)state;
	all = (struct log_of){ .dir = "/tmp/ikemesh-log-XXXXXX" };
	assert_non_null(mkdtemp(all.dir));
	snprintf(all.path, sizeof(all.path), "%s/log", all.dir);
	snprintf(all.journal_path, sizeof(all.journal_path), "%s/journal", all.dir);
	all.journal = fopen(all.journal_path, "w");
	return all.journal == NULL || log_open(LOG_TO_FILE, all.path, REPORT_DEBUG, &all.log) != 0;
}

static int teardown(void **state)
{
	(void)state;
	secrets_free(&all.secrets);
	unlink(all.path);
	unlink(all.journal_path);
	rmdir(all.dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_search_finds),
		cmocka_unit_test(test_handshakes_tell_no_secret),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
