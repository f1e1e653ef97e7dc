/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as talking in the clear: the filter, run by the kernel itself, and the judgement. */
#include "cmd/ikemeshd/clear.h"
#include "cmd/ikemeshd/clear_filter.h"
#include "cmd/ikemeshd/clock.h"
#include "lib/xfrm_spec.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- packets ----------------------------------------------------------------------------------
 */

struct packet {
	uint8_t family;
	uint8_t p[160];
	size_t n;
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ports, or ICMP's type and code in their first octets. options: octets of IPv4 options. */
static struct packet packet(const char *src, const char *dst, uint8_t protocol, unsigned from,
			    unsigned to, size_t options)
{
	const struct ip s = xfrm_ip(src), d = xfrm_ip(dst);
	struct packet out = { .family = s.family };
	uint8_t *p = out.p;
	size_t at;

	if (s.family == 4) {
		at = 20 + options;
		p[0] = (uint8_t)(0x40 | at / 4);
		p[9] = protocol;
		memcpy(p + 12, s.b, 4);
		memcpy(p + 16, d.b, 4);
	} else {
		at = 40;
		p[0] = 0x60;
		p[6] = protocol;
		memcpy(p + 8, s.b, 16);
		memcpy(p + 24, d.b, 16);
	}
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		p[at] = (uint8_t)from;
		p[at + 1] = (uint8_t)to;
	} else {
		put16(p + at, from);
		put16(p + at + 2, to);
	}
	out.n = at + 20;
	return out;
}

/* A later fragment of IPv4, or any of IPv6, with the protocol behind. */
static struct packet fragment(const char *src, const char *dst, uint8_t protocol, unsigned from,
			      unsigned to)
{
	struct packet out = packet(src, dst, protocol, from, to, 0);

	if (out.family == 4) {
		put16(out.p + 6, 100);
		return out;
	}
	out.p[6] = IPPROTO_FRAGMENT;
	memmove(out.p + 48, out.p + 40, 20);
	memset(out.p + 40, 0, 8);
	out.p[40] = protocol;
	out.n += 8;
	return out;
}

/*
 * What Linux makes of it at most, in octets: it charges a socket for that, up to 20,480 octets by
 * default before 6.10, and the old filter is still there when the new one comes.
 */
static size_t translated(const struct sock_fprog *program)
{
	size_t n = 10;

	for (size_t i = 0; i < program->len; i++) {
		const uint16_t code = program->filter[i].code;
		const bool load = BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_LDX;

		if (load && BPF_MODE(code) != BPF_MEM && BPF_MODE(code) != BPF_IMM)
			n += 12;
		else
			n += BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_RET ? 2 : 1;
	}
	return n * 8;
}

