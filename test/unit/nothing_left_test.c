/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a private key and a PPK have been read, used and let go, no mapping of the process that can
 * be written to has a part of them: not the heap, no stack, no data of the crypto library. After a
 * reload nothing of the former ones is left, while those in force are found.
 *
 * The secrets are made by a child, and known here by masked parts alone; memory is read as a file.
 */
#include "config/config.h"
#include "crypto/job.h"
#include "crypto/memory.h"
#include "lib/testpki.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PART 16 /* octets of a secret that are looked for */
#define PARTS_MAX 64
#define MASK 0xa5
#define CHUNK 65536
#define REGION_MAX ((uint64_t)1 << 28) /* greater ones are a sanitizer's, and hardly touched */
#define PPK_LEN 32

struct generation {
	char dir[40];
	struct {
		char what; /* 'd' of RSA, 'p' and 'q', a line of 'P'EM, 'K': the PPK, 'H': its text
			    */
		uint8_t part[PART]; /* masked */
	} known[PARTS_MAX];
	size_t n;
};

/* --- in the child --- */

static void note(struct generation *g, char what, const uint8_t *p)
{
	assert_true(g->n < PARTS_MAX);
	g->known[g->n].what = what;
	for (size_t i = 0; i < PART; i++)
		g->known[g->n].part[i] = p[i] ^ MASK;
	g->n++;
}

static void keep(const struct generation *g, const char *name, struct bytes content)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", g->dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
	assert_int_equal(fclose(f), 0);
}

/* As the library holds it, the lowest word first, and as it is written. */
static void note_number(struct generation *g, char what, EVP_PKEY *key, const char *name)
{
	uint8_t octets[512];
	BIGNUM *number = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	assert_true(BN_bn2lebinpad(number, octets, BN_num_bytes(number)) >= 2 * PART);
	note(g, what, octets + PART);
	BN_bn2bin(number, octets);
	note(g, what, octets + PART);
	BN_free(number);
}

static void note_key(struct generation *g, struct bytes pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	assert_non_null(key);
	note_number(g, 'd', key, OSSL_PKEY_PARAM_RSA_D);
	note_number(g, 'p', key, OSSL_PKEY_PARAM_RSA_FACTOR1);
	note_number(g, 'q', key, OSSL_PKEY_PARAM_RSA_FACTOR2);
	EVP_PKEY_free(key);
	BIO_free(in);
	for (size_t at = 500; at + 200 < pem.n; at += 150)
		if (memchr(pem.p + at, '\n', PART) == NULL)
			note(g, 'P', pem.p + at);
}

static void make(struct generation *g)
{
	struct testpki_cert ca, host;
	uint8_t ppk[PPK_LEN];
	char hex[2 + 2 * PPK_LEN + 1] = "0x";

	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host");
	keep(g, "ca", blob_view(&ca.pem));
	keep(g, "host", blob_view(&host.pem));
	keep(g, "key", blob_view(&host.key_pem));
	note_key(g, blob_view(&host.key_pem));
	assert_int_equal(RAND_bytes(ppk, sizeof ppk), 1);
	for (size_t i = 0; i < sizeof ppk; i++)
		snprintf(hex + 2 + 2 * i, 3, "%02x", ppk[i]);
	keep(g, "ppk", BYTES((const uint8_t *)hex, strlen(hex)));
	note(g, 'K', ppk);
	note(g, 'K', ppk + PART);
	note(g, 'H', (const uint8_t *)hex + PART);
	testpki_free(&host);
	testpki_free(&ca);
}

static void make_elsewhere(struct generation *g)
{
	int fds[2], status;
	pid_t child;

	*g = (struct generation){ .dir = "/tmp/ikemesh-left-XXXXXX" };
	assert_non_null(mkdtemp(g->dir));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		make(g);
		_exit(write(fds[1], g, sizeof *g) == (ssize_t)sizeof *g ? 0 : 1);
	}
	assert_int_equal(read(fds[0], g, sizeof *g), sizeof *g);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fds[0]);
	close(fds[1]);
	assert_true(g->n >= 12);
}

static void remove_files(const struct generation *g)
{
	static const char *const names[] = { "ca", "host", "key", "ppk" };
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", g->dir, names[i]);
		unlink(path);
	}
	rmdir(g->dir);
}

/* --- what is in memory --- */

static _Alignas(uint64_t) uint8_t chunk[CHUNK + PART];

static size_t found_in_chunk(const struct generation *g, size_t n, const char *region)
{
	size_t found = 0;

	if (chunk[0] == 0 && memcmp(chunk, chunk + 1, n - 1) == 0)
		return 0;
	for (size_t i = 0; i < n / sizeof(uint64_t); i++)
		((uint64_t *)chunk)[i] ^= MASK * UINT64_C(0x0101010101010101);
	for (size_t k = 0; k < g->n; k++) {
		const uint8_t *at = memmem(chunk, n, g->known[k].part, PART);

		if (at == NULL)
			continue;
		print_message("a part of %c is in %s", g->known[k].what, region);
		found++;
	}
	return found;
}

