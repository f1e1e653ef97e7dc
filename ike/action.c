/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/action.h"

#include "crypto/secret.h"

#include <stdlib.h>

void actions_init(struct actions *out)
{
	*out = (struct actions){ .deadline = MONO_NEVER };
}

void exposed_keys_wipe(struct exposed_keys *k)
{
	secret_free(&k->ei);
	secret_free(&k->er);
	secret_free(&k->ai);
	secret_free(&k->ar);
}

static void action_clear(struct action *a)
{
	switch (a->kind) {
	case ACTION_SEND:
		blob_free(&a->send.datagram);
		break;
	case ACTION_SA_ADD:
		wipe(a->sa_add.key, sizeof(a->sa_add.key));
		break;
	case ACTION_JOB:
		job_free(a->job);
		break;
	case ACTION_REPORT:
		free(a->report.text);
		break;
	case ACTION_KEYS:
		exposed_keys_wipe(&a->keys);
		break;
	case ACTION_KEEP:
		secret_free(&a->keep);
		break;
	case ACTION_SA_DELETE:
	case ACTION_SA_UPDATE:
	case ACTION_KEEPALIVE:
	case ACTION_SA_USAGE:
	case ACTION_NUDGE:
	case ACTION_EXPECT:
		break;
	}
}

void actions_clear(struct actions *out)
{
	for (size_t i = 0; i < out->n; i++)
		action_clear(&out->a[i]);
	out->n = 0;
	out->out_of_room = false;
	out->deadline = MONO_NEVER;
}

void actions_free(struct actions *out)
{
	actions_clear(out);
	free(out->a);
	actions_init(out);
}
