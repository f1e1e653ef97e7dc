/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload would change: one configuration held against another. Pure. */
#ifndef IKEMESH_CONFIG_DIFF_H
#define IKEMESH_CONFIG_DIFF_H

#include "config/view.h"

/* Of a key with one value before or after may be NULL: it has none. Of a list's entry, too. */
struct change {
	const struct key_row *row;
	char *before, *after; /* owned; of an entry that becomes optional or enforced both */
};

struct diff {
	struct change *p; /* in the order of the keys */
	size_t n;
};

/*
 * 0 or -ENOMEM, and *out is empty. The order of a list's entries means nothing, but for proposals
 * (one value) and certificates (the first is the host's).
 */
int config_diff(const struct view *before, const struct view *after, struct diff *out);
void diff_free(struct diff *d);

/* What becomes of SAs between two addresses. */
enum fate {
	FATE_STAYS,
	FATE_LEAVES,	/* in none of ipsec_subnets any more */
	FATE_BYPASSED,	/* no_ipsec_subnets win: *which */
	FATE_UNCOVERED, /* our address is not in local_addresses */
};
enum fate pair_fate(const struct spec *after, const struct ip *local, const struct ip *remote,
		    const struct subnet_spec **which);

#endif
