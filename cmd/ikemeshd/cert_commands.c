/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/cert_commands.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/preflight.h"

#include <errno.h>
#include <string.h>

json_t *answer_certs(struct daemon *d, const json_t *request)
{
	(void)request;
	return certs_json(d->config, d->engine, time(NULL));
}

int daemon_preflight(const struct daemon *d, const struct config *c, struct preflight *out)
{
	const struct preflight_sides sides = { .old = &d->config->spec,
					       .new = &c->spec,
					       .trust = c->trust,
					       .binds_address = c->rules.bind_address &&
								!d->config->rules.bind_address,
					       .now = time(NULL) };
	struct peers ps;
	int err = peers_collect(d->engine, &ps);

	if (err == 0)
		err = preflight_run(&sides, &ps, out);
	peers_free(&ps);
	return err;
}

json_t *answer_preflight(struct daemon *d, const json_t *request)
{
	const char *file = json_string_value(json_object_get(request, "file"));
	struct problems ps = { 0 };
	struct config c = { 0 };
	struct preflight found;
	json_t *answer;
	int err;

	if (file == NULL)
		return control_error("\"file\" must be the path of a configuration");
	err = config_load(file, time(NULL), &c, &ps);
	problems_free(&ps); /* whoever asks has read the file as well, and tells them */
	if (err == 0)
		err = daemon_preflight(d, &c, &found);
	config_free(&c);
	if (err == -EINVAL)
		return control_error("%s has errors", file);
	if (err != 0)
		return control_error("%s: %s", file, strerror(-err));
	answer = preflight_json(&found);
	preflight_free(&found);
	json_object_set_new(answer, "ok", json_true());
	return answer;
}

json_t *answer_rotate(struct daemon *d, const json_t *request)
{
	int err = daemon_rotate(d);

	(void)request;
	if (err != 0)
		return control_error("%s", strerror(-err));
	return json_pack("{s:b, s:s, s:i}", "ok", 1, "text",
			 "re-authenticating all peers: see `ikectl rotate status`", "total",
			 (int)d->rotation.n);
}

json_t *answer_rotate_status(struct daemon *d, const json_t *request)
{
	const struct rotate_sources s = { .spec = &d->config->spec,
					  .rotation = &d->rotation,
					  .past = d->past,
					  .now = clock_now(),
					  .wall_now = time(NULL) };
	struct peers ps;
	json_t *answer;

	(void)request;
	if (peers_collect(d->engine, &ps) != 0)
		return NULL;
	answer = rotate_json(&s, &ps);
	peers_free(&ps);
	return answer;
}
