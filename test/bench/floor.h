/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crypto floor: what one side of a handshake cannot do without, by the library's calls alone,
 * with keys and contexts at hand as `openssl speed` has them: one key pair and one derivation
 * (modp2048), one signature (RSA-3072), two verifications (RSA-3072: the peer's certificate and its
 * signature).
 */
#ifndef IKEMESH_TEST_BENCH_FLOOR_H
#define IKEMESH_TEST_BENCH_FLOOR_H

#include <stdint.h>

enum floor_part {
	FLOOR_GENERATE,
	FLOOR_DERIVE,
	FLOOR_SIGN,
	FLOOR_VERIFY, /* both */
	FLOOR_PARTS,
};

extern const char *const floor_names[FLOOR_PARTS];

void floor_open(void);
void floor_close(void);
/* All of one side, n times; adds the nanoseconds of CPU that each part took in all. */
void floor_run(unsigned n, int64_t ns[static FLOOR_PARTS]);
int64_t floor_of_all(unsigned n); /* the same in one, with no look at the clock between the parts */

#endif
