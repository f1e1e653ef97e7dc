/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the product asks of the system, under the test's hand: a chosen call that makes a
 *descriptor, or that writes to a disk, fails as it does when there are no more descriptors, or no
 *more room.
 *
 * What other threads do counts always; what the test's own does, while it is armed:
 *
 *	calls_fail(&(struct calls_fault){ CALLS_DESCRIPTOR, n, EMFILE });
 *	calls_arm(true);
 *	r = product_call();
 *	calls_arm(false);
 *	calls_failed()	     ... was there an n-th?
 *
 * Each program is linked with --wrap for all of CALLS_WRAPPED (test/CMakeLists.txt).
 */
#ifndef IKEMESH_TEST_FAULTS_CALLS_H
#define IKEMESH_TEST_FAULTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum calls_kind {
	CALLS_DESCRIPTOR,
	CALLS_DISK, /* files created, written, put to the disk and named */
};

struct calls_fault {
	enum calls_kind kind;
	uint64_t n;   /* the n-th from now on, from 1; 0: none fails, and all are counted */
	int error;    /* positive errno */
	bool lasting; /* ... and all after it */
	bool cut;     /* the n-th write is done by half, and the one after it fails */
};

/* Counts anew. NULL: nothing fails. */
void calls_fail(const struct calls_fault *fault);
/* For this thread, which is the test's. */
void calls_arm(bool on);
uint64_t calls_counted(void);  /* since calls_fail() */
uint64_t calls_failed(void);   /* how many */
const char *calls_which(void); /* the name of the first one that failed; "" */

/* How many descriptors this process has. */
size_t calls_descriptors(void);

#endif
