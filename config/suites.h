/* SPDX-License-Identifier: Apache-2.0 */
/* strongSwan's proposal strings: `aes128-sha256-modp2048!`, comma separated alternatives. */
#ifndef IKEMESH_CONFIG_SUITES_H
#define IKEMESH_CONFIG_SUITES_H

#include "ike/spec.h"

/*
 * Parses the whole string for protocol PROTO_IKE or PROTO_ESP. A missing prf is derived from the
 * integrity algorithm; ESP without `esn`/`noesn` means either, extended ones first; a trailing `!`
 * (strict) is what ikemesh always does. `ke1_mlkem768` to `ke7_…` are additional key exchanges (RFC
 * 9370), in IKE alone, and `ke1_none` lets a peer do without. 0, or -EINVAL with error (error_size
 * octets) naming the word and near ones.
 */
int suites_parse(const char *text, uint8_t protocol, struct proposal_spec *out, size_t room,
		 size_t *n, char *error, size_t error_size);

/* What is wrong with a string, for a message that can point at it. */
struct suites_fault {
	char message[256];
	size_t at, len;	     /* the word that it is about; len 0: the whole string */
	const char *instead; /* the word to write there, or NULL */
};
/* As suites_parse(), with the fault in full. */
int suites_read(const char *text, uint8_t protocol, struct proposal_spec *out, size_t room,
		size_t *n, struct suites_fault *fault);

/* The keywords of all algorithms that a property query of OpenSSL leaves: "aes128 sha256 ..." */
const char *suites_left(const char *properties, char *out, size_t size);

/* The proposal as text in the same syntax. */
void suites_text(const struct proposal_spec *p, uint8_t protocol, char *out, size_t size);

#endif
