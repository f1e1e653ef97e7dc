/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_listen: where ikemesh-exporter, which has no part in this folder else, is to listen. */
#include "config/listen.h"
#include "config/reading.h"

void read_listen(struct reading *r, const struct key_row *row, const struct node *node)
{
	struct endpoint *e = &r->out->metrics_listen;
	char text[LISTEN_TEXT_LEN];

	if (node_is_null(node) || (node->kind == NODE_SCALAR && !*node->text))
		return;
	if (node->kind != NODE_SCALAR || !listen_parse(node->text, e)) {
		expected(r, row, node);
		return;
	}
	if (!ip_is_loopback(&e->ip))
		report_add(&r->report, PROBLEM_WARNING, node_place(node), NULL,
			   "%s: %s is reached from other hosts: whoever reaches it reads "
			   "addresses of peers and subjects of certificates",
			   row->name, listen_text(e, text));
}
