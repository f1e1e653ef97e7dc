/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/fold.h"
#include "cmd/ikemeshd/log_file.h"
#include "cmd/ikemeshd/log_socket.h"
#include "ike/message/iana.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_LEN 1024 /* octets of one line */

struct log {
	enum log_target target;
	struct log_file file; /* LOG_TO_FILE */
	struct log_socket socket;
	uint64_t lost; /* reports that journal or syslog did not take */
	struct levels levels;
	struct fold fold;
	void (*seen)(void *arg, int64_t at_ms,
		     const struct report *report); /* NULL: nobody watches */
	void *seen_arg;
	struct mono (*now)(void *arg); /* NULL: the clock itself */
	void *now_arg;
};

/* Once a line: where there is no vDSO a look at the clock is a system call. */
static struct timespec wall_now(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts;
}

void log_escape(const char *in, char *out, size_t room)
{
	size_t n = 0;

	for (; *in != '\0' && n + 5 <= room; in++) {
		unsigned char c = (unsigned char)*in;

		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
	}
	out[n] = '\0';
}

/* " [EXCHANGE spi_i spi_r]" or nothing. */
static void put_context(const struct report *r, char *out, size_t room)
{
	const char *exchange = r->exchange != 0 ? exchange_name(r->exchange) : "";
	const char *gap = r->exchange != 0 && r->spi_i != 0 ? " " : "";

	out[0] = '\0';
	if (r->spi_i != 0)
		snprintf(out, room, " [%s%s%016" PRIx64 "_i %016" PRIx64 "_r]", exchange, gap,
			 r->spi_i, r->spi_r);
	else if (r->exchange != 0)
		snprintf(out, room, " [%s]", exchange);
}

void log_line(const struct report *r, char *out, size_t room)
{
	char text[LINE_LEN], peer[IP_TEXT_LEN] = "", context[96];

	log_escape(r->text, text, sizeof(text));
	put_context(r, context, sizeof(context));
	if (r->remote.family != 0)
		ip_text(&r->remote, peer);
	snprintf(out, room, "%s%s%s%s", peer, peer[0] != '\0' ? ": " : "", text, context);
}

#define STAMPED_LEN (LINE_LEN + 128)

