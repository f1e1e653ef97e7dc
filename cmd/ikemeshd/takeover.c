/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/takeover.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <string.h>

#define LOG_AREA AREA_DAEMON

#define LOOK_EVERY_US (CLOCK_SECOND / 4)
/* Who has the new SA sends on it; what was on its way comes within this. */
#define QUIET_US (2 * CLOCK_SECOND)
#define ASKED_A_LOOK 16 /* peers; see admission.h */

static bool is_local(const struct daemon *d, const struct ip *ip)
{
	size_t n;
	const struct ip *locals = addresses_list(d->addresses, &n);

	for (size_t i = 0; i < n; i++) {
		if (ip_equal(&locals[i], ip))
			return true;
	}
	return false;
}

/* Of the SAs of others those for what we protect; *in: it is an inbound one. */
static bool concerns_us(const struct daemon *d, const struct sa_held *sa, bool *in)
{
	const struct spec *spec = &d->config->spec;
	const struct ip *local, *remote;
	enum ruling ruling;

	*in = is_local(d, &sa->ref.dst);
	local = *in ? &sa->ref.dst : &sa->ref.src;
	remote = *in ? &sa->ref.src : &sa->ref.dst;
	ruling = spec_ruling(spec, remote, NULL);
	return sa->transport && is_local(d, local) && spec_covers(spec, local) &&
	       (ruling == RULING_ENFORCED || ruling == RULING_OPTIONAL);
}

static int count_inbound(const struct sa_held *sa, void *arg)
{
	struct daemon *d = arg;
	bool in;

	if (sa->larval || !concerns_us(d, sa, &in) || !in)
		return 0;
	return takeover_peers_held(&d->takeover.peers, &sa->ref.dst, &sa->ref.src,
				   sa->counters.packets);
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void visit_child(void *arg, const struct status_child *c)
{
	if (c->state == CHILD_INSTALLED)
		takeover_peers_up(arg, &c->local, &c->remote);
}

/* Who is left on the old SAs, and who is with us. 0 or negative errno. */
static int take_stock(struct daemon *d)
{
	struct takeover_peers *peers = &d->takeover.peers;
	const struct status_visitor v = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = peers
	};
	int err;

	takeover_peers_look(peers);
	err = kernel_sa_dump_others(d->kernel, count_inbound, d);
	engine_status(d->engine, &v);
	return err;
}

static void ask(struct daemon *d, const struct takeover_peer *p)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = COMMAND_JOIN,
			     .local = p->key.local,
			     .remote = p->key.remote },
	};

	daemon_feed(d, &e);
}

static void ask_some(struct daemon *d, struct mono now)
{
	const struct takeover_peer *p;

	for (size_t n = 0; n < ASKED_A_LOOK; n++) {
		p = takeover_peers_ask(&d->takeover.peers, now);
		if (p == NULL)
			return;
		ask(d, p);
	}
}

static int stand(struct daemon *d, enum stance stance, struct mono now)
{
	d->takeover.stance = d->policies.stance = stance;
	d->takeover.since = d->takeover.quiet_since = now;
	return policies_sync(&d->policies, &d->config->spec);
}

static void go_ahead(struct daemon *d, struct mono now)
{
	const size_t n = takeover_peers_count(&d->takeover.peers);
	const size_t missing = d->takeover.peers.n_missing;

	stand(d, STANCE_AHEAD, now);
	if (missing > 0)
		log_text(d->log, REPORT_WARNING,
			 "takeover: %zu of %zu peers do not answer and have been silent", missing,
			 n);
	log_text(d->log, REPORT_NOTICE, "takeover: %zu peers have SAs with us, which are used now",
		 n - missing);
}

/* ---- removing what is needed no more -------------------------------------------------------- */

struct removal {
	struct daemon *d;
	enum policy_kind kind;
	size_t sas, policies;
};

static int remove_sa(const struct sa_held *sa, void *arg)
{
	struct removal *r = arg;
	bool in;

	/* What is larval goes by itself. */
	if (!sa->larval && concerns_us(r->d, sa, &in))
		r->sas += kernel_sa_delete(r->d->kernel, &sa->ref) == 0;
	return 0;
}

static int remove_policy(const struct policy_held *held, void *arg)
{
	struct removal *r = arg;

	if (held->policy.kind == r->kind && beside_is_needless(held, &r->d->policies.wanted))
		r->policies += kernel_policy_delete_other(r->d->kernel, held) == 0;
	return 0;
}

static void remove_policies(struct removal *r, enum policy_kind kind)
{
	r->kind = kind;
	kernel_policy_dump(r->d->kernel, remove_policy, r);
}

static int be_alone(struct daemon *d, struct mono now)
{
	takeover_free(&d->takeover);
	return stand(d, STANCE_ALONE, now);
}

/* What a successor would know it by goes last: it finishes what we may not come to. */
static void finish(struct daemon *d, struct mono now)
{
	struct removal r = { .d = d };

	kernel_sa_dump_others(d->kernel, remove_sa, &r);
	remove_policies(&r, POLICY_BYPASS);
	remove_policies(&r, POLICY_PROTECT);
	be_alone(d, now);
	log_text(d->log, REPORT_NOTICE,
		 "takeover: done; %zu policies and %zu SAs of the other IKE daemon removed",
		 r.policies, r.sas);
}

