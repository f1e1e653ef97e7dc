/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/encap.h"

#include "ike/child.h"
#include "ike/pair.h"
#include "ike/sa.h"
#include "ike/save.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

#define LOOK_US (2 * SECOND)	       /* between two looks, while it is wondered about */
#define LOOKS_UNKNOWN 3		       /* silent in a row, of a peer that does not count for us */
#define LOOKS_TRIED 5		       /* the same in UDP: it does not help */
#define NOUGHTS 2		       /* answers of a peer that counts */
#define PLAIN_LATELY_US (600 * SECOND) /* plain ESP came in: it is not filtered */
#define TRIAL_TAKES_US (30 * SECOND)   /* negotiated by then, or not at all */
#define TRIAL_LASTS_US (60 * SECOND)   /* what comes later proves nothing: plain ESP may have, too \
					*/
#define REMEMBERED_US (24 * HOUR)
#define AGAIN_US HOUR
#define AGAIN_DOUBLED 4

/* Of each question: an SPI; of each answer: that SPI, packets received on it, and sent to whom
 * asks. */
#define QUESTION_LEN 4
#define ANSWER_LEN 20

static bool is_automatic(const struct engine *e)
{
	/* Without liveness probes nobody knows that IKE is answered. */
	return e->spec != NULL && e->spec->encapsulation == ENCAP_AUTO && e->spec->dpd_delay_s != 0;
}

static bool is_remembered(const struct engine *e, const struct pair *p)
{
	return p->encap == ENCAP_HELPS && e->now.us - p->encap_at.us < REMEMBERED_US;
}

bool encap_wanted(const struct engine *e, const struct ike_sa *sa)
{
	const struct pair *p = sa->pair;

	if (e->spec->encapsulation == ENCAP_ALWAYS)
		return true;
	return is_automatic(e) && p != NULL && (p->encap == ENCAP_TRYING || is_remembered(e, p));
}

int64_t encap_memory_left(const struct engine *e, const struct pair *p)
{
	return is_remembered(e, p) ? p->encap_at.us + REMEMBERED_US - e->now.us : 0;
}

static void remember(struct engine *e, struct pair *p, enum encap_memory what)
{
	p->encap = what;
	p->encap_at = e->now;
	save_touch(e, p);
}

/* Plain where that is not known to work, or in UDP for a trial. */
static bool is_in_question(const struct engine *e, const struct child *c)
{
	const struct pair *p = c->sa->pair;

	if (!is_automatic(e) || c->state != CHILD_INSTALLED || c->packets_in > 0)
		return false;
	if (c->sa->encap)
		return p->encap == ENCAP_TRYING;
	return !c->peer_receives && e->now.us - p->plain_at.us > PLAIN_LATELY_US;
}

/* Soon after the beginning, and as long as packets leave in vain; idle pairs cost one look more. */
int64_t encap_look(const struct engine *e, const struct child *c)
{
	const bool young = mono_is_never(c->looked_at) || c->looked_at.us <= c->installed_at.us;

	if (!is_in_question(e, c))
		return INT64_MAX;
	if (c->sa->encap) /* a trial: it comes to its end whether or not there is traffic */
		return LOOK_US;
	return young || c->silent_looks > 0 ? LOOK_US : INT64_MAX;
}

static bool may_try(const struct engine *e, const struct pair *p)
{
	const unsigned doubled = p->encap_trials < AGAIN_DOUBLED ? p->encap_trials : AGAIN_DOUBLED;

	if (p->encap == ENCAP_NO_HELP)
		return e->now.us - p->encap_at.us >= AGAIN_US << doubled;
	return p->encap != ENCAP_TRYING;
}

static void try_it(struct engine *e, struct child *c, const char *evidence)
{
	struct pair *p = c->sa->pair;
	const enum encap_memory before = p->encap;
	const struct mono at = p->encap_at;

	if (!may_try(e, p))
		return;
	remember(e, p, ENCAP_TRYING);
	if (!sa_reauthenticate(e, c->sa)) { /* not now: at the next look */
		p->encap = before;
		p->encap_at = at;
		return;
	}
	p->encap_trials++;
	report_reason(e, REPORT_NOTICE, AREA_CHILD, REASON_ESP_FILTERED, p, c->sa, 0,
		      "IKE is answered and ESP is not: %s; trying it in UDP (encapsulation: auto)",
		      evidence);
}

static void has_helped(struct engine *e, struct pair *p, const char *evidence)
{
	remember(e, p, ENCAP_HELPS);
	p->encap_trials = 0;
	report_reason(e, REPORT_WARNING, AREA_CHILD, REASON_ESP_FILTERED, p, NULL, 0,
		      "ESP is filtered on the way, and passes in UDP: %s; it stays in UDP",
		      evidence);
}

static void has_not_helped(struct engine *e, struct pair *p)
{
	remember(e, p, ENCAP_NO_HELP);
	report(e, REPORT_INFO, AREA_CHILD, p, NULL, 0,
	       "nothing comes back in UDP either: ESP is not what is filtered, or the peer has "
	       "nothing to say");
}

