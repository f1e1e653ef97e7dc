/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/top_screen.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_ABOVE 4 /* title, counts, what is shown, heading */
#define LINES_BELOW 1
#define ESCAPE_MS 50 /* a key that begins with Esc comes at once */

enum paint {
	PAINT_PLAIN,
	PAINT_GOOD,
	PAINT_WARNING,
	PAINT_BAD,
};

struct top_screen {
	SCREEN *screen;
	bool colours;
};

static void take_colours(struct top_screen *s)
{
	if (!s->colours || !has_colors() || start_color() == ERR || use_default_colors() == ERR) {
		s->colours = false;
		return;
	}
	init_pair(PAINT_GOOD, COLOR_GREEN, -1);
	init_pair(PAINT_WARNING, COLOR_YELLOW, -1);
	init_pair(PAINT_BAD, COLOR_RED, -1);
}

struct top_screen *top_screen_open(bool colours)
{
	struct top_screen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->screen = newterm(NULL, stdout, stdin);
	if (s->screen == NULL) {
		free(s);
		return NULL;
	}
	s->colours = colours;
	take_colours(s);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return s;
}

void top_screen_close(struct top_screen *s)
{
	if (s == NULL)
		return;
	endwin();
	delscreen(s->screen);
	free(s);
}

size_t top_screen_page(const struct top_screen *s)
{
	(void)s;
	return LINES > LINES_ABOVE + LINES_BELOW ? (size_t)(LINES - LINES_ABOVE - LINES_BELOW) : 0;
}

static void put(int y, attr_t attributes, bool whole, const char *text)
{
	if (y < 0 || y >= LINES)
		return;
	if (attributes != A_NORMAL)
		attron(attributes);
	mvaddnstr(y, 0, text, COLS);
	for (int x = (int)strlen(text); whole && x < COLS; x++)
		addch(' ');
	if (attributes != A_NORMAL)
		attroff(attributes);
}

static enum paint paint_of(enum top_state state)
{
	switch (state) {
	case TOP_UP:
		return PAINT_GOOD;
	case TOP_WAITING:
	case TOP_CONNECTING:
	case TOP_CLEAR:
		return PAINT_WARNING;
	case TOP_DOWN:
	case TOP_BACKING_OFF:
		return PAINT_BAD;
	default:
		return PAINT_PLAIN;
	}
}

static void draw_row(const struct top_screen *s, int y, const struct top_layout *layout,
		     const struct top_row *row)
{
	char line[TOP_LINE_LEN];
	int from, width;

	top_line(layout, row, line);
	put(y, A_NORMAL, false, line);
	top_state_place(layout, &from, &width);
	if (s->colours && width > 0)
		mvchgat(y, from, width, A_NORMAL, (short)paint_of(row->state), NULL);
}

static void draw_table(const struct top_screen *s, const struct top_view *view,
		       const struct top_ui *ui)
{
	const size_t page = top_screen_page(s);
	struct top_layout layout;
	char line[TOP_LINE_LEN];

	top_layout_make(view, COLS, &layout);
	top_heading(&layout, line);
	put(LINES_ABOVE - 1, A_REVERSE, true, line);
	for (size_t i = 0; i < page && ui->first + i < view->n; i++)
		draw_row(s, LINES_ABOVE + (int)i, &layout, view->rows[ui->first + i]);
}

static void draw_help(void)
{
	put(LINES_ABOVE - 1, A_REVERSE, true, "KEYS");
	for (int i = 0; top_help[i] != NULL; i++)
		put(LINES_ABOVE + i, A_NORMAL, false, top_help[i]);
}

void top_screen_draw(struct top_screen *s, const struct top_sample *sample,
		     const struct top_view *view, const struct top_ui *ui, const char *notice)
{
	char line[TOP_LINE_LEN];

	erase();
	top_title(sample, COLS, line);
	put(0, A_BOLD, false, line);
	top_counts(sample, COLS, line);
	put(1, A_NORMAL, false, line);
	top_ui_line(ui, view->n, top_screen_page(s), line);
	put(2, notice != NULL ? A_BOLD : A_NORMAL, false, notice != NULL ? notice : line);
	if (ui->help)
		draw_help();
	else
		draw_table(s, view, ui);
	put(LINES - 1, A_NORMAL, false, ui->help ? "any key: back" : top_keys);
	refresh();
}

int top_screen_key(struct top_screen *s, int ms)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },
		{ KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP },
		{ KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },
		{ KEY_END, TOP_KEY_END },
		{ KEY_ENTER, TOP_KEY_ENTER },
		{ '\r', TOP_KEY_ENTER },
		{ '\n', TOP_KEY_ENTER },
		{ 27, TOP_KEY_ESCAPE },
		{ KEY_BACKSPACE, TOP_KEY_RUBOUT },
		{ 127, TOP_KEY_RUBOUT },
		{ '\b', TOP_KEY_RUBOUT },
	};
	int c;

	(void)s;
	timeout(ms > 0 ? ms : 0);
	c = getch();
	if (c == ERR)
		return -1;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].curses == c)
			return keys[i].key;
	}
	return c < 256 ? c : TOP_KEY_OTHER; /* KEY_RESIZE: to be drawn anew */
}
