/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No memory is given back with a secret in it: each block that is freed, by whomever, the crypto
 * library among them, is searched for every secret that there is.
 *
 * Which secrets a life with a peer (life.h) derives is known when it is over, so it is lived twice,
 * from the same seed: the first time they are collected (whatever was in a struct secret, and the
 * keys of each SA), the second time each free is looked at. Private keys are searched for in what
 * signing, and a key exchange's in what deriving, frees.
 */
#include "cmd/ikemeshd/shortage.h"
#include "crypto/job.h"
#include "crypto/openssl_lib.h"
#include "faults/heap.h"
#include "faults/life.h"
#include "lib/testpki.h"

#include <execinfo.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/config_file.h"

#define PIECE 16 /* octets of a secret that are looked for: its first ones */
#define KNOWN_BITS 14
#define KNOWN_ROOM (1 << KNOWN_BITS)
#define SECRET_MAX 600
#define SHOWN 12

static struct {
	uint8_t piece[KNOWN_ROOM][PIECE]; /* by hash, the next free place */
	bool used[KNOWN_ROOM];
	uint8_t first[65536 / 8]; /* a bit for each pair of octets that one begins with */
	size_t n, blocks, found;
	bool looks;
} known;

static size_t hash_of(const uint8_t *p)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, p + 8, 8);
	a = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
	return (size_t)(a >> (64 - KNOWN_BITS));
}

static bool is_known(const uint8_t *p)
{
	const unsigned pair = (unsigned)p[0] << 8 | p[1];

	if ((known.first[pair / 8] >> pair % 8 & 1) == 0)
		return false;
	for (size_t i = hash_of(p); known.used[i]; i = (i + 1) % KNOWN_ROOM)
		if (memcmp(known.piece[i], p, PIECE) == 0)
			return true;
	return false;
}

/* Zeros and the like are no secret that could be told from anything else. */
static bool is_plain(const uint8_t *p)
{
	size_t same = 0;

	for (size_t i = 1; i < PIECE; i++)
		same += p[i] == p[i - 1];
	return same > 4;
}

static void note(const uint8_t *p, size_t n)
{
	const unsigned pair = n < PIECE ? 0 : (unsigned)p[0] << 8 | p[1];
	size_t i;

	if (n < PIECE || n > SECRET_MAX || known.looks || is_plain(p) || is_known(p))
		return;
	if (known.n > KNOWN_ROOM / 2)
		abort();
	for (i = hash_of(p); known.used[i]; i = (i + 1) % KNOWN_ROOM)
		;
	memcpy(known.piece[i], p, PIECE);
	known.used[i] = true;
	known.first[pair / 8] |= (uint8_t)(1 << pair % 8);
	known.n++;
}

/* A whole block is ours to look at, as long as it is not freed. */
static void look(const void *block, size_t n)
{
	const uint8_t *p = block;
	void *frames[16];

	if (!known.looks)
		return;
	known.blocks++;
	for (size_t i = 0; i + PIECE <= n; i++) {
		if (!is_known(p + i))
			continue;
		known.looks = false;
		if (known.found++ < SHOWN) {
			print_message("%zu octets are freed with a secret at %zu\n", n, i);
			backtrace_symbols_fd(frames, (int)heap_callers(frames, 16), 1);
		}
		known.looks = true;
		return;
	}
}

static void begin_to_look(void)
{
	known.blocks = known.found = 0;
	known.looks = true;
	heap_on_free(look);
}

static void all_wiped(const char *what, size_t least)
{
	known.looks = false;
	heap_on_free(NULL);
	print_message("%s: %zu secrets looked for in %zu blocks, %zu found\n", what, known.n,
		      known.blocks, known.found);
	assert_true(known.n >= least);
	assert_true(known.blocks > 100);
	assert_int_equal(known.found, 0);
	memset(&known, 0, sizeof known);
}

/* What was never wiped is found wherever it is in a block, and what was wiped is not. */
static void test_it_finds(void **state)
{
	static const uint8_t octets[PIECE] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3 };
	struct secret s = { 0 };
	uint8_t *careless = malloc(100);

	(void)state;
	assert_non_null(careless);
	assert_int_equal(secret_copy(&s, BYTES(octets, PIECE)), 0);
	note(octets, PIECE);
	memset(careless, 0, 100);
	memcpy(careless + 83, octets, PIECE);
	begin_to_look();
	secret_free(&s);
	assert_int_equal(known.found, 0);
	free(careless);
	known.looks = false;
	heap_on_free(NULL);
	assert_int_equal(known.found, 1);
	memset(&known, 0, sizeof known);
}

/* --- what is derived in a life --- */

void __real_secret_free(struct secret *s);
void __wrap_secret_free(struct secret *s);

void __wrap_secret_free(struct secret *s)
{
	/* Keys, nonce-long ones, and modp2048's; others are states, and parts of messages. */
	if (s->p != NULL && (s->n <= 80 || s->n == 256))
		note(s->p, s->n);
	__real_secret_free(s);
}

static struct hands real;

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	note(sa->key, sa->key_len);
	return real.sa_add(arg, sa);
}

static void prepare(struct sim *s)
{
	real = s->hosts[LIFE_VICTIM].hands;
	s->hosts[LIFE_VICTIM].hands.sa_add = hand_sa_add;
}

/* The simulator's own memory is no part of it: its kernel holds SAs, too. */
static int looked_step(struct engine *e, struct mono now, const struct event *event,
		       struct actions *out)
{
	int r;

