/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs to begin with: each maker writes files below a directory, one folder a target. */
#ifndef IKEMESH_TEST_FUZZ_SEEDS_H
#define IKEMESH_TEST_FUZZ_SEEDS_H

#include "crypto/bytes.h"

/* What an input of target certificate is: its first octet. */
enum certificate_kind {
	CERTIFICATE_ALONE,   /* DER */
	CERTIFICATE_LIST,    /* DER or PEM */
	CERTIFICATE_PEM,     /* certificates, and a private key */
	CERTIFICATE_PATTERN, /* as peer_identities has it */
	CERTIFICATE_SHOWN,   /* what a peer shows: certificates, identity, signature */
	CERTIFICATE_SIGNED,  /* a TBSCertificate, which our CA signs */
	CERTIFICATE_LISTED,  /* a TBSCertList, which our CA signs */
	CERTIFICATE_NAMES,   /* two Names */
	CERTIFICATE_KINDS,
};

/* Into the folder of a target; the name is a hash of the content. */
void seed_write(const char *target, struct bytes content);

void seeds_messages(void);
void seeds_fragments(void);
void seeds_proposals(void);
void seeds_netlink(void);
void seeds_channel(void);
void seeds_config(void);
void seeds_certificates(void);
void seeds_wire(void);
void seeds_control(void);
void seeds_words(const char *dir); /* DIR/TARGET.dict: dictionaries */
void seeds_inside(void);	   /* conversations, from each opening */
void seeds_state(void);
void seeds_engine(void);

#endif
