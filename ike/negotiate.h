/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What IKE_AUTH and CREATE_CHILD_SA say of a CHILD_SA: SA, TSi, TSr, USE_TRANSPORT_MODE. Asking,
 * judging a request, answering, and judging the answer stand side by side.
 */
#ifndef IKEMESH_IKE_NEGOTIATE_H
#define IKEMESH_IKE_NEGOTIATE_H

#include "ike/core.h"

/* with_ke: CREATE_CHILD_SA, where a CHILD_SA may have a key exchange of its own. */
void child_offer(const struct engine *e, const struct child *c, bool with_ke, struct builder *b);

/*
 * Decides on the peer's request. 0: out and out->child are complete; else the notify that refuses
 * it, with *why a static text.
 */
uint16_t child_judge(struct engine *e, struct ike_sa *sa, const struct payloads *ps, bool with_ke,
		     struct child_answer *out, const char **why);
void child_answer_encode(const struct child_answer *a, struct builder *b);

/* The answer to our offer; 0: c has its suite, SPI and selectors. Else as above. */
uint16_t child_accept(const struct engine *e, struct child *c, const struct payloads *ps,
		      bool with_ke, const char **why);

/* First error notify of a chain; 0: none. */
uint16_t notify_error_of(const struct payloads *ps);

#endif
