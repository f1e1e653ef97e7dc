/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/scene.h"

#include "config/suites.h"
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define HYBRID "aes128-sha256-modp2048-ke1_ecp256!"
#define SEALED_BY_GCM "aes128gcm16-prfsha256-modp2048!"
#define RECOVERY_STEPS 400

void scene_command(struct scene *s, enum command_kind kind)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = kind, .local = s->d.us.ip, .remote = s->d.them.ip },
	};

	duet_event(&s->d, &e);
}

/* --- what was sent --- */

static void forget(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->log[0] = d->reports[0] = d->happened[0] = '\0';
}

static void keep_asked(struct scene *s, struct draft *heard)
{
	if (s->has_asked)
		draft_free(&s->asked);
	s->asked = *heard;
	s->has_asked = true;
}

/* The core's answer to an IKE_SA_INIT of ours, which decides about the keys. */
static void take_init(struct peer *p, struct draft *heard)
{
	const struct draft_payload *ke = draft_find(heard, PAYLOAD_KE);
	struct bytes value;
	uint16_t group;

	if (p->spi_r != 0 || !p->initiator || draft_error(heard) != 0 ||
	    !draft_has(heard, PAYLOAD_SA) || !draft_has(heard, PAYLOAD_NONCE) || ke == NULL ||
	    !ke_decode(blob_view(&ke->body), &group, &value) || group != p->ke->id)
		return;
	peer_take_init(p, heard);
}

static void take_intermediate(struct peer *p, struct draft *heard)
{
	if (p->initiator && p->add_ke_done < p->n_add_ke && draft_has(heard, PAYLOAD_KE) &&
	    draft_error(heard) == 0 && p->ke == p->add_ke[p->add_ke_done])
		peer_take_intermediate(p, heard);
}

void scene_listen(struct scene *s)
{
	const struct duet_datagram *datagram;
	struct draft heard;

	while ((datagram = duet_take(&s->d)) != NULL) {
		if (peer_open(&s->d.peer, blob_view(&datagram->b), &heard) != 0)
			continue;
		if (!heard.h.response) {
			keep_asked(s, &heard);
			continue;
		}
		if (heard.h.exchange == EXCHANGE_IKE_SA_INIT)
			take_init(&s->d.peer, &heard);
		else if (heard.h.exchange == EXCHANGE_IKE_INTERMEDIATE)
			take_intermediate(&s->d.peer, &heard);
		draft_free(&heard);
	}
	forget(&s->d);
}

/* --- openings --- */

static void quiet(struct scene *s)
{
	duet_wait(&s->d, 10 * SECOND);
	forget(&s->d);
}

static void peer_begins(struct scene *s)
{
	peer_ask_init(&s->d.peer, &s->good);
	s->has_good = true;
}

static void core_begins(struct scene *s)
{
	duet_acquire(&s->d);
	scene_listen(s);
	peer_answer_init(&s->d.peer, &s->asked, &s->good);
	s->has_good = true;
}

static void peer_inits(struct scene *s)
{
	duet_peer_init(&s->d);
}

static void core_inits(struct scene *s)
{
	duet_core_init(&s->d);
}

/* The core begins, and IKE_INTERMEDIATE is over. */
static void core_has_keys(struct scene *s)
{
	struct duet *d = &s->d;
	struct draft heard, said;

	duet_core_init(d);
	while (d->peer.add_ke_done < d->peer.n_add_ke) {
		duet_hear(d, EXCHANGE_IKE_INTERMEDIATE, false, &heard);
		peer_answer_intermediate(&d->peer, &heard, &said);
		draft_free(&heard);
		duet_say(d, &said);
		peer_turn(&d->peer);
	}
}

static void core_up(struct scene *s)
{
	struct draft heard, said;

	core_has_keys(s);
	duet_hear(&s->d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&s->d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&s->d, &said);
	duet_assert_child(&s->d);
	quiet(s);
}

