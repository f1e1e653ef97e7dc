/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ikemesh-exporter: answers Prometheus by HTTP with what ikemeshd says of itself. A process of its
 * own, without any privilege but that of asking the control socket (control_group): the daemon
 * speaks no HTTP, and this one cannot change anything.
 */
#include "cmd/ikemesh-exporter/http.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RUN_DIR "/run/ikemesh"
#define ASK_EVERY_MS 5000	  /* where to listen: a reload may change it */
#define ASK_AGAIN_SLOWLY_MS 30000 /* of a daemon that keeps us waiting */
#define EXIT_USAGE 64		  /* sysexits.h */

struct exporter {
	const char *run_dir;
	bool fixed; /* --listen: the daemon is not asked */
	struct endpoint wanted, at;
	struct source *source;
	struct http *http;
	int64_t ask_ms;
	char said[256]; /* the last trouble, so that it is said once */
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ikemesh-exporter: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

/* NULL: all is well again. */
static void trouble(struct exporter *x, const char *why)
{
	if (why != NULL && strncmp(x->said, why, sizeof(x->said) - 1) != 0)
		say("%s", why);
	snprintf(x->said, sizeof(x->said), "%s", why != NULL ? why : "");
}

/* ---- where to listen ------------------------------------------------------------------------ */

static void leave(struct exporter *x)
{
	if (x->http != NULL)
		say("no longer listening");
	http_close(x->http);
	x->http = NULL;
}

static void move(struct exporter *x)
{
	char text[LISTEN_TEXT_LEN], why[128];
	struct http *h;
	int err;

	if (x->http != NULL && endpoint_equal(&x->wanted, &x->at))
		return;
	listen_text(&x->wanted, text);
	err = http_open(&x->wanted, x->source, &h);
	if (err != 0) {
		snprintf(why, sizeof(why), "cannot listen at %s: %s", text, strerror(-err));
		trouble(x, why);
		return;
	}
	http_close(x->http);
	x->http = h;
	x->at = x->wanted;
	say("listening at %s%s", text,
	    ip_is_loopback(&x->at.ip) ? "" : ", which other hosts can reach");
}

/* A daemon that is away for a moment changes nothing: that it is away is to be told of. */
static void ask(struct exporter *x, int64_t now_ms)
{
	const char *why;
	int err = x->fixed ? 0 : source_listen(x->source, &x->wanted, &why);

	x->ask_ms =
		now_ms + (err == -EAGAIN || err == -ETIMEDOUT ? ASK_AGAIN_SLOWLY_MS : ASK_EVERY_MS);
	if (err != 0) {
		trouble(x, why);
		return;
	}
	trouble(x, x->wanted.port == 0 ? "metrics_listen is not set: nothing to do" : NULL);
	if (x->wanted.port == 0)
		leave(x);
	else
		move(x);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(struct exporter *x)
{
	int signals = signals_open();

	for (;;) {
		int64_t now_ms = source_now_ms();
		struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
					{ .fd = -1, .events = POLLIN } };
		int timeout, http = -1;

		if (x->ask_ms <= now_ms) {
			ask(x, now_ms);
			now_ms = source_now_ms();
		}
		timeout = (int)(x->ask_ms > now_ms ? x->ask_ms - now_ms : 0);
		if (x->http != NULL) {
			fds[1].fd = http_fd(x->http);
			http = http_timeout_ms(x->http, now_ms);
		}
		if (http >= 0 && http < timeout)
			timeout = http;
		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			return EXIT_FAILURE;
		if (fds[0].revents != 0)
			return EXIT_SUCCESS;
		if (x->http != NULL)
			http_turn(x->http, source_now_ms());
	}
}

/* ---- the command line ----------------------------------------------------------------------- */

static void usage(FILE *out)
{
	fprintf(out,
		"ikemesh-exporter: answers Prometheus with the metrics of ikemeshd\n\n"
		"  ikemesh-exporter [--run-dir DIR] [--listen PORT|ADDRESS:PORT]\n\n"
		"  --run-dir DIR   where the daemon's control socket is (default " RUN_DIR ")\n"
		"  --listen AT     9500 (of 127.0.0.1), 10.0.0.5:9500, [::1]:9500; without it, as\n"
		"                  metrics_listen of ikemesh.yml says\n"
		"  --help, --version\n\n"
		"It needs no privilege but to be in the group that control_group of ikemesh.yml\n"
		"names. GET /metrics, /-/healthy.\n");
}

/* -1: go on; else the exit status. */
static int options(int argc, char **argv, struct exporter *x)
{
	static const struct option known[] = { { "run-dir", required_argument, NULL, 'r' },
					       { "listen", required_argument, NULL, 'l' },
					       { "help", no_argument, NULL, 'h' },
					       { "version", no_argument, NULL, 'v' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case 'r':
			x->run_dir = optarg;
			break;
		case 'l':
			x->fixed = true;
			if (listen_parse(optarg, &x->wanted))
				break;
			say("--listen takes a port, or an address and a port, not %s", optarg);
			return EXIT_USAGE;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'v':
			return puts("ikemesh-exporter " IKEMESH_VERSION) < 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	usage(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct exporter x = { .run_dir = RUN_DIR };
	int status = options(argc, argv, &x);

	if (status >= 0)
		return status;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	if (geteuid() == 0)
		say("runs as root, and need not: a member of control_group may ask all that it "
		    "asks");
	x.source = source_new(x.run_dir);
	status = x.source != NULL ? run(&x) : EXIT_FAILURE;
	http_close(x.http);
	source_free(x.source);
	return status;
}
