/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER bent at its joints: each element, those inside OCTET and BIT STRINGs too, once with each of
 * DER_BENDS changes of its tag, its length or the beginning of its value. The whole keeps its size.
 */
#ifndef IKEMESH_TEST_DER_BEND_H
#define IKEMESH_TEST_DER_BEND_H

#include "crypto/bytes.h"

#define DER_BENDS 10

/* How many there are of it: a multiple of DER_BENDS. */
size_t der_bends(struct bytes der);
/* Bends a copy, of der.n octets, in the nth way, from 0. */
void der_bend(struct bytes der, size_t nth, uint8_t *copy);

#endif
