/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/cert_commands.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/config_json.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/pairs_json.h"
#include "cmd/ikemeshd/status_json.h"

#include <string.h>

static json_t *answer_ok(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 1, "text", text);
}

/* only: pairs with this peer alone; NULL: all. */
static struct status_sources sources_of(struct daemon *d, const struct ip *only)
{
	struct status_sources s = {
		.engine = d->engine,
		.spec = &d->config->spec,
		.kernel = d->kernel,
		.udp = udp_counters(d->udp),
		.mode = &d->mode,
		.clear = d->clear,
		.now = clock_now(),
		.started = d->started,
		.wall_now = time(NULL),
		.wall_started = d->started_wall,
		.config_path = d->options.config_path,
		.config = d->config,
		.routes = &d->routes,
		.only = only,
		.expiry_days = d->config->expiry_days,
		.n_expiry_days = d->config->n_expiry_days,
		.exposed_to = expose_dir(d->expose),
		.takeover = &d->takeover,
	};

	s.locals = addresses_list(d->addresses, &s.n_locals);
	return s;
}

/* foreign: with policies of others. */
static struct json_text status_of(struct daemon *d, const struct ip *only, bool foreign)
{
	struct status_sources s = sources_of(d, only);
	char own_fault[VERDICT_TEXT_LEN];
	struct key_client_state keyholder;
	struct json_text t = { 0 };

	key_client_state(d->keys, &keyholder);
	s.keyholder = &keyholder;
	daemon_own_fault(d, own_fault);
	s.own_fault = own_fault;
	if (foreign) {
		policies_look_for_shadows(&d->policies);
		s.foreign = &d->policies;
	}
	status_write(&s, &t);
	return t;
}

static void give_text(const struct control_asker *asker, struct json_text *t)
{
	if (t->no_memory)
		json_text_free(t);
	control_answer_text(asker->control, asker->ticket, t->p, t->n);
}

static json_t *answer_pairs(struct daemon *d, const json_t *request)
{
	const struct status_sources s = sources_of(d, NULL);

	(void)request;
	return pairs_json(&s);
}

static void ask_statusall(struct daemon *d, const struct control_asker *asker,
			  const json_t *request)
{
	struct json_text t = status_of(d, NULL, true);

	(void)request;
	give_text(asker, &t);
}

static json_t *answer_version(struct daemon *d, const json_t *request)
{
	json_t *answer = status_version();

	(void)request;
	json_object_set_new(answer, "takeover", takeover_json(&d->takeover));
	json_object_set_new(answer, "config_modified", status_modified(d->config));
	return answer;
}

static json_t *answer_config(struct daemon *d, const json_t *request)
{
	(void)request;
	return config_json(d->config, d->options.config_path);
}

static void ask_reload(struct daemon *d, const struct control_asker *asker, const json_t *request)
{
	daemon_reload(d, json_is_true(json_object_get(request, "force")), asker->ticket);
}

static json_t *answer_disable(struct daemon *d, const json_t *request)
{
	(void)request;
	d->disable = true;
	d->leave_asked = true;
	return answer_ok("removing SAs and policies, and leaving");
}

static json_t *answer_release(struct daemon *d, const json_t *request)
{
	(void)request;
	d->release = true;
	d->leave_asked = true;
	return answer_ok("leaving, and SAs and policies with it");
}

/* Why nothing can be negotiated with this address; NULL: it can. */
static json_t *not_ours(const struct daemon *d, const char *text, const struct ip *peer)
{
	char net[SUBNET_TEXT_LEN];
	const struct subnet_spec *which = NULL;

	switch (spec_ruling(&d->config->spec, peer, &which)) {
	case RULING_NONE:
		return control_error("%s lies in none of ipsec_subnets: traffic with it is not "
				     "protected",
				     text);
	case RULING_BYPASS:
		return control_error("%s lies in %s of no_ipsec_subnets: traffic with it bypasses "
				     "IPsec",
				     text, subnet_text(&which->net, net));
	case RULING_OPTIONAL:
	case RULING_ENFORCED:
		break;
	}
	return NULL;
}

struct census {
	struct ip remote;
	size_t n_ike;
};

