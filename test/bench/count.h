/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions are counted by callgrind, and only between these two. Without its header at build
 * time, or outside it, they do nothing: CMake chooses the file.
 */
#ifndef IKEMESH_TEST_BENCH_COUNT_H
#define IKEMESH_TEST_BENCH_COUNT_H

#include <stdbool.h>

bool count_possible(void); /* this program runs under callgrind */
void count_begin(void);
void count_end(void);

#endif
