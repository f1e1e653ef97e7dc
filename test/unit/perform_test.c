/* SPDX-License-Identifier: Apache-2.0 */
/* SAs of one group go to the kernel together, and fail as if one after the other. */
#include "cmd/ikemeshd/perform.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	const char *wanted; /* a letter an action: i o SA in, out; s send; u usage; | next group */
	unsigned fails;	    /* bit n: the n-th SA is refused */
	bool one_by_one;
	bool deaf; /* to what came of it */
	unsigned n_sas;
	char log[256];
};

static void note(struct scene *s, const char *format, ...)
{
	const size_t n = strlen(s->log);
	va_list args;

	va_start(args, format);
	vsnprintf(s->log + n, sizeof(s->log) - n, format, args);
	va_end(args);
}

static void emit(struct scene *s, struct actions *out)
{
	uint32_t group = 1;

	out->room = strlen(s->wanted);
	out->a = calloc(out->room, sizeof(*out->a));
	for (const char *c = s->wanted; *c != '\0'; c++) {
		struct action *a = &out->a[out->n];

		group += *c == '|';
		if (*c == '|')
			continue;
		a->group = group;
		a->kind = *c == 's' ? ACTION_SEND : *c == 'u' ? ACTION_SA_USAGE : ACTION_SA_ADD;
		if (*c == 's') {
			blob_copy(&a->send.datagram, BYTES((const uint8_t *)"x", 1));
		} else if (*c == 'u') {
			a->sa_usage.in.spi = (uint32_t)out->n + 1;
			a->sa_usage.out.spi = (uint32_t)out->n + 101;
		} else {
			a->sa_add.inbound = *c == 'i';
			a->sa_add.spi = (uint32_t)out->n + 1;
		}
		out->n++;
	}
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct scene *s = arg;

	(void)now;
	actions_clear(out);
	out->deadline = MONO_NEVER;
	if (event->kind == EVENT_TIMER)
		emit(s, out);
	if (event->kind == EVENT_FAILED)
		note(s, " failed:%u%s", event->failed.ref.spi, event->failed.inbound ? "i" : "o");
	if (event->kind == EVENT_USAGE && !s->deaf)
		note(s, " usage:%u:%u,%u%s", event->usage.in.spi, (unsigned)event->usage.packets_in,
		     (unsigned)event->usage.packets_out, event->usage.out_gone ? "!" : "");
	return 0;
}

static int try_sa(struct scene *s, const struct sa_spec *sa)
{
	const bool fails = (s->fails >> s->n_sas++ & 1) != 0;

	note(s, "%s%u", fails ? "!" : "+", sa->spi);
	return fails ? -ENOBUFS : 0;
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	note(arg, " ");
	return try_sa(arg, sa);
}

static void hand_sas_add(void *arg, const struct sa_spec *const *sas, size_t n, int *errors)
{
	note(arg, " ");
	for (size_t i = 0; i < n; i++)
		errors[i] = try_sa(arg, sas[i]);
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	(void)inbound;
	note(arg, " -%u", ref->spi);
	return 0;
}

/* The third action's outbound SA is not there. */
static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	note(arg, " count:%zu", n);
	for (size_t i = 0; i < n; i++) {
		errors[i] = refs[i].spi == 103 ? -ESRCH : 0;
		packets[i] = errors[i] == 0 ? refs[i].spi * 10 : 0;
	}
}

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	(void)local;
	(void)remote;
	(void)datagram;
	note(arg, " send");
	return 0;
}

static struct mono hand_now(void *arg)
{
	(void)arg;
	return (struct mono){ 0 };
}

/* What was done for these actions, as words. */
static void assert_done(struct scene s, const char *expected)
{
	struct hands hands = { .send = hand_send,
			       .sa_add = hand_sa_add,
			       .sas_add = s.one_by_one ? NULL : hand_sas_add,
			       .sa_delete = hand_sa_delete,
			       .sas_packets = hand_sas_packets,
			       .now = hand_now,
			       .step = hand_step,
			       .arg = &s };
	struct performer p;

	performer_init(&p, &hands);
	assert_int_equal(perform_event(&p, &(struct event){ .kind = EVENT_TIMER }), 0);
	assert_string_equal(s.log, expected);
	performer_free(&p);
}

static void test_together(void **state)
{
	(void)state;
	assert_done((struct scene){ .wanted = "ios" }, " +1+2 send");
	assert_done((struct scene){ .wanted = "i" }, " +1");
	assert_done((struct scene){ .wanted = "ioioio" }, " +1+2+3+4 +5+6");
	assert_done((struct scene){ .wanted = "iso" }, " +1 send +3");
}

static void test_each_group_by_itself(void **state)
{
	(void)state;
	assert_done((struct scene){ .wanted = "i|o|s" }, " +1 +2 send");
	assert_done((struct scene){ .wanted = "io|io", .fails = 1 }, " !1+2 -2 +3+4 failed:1i");
}

static void test_nothing_stays_behind_a_failure(void **state)
{
	(void)state;
	assert_done((struct scene){ .wanted = "ios", .fails = 1 }, " !1+2 -2 failed:1i");
	assert_done((struct scene){ .wanted = "ios", .fails = 2 }, " +1!2 failed:2o");
	assert_done((struct scene){ .wanted = "ios", .fails = 3 }, " !1!2 failed:1i");
}

static void test_one_by_one(void **state)
{
	(void)state;
	assert_done((struct scene){ .wanted = "ios", .one_by_one = true }, " +1 +2 send");
	assert_done((struct scene){ .wanted = "ios", .one_by_one = true, .fails = 1 },
		    " !1 failed:1i");
}

/* Many SAs are counted at once, and each pair hears of its own. */
static void test_looks_together(void **state)
{
	(void)state;
	assert_done((struct scene){ .wanted = "u" }, " count:2 usage:1:10,1010");
	assert_done((struct scene){ .wanted = "uuu" },
		    " count:6 usage:1:10,1010 usage:2:20,1020 usage:3:30,0!");
	assert_done((struct scene){ .wanted = "usu" },
		    " count:2 send count:2 usage:1:10,1010 usage:3:30,0!");
	assert_done((struct scene){ .wanted = "iu|u", .fails = 1 },
		    " !1 count:2 failed:1i usage:3:30,0!");
}

static void test_more_looks_than_at_once(void **state)
{
	char wanted[PERFORM_LOOKS + 2] = "", expected[32];
	struct scene s = { .wanted = wanted, .deaf = true };

	(void)state;
	memset(wanted, 'u', PERFORM_LOOKS + 1);
	snprintf(expected, sizeof(expected), " count:%d count:2", 2 * PERFORM_LOOKS);
	assert_done(s, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks_together),
		cmocka_unit_test(test_more_looks_than_at_once),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_each_group_by_itself),
		cmocka_unit_test(test_nothing_stays_behind_a_failure),
		cmocka_unit_test(test_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