static void count_pair(void *arg, const struct status_pair *p)
{
	struct census *c = arg;

	if (ip_equal(&p->remote, &c->remote))
		c->n_ike += p->n_ike;
}

static void pass_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void pass_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

static bool has_sas(const struct daemon *d, const struct ip *remote)
{
	struct census c = { .remote = *remote };
	const struct status_visitor v = {
		.pair = count_pair, .ike = pass_ike, .child = pass_child, .arg = &c
	};

	engine_status(d->engine, &v);
	return c.n_ike > 0;
}

static bool is_own(const struct daemon *d, const struct ip *address)
{
	size_t n;
	const struct ip *locals = addresses_list(d->addresses, &n);

	for (size_t i = 0; i < n; i++) {
		if (ip_equal(&locals[i], address))
			return true;
	}
	return false;
}

/* NULL: remote is filled in. */
static json_t *read_peer(const json_t *request, struct ip *remote, const char **text)
{
	*text = json_string_value(json_object_get(request, "peer"));
	if (*text == NULL || !ip_parse(*text, remote))
		return control_error("\"peer\" must be the peer's IPv4 or IPv6 address");
	return NULL;
}

static void ask_status(struct daemon *d, const struct control_asker *asker, const json_t *request)
{
	const bool one = json_object_get(request, "peer") != NULL;
	struct json_text t;
	struct ip remote;
	const char *text;
	json_t *no = one ? read_peer(request, &remote, &text) : NULL;

	if (no != NULL) {
		control_answer(asker->control, asker->ticket, no);
		return;
	}
	t = status_of(d, one ? &remote : NULL, false);
	give_text(asker, &t);
}

static json_t *answer_up(struct daemon *d, const json_t *request)
{
	struct event e = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_UP } };
	struct ip *remote = &e.command.remote;
	char own[IP_TEXT_LEN];
	const char *text;
	json_t *no = read_peer(request, remote, &text);
	int err;

	if (no == NULL && is_own(d, remote))
		no = control_error("%s is an address of this host itself", text);
	if (no == NULL)
		no = not_ours(d, text, remote);
	if (no != NULL)
		return no;
	if (has_sas(d, remote))
		return answer_ok("there is an IKE SA already, or one on its way: see statusall");
	err = routes_local_for(&d->routes, remote, &e.command.local);
	if (err != 0)
		return control_error("no route to %s: %s", text, strerror(-err));
	if (!spec_covers(&d->config->spec, &e.command.local))
		return control_error("packets to %s leave from %s, which is not in local_addresses",
				     text, ip_text(&e.command.local, own));
	/* One that is not on the list: loopback, or come just now. */
	if (ip_equal(&e.command.local, remote))
		return control_error("%s is an address of this host itself", text);
	daemon_feed(d, &e);
	return answer_ok("negotiating: see statusall for how it ends");
}

static json_t *answer_sas(struct daemon *d, const json_t *request, enum command_kind command,
			  const char *done)
{
	struct event e = { .kind = EVENT_COMMAND, .command = { .command = command } };
	const char *text;
	json_t *no = read_peer(request, &e.command.remote, &text);

	if (no == NULL && !has_sas(d, &e.command.remote))
		no = control_error("there is no SA with %s", text);
	if (no != NULL)
		return no;
	daemon_feed(d, &e);
	return answer_ok(done);
}

static json_t *answer_down(struct daemon *d, const json_t *request)
{
	return answer_sas(d, request, COMMAND_DOWN, "SAs deleted; the next packet brings new ones");
}

static json_t *answer_rekey(struct daemon *d, const json_t *request)
{
	return answer_sas(d, request, COMMAND_REKEY, "rekeying: see statusall for how it ends");
}

static json_t *answer_rekey_ike(struct daemon *d, const json_t *request)
{
	return answer_sas(d, request, COMMAND_REKEY_IKE, "rekeying: see statusall for how it ends");
}

