/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces and ways on a real kernel, in a network namespace. Needs root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"
#include "lib/xfrm_world.h"
#include "xfrm/link.h"

static struct test {
	struct world world;
	bool possible;
} t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.possible = world_open(&t.world);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(&t.world);
	return 0;
}

static void need_world(void)
{
	if (!t.possible) {
		print_message("[  SKIP   ] no network namespaces with veth here\n");
		skip();
	}
}

static struct link find(const char *name)
{
	struct link *all, found = { 0 };
	size_t n;

	assert_int_equal(links_read(&all, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			found = all[i];
	free(all);
	return found;
}

static void interfaces_are_as_they_are(void **state)
{
	struct link lo, box, br;

	(void)state;
	need_world();
	assert_true(world_ip("link add br0 type bridge"));
	assert_true(world_ip("link set br0 up mtu 1400"));
	assert_true(world_ip("link add box type veth peer name inside"));
	assert_true(world_ip("link set box master br0 mtu 1300"));
	lo = find("lo");
	br = find("br0");
	box = find("box");
	assert_true(lo.index != 0 && lo.loopback);
	assert_string_equal(lo.kind, "");
	assert_true(br.up && !br.loopback);
	assert_int_equal(br.mtu, 1400);
	assert_string_equal(br.kind, "bridge");
	assert_int_equal(br.master, 0);
	assert_string_equal(box.kind, "veth");
	assert_int_equal(box.mtu, 1300);
	assert_int_equal(box.master, br.index);
	assert_false(box.up);
	assert_int_equal(find("nobody").index, 0);
}

static void a_way_has_its_interface_and_gateway(void **state)
{
	struct ip near = xfrm_ip("10.7.0.9"), far = xfrm_ip("10.8.0.9"), far6 = xfrm_ip("fd08::9"),
		  nowhere = xfrm_ip("10.9.0.9"), gateway = xfrm_ip("10.7.0.1"),
		  gateway6 = xfrm_ip("fd07::1");
	unsigned index;
	struct way way;

	(void)state;
	need_world();
	assert_true(world_ip("link add box type veth peer name inside"));
	assert_true(world_ip("link set inside up"));
	assert_true(world_ip("link set box up"));
	assert_true(world_ip("addr add 10.7.0.2/24 dev box"));
	assert_true(world_ip("addr add fd07::2/64 dev box nodad"));
	assert_true(world_ip("route add 10.8.0.0/16 via 10.7.0.1"));
	assert_true(world_ip("route add fd08::/64 via fd07::1"));
	index = find("box").index;
	assert_int_equal(link_way(&near, &way), 0);
	assert_int_equal(way.link, index);
	assert_int_equal(way.via.family, 0);
	assert_int_equal(link_way(&far, &way), 0);
	assert_int_equal(way.link, index);
	assert_true(ip_equal(&way.via, &gateway));
	assert_int_equal(link_way(&far6, &way), 0);
	assert_true(ip_equal(&way.via, &gateway6));
	assert_true(world_ip("route add unreachable 10.9.0.0/16"));
	assert_int_equal(link_way(&nowhere, &way), -EHOSTUNREACH);
}

static void neighbours_are_alive_or_gone(void **state)
{
	struct ip alive = xfrm_ip("10.7.0.8"), gone = xfrm_ip("10.7.0.9"),
		  alive6 = xfrm_ip("fd07::8"), other = xfrm_ip("10.7.0.10");

	(void)state;
	need_world();
	assert_true(world_ip("link add box type veth peer name inside"));
	assert_true(world_ip("link set inside up"));
	assert_true(world_ip("link set box up"));
	assert_true(world_ip("neigh add 10.7.0.8 lladdr 02:00:00:00:00:01 dev box nud reachable"));
	assert_true(world_ip("neigh add 10.7.0.9 dev box nud failed"));
	assert_true(world_ip("neigh add fd07::8 lladdr 02:00:00:00:00:01 dev box nud stale"));
	assert_true(world_ip("neigh add 10.7.0.10 lladdr 02:00:00:00:00:02 dev box nud permanent"));
	assert_int_equal(link_neighbour(&alive), NEIGHBOUR_ALIVE);
	assert_int_equal(link_neighbour(&alive6), NEIGHBOUR_ALIVE);
	assert_int_equal(link_neighbour(&gone), NEIGHBOUR_GONE);
	assert_int_equal(link_neighbour(&other), NEIGHBOUR_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(interfaces_are_as_they_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_way_has_its_interface_and_gateway, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(neighbours_are_alive_or_gone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
