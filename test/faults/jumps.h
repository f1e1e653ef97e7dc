/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of a process under the test's hand: at the n-th look at one it jumps, timers with it,
 * as Linux does when somebody sets the date, or the machine wakes up after a long sleep.
 *
 * Looks of other threads count always, those of the test's own while it is armed. To be linked with
 * --wrap for clock_now, time, clock_gettime, timerfd_create and timerfd_settime.
 */
#ifndef IKEMESH_TEST_FAULTS_JUMPS_H
#define IKEMESH_TEST_FAULTS_JUMPS_H

#include <stdbool.h>
#include <stdint.h>

enum jumps_clock {
	JUMPS_BOOT, /* clock_now(): never back, and it stays where it went */
	JUMPS_WALL, /* the date */
};

/* So far at the n-th look from now on; 0: never, and looks are counted anew. */
void jumps_set(enum jumps_clock clock, uint64_t n, int64_t seconds);
void jumps_arm(bool on);
uint64_t jumps_looks(void); /* at that clock, since jumps_set() */
bool jumps_hit(void);
void jumps_put_right(void); /* the date */

#endif
