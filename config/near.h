/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?" */
#ifndef IKEMESH_CONFIG_NEAR_H
#define IKEMESH_CONFIG_NEAR_H

#include <stdbool.h>

/* Letters to insert, drop, change or swap to make b of a, case aside. Capped: NEAR_FAR is far. */
#define NEAR_FAR 255
unsigned near_distance(const char *a, const char *b);

/* The distance is small for words of this length: worth offering. */
bool near_enough(const char *word, unsigned distance);

#endif
