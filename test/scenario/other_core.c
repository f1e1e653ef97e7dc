/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another version of the protocol core, linked beside this one under other names (see
 * other_core.sh): an older one that hosts are to get along with, or one with a planted bug.
 */
#include "scenario/scenario.h"

#define OTHER __attribute__((weak))

struct engine *other_engine_new(const struct engine_options *options) OTHER;
void other_engine_free(struct engine *e) OTHER;
int other_engine_step(struct engine *e, struct mono now, const struct event *event,
		      struct actions *out) OTHER;
void other_engine_status(const struct engine *e, const struct status_visitor *v) OTHER;
void other_engine_counters(const struct engine *e, struct status_counters *out) OTHER;
bool other_engine_knows_sa(const struct engine *e, const struct sa_ref *ref) OTHER;

const struct sim_core *scenario_other_core(struct sim_core *room)
{
	if (other_engine_new == NULL)
		return NULL;
	*room = (struct sim_core){
		.make = other_engine_new,
		.free = other_engine_free,
		.step = other_engine_step,
		.status = other_engine_status,
		.counters = other_engine_counters,
		.knows_sa = other_engine_knows_sa,
	};
	return room;
}
