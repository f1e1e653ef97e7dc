/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks that jump, at each single point. The core's: after each single step of a whole life with a
 * peer (life.h) the host's clock is a year ahead, or it sleeps and all is due at once; or its date
 * is wrong for a while. The daemon's: at each single look at a clock while it is asked something,
 * loads its configuration anew, awaits a confirmation, or holds back what repeats itself. All is
 * well in the end, and at no time much is done: what became due at once is done once.
 */
#include "faults/jumps.h"
#include "faults/life.h"
#include "faults/node.h"

#include "cmd/ikemeshd/clock.h"
#include "faults/heap.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S ((int64_t)86400)
#define YEAR_S (365 * DAY_S)

/* ---- the core -------------------------------------------------------------------------------- */

#define WRONG_DATE_S 10
#define STEPS_A_SECOND 40 /* of a host with one pair; a life without a jump has 19 */

enum jump {
	JUMP_CLOCK, /* the core's */
	JUMP_SLEEP, /* the whole machine's: what comes meanwhile is lost */
	JUMP_DATE,
};

static struct {
	enum jump jump;
	int64_t seconds;
	uint64_t at, counted;
	bool hit;
	struct sim *sim;
	int64_t second;	      /* the one that is counted */
	unsigned steps, most; /* in a second */
	unsigned worst;	      /* of all lives */
} life_jump;

static void date_is_right(struct sim *s, void *arg)
{
	(void)arg;
	s->hosts[LIFE_VICTIM].wall_off_s = 0;
}

static void jump_now(struct sim *s, void *arg)
{
	(void)arg;
	switch (life_jump.jump) {
	case JUMP_CLOCK:
		sim_clock_jump(s, LIFE_VICTIM, life_jump.seconds * SIM_SECOND);
		break;
	case JUMP_SLEEP:
		sim_sleep(s, LIFE_VICTIM, life_jump.seconds * SIM_SECOND);
		break;
	case JUMP_DATE:
		s->hosts[LIFE_VICTIM].wall_off_s = life_jump.seconds;
		sim_at(s, WRONG_DATE_S * SIM_SECOND, date_is_right, NULL);
		break;
	}
}

static void count_step(void)
{
	const int64_t second = life_jump.sim->now.us / SIM_SECOND;

	if (second != life_jump.second)
		life_jump.steps = 0;
	life_jump.second = second;
	if (++life_jump.steps > life_jump.most)
		life_jump.most = life_jump.steps;
}

static int step(struct engine *e, struct mono now, const struct event *event, struct actions *out)
{
	const int r = engine_step(e, now, event, out);

	if (e != life_jump.sim->hosts[LIFE_VICTIM].engine)
		return r;
	count_step();
	if (++life_jump.counted == life_jump.at) {
		life_jump.hit = true;
		sim_at(life_jump.sim, 0, jump_now, NULL);
	}
	return r;
}

static void set(uint64_t n)
{
	life_jump.at = n;
	life_jump.counted = 0;
	life_jump.hit = false;
	life_jump.second = life_jump.steps = life_jump.most = 0;
}

static bool hit(void)
{
	return life_jump.hit;
}

static void prepare(struct sim *s)
{
	life_jump.sim = s;
}

static const char *no_storm(void)
{
	if (life_jump.most > life_jump.worst)
		life_jump.worst = life_jump.most;
	return life_jump.most > STEPS_A_SECOND ? "a storm" : NULL;
}

static const struct sim_core core = {
	.make = engine_new,
	.free = engine_free,
	.step = step,
	.status = engine_status,
	.counters = engine_counters,
	.knows_sa = engine_knows_sa,
};

static void each_step(const char *what, enum jump jump, int64_t seconds)
{
	const struct life_points p = { .what = what, .set = set, .hit = hit, .least = 60 };

	life_jump.jump = jump;
	life_jump.seconds = seconds;
	life_jump.worst = 0;
	for (int begins = 0; begins < 2; begins++)
		life_each_point(&(struct life){ .begins = begins == 1,
						.core = &core,
						.prepare = prepare,
						.judge = no_storm,
						.fleet = { .valid_from = -DAY_S,
							   .valid_until = 100 * DAY_S } },
				&p);
	print_message("%s: %u steps a second at most\n", what, life_jump.worst);
}

static void test_the_core_a_year_ahead(void **state)
{
	(void)state;
	each_step("clock a year ahead", JUMP_CLOCK, YEAR_S);
	each_step("clock a day ahead", JUMP_CLOCK, DAY_S);
}

