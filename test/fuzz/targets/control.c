/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket and the commands behind it: real clients send what the input says, cut as it
 * says, and leave when they like; what is read back is a line of JSON, and afterwards a proper
 * request gets its answer. Behind the commands is a core that is up, and nothing of the machine.
 *
 * Each step is an octet: whom of three clients it is about, and what he does; what is sent follows,
 * its length before it.
 */
#include "fuzz/behind.h"
#include "fuzz/frame.h"

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS 3
#define STEPS_MAX 16
#define ANSWER_MAX (1 << 20)

static struct daemon the_daemon;
static struct config config;
static char dir[64], path[96];
static int fds[CLIENTS];

/* --- instead of the machine --- */

struct mono __wrap_clock_now(void);
const struct ip *__wrap_addresses_list(const struct addresses *a, size_t *n);
int __wrap_routes_local_for(const struct routes *r, const struct ip *remote, struct ip *local);
void __wrap_daemon_feed(struct daemon *d, const struct event *event);
void __wrap_daemon_reload(struct daemon *d, bool force, uint64_t ticket);
const struct udp_counters *__wrap_udp_counters(const struct udp *u);
void __wrap_key_client_state(const struct key_client *c, struct key_client_state *out);
void __wrap_policies_look_for_shadows(struct policies *p);
void __wrap_daemon_own_fault(const struct daemon *d, char text[static VERDICT_TEXT_LEN]);

struct mono __wrap_clock_now(void)
{
	return (struct mono){ .us = 5000 * CLOCK_SECOND };
}

const struct ip *__wrap_addresses_list(const struct addresses *a, size_t *n)
{
	(void)a;
	*n = 1;
	return behind_address();
}

int __wrap_routes_local_for(const struct routes *r, const struct ip *remote, struct ip *local)
{
	(void)r;
	if (remote->family != behind_address()->family)
		return -ENETUNREACH;
	*local = *behind_address();
	return 0;
}

void __wrap_daemon_feed(struct daemon *d, const struct event *event)
{
	(void)d;
	behind_feed(event);
}

void __wrap_daemon_reload(struct daemon *d, bool force, uint64_t ticket)
{
	(void)force;
	control_answer(d->control, ticket, control_error("no file"));
}

const struct udp_counters *__wrap_udp_counters(const struct udp *u)
{
	static const struct udp_counters none;

	(void)u;
	return &none;
}

void __wrap_key_client_state(const struct key_client *c, struct key_client_state *out)
{
	(void)c;
	*out = (struct key_client_state){ 0 };
}

void __wrap_policies_look_for_shadows(struct policies *p)
{
	(void)p;
}

void __wrap_daemon_own_fault(const struct daemon *d, char text[static VERDICT_TEXT_LEN])
{
	(void)d;
	text[0] = '\0';
}

/* Those that need files, the kernel or the keyholder are others' to test. */
static void ask(void *arg, const struct control_asker *asker, const json_t *request)
{
	static const char *const not_here[] = { "mode",	     "confirm",	      "certs",
						"preflight", "rotate",	      "rotate-status",
						"metrics",   "metrics-listen" };
	const char *command = json_string_value(json_object_get(request, "command"));

	for (size_t i = 0; command != NULL && i < sizeof not_here / sizeof not_here[0]; i++)
		if (strcmp(command, not_here[i]) == 0) {
			control_answer(asker->control, asker->ticket, control_error("not here"));
			return;
		}
	daemon_ask(arg, asker, request);
}

/* --- the daemon --- */

static void clean_up(void)
{
	control_close(the_daemon.control);
	log_close(the_daemon.log);
	events_free(the_daemon.events);
	rmdir(dir);
}

static void prepare(void)
{
	struct control_options o = {
		.path = path, .group = RIGHTS_NO_GROUP, .ask = ask, .arg = &the_daemon
	};
	const struct report r = { .level = REPORT_INFO, .text = "something happened" };

	if (the_daemon.control != NULL)
		return;
	strcpy(dir, "/tmp/ikemesh-fuzz-XXXXXX");
	HOLDS(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/c", dir);
	HOLDS(control_open(&o, &the_daemon.control) == 0);
	HOLDS(control_publish(the_daemon.control) == 0);
	HOLDS(log_open(LOG_TO_FILE, "/dev/null", REPORT_INFO, &the_daemon.log) == 0 ||
	      log_open(LOG_TO_STDERR, NULL, REPORT_ERROR, &the_daemon.log) == 0);
	the_daemon.events = events_new("0123456789abcdef");
	HOLDS(the_daemon.events != NULL);
	for (int i = 0; i < 20; i++)
		events_add(the_daemon.events, i, &r);
	the_daemon.config = &config;
	the_daemon.options.config_path = "/etc/ikemesh/ikemesh.yml";
	atexit(clean_up);
}

/* --- clients --- */

static void serve(void)
{
	struct pollfd p = { .fd = control_fd(the_daemon.control), .events = POLLIN };

	for (int i = 0; i < 64 && poll(&p, 1, 0) == 1; i++)
		control_turn(the_daemon.control);
}

static int client(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	HOLDS(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	return fd;
}

/* What there is to read is JSON up to where it was cut off. */
static size_t hear(int fd, bool all)
{
	static char buf[ANSWER_MAX];
	size_t n = 0;

	for (;;) {
		ssize_t more = recv(fd, buf + n, sizeof buf - n, MSG_DONTWAIT);

		if (more <= 0)
			break;
		n += (size_t)more;
		serve();
	}
	if (all) {
		json_t *answer = json_loadb(buf, n, 0, NULL);

		HOLDS(json_is_object(answer) && buf[n - 1] == '\n');
		json_decref(answer);
	}
	return n;
}

static void leave(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void step(struct feed *in)
{
	const uint8_t what = feed_u8(in);
	int *fd = &fds[what % CLIENTS];

	switch (what / CLIENTS % 8) {
	case 0:
		leave(fd);
		break;
	case 1:
		if (*fd >= 0)
			shutdown(*fd, SHUT_WR);
		break;
	case 2:
		if (*fd >= 0)
			hear(*fd, false);
		break;
	case 3:
		control_wake(the_daemon.control);
		break;
	default: {
		const struct bytes text = feed_sized(in);

		if (*fd < 0)
			*fd = client();
		(void)!send(*fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	}
	}
	if (what % 2 == 0)
		serve();
}

static void proper_request(void)
{
	static const char request[] = "{\"command\":\"version\"}\n";
	int fd = client();

	HOLDS(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1);
	serve();
	HOLDS(hear(fd, true) > 0);
	close(fd);
	serve();
}

FUZZ_TARGET(input)
{
	behind_start();
	prepare();
	the_daemon.engine = behind_engine();
	config = (struct config){ .spec = *behind_spec() };
	fds[0] = fds[1] = fds[2] = -1;
	for (int i = 0; i < STEPS_MAX && input->left > 0; i++)
		step(input);
	serve();
	for (int i = 0; i < CLIENTS; i++)
		leave(&fds[i]);
	serve();
	proper_request();
	behind_end();
}
