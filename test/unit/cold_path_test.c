/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor asked about a peer before there is an SA with it: its first ping brings one up, and
 * what does not fit in ESP is not held against the path. The daemon and the path are made up.
 */
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"

#define MTU 1500

static const struct overhead esp = { .min = 34, .max = 37, .block = 4 };

/* What is there. */
static struct {
	bool protected, up; /* an SA */
	size_t narrow;	    /* a link on the way takes no more, and nobody says so; 0: none does */
	unsigned probes;
} world;

static json_t *status_now(void)
{
	json_t *pairs = json_array();

	if (world.up)
		json_array_append_new(pairs,
				      json_pack("{s:s, s:s, s:[{s:[{s:s, s:i, s:i}]}]}", "remote",
						"10.1.0.2", "state", "up", "ike_sas", "child_sas",
						"state", "INSTALLED", "overhead_min", (int)esp.min,
						"overhead_max", (int)esp.max));
	return json_pack("{s:[{s:s, s:s}], s:o}", "connections", "kind", "protect", "subnet",
			 "10.1.0.0/16", "pairs", pairs);
}

json_t *__wrap_client_ask(const char *run_dir, const json_t *request, int *err,
			  char error[static CLIENT_ERROR_LEN]);
json_t *__wrap_client_ask(const char *run_dir, const json_t *request, int *err,
			  char error[static CLIENT_ERROR_LEN])
{
	(void)request;
	assert_string_equal(run_dir, "/run/x");
	*err = 0;
	error[0] = '\0';
	return status_now();
}

int __wrap_link_way(const struct ip *to, struct way *out);
int __wrap_link_way(const struct ip *to, struct way *out)
{
	(void)to;
	*out = (struct way){ .link = 2 };
	return 0;
}

int __wrap_links_read(struct link **out, size_t *n);
int __wrap_links_read(struct link **out, size_t *n)
{
	*out = calloc(1, sizeof(**out));
	assert_non_null(*out);
	(*out)->index = 2;
	(*out)->mtu = MTU;
	*n = 1;
	return 0;
}

/* As path_probe.c would find it. */
void __wrap_path_probe(struct path_probe *p, unsigned mtu, void (*told)(size_t size));
void __wrap_path_probe(struct path_probe *p, unsigned mtu, void (*told)(size_t size))
{
	const size_t link = world.narrow != 0 ? world.narrow : MTU;

	(void)told;
	assert_int_equal(mtu, MTU);
	world.probes++;
	world.up |= world.protected;
	p->answered = true;
	p->most = p->overhead.block ? overhead_largest(&p->overhead, 4, mtu) : mtu;
	p->largest = world.up ? overhead_largest(&esp, 4, link) : link;
	p->believed = p->most;
}

static void asked(enum health verdict, const char *words, unsigned probes)
{
	struct findings out = { .check = "path" };
	struct facts f = { .status = status_now() };
	const struct ip peer = xfrm_ip("10.1.0.2");

	world.probes = 0;
	facts_probe_path("/run/x", f.status, &peer, &f.path);
	check_path(&f, &out);
	assert_int_equal(world.probes, probes);
	assert_int_equal(out.n, 1);
	if (out.p[0].verdict != verdict || strstr(out.p[0].text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, out.p[0].text);
	findings_free(&out);
	json_decref(f.status);
}

static void test_cold(void **state)
{
	(void)state;
	world.protected = true;
	world.up = false;
	world.narrow = 0;
	asked(HEALTH_GOOD, "all that the interface takes, as ESP", 2);
	asked(HEALTH_GOOD, "all that the interface takes, as ESP", 1);
}

/* What takes too little is found all the same. */
static void test_cold_and_narrow(void **state)
{
	(void)state;
	world.protected = true;
	world.up = false;
	world.narrow = 1300;
	asked(HEALTH_ERROR, "and the kernel does not know", 2);
	asked(HEALTH_ERROR, "and the kernel does not know", 1);
}

/* In the clear nothing is added, and there is no second probe. */
static void test_clear(void **state)
{
	(void)state;
	world.protected = world.up = false;
	world.narrow = 0;
	asked(HEALTH_GOOD, "of up to 1500 octets arrive: all that the interface takes", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cold),
		cmocka_unit_test(test_cold_and_narrow),
		cmocka_unit_test(test_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
