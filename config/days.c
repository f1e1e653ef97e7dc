/* SPDX-License-Identifier: Apache-2.0 */
/* expiry_warning_days: how long before a certificate ends it is said. */
#include "config/reading.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t usual[] = { 30, 14, 7, 3, 1 };

static bool read_day(const struct key_row *row, const struct node *node, uint32_t *out)
{
	char *end = NULL;
	unsigned long value;

	if (node->kind != NODE_SCALAR || node->text[0] < '0' || node->text[0] > '9')
		return false;
	value = strtoul(node->text, &end, 10);
	*out = (uint32_t)value;
	return *end == '\0' && value >= row->min && value <= row->max;
}

static int longest_first(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

void read_days(struct reading *r, const struct node *node)
{
	const struct key_row *row = schema_find("expiry_warning_days");
	struct config *c = r->out;

	if (node == NULL) {
		memcpy(c->expiry_days, usual, sizeof(usual));
		c->n_expiry_days = sizeof(usual) / sizeof(usual[0]);
		return;
	}
	if (node->kind != NODE_LIST || node->n > EXPIRY_DAYS_MAX) {
		expected(r, row, node);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		if (read_day(row, node->items[i], &c->expiry_days[c->n_expiry_days]))
			c->n_expiry_days++;
		else
			report_add(&r->report, PROBLEM_ERROR, node_place(node->items[i]),
				   "expiry_warning_days: [30, 14, 7, 3, 1]",
				   "expiry_warning_days: a number of days from %u to %u was "
				   "expected",
				   (unsigned)row->min, (unsigned)row->max);
	}
	qsort(c->expiry_days, c->n_expiry_days, sizeof(c->expiry_days[0]), longest_first);
}
