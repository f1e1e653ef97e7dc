/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as Wireshark's tables have them: ikev2_decryption_table and esp_sa of its configuration
 * directory, one line an SA, comma-separated. Pure. A line is full of secrets: whoever asked for it
 * wipes it.
 */
#ifndef IKEMESH_CMD_WIRESHARK_H
#define IKEMESH_CMD_WIRESHARK_H

#include "ike/action.h"
#include "ike/spec.h"

#define WIRESHARK_LINE_LEN 1024

/* The line with its end. Octets, or 0 if Wireshark has no name for an algorithm. */
size_t wireshark_ike(const struct exposed_keys *k, char out[static WIRESHARK_LINE_LEN]);
size_t wireshark_esp(const struct sa_spec *sa, char out[static WIRESHARK_LINE_LEN]);

#endif
