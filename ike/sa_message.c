/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of an IKE SA: sealed, fragmented where needed, sent, kept for repetition. */
#include "ike/attempt.h"
#include "ike/intauth.h"
#include "ike/sa.h"
#include "ike/save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct seal_keys sa_keys_out(struct ike_sa *sa)
{
	return (struct seal_keys){
		.encr = sa->suite.encr,
		.integ = sa->suite.integ,
		.sk_e = secret_view(sa->initiator ? &sa->keys.ei : &sa->keys.er),
		.sk_a = secret_view(sa->initiator ? &sa->keys.ai : &sa->keys.ar),
		.iv_counter = &sa->iv_counter,
	};
}

struct seal_keys sa_keys_in(struct ike_sa *sa)
{
	return (struct seal_keys){
		.encr = sa->suite.encr,
		.integ = sa->suite.integ,
		.sk_e = secret_view(sa->initiator ? &sa->keys.er : &sa->keys.ei),
		.sk_a = secret_view(sa->initiator ? &sa->keys.ar : &sa->keys.ai),
	};
}

bool chain_open(struct chain *c)
{
	c->buffer = malloc(IKE_MESSAGE_MAX);
	if (c->buffer == NULL)
		return false;
	chain_begin(&c->b, c->buffer, IKE_MESSAGE_MAX);
	return true;
}

void chain_close(struct chain *c)
{
	if (c->buffer != NULL)
		wipe(c->buffer, c->b.w.n);
	free(c->buffer);
	c->buffer = NULL;
}

/* Octets of IKE message that fit a datagram of the configured size (RFC 7383 2.5.1). */
static size_t message_limit(const struct engine *e, const struct ike_sa *sa)
{
	size_t size = e->spec && e->spec->fragment_size ? e->spec->fragment_size : 1280;
	size_t overhead = (sa->remote.ip.family == 6 ? 40u : 20u) + 8u;

	if (sa->remote.port == e->options.port_natt)
		overhead += NON_ESP_MARKER_LEN;
	return size - overhead;
}

static int datagrams_alloc(struct datagrams *ds, size_t n)
{
	ds->d = calloc(n, sizeof(*ds->d));
	if (ds->d == NULL)
		return -ENOMEM;
	ds->n = n;
	return 0;
}

/* Takes over what was sealed into scratch. */
static int keep(struct blob *to, const uint8_t *scratch, size_t n)
{
	return n == 0 ? -EIO : blob_copy(to, BYTES(scratch, n));
}

static int seal_fragments(const struct seal_keys *k, const struct ike_header *h, uint8_t first,
			  struct bytes chain, size_t part, uint16_t total, uint8_t *scratch,
			  size_t room, struct datagrams *out)
{
	int r = datagrams_alloc(out, total);

	for (uint16_t i = 0; r == 0 && i < total; i++) {
		size_t at = part * i, n = chain.n - at < part ? chain.n - at : part;
		r = keep(&out->d[i], scratch,
			 sealed_seal_fragment(k, h, i == 0 ? first : 0, (uint16_t)(i + 1), total,
					      BYTES(chain.p + at, n), scratch, room));
	}
	return r;
}

static int seal_message(struct engine *e, struct ike_sa *sa, const struct ike_header *h,
			uint8_t first, struct bytes chain, struct datagrams *out)
{
	const struct seal_keys k = sa_keys_out(sa);
	const size_t whole = sealed_size(&k, chain.n), limit = message_limit(e, sa);
	const size_t room = whole > limit ? whole : limit;
	uint8_t *scratch = malloc(room);
	uint16_t total = 1;
	size_t part = 0;
	int r;

	if (scratch == NULL)
		return -ENOMEM;
	if (whole > limit && sa->peer_fragments)
		part = fragment_part_size(&k, limit, chain.n, &total);
	if (part > 0 && total > 1) {
		r = seal_fragments(&k, h, first, chain, part, total, scratch, room, out);
	} else {
		r = datagrams_alloc(out, 1);
		if (r == 0)
			r = keep(&out->d[0], scratch,
				 sealed_seal(&k, h, first, chain, scratch, room));
	}
	free(scratch);
	if (r != 0)
		datagrams_free(out);
	return r;
}

