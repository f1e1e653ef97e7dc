/* SPDX-License-Identifier: Apache-2.0 */
/* What the tap lets through, and what it makes of it; when healing listens. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/healing.h"
#include "cmd/ikemeshd/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the filter, run by the kernel itself: on a pair of local sockets it sees what is sent --- */

static bool passes(enum tap_kind kind, const uint32_t *known, size_t n_known, const uint8_t *p,
		   size_t n)
{
	struct sock_filter code[TAP_FILTER_MAX];
	struct sock_fprog program = { .filter = code };
	uint8_t got[256];
	int fds[2];

	program.len = (unsigned short)tap_filter(kind, 4500, known, n_known, code);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program),
			 0);
	(void)!send(fds[0], p, n, 0);
	ssize_t r = recv(fds[1], got, sizeof got, 0);
	close(fds[0]);
	close(fds[1]);
	if (r >= 0)
		assert_int_equal(r, n); /* whole */
	return r >= 0;
}

#define ESP 0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 9, 1, 2, 3, 4
#define IP4(words, protocol, total) \
	0x40 | (words), 0, 0, total, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1
#define UDP(port) 0x7a, 0x69, (port) >> 8, (port)&0xff, 0, 20, 0, 0

static const uint8_t esp4[] = { IP4(5, 50, 32), ESP };
static const uint8_t esp4_options[] = { IP4(6, 50, 36), 1, 1, 1, 0, ESP };
static const uint8_t esp6[] = { ESP };
static const uint8_t udp4[] = { IP4(5, 17, 40), UDP(4500), ESP };
static const uint8_t udp6[] = { UDP(4500), ESP };
static const uint8_t udp4_elsewhere[] = { IP4(5, 17, 40), UDP(4501), ESP };
static const uint8_t udp4_ike[] = { IP4(5, 17, 40), UDP(4500), 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t udp4_keepalive[] = { IP4(5, 17, 29), UDP(4500), 0xff };

static const struct {
	enum tap_kind kind;
	const uint8_t *p;
	size_t n;
	uint16_t port;
} good[] = {
	{ TAP_ESP4, esp4, sizeof esp4, 0 },	 { TAP_ESP4, esp4_options, sizeof esp4_options, 0 },
	{ TAP_ESP6, esp6, sizeof esp6, 0 },	 { TAP_UDP4, udp4, sizeof udp4, 0x7a69 },
	{ TAP_UDP6, udp6, sizeof udp6, 0x7a69 },
};

static void test_filter(void **state)
{
	uint32_t known[TAP_KNOWN_MAX + 10];

	(void)state;
	for (size_t i = 0; i < TAP_KNOWN_MAX + 10; i++)
		known[i] = 0x1000 + (uint32_t)i;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(passes(good[i].kind, NULL, 0, good[i].p, good[i].n));
		assert_true(passes(good[i].kind, known, TAP_KNOWN_MAX + 10, good[i].p, good[i].n));
		/* Wherever in the list it is. */
		for (size_t at = 0; at < TAP_KNOWN_MAX; at += 51) {
			uint32_t was = known[at];

			known[at] = 0xc0ffee01;
			assert_false(
				passes(good[i].kind, known, TAP_KNOWN_MAX, good[i].p, good[i].n));
			known[at] = was;
		}
		/* Cut short before the SPI is whole: nothing. */
		for (size_t n = 1; n < good[i].n - 8; n++)
			assert_false(passes(good[i].kind, NULL, 0, good[i].p, n));
	}
	assert_false(passes(TAP_UDP4, NULL, 0, udp4_elsewhere, sizeof udp4_elsewhere));
	assert_false(passes(TAP_UDP4, NULL, 0, udp4_ike, sizeof udp4_ike));
	assert_false(passes(TAP_UDP4, NULL, 0, udp4_keepalive, sizeof udp4_keepalive));
}

static void test_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const bool v6 = good[i].kind == TAP_ESP6 || good[i].kind == TAP_UDP6;
		struct tapped t = { 0 };
		char text[IP_TEXT_LEN];

		assert_true(tap_decode(good[i].kind, good[i].p, good[i].n, 1000, &t));
		assert_int_equal(t.spi, 0xc0ffee01);
		assert_int_equal(t.seq, 9);
		assert_int_equal(t.port, good[i].port);
		assert_int_equal(t.octets, v6 ? 1040 : 1000);
		if (!v6) {
			assert_string_equal(ip_text(&t.remote, text), "10.0.0.2");
			assert_string_equal(ip_text(&t.local, text), "10.0.0.1");
		}
		for (size_t n = 0; n < good[i].n - 4; n++) {
			uint8_t *copy = malloc(n + 1);

			assert_non_null(copy);
			memcpy(copy, good[i].p, n);
			assert_false(tap_decode(good[i].kind, copy, n, n, &t));
			free(copy);
		}
		/* An SPI of zero is never on the wire (RFC 4303 2.1): in UDP it is IKE. */
		uint8_t *zero = malloc(good[i].n);

		assert_non_null(zero);
		memcpy(zero, good[i].p, good[i].n);
		for (size_t at = 0; at + 4 <= good[i].n; at++)
			if (zero[at] == 0xc0 && zero[at + 1] == 0xff && zero[at + 2] == 0xee)
				memset(zero + at, 0, 4);
		assert_false(tap_decode(good[i].kind, zero, good[i].n, 1000, &t));
		free(zero);
	}
}

