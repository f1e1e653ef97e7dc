/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with the places that they came from. */
#ifndef IKEMESH_CONFIG_CERTS_H
#define IKEMESH_CONFIG_CERTS_H

#include "config/source.h"

#define CERTS_MAX 256

struct cert {
	struct blob der;
	struct cert_info info;
	struct place at;
	char *file; /* what at.file borrows from; may be NULL */
};

struct certs {
	struct cert *p;
	size_t n;
};

/*
 * All certificates of a source are added to *to, and what is wrong with its blocks is told. false:
 * none of them could be read.
 */
bool certs_read(struct reading *r, const struct key_row *row, const struct source *s,
		struct certs *to);
void certs_free(struct certs *c);

/* Begin and key of one certificate. what: "instance_certificate", "CA certificate". */
void cert_check(struct reading *r, const struct cert *c, const char *what);

/* "2031-01-02 03:04:05 UTC" */
#define TIME_TEXT_LEN 32
const char *time_text(time_t at, char out[static TIME_TEXT_LEN]);

#endif