void sa_tell_message(struct engine *e, const struct ike_sa *sa, const struct ike_header *h,
		     const struct payloads *ps, bool ours)
{
	const size_t before = e->out->n;
	char text[256];

	report(e, REPORT_DEBUG, AREA_NET, sa->pair, sa, h->exchange, "%s %s %u { %s }",
	       ours ? "sends" : "receives", h->response ? "answer" : "request", h->message_id,
	       payloads_text(ps, text, sizeof(text)));
	if (e->out->n > before) {
		e->out->a[before].report.has_message_id = true;
		e->out->a[before].report.message_id = h->message_id;
	}
}

static void tell_sent(struct engine *e, const struct ike_sa *sa, const struct ike_header *h,
		      uint8_t first, struct bytes chain)
{
	struct payloads ps;
	uint8_t inner;

	if (payloads_decode(first, chain, &ps, &inner) == DECODE_OK)
		sa_tell_message(e, sa, h, &ps, true);
}

static int seal_chain(struct engine *e, struct ike_sa *sa, uint8_t exchange, bool response,
		      uint32_t id, struct chain *c, struct datagrams *out)
{
	const struct ike_header h = {
		.spi_i = sa->initiator ? sa->spi_local : sa->spi_peer,
		.spi_r = sa->initiator ? sa->spi_peer : sa->spi_local,
		.version = 0x20,
		.exchange = exchange,
		.initiator = sa->initiator,
		.response = response,
		.message_id = id,
	};
	struct bytes chain = chain_end(&c->b);
	int r = c->b.w.failed ? -EMSGSIZE : 0;

	datagrams_free(out);
	if (r == 0 && exchange == EXCHANGE_IKE_INTERMEDIATE)
		r = intauth_sent(sa, &h, c->b.first, chain);
	if (r == 0)
		r = seal_message(e, sa, &h, c->b.first, chain, out);
	if (r == 0)
		tell_sent(e, sa, &h, c->b.first, chain);
	chain_close(c);
	if (r != 0)
		report(e, REPORT_ERROR, AREA_IKE, sa->pair, sa, exchange, "cannot build %s: %s",
		       response ? "the answer" : "the request", strerror(-r));
	return r;
}

void sa_send_request(struct engine *e, struct ike_sa *sa)
{
	const struct datagrams *ds = &sa->window.request;

	for (size_t i = 0; i < ds->n; i++)
		act_send(e, &sa->local, &sa->remote, blob_view(&ds->d[i]));
}

/* RFC 7296 2.11: to the address and port that the request came from, this time. */
static void send_reply(struct engine *e, struct ike_sa *sa)
{
	const struct window *w = &sa->window;

	for (size_t i = 0; i < w->reply.n; i++)
		act_send(e, &w->from_local, &w->from_remote, blob_view(&w->reply.d[i]));
}

int sa_request(struct engine *e, struct ike_sa *sa, uint8_t exchange, struct chain *c)
{
	struct window *w = &sa->window;
	save_touch(e, sa->pair);
	int r = seal_chain(e, sa, exchange, false, w->send_id, c, &w->request);

	if (r != 0)
		return r;
	w->request_out = true;
	w->request_exchange = exchange;
	w->tries = 1;
	sa->retransmit_at = mono_after(e->now, window_wait(1));
	sa_arm(e, sa);
	sa_send_request(e, sa);
	return 0;
}

int sa_reply(struct engine *e, struct ike_sa *sa, uint8_t exchange, struct chain *c)
{
	struct window *w = &sa->window;
	save_touch(e, sa->pair);
	int r = seal_chain(e, sa, exchange, true, w->recv_id - 1, c, &w->reply);

	w->answering = false;
	window_keep_reply(w, e->now);
	sa_arm(e, sa);
	if (r == 0)
		send_reply(e, sa);
	return r;
}

int sa_reply_notify(struct engine *e, struct ike_sa *sa, uint8_t exchange, uint16_t notify,
		    struct bytes data)
{
	struct chain c;

	if (!chain_open(&c))
		return -ENOMEM;
	notify_encode(&c.b, PROTO_NONE, BYTES_NONE, notify, data);
	return sa_reply(e, sa, exchange, &c);
}

void sa_repeat_reply(struct engine *e, struct ike_sa *sa)
{
	e->counters.retransmits_in++;
	send_reply(e, sa);
}

void sa_request_done(struct engine *e, struct ike_sa *sa)
{
	struct window *w = &sa->window;

	save_touch(e, sa->pair);
	w->request_out = false;
	w->send_id++;
	w->tries = 0;
	datagrams_free(&w->request);
	attempt_silent(sa, false);
	sa->retransmit_at = MONO_NEVER;
	sa_arm(e, sa);
}