static bool trial_is_over(const struct engine *e, const struct child *c)
{
	const int64_t lasted = e->now.us - c->sa->pair->encap_at.us;

	if (c->sa->pair->encap != ENCAP_TRYING)
		return false;
	if (c->sa->encap)
		return lasted >= TRIAL_LASTS_US;
	/* It was refused, or the peer is not what answers. */
	return lasted >= TRIAL_TAKES_US && !pair_is_connecting(e, c->sa->pair);
}

static void has_come(struct engine *e, struct child *c)
{
	struct pair *p = c->sa->pair;

	c->silent_looks = 0;
	if (!c->sa->encap) {
		p->plain_at = e->now;
		if (p->encap == ENCAP_HELPS)
			report(e, REPORT_NOTICE, AREA_CHILD, p, NULL, 0,
			       "plain ESP comes in: it is not filtered any more");
		if (p->encap != ENCAP_TRYING)
			remember(e, p, ENCAP_UNKNOWN);
	} else if (trial_is_over(e, c)) {
		remember(e, p, ENCAP_NO_HELP);
		report(e, REPORT_INFO, AREA_CHILD, p, c->sa, 0,
		       "in UDP it is answered, but late: that says nothing about plain ESP");
	} else if (p->encap == ENCAP_TRYING) {
		has_helped(e, p, "it is answered");
	}
}

/* Nobody counts for us: IKE must have been answered since it is silent. */
static void judge_silence(struct engine *e, struct child *c)
{
	const bool counts = c->sa->peer_ikemesh && c->peer_counts;

	if (c->sa->encap) {
		if (c->silent_looks >= LOOKS_TRIED)
			has_not_helped(e, c->sa->pair);
	} else if (!counts && c->silent_looks >= LOOKS_UNKNOWN &&
		   c->sa->heard_at.us > c->silent_since.us) {
		try_it(e, c, "nothing comes back");
	}
}

void encap_looked(struct engine *e, struct child *c, bool comes, bool goes)
{
	struct pair *p = c->sa->pair;

	if (comes) {
		has_come(e, c);
		return;
	}
	if (trial_is_over(e, c))
		has_not_helped(e, p);
	if (!goes || !is_in_question(e, c))
		return;
	if (c->silent_looks++ == 0)
		c->silent_since = e->now;
	c->asks_count = c->sa->peer_ikemesh;
	judge_silence(e, c);
}

/* ---- N(ESP_RECEIVED) ---------------------------------------------------------------------- */

/* counted NULL: a question. */
static void encode(struct builder *b, uint32_t spi, const struct child *counted)
{
	uint8_t data[ANSWER_LEN];
	struct writer w = writer_of(data, sizeof(data));

	write_u32(&w, spi);
	if (counted != NULL) {
		write_u64(&w, counted->packets_in);
		write_u64(&w, counted->packets_out);
	}
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_ESP_RECEIVED, writer_view(&w));
}

/* One at a time: there is but one that both sides send on. */
void encap_ask(struct engine *e, struct ike_sa *sa, struct builder *b)
{
	(void)e;
	for (struct child *c = sa->children; c; c = c->next) {
		if (!c->asks_count)
			continue;
		c->asks_count = false;
		encode(b, c->spi_out, NULL);
		return;
	}
}

void encap_answer(struct engine *e, struct ike_sa *sa, const struct payloads *ps, struct builder *b)
{
	struct notify_view n;

	if (!notify_find(ps, NOTIFY_ESP_RECEIVED, &n) || n.data.n != QUESTION_LEN)
		return;
	struct reader r = reader_of(n.data);
	const uint32_t spi = read_u32(&r);
	for (struct child *c = sa->children; c; c = c->next) {
		if (c->spi_in != spi || !c->in_added)
			continue;
		const struct sa_ref in = child_ref(c, true), out = child_ref(c, false);
		encode(b, spi, c);
		act_sa_usage(e, &in, &out); /* for the next answer */
		return;
	}
}

void encap_take(struct engine *e, struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_view n;

	if (!notify_find(ps, NOTIFY_ESP_RECEIVED, &n) || n.data.n != ANSWER_LEN)
		return;
	struct reader r = reader_of(n.data);
	const uint32_t spi = read_u32(&r);
	const uint64_t received = read_u64(&r), sent = read_u64(&r);
	struct child *c = child_by_spi_out(sa->pair, spi);
	if (c == NULL || !is_in_question(e, c))
		return;
	c->peer_counts = true;
	if (c->sa->encap) {
		if (received > 0)
			has_helped(e, sa->pair, "the peer receives it");
		return;
	}
	c->peer_receives = received > 0 && sent == 0; /* one way by its nature */
	if (!c->peer_receives && ++c->noughts >= NOUGHTS)
		try_it(e, c,
		       received == 0 ? "the peer has received none of it"
				     : "none of what the peer sends arrives");
}