/* On a pair of local sockets a filter sees what is sent; every packet there is PACKET_HOST. */
static bool passes(const struct policy_set *set, const struct packet *k, const struct ip *seen,
		   size_t n_seen)
{
	static struct sock_filter code[CLEAR_FILTER_MAX];
	struct sock_fprog program = { .filter = code };
	uint8_t got[256];
	int fds[2];
	ssize_t r;

	program.len = (unsigned short)clear_filter(set, k->family, seen, n_seen, code);
	assert_in_range(program.len, 1, CLEAR_FILTER_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_in_range(translated(&program), 1, 20480 / 2);
	assert_int_equal(
		setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	(void)!send(fds[0], k->p, k->n, 0);
	r = recv(fds[1], got, sizeof(got), 0);
	close(fds[0]);
	close(fds[1]);
	return r >= 0;
}

static bool judged(const struct policy_set *set, const struct packet *k)
{
	struct ip src = { 0 };
	const bool clear = clear_packet(set, k->family, k->p, k->n, &src);
	const struct ip said = ip_from(k->family, k->p + (k->family == 4 ? 12 : 8));

	if (clear)
		assert_true(ip_equal(&src, &said));
	return clear;
}

/* ---- the world --------------------------------------------------------------------------------
 */

#define OURS "10.0.0.1"
#define OURS6 "fd00:1::1"

static struct spec spec;
static struct policy_set set;

static int build(void **state)
{
	const struct ip locals[] = { xfrm_ip(OURS), xfrm_ip("10.0.0.2"), xfrm_ip(OURS6) };

	(void)state;
	spec = xfrm_spec(ENTRIES("10.0.0.0/16?", "10.0.8.0/22", "10.0.8.128/25?", "fd00:1::/64?",
				 "fd00:1::8:0/112", "10.9.0.0/16? tcp/80"),
			 ENTRIES("10.0.5.0/24", "10.0.6.1/32 udp/53", "fd00:1::5:0/112"));
	set = xfrm_build(&spec, locals, 3);
	return 0;
}

static int unbuild(void **state)
{
	(void)state;
	policy_set_free(&set);
	xfrm_spec_free(&spec);
	return 0;
}

static const struct {
	const char *src, *dst;
	uint8_t protocol;
	unsigned from, to;
	bool clear;
	bool filtered; /* the filter alone keeps it away */
} cases[] = {
	/* optional: what is not ESP was in the clear */
	{ "10.0.1.9", OURS, IPPROTO_TCP, 40000, 22, true, false },
	{ "10.0.1.9", "10.0.0.2", IPPROTO_UDP, 40000, 53, true, false },
	{ "10.0.1.9", OURS, IPPROTO_ICMP, 8, 0, true, false },
	{ "10.0.8.200", OURS, IPPROTO_TCP, 40000, 22, true, false },
	{ "fd00:1::9", OURS6, IPPROTO_TCP, 40000, 22, true, false },
	{ "fd00:1::9", OURS6, IPPROTO_ICMPV6, 128, 0, true, false },
	{ "10.9.1.1", OURS, IPPROTO_TCP, 80, 40000, true, false },
	/* ESP, IKE */
	{ "10.0.1.9", OURS, IPPROTO_ESP, 1, 2, false, true },
	{ "10.0.1.9", OURS, IPPROTO_UDP, 500, 500, false, true },
	{ "10.0.1.9", OURS, IPPROTO_UDP, 31337, 4500, false, true },
	{ "fd00:1::9", OURS6, IPPROTO_ESP, 1, 2, false, true },
	{ "fd00:1::9", OURS6, IPPROTO_UDP, 500, 500, false, true },
	/* enforced, although inside an optional one: no way in */
	{ "10.0.8.9", OURS, IPPROTO_TCP, 40000, 22, false, true },
	{ "fd00:1::8:9", OURS6, IPPROTO_TCP, 40000, 22, false, true },
	/* in no list, or bypassed */
	{ "10.1.0.9", OURS, IPPROTO_TCP, 40000, 22, false, true },
	{ "fd00:2::9", OURS6, IPPROTO_TCP, 40000, 22, false, true },
	{ "10.0.5.9", OURS, IPPROTO_TCP, 40000, 22, false, true },
	{ "fd00:1::5:9", OURS6, IPPROTO_TCP, 40000, 22, false, true },
	{ "10.0.6.1", OURS, IPPROTO_UDP, 53, 40000, false, false },
	{ "10.0.6.1", OURS, IPPROTO_UDP, 54, 40000, true, false },
	{ "10.9.1.1", OURS, IPPROTO_TCP, 81, 40000, false, false },
	/* neighbour discovery, link-local */
	{ "fd00:1::9", OURS6, IPPROTO_ICMPV6, 135, 0, false, false },
	{ "fd00:1::9", OURS6, IPPROTO_ICMPV6, 136, 0, false, false },
	{ "fe80::9", OURS6, IPPROTO_TCP, 40000, 22, false, true },
	/* for somebody else: this host is a router, or it is a group's */
	{ "10.0.1.9", "10.0.1.10", IPPROTO_TCP, 40000, 22, false, true },
	{ "10.0.1.9", "224.0.0.1", IPPROTO_UDP, 40000, 22, false, true },
	/* we ourselves */
	{ OURS, OURS, IPPROTO_TCP, 40000, 22, false, true },
	{ "10.0.0.2", OURS, IPPROTO_TCP, 40000, 22, false, true },
	{ OURS6, OURS6, IPPROTO_TCP, 40000, 22, false, true },
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct packet packet_of(size_t i, size_t options)
{
	return packet(cases[i].src, cases[i].dst, cases[i].protocol, cases[i].from, cases[i].to,
		      options);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++) {
		for (size_t options = 0; options <= 8; options += 8) {
			const struct packet k = packet_of(i, options);

			if (judged(&set, &k) != cases[i].clear ||
			    passes(&set, &k, NULL, 0) == cases[i].filtered)
				fail_msg("case %zu: %s to %s protocol %u: clear %d, filtered %d", i,
					 cases[i].src, cases[i].dst, cases[i].protocol,
					 judged(&set, &k), !passes(&set, &k, NULL, 0));
		}
	}
}

/* Cut off anywhere, nothing is read that is not there, and never is it more than the whole. */
static void test_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++) {
		struct packet k = packet_of(i, 0);

		for (k.n = 0; k.n < (k.family == 4 ? 20u : 40u); k.n++)
			assert_false(judged(&set, &k));
	}
}

