/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/top_ui.h"

#include <stdio.h>
#include <string.h>

const char *const top_help[] = {
	"t  by traffic, the busiest first",
	"a  by age, what changed last first",
	"p  by trouble, the worst first",
	"r  the other way round",
	"/  only rows with this text: of peer, state, identity, reason",
	"   (Enter keeps it, Esc takes it back)",
	"arrows, PgUp, PgDn, Home, End  move",
	"h, ?  this help",
	"q  quit",
	"",
	"Rates are of the time between two looks. A dash: not known yet,",
	"or an SA was replaced meanwhile. `ikectl why PEER` explains trouble.",
	NULL,
};
const char top_keys[] = "q quit  h help  / filter  t traffic  a age  p trouble  r reverse";

void top_ui_settle(struct top_ui *ui, size_t shown, size_t page)
{
	const size_t last = shown > page ? shown - page : 0;

	if (ui->first > last)
		ui->first = last;
}

static void type(struct top_ui *ui, int key)
{
	const size_t n = strlen(ui->filter);

	ui->first = 0;
	if (key == TOP_KEY_ENTER) {
		ui->typing = false;
	} else if (key == TOP_KEY_ESCAPE) {
		ui->typing = false;
		ui->filter[0] = '\0';
	} else if (key == TOP_KEY_RUBOUT && n > 0) {
		ui->filter[n - 1] = '\0';
	} else if (key >= 0x20 && key < 0x7f && n + 1 < sizeof(ui->filter)) {
		ui->filter[n] = (char)key;
		ui->filter[n + 1] = '\0';
	}
}

static void sort_by(struct top_ui *ui, enum top_sort sort)
{
	ui->sort = sort;
	ui->reversed = false;
	ui->first = 0;
}

static void move(struct top_ui *ui, int key, size_t shown, size_t page)
{
	const size_t back = key == TOP_KEY_UP ? 1 : key == TOP_KEY_PAGE_UP ? page : 0;

	ui->first -= back < ui->first ? back : ui->first;
	if (key == TOP_KEY_DOWN)
		ui->first++;
	else if (key == TOP_KEY_PAGE_DOWN)
		ui->first += page;
	else if (key == TOP_KEY_HOME)
		ui->first = 0;
	else if (key == TOP_KEY_END)
		ui->first = shown;
	top_ui_settle(ui, shown, page);
}

static void command(struct top_ui *ui, int key)
{
	switch (key) {
	case 'q':
		ui->quit = true;
		break;
	case 'h':
	case '?':
		ui->help = true;
		break;
	case '/':
		ui->typing = true;
		break;
	case 't':
		sort_by(ui, TOP_BY_TRAFFIC);
		break;
	case 'a':
		sort_by(ui, TOP_BY_AGE);
		break;
	case 'p':
		sort_by(ui, TOP_BY_TROUBLE);
		break;
	case 'r':
		ui->reversed = !ui->reversed;
		break;
	case TOP_KEY_ESCAPE:
		ui->filter[0] = '\0';
		break;
	default:
		break;
	}
}

void top_ui_key(struct top_ui *ui, int key, size_t shown, size_t page)
{
	if (ui->typing)
		type(ui, key);
	else if (ui->help && key != 'q')
		ui->help = false; /* any key leads back */
	else if (key >= TOP_KEY_UP && key <= TOP_KEY_END)
		move(ui, key, shown, page);
	else
		command(ui, key);
}

void top_ui_line(const struct top_ui *ui, size_t shown, size_t page, char out[static TOP_LINE_LEN])
{
	const size_t last = ui->first + page < shown ? ui->first + page : shown;
	size_t n = (size_t)snprintf(out, TOP_LINE_LEN, "by %s%s", top_sort_name(ui->sort),
				    ui->reversed ? ", reversed" : "");

	if (ui->typing || ui->filter[0] != '\0')
		n += (size_t)snprintf(out + n, TOP_LINE_LEN - n, "; filter: %s%s", ui->filter,
				      ui->typing ? "_" : "");
	if (shown > page)
		snprintf(out + n, TOP_LINE_LEN - n, "; %zu-%zu of %zu", ui->first + 1, last, shown);
}
