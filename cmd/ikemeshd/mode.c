/* SPDX-License-Identifier: Apache-2.0 */
/* The wires of `ikectl mode`: mode_switch.h says which is in force, clear.h who it would cut off.
 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/status_mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_AREA AREA_CONFIG

#define WITHIN_MAX_S (7 * 86400)
#define PRUNE_US INT64_C(60000000)

int daemon_mode_start(struct daemon *d)
{
	int err = mode_switch_load(&d->mode, d->options.state_dir);

	/* Enforced then, which is the stricter: no reason not to start. */
	if (err != 0)
		log_text(d->log, REPORT_ERROR, "%s",
			 d->mode.fault != NULL ? d->mode.fault : "out of memory");
	mode_apply(&d->mode.now, &d->config->spec);
	if (mode_differences(&d->config->spec) > 0)
		log_text(d->log, REPORT_NOTICE,
			 "`ikectl mode` was used: %zu of %zu ipsec_subnets are otherwise than %s "
			 "says",
			 mode_differences(&d->config->spec), d->config->spec.n_protect,
			 d->options.config_path);
	return 0;
}

/* Policies change in place: no SA and no packet is touched. */
static void apply(struct daemon *d)
{
	mode_apply(&d->mode.now, &d->config->spec);
	daemon_feed(d, &(struct event){ .kind = EVENT_SPEC, .spec = { &d->config->spec } });
	policies_sync(&d->policies, &d->config->spec);
}

/* ---- the watch --------------------------------------------------------------------------------
 */

/* Who has an SA now is forgotten while that SA still stands as the reason. */
static void prune(struct daemon *d, struct mono now)
{
	struct clear_talker *t;
	size_t n;

	d->prune_at = clock_after(now, PRUNE_US);
	clear_view(d->clear, d->engine, &d->config->spec, clear_sees_decrypted(d->clear), now, &t,
		   &n);
	free(t);
}

static void tell_new_talkers(struct daemon *d)
{
	const struct clear_peer *peer;

	while ((peer = clear_new_peer(d->clear)) != NULL) {
		char text[] = "talks in the clear, as it may: IPsec is optional with it";
		const struct report r = { .level = REPORT_INFO,
					  .area = LOG_AREA,
					  .what = HAPPENING_CLEAR,
					  .remote = peer->remote,
					  .text = text };

		log_report(d->log, &r);
	}
}

static void on_clear(void *arg)
{
	struct daemon *d = arg;
	const struct mono now = clock_now();

	clear_turn(d->clear, now);
	if (clear_sees_decrypted(d->clear))
		prune(d, now);
	tell_new_talkers(d);
}

int daemon_clear_start(struct daemon *d)
{
	int err = loop_add(d->loop, clear_fd(d->clear), on_clear, d);

	d->prune_at = MONO_NEVER;
	if (err != 0)
		log_text(d->log, REPORT_ERROR, "cannot watch for peers in the clear: %s",
			 strerror(-err));
	return err;
}

/* The policies may be others after any event: compared by number, since that costs nothing. */
void daemon_clear_follow(struct daemon *d)
{
	int err;

	if (d->clear == NULL || d->clear_follows == d->policies.generation)
		return;
	d->clear_follows = d->policies.generation;
	err = clear_policies(d->clear, &d->policies.wanted, clock_now());
	if (err != 0)
		log_recurrent(d->log, REPORT_WARNING,
			      "who talks in the clear cannot be seen: no packet sockets: %s",
			      strerror(-err));
	d->prune_at = clear_since(d->clear).us == MONO_NEVER.us
			      ? MONO_NEVER
			      : clock_after(clock_now(), PRUNE_US);
}

/* ---- time -------------------------------------------------------------------------------------
 */

void daemon_mode_back(struct daemon *d)
{
	if (!mode_switch_back(&d->mode))
		return;
	apply(d);
	log_happening(
		d->log, MODE, REPORT_NOTICE,
		"the mode was not confirmed: the one that was confirmed last is in force again");
}

void daemon_mode_tick(struct daemon *d, struct mono now)
{
	if (d->mode.back_at.us <= now.us)
		daemon_mode_back(d);
	if (d->clear == NULL)
		return;
	clear_tick(d->clear, now);
	if (d->prune_at.us <= now.us)
		prune(d, now);
}

struct mono daemon_mode_deadline(const struct daemon *d)
{
	struct mono next = clock_earlier(d->mode.back_at, d->prune_at);

	return d->clear != NULL ? clock_earlier(next, clear_deadline(d->clear)) : next;
}

/* ---- the request ------------------------------------------------------------------------------
 */

struct wish {
	enum mode_choice choice;
	struct subnet net;
	bool one; /* net only */
	bool force;
	int64_t within_us; /* 0: for good */
};

static bool is_entry(const struct spec *s, const struct subnet *net)
{
	for (size_t i = 0; i < s->n_protect; i++) {
		if (subnet_equal(&s->protect[i].net, net))
			return true;
	}
	return false;
}

static json_t *no_entry(const struct spec *s, const struct subnet *net)
{
	char said[SUBNET_TEXT_LEN], outer[SUBNET_TEXT_LEN];

	for (size_t i = 0; i < s->n_protect; i++) {
		if (subnet_covers(&s->protect[i].net, net))
			return control_error("%s is no entry of ipsec_subnets: it lies inside %s, "
					     "which is one",
					     subnet_text(net, said),
					     subnet_text(&s->protect[i].net, outer));
	}
	return control_error("%s is no entry of ipsec_subnets", subnet_text(net, said));
}

