/* SPDX-License-Identifier: Apache-2.0 */
/* --expose-keys: whoever has the lines can read the messages, and only root gets them. */
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/wireshark.h"
#include "ike/message/rules.h"
#include "sim/duet.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the lines ------------------------------------------------------------------------------- */

static void fill(struct secret *s, uint8_t first, size_t n)
{
	assert_int_equal(secret_new(s, n), 0);
	for (size_t i = 0; i < n; i++)
		s->p[i] = (uint8_t)(first + i);
}

static void test_a_line_of_an_ike_sa(void **state)
{
	struct exposed_keys k = {
		.spi_i = 0x0123456789abcdef,
		.spi_r = 0xf,
		.encr = encr_by_id(ENCR_AES_CBC, 128),
		.integ = integ_by_id(AUTH_HMAC_SHA2_256_128),
	};
	char line[WIRESHARK_LINE_LEN];
	size_t n;

	(void)state;
	fill(&k.ei, 0x10, 16);
	fill(&k.er, 0x20, 16);
	fill(&k.ai, 0x30, 32);
	fill(&k.ar, 0x50, 32);
	n = wireshark_ike(&k, line);
	assert_int_equal(n, strlen(line));
	assert_string_equal(line,
			    "0123456789abcdef,000000000000000f,101112131415161718191a1b1c1d1e1f,"
			    "202122232425262728292a2b2c2d2e2f,\"AES-CBC-128 [RFC3602]\","
			    "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f,"
			    "505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f,"
			    "\"HMAC_SHA2_256_128 [RFC4868]\"\n");
	exposed_keys_wipe(&k);
}

static void test_every_algorithm_has_a_name(void **state)
{
	char line[WIRESHARK_LINE_LEN];

	(void)state;
	for (const struct encr_alg *const *e = encr_all(); *e != NULL; e++) {
		struct exposed_keys k = { .spi_i = 1, .spi_r = 2, .encr = *e };
		struct sa_spec sa = { .encr = *e,
				      .spi = 1,
				      .key_len = (*e)->key_len + (*e)->salt_len };

		fill(&k.ei, 1, (*e)->key_len + (*e)->salt_len);
		fill(&k.er, 2, (*e)->key_len + (*e)->salt_len);
		if ((*e)->aead) {
			assert_true(wireshark_ike(&k, line) > 0);
			assert_non_null(strstr(line, ",,\"NONE [RFC4306]\"\n"));
			assert_true(wireshark_esp(&sa, line) > 0);
			assert_non_null(strstr(line, "\"NULL\",\"\"\n"));
		}
		for (const struct integ_alg *const *i = integ_all(); *i != NULL; i++) {
			k.integ = sa.integ = *i;
			sa.key_len = (*e)->key_len + (*e)->salt_len + (*i)->key_len;
			assert_true(wireshark_ike(&k, line) > 0);
			assert_true(wireshark_esp(&sa, line) > 0);
		}
		exposed_keys_wipe(&k);
	}
}

static void test_a_line_of_an_esp_sa(void **state)
{
	struct sa_spec sa = {
		.src = ip_v4(10, 1, 0, 1),
		.dst = ip_v4(10, 1, 0, 2),
		.spi = 0xc0ffee,
		.encr = encr_by_id(ENCR_AES_GCM_16, 128),
		.key_len = 20,
	};
	char line[WIRESHARK_LINE_LEN];
	size_t n;

	(void)state;
	for (size_t i = 0; i < 80; i++)
		sa.key[i] = (uint8_t)i;
	n = wireshark_esp(&sa, line);
	assert_int_equal(n, strlen(line));
	assert_string_equal(line, "\"IPv4\",\"10.1.0.1\",\"10.1.0.2\",\"0x00c0ffee\","
				  "\"AES-GCM with 16 octet ICV [RFC4106]\","
				  "\"0x000102030405060708090a0b0c0d0e0f10111213\",\"NULL\",\"\"\n");
	sa.encr = encr_by_id(ENCR_AES_CBC, 128);
	sa.integ = integ_by_id(AUTH_HMAC_SHA2_256_128);
	sa.key_len = 48;
	assert_true(wireshark_esp(&sa, line) > 0);
	assert_non_null(strstr(line, "\"AES-CBC [RFC3602]\",\"0x000102030405060708090a0b0c0d0e0f\","
				     "\"HMAC-SHA-256-128 [RFC4868]\",\"0x10111213"));
	sa.key_len = 12; /* shorter than the cipher's: nothing is made up */
	assert_int_equal(wireshark_esp(&sa, line), 0);
}

