/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published test data, read in place: from the directory named by IKEMESH_VECTORS, else from
 * ../shared/vectors beside the sources. A test without the data calls skip(). What cannot be read
 * although the directory is there fails the test.
 */
#ifndef IKEMESH_TEST_TESTVEC_H
#define IKEMESH_TEST_TESTVEC_H

#include "crypto/suite.h"
#include <jansson.h>

/* Skips the running test if there is no data. */
void testvec_need(void);

/* A file below the directory, unpacked if its name ends in ".gz". Caller frees. */
struct blob testvec_read(const char *name);
json_t *testvec_json(const char *name); /* json_decref() by the caller */

/* Octets decoded from hex, all freed together. */
struct testvec_pool {
	struct blob blobs[32];
	size_t n;
};
struct bytes testvec_hex(struct testvec_pool *pool, const char *hex);
struct bytes testvec_member(struct testvec_pool *pool, const json_t *object, const char *key);
void testvec_clear(struct testvec_pool *pool);

/* Text of a member, or "". */
const char *testvec_text(const json_t *object, const char *key);
/* Number of a member, or 0. */
size_t testvec_number(const json_t *object, const char *key);

/* A CAVS answer file: lines "name = value", "[name = value]", "[name]" and bare words. */
struct testvec_cavs {
	struct blob text;
	char *at;
	struct {
		char *name, *value;
	} fields[32];
	size_t n;
};
void testvec_cavs_open(struct testvec_cavs *c, const char *name);
/* The name on the next line, its value being kept; NULL at the end, and all is freed. */
const char *testvec_cavs_next(struct testvec_cavs *c);
/* The latest value under that name, or "". */
const char *testvec_cavs_get(const struct testvec_cavs *c, const char *name);

/* How many cases of a file were checked. */
struct testvec_count {
	const char *file;
	size_t run;
	struct {
		const char *why;
		size_t n;
	} skipped[12];
};
void testvec_skip(struct testvec_count *count, const char *why);
/* Fails the test, naming file and case, unless good. */
void testvec_check(struct testvec_count *count, bool good, const char *which);
/* "nist-cavs/ikev2.fax.gz: 600 run; 300 skipped: PRF not supported" */
void testvec_report(const struct testvec_count *count);

/*
 * Whether AES-GCM with a nonce of 12 octets opens what is sealed. What it opens must be plain
 * (which is not looked at otherwise), and must seal to the same again.
 */
bool testvec_gcm(const struct encr_alg *e, struct bytes key, struct bytes nonce, struct bytes aad,
		 struct bytes plain, struct bytes sealed, struct bytes tag);

/* One outer round of the Monte Carlo test of AES-CBC (NIST AESAVS 6.4.2): 1,000 blocks. */
void testvec_cbc_monte(const struct encr_alg *e, bool seal, struct bytes key, struct bytes iv,
		       struct bytes in, uint8_t out[static 16]);

#endif
