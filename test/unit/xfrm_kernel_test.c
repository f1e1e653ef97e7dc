/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies and SAs in a real kernel, in network namespaces of their own. Needs root; skips what
 * the kernel at hand cannot do (ESP, address translation) and says so, and can run on any other
 * kernel as it is: its only needs are the ip command and, for one test, iptables-legacy.
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
#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "lib/xfrm_world.h"
#include "xfrm/kernel.h"
#include "xfrm/resync.h"

#define SOON 60	    /* ms: long enough for what must not come */
#define LATEST 2000 /* ms: for what must come */

struct test {
	struct world world;
	struct kernel *k; /* of here */
	bool possible, esp;
};

static struct test t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.possible = world_open(&t.world) && !kernel_open(&t.k);
	if (t.possible)
		t.esp = !kernel_probe_esp(t.k);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kernel_close(t.k);
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

static void need_esp(void)
{
	need_world();
	if (!t.esp) {
		print_message(
			"[  SKIP   ] this kernel has no ESP with AES-GCM: run me in the lab's\n");
		skip();
	}
}

static struct policy_set wanted_of(const char *const *protect, const char *const *bypass)
{
	struct spec spec = xfrm_spec(protect, bypass);
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);

	xfrm_spec_free(&spec);
	return set;
}

/* Brings the kernel here to these lists; returns how many policies changed. */
static size_t want(const char *const *protect, const char *const *bypass)
{
	struct policy_set set = wanted_of(protect, bypass);
	size_t changed;

	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), 0);
	policy_set_free(&set);
	return changed;
}

struct heard {
	struct kernel_event last[KERNEL_LOST + 1];
	unsigned n[KERNEL_LOST + 1];
};

static void hear(const struct kernel_event *e, void *arg)
{
	struct heard *h = arg;

	h->last[e->kind] = *e;
	h->n[e->kind]++;
}

/* All events until one of this kind has come, or the time is over. */
static struct heard listen_for(enum kernel_event_kind kind, int ms)
{
	struct heard h = { 0 };

	while (!h.n[kind] && world_readable(kernel_event_fd(t.k), ms))
		assert_int_equal(kernel_read_events(t.k, hear, &h), 0);
	return h;
}

static int count_ours(const struct policy_held *held, void *arg)
{
	*(size_t *)arg += held->ours;
	return 0;
}

static size_t ours(void)
{
	size_t n = 0;

	assert_int_equal(kernel_policy_dump(t.k, count_ours, &n), 0);
	return n;
}

/* --- policies ------------------------------------------------------------------------------- */

static void a_sync_and_the_next(void **state)
{
	const char *const *protect = ENTRIES("10.0.0.0/20", "2001:db8::/48", "10.1.0.0/16?");
	const char *const *bypass = ENTRIES("10.0.0.9/32", "10.0.3.0/24 udp/53");
	struct policy_set set;

	(void)state;
	need_world();
	set = wanted_of(protect, bypass);
	assert_int_equal(want(protect, bypass), set.n);
	assert_int_equal(ours(), set.n);
	assert_int_equal(want(protect, bypass), 0);
	assert_int_equal(want(protect, ENTRIES("10.0.0.9/32")), 3);
	assert_int_equal(ours(), set.n - 3);
	policy_set_free(&set);
}

/* The kernel refuses one of the new policies: the old ones stay until it takes it. */
static void what_is_refused_costs_no_protection(void **state)
{
	struct policy_set set;
	struct policy *wider = NULL;
	size_t before, changed;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20", "2001:db8::/48"), ENTRIES("10.0.0.9/32"));
	before = ours();
	set = wanted_of(ENTRIES("10.0.0.0/16"), ENTRIES());
	for (size_t i = 0; i < set.n; i++)
		if (set.p[i].kind == POLICY_PROTECT && set.p[i].dir == POLICY_OUT)
			wider = &set.p[i];
	assert_non_null(wider);
	wider->dst.prefix = 77;
	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), -EINVAL);
	assert_true(ours() > before);
	world_send("10.0.0.1", "10.0.1.7", 9);
	assert_false(world_sent(t.world.wire, "10.0.1.7", IPPROTO_UDP, SOON));
	wider->dst.prefix = 16;
	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), 0);
	assert_int_equal(ours(), set.n);
	policy_set_free(&set);
}

/* Somebody else's hand on what is ours, and nothing that we did ourselves. */
static void what_others_take_away_is_told(void **state)
{
	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_true(
		world_ip("xfrm policy add dir out src 10.0.0.1/32 dst 10.9.0.0/16 action block\n"
			 "xfrm policy delete dir out src 10.0.0.1/32 dst 10.9.0.0/16\n"));
	assert_int_equal(listen_for(KERNEL_POLICY_REMOVED, SOON).n[KERNEL_POLICY_REMOVED], 0);
	assert_true(world_ip("xfrm policy delete dir out src 10.0.0.1/32 dst 10.0.0.0/20\n"));
	assert_int_equal(listen_for(KERNEL_POLICY_REMOVED, LATEST).n[KERNEL_POLICY_REMOVED], 1);
	assert_true(world_ip("xfrm policy delete dir in src 0.0.0.0/0 dst 224.0.0.0/4\n"));
	assert_int_equal(listen_for(KERNEL_POLICY_REMOVED, LATEST).n[KERNEL_POLICY_REMOVED], 1);
	assert_true(world_ip("xfrm policy flush\n"));
	assert_int_equal(listen_for(KERNEL_POLICY_REMOVED, LATEST).n[KERNEL_POLICY_REMOVED], 1);
	assert_int_equal(listen_for(KERNEL_SAS_REMOVED, SOON).n[KERNEL_SAS_REMOVED], 0);
	assert_int_not_equal(want(ENTRIES("10.0.0.0/20"), ENTRIES()), 0);
}

