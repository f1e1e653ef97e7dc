/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/policies.h"

static json_t *foreign_json(const struct shadow *s)
{
	static const char *const dirs[] = { "in", "out", "fwd" };
	static const char *const actions[] = { "transform", "allow", "block" };
	const struct policy *p = &s->foreign;
	char src[SUBNET_TEXT_LEN], dst[SUBNET_TEXT_LEN];

	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:I, s:I}", "direction", dirs[p->dir],
			 "source", subnet_text(&p->src, src), "destination",
			 subnet_text(&p->dst, dst), "protocol", (int)p->protocol, "source_port",
			 (int)p->src_port, "destination_port", (int)p->dst_port, "action",
			 actions[p->kind], "priority", (json_int_t)p->priority, "shadows",
			 (json_int_t)s->n);
}

json_t *policies_foreign_json(const struct policies *p)
{
	json_t *all = json_array();

	for (size_t i = 0; i < p->shadows.n; i++)
		json_array_append_new(all, foreign_json(&p->shadows.p[i]));
	return all;
}
