/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CREATE_CHILD_SA exchange under way on an IKE SA: at most one of ours and one of the peer's.
 */
#ifndef IKEMESH_IKE_TASK_H
#define IKEMESH_IKE_TASK_H

#include "ike/collide.h"
#include "ike/core.h"

enum task_kind {
	TASK_NEW_CHILD,
	TASK_REKEY_CHILD,
	TASK_REKEY_IKE,
};

/* The other side's exchange for the same SA, once it is complete: what collide needs to know. */
struct rival {
	bool present;
	struct blob ni, nr;
	struct child *child;   /* NULL if gone */
	struct ike_sa *ike_sa; /* NULL if gone */
};

struct task {
	enum task_kind kind;
	bool ours;
	struct child *old;	      /* rekeyed; NULL if gone meanwhile */
	struct child *fresh;	      /* made; in the IKE SA's list from the start; NULL if gone */
	struct ike_sa *fresh_sa;      /* made */
	uint64_t spi_local, spi_peer; /* of a new IKE SA */
	struct ike_suite ike_suite;
	const struct ke_alg *ke; /* NULL: no PFS */
	struct ke_key *ke_key;
	struct blob ke_public;
	struct blob ni, nr;
	struct rival rival;
	struct child_answer answer;	     /* theirs: of a CHILD_SA */
	struct transform t[TRANSFORM_TYPES]; /* theirs: of an IKE SA */
	size_t n;
	uint8_t number;
	bool other_group_tried;

	/* RFC 9370 2.2.4: between CREATE_CHILD_SA and the last IKE_FOLLOWUP_KE. */
	size_t add_ke_done;   /* of ike_suite.n_add_ke */
	struct secret shared; /* SK(0), of CREATE_CHILD_SA */
	struct secret more;   /* SK(1) | SK(2) ... */
	struct blob link;     /* ADDITIONAL_KEY_EXCHANGE of the responder */
	struct mono until;    /* theirs: the next one must come by then */
};

struct task *task_new(enum task_kind kind, bool ours); /* NULL on no memory */
void task_free(struct task *t);

/* It waits for a job of this process: to another one it is not handed over. */
bool task_is_stuck(const struct task *t, const struct ike_sa *sa);

/* An object goes: no task of the pair may name it any longer. */
void tasks_forget_child(struct pair *p, const struct child *c);
void tasks_forget_sa(struct pair *p, const struct ike_sa *gone);

/* A nonce of ours, 32 octets: at least half the key of any prf (RFC 7296 2.10). */
int task_nonce(struct engine *e, struct blob *out);

/* `other` is complete and concerns the same SA as t: what t has to know of it. */
void task_meet(struct engine *e, struct task *t, const struct task *other, struct child *child,
	       struct ike_sa *sa);
/* Between t and its rival: is what we made the redundant one? */
bool task_ours_loses(const struct task *t);

#endif