/* Without an SA there is nothing to reset, but a back-off. */
static json_t *answer_reset(struct daemon *d, const json_t *request)
{
	struct ip remote;
	const char *text;
	json_t *no = read_peer(request, &remote, &text);

	if (no != NULL)
		return no;
	if (!has_sas(d, &remote))
		return answer_up(d, request);
	return answer_sas(d, request, COMMAND_RESET,
			  "all SAs are gone, negotiating afresh: see statusall for how it ends");
}

static json_t *answer_reauth(struct daemon *d, const json_t *request)
{
	return answer_sas(d, request, COMMAND_REAUTH, "authenticating anew: see statusall");
}

static const struct row {
	const char *name;
	json_t *(*answer)(struct daemon *d, const json_t *request);
	/* Or it answers by the ticket, at once or later. */
	void (*ask)(struct daemon *d, const struct control_asker *asker, const json_t *request);
	bool reads;	    /* for members of control_group, too */
	const char *writes; /* ... unless this is said with it */
	bool same;	    /* for all who ask at the same time */
} rows[] = {
	{ .name = "statusall", .ask = ask_statusall, .reads = true, .same = true },
	{ .name = "status", .ask = ask_status, .reads = true, .same = true },
	{ .name = "version", .answer = answer_version, .reads = true },
	{ .name = "pairs", .answer = answer_pairs, .reads = true, .same = true },
	{ .name = "events", .answer = daemon_answer_events, .reads = true },
	{ .name = "config", .answer = answer_config, .reads = true },
	{ .name = "explain", .answer = daemon_answer_explain, .reads = true },
	{ .name = "reload", .ask = ask_reload },
	{ .name = "disable", .answer = answer_disable },
	{ .name = "release", .answer = answer_release },
	{ .name = "up", .answer = answer_up },
	{ .name = "down", .answer = answer_down },
	{ .name = "rekey", .answer = answer_rekey },
	{ .name = "rekey-ike", .answer = answer_rekey_ike },
	{ .name = "reauth", .answer = answer_reauth },
	{ .name = "reset", .answer = answer_reset },
	{ .name = "log", .answer = daemon_answer_log, .reads = true, .writes = "level" },
	{ .name = "mode", .answer = daemon_answer_mode, .reads = true, .writes = "mode" },
	{ .name = "confirm", .answer = daemon_answer_confirm },
	{ .name = "certs", .answer = answer_certs, .reads = true },
	{ .name = "preflight", .ask = ask_preflight }, /* reads a file with our rights */
	{ .name = "rotate", .answer = answer_rotate },
	{ .name = "rotate-status", .answer = answer_rotate_status, .reads = true },
	{ .name = "metrics", .answer = daemon_answer_metrics, .reads = true, .same = true },
	{ .name = "metrics-listen", .answer = daemon_answer_metrics_listen, .reads = true },
};

/* NULL: *no says why not. */
static const struct row *row_of(const json_t *request, json_t **no)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	for (size_t i = 0; name != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	*no = name == NULL ? control_error("a request needs a \"command\"")
			   : control_error("this daemon (ikemesh %s) knows no such command",
					   IKEMESH_VERSION);
	return NULL;
}

json_t *daemon_answer(struct daemon *d, const json_t *request)
{
	json_t *no = NULL;
	const struct row *row = row_of(request, &no);

	return row != NULL && row->answer != NULL ? row->answer(d, request) : no;
}

static bool may(const struct control_asker *asker, const struct row *row, const json_t *request)
{
	bool reads = row->reads &&
		     (row->writes == NULL || json_object_get(request, row->writes) == NULL);

	return asker->rights == RIGHTS_ADMIN || (reads && asker->rights == RIGHTS_READ);
}

void daemon_ask(void *arg, const struct control_asker *asker, const json_t *request)
{
	json_t *answer;
	const struct row *row = row_of(request, &answer);

	if (row != NULL && !may(asker, row, request)) {
		answer = control_not_allowed("only root may do this; the group that control_group "
					     "names may look");
		row = NULL;
	}
	if (row != NULL && row->same)
		control_share(asker->control, asker->ticket);
	if (row != NULL && row->ask != NULL) {
		row->ask(arg, asker, request);
		return;
	}
	if (row != NULL)
		answer = row->answer(arg, request);
	control_answer(asker->control, asker->ticket, answer);
}
