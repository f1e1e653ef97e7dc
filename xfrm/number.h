/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in what the kernel or another process of ours wrote, and what may be none all the same.
 */
#ifndef IKEMESH_XFRM_NUMBER_H
#define IKEMESH_XFRM_NUMBER_H

/*
 * The decimal number that text begins with, blanks before it aside, into *out. What stands behind
 * it; NULL if there is none or if no int can hold it, and *out is as it was.
 */
const char *number_int(const char *text, int *out);

#endif
