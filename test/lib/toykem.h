/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KEM to stand in for ML-KEM where the crypto library has none: rows of the same id and lengths,
 * with curve25519 inside and padding around. As with ML-KEM a public value may be malformed (then
 * it is refused), and a response that is none gives a secret that nobody has. Its keys are those of
 * the curve25519 row, and freed as those of the real rows are.
 */
#ifndef IKEMESH_TEST_LIB_TOYKEM_H
#define IKEMESH_TEST_LIB_TOYKEM_H

#include "crypto/suite.h"

/* NULL: no KEM of ours has that id. */
const struct ke_alg *toykem_by_id(uint16_t id);

/* The row itself where it can be used, otherwise the one that stands in for it. */
const struct ke_alg *toykem_for(const struct ke_alg *row);

#endif