static void peer_has_keys(struct scene *s)
{
	struct duet *d = &s->d;
	struct draft heard, said;

	duet_peer_init(d);
	while (d->peer.add_ke_done < d->peer.n_add_ke) {
		peer_ask_intermediate(&d->peer, &said);
		duet_say(d, &said);
		duet_hear(d, EXCHANGE_IKE_INTERMEDIATE, true, &heard);
		peer_take_intermediate(&d->peer, &heard);
		draft_free(&heard);
	}
}

static void peer_asks_auth(struct scene *s)
{
	struct draft said;

	peer_has_keys(s);
	peer_ask_auth(&s->d.peer, &said);
	duet_say(&s->d, &said);
}

static void peer_up(struct scene *s)
{
	struct draft heard;

	peer_asks_auth(s);
	duet_hear(&s->d, EXCHANGE_IKE_AUTH, true, &heard);
	peer_take_auth(&s->d.peer, &heard);
	draft_free(&heard);
	duet_esp_from_peer(&s->d);
	duet_esp_from_peer(&s->d);
	duet_assert_child(&s->d);
	quiet(s);
}

/* The peer's IKE_AUTH is being verified. */
static void verifying(struct scene *s)
{
	peer_has_keys(s);
	s->d.hold_jobs = true;
}

static void rekeying_child(struct scene *s)
{
	core_up(s);
	scene_command(s, COMMAND_REKEY);
}

static void rekeying_ike(struct scene *s)
{
	peer_up(s);
	scene_command(s, COMMAND_REKEY_IKE);
}

/* Its first exchange is over: the core has sent IKE_FOLLOWUP_KE. */
static void following_up(struct scene *s)
{
	struct draft heard, said;

	core_up(s);
	scene_command(s, COMMAND_REKEY_IKE);
	duet_hear(&s->d, EXCHANGE_CREATE_CHILD_SA, false, &heard);
	peer_answer_rekey(&s->d.peer, &s->x, &heard, &said);
	draft_free(&heard);
	duet_say(&s->d, &said);
}

/* The same, and it is the peer's turn. */
static void followed_up(struct scene *s)
{
	struct draft heard, said;

	peer_up(s);
	peer_ask_rekey(&s->d.peer, &s->x, &said);
	duet_say(&s->d, &said);
	duet_hear(&s->d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&s->d.peer, &s->x, &heard);
	draft_free(&heard);
}