/* Descriptors get time and level too. Returns its octets, the line end among them. */
static size_t stamp_line(const struct timespec *at, enum report_level level, const char *line,
			 char out[static STAMPED_LEN])
{
	char stamp[32] = "";
	struct tm tm;
	int n;

	if (gmtime_r(&at->tv_sec, &tm) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(out, STAMPED_LEN, "%s.%03ldZ ikemeshd %s: %s\n", stamp, at->tv_nsec / 1000000,
		     report_level_name(level), line);
	if (n >= STAMPED_LEN) {
		n = STAMPED_LEN - 1;
		out[n - 1] = '\n';
	}
	return (size_t)n;
}

/* One write a line, so that lines never mingle. */
static void write_stderr(const struct timespec *at, enum report_level level, const char *line)
{
	char all[STAMPED_LEN];
	size_t n = stamp_line(at, level, line, all);

	(void)!write(STDERR_FILENO, all, n);
}

/* The file cannot tell that it cannot be written: where systemd or an operator hears it, once. */
static void say_failing(const struct timespec *at, const struct log_file *f)
{
	char path[256], text[LINE_LEN];

	log_escape(f->path, path, sizeof(path));
	snprintf(text, sizeof(text),
		 "the log %s cannot be written (%s): what is to be said is lost until it can", path,
		 strerror(-f->error));
	write_stderr(at, REPORT_ERROR, text);
}

/* The reader learns where the gap is. */
static void say_gap(const struct timespec *at, struct log_file *f)
{
	char all[STAMPED_LEN], text[128];

	snprintf(text, sizeof(text), "%" PRIu64 " line%s could not be written here: %s",
		 f->lost_since, f->lost_since == 1 ? "" : "s", strerror(-f->error));
	log_file_gap(f, all, stamp_line(at, REPORT_WARNING, text, all));
}

static void write_file(struct log_file *f, const struct timespec *at, enum report_level level,
		       const char *line)
{
	char all[STAMPED_LEN];

	if (f->lost_since > 0)
		say_gap(at, f);
	if (log_file_write(f, all, stamp_line(at, level, line, all)))
		say_failing(at, f);
}

static bool is_logged(const struct log *l, const struct report *r)
{
	return r->level <= levels_of(&l->levels, r->area);
}

static void write_report(struct log *l, const struct report *r)
{
	const struct timespec at = wall_now();
	char line[LINE_LEN];

	if (l->seen != NULL)
		l->seen(l->seen_arg, (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000, r);
	if (!is_logged(l, r))
		return;
	log_line(r, line, sizeof(line));
	switch (l->target) {
	case LOG_TO_JOURNAL:
		l->lost += log_to_journal(&l->socket, r, line) != 0;
		break;
	case LOG_TO_SYSLOG:
		l->lost += log_to_syslog(&l->socket, r, line) != 0;
		break;
	case LOG_TO_STDERR:
		write_stderr(&at, r->level, line);
		break;
	case LOG_TO_FILE:
		write_file(&l->file, &at, r->level, line);
		break;
	}
}

static void write_sum(void *arg, const struct fold_slot *slot)
{
	char text[FOLD_TEXT_LEN + 64];
	struct report sum = slot->report;

	snprintf(text, sizeof(text), "%s (said %u more time%s within %d seconds)", slot->text,
		 slot->repeats, slot->repeats == 1 ? "" : "s", FOLD_WINDOW_S);
	sum.text = text;
	write_report(arg, &sum);
}

const char *log_path_error(int err)
{
	return err == -EINVAL ? "is not a regular file" : strerror(-err);
}

int log_retarget(struct log *l, enum log_target target, const char *path)
{
	int err;

	if (target == LOG_TO_FILE && l->target == target && strcmp(l->file.path, path) == 0)
		return 0;
	err = target == LOG_TO_FILE ? log_file_open(&l->file, path) : 0;
	if (err != 0)
		return err;
	if (target != LOG_TO_FILE)
		log_file_close(&l->file);
	if (target == LOG_TO_JOURNAL && access(LOG_JOURNAL_PATH, W_OK) != 0)
		target = LOG_TO_STDERR;
	l->target = target;
	return 0;
}

int log_reopen(struct log *l)
{
	return l->target == LOG_TO_FILE ? log_file_reopen(&l->file) : 0;
}

int log_open(enum log_target target, const char *path, enum report_level level, struct log **out)
{
	struct log *l = calloc(1, sizeof(*l));
	int err;

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	levels_init(&l->levels, level);
	l->target = LOG_TO_STDERR;
	l->file.fd = -1;
	log_socket_open(&l->socket, LOG_JOURNAL_PATH, LOG_SYSLOG_PATH);
	fold_init(&l->fold, write_sum, l);
	err = log_retarget(l, target, path);
	if (err != 0) {
		log_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void log_close(struct log *l)
{
	if (l == NULL)
		return;
	fold_flush(&l->fold);
	log_file_close(&l->file);
	log_socket_close(&l->socket);
	free(l);
}

struct levels *log_levels(struct log *l)
{
	return &l->levels;
}

struct log_state log_state(const struct log *l)
{
	static const char *const names[] = {
		[LOG_TO_JOURNAL] = "journal",
		[LOG_TO_SYSLOG] = "syslog",
		[LOG_TO_STDERR] = "stderr",
	};
	const bool file = l->target == LOG_TO_FILE;

	return (struct log_state){
		.target = file ? l->file.path : names[l->target],
		.lost = l->lost + l->file.lost,
		.error = file ? l->file.error : 0,
	};
}

static bool is_wanted(const struct log *l, const struct report *r)
{
	return is_logged(l, r) || (l->seen != NULL && r->level <= REPORT_INFO);
}

void log_report(struct log *l, const struct report *report)
{
	if (!is_wanted(l, report))
		return;
	if (fold_admit(&l->fold, l->now != NULL ? l->now(l->now_arg) : clock_now(), report))
		write_report(l, report);
}

void log_text_in(struct log *l, enum report_area area, enum report_level level, const char *format,
		 ...)
{
	char text[LINE_LEN];
	const struct report r = { .level = level, .area = area, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (is_wanted(l, &r))
		write_report(l, &r);
}

void log_happening_in(struct log *l, enum happening what, enum report_area area,
		      enum report_level level, const char *format, ...)
{
	char text[LINE_LEN];
	const struct report r = { .level = level, .area = area, .what = what, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (is_wanted(l, &r))
		write_report(l, &r);
}

void log_recurrent_in(struct log *l, enum report_area area, enum report_level level,
		      const char *format, ...)
{
	char text[LINE_LEN];
	const struct report r = { .level = level, .area = area, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_report(l, &r);
}

void log_clock(struct log *l, struct mono (*now)(void *arg), void *arg)
{
	l->now = now;
	l->now_arg = arg;
}

void log_watch(struct log *l, void (*seen)(void *arg, int64_t at_ms, const struct report *report),
	       void *arg)
{
	l->seen = seen;
	l->seen_arg = arg;
}

struct mono log_tick(struct log *l, struct mono now)
{
	enum report_area area;

	while (levels_end(&l->levels, now, &area))
		log_text_in(l, AREA_DAEMON, REPORT_NOTICE, "the log level of %s is %s again",
			    report_area_name(area), report_level_name(levels_of(&l->levels, area)));
	return clock_earlier(fold_tick(&l->fold, now), levels_next(&l->levels));
}
