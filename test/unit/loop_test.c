/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's fairness, and the performer's order: failures before anything else. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/loop.h"
#include "cmd/ikemeshd/perform.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- loop ----------------------------------------------------------------------------------- */

struct tap {
	int fd;
	char letter;
	char *story;
};

/* Never drains: as busy as a source can be. */
static void tap_ready(void *arg)
{
	struct tap *t = arg;

	strncat(t->story, &t->letter, 1);
}

static void test_every_ready_source_gets_one_turn_in_order(void **state)
{
	char story[64] = "";
	struct tap a = { eventfd(1, 0), 'a', story }, b = { eventfd(0, 0), 'b', story },
		   c = { eventfd(1, 0), 'c', story };
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(loop_add(l, a.fd, tap_ready, &a), 0);
	assert_int_equal(loop_add(l, b.fd, tap_ready, &b), 0);
	assert_int_equal(loop_add(l, c.fd, tap_ready, &c), 0);
	assert_int_equal(loop_turn(l), 0);
	assert_string_equal(story, "ac");
	assert_int_equal(eventfd_write(b.fd, 1), 0);
	assert_int_equal(loop_turn(l), 0);
	assert_string_equal(story, "acabc");
	loop_close(l);
	close(a.fd);
	close(b.fd);
	close(c.fd);
}

static void test_a_deadline_fires_beside_a_busy_source(void **state)
{
	char story[64] = "";
	struct tap busy = { eventfd(1, 0), 'b', story }, due = { -1, 'd', story };
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	loop_on_deadline(l, tap_ready, &due);
	loop_add(l, busy.fd, tap_ready, &busy);
	assert_int_equal(loop_set_deadline(l, (struct mono){ .us = 0 }), 0);
	loop_turn(l);
	assert_string_equal(story, "db");
	/* Once only, until it is set again. */
	loop_turn(l);
	assert_string_equal(story, "dbb");
	loop_set_deadline(l, MONO_NEVER);
	loop_set_deadline(l, clock_after(clock_now(), -5 * CLOCK_SECOND));
	loop_turn(l);
	assert_string_equal(story, "dbbdb");
	loop_close(l);
	close(busy.fd);
}

static void test_a_deadline_is_kept_to_the_millisecond(void **state)
{
	char story[64] = "";
	struct tap due = { -1, 'd', story };
	struct mono start = clock_now(), end;
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	loop_on_deadline(l, tap_ready, &due);
	loop_set_deadline(l, clock_after(start, 20000));
	assert_int_equal(loop_turn(l), 0);
	end = clock_now();
	assert_string_equal(story, "d");
	assert_true(end.us - start.us >= 20000);
	loop_close(l);
}

static void test_too_many_sources_are_refused(void **state)
{
	int fds[LOOP_SOURCES + 1];
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	for (size_t i = 0; i <= LOOP_SOURCES; i++) {
		fds[i] = eventfd(0, 0);
		assert_int_equal(loop_add(l, fds[i], tap_ready, NULL),
				 i < LOOP_SOURCES ? 0 : -ENOSPC);
	}
	loop_close(l);
	for (size_t i = 0; i <= LOOP_SOURCES; i++)
		close(fds[i]);
}

/* ---- performer --------------------------------------------------------------------------------
 */

/*
 * A core that plays a script: each event takes the next line of it and puts its actions out. A
 * line is made of letters, groups are separated by a space:
 *   S send  A sa_add  D sa_delete  U sa_usage  N nudge  J job  R report; small letters fail.
 */
struct play {
	const char *const *script;
	const char *now; /* the line being performed */
	char story[512];
	struct hands hands;
	unsigned next_spi;
};

static void tell(struct play *p, const char *what)
{
	if (p->story[0] != '\0')
		strncat(p->story, " ", sizeof(p->story) - strlen(p->story) - 1);
	strncat(p->story, what, sizeof(p->story) - strlen(p->story) - 1);
}

static int play_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	(void)local;
	(void)datagram;
	tell(arg, "send");
	return remote->port == 0 ? -ENETUNREACH : 0;
}

static int play_sa_add(void *arg, const struct sa_spec *sa)
{
	tell(arg, "add");
	return sa->hard_s == 1 ? -EEXIST : 0;
}

static int play_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	(void)inbound;
	tell(arg, "delete");
	return ref->spi == 1 ? -ESRCH : 0;
}

static void play_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	for (size_t i = 0; i < n; i++) {
		tell(arg, "count");
		packets[i] = refs[i].spi * 10;
		errors[i] = 0;
	}
}

static void play_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	(void)local;
	(void)remote;
	tell(arg, "nudge");
}

static int play_job(void *arg, struct job *job)
{
	tell(arg, "job");
	if (job->ticket == 1)
		return -EBUSY;
	job_free(job);
	return 0;
}

static void play_report(void *arg, const struct report *report)
{
	(void)report;
	tell(arg, "report");
}

static struct mono play_now(void *arg)
{
	(void)arg;
	return (struct mono){ .us = 1 };
}

static const char *event_letter(const struct event *e)
{
	switch (e->kind) {
	case EVENT_FAILED:
		return "<failed>";
	case EVENT_JOB_DONE:
		return "<job done>";
	case EVENT_USAGE:
		assert_int_equal(e->usage.packets_in, 30);
		assert_int_equal(e->usage.packets_out, 40);
		return "<usage>";
	case EVENT_UNREACHABLE:
		return "<unreachable>";
	default:
		return "<event>";
	}
}

