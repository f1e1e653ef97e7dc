/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields to octets and back by one description: a function that names an object's fields in order
 * both writes and reads them, so that the two cannot drift apart. Network order. The error is
 * sticky: after it reads give zero and writes do nothing; ask once, at the end.
 *
 * What is written may hold keys: the buffer is wiped whenever it is given back.
 */
#ifndef IKEMESH_IKE_ARCHIVE_H
#define IKEMESH_IKE_ARCHIVE_H

#include "crypto/secret.h"
#include "crypto/suite.h"
#include "ike/event.h"
#include "ike/message/cursor.h"

struct archive {
	bool loads; /* else it saves */
	bool failed;
	uint32_t version;  /* of what is read or written: whoever begins sets it */
	struct reader in;  /* loads */
	struct secret out; /* saves: the buffer and its room */
	size_t n;	   /* octets written */
};

struct archive archive_saver(void);
struct archive archive_loader(struct bytes from); /* borrowed */
/* Wipes what was not taken. */
void archive_free(struct archive *a);
/* What was saved, owned by the caller then. 0, or -ENOMEM with *out empty. */
int archive_take(struct archive *a, struct secret *out);

void archive_u8(struct archive *a, uint8_t *v);
void archive_u16(struct archive *a, uint16_t *v);
void archive_u32(struct archive *a, uint32_t *v);
void archive_u64(struct archive *a, uint64_t *v);
void archive_bool(struct archive *a, bool *v);
void archive_uint(struct archive *a, unsigned *v);
void archive_i64(struct archive *a, int64_t *v);
void archive_mono(struct archive *a, struct mono *v);
void archive_octets(struct archive *a, uint8_t *p, size_t n);
/* A text with its final NUL within size octets. */
void archive_text(struct archive *a, char *text, size_t size);
void archive_ip(struct archive *a, struct ip *ip);
void archive_endpoint(struct archive *a, struct endpoint *at);

/* Owned octets, at most `most`; what v held when loading is not freed. */
void archive_blob(struct archive *a, struct blob *v, size_t most);
void archive_secret(struct archive *a, struct secret *v, size_t most);
/* An owned text of at most `most` octets, or none (NULL). */
void archive_string(struct archive *a, char **v, size_t most);
/* How many of something follow, at most `most`; 0 once it has failed. */
size_t archive_count(struct archive *a, size_t *n, size_t most);

/* Rows by their ids; a row that is not there (any more) is an error. NULL is kept. */
void archive_encr(struct archive *a, const struct encr_alg **v);
void archive_integ(struct archive *a, const struct integ_alg **v);
void archive_prf(struct archive *a, const struct prf_alg **v);
void archive_ke(struct archive *a, const struct ke_alg **v);
/* A private value of that row, or none. */
void archive_ke_key(struct archive *a, const struct ke_alg *ke, struct ke_key **v);

/* What stands between the two can be skipped, or read in a loader of its own. */
size_t archive_open(struct archive *a);		  /* saves: returns where its length stands */
void archive_close(struct archive *a, size_t at); /* saves */
struct archive archive_box(struct archive *a);	  /* loads: a loader for just that */

#endif
