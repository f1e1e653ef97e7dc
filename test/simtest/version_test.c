/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state of the version before, recorded when that was the last one (test/data), is gone on from
 * by this program: an upgrade costs no SA. Whoever raises SAVE_VERSION records one first, with the
 * program as it was:
 *
 *	version_test --record >test/data/state-VERSION
 */
#include "ike/save.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED 20261122
#define STATE_OCTETS 16384

/* Of both hosts of a pair, at one moment. */
struct recorded {
	int64_t us;
	uint8_t octets[2][STATE_OCTETS];
	size_t n[2];
};

static struct sim *two_hosts(void)
{
	const struct sim_options o = {
		.seed = SEED,
		.hosts = 2,
		.wire = { .delay_us = 1000 },
		.keeps = true,
	};
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	return s;
}

/* ---- recording --------------------------------------------------------------------------- */

/* In the middle of a rekeying: its request is out, and there is no answer. */
static bool has_task(const struct sim *s, unsigned host)
{
	const struct ike_sa *sa = s->hosts[host].engine->sas;

	return sa != NULL && sa->ours != NULL && sa->window.request_out;
}

static int print_state(const struct sim *s, unsigned host)
{
	struct secret state = { 0 };
	int err = engine_save(s->hosts[host].engine, &state);

	for (size_t i = 0; i < state.n; i++)
		printf("%s%02x", i > 0 && i % 48 == 0 ? "\n" : "", state.p[i]);
	printf("\n.\n");
	secret_free(&state);
	return err;
}

static int record(void)
{
	struct sim *s = two_hosts();
	int err = 0;

	sim_stream(s, 0, 1, 0, SIM_SECOND, 5);
	sim_run_for(s, 10 * SIM_SECOND);
	sim_command(s, 0, 1, COMMAND_REKEY);
	sim_run_for(s, 10 * SIM_SECOND);
	sim_command(s, 1, 0, COMMAND_REKEY_IKE);
	for (unsigned n = 0; n < 1000 && !has_task(s, 1); n++)
		sim_run_for(s, SIM_MS / 10);
	if (!has_task(s, 1))
		return 1;
	printf("%lld\n", (long long)s->now.us);
	for (unsigned host = 0; host < 2 && err == 0; host++)
		err = print_state(s, host);
	sim_free(s);
	return err == 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* ---- and what was recorded --------------------------------------------------------------- */

static size_t read_state(FILE *from, uint8_t out[static STATE_OCTETS])
{
	unsigned octet;
	size_t n = 0;

	while (n < STATE_OCTETS && fscanf(from, "%2x", &octet) == 1)
		out[n++] = (uint8_t)octet;
	assert_int_equal(fgetc(from), '.');
	return n;
}

static void read_recorded(unsigned version, struct recorded *r)
{
	char path[64];
	long long us;
	FILE *from;

	snprintf(path, sizeof(path), "test/data/state-%u", version);
	from = fopen(path, "r");
	assert_non_null(from);
	assert_int_equal(fscanf(from, "%lld", &us), 1);
	r->us = us;
	for (unsigned host = 0; host < 2; host++) {
		r->n[host] = read_state(from, r->octets[host]);
		assert_in_range(r->n[host], 100, STATE_OCTETS - 1);
		assert_int_equal(r->octets[host][7], version); /* network order, behind "IKMS" */
	}
	fclose(from);
}

static uint64_t begun(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c.ike_initiated + c.ike_responded;
}

static struct sim *at_that_time(const struct recorded *r)
{
	struct sim *s = two_hosts();

	assert_true(r->us > s->now.us);
	sim_run_for(s, r->us - s->now.us);
	return s;
}

/* Keys, message ids, the exchange under way: all goes on, and nobody begins anew. */
static void test_version_before(void **state)
{
	static struct recorded r;

	(void)state;
	read_recorded(SAVE_VERSION - 1, &r);
	struct sim *s = at_that_time(&r);

	for (unsigned host = 0; host < 2; host++)
		sim_take_over(s, host, BYTES(r.octets[host], r.n[host]), host);
	for (unsigned host = 0; host < 2; host++) {
		assert_int_equal(sim_ike_sas(s, host, 1 - host), 1);
		assert_int_equal(sim_live_children(s, host, 1 - host), 1);
	}
	assert_true(has_task(s, 1));
	sim_run_for(s, 10 * SIM_SECOND);
	assert_int_equal(sim_ike_sas(s, 0, 1), 1);
	assert_false(has_task(s, 1));

	/* The kernels were not recorded: their SAs come with the next rekeying. */
	sim_command(s, 0, 1, COMMAND_REKEY);
	sim_run_for(s, 10 * SIM_SECOND);
	sim_stream(s, 0, 1, 0, SIM_MS, 100);
	sim_stream(s, 1, 0, 0, SIM_MS, 100);
	sim_command(s, 1, 0, COMMAND_REKEY);
	sim_run_for(s, 10 * SIM_SECOND);
	const struct sim_tally t = sim_tally(s, -1, -1);
	assert_int_equal(t.sent, 200);
	assert_int_equal(t.was_protected, t.sent);
	sim_check_pair(s, 0, 1);
	assert_int_equal(begun(s, 0) + begun(s, 1), 0);
	sim_command(s, 1, 0, COMMAND_DOWN);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(sim_ike_sas(s, 0, 1) + sim_ike_sas(s, 1, 0), 0);
	sim_free(s);
}

/* Of a version to come nothing is taken, and a start afresh serves all the same. */
static void test_version_to_come(void **state)
{
	static struct recorded r;

	(void)state;
	read_recorded(SAVE_VERSION - 1, &r);
	struct sim *s = at_that_time(&r);

	for (unsigned host = 0; host < 2; host++) {
		r.octets[host][7] = SAVE_VERSION + 1;
		sim_take_over(s, host, BYTES(r.octets[host], r.n[host]), 0);
		assert_int_equal(sim_ike_sas(s, host, 1 - host), 0);
	}
	sim_stream(s, 0, 1, 0, SIM_SECOND, 3);
	sim_run_for(s, 5 * SIM_SECOND);
	assert_true(sim_pair_up(s, 0, 1));
	sim_free(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_before),
		cmocka_unit_test(test_version_to_come),
	};

	if (argc == 2 && strcmp(argv[1], "--record") == 0)
		return record();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