/* --- healing --- */

static void test_parse(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_true(
		healing_parse("XfrmInError                 \t1\nXfrmInNoStates              \t42\n"
			      "XfrmInStateProtoError       \t3\n",
			      &n));
	assert_int_equal(n, 42);
	assert_true(healing_parse("XfrmInNoStates\t7", &n));
	assert_int_equal(n, 7);
	assert_false(healing_parse("", &n));
	assert_false(healing_parse("XfrmInNoStatesX 3\nXXfrmInNoStates 4\nXfrmInNoState 5\n", &n));
	assert_int_equal(n, 7);
}

struct watch {
	char path[32];
	unsigned told;
	int error;
	uint64_t rises;
};

static bool held(void *arg, const struct sa_ref *ref)
{
	(void)arg;
	(void)ref;
	return true;
}

static void stray(void *arg, const struct event *event)
{
	(void)arg;
	(void)event;
}

static void told(void *arg, uint64_t rises, int error)
{
	struct watch *w = arg;

	w->told++;
	w->rises = rises;
	w->error = error;
}

static void count_is(const struct watch *w, unsigned n)
{
	FILE *f = fopen(w->path, "w");

	assert_non_null(f);
	fprintf(f, "XfrmInError 0\nXfrmInNoStates %u\n", n);
	fclose(f);
}

static struct healing *healing_start(struct watch *w, struct mono now)
{
	const struct healing_options o = { .stat_path = w->path,
					   .port_natt = 4500,
					   .held = held,
					   .stray = stray,
					   .told = told,
					   .arg = w };
	struct healing *h;

	assert_int_equal(healing_open(&o, now, &h), 0);
	return h;
}

/* On to the next deadline, as the loop does. */
static struct mono next(struct healing *h)
{
	const struct mono at = healing_deadline(h);

	healing_tick(h, at);
	return at;
}

static void test_when(void **state)
{
	struct mono now = { .us = 1000 * CLOCK_SECOND };
	struct watch w = { .path = "/tmp/xfrm_stat.XXXXXX" };
	struct healing *h;

	(void)state;
	assert_int_equal(close(mkstemp(w.path)), 0);
	count_is(&w, 0);
	h = healing_start(&w, now);
	assert_int_equal(w.told, 0);
	/* Often while it is young, seldom later. */
	assert_int_equal(healing_deadline(h).us - now.us, HEALING_YOUNG_US);
	for (struct mono at = now; at.us < now.us + HEALING_YOUNG_FOR_US;)
		at = next(h);
	struct mono before = next(h);
	assert_in_range(healing_deadline(h).us - before.us, 1, CLOCK_REST_US);
	assert_int_equal(healing_deadline(h).us % CLOCK_REST_US, 0);
	/* A peer that is dead may be back, and not know that it was. */
	healing_wary(h, before);
	for (unsigned i = 0; i < HEALING_WARY_US / HEALING_IDLE_US; i++) {
		assert_int_equal(healing_deadline(h).us - before.us, HEALING_IDLE_US);
		before = next(h);
	}
	assert_int_equal(healing_deadline(h).us % CLOCK_REST_US, 0);
	assert_int_equal(w.told, 0);
	assert_false(healing_is_listening(h));
	/* It rises: the tap is opened, or it is told why not (who may not do that). */
	count_is(&w, 3);
	before = next(h);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.rises, 3);
	assert_true(healing_is_listening(h) == (w.error == 0));
	if (w.error != 0) {
		assert_int_equal(w.error, -EPERM);
		assert_int_equal(healing_deadline(h).us - before.us, HEALING_RETRY_US);
		healing_close(h);
		unlink(w.path);
		skip();
	}
	/* As long as it rises, it is not opened once more, nor closed. */
	for (unsigned i = 4; i < 20; i++) {
		count_is(&w, i);
		before = next(h);
		assert_true(healing_is_listening(h));
	}
	assert_int_equal(w.told, 1);
	struct mono at = before;
	while (healing_is_listening(h))
		at = next(h);
	assert_in_range(at.us - before.us, HEALING_CALM_US - HEALING_IDLE_US,
			HEALING_CALM_US + HEALING_IDLE_US);
	assert_int_equal(healing_deadline(h).us % CLOCK_REST_US, 0);
	healing_close(h);
	/* It had risen before we came. */
	h = healing_start(&w, now);
	assert_true(healing_is_listening(h));
	healing_close(h);
	unlink(w.path);
	/* No such counter: while it is young. */
	h = healing_start(&w, now);
	assert_true(healing_is_listening(h));
	while (healing_is_listening(h))
		at = next(h);
	assert_in_range(at.us - now.us, HEALING_YOUNG_FOR_US, HEALING_YOUNG_FOR_US + CLOCK_SECOND);
	assert_int_equal(healing_deadline(h).us, MONO_NEVER.us);
	healing_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