static void put_action(struct actions *out, uint32_t group, char letter)
{
	struct action *a;

	if (out->n == out->room) {
		out->room = out->room == 0 ? 16 : out->room * 2;
		out->a = realloc(out->a, out->room * sizeof(*out->a));
		assert_non_null(out->a);
	}
	a = &out->a[out->n++];
	*a = (struct action){ .group = group };
	switch (letter) {
	case 'S':
	case 's':
		a->kind = ACTION_SEND;
		a->send.remote.port = letter == 'S' ? 500 : 0;
		break;
	case 'A':
	case 'a':
		a->kind = ACTION_SA_ADD;
		a->sa_add.hard_s = letter == 'A' ? 0 : 1;
		break;
	case 'D':
	case 'd':
		a->kind = ACTION_SA_DELETE;
		a->sa_delete.ref.spi = letter == 'D' ? 2 : 1;
		break;
	case 'U':
		a->kind = ACTION_SA_USAGE;
		a->sa_usage.in.spi = 3;
		a->sa_usage.out.spi = 4;
		break;
	case 'N':
		a->kind = ACTION_NUDGE;
		break;
	case 'J':
	case 'j':
		a->kind = ACTION_JOB;
		a->job = job_new(JOB_SIGN);
		assert_non_null(a->job);
		a->job->ticket = letter == 'J' ? 2 : 1;
		break;
	case 'R':
		a->kind = ACTION_REPORT;
		a->report.text = strdup("told");
		break;
	default:
		fail();
	}
}

static int play_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct play *p = arg;
	const char *line = *p->script != NULL ? *p->script++ : "";
	uint32_t group = 1;

	(void)now;
	actions_clear(out);
	tell(p, event_letter(event));
	if (event->kind == EVENT_JOB_DONE) {
		assert_int_equal(event->job_done.job->result, -EBUSY);
		assert_int_equal(event->job_done.job->judged.verdict, VERDICT_FAILED);
		job_free(event->job_done.job);
	}
	for (; *line != '\0'; line++) {
		if (*line == ' ')
			group++;
		else
			put_action(out, group, *line);
	}
	out->deadline = (struct mono){ .us = 77 };
	return 0;
}

static void play(const char *const *script, const char *story)
{
	struct play p = { .script = script };
	struct performer performer;

	p.hands = (struct hands){ .send = play_send,
				  .sa_add = play_sa_add,
				  .sa_delete = play_sa_delete,
				  .sas_packets = play_sas_packets,
				  .nudge = play_nudge,
				  .job = play_job,
				  .report = play_report,
				  .now = play_now,
				  .step = play_step,
				  .arg = &p };
	performer_init(&performer, &p.hands);
	assert_int_equal(perform_event(&performer, &(struct event){ .kind = EVENT_TIMER }), 0);
	assert_string_equal(p.story, story);
	assert_int_equal(performer.deadline.us, 77);
	performer_free(&performer);
}
#define PLAY(story, ...) play((const char *const[]){ __VA_ARGS__, NULL }, (story))

static void test_actions_are_performed_in_order(void **state)
{
	(void)state;
	PLAY("<event> add add send nudge job report delete", "AASNJRD");
}

static void test_a_refused_sa_holds_the_reply_back(void **state)
{
	(void)state;
	PLAY("<event> add <failed> send", "aSR", "S");
	/* What came before it stands; another group goes its own way. */
	PLAY("<event> nudge add send report <failed>", "NaSR SR");
	/* The group stays skipped even when others come between. */
	PLAY("<event> add add send <failed> <failed>", "aS aS S");
}

static void test_failures_come_one_by_one_oldest_first(void **state)
{
	(void)state;
	PLAY("<event> add job send <failed> delete <job done> send <unreachable>", "aS jS", "D",
	     "s");
}

static void test_an_sa_that_was_gone_is_no_failure(void **state)
{
	(void)state;
	PLAY("<event> delete send", "dS");
}

static void test_a_lost_datagram_is_a_hint_and_skips_nothing(void **state)
{
	(void)state;
	PLAY("<event> send report <unreachable>", "sR");
}

static void test_usage_is_told_before_anything_else(void **state)
{
	(void)state;
	PLAY("<event> count count send <usage> report", "US", "R");
}

/* A core that answers each failure with another one is cut off, and nothing leaks. */
static int endless_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	unsigned *steps = arg;

	(void)now;
	if (event->kind == EVENT_JOB_DONE)
		job_free(event->job_done.job);
	actions_clear(out);
	put_action(out, 1, 'j');
	++*steps;
	return 0;
}

static int endless_job(void *arg, struct job *job)
{
	(void)arg;
	(void)job;
	return -EBUSY;
}

static void test_an_endless_core_is_cut_off(void **state)
{
	unsigned steps = 0;
	const struct hands hands = {
		.step = endless_step, .job = endless_job, .now = play_now, .arg = &steps
	};
	struct performer performer;

	(void)state;
	performer_init(&performer, &hands);
	assert_int_equal(perform_event(&performer, &(struct event){ .kind = EVENT_TIMER }), 0);
	assert_in_range(steps, 2, 2000);
	performer_free(&performer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_ready_source_gets_one_turn_in_order),
		cmocka_unit_test(test_a_deadline_fires_beside_a_busy_source),
		cmocka_unit_test(test_a_deadline_is_kept_to_the_millisecond),
		cmocka_unit_test(test_too_many_sources_are_refused),
		cmocka_unit_test(test_actions_are_performed_in_order),
		cmocka_unit_test(test_a_refused_sa_holds_the_reply_back),
		cmocka_unit_test(test_failures_come_one_by_one_oldest_first),
		cmocka_unit_test(test_an_sa_that_was_gone_is_no_failure),
		cmocka_unit_test(test_a_lost_datagram_is_a_hint_and_skips_nothing),
		cmocka_unit_test(test_usage_is_told_before_anything_else),
		cmocka_unit_test(test_an_endless_core_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
