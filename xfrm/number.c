/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/number.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

const char *number_int(const char *text, int *out)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || errno != 0 || value < INT_MIN || value > INT_MAX)
		return NULL;
	*out = (int)value;
	return end;
}
