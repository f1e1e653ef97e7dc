/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line that says how far something is, once it takes longer than a second. On a terminal that
 * can write it over; anywhere else there is nothing of it.
 */
#ifndef IKEMESH_CTL_PROGRESS_H
#define IKEMESH_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200

struct progress {
	FILE *out;
	bool able;	 /* the terminal */
	int64_t next_ms; /* not before */
	bool shown;	 /* there is a line to be taken away */
};

int64_t progress_now_ms(void); /* of a clock that only goes forward */

void progress_begin(struct progress *p, int64_t now_ms); /* on stderr */
void progress_begin_on(struct progress *p, FILE *out, bool able, int64_t now_ms);
void progress_show(struct progress *p, int64_t now_ms, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void progress_end(struct progress *p); /* before anything else is said */

#endif
