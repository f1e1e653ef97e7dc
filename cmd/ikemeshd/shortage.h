/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often this process was refused memory. Whoever asked copes, most of them by doing as if a
 * datagram had been lost, and few of them can say so: therefore it is counted where memory comes
 * from (shortage_link.c, which is linked into programs), and said once, by the loop.
 */
#ifndef IKEMESH_CMD_SHORTAGE_H
#define IKEMESH_CMD_SHORTAGE_H

#include <stdint.h>

/* Of all threads, since the start. */
uint64_t shortages(void);
void shortage_add(void);

/* The libraries' memory counts as well: first of all in main(). */
void shortage_watch(void);

#endif
