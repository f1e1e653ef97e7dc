/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/window.h"

#include "crypto/secret.h"

#include <stdlib.h>

void datagrams_free(struct datagrams *ds)
{
	for (size_t i = 0; i < ds->n; i++)
		blob_free(&ds->d[i]);
	free(ds->d);
	*ds = (struct datagrams){ 0 };
}

void window_forget_fragments(struct window *w)
{
	fragments_free(&w->in_requests);
	fragments_free(&w->in_responses);
	w->fragments_until = MONO_NEVER;
}

void window_keep_reply(struct window *w, struct mono now)
{
	size_t n = 0;

	for (size_t i = 0; i < w->reply.n; i++)
		n += w->reply.d[i].n;
	w->reply_until = MONO_NEVER;
	if (n > REPLY_SMALL)
		w->reply_until.us = now.us + REPLY_LIFE_S * INT64_C(1000000);
}

void window_forget_reply(struct window *w)
{
	datagrams_free(&w->reply);
	w->reply_until = MONO_NEVER;
}

void window_unhear(struct window *w)
{
	window_forget_reply(w);
	w->answering = false;
	if (w->recv_id > 0)
		w->recv_id--;
}

void window_free(struct window *w)
{
	datagrams_free(&w->request);
	datagrams_free(&w->reply);
	window_forget_fragments(w);
}

enum window_verdict window_judge_request(const struct window *w, uint32_t id)
{
	if (id == w->recv_id)
		return w->answering ? WINDOW_OUTSIDE : WINDOW_NEW;
	if (w->recv_id > 0 && id == w->recv_id - 1) {
		if (w->answering)
			return WINDOW_BUSY;
		return w->reply.n > 0 ? WINDOW_REPEAT : WINDOW_OUTSIDE;
	}
	return WINDOW_OUTSIDE;
}

int64_t window_wait(unsigned tries)
{
	int64_t wait = 500000;

	for (unsigned i = 1; i < tries; i++)
		wait += wait / 4;
	return wait;
}
