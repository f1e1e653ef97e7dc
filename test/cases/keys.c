/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are too weak, and certificates that are none. */
#include "cases/shown.h"
#include "lib/der_bend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* ---- T59 --------------------------------------------------------------------------------------
 */

static const struct {
	enum testpki_kind kind;
	int bits;
} weak[] = { { TESTPKI_RSA_64, 64 },	 { TESTPKI_RSA_128, 128 },   { TESTPKI_RSA_512, 512 },
	     { TESTPKI_RSA_1023, 1023 }, { TESTPKI_RSA_1024, 1024 }, { TESTPKI_RSA_E1, 2048 } };

/* The key is the reason, whatever else may be wrong. */
static void show_weak(struct scene *s, const struct testpki_cert *leaf,
		      const struct testpki_cert *above, int bits)
{
	char text[64];

	(void)shown(s, leaf, above, 0, BYTES_NONE);
	snprintf(text, sizeof text, "has a weak key of %d bits", bits);
	scene_check(s, duet_reported(&s->d, text), "each key is said to be weak");
}

static void weak_keys(struct scene *s)
{
	struct testpki_cert leaf, ca;

	for (size_t i = 0; i < N(weak); i++) {
		testpki_make(&leaf, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							    .issuer = shown_ca(),
							    .kind = weak[i].kind,
							    .slot = 2 });
		show_weak(s, &leaf, NULL, weak[i].bits);
		testpki_free(&leaf);
	}
	for (size_t i = 0; i < N(weak); i++) {
		testpki_make(&ca, &(struct testpki_spec){ .subject = "O=Example, CN=Weak CA",
							  .issuer = shown_ca(),
							  .kind = weak[i].kind,
							  .slot = 3,
							  .ca = true });
		testpki_make(&leaf, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							    .issuer = &ca,
							    .slot = 2 });
		show_weak(s, &leaf, &ca, weak[i].bits);
		testpki_free(&leaf);
		testpki_free(&ca);
	}
}

/* ---- T64 --------------------------------------------------------------------------------------
 */

#define THIRDS 3

static void show_bent(struct scene *s, struct bytes der)
{
	struct draft said;

	scene_auth(s, &said);
	shown_cert(&said, der);
	scene_say(s, &said);
}

/* A third of them in a round: each octet of the peer's certificate changed, and its DER bent in
 * each way.
 */
static void bent_certificates(struct scene *s)
{
	const struct bytes good = blob_view(&s->d.peer_spec.credential.certs[0]);
	const size_t third = s->handshakes % THIRDS;
	struct blob der = { 0 };

	assert_int_equal(blob_copy(&der, good), 0);
	for (size_t at = third; at < good.n; at += THIRDS) {
		memcpy(der.p, good.p, good.n);
		der.p[at] ^= (uint8_t)(1u << at % 8);
		show_bent(s, blob_view(&der));
	}
	for (size_t i = third; i < der_bends(good); i += THIRDS) {
		der_bend(good, i, der.p);
		show_bent(s, blob_view(&der));
	}
	blob_free(&der);
}

#define REFUSED                              \
	{                                    \
		NOTIFY_AUTHENTICATION_FAILED \
	}

const struct bad_case cases_keys[] = {
	{ "T59", "weak_keys", "CVE-2018-17540 strongSwan",
	  "leaf and CA of RSA 64, 128, 512, 1023, 1024 and of exponent 1", 0, REFUSED, .real = true,
	  .play = weak_keys },
	{ "T64", "bent_certificates", "CVE-2017-9023 strongSwan",
	  "each octet of a certificate bent; each tag, length and value of its DER in ten ways", 0,
	  REFUSED, .real = true, .play = bent_certificates },
	{ .name = NULL },
};
