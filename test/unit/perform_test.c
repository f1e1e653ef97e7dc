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
	const char *wanted; /* a letter an action: i o SA in, out; s send; | the next group */
	unsigned fails;	    /* bit n: the n-th SA is refused */
	bool one_by_one;
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

	out->a = calloc(16, sizeof(*out->a));
	out->room = 16;
	for (const char *c = s->wanted; *c != '\0'; c++) {
		struct action *a = &out->a[out->n];

		group += *c == '|';
		if (*c == '|')
			continue;
		a->group = group;
		a->kind = *c == 's' ? ACTION_SEND : ACTION_SA_ADD;
		a->sa_add.inbound = *c == 'i';
		if (*c == 's')
			blob_copy(&a->send.datagram, BYTES((const uint8_t *)"x", 1));
		else
			a->sa_add.spi = (uint32_t)out->n + 1;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_each_group_by_itself),
		cmocka_unit_test(test_nothing_stays_behind_a_failure),
		cmocka_unit_test(test_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
