/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/top.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/progress.h"
#include "cmd/ikectl/top_screen.h"
#include "config/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS_A_SECOND 1000

const struct option top_options[] = {
	{ "sort", required_argument, NULL, 0 },
	{ "interval", required_argument, NULL, 0 },
	{ "once", no_argument, NULL, 0 },
	{ 0 },
};

static const struct key_row interval_row = {
	.name = "--interval", .type = VALUE_DURATION, .min = 1, .max = 3600
};

struct top {
	const struct invocation *in;
	int64_t interval_ms;
	struct top_sample now, before;
	struct top_ui ui;
	char error[CLIENT_ERROR_LEN]; /* "" : the last question was answered */
	int err;
};

/* What is there stays when there is no other. */
static void look(struct top *t)
{
	json_t *request = json_pack("{s:s}", "command", "pairs");
	json_t *answer = client_ask(t->in->run_dir, request, &t->err, t->error);
	struct top_sample fresh;

	json_decref(request);
	if (answer == NULL)
		return;
	t->error[0] = '\0';
	if (top_sample_read(answer, &t->now, &fresh)) {
		top_sample_free(&t->before);
		t->before = t->now;
		t->now = fresh;
	} else {
		snprintf(t->error, sizeof(t->error), "the daemon's answer is not understood");
		t->err = -EPROTO;
	}
	json_decref(answer);
}

static enum status refused(const struct top *t)
{
	fprintf(stderr, "ikectl: %s\n", t->error);
	return command_status(t->err);
}

/* ---- once ------------------------------------------------------------------------------------ */

void top_print(const struct top_sample *s, enum top_sort sort, FILE *out)
{
	char line[TOP_LINE_LEN];
	struct top_layout layout;
	struct top_view view;

	top_view_make(s, sort, false, "", &view);
	top_layout_make(&view, TOP_LINE_LEN - 1, &layout);
	top_title(s, TOP_LINE_LEN - 1, line);
	fprintf(out, "%s\n", line);
	top_counts(s, TOP_LINE_LEN - 1, line);
	fprintf(out, "%s\n\n", line);
	top_heading(&layout, line);
	fprintf(out, "%s\n", line);
	for (size_t i = 0; i < view.n; i++) {
		top_line(&layout, view.rows[i], line);
		fprintf(out, "%s\n", line);
	}
	top_view_free(&view);
}

/* Two looks, for the rates. */
static enum status once(struct top *t)
{
	const struct timespec pause = { .tv_sec = t->interval_ms / MS_A_SECOND };

	look(t);
	if (t->error[0] == '\0') {
		nanosleep(&pause, NULL);
		look(t);
	}
	if (t->error[0] != '\0')
		return refused(t);
	top_print(&t->now, t->ui.sort, stdout);
	return STATUS_GOOD;
}

/* ---- live ------------------------------------------------------------------------------------ */

/* One key, or the time until the next look is over. */
static void one_key(struct top *t, struct top_screen *screen, int64_t until_ms)
{
	const int64_t left = until_ms - progress_now_ms();
	const size_t page = top_screen_page(screen);
	struct top_view view;
	int key;

	top_view_make(&t->now, t->ui.sort, t->ui.reversed, t->ui.filter, &view);
	top_ui_settle(&t->ui, view.n, page);
	top_screen_draw(screen, &t->now, &view, &t->ui, t->error[0] != '\0' ? t->error : NULL);
	key = top_screen_key(screen, left > 0 ? (int)left : 0);
	if (key >= 0)
		top_ui_key(&t->ui, key, view.n, page);
	top_view_free(&view);
}

static enum status live(struct top *t)
{
	const bool colours = colour_is_wanted(t->in->colour, getenv("NO_COLOR"), getenv("TERM"),
					      isatty(STDOUT_FILENO) == 1);
	struct top_screen *screen;

	look(t);
	if (t->error[0] != '\0')
		return refused(t);
	screen = top_screen_open(colours);
	if (screen == NULL)
		return STATUS_USAGE;
	while (!t->ui.quit) {
		const int64_t until_ms = progress_now_ms() + t->interval_ms;

		while (!t->ui.quit && progress_now_ms() < until_ms)
			one_key(t, screen, until_ms);
		if (!t->ui.quit)
			look(t);
	}
	top_screen_close(screen);
	return STATUS_GOOD;
}

static enum status no_terminal(void)
{
	fprintf(stderr, "ikectl: top draws on a terminal that can move its cursor, and this is "
			"none: see `ikectl top --once`, or `ikectl status`\n");
	return STATUS_FAILED;
}

static enum status print_json(const struct invocation *in)
{
	enum status status;
	json_t *answer = command_ask(in, json_pack("{s:s}", "command", "pairs"), &status);

	if (answer != NULL)
		command_print_json(answer);
	json_decref(answer);
	return status;
}

enum status top_run(const struct invocation *in)
{
	const char *sort = command_option(in, "sort"), *interval = command_option(in, "interval");
	struct top t = { .in = in, .ui = { .sort = TOP_BY_TROUBLE } };
	uint64_t s = 2;
	enum status status;

	if (sort != NULL && !top_sort_parse(sort, &t.ui.sort))
		return command_misuse("--sort takes traffic, age or trouble", sort);
	if (interval != NULL && schema_number(&interval_row, interval, &s) != 0)
		return command_misuse("--interval takes a time from 1s to 1h, such as 2s",
				      interval);
	t.interval_ms = (int64_t)s * MS_A_SECOND;
	if (in->json)
		return print_json(in);
	if (command_option(in, "once") != NULL)
		status = once(&t);
	else if (!terminal_is_able(STDOUT_FILENO) || isatty(STDIN_FILENO) != 1 ||
		 (status = live(&t)) == STATUS_USAGE)
		status = no_terminal();
	top_sample_free(&t.now);
	top_sample_free(&t.before);
	return status;
}
