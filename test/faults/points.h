/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing that the product does, with each single call of a kind failing in it: once; from there
 * on, for as long as it lasts; a write that is done by half. It is done all the same or refused,
 * never done wrong; no descriptor is left open; and the next time it is done.
 */
#ifndef IKEMESH_TEST_FAULTS_POINTS_H
#define IKEMESH_TEST_FAULTS_POINTS_H

#include "faults/calls.h"

enum outcome {
	DONE,
	REFUSED, /* in words, and nothing has changed */
	WRONG,
};

/*
 * call() arms what is tried (calls_arm), and has so many calls of that kind at least. Prints how
 * many points there were; fails where one was not survived.
 */
void points_try(const char *what, enum outcome (*call)(void), enum calls_kind kind, uint64_t least);

#endif
