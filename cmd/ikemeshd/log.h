/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where people read what happened: one line a report, with the peer first. The journal gets the
 * same as fields (AREA=, PEER=, REASON= and so on). Control characters and what is not ASCII
 * are escaped, so that no text from elsewhere can forge a line. What others can make us say again
 * and again is folded.
 */
#ifndef IKEMESH_CMD_LOG_H
#define IKEMESH_CMD_LOG_H

#include "cmd/ikemeshd/levels.h"
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

/* Another target; the same file stays as it is open. On failure the old one stays. */
int log_retarget(struct log *l, enum log_target target, const char *path);
/* The same file by its name: logrotate may have moved it away. On failure the old one stays. */
int log_reopen(struct log *l);

/* How much is said of which area: its owner may change it. */
struct levels *log_levels(struct log *l);

struct log_state {
	const char *target; /* "journal", "syslog", "stderr" or a path; the log's */
	uint64_t lost;	    /* reports that could not be written */
	int error;	    /* negative errno of the last one to a file; 0: it was written */
};
struct log_state log_state(const struct log *l);

void log_report(struct log *l, const struct report *report); /* folded */
void log_recurrent_in(struct log *l, enum report_area area, enum report_level level,
		      const char *format, ...) __attribute__((format(printf, 4, 5))); /* folded */
void log_text_in(struct log *l, enum report_area area, enum report_level level, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* The same, which is that this happened. */
void log_happening_in(struct log *l, enum happening what, enum report_area area,
		      enum report_level level, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* A file that has something to say is about one area as a rule: it defines LOG_AREA as that. */
#define log_recurrent(l, level, ...) log_recurrent_in(l, LOG_AREA, level, __VA_ARGS__)
#define log_text(l, level, ...) log_text_in(l, LOG_AREA, level, __VA_ARGS__)
#define log_happening(l, what, level, ...) \
	log_happening_in(l, HAPPENING_##what, LOG_AREA, level, __VA_ARGS__)

/*
 * seen gets every report up to REPORT_INFO, and chattier ones that are written, with the time of
 * day (ms since 1970); what is folded, as it is told. It must not report anything itself.
 */
void log_watch(struct log *l, void (*seen)(void *arg, int64_t at_ms, const struct report *report),
	       void *arg);

/* By which time messages are folded; without it the clock is asked for each. */
void log_clock(struct log *l, struct mono (*now)(void *arg), void *arg);

/* Tells what was held back long enough, and ends levels whose time is over; returns when to call
 * again. */
struct mono log_tick(struct log *l, struct mono now);

/* Printable ASCII: the others become \xNN, and what does not fit is cut. */
void log_escape(const char *in, char *out, size_t room);

/* "10.0.1.6: text [IKE_AUTH 0123456789abcdef_i fedcba9876543210_r]" as far as it is known. */
void log_line(const struct report *report, char *out, size_t room);

#endif
