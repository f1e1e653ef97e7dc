/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keyholder reads for the engine: the configuration, another one that is only looked at,
 * and files of CRLs. All of it on one thread, one after the other, since it may take as long as a
 * disk or a token takes.
 */
#ifndef IKEMESH_CMD_KEY_ERRAND_H
#define IKEMESH_CMD_KEY_ERRAND_H

#include "cmd/ikemeshd/key_message.h"
#include "cmd/ikemeshd/pool.h"

struct key_errand {
	struct chore chore;	 /* home and drop are whoever's who hands it in; run is set here */
	enum key_kind kind;	 /* KEY_LOAD, KEY_LOOK or KEY_CHECK */
	char path[KEY_PATH_LEN]; /* LOAD, CHECK: of the configuration */
	struct keyring *ring;	 /* LOOK: whose files, counted; LOAD: what came of it, or NULL */
	uint64_t serial;	 /* LOOK: what is known; then what there is. LOAD: of the ring */

	int result; /* 0 or negative errno: content is there, but where LOOK found nothing new */
	int content;
	bool no_library;  /* none can be loaded here: LOAD may end with -ERESTART for that */
	bool *restricted; /* crypto_properties are in use, of this process; the thread's */
};

void key_errand_init(struct key_errand *e, enum key_kind kind);
void key_errand_wipe(struct key_errand *e); /* what it owns still */

#endif
