/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/floor.h"

#include "bench/world.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TBS_LEN 900 /* octets: about a certificate, about what AUTH signs */

const char *const floor_names[FLOOR_PARTS] = { "dh_key", "dh_derive", "rsa_sign", "rsa_verify" };

static struct {
	EVP_PKEY *group, *peer, *rsa;
	EVP_PKEY *own;
	uint8_t tbs[TBS_LEN], signature[512];
	size_t signature_len;
} the_floor;

static void must(int good)
{
	if (good > 0)
		return;
	fprintf(stderr, "bench: the library refuses a part of the floor\n");
	exit(1);
}

static void generate(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(the_floor.group, NULL);

	EVP_PKEY_free(the_floor.own);
	the_floor.own = NULL;
	must(EVP_PKEY_keygen_init(ctx));
	must(EVP_PKEY_keygen(ctx, &the_floor.own));
	EVP_PKEY_CTX_free(ctx);
}

static void derive(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(the_floor.own, NULL);
	uint8_t secret[256];
	size_t n = sizeof(secret);

	must(EVP_PKEY_derive_init(ctx));
	/* RFC 6989 2.1 asks for less than the library's check of the peer's value. */
	must(EVP_PKEY_derive_set_peer_ex(ctx, the_floor.peer, 0));
	must(EVP_PKEY_derive(ctx, secret, &n));
	EVP_PKEY_CTX_free(ctx);
}

static void sign(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	the_floor.signature_len = sizeof(the_floor.signature);
	must(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, the_floor.rsa));
	must(EVP_DigestSign(ctx, the_floor.signature, &the_floor.signature_len, the_floor.tbs,
			    TBS_LEN));
	EVP_MD_CTX_free(ctx);
}

static void verify(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, the_floor.rsa));
	must(EVP_DigestVerify(ctx, the_floor.signature, the_floor.signature_len, the_floor.tbs,
			      TBS_LEN));
	EVP_MD_CTX_free(ctx);
}

static void make_peer(void)
{
	generate();
	the_floor.peer = the_floor.own;
	the_floor.own = NULL;
}

void floor_open(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);

	must(EVP_PKEY_paramgen_init(ctx));
	must(EVP_PKEY_CTX_set_group_name(ctx, "modp_2048"));
	must(EVP_PKEY_paramgen(ctx, &the_floor.group));
	EVP_PKEY_CTX_free(ctx);
	the_floor.rsa = EVP_RSA_gen(3072);
	must(the_floor.rsa != NULL);
	memset(the_floor.tbs, 7, sizeof(the_floor.tbs));
	make_peer();
}

void floor_close(void)
{
	EVP_PKEY_free(the_floor.group);
	EVP_PKEY_free(the_floor.peer);
	EVP_PKEY_free(the_floor.own);
	EVP_PKEY_free(the_floor.rsa);
}

static void verify_both(void)
{
	verify();
	verify();
}

static void (*const parts[FLOOR_PARTS])(void) = { generate, derive, sign, verify_both };

void floor_run(unsigned n, int64_t ns[static FLOOR_PARTS])
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned part = 0; part < FLOOR_PARTS; part++) {
			const int64_t before = cpu_of_thread_ns();

			parts[part]();
			ns[part] += cpu_of_thread_ns() - before;
		}
	}
}

int64_t floor_of_all(unsigned n)
{
	const int64_t before = cpu_of_thread_ns();

	for (unsigned i = 0; i < n; i++)
		for (unsigned part = 0; part < FLOOR_PARTS; part++)
			parts[part]();
	return cpu_of_thread_ns() - before;
}
