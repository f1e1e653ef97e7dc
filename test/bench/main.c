/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off: it would make one paragraph of the lines of usage. */
/*
 * The core's costs, without kernel, sockets and log: docs/benchmarks.md. Each part prints JSON.
 *
 *	ikemesh-bench ratio [ROUNDS]	CPU a handshake and role against the crypto floor
 *	ikemesh-bench cold [ROUNDS]	the same where each certificate is one never seen before
 *	ikemesh-bench floor		CPU of one end's crypto floor, ms, as often as asked: a
 *number of handshakes a line of the standard input ikemesh-bench cores [ROUNDS]	handshakes a
 *second on one core, and on two ikemesh-bench growth [PAIRS]	stand-in crypto: CPU and allocations
 *a handshake, as pairs grow ikemesh-bench memory [PAIRS]	octets that a settled pair keeps
 *	ikemesh-bench count PAIRS N	under callgrind: N handshakes beside PAIRS that are up
 *	ikemesh-bench calls N		prints nothing: N system calls, to be measured from outside
 *	ikemesh-bench switches N	the same with N process switches, two calls each
 *	ikemesh-bench check		the limits of `./run test`
 */
/* clang-format on */
#include "bench/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned number(char **argv, int argc, int i, unsigned otherwise)
{
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "";

	if (strcmp(part, "ratio") == 0)
		return bench_ratio(number(argv, argc, 2, 40), false);
	if (strcmp(part, "cold") == 0)
		return bench_ratio(number(argv, argc, 2, 40), true);
	if (strcmp(part, "floor") == 0)
		return bench_floor();
	if (strcmp(part, "cores") == 0)
		return bench_cores(number(argv, argc, 2, 20));
	if (strcmp(part, "growth") == 0)
		return bench_growth(number(argv, argc, 2, 100000));
	if (strcmp(part, "memory") == 0)
		return bench_memory(number(argv, argc, 2, 3000));
	if (strcmp(part, "count") == 0)
		return bench_count(number(argv, argc, 2, 10), number(argv, argc, 3, 100));
	if (strcmp(part, "calls") == 0)
		return bench_calls(number(argv, argc, 2, 20000));
	if (strcmp(part, "switches") == 0)
		return bench_switches(number(argv, argc, 2, 4000));
	if (strcmp(part, "check") == 0)
		return bench_check();
	fprintf(stderr,
		"usage: ikemesh-bench "
		"ratio|cold|floor|cores|growth|memory|count|calls|switches|check [NUMBER…]\n");
	return 2;
}