	heap_on_free(known.looks ? look : NULL);
	r = engine_step(e, now, event, out);
	heap_on_free(NULL);
	return r;
}

static void looked_free(struct engine *e)
{
	heap_on_free(known.looks ? look : NULL);
	engine_free(e);
	heap_on_free(NULL);
}

static const struct sim_core core = {
	.make = engine_new,
	.free = looked_free,
	.step = looked_step,
	.status = engine_status,
	.counters = engine_counters,
	.knows_sa = engine_knows_sa,
};

static void test_a_life(void **state)
{
	(void)state;
	for (int begins = 0; begins < 2; begins++) {
		const struct life l = { .begins = begins == 1, .core = &core, .prepare = prepare };

		assert_null(life_live(&l));
		begin_to_look();
		assert_null(life_live(&l));
		all_wiped(begins ? "who begins" : "who answers", 40);
	}
}

/* --- private keys --- */

/* As the library holds a number: words, the lowest first. */
static void note_number(EVP_PKEY *key, const char *name)
{
	uint8_t octets[600];
	BIGNUM *number = NULL;
	int n;

	if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
		return;
	n = BN_bn2lebinpad(number, octets, BN_num_bytes(number));
	assert_true(n > 0);
	note(octets, (size_t)n);
	n = BN_bn2bin(number, octets);
	note(octets, (size_t)n);
	BN_clear_free(number);
	wipe(octets, sizeof octets);
}

static EVP_PKEY *private_of(const struct blob *pem)
{
	BIO *in = BIO_new_mem_buf(pem->p, (int)pem->n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	assert_non_null(key);
	BIO_free(in);
	return key;
}

static void test_private_keys(void **state)
{
	static const enum testpki_kind kinds[] = { TESTPKI_RSA_2048, TESTPKI_ECDSA_P256 };
	static const char octets[] = "octets of RFC 7296 2.15";

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct blob pem = testpki_key_pem(kinds[i], 1, NULL);
		EVP_PKEY *pkey = private_of(&pem);
		struct sign_key *key = NULL;

		note_number(pkey, OSSL_PKEY_PARAM_RSA_D);
		note_number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
		note_number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2);
		note_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY);
		EVP_PKEY_free(pkey);
		begin_to_look();
		assert_int_equal(sign_key_from_pem(blob_view(&pem), &key), 0);
		for (unsigned n = 0; n < 40; n++) { /* RSA's blinding is made anew after 32 */
			struct job *j = job_new(JOB_SIGN);

			j->scheme = sig_choose(i == 0 ? KEY_RSA : KEY_ECDSA_P256, ~0u, NULL);
			assert_non_null(j->scheme);
			assert_int_equal(
				blob_copy(&j->tbs, BYTES((const uint8_t *)octets, sizeof octets)),
				0);
			job_run(j, key, NULL, NULL, TESTPKI_NOW);
			assert_int_equal(j->result, 0);
			job_free(j);
		}
		sign_key_free(key);
		known.looks = false; /* the PEM is the test's */
		blob_free(&pem);
		known.looks = true;
		all_wiped(i == 0 ? "RSA key" : "ECDSA key", i == 0 ? 6 : 1);
	}
}

/* --- a configuration --- */

/* Of each line of a PEM text, and of what it says. */
static void note_pem(const struct blob *pem)
{
	EVP_PKEY *pkey = private_of(pem);
	size_t at = 0;

	for (size_t i = 0; i < pem->n; i++) {
		if (pem->p[i] != '\n')
			continue;
		if (i - at >= 32 && pem->p[at] != '-' &&
		    at > 64) /* the first line is alike in all */
			note(pem->p + at, PIECE);
		at = i + 1;
	}
	note_number(pkey, OSSL_PKEY_PARAM_RSA_D);
	note_number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
	EVP_PKEY_free(pkey);
}

static void read_and_free(const char *text)
{
	struct problems ps = { 0 };
	struct config c = { 0 };

	assert_int_equal(config_parse("test.yml", BYTES((const uint8_t *)text, strlen(text)),
				      TESTPKI_NOW, &c, &ps),
			 0);
	problems_free(&ps);
	config_free(&c);
}

static void test_a_configuration(void **state)
{
	struct testpki_cert ca, host;
	struct pki files;
	char *texts[2];

	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host");
	pki_start(&files);
	pki_add(&files, "HOST", blob_view(&host.pem), 0644);
	pki_add(&files, "KEY", blob_view(&host.key_pem), 0600);
	pki_add(&files, "CA", blob_view(&ca.pem), 0644);
	texts[0] = pki_fill(&files, NETS CREDENTIALS);
	texts[1] = pki_fill(&files, NETS "instance_certificate: @HOST\n"
					 "instance_private_key: |\n"
					 "  @@KEY\n"
					 "ca_certificates:\n- @CA\n");
	note_pem(&host.key_pem);
	begin_to_look();
	read_and_free(texts[0]);
	read_and_free(texts[1]);
	all_wiped("configuration", 10);
	for (size_t i = 0; i < 2; i++)
		free(texts[i]);
	pki_end(&files);
	testpki_free(&host);
	testpki_free(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_finds),
		cmocka_unit_test(test_a_life),
		cmocka_unit_test(test_private_keys),
		cmocka_unit_test(test_a_configuration),
	};

	shortage_watch();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