/* ---- the keys -------------------------------------------------------------------------------- */

struct taken {
	char line[4][WIRESHARK_LINE_LEN];
	size_t n;
};

static struct taken taken;

static void take_keys(void *arg, const struct exposed_keys *keys)
{
	(void)arg;
	assert_true(taken.n < 4);
	assert_true(wireshark_ike(keys, taken.line[taken.n++]) > 0);
}

/* A field of a line, as octets. */
static size_t octets_of(const char *line, unsigned field, uint8_t *out, size_t room)
{
	const char *at = line;
	size_t n = 0;

	while (field-- > 0)
		at = strchr(at, ',') + 1;
	for (unsigned octet; n < room && sscanf(at, "%2x", &octet) == 1 && *at != ','; at += 2)
		out[n++] = (uint8_t)octet;
	return n;
}

/* The datagram as Wireshark would open it: with what is in the line and nothing else. */
static void assert_line_opens(const char *line, const struct duet_datagram *sent, bool initiator)
{
	uint8_t sk_e[64], sk_a[64], *copy = malloc(sent->b.n), first;
	const struct seal_keys k = {
		.encr = encr_by_id(ENCR_AES_CBC, 128),
		.integ = integ_by_id(AUTH_HMAC_SHA2_256_128),
		.sk_e = BYTES(sk_e, octets_of(line, initiator ? 2 : 3, sk_e, sizeof(sk_e))),
		.sk_a = BYTES(sk_a, octets_of(line, initiator ? 5 : 6, sk_a, sizeof(sk_a))),
	};
	struct payloads outer, inner;
	struct ike_header h;
	struct bytes plain;
	char spi[17];

	assert_non_null(copy);
	memcpy(copy, sent->b.p, sent->b.n);
	assert_int_equal(ike_header_decode(BYTES(copy, sent->b.n), &h), DECODE_OK);
	snprintf(spi, sizeof(spi), "%016llx", (unsigned long long)h.spi_i);
	assert_int_equal(strncmp(line, spi, 16), 0);
	snprintf(spi, sizeof(spi), "%016llx", (unsigned long long)h.spi_r);
	assert_int_equal(strncmp(line + 17, spi, 16), 0);
	assert_int_equal(h.exchange, EXCHANGE_IKE_AUTH);
	assert_int_equal(payloads_decode(h.next_payload,
					 BYTES(copy + IKE_HEADER_LEN, sent->b.n - IKE_HEADER_LEN),
					 &outer, &first),
			 DECODE_OK);
	assert_int_equal(sealed_open(&k, copy, sent->b.n, &outer, &plain), 0);
	assert_int_equal(payloads_decode(first, plain, &inner, &first), DECODE_OK);
	assert_non_null(payloads_find(&inner, PAYLOAD_AUTH));
	free(copy);
}

static void start(struct duet *d, bool exposes)
{
	taken = (struct taken){ 0 };
	duet_start(d, &(struct duet_options){ .real = true, .exposes_keys = exposes });
	d->hands.keys = take_keys;
	d->spec.fragment_size = 8000; /* each message in one piece */
}

static void test_a_line_opens_the_messages(void **state)
{
	struct draft heard, said;
	struct duet d;

	(void)state;
	start(&d, true);
	duet_core_init(&d);
	assert_int_equal(taken.n, 1);
	assert_int_equal(duet_waiting(&d), 1);
	assert_line_opens(taken.line[0], &d.sent[d.taken], true);
	duet_end(&d);

	start(&d, true);
	duet_peer_init(&d);
	assert_int_equal(taken.n, 1);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	assert_line_opens(taken.line[0], &d.sent[d.taken], false);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	draft_free(&heard);
	duet_end(&d);
}

static void test_without_the_option_no_key_leaves_the_core(void **state)
{
	struct duet d;

	(void)state;
	start(&d, false);
	duet_core_up(&d);
	assert_int_equal(taken.n, 0);
	duet_end(&d);
}

/* ---- the files ------------------------------------------------------------------------------- */

static void assert_mode(const char *dir, const char *name, mode_t mode)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_uid, 0);
}