static void test_fragments(void **state)
{
	struct packet k;

	(void)state;
	k = fragment("10.0.1.9", OURS, IPPROTO_TCP, 1, 2);
	assert_true(passes(&set, &k, NULL, 0) && judged(&set, &k));
	k = fragment("10.0.1.9", OURS, IPPROTO_ESP, 1, 2);
	assert_false(passes(&set, &k, NULL, 0) || judged(&set, &k));
	/* IKE's, most likely. */
	k = fragment("10.0.1.9", OURS, IPPROTO_UDP, 1, 2);
	assert_false(passes(&set, &k, NULL, 0) || judged(&set, &k));
	k = fragment("fd00:1::9", OURS6, IPPROTO_TCP, 1, 2);
	assert_true(passes(&set, &k, NULL, 0) && judged(&set, &k));
	k = fragment("fd00:1::9", OURS6, IPPROTO_ESP, 1, 2);
	assert_false(passes(&set, &k, NULL, 0) || judged(&set, &k));
	k = fragment("fd00:1::9", OURS6, IPPROTO_UDP, 500, 500);
	assert_false(judged(&set, &k));
}

/* Destination options before it, however long they are. */
static void test_extensions(void **state)
{
	struct packet k = packet("fd00:1::9", OURS6, IPPROTO_DSTOPTS, 0, 0, 0);

	(void)state;
	for (unsigned words = 0; words < 8; words++) {
		k.p[41] = (uint8_t)words;
		k.n = 40 + 8 * (words + 1) + 8;
		k.p[40] = IPPROTO_ESP;
		assert_false(judged(&set, &k));
		k.p[40] = IPPROTO_TCP;
		assert_true(judged(&set, &k));
		k.p[40] = IPPROTO_HOPOPTS;
		k.n = 40 + 8 * (words + 1) + 7;
		assert_false(judged(&set, &k));
	}
}

/* Whoever was heard lately is left out, and nobody else. */
static void test_seen(void **state)
{
	struct ip seen[300];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		seen[i] = ip_v4(10, 0, 200, (uint8_t)i);
		if (i % 2 != 0)
			seen[i] = xfrm_ip("fd00:1::77");
	}
	seen[30] = xfrm_ip("10.0.1.9");
	seen[11] = xfrm_ip("fd00:1::9");
	for (size_t i = 0; i < N_CASES; i++) {
		const struct packet k = packet_of(i, 0);
		const bool left_out = strcmp(cases[i].src, "10.0.1.9") == 0 ||
				      strcmp(cases[i].src, "fd00:1::9") == 0;

		assert_int_equal(passes(&set, &k, seen, 300), !left_out && !cases[i].filtered);
	}
}

