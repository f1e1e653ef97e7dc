/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor looks at, as plain data: gathered once, or made up by a test. */
#ifndef IKEMESH_CTL_FACTS_H
#define IKEMESH_CTL_FACTS_H

#include "cmd/ikectl/path_probe.h"
#include "cmd/ikectl/swap.h"
#include "config/config.h"
#include "xfrm/kernel.h"
#include "xfrm/link.h"

#include <jansson.h>
#include <time.h>

/* How a protected subnet is reached. */
struct subnet_way {
	struct ip to; /* an address in it */
	struct way way;
};

struct sysctl {
	char path[96]; /* under /proc/sys */
	int value;
};

struct facts {
	json_t *status; /* statusall's document; NULL: no daemon answered */
	char no_daemon[4608];

	const char *config_path;
	int config_error; /* 0, or why it could not be loaded */
	struct problems problems;

	struct link *links;
	size_t n_links;
	struct subnet_way *ways;
	size_t n_ways;
	struct policy_held *policies;
	size_t n_policies;
	int policies_error; /* 0, or why they cannot be read */
	struct sysctl *sysctls;
	size_t n_sysctls;
	struct swap *swaps;
	size_t n_swaps;
	/* 0: the kernel has it; negative errno: it does not, or it could not be tried (-ECHILD) */
	int esp; /* with AES-GCM */
	int policy_default;

	/* /proc/net/xfrm_stat twice, so many ms apart; NULL: it cannot be read */
	char *stat_before, *stat_after;
	unsigned stat_ms;

	time_t now;
	bool clock_synchronised; /* as the kernel was told by an NTP client */

	struct path_probe path; /* of the peer that was asked for; peer.family 0: of none */
};

/* peer: family 0 for none. Takes about half a second, and some more with a peer. */
void facts_gather(const char *run_dir, const struct ip *peer, struct facts *out);
void facts_free(struct facts *f);

/*
 * The way to a peer by pings inside its SA, if status has one or the pings bring one up. Takes some
 * seconds at most.
 */
void facts_probe_path(const char *run_dir, const json_t *status, const struct ip *peer,
		      struct path_probe *out);
bool facts_clock_synchronised(void);

/* The interface that a protected subnet is reached by, from index; NULL: none is. */
const struct link *facts_uplink(const struct facts *f, unsigned index);

#endif