static void assert_refused(const char *dir, const char *part)
{
	char why[EXPOSE_TEXT_LEN];
	struct expose *x;

	assert_int_equal(expose_open(dir, &x, why), -EPERM);
	assert_null(x);
	if (strstr(why, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, part);
}

/* As an engine would that is not root: in a child, with nothing but what was passed. */
static int as_engine(const char *dir)
{
	const struct sa_spec sa = { .encr = encr_by_id(ENCR_AES_GCM_16, 128), .key_len = 20 };
	char why[EXPOSE_TEXT_LEN];
	struct expose *x;
	int failed;

	if (setresuid(65534, 65534, 65534) != 0)
		return 2;
	failed = expose_open(dir, &x, why) != 0 || expose_esp(x, &sa) != 0 ||
		 getenv("IKEMESH_EXPOSED") != NULL;
	expose_close(x);
	/* It was for one time. */
	return failed || expose_open(dir, &x, why) != -EPERM;
}

static void passed_on(const char *dir, const char *esp)
{
	char why[EXPOSE_TEXT_LEN];
	struct stat before, after;
	struct expose *x;
	int status;
	pid_t child;

	assert_int_equal(stat(esp, &before), 0);
	assert_int_equal(expose_open(dir, &x, why), 0);
	assert_int_equal(expose_pass(x), 0);
	child = fork();
	if (child == 0)
		_exit(as_engine(dir));
	expose_close(x);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(stat(esp, &after), 0);
	assert_true(after.st_size > before.st_size);
	/* What is passed must be such files. */
	assert_int_equal(setenv("IKEMESH_EXPOSED", "0,1", 1), 0);
	assert_int_equal(expose_open(dir, &x, why), 0);
	assert_null(getenv("IKEMESH_EXPOSED"));
	expose_close(x);
}

static void test_files_are_roots_alone(void **state)
{
	char top[] = "/tmp/ikemesh-keys-XXXXXX", dir[64], ike[96], esp[96], why[EXPOSE_TEXT_LEN];
	const struct sa_spec sa = { .encr = encr_by_id(ENCR_AES_GCM_16, 128), .key_len = 20 };
	struct expose *x;
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		assert_refused("/tmp/ikemesh-keys", "is for root alone");
		skip();
	}
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keys", top);
	snprintf(ike, sizeof(ike), "%s/ikev2_decryption_table", dir);
	snprintf(esp, sizeof(esp), "%s/esp_sa", dir);
	umask(0);
	assert_int_equal(expose_open(dir, &x, why), 0);
	assert_string_equal(expose_dir(x), dir);
	assert_mode(dir, ".", 0700);
	assert_mode(dir, "esp_sa", 0600);
	assert_mode(dir, "ikev2_decryption_table", 0600);
	assert_int_equal(expose_esp(x, &sa), 0);
	expose_close(x);
	/* It goes on where it was. */
	assert_int_equal(expose_open(dir, &x, why), 0);
	assert_int_equal(expose_esp(x, &sa), 0);
	expose_close(x);
	assert_int_equal(stat(esp, &st), 0);
	assert_true(st.st_size > 0 && st.st_size % 2 == 0);

	passed_on(dir, esp);

	assert_int_equal(chmod(dir, 0750), 0);
	assert_refused(dir, "must be root's, with mode 0700");
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(chown(dir, 65534, 0), 0);
	assert_refused(dir, "must be root's, with mode 0700");
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(chmod(ike, 0640), 0);
	assert_refused(dir, "ikev2_decryption_table is there already");
	assert_int_equal(chmod(ike, 0600), 0);
	assert_int_equal(chown(ike, 65534, 0), 0);
	assert_refused(dir, "ikev2_decryption_table is there already");
	assert_int_equal(unlink(ike), 0);
	/* A second name somewhere else, a way out, a pipe. */
	assert_int_equal(link(esp, ike), 0);
	assert_refused(dir, "ikev2_decryption_table is there already");
	assert_int_equal(unlink(ike), 0);
	assert_int_equal(symlink("/tmp/elsewhere", ike), 0);
	assert_int_equal(expose_open(dir, &x, why), -ELOOP);
	assert_int_equal(unlink(ike), 0);
	assert_int_equal(mkfifo(ike, 0600), 0);
	assert_true(expose_open(dir, &x, why) < 0);
	assert_null(expose_dir(NULL));
	unlink(ike);
	unlink(esp);
	rmdir(dir);
	rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_of_an_ike_sa),
		cmocka_unit_test(test_every_algorithm_has_a_name),
		cmocka_unit_test(test_a_line_of_an_esp_sa),
		cmocka_unit_test(test_a_line_opens_the_messages),
		cmocka_unit_test(test_without_the_option_no_key_leaves_the_core),
		cmocka_unit_test(test_files_are_roots_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