static void test_wanted(void **state)
{
	const struct ip local = xfrm_ip(OURS);
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/16", "10.1.0.0/16?"), ENTRIES("10.2.0.0/16"));
	struct policy_set p = xfrm_build(&s, &local, 1);

	(void)state;
	assert_true(clear_filter_wanted(&p, 4));
	assert_false(clear_filter_wanted(&p, 6));
	policy_set_free(&p);
	s.protect[1].optional = false;
	p = xfrm_build(&s, &local, 1);
	assert_false(clear_filter_wanted(&p, 4));
	policy_set_free(&p);
	xfrm_spec_free(&s);
}

/* More than a filter has room for: too much passes, never too little. */
static void test_many(void **state)
{
	enum { MANY = 3000 };
	static char text[MANY][32];
	static const char *entries[MANY + 1];
	const struct ip local = xfrm_ip("fd00:1::1");
	struct policy_set p;
	struct spec s;
	struct packet k;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "fd00:%x:1::/48%s", i + 1, i % 2 ? "?" : "");
		entries[i] = text[i];
	}
	s = xfrm_spec(entries, ENTRIES());
	p = xfrm_build(&s, &local, 1);
	for (unsigned i = 1; i < MANY; i += 211) {
		char src[40];

		snprintf(src, sizeof(src), "fd00:%x:1::9", i + 1);
		k = packet(src, "fd00:1::1", IPPROTO_TCP, 1, 2, 0);
		assert_int_equal(judged(&p, &k), i % 2);
		if (i % 2)
			assert_true(passes(&p, &k, NULL, 0));
	}
	k = packet("fd00:1:1::9", "fd00:1::1", IPPROTO_ESP, 1, 2, 0);
	assert_false(passes(&p, &k, NULL, 0));
	policy_set_free(&p);
	xfrm_spec_free(&s);
}

/* Many addresses of our own: who is meant is judged behind the filter then. */
static void test_many_own(void **state)
{
	struct ip locals[200];
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/8?"), ENTRIES());
	struct policy_set p;
	struct packet k;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		locals[i] = ip_v4(10, 0, 0, (uint8_t)i);
	for (size_t n = 16; n <= 200; n += 92) {
		p = xfrm_build(&s, locals, n);
		k = packet("10.0.1.9", n == 16 ? "10.0.0.15" : "10.0.0.107", IPPROTO_TCP, 1, 2, 0);
		assert_true(passes(&p, &k, NULL, 0) && judged(&p, &k));
		k = packet("10.0.0.7", "10.0.0.8", IPPROTO_TCP, 1, 2, 0);
		assert_false(judged(&p, &k));
		k = packet("10.0.1.9", "10.0.1.10", IPPROTO_TCP, 1, 2, 0);
		assert_false(judged(&p, &k));
		assert_int_equal(passes(&p, &k, NULL, 0), n > 16);
		policy_set_free(&p);
	}
	xfrm_spec_free(&s);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void test_table(void **state)
{
	struct mono now = { 1000 * CLOCK_SECOND };
	const struct clear_peer *p;
	struct clear *c;
	struct ip ip;
	size_t n;

	(void)state;
	assert_int_equal(clear_open(&c), 0);
	for (unsigned i = 0; i < CLEAR_PEERS_MAX; i++) {
		ip = ip_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i);
		clear_note(c, &ip, now);
		now = clock_after(now, 1000);
	}
	/* The first speaks again; then the second is the one that was silent longest. */
	ip = ip_v4(10, 0, 0, 0);
	clear_note(c, &ip, now);
	ip = ip_v4(10, 1, 0, 0);
	clear_note(c, &ip, now);
	p = clear_peers(c, &n);
	assert_int_equal(n, CLEAR_PEERS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct ip second = ip_v4(10, 0, 0, 1), first = ip_v4(10, 0, 0, 0);

		assert_false(ip_equal(&p[i].remote, &second));
		if (ip_equal(&p[i].remote, &first))
			assert_int_equal(p[i].last.us, now.us);
	}
	clear_forget(c, &ip);
	clear_forget(c, &ip);
	clear_peers(c, &n);
	assert_int_equal(n, CLEAR_PEERS_MAX - 1);
	clear_close(c);
}

