/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/life.h"

#include "faults/heap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP_S 3
#define REST_S 90
#define PACE_S 3 /* a packet each way */
#define SHOWN 10 /* points that were not survived */

static struct {
	jmp_buf out;
	char text[512];
} broken;

static void breach(const struct sim *s, int a, int b, const char *text)
{
	(void)s;
	(void)a;
	(void)b;
	heap_arm(false);
	snprintf(broken.text, sizeof broken.text, "%s", text);
	longjmp(broken.out, 1);
}

/* ---- IKE SAs that one end alone has -----------------------------------------------------------
 */

#define IKE_SAS 16

struct ike_sas {
	uint64_t spis[IKE_SAS][2];
	size_t n;
	bool up_alone;
};

static void see_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void see_ike(void *arg, const struct status_ike *i)
{
	struct ike_sas *all = arg;

	if ((all->up_alone && i->state != IKE_ESTABLISHED) || all->n == IKE_SAS)
		return;
	all->spis[all->n][0] = i->spi_i;
	all->spis[all->n++][1] = i->spi_r;
}

static void see_child(void *arg, const struct status_child *c)
{
	(void)arg;
	(void)c;
}

static struct ike_sas ike_sas(const struct sim *s, unsigned host, bool up_alone)
{
	struct ike_sas all = { .up_alone = up_alone };
	const struct status_visitor v = {
		.pair = see_pair, .ike = see_ike, .child = see_child, .arg = &all
	};

	engine_status(s->hosts[host].engine, &v);
	return all;
}

/* None that the other end was never told of. */
static void check_ike_sas(struct sim *s)
{
	const struct ike_sas ours = ike_sas(s, LIFE_VICTIM, true);
	const struct ike_sas theirs = ike_sas(s, LIFE_OTHER, false);

	for (size_t i = 0; i < ours.n; i++) {
		size_t k = 0;

		while (k < theirs.n &&
		       memcmp(ours.spis[i], theirs.spis[k], sizeof ours.spis[i]) != 0)
			k++;
		if (k == theirs.n)
			sim_breach(s, "an IKE SA is up that the peer does not have");
	}
}

static void live(struct sim *s, const struct life *l)
{
	static const enum command_kind steps[] = { COMMAND_REKEY, COMMAND_REKEY_IKE, COMMAND_REAUTH,
						   COMMAND_DOWN };
	const unsigned first = l->begins ? LIFE_VICTIM : LIFE_OTHER, second = 1 - first;

	sim_start_all(s);
	sim_send(s, first, second);
	sim_run_for(s, STEP_S * SIM_SECOND);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		sim_command(s, first, second, steps[i]);
		sim_run_for(s, STEP_S * SIM_SECOND);
		check_ike_sas(s);
	}
	/* Another handshake, and what it takes to get there. */
	sim_stream(s, first, second, 0, PACE_S * SIM_SECOND, REST_S / PACE_S);
	sim_stream(s, second, first, 0, PACE_S * SIM_SECOND, REST_S / PACE_S);
	sim_run_for(s, (REST_S + 10) * SIM_SECOND);
	sim_check_rest(s);
	if (!sim_pair_up(s, 0, 1))
		sim_breach(s, "the pair is not up");
}

const char *life_live(const struct life *l)
{
	const struct sim_options o = {
		.seed = l->begins ? 1 : 2,
		.hosts = 2,
		.wire = { .delay_us = 1000 },
		.fleet = l->fleet,
		.quiet = getenv("IKEMESH_LIFE_TRACE") == NULL,
		.other_core = l->core,
		.breach = breach,
	};
	const char *why = NULL;
	struct sim *s;

	broken.text[0] = '\0';
	s = sim_new(&o);
	if (l->prepare != NULL)
		l->prepare(s);
	sim_pair_want(s, 0, 1);
	if (setjmp(broken.out) == 0) {
		live(s, l);
		why = l->judge != NULL ? l->judge() : NULL;
	} else {
		why = broken.text;
	}
	if (why != NULL && !o.quiet)
		trace_print(&s->trace, 400);
	sim_free(s);
	return why;
}

void life_each_point(const struct life *l, const struct life_points *p)
{
	uint64_t survived = 0, points = 0;
	const char *why;

	for (uint64_t n = 1;; n++) {
		p->set(n);
		why = life_live(l);
		if (!p->hit())
			break;
		points++;
		survived += why == NULL;
		if (why == NULL || points - survived > SHOWN)
			continue;
		print_message("%s %llu: %s\n", p->what, (unsigned long long)n, why);
		if (p->show != NULL)
			p->show();
	}
	print_message("%s, who %s: %llu injection points, %llu survived\n", p->what,
		      l->begins ? "begins" : "answers", (unsigned long long)points,
		      (unsigned long long)survived);
	assert_null(why); /* without any failure */
	assert_true(points >= p->least);
	assert_true(points == survived);
}
