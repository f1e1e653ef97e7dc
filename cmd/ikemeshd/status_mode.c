/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/status_mode.h"
#include "cmd/ikemeshd/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *flag_name(bool optional)
{
	return mode_choice_name(optional ? MODE_OPTIONAL : MODE_ENFORCED);
}

static json_t *subnet_json(const struct subnet *net)
{
	char text[SUBNET_TEXT_LEN];

	return json_string(subnet_text(net, text));
}

static json_t *choices_json(const struct mode *m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < m->n; i++)
		json_array_append_new(all, json_pack("{s:o, s:s}", "subnet",
						     subnet_json(&m->entry[i].net), "mode",
						     mode_choice_name(m->entry[i].choice)));
	return all;
}

static json_t *differences_json(const struct spec *spec)
{
	json_t *all = json_array();

	for (size_t i = 0; i < spec->n_protect; i++) {
		const struct subnet_spec *p = &spec->protect[i];

		if (p->optional == p->optional_in_file)
			continue;
		json_array_append_new(all, json_pack("{s:o, s:i, s:i, s:s, s:s}", "subnet",
						     subnet_json(&p->net), "protocol",
						     (int)p->protocol, "port", (int)p->port, "mode",
						     flag_name(p->optional), "file",
						     flag_name(p->optional_in_file)));
	}
	return all;
}

static json_t *ago_json(struct mono now, struct mono then)
{
	if (then.us == MONO_NEVER.us)
		return json_null();
	return json_integer(clock_seconds_since(now, then));
}

json_t *status_mode(const struct mode_switch *s, const struct spec *spec, struct mono now)
{
	const bool pending = mode_switch_is_pending(s);

	return json_pack("{s:s, s:o, s:o, s:b, s:o, s:o}", "all", mode_choice_name(s->now.all),
			 "subnets", choices_json(&s->now), "differences", differences_json(spec),
			 "pending", pending, "back_in_s",
			 pending ? json_integer(clock_seconds_since(s->back_at, now)) : json_null(),
			 "fault", s->fault != NULL ? json_string(s->fault) : json_null());
}

json_t *status_talker(const struct clear_talker *t, struct mono now)
{
	char name[SUBNET_TEXT_LEN + 16], peer[IP_TEXT_LEN], net[SUBNET_TEXT_LEN];

	snprintf(name, sizeof(name), "ipsec-%s", subnet_text(&t->entry->net, net));
	return json_pack("{s:s, s:s, s:o, s:o}", "peer", ip_text(&t->remote, peer), "connection",
			 name, "in_s_ago", ago_json(now, t->in), "out_s_ago",
			 ago_json(now, t->out));
}

json_t *status_clear(struct clear *clear, const struct engine *engine, const struct spec *spec,
		     struct mono now)
{
	const struct mono since = clear != NULL ? clear_since(clear) : MONO_NEVER;
	const int error = clear != NULL ? clear_error(clear) : 0;
	json_t *peers = json_array();
	struct clear_talker *t;
	size_t n;

	clear_view(clear, engine, spec, clear != NULL && clear_sees_decrypted(clear), now, &t, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(peers, status_talker(&t[i], now));
	free(t);
	return json_pack("{s:i, s:o, s:o, s:o}", "count", (int)n, "watched_s", ago_json(now, since),
			 "error", error != 0 ? json_string(strerror(-error)) : json_null(), "peers",
			 peers);
}