/* Where nothing is optional there is nothing to wait for, and no socket. */
static void test_idle(void **state)
{
	const struct ip local = xfrm_ip(OURS);
	struct spec s = xfrm_spec(ENTRIES("10.0.0.0/16"), ENTRIES());
	struct policy_set p = xfrm_build(&s, &local, 1);
	const struct mono now = { 5 * CLOCK_SECOND };
	struct clear *c;

	(void)state;
	assert_int_equal(clear_open(&c), 0);
	assert_int_equal(clear_policies(c, &p, now), 0);
	assert_int_equal(clear_since(c).us, MONO_NEVER.us);
	assert_int_equal(clear_deadline(c).us, MONO_NEVER.us);
	clear_turn(c, now);
	clear_tick(c, now);
	assert_int_equal(clear_deadline(c).us, MONO_NEVER.us);
	/* An entry becomes optional, and is not any more. */
	policy_set_free(&p);
	s.protect[0].optional = true;
	p = xfrm_build(&s, &local, 1);
	if (clear_policies(c, &p, now) == 0) {
		assert_int_equal(clear_since(c).us, now.us);
		/* After a reading there is a pause; after the pause there is none. */
		clear_turn(c, now);
		assert_int_equal(clear_deadline(c).us, now.us + CLEAR_PAUSE_US);
		clear_tick(c, clock_after(now, CLEAR_PAUSE_US));
		assert_int_equal(clear_deadline(c).us, MONO_NEVER.us);
		/* Who was heard is shown again after a while. */
		clear_note(c, &local, now);
		clear_read(c, now);
		assert_int_equal(clear_deadline(c).us, now.us + CLEAR_QUIET_US);
		clear_tick(c, clock_after(now, CLEAR_QUIET_US));
		assert_int_equal(clear_deadline(c).us, MONO_NEVER.us);
		/* But not in the middle of a pause. */
		clear_note(c, &local, clock_after(now, -CLEAR_QUIET_US + 10));
		clear_turn(c, now);
		assert_int_equal(clear_deadline(c).us, now.us + CLEAR_PAUSE_US);
	} else {
		assert_int_equal(clear_since(c).us, MONO_NEVER.us);
		assert_int_not_equal(clear_error(c), 0);
	}
	policy_set_free(&p);
	s.protect[0].optional = false;
	p = xfrm_build(&s, &local, 1);
	assert_int_equal(clear_policies(c, &p, now), 0);
	assert_int_equal(clear_error(c), 0);
	assert_int_equal(clear_since(c).us, MONO_NEVER.us);
	clear_close(c);
	policy_set_free(&p);
	xfrm_spec_free(&s);
}

/* ---- the kernel's way with ESP ----------------------------------------------------------------
 */

static void test_modules(void **state)
{
	char dir[] = "/tmp/ikemesh-clear-XXXXXX", path[64], file[64];
	struct clear *c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/esp6_offload", dir);
	snprintf(file, sizeof(file), "%s/modules.builtin", dir);
	assert_false(clear_module_loaded(dir));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(clear_module_loaded(dir));
	assert_int_equal(rmdir(path), 0);
	assert_false(clear_module_builtin(file));
	f = fopen(file, "w");
	assert_non_null(f);
	fputs("kernel/net/ipv4/esp4.ko\n", f);
	fflush(f);
	assert_false(clear_module_builtin(file));
	fputs("kernel/net/ipv4/esp4_offload.ko\nkernel/net/ipv4/xfrm4_tunnel.ko\n", f);
	assert_int_equal(fclose(f), 0);
	assert_true(clear_module_builtin(file));
	/* As the unit hands it in where /lib/modules is hidden. */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	assert_int_equal(clear_open(&c), 0);
	assert_true(clear_sees_decrypted(c));
	clear_close(c);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	  cmocka_unit_test(test_short),
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_seen),	  cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_many),	  cmocka_unit_test(test_many_own),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_idle),
		cmocka_unit_test(test_modules),
	};

	return cmocka_run_group_tests(tests, build, unbuild);
}
