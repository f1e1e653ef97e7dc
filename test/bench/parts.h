/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench measures, each printed as one JSON object. All return an exit status. */
#ifndef IKEMESH_TEST_BENCH_PARTS_H
#define IKEMESH_TEST_BENCH_PARTS_H

int bench_ratio(unsigned rounds);
int bench_cores(unsigned rounds);
int bench_growth(unsigned most);
int bench_memory(unsigned pairs);
int bench_count(unsigned pairs, unsigned n);
int bench_check(void);

#endif
