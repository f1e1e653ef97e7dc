/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened in a simulation, line by line: the last lines are kept for a failure's sake, and a
 * hash of all of them tells whether two runs were the same.
 */
#ifndef IKEMESH_TEST_SIM_TRACE_H
#define IKEMESH_TEST_SIM_TRACE_H

#include "crypto/bytes.h"
#include "ike/event.h"

#define TRACE_LINES 4096
#define TRACE_LINE 200

struct trace {
	char (*lines)[TRACE_LINE];
	uint64_t n; /* lines in all */
	uint64_t hash;
	bool off;  /* for large runs: nothing is written, the hash stays */
	bool loud; /* to stderr at once */
};

void trace_init(struct trace *t);
void trace_free(struct trace *t);
void trace_line(struct trace *t, struct mono now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "IKE_SA_INIT request 0 I, 448 octets { SA 48 KE 264 NONCE 36 }" */
const char *trace_datagram(struct bytes datagram, char *out, size_t size);
/* The last lines, to stderr. */
void trace_print(const struct trace *t, size_t lines);

#endif
