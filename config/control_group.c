/* SPDX-License-Identifier: Apache-2.0 */
/* control_group: a name. Whether there is such a group is a matter of the host. */
#include "config/reading.h"
#include <stdlib.h>
#include <string.h>

#define GROUP_NAME_MAX 64 /* octets; Linux's tools stop at 32 */

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	const size_t n = strlen(text);

	return n > 0 && n <= GROUP_NAME_MAX && text[0] != '-' && strspn(text, letters) == n;
}

void read_control_group(struct reading *r, const struct node *settings)
{
	const struct key_row *row = schema_find("control_group");
	const struct node *node = node_get(settings, row->name);

	if (!node || node_is_null(node) || (node->kind == NODE_SCALAR && !*node->text))
		return;
	if (node->kind != NODE_SCALAR || !is_name(node->text)) {
		expected(r, row, node);
		return;
	}
	r->out->control_group = strdup(node->text);
	if (!r->out->control_group)
		r->report.no_memory = true;
}
