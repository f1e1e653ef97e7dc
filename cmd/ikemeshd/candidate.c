/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/candidate.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/key_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void home(struct chore *chore)
{
	struct candidate *c = (struct candidate *)chore;

	c->next(c);
}

static void drop(struct chore *chore)
{
	candidate_free((struct candidate *)chore);
}

/* run on another core, then next in the loop; where there is no room, next at once. */
static void submit(struct candidate *c, void (*run)(struct chore *), candidate_step *next)
{
	c->chore = (struct chore){ .run = run, .home = home, .drop = drop };
	c->next = next;
	c->err = pool_submit(c->d->pool, &c->chore);
	if (c->err != 0)
		next(c);
}

/* ---- read ---------------------------------------------------------------------------------- */

static int put_together(struct candidate *c)
{
	struct secret octets;
	bool there = false;
	int err = key_content_take(c->content, &octets);

	close(c->content);
	c->content = -1;
	if (err != 0)
		return err;
	c->config = calloc(1, sizeof(*c->config));
	err = c->config == NULL
		      ? -ENOMEM
		      : wire_take_config(secret_view(&octets), &c->problems, c->config, &there);
	secret_free(&octets);
	if (there)
		return err;
	free(c->config);
	c->config = NULL;
	return err;
}

static void run_put_together(struct chore *chore)
{
	struct candidate *c = (struct candidate *)chore;

	c->err = put_together(c);
}

static void on_answer(void *arg, const struct key_message *answer, int *content)
{
	struct candidate *c = arg;

	c->err = answer->result;
	c->serial = answer->serial;
	c->content = *content;
	*content = -1;
	if (c->err == 0 && c->content < 0)
		c->err = -EBADMSG;
	if (c->err == 0)
		submit(c, run_put_together, c->next);
	else
		c->next(c);
}

static void on_drop(void *arg)
{
	candidate_free(arg);
}

int candidate_ask(struct daemon *d, const struct key_message *question, unsigned seconds,
		  candidate_step *read, void *arg)
{
	struct candidate *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->d = d;
	c->content = -1;
	c->next = read;
	c->arg = arg;
	err = key_client_ask(d->keys, question, seconds, on_answer, on_drop, c);
	if (err != 0)
		free(c);
	return err;
}

/* ---- judged -------------------------------------------------------------------------------- */

static void run_preflight(struct chore *chore)
{
	struct candidate *c = (struct candidate *)chore;

	c->err = preflight_run(&c->sides, &c->peers, &c->found);
}

/* The configuration in force stays as it is meanwhile: there is one candidate for it at a time. */
void candidate_judge(struct candidate *c, candidate_step *judged)
{
	const struct config *old = c->d->config;

	c->sides = (struct preflight_sides){
		.old = &old->spec,
		.new = &c->config->spec,
		.trust = c->config->trust,
		.binds_address = c->config->rules.bind_address && !old->rules.bind_address,
		.now = time(NULL),
	};
	c->err = peers_collect(c->d->engine, &c->peers);
	if (c->err == 0)
		c->err = peers_own(&c->peers);
	if (c->err == 0)
		submit(c, run_preflight, judged);
	else
		judged(c);
}

struct config *candidate_take(struct candidate *c)
{
	struct config *config = c->config;

	c->config = NULL;
	return config;
}

void candidate_free(struct candidate *c)
{
	if (c == NULL)
		return;
	if (c->content >= 0)
		close(c->content);
	problems_free(&c->problems);
	if (c->config != NULL)
		config_free(c->config);
	free(c->config);
	peers_free(&c->peers);
	preflight_free(&c->found);
	free(c->arg);
	free(c);
}
