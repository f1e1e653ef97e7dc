/* SPDX-License-Identifier: Apache-2.0 */
/* log_levels: how much is said, of all or of one area. */
#include "config/reading.h"

#include <stdio.h>
#include <string.h>

/* "debug" is for all areas that nothing more special is said of. */
static void set_all(uint8_t levels[REPORT_N_AREAS], enum report_level level)
{
	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		levels[i] = (uint8_t)(level + 1);
}

static bool split(const char *text, char area[static 16], const char **level)
{
	const char *equals = strchr(text, '=');
	const size_t n = equals != NULL ? (size_t)(equals - text) : 0;

	*level = equals != NULL ? equals + 1 : text;
	if (n >= 16)
		return false;
	memcpy(area, text, n);
	area[n] = '\0';
	return true;
}

static bool read_level(const char *text, bool for_all, uint8_t levels[REPORT_N_AREAS])
{
	enum report_level level;
	enum report_area area;
	char name[16];
	const char *word;

	if (!split(text, name, &word) || !report_level_parse(word, &level))
		return false;
	if (word == text) {
		if (for_all)
			set_all(levels, level);
		return true;
	}
	if (!report_area_parse(name, &area))
		return false;
	if (!for_all)
		levels[area] = (uint8_t)(level + 1);
	return true;
}

static void say_wrong(struct reading *r, const struct key_row *row, const struct node *item)
{
	char areas[128] = "", got[SHOWN_LEN];
	size_t n = 0;

	for (size_t i = 0; i < REPORT_N_AREAS; i++)
		n += (size_t)snprintf(areas + n, sizeof(areas) - n, "%s%s", i > 0 ? ", " : "",
				      report_area_name((enum report_area)i));
	report_add(&r->report, PROBLEM_ERROR, node_place(item), "log_levels: [notice, auth=debug]",
		   "%s: \"%s\" is no level (error, warning, notice, info, debug) and no AREA=LEVEL "
		   "(areas: %s)",
		   row->name, item->kind == NODE_SCALAR ? shown(item->text, got) : "", areas);
}

void read_log_levels(struct reading *r, const struct node *node)
{
	const struct key_row *row = schema_find("log_levels");

	if (node == NULL || node_is_null(node))
		return;
	if (node->kind != NODE_LIST) {
		expected(r, row, node);
		return;
	}
	/* The level of all first, wherever it stands. */
	for (int for_all = 1; for_all >= 0; for_all--) {
		for (size_t i = 0; i < node->n; i++) {
			const struct node *item = node->items[i];

			if ((item->kind != NODE_SCALAR ||
			     !read_level(item->text, for_all, r->out->log_levels)) &&
			    for_all)
				say_wrong(r, row, item);
		}
	}
}
