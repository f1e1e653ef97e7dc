/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests, made on the spot. Whatever fails here aborts the test program, so callers
 * check nothing. Keys are made once a process for each kind and slot, since RSA takes its time: two
 * certificates with the same kind and slot share their key.
 *
 *	struct testpki_cert ca, host;
 *	testpki_ca(&ca, "O=Example, CN=Test CA");
 *	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
 *	... host.der, host.pem, host.key_pem, valid at TESTPKI_NOW ...
 *	testpki_free(&host);
 *	testpki_free(&ca);
 */
#ifndef IKEMESH_TEST_TESTPKI_H
#define IKEMESH_TEST_TESTPKI_H

#include "crypto/bytes.h"
#include <time.h>

#define TESTPKI_NOW ((time_t)1893456000) /* 2030-01-01 00:00:00 UTC */
#define TESTPKI_DAY ((time_t)86400)
#define TESTPKI_SAN_MAX 8

enum testpki_kind {
	TESTPKI_RSA_2048, /* the default */
	TESTPKI_RSA_3072,
	TESTPKI_RSA_4096,
	TESTPKI_RSA_1024, /* to be refused */
	TESTPKI_ECDSA_P256,
	TESTPKI_ECDSA_P384,
	TESTPKI_ECDSA_P521,
	TESTPKI_ED25519,
	TESTPKI_RSA_E1, /* the modulus of a RSA_2048 key with exponent 1: to be refused, and without
			   PEM */
	/* Of so many bits, by hand: to be refused. The shortest two cannot sign a certificate: what
	   they issue has a signature by another key. */
	TESTPKI_RSA_64,
	TESTPKI_RSA_128,
	TESTPKI_RSA_512,
	TESTPKI_RSA_1023,
	TESTPKI_RSA_E3, /* 2048 bits, exponent 3 */
	TESTPKI_KINDS,
};
#define TESTPKI_SLOTS 6

struct testpki_cert {
	struct blob der;
	struct blob pem;     /* text, no final NUL */
	struct blob key_pem; /* PKCS#8 */
	void *x509;	     /* the library's, for testpki_make() */
	enum testpki_kind kind;
	unsigned slot;
};

/* Zero means the usual thing in every member but subject. */
struct testpki_spec {
	const char *subject;		   /* "C=US, O=Example, OU=x + CN=host"; "" for none */
	const struct testpki_cert *issuer; /* NULL: self-signed */
	enum testpki_kind kind;
	unsigned slot;		      /* below TESTPKI_SLOTS */
	time_t not_before, not_after; /* TESTPKI_NOW less a day; TESTPKI_NOW plus 365 days */
	bool ca;
	bool limit_path; /* pathLenConstraint path_len */
	long path_len;
	const char *key_usage; /* configuration syntax of x509v3_config(5); "none": no extension */
	const char *eku;       /* likewise; NULL: no extension */
	const char *san;       /* "DNS:a.example, IP:10.0.0.1, email:x@example"; NULL: none */
	const char *name_constraints; /* "permitted;DNS:.example"; NULL: none */
	const char *crl_at, *ocsp_at; /* URIs to be told in the certificate; NULL: none */
	const char *digest;	      /* "SHA256" */
	bool utf8;		      /* subject as UTF8String, else PrintableString */
	bool bad_signature;	      /* its last octet flipped */
};

void testpki_make(struct testpki_cert *out, const struct testpki_spec *spec);

/* A CRL by an issuer. Zero means the usual thing. */
struct testpki_crl_spec {
	const struct testpki_cert *issuer;
	const struct testpki_cert *revoked[4]; /* up to the first NULL */
	int reason;			       /* RFC 5280 5.3.1; 0: none is given */
	time_t this_update, next_update;       /* TESTPKI_NOW less, plus a day */
	bool bad_signature;
};

/* As DER; pem (may be NULL) the same as a text. The caller frees both. */
struct blob testpki_crl(const struct testpki_crl_spec *spec, struct blob *pem);

/* A root (slot 0), and a leaf (slot 1) under it, as usual. */
void testpki_ca(struct testpki_cert *out, const char *subject);
void testpki_leaf(struct testpki_cert *out, const struct testpki_cert *issuer, const char *subject);

void testpki_free(struct testpki_cert *c);

/* The private key of a kind and slot as PEM; pass NULL, or a phrase to encrypt it. Caller frees. */
struct blob testpki_key_pem(enum testpki_kind kind, unsigned slot, const char *phrase);

/* The DER Name of "C=US, O=Example, CN=host". Caller frees. */
struct blob testpki_name(const char *subject, bool utf8);

/* The SubjectPublicKeyInfo of an RSA key given by its numbers. Caller frees. */
struct blob testpki_rsa_spki(struct bytes modulus, struct bytes exponent);

#endif
