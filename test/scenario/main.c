/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs scenarios, each seed in a process of its own, as many at a time as there are cores. Prints
 * a line for each scenario; a seed that fails is run again with its trace.
 */
#include "scenario/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_SHOWN 3
#define TRACE_TAIL 60 /* lines */
#define JOBS_MAX 64
#define PROGRESS 100 /* seeds */

static const struct scenario *const scenarios[] = {
	&scenario_cold, &scenario_large, &scenario_rekey,
	&scenario_year, &scenario_nat,	 &scenario_roam,
};
#define N_SCENARIOS (sizeof scenarios / sizeof scenarios[0])

struct arguments {
	const char *scenario; /* NULL: all */
	uint64_t first;
	unsigned seeds; /* 0: as each scenario has it */
	unsigned jobs;
	unsigned limit_s;   /* for one seed */
	const char *traces; /* where traces of failed seeds go */
	struct scenario_options options;
};

struct worker {
	pid_t pid;
	int fd;
	uint64_t seed;
};

struct verdict_on {
	int a, b;
	struct outcome outcome;
};

struct summary {
	unsigned run, converged;
	struct histogram converged_us, up_us;
	struct sim_tally tally;
	double cpu_s;
	uint64_t events, datagrams;
	struct verdict_on *failed;
	unsigned n_failed;
};

/* --- in the process of one seed --- */

struct child {
	int fd;
	struct verdict_on verdict;
};

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void child_end(struct child *c)
{
	fflush(stdout);
	c->verdict.outcome.cpu_s = cpu_seconds();
	if (write(c->fd, &c->verdict, sizeof c->verdict) != (ssize_t)sizeof c->verdict)
		_exit(2);
	_exit(0);
}

static void breach(const struct sim *s, int a, int b, const char *text)
{
	struct child *c = s->options.arg;

	fprintf(stderr, "%lld.%06lld BREACH: %s\n", (long long)(s->now.us / SIM_SECOND),
		(long long)(s->now.us % SIM_SECOND), text);
	c->verdict.a = a;
	c->verdict.b = b;
	snprintf(c->verdict.outcome.text, sizeof c->verdict.outcome.text, "%s", text);
	child_end(c);
}

static void child_run(const struct scenario *sc, const struct arguments *args, int fd,
		      uint64_t seed)
{
	struct child c = { .fd = fd, .verdict = { .outcome = { .seed = seed } } };
	struct scenario_options o = args->options;
	struct sim_core other;

	alarm(args->limit_s);
	scenario_cheap_rows(!o.sealed && !o.sim.real_crypto);
	if (o.brief && o.hosts == 0)
		o.hosts = sc->brief_hosts;
	if (o.brief && o.days == 0)
		o.days = sc->brief_days;
	o.sim.seed = seed;
	o.sim.breach = breach;
	o.sim.arg = &c;
	o.sim.other_core = scenario_other_core(&other);
	sc->run(&o, &c.verdict.outcome);
	child_end(&c);
}

/* --- in the parent --- */

