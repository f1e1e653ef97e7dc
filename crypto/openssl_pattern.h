/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern taken apart (openssl_pattern_read.c) and held against certificates (openssl_pattern.c).
 */
#ifndef IKEMESH_CRYPTO_OPENSSL_PATTERN_H
#define IKEMESH_CRYPTO_OPENSSL_PATTERN_H

#include "crypto/openssl_chain.h"
#include "crypto/pattern.h"

#define PATTERN_ANY 0xff /* a star, in a pattern's octets: no UTF-8 has that */
#define PATTERN_RDNS 32
#define PATTERN_SET 8 /* attributes in one RDN */

struct pattern_attribute {
	ASN1_OBJECT *type;
	struct blob value; /* canonical, with PATTERN_ANY */
};

struct pattern_rdn {
	bool any; /* a star in place of RDNs */
	struct pattern_attribute a[PATTERN_SET];
	size_t n;
};

struct pattern {
	char text[PATTERN_TEXT_LEN];
	int kind;		  /* GEN_DIRNAME, GEN_DNS, GEN_EMAIL, GEN_IPADD */
	struct pattern_rdn *rdns; /* PATTERN_RDNS of them */
	size_t n;
	struct blob local; /* of a mailbox */
	struct blob host;  /* of a mailbox, or a host's name */
	uint8_t address[16];
	size_t address_n; /* octets */
	unsigned prefix;
};

/* RFC 5280 7.1: case and runs of spaces folded, in place. Returns the new length. */
size_t pattern_canonical(uint8_t *p, size_t n);
/* White space of ASCII. */
bool pattern_is_space(uint8_t c);
/*
 * A host's name in lower case, without a dot at its end. false: it is none, each label of which has
 * something in it. There is room for one octet more.
 */
bool pattern_host_canonical(uint8_t *p, size_t *n);

#endif