/* Linux does not let this one run back; where a hypervisor does, it is for a moment. */
static void test_the_core_in_the_past(void **state)
{
	(void)state;
	each_step("clock 3 s back", JUMP_CLOCK, -3);
}

static void test_the_core_sleeps(void **state)
{
	(void)state;
	each_step("sleep of 20 s", JUMP_SLEEP, 20);
}

static void test_a_wrong_date(void **state)
{
	(void)state;
	each_step("date a year ahead", JUMP_DATE, YEAR_S);
	each_step("date a year back", JUMP_DATE, -YEAR_S);
}

#define PAIRS 40

/* All that a host has with many is due in one moment. */
static void test_all_pairs_due_at_once(void **state)
{
	const struct sim_options o = {
		.seed = 3,
		.hosts = PAIRS + 1,
		.wire = { .delay_us = 1000 },
		.quiet = true,
		.other_core = &core,
	};
	struct sim *s = sim_new(&o);
	unsigned usual;

	(void)state;
	set(0);
	life_jump.sim = s;
	for (unsigned i = 0; i <= PAIRS; i++)
		if (i != LIFE_VICTIM)
			sim_pair_want(s, LIFE_VICTIM, i);
	sim_start_all(s);
	for (unsigned i = 0; i <= PAIRS; i++)
		if (i != LIFE_VICTIM)
			sim_stream(s, LIFE_VICTIM, i, 0, SIM_SECOND, 200);
	sim_run_for(s, 60 * SIM_SECOND);
	usual = life_jump.most;
	life_jump.most = 0;
	sim_clock_jump(s, LIFE_VICTIM, YEAR_S * SIM_SECOND);
	sim_run_for(s, 150 * SIM_SECOND);
	print_message("%d pairs: %u steps a second at the start, %u after a year\n", PAIRS, usual,
		      life_jump.most);
	assert_true(life_jump.most <= 2 * usual);
	sim_check_rest(s);
	for (unsigned i = 0; i <= PAIRS; i++)
		assert_true(i == LIFE_VICTIM || sim_pair_up(s, LIFE_VICTIM, i));
	sim_free(s);
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static struct node node;

/* A jump at each look at that clock. call(): false if it went wrong. */
static void each_look(const char *what, bool (*call)(bool jumped), enum jumps_clock clock,
		      int64_t seconds, uint64_t least)
{
	uint64_t points = 0, survived = 0, usual, most = 0;

	jumps_set(clock, 0, 0);
	assert_true(call(false));
	usual = jumps_looks();
	for (uint64_t n = 1;; n++) {
		bool good, again, jumped;
		uint64_t looks;

		jumps_set(clock, n, seconds);
		good = call(true);
		looks = jumps_looks();
		jumped = jumps_hit();
		jumps_set(clock, 0, 0);
		jumps_put_right();
		if (!jumped)
			break;
		again = call(false);
		points++;
		most = looks > most ? looks : most;
		/* Who goes round in circles looks at the clock each time. */
		if (good && again && looks < 4 * usual + 100)
			survived++;
		else
			print_message("%s, look %llu: %s, then %s; %llu looks\n", what,
				      (unsigned long long)n, good ? "good" : "WRONG",
				      again ? "good" : "WRONG", (unsigned long long)looks);
	}
	print_message("%s, %+lld days: %llu points, %llu survived; %llu looks, %llu at most\n",
		      what, (long long)(seconds / DAY_S), (unsigned long long)points,
		      (unsigned long long)survived, (unsigned long long)usual,
		      (unsigned long long)most);
	assert_true(points >= least);
	assert_true(points == survived);
}

/* Who was just asking may be shown the door: it took him a year. */
static bool question(bool jumped)
{
	char *answer;
	bool good;

	answer = node_ask(&node, "{\"command\":\"version\"}\n", 2000);
	good = answer != NULL ? strstr(answer, "\"version\":") != NULL : jumped;
	free(answer);
	return good;
}

/* In force are the new ones, whole, or the old ones, and it is said that they stay. */
static bool reload(bool jumped)
{
	static const char *const nets[] = { "10.0.0.0/20", "10.1.0.0/20" };
	const bool other = node_protects(&node, nets[0]);
	char text[512];
	int err;

	snprintf(text, sizeof(text), "ipsec_subnets:\n- %s\n" NODE_CREDENTIALS "log: @LOG\n",
		 nets[other]);
	node_write_config(&node, text);
	err = node_reload(&node);
	if (err == 0)
		return node_protects(&node, nets[other]);
	return jumped && node_protects(&node, nets[!other]) &&
	       strstr(node.d.reloading.text, "the old configuration stays") != NULL;
}

static void test_the_daemon_long_asleep(void **state)
{
	(void)state;
	node_start(&node);
	each_look("question", question, JUMPS_BOOT, YEAR_S, 5);
	each_look("question", question, JUMPS_BOOT, DAY_S, 5);
	each_look("reload", reload, JUMPS_BOOT, YEAR_S, 5);
	each_look("reload", reload, JUMPS_BOOT, DAY_S, 5);
	node_end(&node);
}

/* Certificates of another day: told, and nothing is put out of force. */
static void test_the_date_is_set(void **state)
{
	static const int64_t by[] = { YEAR_S, -YEAR_S, 10 * YEAR_S, -60 * YEAR_S };

	(void)state;
	node_start(&node);
	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		each_look("reload", reload, JUMPS_WALL, by[i], 5);
	node_end(&node);
}

static bool is_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* The watch of the dates is woken by it, looks once, and sleeps again; without memory, too. */
static void test_the_watch_of_the_dates(void **state)
{
	static const int64_t by[] = { 10 * YEAR_S, -10 * YEAR_S, 3601 };

	(void)state;
	node_start(&node);
	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		for (uint64_t fail = 0; fail < 3; fail++) {
			daemon_watch_look(&node.d);
			assert_false(is_readable(watch_fd(node.d.watch), 0));
			jumps_set(JUMPS_WALL, 1, by[i]);
			jumps_arm(true);
			(void)time(NULL);
			jumps_arm(false);
			assert_true(is_readable(watch_fd(node.d.watch), 1000));
			heap_fail(fail);
			heap_arm(true);
			daemon_watch_look(&node.d);
			heap_arm(false);
			heap_fail(0);
			assert_false(is_readable(watch_fd(node.d.watch), 0));
			jumps_put_right();
		}
	}
	node_end(&node);
}

