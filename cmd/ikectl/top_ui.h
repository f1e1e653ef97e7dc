/* SPDX-License-Identifier: Apache-2.0 */
/* What keys do in `ikectl top`, without a terminal. Pure. */
#ifndef IKEMESH_CTL_TOP_UI_H
#define IKEMESH_CTL_TOP_UI_H

#include "cmd/ikectl/top_model.h"

/* Keys that are no printable character. */
enum top_key {
	TOP_KEY_UP = 256,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_RUBOUT,
	TOP_KEY_OTHER,
};

#define TOP_FILTER_LEN 40

struct top_ui {
	enum top_sort sort;
	bool reversed;
	char filter[TOP_FILTER_LEN];
	bool typing; /* the filter */
	bool help;
	size_t first; /* the row at the top */
	bool quit;
};

/* shown: rows of the view; page: rows that the screen has room for. */
void top_ui_key(struct top_ui *ui, int key, size_t shown, size_t page);

/* After a change of either: the last page is full, as far as there is so much. */
void top_ui_settle(struct top_ui *ui, size_t shown, size_t page);

/* "by traffic; filter: 10.1; 1-20 of 3000": what is shown of what. */
void top_ui_line(const struct top_ui *ui, size_t shown, size_t page, char out[static TOP_LINE_LEN]);

extern const char *const top_help[]; /* lines; NULL at the end */
extern const char top_keys[];	     /* the same in one line, the foremost first */

#endif