static void a_protected_address_raises_an_acquire(void **state)
{
	struct heard h;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20", "2001:db8::/48"), ENTRIES());
	world_send("10.0.0.1", "10.0.1.7", 9);
	h = listen_for(KERNEL_ACQUIRE, LATEST);
	assert_int_equal(h.n[KERNEL_ACQUIRE], 1);
	assert_true(ip_equal(&h.last[KERNEL_ACQUIRE].src, &(struct ip){ 4, { 10, 0, 0, 1 } }));
	assert_true(ip_equal(&h.last[KERNEL_ACQUIRE].dst, &(struct ip){ 4, { 10, 0, 1, 7 } }));
	assert_int_equal(h.last[KERNEL_ACQUIRE].reqid, IKEMESH_REQID);
	assert_int_equal(h.last[KERNEL_ACQUIRE].protocol, IPPROTO_UDP);
	assert_int_equal(h.last[KERNEL_ACQUIRE].dst_port, 9);
	assert_false(world_sent(t.world.wire, "10.0.1.7", IPPROTO_UDP, SOON));

	world_send("2001:db8::1", "2001:db8::7", 9);
	h = listen_for(KERNEL_ACQUIRE, LATEST);
	assert_int_equal(h.n[KERNEL_ACQUIRE], 1);
	assert_int_equal(h.last[KERNEL_ACQUIRE].dst.family, 6);
	assert_int_equal(h.last[KERNEL_ACQUIRE].dst.b[15], 7);
	assert_false(world_sent(t.world.wire, "2001:db8::7", IPPROTO_UDP, SOON));
}

static void a_bypassed_address_within_does_not(void **state)
{
	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	assert_int_equal(world_send("10.0.0.1", "10.0.0.9", 9), 0);
	assert_true(world_sent(t.world.wire, "10.0.0.9", IPPROTO_UDP, LATEST));
	assert_int_equal(listen_for(KERNEL_ACQUIRE, SOON).n[KERNEL_ACQUIRE], 0);
	/* and what is in no list is not ours */
	assert_int_equal(world_send("10.0.0.1", "10.0.16.1", 9), 0);
	assert_true(world_sent(t.world.wire, "10.0.16.1", IPPROTO_UDP, LATEST));
}

static void optional_goes_in_the_clear_and_asks(void **state)
{
	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20?"), ENTRIES());
	world_send("10.0.0.1", "10.0.1.7", 9);
	assert_true(world_sent(t.world.wire, "10.0.1.7", IPPROTO_UDP, LATEST));
	assert_int_equal(listen_for(KERNEL_ACQUIRE, LATEST).n[KERNEL_ACQUIRE], 1);
}

/* The pure look-up, which much else relies on, says what the kernel does. */
static void the_kernel_chooses_as_the_look_up_does(void **state)
{
	const char *const *protect = ENTRIES("10.0.0.0/8", "10.4.0.0/16?", "10.4.4.0/24",
					     "10.5.5.5/32", "10.6.0.0/16 udp/9");
	const char *const *bypass =
		ENTRIES("10.4.4.128/25", "10.5.0.0/16", "10.7.0.0/16 udp/9", "10.8.0.0/13");
	struct policy_set set;
	unsigned seed = 7;

	(void)state;
	need_world();
	set = wanted_of(protect, bypass);
	want(protect, bypass);
	for (unsigned i = 0; i < 120; i++) {
		char dst[IP_TEXT_LEN];
		uint16_t port = i % 3 ? 9 : 10;
		struct policy_flow flow;
		const struct policy *p;
		bool clear;

		seed = seed * 1103515245 + 12345;
		snprintf(dst, sizeof(dst), "10.%u.%u.%u", 3 + (seed >> 16) % 7,
			 4 + (seed >> 20) % 2, i % 2 ? 5 : 200 + i % 3);
		flow = xfrm_flow("10.0.0.1", dst, IPPROTO_UDP, 40000, port);
		p = policy_lookup(&set, POLICY_OUT, &flow);
		clear = !p || p->kind == POLICY_BYPASS || p->optional;
		world_forget(t.world.wire);
		world_send("10.0.0.1", dst, port);
		if (world_sent(t.world.wire, dst, IPPROTO_UDP, clear ? LATEST : 5) != clear)
			fail_msg("to %s port %u: %s", dst, port, p ? xfrm_policy_text(p) : "none");
	}
	policy_set_free(&set);
}

static void send_icmp6(uint8_t type)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	uint8_t message[24] = { type };
	struct ip dst = xfrm_ip("2001:db8::7");
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);

	assert_true(fd >= 0);
	memcpy(&to.sin6_addr, dst.b, 16);
	sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void neighbour_discovery_passes(void **state)
{
	(void)state;
	need_world();
	want(ENTRIES("::/0"), ENTRIES());
	for (uint8_t type = 126; type < 146; type++) {
		bool nd = type >= 133 && type <= 137;

		world_forget(t.world.wire);
		send_icmp6(type);
		if (world_sent(t.world.wire, "2001:db8::7", IPPROTO_ICMPV6, nd ? LATEST : 5) != nd)
			fail_msg("ICMPv6 type %u", type);
	}
}

/* A cold cache, on an interface that does ask for neighbours. */
static void neighbours_are_found_behind_a_protected_everything(void **state)
{
	char *found;

	(void)state;
	need_world();
	want(ENTRIES("::/0"), ENTRIES("2001:db8::2/128"));
	world_enter(t.world.there);
	assert_true(world_ip("link set v1 down\nlink set v1 arp on up\n"
			     "addr replace 2001:db8::2/32 dev v1 nodad\n"));
	world_enter(t.world.here);
	assert_true(world_ip("link set v0 down\nlink set v0 address 02:00:00:00:00:02 arp on up\n"
			     "addr replace 2001:db8::1/32 dev v0 nodad\n"));
	for (int i = 0; i < 20; i++) {
		world_send("2001:db8::1", "2001:db8::2", 9);
		usleep(50000);
		found = world_output("ip neigh show 2001:db8::2");
		if (strstr(found, "lladdr"))
			break;
		free(found);
		found = NULL;
	}
	assert_non_null(found);
	free(found);
}

static void what_comes_in(void **state)
{
	static const struct {
		const char *protect, *bypass;
		bool arrives;
	} rows[] = {
		{ "10.0.0.0/20", NULL, false },
		{ "10.0.0.0/20", "10.0.0.2/32", true },
		{ "10.0.0.0/20?", NULL, true },
		{ "10.1.0.0/16", NULL, true },
		{ "0.0.0.0/0", "10.0.0.2/32 udp/40000", true },
		{ "0.0.0.0/0", "10.0.0.2/32 udp/40001", false },
	};
	int socket;

	(void)state;
	need_world();
	socket = world_listen(4, 7777);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		want(ENTRIES(rows[i].protect), ENTRIES(rows[i].bypass));
		world_enter(t.world.there);
		assert_int_equal(world_send("10.0.0.2", "10.0.0.1", 7777), 0);
		world_enter(t.world.here);
		if (world_receives(socket, rows[i].arrives ? LATEST : SOON) != rows[i].arrives)
			fail_msg("row %zu", i);
	}
	close(socket);
}