/* ---- in time -------------------------------------------------------------------------------- */

static void complain(struct daemon *d)
{
	const struct takeover_peers *t = &d->takeover.peers;
	char text[IP_TEXT_LEN];

	for (const struct takeover_peer *p = t->all; p; p = p->hh.next) {
		if (!takeover_peer_is_missing(p))
			continue;
		log_recurrent(d->log, REPORT_WARNING,
			      "takeover: %zu of %zu peers are missing, %s is one: packets go by "
			      "the SAs that the other IKE daemon left; see `ikectl why`",
			      t->n_missing, takeover_peers_count(t), ip_text(&p->key.remote, text));
		return;
	}
}

static void look_beside(struct daemon *d, struct mono now)
{
	if (!takeover_peers_missed(&d->takeover.peers, now))
		go_ahead(d, now);
	else if (clock_after(d->takeover.since, TAKEOVER_PATIENCE_US).us <= now.us)
		complain(d);
	if (d->takeover.stance == STANCE_BESIDE)
		ask_some(d, now);
}

static void look_ahead(struct daemon *d, uint64_t heard_before, struct mono now)
{
	struct takeover *t = &d->takeover;

	if (t->peers.heard != heard_before)
		t->quiet_since = now;
	if (clock_after(t->quiet_since, QUIET_US).us <= now.us ||
	    clock_after(t->since, TAKEOVER_PATIENCE_US).us <= now.us)
		finish(d, now);
}

static int count_policy(const struct policy_held *held, void *arg)
{
	struct removal *r = arg;

	r->policies += held->policy.kind == POLICY_PROTECT &&
		       beside_is_needless(held, &r->d->policies.wanted);
	return 0;
}

static int look_for_ahead(const struct policy_held *held, void *arg)
{
	bool *ahead = arg;

	*ahead |= beside_is_ahead(held);
	return 0;
}

static void look_for_sas(void *arg, const struct status_child *c)
{
	bool *up = arg;

	*up |= c->state == CHILD_INSTALLED;
}

/*
 * Did a predecessor come as far as that? What peers have of the old SAs may be gone since, so
 * packets are not to go by those again, unless its SAs were lost with it.
 */
static bool goes_on_ahead(struct daemon *d)
{
	bool ahead = false, up = false;
	const struct status_visitor v = {
		.pair = visit_pair, .ike = visit_ike, .child = look_for_sas, .arg = &up
	};

	kernel_policy_dump(d->kernel, look_for_ahead, &ahead);
	engine_status(d->engine, &v);
	return ahead && up;
}

int takeover_begin(struct daemon *d)
{
	const struct mono now = clock_now();
	struct removal left = { .d = d };
	struct takeover *t = &d->takeover;
	int err;

	if (!d->config->takeover)
		return policies_sync(&d->policies, &d->config->spec);
	err = stand(d, goes_on_ahead(d) ? STANCE_AHEAD : STANCE_BESIDE, now);
	kernel_policy_dump(d->kernel, count_policy, &left);
	if (left.policies == 0)
		return be_alone(d, now);
	t->look_at = now;
	log_text(d->log, REPORT_NOTICE,
		 t->stance == STANCE_AHEAD
			 ? "takeover: goes on: %zu policies of another IKE daemon are still there"
			 : "takeover: another IKE daemon left %zu policies for what we protect: "
			   "its peers are met before these go",
		 left.policies);
	return err;
}

void takeover_tick(struct daemon *d, struct mono now)
{
	struct takeover *t = &d->takeover;
	const uint64_t heard = t->peers.heard;
	int err;

	if (t->look_at.us > now.us)
		return;
	t->look_at = clock_after(now, LOOK_EVERY_US);
	err = take_stock(d);
	if (err != 0)
		log_recurrent(d->log, REPORT_WARNING, "takeover: cannot list the kernel's SAs: %s",
			      strerror(-err));
	else if (t->stance == STANCE_BESIDE)
		look_beside(d, now);
	else
		look_ahead(d, heard, now);
}

void takeover_release(struct daemon *d)
{
	stand(d, STANCE_AHEAD, clock_now());
	log_happening(d->log, STOP, REPORT_NOTICE,
		      "leaving (released): peers are not told, SAs and policies stay; once another "
		      "IKE daemon runs, `ikectl disable` has it take over, and removes them");
}

struct mono takeover_deadline(const struct takeover *t)
{
	return t->look_at;
}

void takeover_free(struct takeover *t)
{
	takeover_peers_free(&t->peers);
	*t = (struct takeover){ .look_at = MONO_NEVER };
}

json_t *takeover_json(const struct takeover *t)
{
	json_t *missing;
	char text[IP_TEXT_LEN];

	if (t->stance == STANCE_ALONE)
		return json_null();
	missing = json_array();
	for (const struct takeover_peer *p = t->peers.all; p; p = p->hh.next) {
		if (takeover_peer_is_missing(p))
			json_array_append_new(missing, json_string(ip_text(&p->key.remote, text)));
	}
	return json_pack("{s:b, s:i, s:o}", "done", t->stance == STANCE_AHEAD, "peers",
			 (int)takeover_peers_count(&t->peers), "missing", missing);
}
