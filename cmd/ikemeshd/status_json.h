/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one model of all that can be known of the daemon; docs/status-json.md describes it. The
 * names are promises: others are added, these stay.
 */
#ifndef IKEMESH_CMD_STATUS_JSON_H
#define IKEMESH_CMD_STATUS_JSON_H

#include "cmd/ikemeshd/json_text.h"
#include "cmd/ikemeshd/key_client.h"
#include "cmd/ikemeshd/policies.h"
#include "cmd/ikemeshd/status_mode.h"
#include "cmd/ikemeshd/takeover.h"
#include "cmd/ikemeshd/udp.h"
#include "config/config.h"
#include "ike/engine.h"
#include "xfrm/kernel.h"
#include "xfrm/route.h"
#include <jansson.h>

/* All borrowed for the call. */
struct status_sources {
	const struct engine *engine;
	const struct spec *spec;
	struct kernel *kernel; /* NULL: no counters of SAs */
	const struct ip *locals;
	size_t n_locals;
	const struct udp_counters *udp; /* NULL: none */
	const struct mode_switch *mode; /* NULL: none */
	struct clear *clear;		/* NULL: nobody watches for peers in the clear */
	struct mono now, started;
	time_t wall_now, wall_started;
	const char *config_path;     /* NULL: not known */
	const struct routes *routes; /* NULL: no MTU of paths */
	const struct ip *only;	     /* pairs with this peer alone, in more detail; NULL: all */
	const uint32_t *expiry_days; /* see ending.h */
	size_t n_expiry_days;
	const struct config *config;	/* NULL: nothing is said of trust */
	const struct policies *foreign; /* those that others have before ours; NULL: not said */
	const struct key_client_state *keyholder; /* NULL: nothing is said of it */
	const struct takeover *takeover;	  /* NULL: nothing is said of it */
	const char *exposed_to;			  /* --expose-keys; NULL: they are not */
	const char *own_fault;			  /* daemon_own_fault(); NULL or empty: none */
};

/* The document as text. */
void status_write(const struct status_sources *s, struct json_text *t);

/* The same as a tree, which takes ten times as long. The caller's; NULL on no memory. */
json_t *status_json(const struct status_sources *s);

/* {"name", "version", "kernel", "machine"} */
json_t *status_version(void);

/* When the file that this was read from was last written, as `stat -c %.9Y`; c NULL: not known. */
json_t *status_modified(const struct config *c);

#endif