/* The peer talks on the successor; the old IKE SA is there still. */
static void rekeyed_ike(struct scene *s)
{
	struct draft heard, said;
	struct peer old;

	peer_up(s);
	peer_ask_rekey(&s->d.peer, &s->x, &said);
	duet_say(&s->d, &said);
	duet_hear(&s->d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	peer_take_rekey(&s->d.peer, &s->x, &heard);
	draft_free(&heard);
	old = s->d.peer;
	peer_successor(&old, &s->x, &s->d.peer);
	peer_wipe(&old);
}

static void leaving(struct scene *s)
{
	core_up(s);
	scene_command(s, COMMAND_DOWN);
}

static void asked_whether_alive(struct scene *s)
{
	core_up(s);
	for (int i = 0; i < 400 && duet_waiting(&s->d) == 0; i++)
		duet_wait(&s->d, SECOND);
}

static void reauthenticating(struct scene *s)
{
	peer_up(s);
	scene_command(s, COMMAND_REAUTH);
}

const struct opening openings[] = {
	{ .name = "peer begins", .build = peer_begins },
	{ .name = "core has sent IKE_SA_INIT", .build = core_begins },
	{ .name = "IKE_AUTH awaited", .build = peer_inits },
	{ .name = "core has sent IKE_AUTH", .build = core_inits },
	{ .name = "up, the peer's", .proved = true, .build = peer_up },
	{ .name = "up, the core's", .proved = true, .build = core_up },
	{ .name = "IKE_INTERMEDIATE awaited", .hybrid = true, .build = peer_inits },
	{ .name = "core has sent IKE_INTERMEDIATE", .hybrid = true, .build = core_inits },
	{ .name = "IKE_AUTH awaited after IKE_INTERMEDIATE",
	  .hybrid = true,
	  .build = peer_has_keys },
	{ .name = "core has sent IKE_AUTH after it", .hybrid = true, .build = core_has_keys },
	{ .name = "IKE_AUTH awaited, jobs take long", .build = verifying },
	{ .name = "core rekeys the CHILD_SA", .proved = true, .build = rekeying_child },
	{ .name = "core rekeys the IKE SA", .proved = true, .build = rekeying_ike },
	{ .name = "core has sent IKE_FOLLOWUP_KE",
	  .hybrid = true,
	  .proved = true,
	  .build = following_up },
	{ .name = "IKE_FOLLOWUP_KE awaited", .hybrid = true, .proved = true, .build = followed_up },
	{ .name = "rekeyed by the peer", .proved = true, .build = rekeyed_ike },
	{ .name = "core deletes", .proved = true, .build = leaving },
	{ .name = "core asks for life", .proved = true, .build = asked_whether_alive },
	{ .name = "core authenticates again", .proved = true, .build = reauthenticating },
};
const size_t n_openings = sizeof openings / sizeof openings[0];

/* --- a scene's life --- */

static void propose(struct spec *s, const char *text)
{
	char error[256];

	HOLDS_OF(suites_parse(text, PROTO_IKE, s->ike, SPEC_PROPOSALS, &s->n_ike, error,
			      sizeof error) == 0,
		 error);
}

static void add_group(struct spec *s)
{
	struct proposal_spec *p = &s->esp[0];

	p->t[p->n++] = (struct transform){ .type = TRANSFORM_KE, .id = KE_MODP_2048 };
}

static void ppk_give(struct scene *s)
{
	static const uint8_t key[32] = { 1, 2, 3 }, id[4] = { 'm', 'e', 's', 'h' };

	HOLDS(blob_copy(&s->d.spec.ppk_id, BYTES(id, sizeof id)) == 0);
	HOLDS(secret_copy(&s->ppk.key, BYTES(key, sizeof key)) == 0);
	HOLDS(blob_copy(&s->ppk.id, BYTES(id, sizeof id)) == 0);
	s->d.doer.ppk = &s->ppk;
}

static const uint8_t token_secret[QCD_SECRET_LEN] = { 4, 5, 6 };

void scene_start(struct scene *s, const struct opening *opening, uint8_t flavour)
{
	const struct duet_options o = {
		.ipv6 = (flavour & FLAVOUR_IPV6) != 0,
		.peer_is_ikemesh = (flavour & FLAVOUR_IKEMESH) != 0,
		.optional = (flavour & FLAVOUR_OPTIONAL) != 0,
		.lenient = (flavour & FLAVOUR_LENIENT) != 0,
		.qcd_secret = (flavour & FLAVOUR_TOKENS) != 0 ? token_secret : NULL,
	};

	s->has_asked = s->has_good = false;
	s->proved = opening->proved;
	s->x = (struct peer_exchange){ 0 };
	s->ppk = (struct ppk){ 0 };
	duet_start(&s->d, &o);
	if (opening->hybrid || (flavour & FLAVOUR_GCM) != 0) {
		const char *text = opening->hybrid ? HYBRID : SEALED_BY_GCM;

		propose(&s->d.spec, text);
		propose(&s->d.peer_spec, text);
	}
	if ((flavour & FLAVOUR_PPK) != 0)
		ppk_give(s);
	if ((flavour & FLAVOUR_PFS) != 0) {
		add_group(&s->d.spec);
		add_group(&s->d.peer_spec);
	}
	opening->build(s);
	scene_listen(s);
}

void scene_end(struct scene *s)
{
	if (s->has_asked)
		draft_free(&s->asked);
	if (s->has_good)
		draft_free(&s->good);
	peer_exchange_free(&s->x);
	secret_free(&s->ppk.key);
	blob_free(&s->ppk.id);
	duet_end(&s->d);
}

/* --- what must hold --- */

struct look {
	const struct scene *s;
	struct status_counters c;
	size_t decoys; /* outbound SAs that may be one: ike/hold.h */
};

static bool between_us(void *arg, const struct fake_sa *sa)
{
	struct look *l = arg;
	const struct sa_spec *spec = &sa->spec;
	const struct ip *us = &l->s->d.us.ip, *them = &l->s->d.them.ip;

	if (l->c.decoys > 0 && !spec->inbound) {
		l->decoys++;
		HOLDS(ip_equal(&spec->src, us));
		return true;
	}
	/* Nobody speaks for another address than its own. */
	HOLDS(spec->inbound ? ip_equal(&spec->src, them) && ip_equal(&spec->dst, us)
			    : ip_equal(&spec->src, us) && ip_equal(&spec->dst, them));
	return true;
}

void scene_check(struct scene *s)
{
	struct look l = { .s = s, .c = duet_counters(&s->d) };

	fake_kernel_walk(&s->d.kernel, between_us, &l);
	/* Without a proof there is no SA, whatever is said. */
	HOLDS(s->proved || s->d.kernel.n_sas == l.decoys);
	HOLDS(l.c.child_sas <= 64 && l.c.ike_sas <= 64);
	HOLDS(s->d.kernel.n_sas <= 2 * 64);
}

/* --- the right handshake --- */

static void answer(struct scene *s, struct draft *heard)
{
	struct peer *p = &s->d.peer;
	struct draft said;

	switch (heard->h.exchange) {
	case EXCHANGE_IKE_SA_INIT:
		peer_wipe(p);
		/* It was read by the one that there was. */
		HOLDS(peer_open(p, blob_view(&s->d.sent[s->d.taken - 1].b), &said) == 0);
		draft_free(&said);
		peer_answer_init(p, heard, &said);
		duet_say(&s->d, &said);
		break;
	case EXCHANGE_IKE_INTERMEDIATE:
		peer_answer_intermediate(p, heard, &said);
		duet_say(&s->d, &said);
		peer_turn(p);
		break;
	case EXCHANGE_IKE_AUTH:
		HOLDS(peer_check_auth(p, heard) == VERDICT_GOOD);
		peer_answer_auth(p, heard, &said);
		duet_say(&s->d, &said);
		break;
	default:
		peer_answer(p, heard, &said);
		duet_say(&s->d, &said);
		break;
	}
}

static bool is_up(const struct duet *d)
{
	const struct fake_sa *in = fake_kernel_sa(&d->kernel, &d->us.ip, d->peer.esp_out);
	const struct fake_sa *out = fake_kernel_sa(&d->kernel, &d->them.ip, d->peer.esp_in);

	return d->peer.esp_out != 0 && in != NULL && out != NULL;
}

void scene_recover(struct scene *s)
{
	struct duet *d = &s->d;
	struct draft heard;

	d->hold_jobs = false;
	d->fail_send = 0;
	d->kernel.fail_add_in = 0;
	for (int i = 0; i < 16 && d->n_jobs > 0; i++)
		duet_run_jobs(d);
	HOLDS(d->n_jobs == 0);
	forget(d);
	peer_wipe(&d->peer);
	scene_command(s, COMMAND_RESET);
	for (int i = 0; i < RECOVERY_STEPS && !is_up(d); i++) {
		const struct duet_datagram *datagram = duet_take(d);

		if (datagram == NULL) {
			forget(d);
			duet_acquire(d);
			if (duet_waiting(d) == 0)
				duet_next_deadline(d);
			continue;
		}
		if (peer_open(&d->peer, blob_view(&datagram->b), &heard) != 0)
			continue;
		if (!heard.h.response)
			answer(s, &heard);
		draft_free(&heard);
	}
	HOLDS(is_up(d));
	forget(d);
	duet_wait(d, SECOND / 2); /* a decoy (ike/hold.h) is gone by then */
	duet_assert_child(d);
	forget(d);
}