static size_t found_in_region(const struct generation *g, int memory, uint64_t from, uint64_t to,
			      const char *region)
{
	size_t found = 0;

	for (uint64_t at = from; at < to; at += CHUNK) {
		const size_t n = to - at < sizeof chunk ? (size_t)(to - at) : sizeof chunk;
		const ssize_t got = pread(memory, chunk, n, (off_t)at);

		if (got > 0)
			found += found_in_chunk(g, (size_t)got, region);
	}
	return found;
}

/* How many parts are in mappings that can be written to. */
static size_t left_of(const struct generation *g)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	size_t found = 0, regions = 0;
	char line[400];

	assert_true(maps != NULL && memory >= 0);
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long long from, to;
		char rights[5];

		if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) != 3 || rights[1] != 'w' ||
		    to - from > REGION_MAX)
			continue;
		found += found_in_region(g, memory, from, to, line);
		regions++;
	}
	fclose(maps);
	close(memory);
	assert_true(regions > 3);
	return found;
}

/* --- a life with them --- */

static void read_config(const struct generation *g, struct config *c)
{
	struct problems ps = { 0 };
	char text[400];
	int n;

	n = snprintf(text, sizeof text,
		     "ipsec_subnets:\n- 10.0.0.0/20\ninstance_certificate: %s/host\n"
		     "instance_private_key: %s/key\nca_certificates:\n- %s/ca\n"
		     "ppk: %s/ppk\nppk_id: mesh\n",
		     g->dir, g->dir, g->dir, g->dir);
	assert_int_equal(config_parse("test.yml", BYTES((const uint8_t *)text, (size_t)n),
				      TESTPKI_NOW, c, &ps),
			 0);
	problems_free(&ps);
	assert_int_equal(c->ppk.key.n, PPK_LEN);
}

static void use(const struct config *c)
{
	static const uint8_t octets[] = "octets of RFC 7296 2.15";

	for (int i = 0; i < 3; i++) {
		struct job *j = job_new(JOB_SIGN);

		j->scheme = sig_choose(KEY_RSA, ~0u, NULL);
		assert_int_equal(blob_copy(&j->tbs, BYTES(octets, sizeof octets)), 0);
		job_run(j, c->key, NULL, NULL, TESTPKI_NOW);
		assert_int_equal(j->result, 0);
		job_free(j);
		j = job_new(JOB_PPK);
		j->prf = prf_by_id(PRF_HMAC_SHA2_256);
		assert_int_equal(blob_copy(&j->id, blob_view(&c->ppk.id)), 0);
		for (size_t k = 0; k < JOB_SK; k++)
			assert_int_equal(secret_copy(&j->sk[k], BYTES(octets, 20)), 0);
		job_run(j, NULL, NULL, &c->ppk, TESTPKI_NOW);
		assert_int_equal(j->result, 0);
		job_free(j);
	}
}

/* Deep enough that what is called next does not write over it. */
static uint8_t __attribute__((noinline)) be_careless(const struct generation *g)
{
	volatile uint8_t deep[32768];

	for (size_t i = 0; i < PART; i++)
		deep[i] = g->known[0].part[i] ^ MASK;
	return deep[0];
}

static void test_it_finds_what_is_on_the_stack(void **state)
{
	struct generation *g = calloc(1, sizeof *g);
	uint8_t octets[PART];

	(void)state;
	assert_non_null(g);
	assert_int_equal(RAND_bytes(octets, sizeof octets), 1);
	note(g, 's', octets);
	explicit_bzero(octets, sizeof octets);
	assert_int_equal(left_of(g), 0);
	(void)be_careless(g);
	assert_true(left_of(g) > 0);
	free(g);
}

static void test_a_reload_and_the_end(void **state)
{
	struct generation *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
	struct config old = { 0 }, fresh = { 0 };

	(void)state;
	assert_true(first != NULL && second != NULL);
	make_elsewhere(first);
	make_elsewhere(second);
	assert_int_equal(left_of(first), 0);
	read_config(first, &old);
	use(&old);
	assert_true(left_of(first) > 2);
	read_config(second, &fresh); /* a reload */
	config_free(&old);
	use(&fresh);
	print_message("--- after a reload\n");
	assert_int_equal(left_of(first), 0);
	assert_true(left_of(second) > 2);
	config_free(&fresh);
	print_message("--- at the end\n");
	assert_int_equal(left_of(first), 0);
	assert_int_equal(left_of(second), 0);
	remove_files(first);
	remove_files(second);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_finds_what_is_on_the_stack),
		cmocka_unit_test(test_a_reload_and_the_end),
	};

	assert_int_equal(crypto_memory_ours(), 0); /* as the daemon begins */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
