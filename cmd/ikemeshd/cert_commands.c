/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/cert_commands.h"
#include "cmd/ikemeshd/candidate.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Less than who asks waits. */
#define PREFLIGHT_S 25

json_t *answer_certs(struct daemon *d, const json_t *request)
{
	(void)request;
	return certs_json(d->config, d->engine, time(NULL));
}

/* What an operator waits for, over the control socket. */
struct asked {
	uint64_t ticket;
	char file[KEY_PATH_LEN];
};

/* Owns the candidate; answer NULL: its error is one. */
static void say(struct candidate *c, json_t *answer)
{
	const struct asked *a = c->arg;

	if (answer == NULL && (c->err == -EINVAL || (c->err == 0 && c->config == NULL)))
		answer = control_error("%s has errors", a->file);
	else if (answer == NULL)
		answer = control_error("%s: %s", a->file, strerror(-c->err));
	control_answer(c->d->control, a->ticket, answer);
	candidate_free(c);
}

static void on_judged(struct candidate *c)
{
	json_t *answer = c->err == 0 ? preflight_json(&c->found) : NULL;

	if (answer != NULL)
		json_object_set_new(answer, "ok", json_true());
	say(c, answer);
}

static void on_read(struct candidate *c)
{
	if (c->err == 0 && c->config != NULL)
		candidate_judge(c, on_judged);
	else
		say(c, NULL);
}

void ask_preflight(struct daemon *d, const struct control_asker *asker, const json_t *request)
{
	const char *file = json_string_value(json_object_get(request, "file"));
	struct key_message m = { .kind = KEY_CHECK };
	struct asked *a;
	int err = -ENOMEM;

	if (file == NULL || strlen(file) >= sizeof(m.path)) {
		control_answer(d->control, asker->ticket,
			       control_error("\"file\" must be the path of a configuration"));
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a != NULL) {
		a->ticket = asker->ticket;
		memcpy(a->file, file, strlen(file) + 1);
		memcpy(m.path, file, strlen(file) + 1);
		err = candidate_ask(d, &m, PREFLIGHT_S, on_read, a);
	}
	if (err == 0)
		return;
	free(a);
	control_answer(d->control, asker->ticket, control_error("%s: %s", file, strerror(-err)));
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