/* An entry that the file has no more can still be taken back to the file's word. */
static json_t *read_subnet(const struct daemon *d, const json_t *request, struct wish *w)
{
	const json_t *subnet = json_object_get(request, "subnet");
	const char *text = json_string_value(subnet);
	bool host_bits;

	if (subnet == NULL)
		return NULL;
	if (text == NULL || !subnet_parse(text, &w->net, &host_bits))
		return control_error("\"subnet\" must be a subnet such as 10.0.8.0/22");
	w->one = true;
	if (is_entry(&d->config->spec, &w->net) ||
	    (w->choice == MODE_FILE && mode_of(&d->mode.now, &w->net) != d->mode.now.all))
		return NULL;
	return no_entry(&d->config->spec, &w->net);
}

static json_t *read_wish(const struct daemon *d, const json_t *request, struct wish *w)
{
	const char *choice = json_string_value(json_object_get(request, "mode"));
	const json_t *within = json_object_get(request, "confirm_within_s");
	const json_int_t s = json_integer_value(within);

	*w = (struct wish){ .force = json_is_true(json_object_get(request, "force")) };
	if (choice == NULL || !mode_choice_parse(choice, &w->choice))
		return control_error("\"mode\" must be optional, enforced or file");
	if (within != NULL && (!json_is_integer(within) || s < 1 || s > WITHIN_MAX_S))
		return control_error("\"confirm_within_s\" must be from 1 to %d", WITHIN_MAX_S);
	w->within_us = s * CLOCK_SECOND;
	return read_subnet(d, request, w);
}

/* Those that are served in the clear now and would not be any more. */
static json_t *cut_off(struct daemon *d, const struct wish *w, struct mono now)
{
	json_t *all = json_array();
	struct mode next;
	struct clear_talker *t;
	size_t n;

	if (mode_switch_try(&d->mode, w->one ? &w->net : NULL, w->choice, &next) != 0)
		return all;
	clear_read(d->clear, now);
	clear_view(d->clear, d->engine, &d->config->spec, clear_sees_decrypted(d->clear), now, &t,
		   &n);
	for (size_t i = 0; i < n; i++) {
		if (!mode_is_optional(&next, t[i].entry))
			json_array_append_new(all, status_talker(&t[i], now));
	}
	free(t);
	mode_wipe(&next);
	return all;
}

static json_t *answer(struct daemon *d, bool done, const char *text, json_t *clear)
{
	const struct mono now = clock_now();

	return json_pack("{s:b, s:b, s:s, s:o, s:o, s:o, s:o}", "ok", 1, "done", done, "text", text,
			 "clear", clear, "watched_s",
			 clear_since(d->clear).us == MONO_NEVER.us
				 ? json_null()
				 : json_integer(clock_seconds_since(now, clear_since(d->clear))),
			 "watch_error",
			 clear_error(d->clear) != 0 ? json_string(strerror(-clear_error(d->clear)))
						    : json_null(),
			 "mode", status_mode(&d->mode, &d->config->spec, now));
}

/* Not without a warning: somebody is there, or nobody can tell. */
static bool needs_force(const struct daemon *d, const json_t *clear, const struct wish *w)
{
	return w->choice != MODE_OPTIONAL && !w->force && w->within_us == 0 &&
	       (json_array_size(clear) > 0 || clear_error(d->clear) != 0);
}

static void tell(struct daemon *d, const struct wish *w, size_t n_clear)
{
	char net[SUBNET_TEXT_LEN] = "all of ipsec_subnets";

	if (w->one)
		subnet_text(&w->net, net);
	log_happening(d->log, MODE, REPORT_NOTICE, "mode %s for %s%s, with %zu peers in the clear",
		      mode_choice_name(w->choice), net,
		      w->within_us > 0 ? " until it is confirmed or its time is over" : "",
		      n_clear);
}

json_t *daemon_answer_mode(struct daemon *d, const json_t *request)
{
	const struct mono now = clock_now();
	char why[MODE_TEXT_LEN], text[160];
	struct wish w;
	json_t *clear, *no;

	if (json_object_get(request, "mode") == NULL)
		return answer(d, true, "", json_array());
	no = read_wish(d, request, &w);
	if (no != NULL)
		return no;
	clear = cut_off(d, &w, now);
	if (needs_force(d, clear, &w))
		return answer(d, false, "peers still talk in the clear", clear);
	if (mode_switch_choose(&d->mode, w.one ? &w.net : NULL, w.choice, now, w.within_us, why) !=
	    0) {
		json_decref(clear);
		return control_error("%s", why);
	}
	tell(d, &w, json_array_size(clear));
	apply(d);
	snprintf(text, sizeof(text), "%s%s",
		 w.within_us > 0 ? "in force until it goes back by itself" : "done",
		 d->policies.error != 0 ? POLICIES_INCOMPLETE : "");
	return answer(d, true, text, clear);
}

json_t *daemon_answer_confirm(struct daemon *d, const json_t *request)
{
	char why[MODE_TEXT_LEN];

	(void)request;
	if (mode_switch_confirm(&d->mode, why) != 0)
		return control_error("%s", why);
	log_happening(d->log, MODE, REPORT_NOTICE, "the mode is confirmed");
	return answer(d, true, "confirmed: it stays", json_array());
}