static struct worker spawn(const struct scenario *sc, const struct arguments *args, uint64_t seed,
			   const char *errors_to)
{
	struct worker w = { .seed = seed };
	int fds[2], log;

	fflush(stdout);
	if (pipe(fds) != 0 || (w.pid = fork()) < 0) {
		perror("sim");
		exit(2);
	}
	if (w.pid == 0) {
		close(fds[0]);
		log = open(errors_to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (log >= 0)
			dup2(log, STDERR_FILENO);
		child_run(sc, args, fds[1], seed);
	}
	close(fds[1]);
	w.fd = fds[0];
	return w;
}

/* The process has ended: what did it say? */
static struct verdict_on harvest(const struct worker *w, int status)
{
	struct verdict_on v = { .a = -1, .b = -1 };
	size_t n = 0;
	ssize_t r;

	while (n < sizeof v && (r = read(w->fd, (char *)&v + n, sizeof v - n)) > 0)
		n += (size_t)r;
	close(w->fd);
	if (n == sizeof v)
		return v;
	v = (struct verdict_on){ .a = -1, .b = -1, .outcome = { .seed = w->seed } };
	snprintf(v.outcome.text, sizeof v.outcome.text, "the run ended by %s %d",
		 WIFSIGNALED(status) ? "signal" : "exit",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return v;
}

static void tally_merge(struct sim_tally *to, const struct sim_tally *from)
{
	to->sent += from->sent;
	to->underway += from->underway;
	to->held += from->held;
	to->was_protected += from->was_protected;
	to->clear += from->clear;
	to->lost += from->lost;
	for (unsigned i = 0; i < LOSS_KINDS; i++)
		to->by_reason[i] += from->by_reason[i];
}

static void take(struct summary *sum, const struct verdict_on *v)
{
	const struct outcome *o = &v->outcome;

	sum->run++;
	sum->cpu_s += o->cpu_s;
	if (!o->done) {
		sum->failed = realloc(sum->failed, (sum->n_failed + 1) * sizeof *sum->failed);
		if (sum->failed == NULL)
			abort();
		sum->failed[sum->n_failed++] = *v;
		printf("  seed %llu: %s\n", (unsigned long long)o->seed, o->text);
		return;
	}
	if (o->text[0] != '\0')
		printf("  seed %llu: %s\n", (unsigned long long)o->seed, o->text);
	sum->converged++;
	if (o->converged_us > 0)
		histogram_add(&sum->converged_us, o->converged_us);
	histogram_merge(&sum->up_us, &o->up);
	tally_merge(&sum->tally, &o->tally);
	sum->events += o->events;
	sum->datagrams += o->datagrams;
}

static void print_times(const char *what, const struct histogram *h)
{
	if (h->n > 0)
		printf("  %s (%llu): median %.3f s, 90 %% %.3f s, 99 %% %.3f s, worst %.3f s\n",
		       what, (unsigned long long)h->n, (double)histogram_at(h, 50) / 1e6,
		       (double)histogram_at(h, 90) / 1e6, (double)histogram_at(h, 99) / 1e6,
		       (double)histogram_at(h, 100) / 1e6);
}

static void print_summary(const struct scenario *sc, const struct summary *sum, double wall_s)
{
	printf("%s: %u of %u seeds converged", sc->name, sum->converged, sum->run);
	if (sum->converged_us.n > 0)
		printf("; median %.3f s, p99 %.3f s",
		       (double)histogram_at(&sum->converged_us, 50) / 1e6,
		       (double)histogram_at(&sum->converged_us, 99) / 1e6);
	printf("; took %.1f s, CPU %.2f s a seed\n", wall_s,
	       sum->run == 0 ? 0 : sum->cpu_s / sum->run);
	print_times("the last pair has its one CHILD_SA", &sum->converged_us);
	print_times("a pair is up, or up again", &sum->up_us);
	sim_tally_print(&sum->tally);
}

static void print_tail(const char *path)
{
	char command[600];

	snprintf(command, sizeof command, "tail -n %d '%s' | cut -c 1-180", TRACE_TAIL, path);
	fflush(stdout);
	if (system(command) != 0)
		printf("  (no trace)\n");
}

/* Once more, with the trace of those that it is about. */
static void show_failure(const struct scenario *sc, const struct arguments *args,
			 const struct verdict_on *v)
{
	struct arguments again = *args;
	char path[500];
	struct worker w;
	int status;

	again.options.sim.quiet = false;
	again.options.sim.focused = v->a >= 0;
	again.options.sim.focus[0] = v->a;
	again.options.sim.focus[1] = v->b;
	snprintf(path, sizeof path, "%s/sim-%s-%llu.trace", args->traces, sc->name,
		 (unsigned long long)v->outcome.seed);
	setenv("IKEMESH_SIM_TRACE", "1", 1);
	w = spawn(sc, &again, v->outcome.seed, path);
	unsetenv("IKEMESH_SIM_TRACE");
	waitpid(w.pid, &status, 0);
	harvest(&w, status);
	printf("--- %s, seed %llu: the end of %s\n", sc->name, (unsigned long long)v->outcome.seed,
	       path);
	print_tail(path);
	printf("--- again: sim --scenario %s --seed %llu\n", sc->name,
	       (unsigned long long)v->outcome.seed);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void reap(struct worker *workers, unsigned *n, struct summary *sum)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < *n; i++) {
		struct verdict_on v;

		if (workers[i].pid != pid)
			continue;
		v = harvest(&workers[i], status);
		take(sum, &v);
		if (sum->run % PROGRESS == 0)
			printf("  %u of %u so far\n", sum->converged, sum->run);
		workers[i] = workers[--*n];
		return;
	}
}

static bool run(const struct scenario *sc, const struct arguments *args)
{
	const unsigned usual = args->options.brief ? sc->brief_seeds : sc->seeds;
	const unsigned seeds = args->seeds == 0 ? usual : args->seeds;
	struct worker workers[JOBS_MAX];
	struct summary *sum = calloc(1, sizeof *sum);
	double began = seconds();
	unsigned started = 0, n = 0;
	bool good;

	if (sum == NULL)
		abort();
	while (started < seeds || n > 0) {
		if (started < seeds && n < args->jobs)
			workers[n++] = spawn(sc, args, args->first + started++, "/dev/null");
		else
			reap(workers, &n, sum);
	}
	print_summary(sc, sum, seconds() - began);
	for (unsigned i = 0; i < sum->n_failed && i < FAILURES_SHOWN; i++)
		show_failure(sc, args, &sum->failed[i]);
	good = sum->n_failed == 0;
	free(sum->failed);
	free(sum);
	return good;
}

/* --- arguments --- */

static int usage(void)
{
	fprintf(stderr, "sim [--scenario NAME] [--seeds N | --seed N] [--first N] [--hosts N]\n"
			"    [--days N] [--jobs N] [--limit SECONDS] [--traces DIRECTORY] "
			"[--brief] [--sealed | --real]\n"
			"    [--verbose]\n");
	for (size_t i = 0; i < N_SCENARIOS; i++)
		fprintf(stderr, "  %-8s %s\n", scenarios[i]->name, scenarios[i]->what);
	return 2;
}

static const struct option long_options[] = {
	{ "scenario", required_argument, NULL, 'c' }, { "seeds", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 's' },     { "first", required_argument, NULL, 'f' },
	{ "hosts", required_argument, NULL, 'h' },    { "days", required_argument, NULL, 'd' },
	{ "jobs", required_argument, NULL, 'j' },     { "limit", required_argument, NULL, 'l' },
	{ "traces", required_argument, NULL, 't' },   { "verbose", no_argument, NULL, 'v' },
	{ "brief", no_argument, NULL, 'b' },	      { "sealed", no_argument, NULL, 'e' },
	{ "real", no_argument, NULL, 'r' },	      { NULL, 0, NULL, 0 },
};

static bool parse(int argc, char **argv, struct arguments *a)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		unsigned long n = optarg == NULL ? 0 : strtoul(optarg, NULL, 10);

		switch (c) {
		case 'c':
			a->scenario = optarg;
			break;
		case 's':
			a->first = n;
			a->seeds = 1;
			break;
		case 'n':
			a->seeds = (unsigned)n;
			break;
		case 'f':
			a->first = n;
			break;
		case 'h':
			a->options.hosts = (unsigned)n;
			break;
		case 'd':
			a->options.days = (unsigned)n;
			break;
		case 'j':
			a->jobs = n < 1 || n > JOBS_MAX ? 1 : (unsigned)n;
			break;
		case 'l':
			a->limit_s = (unsigned)n;
			break;
		case 't':
			a->traces = optarg;
			break;
		case 'r':
			a->options.sim.real_crypto = true;
			break;
		case 'e':
			a->options.sealed = true;
			break;
		case 'b':
			a->options.brief = true;
			break;
		case 'v':
			a->options.verbose = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct arguments args = {
		.first = 1,
		.jobs = cores < 1	   ? 1
			: cores > JOBS_MAX ? JOBS_MAX
					   : (unsigned)cores,
		.limit_s = 1800,
		.traces = ".",
		.options = { .sim = { .quiet = true } },
	};
	bool found = false, good = true;

	setvbuf(stdout, NULL, _IOLBF, 0);

	if (!parse(argc, argv, &args))
		return usage();
	for (size_t i = 0; i < N_SCENARIOS; i++) {
		if (args.scenario != NULL && strcmp(args.scenario, scenarios[i]->name) != 0)
			continue;
		found = true;
		good = run(scenarios[i], &args) && good;
	}
	if (!found)
		return usage();
	return good ? 0 : 1;
}
