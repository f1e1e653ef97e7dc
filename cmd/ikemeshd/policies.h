/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's policies and switches, kept as the configuration and the local addresses want them.
 * They outlive the daemon: without it nothing between protected hosts leaves in the clear.
 */
#ifndef IKEMESH_CMD_POLICIES_H
#define IKEMESH_CMD_POLICIES_H

#include "cmd/ikemeshd/log.h"
#include "xfrm/address.h"
#include "xfrm/kernel.h"

struct policies {
	struct kernel *kernel;	     /* borrowed */
	struct addresses *addresses; /* borrowed */
	struct log *log;	     /* borrowed */
	struct policy_set wanted;
	uint32_t generation;  /* of wanted: another number, another set */
	struct mono retry_at; /* a sync that failed is tried again; MONO_NEVER: all is well */
};

void policies_init(struct policies *p, struct kernel *k, struct addresses *a, struct log *log);
void policies_free(struct policies *p); /* leaves the kernel as it is */

/*
 * Sets the switches that make the kernel hold first packets, and ask again soon. What they were
 * before is kept in RUN_DIR/sysctl (written once, so that a restart does not take our own values
 * for the host's): `ikectl disable` puts it back.
 */
int policies_set_sysctls(struct policies *p, const char *run_dir);

/* Makes the wanted set from spec and addresses, and brings the kernel to it. */
int policies_sync(struct policies *p, const struct spec *spec);

/* Lets go at once what the kernel holds back for remote, whose SA has just come. */
void policies_nudge(struct policies *p, const struct ip *local, const struct ip *remote);

#endif
