/* SPDX-License-Identifier: Apache-2.0 */
/* In which order the kernel hears of a change, on a real kernel in a network namespace. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <unistd.h>

#include "cmd/ikemeshd/policies.h"
#include "lib/xfrm_spec.h"
#include "lib/xfrm_world.h"

static struct test {
	struct world world;
	char dir[64];
	struct kernel *kernel;
	struct addresses *addresses;
	struct log *log;
	struct policies p;
	bool possible;
} t;

static int set_up(void **state)
{
	struct policy_default d;

	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/policies_test.XXXXXX");
	t.possible = world_open(&t.world) && kernel_open(&t.kernel) == 0 &&
		     kernel_default_get(t.kernel, &d) == 0;
	if (!t.possible)
		return 0;
	policies_init(&t.p, t.kernel, NULL, NULL, t.dir);
	if (mkdtemp(t.dir) == NULL || addresses_open(&t.addresses) != 0 ||
	    log_open(LOG_TO_STDERR, NULL, REPORT_ERROR, &t.log) != 0)
		return -1;
	policies_init(&t.p, t.kernel, t.addresses, t.log, t.dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (t.possible) {
		policies_restore_host(&t.p);
		policies_free(&t.p);
		addresses_close(t.addresses);
		log_close(t.log);
		rmdir(t.dir);
	}
	kernel_close(t.kernel);
	world_close(&t.world);
	return 0;
}

static void need_world(void)
{
	if (!t.possible) {
		print_message("[  SKIP   ] no network namespaces with veth and XFRM here\n");
		skip();
	}
}

static struct mnl_socket *listener(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_non_null(s);
	assert_int_equal(mnl_socket_bind(s, XFRMGRP_POLICY, MNL_SOCKET_AUTOPID), 0);
	return s;
}

/* "+" a new policy, "-" one that went, "=" a default policy; repeated ones once. */
static const char *heard(struct mnl_socket *s)
{
	static char text[16];
	uint8_t buf[8192] __attribute__((aligned(8)));
	size_t k = 0;
	ssize_t n;

	text[0] = '\0';
	while ((n = mnl_socket_recvfrom(s, buf, sizeof(buf))) > 0) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

		for (int left = (int)n; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			char c = h->nlmsg_type == XFRM_MSG_NEWPOLICY   ? '+'
				 : h->nlmsg_type == XFRM_MSG_DELPOLICY ? '-'
				 : h->nlmsg_type == XFRM_MSG_UPDPOLICY ? '~'
								       : '=';

			if ((k == 0 || text[k - 1] != c) && k + 1 < sizeof(text))
				text[k++] = c;
			text[k] = '\0';
		}
	}
	return text;
}

static int sync_to(const char *const *protect, bool strict)
{
	struct spec spec = xfrm_spec(protect, ENTRIES());
	int err;

	spec.strict_default = strict;
	err = policies_sync(&t.p, &spec);
	xfrm_spec_free(&spec);
	return err;
}

/* Strict after the policies stand, and not before others stand any more. */
static void strictness_ends_when_the_policies_stand(void **state)
{
	struct mnl_socket *s;

	(void)state;
	need_world();
	s = listener();
	assert_int_equal(sync_to(ENTRIES("10.0.0.0/20"), true), 0);
	assert_string_equal(heard(s), "+=");
	assert_int_equal(sync_to(ENTRIES("10.0.0.0/20", "10.4.0.0/16"), false), 0);
	assert_string_equal(heard(s), "+-=");
	mnl_socket_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strictness_ends_when_the_policies_stand, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
