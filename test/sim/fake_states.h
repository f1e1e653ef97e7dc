/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the fake kernel that knows SAs, for the half that knows policies. */
#ifndef IKEMESH_TEST_SIM_FAKE_STATES_H
#define IKEMESH_TEST_SIM_FAKE_STATES_H

#include "sim/fake_kernel.h"

/* A test without memory has nothing to show. */
void *fake_grab(size_t n, size_t size);
/* The kernel has something to do then. */
void fake_due_at(struct fake_kernel *k, int64_t us);

void fake_states_free(struct fake_kernel *k);
/* The SA that a packet leaves on, or NULL. */
struct fake_sa *fake_outbound(const struct fake_kernel *k, const struct app_packet *p);
/* false: a hard limit has passed, and s is gone. */
bool fake_sa_limits(struct fake_kernel *k, struct fake_sa *s);
void fake_sa_count(struct fake_kernel *k, struct fake_sa *s, const struct app_packet *p);
/* Tells the listener, unless a larval state says that it was told. */
void fake_acquire(struct fake_kernel *k, struct mono now, const struct app_packet *p);

/* What is due. SAs first: the hooks are told in the order that the times have. */
void fake_sas_tick(struct fake_kernel *k, struct mono now);
void fake_larvals_tick(struct fake_kernel *k, struct mono now);

#endif
