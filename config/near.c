/* SPDX-License-Identifier: Apache-2.0 */
#include "config/near.h"
#include <ctype.h>
#include <string.h>

#define WORD_MAX 40

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned near_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];

	if (na > WORD_MAX || nb > WORD_MAX)
		return NEAR_FAR;
	for (unsigned i = 0; i <= na; i++)
		d[i][0] = i;
	for (unsigned j = 0; j <= nb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			unsigned change = d[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]);
			unsigned best = min2(change, 1 + min2(d[i - 1][j], d[i][j - 1]));

			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				best = min2(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[na][nb];
}

bool near_enough(const char *word, unsigned distance)
{
	return distance <= 1 + strlen(word) / 4;
}
