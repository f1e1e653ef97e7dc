/* SPDX-License-Identifier: Apache-2.0 */
/* Golden octets for tests: hexadecimal digits in, and compared with a place where they differ. */
#ifndef IKEMESH_TEST_XFRM_HEX_H
#define IKEMESH_TEST_XFRM_HEX_H

#include "crypto/bytes.h"

/* The caller frees with blob_free(). Aborts on anything but pairs of digits and blanks. */
struct blob xfrm_hex(const char *text);

/* Prints the first difference and what stands there; true if equal. */
bool xfrm_same_octets(struct bytes want, struct bytes have);

#endif