static void others_are_left_alone(void **state)
{
	char *before, *after;
	size_t policies, sas;

	(void)state;
	need_world();
	assert_true(world_ip(
		/* a tunnel, a bypass, one with a mark and our very selector, an index near ours */
		"xfrm policy add dir out src 10.0.0.1/32 dst 10.9.0.0/16 priority 5 "
		"tmpl src 10.0.0.1 dst 10.0.0.2 proto esp reqid 7 mode tunnel\n"
		"xfrm policy add dir in src 10.8.0.0/16 dst 10.0.0.1/32\n"
		"xfrm policy add dir out src 10.0.0.1/32 dst 10.0.0.0/20 mark 1 mask 1 priority 9\n"
		"xfrm policy add dir out src 10.0.0.1/32 dst 10.7.0.0/16 index 0x494b0001 "
		"priority 1\n"));
	before = world_output("ip xfrm policy; ip xfrm state");
	assert_int_not_equal(want(ENTRIES("10.0.0.0/20", "10.1.0.0/16"), ENTRIES("10.9.0.0/24")),
			     0);
	want(ENTRIES("10.1.0.0/16?"), ENTRIES("10.8.0.0/24"));
	assert_int_equal(kernel_remove_ours(t.k, &policies, &sas), 0);
	assert_int_not_equal(policies, 0);
	assert_int_equal(ours(), 0);
	after = world_output("ip xfrm policy; ip xfrm state");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void one_of_others_in_our_place(void **state)
{
	struct policy_set set;
	char *before, *after;
	size_t changed;

	(void)state;
	need_world();
	set = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_true(
		world_ip("xfrm policy add dir out src 10.0.0.1/32 dst 10.0.0.0/20 priority 9\n"));
	before = world_output("ip xfrm policy");
	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), -EEXIST);
	assert_int_equal(changed, set.n - 1);
	assert_string_not_equal(kernel_error(t.k), "");
	for (size_t i = 0; i < set.n; i++) {
		bool theirs = set.p[i].kind == POLICY_PROTECT && set.p[i].dir == POLICY_OUT;
		int want_error = theirs ? -ENOENT : 0;

		if (theirs)
			assert_int_equal(kernel_policy_nudge(t.k, &set.p[i]), -ENOENT);
		assert_int_equal(kernel_policy_delete(t.k, &set.p[i]), want_error);
	}
	after = world_output("ip xfrm policy");
	assert_string_equal(before, after);
	free(before);
	free(after);
	policy_set_free(&set);
}

struct seen_index {
	struct policy_held held[64];
	size_t n;
};

static int keep(const struct policy_held *held, void *arg)
{
	struct seen_index *s = arg;

	if (held->ours && s->n < 64)
		s->held[s->n++] = *held;
	return 0;
}

static void optional_and_enforced_in_place(void **state)
{
	struct seen_index a = { 0 }, b = { 0 };

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	kernel_policy_dump(t.k, keep, &a);
	assert_int_equal(want(ENTRIES("10.0.0.0/20?"), ENTRIES()), 3);
	kernel_policy_dump(t.k, keep, &b);
	assert_int_equal(a.n, b.n);
	for (size_t i = 0; i < a.n; i++) {
		bool found = false;

		for (size_t j = 0; j < b.n; j++)
			if (policy_same_selector(&a.held[i].policy, &b.held[j].policy)) {
				found = true;
				assert_int_equal(a.held[i].policy.index, b.held[j].policy.index);
				assert_int_equal(b.held[j].policy.optional,
						 b.held[j].policy.kind == POLICY_PROTECT);
			}
		assert_true(found);
	}
}

static void a_subnet_changes_sides(void **state)
{
	size_t n;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20", "10.1.0.0/16"), ENTRIES());
	n = ours();
	want(ENTRIES("10.1.0.0/16"), ENTRIES("10.0.0.0/20"));
	assert_int_equal(ours(), n); /* each known as ours by its index */
	want(ENTRIES("10.0.0.0/20", "10.1.0.0/16"), ENTRIES());
	assert_int_equal(ours(), n);
	want(ENTRIES(), ENTRIES());
	assert_int_equal(ours(), 0);
}

