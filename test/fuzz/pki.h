/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates that are the same in every process: the library's random numbers are made
 * to come from a seed while they are made, and ever after.
 */
#ifndef IKEMESH_TEST_FUZZ_PKI_H
#define IKEMESH_TEST_FUZZ_PKI_H

#include "fuzz/frame.h"
#include "lib/testpki.h"

struct fuzz_pki {
	struct testpki_cert ca, host, other_ca;
	struct blob list, list_pem; /* of ca, with nobody on it */
	struct blob list_host;	    /* with host on it */
};

/* Made at the first call. */
const struct fuzz_pki *fuzz_pki(void);

/*
 * to_be_signed as a certificate or list of ca's: SEQUENCE { it, ecdsa-with-SHA256, signature }.
 * ca's key is of P-256, since RSA takes its time. The caller frees.
 */
struct blob fuzz_pki_sign(struct bytes to_be_signed);

/* What a file of that path has, as configurations for fuzzers name them; empty: there is none. */
struct bytes fuzz_pki_file(const char *path);

#endif
