/* SPDX-License-Identifier: Apache-2.0 */
/* What a scene's peer would rightly say now. Each draft is to be freed, or said. */
#ifndef IKEMESH_TEST_FUZZ_TALK_H
#define IKEMESH_TEST_FUZZ_TALK_H

#include "fuzz/scene.h"

#define TALK_WISHES 8

/* The answer to s->asked, which there is. */
void talk_answer(struct scene *s, struct draft *out);
/* The next request on its way to come up; false: it is up, as far as it knows. */
bool talk_begin(struct scene *s, struct draft *out);
/* What it may ask for then, by number. */
void talk_wish(struct scene *s, size_t which, struct draft *out);

#endif
