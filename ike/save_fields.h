/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of each object in the order in which they are saved, both ways (archive.h). What names
 * an object within the tree (SPI, addresses) and what follows from its place are save.c's.
 */
#ifndef IKEMESH_IKE_SAVE_FIELDS_H
#define IKEMESH_IKE_SAVE_FIELDS_H

#include "ike/archive.h"
#include "ike/task.h"

enum record {
	RECORD_END, /* never used */
	RECORD_PAIR,
	RECORD_GONE,  /* a pair is no more */
	RECORD_CERTS, /* what peers showed, by number: IKE SAs in later records name it */
};

#define SAVE_WARNING_MAX 4096u /* octets of a text */

/* Before the first record. */
void save_header_fields(struct archive *a, struct engine *e);

void save_pair_fields(struct archive *a, struct engine *e, struct pair *p);
void save_sa_fields(struct archive *a, struct ike_sa *sa);
void save_child_fields(struct archive *a, struct child *c);
void save_task_fields(struct archive *a, struct engine *e, struct pair *p, struct task *t);

/* Another object of the same pair, or none; one that is not there any more is none. */
void save_child_ref(struct archive *a, const struct engine *e, const struct pair *p,
		    struct child **c);
void save_sa_ref(struct archive *a, const struct engine *e, const struct pair *p,
		 struct ike_sa **sa);

#endif
