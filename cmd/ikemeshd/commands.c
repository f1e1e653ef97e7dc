/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/status_json.h"

#include <string.h>

static json_t *answer_ok(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 1, "text", text);
}

static json_t *answer_statusall(struct daemon *d, const json_t *request)
{
	struct status_sources s = {
		.engine = d->engine,
		.spec = &d->config->spec,
		.kernel = d->kernel,
		.udp = udp_counters(d->udp),
		.now = clock_now(),
		.started = d->started,
		.wall_now = time(NULL),
		.wall_started = d->started_wall,
	};

	(void)request;
	s.locals = addresses_list(d->addresses, &s.n_locals);
	return status_json(&s);
}

static json_t *answer_version(struct daemon *d, const json_t *request)
{
	(void)d;
	(void)request;
	return status_version();
}

static json_t *answer_reload(struct daemon *d, const json_t *request)
{
	size_t errors = 0;
	int err = daemon_load(d, &errors);

	(void)request;
	if (err == 0)
		return answer_ok("the configuration was loaded anew");
	if (errors > 0)
		return control_error("%s has %zu error%s, and the old configuration stays: see "
				     "`ikectl check %s`",
				     d->options.config_path, errors, errors == 1 ? "" : "s",
				     d->options.config_path);
	return control_error("%s: %s; the old configuration stays", d->options.config_path,
			     strerror(-err));
}

static json_t *answer_disable(struct daemon *d, const json_t *request)
{
	(void)request;
	d->disable = true;
	d->leave_asked = true;
	return answer_ok("removing SAs and policies, and leaving");
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

static json_t *answer_peer(struct daemon *d, const json_t *request, enum command_kind command,
			   const char *done)
{
	const char *text = json_string_value(json_object_get(request, "peer"));
	struct event e = { .kind = EVENT_COMMAND, .command = { .command = command } };
	json_t *no = NULL;

	if (text == NULL || !ip_parse(text, &e.command.remote))
		return control_error("\"peer\" must be the peer's IPv4 or IPv6 address");
	if (command == COMMAND_UP)
		no = not_ours(d, text, &e.command.remote);
	if (no != NULL)
		return no;
	daemon_feed(d, &e);
	return answer_ok(done);
}

static json_t *answer_up(struct daemon *d, const json_t *request)
{
	return answer_peer(d, request, COMMAND_UP, "negotiating: see statusall for how it ends");
}

static json_t *answer_down(struct daemon *d, const json_t *request)
{
	return answer_peer(d, request, COMMAND_DOWN,
			   "SAs deleted; the next packet brings new ones");
}

static json_t *answer_rekey(struct daemon *d, const json_t *request)
{
	return answer_peer(d, request, COMMAND_REKEY, "rekeying: see statusall for how it ends");
}

static const struct {
	const char *name;
	json_t *(*answer)(struct daemon *d, const json_t *request);
} commands[] = {
	{ "statusall", answer_statusall },
	{ "version", answer_version },
	{ "reload", answer_reload },
	{ "disable", answer_disable },
	{ "up", answer_up },
	{ "down", answer_down },
	{ "rekey", answer_rekey },
};

json_t *daemon_answer(void *arg, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	if (name == NULL)
		return control_error("a request needs a \"command\"");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].answer(arg, request);
	}
	return control_error("this daemon (ikemesh %s) knows no such command", IKEMESH_VERSION);
}
