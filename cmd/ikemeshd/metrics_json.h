/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to "metrics": numbers only, and names where there is a bounded number of them, so that
 * scrapers may ask often. docs/metrics.md says what becomes of it.
 */
#ifndef IKEMESH_CMD_METRICS_JSON_H
#define IKEMESH_CMD_METRICS_JSON_H

#include "cmd/ikemeshd/key_client.h"
#include "cmd/ikemeshd/metrics_host.h"
#include "cmd/ikemeshd/metrics_pairs.h"
#include "cmd/ikemeshd/mode_switch.h"
#include "cmd/ikemeshd/policies.h"
#include "cmd/ikemeshd/udp.h"
#include "config/config.h"
#include <jansson.h>

/* Of peers in trouble, peers in the clear, and peers' certificates each so many are named. */
#define METRICS_NAMED 50

/* What the daemon counts of itself. */
struct metrics_past {
	struct metrics_traffic gone; /* of SAs that were deleted */
	uint64_t reloads, reloads_failed;
	bool reload_failed;   /* the last one */
	time_t config_loaded; /* the configuration in force */
};

/* All borrowed for the call. */
struct metrics_sources {
	const struct engine *engine;
	const struct config *config;
	const struct metrics_past *past;
	const struct metrics_host *host;
	const struct key_client_state *keyholder; /* NULL: nothing is known of it */
	const struct policies *policies;	  /* NULL: none */
	struct kernel *kernel;			  /* NULL: no traffic */
	const struct udp_counters *udp;		  /* NULL: none */
	const struct mode_switch *mode;		  /* NULL: none */
	struct clear *clear;			  /* NULL: nobody watches for peers in the clear */
	bool own_fault; /* nothing new can be negotiated with our own certificate */
	struct mono now;
	time_t wall_started;
};

/* The caller's; NULL on no memory. */
json_t *metrics_json(const struct metrics_sources *s);

#endif
