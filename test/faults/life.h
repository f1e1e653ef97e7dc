/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole life of two hosts with each other, in the simulator, that a test spoils at one point:
 * first contact, rekeying of the CHILD_SA and of the IKE SA, re-authentication, deletion, and a
 * second contact. The invariants are checked at every step, and at the end both ends agree, nothing
 * is left over, and packets pass.
 */
#ifndef IKEMESH_TEST_FAULTS_LIFE_H
#define IKEMESH_TEST_FAULTS_LIFE_H

#include "sim/sim.h"

#define LIFE_VICTIM 1
#define LIFE_OTHER 0

struct life {
	bool begins; /* the victim does, with each of them; else the other host */
	struct fleet_options fleet;
	/* The victim's core; NULL: as it is. */
	const struct sim_core *core;
	void (*prepare)(struct sim *s); /* before the first event; NULL: nothing */
	const char *(*judge)(void);	/* at the very end: NULL, or what is wrong */
};

/* NULL: all was well; else what was not, until the next call. */
const char *life_live(const struct life *l);

/*
 * Lives as often as there are points at which something can fail: set(n) has the n-th fail, hit()
 * says whether there was one. Prints how many there were and how many were survived, and the test
 * fails unless these are equal and at least `least`.
 */
struct life_points {
	const char *what;
	void (*set)(uint64_t n);
	bool (*hit)(void);
	void (*show)(void); /* more of a point that was not survived; NULL: nothing */
	uint64_t least;
};
void life_each_point(const struct life *l, const struct life_points *p);

#endif