static void single_policies(void **state)
{
	struct policy p = { .dir = POLICY_OUT,
			    .kind = POLICY_PROTECT,
			    .priority = POLICY_PRIORITY };

	(void)state;
	need_world();
	p.src = xfrm_subnet("10.0.0.1/32");
	p.dst = xfrm_subnet("10.0.0.0/20");
	assert_int_equal(kernel_policy_nudge(t.k, &p), -ENOENT);
	assert_int_equal(ours(), 0); /* a nudge adds nothing */
	assert_int_equal(kernel_policy_delete(t.k, &p), -ENOENT);
	assert_int_equal(kernel_policy_add(t.k, &p), 0);
	assert_int_equal(kernel_policy_add(t.k, &p), -EEXIST);
	p.optional = true;
	assert_int_equal(kernel_policy_update(t.k, &p), 0);
	assert_int_equal(kernel_policy_nudge(t.k, &p), 0);
	assert_int_equal(ours(), 1);
	assert_int_equal(kernel_policy_delete(t.k, &p), 0);
	assert_int_equal(ours(), 0);

	/* the kernel refuses an index of another direction, and says so */
	p.kind = POLICY_BYPASS;
	p.index = IKEMESH_POLICY_INDEX + 2;
	assert_int_equal(kernel_policy_add(t.k, &p), -EINVAL);
	p.index = IKEMESH_POLICY_INDEX + 5; /* the third bit counts too */
	assert_int_equal(kernel_policy_add(t.k, &p), -EINVAL);
	p.kind = POLICY_BLOCK;
	p.index = IKEMESH_POLICY_INDEX + 1;
	assert_int_equal(kernel_policy_add(t.k, &p), 0);
	assert_int_equal(ours(), 1);
	assert_int_not_equal(world_send("10.0.0.1", "10.0.1.7", 9), 0);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void thousands_of_policies(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("172.16.0.0/12"), ENTRIES("172.16.9.0/24"));
	struct ip locals[300];
	struct policy_set set;
	size_t changed, policies, sas;
	int64_t start, mid;

	(void)state;
	need_world();
	for (size_t i = 0; i < 300; i++)
		locals[i] = ip_v4(10, 3, (uint8_t)(i >> 8), (uint8_t)i);
	set = xfrm_build(&spec, locals, 300);
	start = now_us();
	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), 0);
	mid = now_us();
	assert_int_equal(changed, set.n);
	assert_int_equal(ours(), set.n);
	assert_int_equal(kernel_policy_sync(t.k, &set, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(kernel_remove_ours(t.k, &policies, &sas), 0);
	assert_int_equal(policies, set.n);
	print_message("%zu policies: added in %lld ms, all in %lld ms\n", set.n,
		      (long long)(mid - start) / 1000, (long long)(now_us() - start) / 1000);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

/* --- events --------------------------------------------------------------------------------- */

static void acquires_of_others_are_dropped(void **state)
{
	(void)state;
	need_world();
	assert_true(world_ip("xfrm policy add dir out src 10.0.0.1/32 dst 10.0.0.0/20 "
			     "tmpl proto esp reqid 7 mode transport\n"));
	world_send("10.0.0.1", "10.0.1.7", 9);
	assert_int_equal(listen_for(KERNEL_ACQUIRE, SOON).n[KERNEL_ACQUIRE], 0);
}

static void lost_events_are_told(void **state)
{
	struct heard h;
	int small = 2048;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/8"), ENTRIES());
	assert_int_equal(
		setsockopt(kernel_event_fd(t.k), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (unsigned i = 0; i < 50; i++) {
		char dst[IP_TEXT_LEN];

		snprintf(dst, sizeof(dst), "10.0.1.%u", i);
		world_send("10.0.0.1", dst, 9);
	}
	h = listen_for(KERNEL_LOST, LATEST);
	assert_int_equal(h.n[KERNEL_LOST], 1);
	assert_int_not_equal(h.n[KERNEL_ACQUIRE], 0);
	assert_int_equal(listen_for(KERNEL_ACQUIRE, SOON).n[KERNEL_LOST], 0); /* told once */
}

/* --- what is not netlink -------------------------------------------------------------------- */

static void a_socket_with_its_bypass(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(500) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(500) };
	struct ip dst = xfrm_ip("2001:db8::2");
	int ike, ike6;

	(void)state;
	need_world();
	want(ENTRIES("0.0.0.0/0", "::/0"), ENTRIES());
	ike = world_listen(4, 500);
	ike6 = world_listen(6, 500);
	assert_int_equal(kernel_socket_bypass(ike, AF_INET), 0);
	assert_int_equal(kernel_socket_bypass(ike6, AF_INET6), 0);
	assert_int_equal(kernel_socket_bypass(-1, AF_INET), -EBADF);

	to.sin_addr.s_addr = htonl(0x0a000002);
	memcpy(&to6.sin6_addr, dst.b, 16);
	assert_int_equal(sendto(ike, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_true(world_sent(t.world.wire, "10.0.0.2", IPPROTO_UDP, LATEST));
	assert_int_equal(sendto(ike6, "x", 1, 0, (struct sockaddr *)&to6, sizeof(to6)), 1);
	assert_true(world_sent(t.world.wire, "2001:db8::2", IPPROTO_UDP, LATEST));

	world_enter(t.world.there);
	world_send("10.0.0.2", "10.0.0.1", 500);
	world_send("2001:db8::2", "2001:db8::1", 500);
	world_enter(t.world.here);
	assert_true(world_receives(ike, LATEST));
	assert_true(world_receives(ike6, LATEST));
	assert_int_equal(listen_for(KERNEL_ACQUIRE, SOON).n[KERNEL_ACQUIRE], 0);
	close(ike);
	close(ike6);
}

static int keep_asked(const struct sa_held *sa, void *arg)
{
	*(struct sa_held *)arg = *sa;
	return 0;
}

/* Before policies of ours: who has a trap of that reqid is asked, and nothing leaves. */
static void a_socket_that_asks(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sa_held asked = { 0 };
	int fd;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/16"), ENTRIES());
	fd = world_listen(4, 1009);
	assert_int_equal(kernel_socket_ask(fd, AF_INET, 77), 0);
	assert_int_equal(kernel_socket_ask(-1, AF_INET, 77), -EBADF);
	to.sin_addr.s_addr = htonl(0x0a000002);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(kernel_sa_dump_others(t.k, keep_asked, &asked), 0);
	assert_true(asked.larval);
	assert_int_equal(asked.reqid, 77);
	assert_true(ip_equal(&asked.ref.dst, &(struct ip){ 4, { 10, 0, 0, 2 } }));
	assert_false(world_sent(t.world.wire, "10.0.0.2", IPPROTO_UDP, SOON));
	close(fd);
}

static void sysctls(void **state)
{
	int old = -1, again = -1;

	(void)state;
	need_world();
	assert_int_equal(kernel_sysctl_set("xfrm_acq_expires", 6, &old), 0);
	assert_true(old > 0);
	assert_int_equal(kernel_sysctl_set("xfrm_acq_expires", old, &again), 0);
	assert_int_equal(again, 6);
	assert_int_equal(kernel_sysctl_set("xfrm_acq_expires", old, NULL), 0);
	assert_int_equal(kernel_sysctl_set("no_such_thing", 1, NULL), -ENOENT);
	assert_int_equal(kernel_sysctl_set("../ipv4/ip_forward", 1, NULL), -EINVAL);
}

/* --- forwarding ----------------------------------------------------------------------------- */

/*
 * Behind us lie a container, 172.17.0.2, and another host, 192.0.2.9, both beyond v2; port 8080 of
 * 10.0.0.1 is forwarded to the container. Returns what sees v2, or -1 without address translation.
 */
static int lie_before_others(void)
{
	assert_true(world_ip("link add v2 type veth peer name v3\n"
			     "link set v2 arp off up\nlink set v3 arp off up\n"
			     "addr add 172.17.0.1/24 dev v2\naddr add 192.0.2.1/24 dev v2\n"));
	assert_int_equal(system("echo 1 >/proc/sys/net/ipv4/ip_forward"), 0);
	if (system("iptables-legacy -t nat -A PREROUTING -d 10.0.0.1 -p udp --dport 8080 "
		   "-j DNAT --to 172.17.0.2:80 2>/dev/null"))
		return -1;
	world_enter(t.world.there);
	assert_true(world_ip("route add 192.0.2.0/24 via 10.0.0.1\n"));
	world_enter(t.world.here);
	return world_wire("v2");
}

static void send_from_there(const char *dst, uint16_t port)
{
	world_enter(t.world.there);
	assert_int_equal(world_send("10.0.0.2", dst, port), 0);
	world_enter(t.world.here);
}

static void a_forwarded_port_gets_no_cleartext(void **state)
{
	struct policy_set set;
	int inside;

	(void)state;
	need_world();
	inside = lie_before_others();
	if (inside < 0) {
		print_message("[  SKIP   ] no iptables-legacy with address translation here\n");
		skip();
	}
	set = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	send_from_there("10.0.0.1", 8080);
	assert_false(world_sent(inside, "172.17.0.2", IPPROTO_UDP, SOON));
	/* what we route between others is none of our business */
	send_from_there("192.0.2.9", 8080);
	assert_true(world_sent(inside, "192.0.2.9", IPPROTO_UDP, LATEST));

	/* it is the fwd policy that does it: in and out alone let it through */
	for (size_t i = 0; i < set.n; i++)
		if (set.p[i].dir == POLICY_FWD)
			assert_int_equal(kernel_policy_delete(t.k, &set.p[i]), 0);
	send_from_there("10.0.0.1", 8080);
	assert_true(world_sent(inside, "172.17.0.2", IPPROTO_UDP, LATEST));

	want(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.2/32"));
	send_from_there("10.0.0.1", 8080);
	assert_true(world_sent(inside, "172.17.0.2", IPPROTO_UDP, LATEST)); /* bypassed */
	policy_set_free(&set);
	close(inside);
}

/* --- SAs ------------------------------------------------------------------------------------ */

static struct sa_spec sa_of(const char *src, const char *dst, uint32_t spi, bool inbound)
{
	struct sa_spec sa = { .inbound = inbound,
			      .src = xfrm_ip(src),
			      .dst = xfrm_ip(dst),
			      .spi = spi,
			      .encr = encr_by_id(ENCR_AES_GCM_16, 128),
			      .replay_window = 64 };

	sa.key_len = sa.encr->key_len + sa.encr->salt_len;
	for (size_t i = 0; i < SA_KEY_MAX; i++)
		sa.key[i] = (uint8_t)(spi + i);
	return sa;
}

static struct sa_ref ref_of(const struct sa_spec *sa)
{
	return (struct sa_ref){ sa->src, sa->dst, sa->spi };
}

struct sa_seen {
	size_t all, larval;
	struct sa_held last;
};

static int see_sa(const struct sa_held *held, void *arg)
{
	struct sa_seen *s = arg;

	s->all++;
	s->larval += held->larval;
	if (!held->larval)
		s->last = *held;
	return 0;
}

static struct sa_seen see_sas(void)
{
	struct sa_seen s = { 0 };

	assert_int_equal(kernel_sa_dump(t.k, see_sa, &s), 0);
	return s;
}

/* The same SA at the other end. */
static void add_there(struct sa_spec sa)
{
	struct kernel *k;

	sa.inbound = !sa.inbound;
	sa.soft_packets = 0;
	world_enter(t.world.there);
	assert_int_equal(kernel_open(&k), 0);
	assert_int_equal(kernel_sa_add(k, &sa), 0);
	kernel_close(k);
	world_enter(t.world.here);
}

static void acquires_leave_larval_states(void **state)
{
	struct sa_seen seen;

	(void)state;
	need_world();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	world_send("10.0.0.1", "10.0.1.7", 9);
	seen = see_sas();
	assert_int_equal(seen.all, 1);
	assert_int_equal(seen.larval, 1);
}

static void an_sa_comes_and_goes(void **state)
{
	struct sa_spec sa = sa_of("10.0.0.2", "10.0.0.1", 0xc0ffee01, true), keyless = sa;
	struct sa_ref ref = ref_of(&sa);
	struct sa_counters c;
	struct sa_seen seen;

	(void)state;
	need_esp();
	keyless.key_len = 0; /* so a core without the key has it refused */
	assert_true(kernel_sa_add(t.k, &keyless) < 0);
	assert_int_equal(kernel_sa_delete(t.k, &ref), -ESRCH);
	assert_int_equal(kernel_sa_counters(t.k, &ref, &c), -ESRCH);
	assert_int_equal(kernel_sa_add(t.k, &sa), 0);
	assert_int_equal(kernel_sa_add(t.k, &sa), -EEXIST);
	seen = see_sas();
	assert_int_equal(seen.all, 1);
	assert_int_equal(seen.last.ref.spi, 0xc0ffee01);
	assert_true(ip_equal(&seen.last.ref.src, &sa.src));
	assert_int_equal(kernel_sa_counters(t.k, &ref, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_in_range(c.added, time(NULL) - 5, time(NULL) + 5);
	assert_int_equal(c.last_used, 0);
	assert_int_equal(kernel_sa_delete(t.k, &ref), 0);
	assert_int_equal(kernel_sa_delete(t.k, &ref), -ESRCH);
	assert_int_equal(see_sas().all, 0);
}

/* In one request; whatever fails, the others are tried. */
static void several_sas_at_once(void **state)
{
	const struct sa_spec in = sa_of("10.0.0.2", "10.0.0.1", 0xc0ffee01, true),
			     out = sa_of("10.0.0.1", "10.0.0.2", 0xc0ffee02, false),
			     more = sa_of("10.0.0.1", "10.0.0.2", 0xc0ffee03, false);
	const struct sa_spec *both[] = { &in, &out }, *again[] = { &in, &more },
			     *last[] = { &more, &in };
	struct sa_ref ref = ref_of(&more);
	int errors[2];

	(void)state;
	need_esp();
	assert_int_equal(kernel_sas_add(t.k, both, 2, errors), 0);
	assert_int_equal(see_sas().all, 2);
	assert_int_equal(kernel_sas_add(t.k, again, 2, errors), -EEXIST);
	assert_int_equal(errors[0], -EEXIST);
	assert_int_equal(errors[1], 0);
	assert_int_equal(kernel_sa_delete(t.k, &ref), 0);
	assert_int_equal(kernel_sas_add(t.k, last, 2, errors), -EEXIST);
	assert_int_equal(errors[0], 0);
	assert_int_equal(errors[1], -EEXIST);
	assert_int_equal(see_sas().all, 3);
}

/* As many as there may be in one request, one that is not there among them. */
static void counters_of_several(void **state)
{
	struct sa_spec sa = sa_of("10.0.0.2", "10.0.0.1", 0xc0ffee01, true);
	struct sa_counters c[KERNEL_COUNTERS_MAX];
	struct sa_ref refs[KERNEL_COUNTERS_MAX];
	int errors[KERNEL_COUNTERS_MAX];

	(void)state;
	need_esp();
	for (uint32_t i = 0; i < KERNEL_COUNTERS_MAX; i++) {
		sa.spi = 0xc0ffee00 + i;
		refs[i] = ref_of(&sa);
		if (i != 20)
			assert_int_equal(kernel_sa_add(t.k, &sa), 0);
	}
	kernel_sas_counters(t.k, refs, KERNEL_COUNTERS_MAX, c, errors);
	for (size_t i = 0; i < KERNEL_COUNTERS_MAX; i++) {
		assert_int_equal(errors[i], i == 20 ? -ESRCH : 0);
		assert_int_equal(c[i].added != 0, i != 20);
		assert_int_equal(c[i].packets, 0);
	}
	/* The last one fails, and the next request has an answer of its own. */
	kernel_sas_counters(t.k, refs + 19, 2, c, errors);
	assert_int_equal(errors[0], 0);
	assert_int_equal(errors[1], -ESRCH);
	kernel_sas_counters(t.k, refs, 0, c, errors);
	assert_int_equal(kernel_sa_counters(t.k, &refs[20], c), -ESRCH);
	assert_int_equal(kernel_sa_counters(t.k, &refs[21], c), 0);
}

/* What fails without a word does not confuse the request that comes next. */
static void a_poke_that_fails(void **state)
{
	const struct subnet too_long = { .ip = ip_v4(10, 0, 0, 1), .prefix = 100 };
	const struct policy wrong = {
		.dir = POLICY_OUT, .kind = POLICY_PROTECT, .src = too_long, .dst = too_long
	};
	struct sa_spec sa = sa_of("10.0.0.2", "10.0.0.1", 0xc0ffee01, true);
	struct sa_ref ref = ref_of(&sa);

	(void)state;
	kernel_policy_poke(t.k, &wrong);
	assert_int_equal(kernel_sa_delete(t.k, &ref), -ESRCH);
	assert_int_equal(kernel_sa_delete(t.k, &ref), -ESRCH);
}

/* Every suite, family, window and encapsulation, as the kernel at hand takes them. */
static void every_kind_of_sa(void **state)
{
	static const uint16_t encrs[][2] = { { ENCR_AES_GCM_16, 128 },
					     { ENCR_AES_GCM_16, 256 },
					     { ENCR_AES_CBC, 128 },
					     { ENCR_AES_CBC, 256 } };
	uint32_t spi = 0x1000;

	(void)state;
	need_esp();
	for (unsigned i = 0; i < 4 * 2 * 2 * 2 * 3; i++) {
		bool v6 = i & 1, inbound = i & 2, esn = i & 4;
		unsigned window = i / 8 % 3, e = i / 24;
		struct sa_spec sa = sa_of(v6 ? "2001:db8::1" : "10.0.0.1",
					  v6 ? "2001:db8::2" : "10.0.0.2", spi++, inbound);
		struct sa_ref ref = ref_of(&sa);
		int r;

		sa.esn = esn;
		sa.replay_window = window == 0 ? 0 : window == 1 ? 32 : 4096;
		sa.encap = !v6 && esn;
		sa.encap_src_port = sa.encap_dst_port = 4500;
		sa.encr = encr_by_id(encrs[e][0], encrs[e][1]);
		sa.integ = sa.encr->aead ? NULL : integ_by_id(AUTH_HMAC_SHA2_256_128);
		sa.key_len =
			sa.encr->key_len + sa.encr->salt_len + (sa.integ ? sa.integ->key_len : 0);
		r = kernel_sa_add(t.k, &sa);
		if (r)
			fail_msg("%s v6 %d in %d esn %d window %u: %d %s", sa.encr->name, v6,
				 inbound, esn, sa.replay_window, r, kernel_error(t.k));
		assert_int_equal(kernel_sa_delete(t.k, &ref), 0);
	}
}

static void traffic_goes_as_esp(void **state)
{
	struct sa_spec out = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct sa_spec in = sa_of("10.0.0.2", "10.0.0.1", 0x1002, true);
	struct sa_ref ref = ref_of(&in);
	struct sa_counters c;
	struct heard h;
	int here, there;

	(void)state;
	need_esp();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	in.soft_packets = 1;
	assert_int_equal(kernel_sa_add(t.k, &out), 0);
	assert_int_equal(kernel_sa_add(t.k, &in), 0);
	add_there(out);
	add_there(in);
	here = world_listen(4, 7777);
	world_enter(t.world.there);
	there = world_listen(4, 7777);
	assert_true(world_ip("xfrm policy add dir out src 10.0.0.2/32 dst 10.0.0.0/20 "
			     "tmpl proto esp reqid 0x494b4d00 mode transport\n"));
	world_enter(t.world.here);

	/* --> ESP */
	assert_int_equal(world_send("10.0.0.1", "10.0.0.2", 7777), 0);
	assert_true(world_sent(t.world.wire, "10.0.0.2", IPPROTO_ESP, LATEST));
	assert_true(world_receives(there, LATEST));
	assert_false(world_sent(t.world.wire, "10.0.0.2", IPPROTO_UDP, SOON));
	/* <-- ESP: the first packet is told by a soft expire */
	send_from_there("10.0.0.1", 7777);
	assert_true(world_receives(here, LATEST));
	h = listen_for(KERNEL_EXPIRE, LATEST);
	assert_int_equal(h.n[KERNEL_EXPIRE], 1);
	assert_int_equal(h.last[KERNEL_EXPIRE].spi, 0x1002);
	assert_false(h.last[KERNEL_EXPIRE].hard);
	assert_int_equal(h.n[KERNEL_ACQUIRE], 0);
	assert_int_equal(kernel_sa_counters(t.k, &ref, &c), 0);
	assert_int_equal(c.packets, 1);
	assert_int_not_equal(c.last_used, 0);
	/* <-- and no second time */
	send_from_there("10.0.0.1", 7777);
	assert_true(world_receives(here, LATEST));
	assert_int_equal(listen_for(KERNEL_EXPIRE, SOON).n[KERNEL_EXPIRE], 0);
	close(here);
	close(there);
}

static void a_hard_limit_ends_an_sa(void **state)
{
	struct sa_spec out = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct heard h;

	(void)state;
	need_esp();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	out.hard_packets = 2;
	assert_int_equal(kernel_sa_add(t.k, &out), 0);
	for (int i = 0; i < 4; i++)
		world_send("10.0.0.1", "10.0.0.2", 7777);
	h = listen_for(KERNEL_EXPIRE, LATEST);
	assert_int_equal(h.n[KERNEL_EXPIRE], 1);
	assert_true(h.last[KERNEL_EXPIRE].hard);
	assert_int_equal(see_sas().all - see_sas().larval, 0);
}

/*
 * What the kernel says softly it says once an SA, whatever the limit was: after the first packet's
 * report no soft time or byte limit is heard of. Hard ones are.
 */
static void soft_limits_are_told_once(void **state)
{
	struct sa_spec out = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct heard h;

	(void)state;
	need_esp();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	out.soft_packets = 1;
	out.soft_s = 1;
	out.hard_s = 3;
	assert_int_equal(kernel_sa_add(t.k, &out), 0);
	world_send("10.0.0.1", "10.0.0.2", 7777);
	h = listen_for(KERNEL_EXPIRE, LATEST);
	assert_int_equal(h.n[KERNEL_EXPIRE], 1);
	assert_false(h.last[KERNEL_EXPIRE].hard);
	h = listen_for(KERNEL_EXPIRE, 2 * LATEST);
	assert_int_equal(h.n[KERNEL_EXPIRE], 1);
	assert_true(h.last[KERNEL_EXPIRE].hard);
}

/* The newest outbound SA carries the traffic, unless a soft limit of it was reached. */
static void which_outbound_sa_is_taken(void **state)
{
	struct sa_spec first = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct sa_spec second = sa_of("10.0.0.1", "10.0.0.2", 0x1002, false);
	struct sa_ref a = ref_of(&first), b = ref_of(&second);
	struct sa_counters c;

	(void)state;
	need_esp();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_int_equal(kernel_sa_add(t.k, &first), 0);
	second.soft_packets = 3;
	assert_int_equal(kernel_sa_add(t.k, &second), 0);
	for (int i = 0; i < 2; i++)
		world_send("10.0.0.1", "10.0.0.2", 9);
	kernel_sa_counters(t.k, &b, &c);
	assert_int_equal(c.packets, 2);
	for (int i = 0; i < 4; i++)
		world_send("10.0.0.1", "10.0.0.2", 9);
	kernel_sa_counters(t.k, &b, &c);
	assert_int_equal(c.packets, 3); /* told at the third, and passed over from then on */
	kernel_sa_counters(t.k, &a, &c);
	assert_int_equal(c.packets, 3);
}

/* A peer holds the key of an SA between it and us. It speaks for its own address only. */
static void no_other_source_through_an_sa(void **state)
{
	struct sa_spec in = sa_of("10.0.0.2", "10.0.0.1", 0x1002, true);
	struct sa_spec forged = sa_of("10.0.0.66", "10.0.0.1", 0x1002, true);
	int here;

	(void)state;
	need_esp();
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_int_equal(kernel_sa_add(t.k, &in), 0);
	add_there(forged); /* same SPI, same key */
	here = world_listen(4, 7777);
	world_enter(t.world.there);
	assert_true(world_ip("addr add 10.0.0.66/8 dev v1\n"
			     "xfrm policy add dir out src 10.0.0.66/32 dst 10.0.0.1/32 "
			     "tmpl proto esp reqid 0x494b4d00 mode transport\n"));
	assert_int_equal(world_send("10.0.0.66", "10.0.0.1", 7777), 0);
	world_enter(t.world.here);
	assert_false(world_receives(here, 5 * SOON));
	close(here);
}

static void held_packets_are_released_by_the_nudge(void **state)
{
	struct sa_spec out = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct policy_set set;

	(void)state;
	need_esp();
	assert_int_equal(kernel_sysctl_set("xfrm_larval_drop", 0, NULL), 0);
	set = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	for (int i = 0; i < 3; i++)
		world_send("10.0.0.1", "10.0.0.2", 9);
	/* the queue looks for an SA by itself after 100, 200, 400 ms: leave that behind */
	assert_false(world_sent(t.world.wire, "10.0.0.2", IPPROTO_ESP, 800));
	assert_int_equal(kernel_sa_add(t.k, &out), 0);
	assert_int_equal(see_sas().larval, 0); /* the SA took its place */
	assert_int_equal(kernel_nudge(t.k, &set, &out.src, &out.dst), 0);
	for (int i = 0; i < 3; i++)
		assert_true(world_sent(t.world.wire, "10.0.0.2", IPPROTO_ESP, 100));
	policy_set_free(&set);
}

static void a_forwarded_port_is_reached_by_esp(void **state)
{
	struct sa_spec in = sa_of("10.0.0.2", "10.0.0.1", 0x1002, true);
	int inside;

	(void)state;
	need_esp();
	inside = lie_before_others();
	if (inside < 0) {
		print_message("[  SKIP   ] no iptables-legacy with address translation here\n");
		skip();
	}
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_int_equal(kernel_sa_add(t.k, &in), 0);
	add_there(in);
	send_from_there("10.0.0.1", 8080); /* in the clear */
	assert_false(world_sent(inside, "172.17.0.2", IPPROTO_UDP, SOON));
	world_enter(t.world.there);
	assert_true(world_ip("xfrm policy add dir out src 10.0.0.2/32 dst 10.0.0.1/32 "
			     "tmpl proto esp reqid 0x494b4d00 mode transport\n"));
	world_enter(t.world.here);
	send_from_there("10.0.0.1", 8080);
	assert_true(world_sent(inside, "172.17.0.2", IPPROTO_UDP, LATEST));
	close(inside);
}

static void a_moved_nat_port_is_told(void **state)
{
	struct sa_spec in = sa_of("10.0.0.2", "10.0.0.1", 0x1002, true);
	struct sa_spec moved = in;
	struct heard h;
	int natt;

	(void)state;
	need_esp();
	in.encap = moved.encap = true;
	in.encap_src_port = in.encap_dst_port = moved.encap_dst_port = 4500;
	moved.encap_src_port = 4600;
	natt = world_listen(4, 4500);
	assert_int_equal(kernel_socket_bypass(natt, AF_INET), 0);
	assert_int_equal(kernel_socket_udp_encap(natt), 0);
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	assert_int_equal(kernel_sa_add(t.k, &in), 0);
	add_there(moved);
	world_enter(t.world.there);
	assert_true(world_ip("xfrm policy add dir out src 10.0.0.2/32 dst 10.0.0.1/32 "
			     "tmpl proto esp reqid 0x494b4d00 mode transport\n"));
	world_enter(t.world.here);
	send_from_there("10.0.0.1", 7777);
	h = listen_for(KERNEL_MAPPING, LATEST);
	assert_int_equal(h.n[KERNEL_MAPPING], 1);
	assert_int_equal(h.last[KERNEL_MAPPING].spi, 0x1002);
	assert_int_equal(h.last[KERNEL_MAPPING].new_src_port, 4600);
	assert_true(ip_equal(&h.last[KERNEL_MAPPING].new_src, &in.src));
	close(natt);
}

/*
 * From Linux 6.11, on an idle SA. They meet the policies: in the clear only where these let UDP
 * 4500 pass, and else as ESP, which counts. Older kernels send none.
 */
static void nat_keepalives_of_the_kernel(void **state)
{
	struct sa_spec out = sa_of("10.0.0.1", "10.0.0.2", 0x1001, false);
	struct sa_ref ref = ref_of(&out);
	const bool known = kernel_knows_keepalive(t.k);
	struct sa_counters c;
	int natt;

	(void)state;
	need_esp();
	/* The first one may leave before the port changes. */
	want(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.2/32 udp/4500", "10.0.0.2/32 udp/4600"));
	world_enter(t.world.there);
	natt = world_listen(4, 4600);
	world_enter(t.world.here);
	out.encap = true;
	out.encap_src_port = out.encap_dst_port = 4500;
	out.keepalive_s = 1;
	assert_int_equal(kernel_sa_add(t.k, &out), 0);
	out.encap_dst_port = 4600;
	assert_int_equal(kernel_sa_update(t.k, &out), 0);
	assert_int_equal(world_receives(natt, LATEST), known);
	assert_int_equal(world_receives(natt, LATEST), known);
	assert_int_equal(kernel_sa_counters(t.k, &ref, &c), 0);
	assert_int_equal(c.packets, 0);
	want(ENTRIES("10.0.0.0/20"), ENTRIES());
	usleep(LATEST * 1000);
	assert_int_equal(kernel_sa_counters(t.k, &ref, &c), 0);
	assert_int_equal(c.packets > 0, known);
	close(natt);
}

static void removal_takes_our_sas_alone(void **state)
{
	const struct sa_ref theirs = { .src = xfrm_ip("10.0.0.1"),
				       .dst = xfrm_ip("10.0.0.2"),
				       .spi = 0x77 };
	struct sa_counters c;
	size_t policies, sas;
	char *before, *after;

	(void)state;
	need_esp();
	assert_true(world_ip("xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x77 reqid 7 "
			     "mode transport aead rfc4106(gcm(aes)) "
			     "0x000102030405060708090a0b0c0d0e0f10111213 128\n"));
	assert_int_equal(kernel_sa_counters(t.k, &theirs, &c), -ESRCH);
	assert_int_equal(kernel_sa_find(t.k, &theirs), 0);
	before = world_output("ip xfrm state");
	for (uint32_t i = 0; i < 500; i++) {
		struct sa_spec sa = sa_of("10.0.0.1", "10.0.0.2", 0x2000 + i, i & 1);

		assert_int_equal(kernel_sa_add(t.k, &sa), 0);
	}
	assert_int_equal(see_sas().all, 500);
	assert_int_equal(kernel_remove_ours(t.k, &policies, &sas), 0);
	assert_int_equal(sas, 500);
	after = world_output("ip xfrm state");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sync_and_the_next),
		TEST(what_is_refused_costs_no_protection),
		TEST(what_others_take_away_is_told),
		TEST(a_protected_address_raises_an_acquire),
		TEST(a_bypassed_address_within_does_not),
		TEST(optional_goes_in_the_clear_and_asks),
		TEST(the_kernel_chooses_as_the_look_up_does),
		TEST(neighbour_discovery_passes),
		TEST(neighbours_are_found_behind_a_protected_everything),
		TEST(what_comes_in),
		TEST(others_are_left_alone),
		TEST(one_of_others_in_our_place),
		TEST(optional_and_enforced_in_place),
		TEST(a_subnet_changes_sides),
		TEST(single_policies),
		TEST(thousands_of_policies),
		TEST(acquires_of_others_are_dropped),
		TEST(lost_events_are_told),
		TEST(a_socket_with_its_bypass),
		TEST(a_socket_that_asks),
		TEST(sysctls),
		TEST(a_forwarded_port_gets_no_cleartext),
		TEST(acquires_leave_larval_states),
		TEST(an_sa_comes_and_goes),
		TEST(several_sas_at_once),
		TEST(counters_of_several),
		TEST(a_poke_that_fails),
		TEST(every_kind_of_sa),
		TEST(traffic_goes_as_esp),
		TEST(a_hard_limit_ends_an_sa),
		TEST(soft_limits_are_told_once),
		TEST(which_outbound_sa_is_taken),
		TEST(no_other_source_through_an_sa),
		TEST(held_packets_are_released_by_the_nudge),
		TEST(a_forwarded_port_is_reached_by_esp),
		TEST(a_moved_nat_port_is_told),
		TEST(nat_keepalives_of_the_kernel),
		TEST(removal_takes_our_sas_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