/* It goes back at its time, once, however late that is noticed. */
static bool confirmation(bool jumped)
{
	struct mode_switch *s = &node.d.mode;
	char why[MODE_TEXT_LEN];
	unsigned back = 0;

	jumps_arm(true);
	assert_int_equal(
		mode_switch_choose(s, NULL, MODE_OPTIONAL, clock_now(), 300 * CLOCK_SECOND, why),
		0);
	for (int i = 0; i < 5; i++)
		back += mode_switch_tick(s, clock_now());
	jumps_arm(false);
	if (!jumped)
		return back == 0 && mode_switch_is_pending(s) && mode_switch_back(s);
	/* A jump at the look by which it began is none for it. */
	return jumps_looks() >= 6 && back <= 1 && mode_switch_is_pending(s) == (back == 0) &&
	       (back == 1 || mode_switch_back(s)) && s->now.all == MODE_FILE;
}

/* What repeats itself: a line, and a sum once the window is over. */
static bool folded(bool jumped)
{
	unsigned lines = 0;
	char text[8192];
	FILE *in;
	size_t n;

	node_forget_log(&node);
	jumps_arm(true);
	for (int i = 0; i < 50; i++) {
		log_recurrent_in(node.d.log, AREA_DAEMON, REPORT_WARNING, "the same again");
		if (log_tick(node.d.log, clock_now()).us <= clock_now().us && !jumped)
			lines = 99;
	}
	jumps_arm(false);
	in = fopen(node.log, "r");
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, "the same again")) != NULL; at++)
		lines++;
	log_tick(node.d.log, (struct mono){ INT64_MAX - 1 });
	return lines <= 3;
}

static void test_what_waits_for_its_time(void **state)
{
	(void)state;
	node_start(&node);
	assert_int_equal(mode_switch_load(&node.d.mode, node.state), 0);
	each_look("confirmation awaited", confirmation, JUMPS_BOOT, YEAR_S, 6);
	each_look("folded", folded, JUMPS_BOOT, YEAR_S, 100);
	each_look("folded", folded, JUMPS_WALL, -YEAR_S, 1);
	mode_switch_wipe(&node.d.mode);
	node_end(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_core_a_year_ahead),
		cmocka_unit_test(test_the_core_in_the_past),
		cmocka_unit_test(test_the_core_sleeps),
		cmocka_unit_test(test_a_wrong_date),
		cmocka_unit_test(test_all_pairs_due_at_once),
		cmocka_unit_test(test_the_daemon_long_asleep),
		cmocka_unit_test(test_the_date_is_set),
		cmocka_unit_test(test_the_watch_of_the_dates),
		cmocka_unit_test(test_what_waits_for_its_time),
	};

	node_arm = jumps_arm;
	return cmocka_run_group_tests(tests, node_pki, node_pki_end);
}
