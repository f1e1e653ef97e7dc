/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/count.h"

#include <valgrind/callgrind.h>

bool count_possible(void)
{
	return RUNNING_ON_VALGRIND != 0;
}

void count_begin(void)
{
	CALLGRIND_START_INSTRUMENTATION;
}

void count_end(void)
{
	CALLGRIND_STOP_INSTRUMENTATION;
}
