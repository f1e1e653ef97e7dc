/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where people read what happened: one line a report, with the peer first. The journal gets the
 * same as fields (AREA=, PEER=, REASON= and so on). Control characters and what is not ASCII
 * are escaped, so that no text from elsewhere can forge a line. What others can make us say again
 * and again is folded.
 */
#ifndef IKEMESH_CMD_LOG_H
#define IKEMESH_CMD_LOG_H

#include "config/config.h"
#include "ike/action.h"

struct log;

/*
 * path for LOG_TO_FILE only: a regular file, -EINVAL for anything else. Without a journal on this
 * host LOG_TO_JOURNAL means stderr.
 */
int log_open(enum log_target target, const char *path, enum report_level level, struct log **out);
void log_close(struct log *l); /* tells what was held back; NULL is fine */

/* An error of log_open() and log_retarget() in words: "is not a regular file". */
const char *log_path_error(int err);

/* Another target, or the same file opened anew. On failure the old one stays. */
int log_retarget(struct log *l, enum log_target target, const char *path);

void log_report(struct log *l, const struct report *report); /* folded */
void log_recurrent_in(struct log *l, enum report_area area, enum report_level level,
		      const char *format, ...) __attribute__((format(printf, 4, 5))); /* folded */
void log_text_in(struct log *l, enum report_area area, enum report_level level, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* A file that has something to say is about one area as a rule: it defines LOG_AREA as that. */
#define log_recurrent(l, level, ...) log_recurrent_in(l, LOG_AREA, level, __VA_ARGS__)
#define log_text(l, level, ...) log_text_in(l, LOG_AREA, level, __VA_ARGS__)

/* Tells what was held back long enough; returns when to call again. */
struct mono log_tick(struct log *l, struct mono now);

/* Printable ASCII: the others become \xNN, and what does not fit is cut. */
void log_escape(const char *in, char *out, size_t room);

/* "10.0.1.6: text [IKE_AUTH 0123456789abcdef_i fedcba9876543210_r]" as far as it is known. */
void log_line(const struct report *report, char *out, size_t room);

#endif
