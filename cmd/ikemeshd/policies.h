/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's policies and switches, kept as the configuration and the local addresses want them.
 * They outlive the daemon: without it nothing between protected hosts leaves in the clear.
 */
#ifndef IKEMESH_CMD_POLICIES_H
#define IKEMESH_CMD_POLICIES_H

#include "cmd/ikemeshd/log.h"
#include "xfrm/address.h"
#include "xfrm/beside.h"
#include "xfrm/kernel.h"
#include "xfrm/shadow.h"
#include <jansson.h>

struct policies {
	struct kernel *kernel;	     /* borrowed */
	struct addresses *addresses; /* borrowed */
	struct log *log;	     /* borrowed */
	const char *run_dir;	     /* borrowed: what the host had before us is kept there */
	enum stance stance;	     /* beside another IKE daemon: set it, then sync */
	struct policy_set wanted;
	uint32_t generation;	/* of wanted: another number, another set */
	struct shadows shadows; /* policies of others that come before ours */
	bool strict;		/* the default policy was set by this process */
	int error;		/* of the last sync; 0: the kernel has all that is wanted */
	struct mono retry_at;	/* a sync that failed is tried again; MONO_NEVER: all is well */
};

/* What to add to "done" as long as there is an error. */
#define POLICIES_INCOMPLETE \
	", but the kernel does not have all of the policies yet: see statusall and the log"

void policies_init(struct policies *p, struct kernel *k, struct addresses *a, struct log *log,
		   const char *run_dir);
void policies_free(struct policies *p); /* leaves the kernel as it is */

/*
 * Sets the switches that make the kernel hold first packets, and ask again soon. What they were
 * before is kept in RUN_DIR/sysctl (written once, so that a restart does not take our own values
 * for the host's): `ikectl disable` puts it back.
 */
int policies_set_sysctls(struct policies *p);

/*
 * Makes the wanted set from spec and addresses, and brings the kernel to it, its default policy
 * (strict_default) too. 0, or the error that is in p->error: what is missing is tried again, and
 * -EEXIST says that all of it is what others have policies of their own for.
 */
int policies_sync(struct policies *p, const struct spec *spec);

/* Looks anew for policies of others that come before ours, and says so if they are others now. */
void policies_look_for_shadows(struct policies *p);

/* foreign.c: those policies for statusall; owned by the caller. */
json_t *policies_foreign_json(const struct policies *p);

/* Puts sysctls and default policy back as the host had them; what cannot be is told to the log. */
void policies_restore_host(struct policies *p);

/* Lets go at once what the kernel holds back for remote, whose SA has just come. */
void policies_nudge(struct policies *p, const struct ip *local, const struct ip *remote);

#endif
