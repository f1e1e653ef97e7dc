/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's state as octets, and back: another process goes on where this one stopped, with the
 * same SPIs, keys, message ids, timers and exchanges under way, so that a restart costs no SA.
 *
 * Saved is what is established: pairs, IKE SAs that are up or going, their CHILD_SAs and
 * CREATE_CHILD_SA exchanges. A negotiation that is not over is begun anew; a request of the peer's
 * that is not answered yet is taken as never seen, as the peer repeats it; what waits for a job
 * is begun anew. Times are of the monotonic clock: the state ends with the boot.
 *
 * It is versioned: that of the version before is read as well, any other refused whole. It holds
 * keys, but never a private key.
 */
#ifndef IKEMESH_IKE_SAVE_H
#define IKEMESH_IKE_SAVE_H

#include "ike/core.h"

#define SAVE_VERSION 2
#define SAVE_VERSION_INLINE_CERTS 1 /* each IKE SA had its peer's certificates with it */

/*
 * A predecessor's state; empty: there is none. Of several records of a pair the last one counts. A
 * record that is damaged loses its pair, and the others are taken. The pairs that another
 * configuration does not protect any more leave. died: how many did since it was written;
 * with any, the last record may be older than the last message, so no counter is gone on with where
 * it stands.
 */
void save_load(struct engine *e, struct bytes state, unsigned died);

/* engine_options.keeps: something of the pair changes in this step. */
void save_touch(struct engine *e, struct pair *p);
void save_touch_all(struct engine *e);
/* The pair goes. */
void save_forget(struct engine *e, struct pair *p);
/* At the end of each step: the records of those that were touched. */
void save_touched(struct engine *e);

#endif
