/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that `ikectl top` draws on: curses, and nothing else here knows of it. */
#ifndef IKEMESH_CTL_TOP_SCREEN_H
#define IKEMESH_CTL_TOP_SCREEN_H

#include "cmd/ikectl/top_ui.h"

struct top_screen;

/* NULL: this terminal cannot do it. One at a time. */
struct top_screen *top_screen_open(bool colours);
void top_screen_close(struct top_screen *s); /* the terminal as it was; NULL is fine */

/* Rows of the table that there is room for. */
size_t top_screen_page(const struct top_screen *s);

/* notice: what is amiss, in place of what is shown of what; NULL: nothing. */
void top_screen_draw(struct top_screen *s, const struct top_sample *sample,
		     const struct top_view *view, const struct top_ui *ui, const char *notice);

/* The next key, as top_ui_key() takes it; -1: none within so many milliseconds. */
int top_screen_key(struct top_screen *s, int ms);

#endif
