/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/node.h"

#include "cmd/ikemeshd/clock.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "../unit/config_file.h"

static struct pki pki;

unsigned node_wakes;
void (*node_arm)(bool on);

static void arm(bool on)
{
	if (node_arm != NULL)
		node_arm(on);
}

int node_pki(void **state)
{
	struct testpki_cert other;

	(void)state;
	pki_usual(&pki);
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=Other", .ca = true, .slot = 2 });
	pki_add(&pki, "OTHER_CA", blob_view(&other.pem), 0600);
	pki_text(&pki, "LOG", "");
	testpki_free(&other);
	return 0;
}

int node_pki_end(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

void node_write_config(const struct node *n, const char *text)
{
	char *filled = pki_fill(&pki, text);
	FILE *out = fopen(n->config, "w");

	assert_non_null(out);
	fputs(filled, out);
	assert_int_equal(fclose(out), 0);
	free(filled);
}

/* There is no kernel whose policies would follow. */
void __wrap_policies_sync(struct policies *p, const struct spec *spec);

void __wrap_policies_sync(struct policies *p, const struct spec *spec)
{
	(void)p;
	(void)spec;
}

static int no_random(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	memset(out, 1, n);
	return 0;
}

static void start_core(struct node *n)
{
	const struct engine_options options = { .random = no_random };

	n->d.engine = engine_new(&options);
	n->d.hands = daemon_hands(&n->d);
	performer_init(&n->d.performer, &n->d.hands);
	daemon_feed(&n->d, &(struct event){ .kind = EVENT_SPEC, .spec = { &n->d.config->spec } });
}

static void start_control(struct node *n)
{
	const struct control_options o = { .path = n->control,
					   .group = RIGHTS_NO_GROUP,
					   .ask = daemon_ask,
					   .cannot_accept = daemon_cannot_accept,
					   .arg = &n->d };

	assert_int_equal(control_open(&o, &n->d.control), 0);
	assert_int_equal(control_publish(n->d.control), 0);
	node_wakes = 0;
}

void node_start(struct node *n)
{
	struct key_client_options line = { .say = daemon_say_of_keys, .arg = &n->d };
	size_t errors;

	*n = (struct node){ .dir = "/tmp/ikemesh-node-XXXXXX",
			    .d = { .lock = -1,
				   .signals = -1,
				   .rotation_timer = -1,
				   .routes = { -1, -1 },
				   .keepsake = { .fd = -1 },
				   .phase = DAEMON_RUNNING,
				   .mode.back_at = MONO_NEVER,
				   .sweep_at = MONO_NEVER } };
	assert_non_null(mkdtemp(n->dir));
	snprintf(n->config, sizeof(n->config), "%s/ikemesh.yml", n->dir);
	snprintf(n->state, sizeof(n->state), "%s/state", n->dir);
	snprintf(n->control, sizeof(n->control), "%s/control.sock", n->dir);
	snprintf(n->log, sizeof(n->log), "%s", pki_find(&pki, "LOG")->path);
	node_forget_log(n);
	node_write_config(n, NODE_CONFIG);
	n->d.options.config_path = n->config;
	n->d.options.state_dir = n->state;
	holder_open(&n->holder, n->config);
	holder_run(&n->holder);
	line.path = n->holder.path;
	assert_int_equal(log_open(LOG_TO_FILE, n->log, REPORT_INFO, &n->d.log), 0);
	assert_int_equal(key_client_open(&line, &n->d.keys), 0);
	assert_int_equal(pool_open(1, 8, &n->d.pool), 0);
	assert_int_equal(watch_open(&n->d.watch), 0);
	assert_int_equal(daemon_load(&n->d, &errors), 0);
	start_core(n);
	start_control(n);
	daemon_remember(&n->d);
}

void node_end(struct node *n)
{
	struct daemon *d = &n->d;
	char path[128];

	control_close(d->control);
	watch_close(d->watch);
	pool_close(d->pool);
	key_client_close(d->keys);
	performer_free(&d->performer);
	engine_free(d->engine);
	keyring_drop(d->ring);
	keepsake_close(&d->keepsake);
	config_free(d->config);
	free(d->config);
	holder_close(&n->holder);
	log_close(d->log);
	unlink(n->config);
	snprintf(path, sizeof(path), "%s/policies.yml", n->state);
	unlink(path);
	snprintf(path, sizeof(path), "%s/mode", n->state);
	unlink(path);
	/* Nothing else was left in them. */
	assert_int_equal(rmdir(n->state), 0);
	assert_int_equal(rmdir(n->dir), 0);
}

int node_reload(struct node *n)
{
	struct daemon *d = &n->d;

	arm(true);
	daemon_reload(d, false, 0);
	while (daemon_reloads(d)) {
		struct pollfd p[] = {
			{ .fd = key_client_fd(d->keys), .events = POLLIN },
			{ .fd = pool_fd(d->pool), .events = POLLIN },
		};

		assert_true(poll(p, 2, 40000) > 0);
		daemon_take_jobs(d);
	}
	arm(false);
	return d->reloading.err;
}

bool node_protects(const struct node *n, const char *net)
{
	char text[SUBNET_TEXT_LEN];

	return strcmp(subnet_text(&n->d.config->spec.protect[0].net, text), net) == 0;
}

bool node_logged(const struct node *n, const char *part)
{
	static char text[65536];
	FILE *in = fopen(n->log, "r");
	size_t got;

	assert_non_null(in);
	got = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[got] = '\0';
	if (strstr(text, part) == NULL)
		print_message("not in the log: %s\n%s", part, text);
	return strstr(text, part) != NULL;
}

void node_forget_log(const struct node *n)
{
	assert_int_equal(truncate(n->log, 0), 0);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Not by the clock that the daemon goes by: a test may let that one jump. */
static struct mono true_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mono){ t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000 };
}

static void turn(struct node *n, int fd, struct mono until)
{
	const struct mono now = true_now();
	struct pollfd p[] = {
		{ .fd = control_fd(n->d.control), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	const int ms = until.us > now.us ? (int)((until.us - now.us) / 1000) + 1 : 0;

	if (poll(p, 2, ms) <= 0 || p[0].revents == 0)
		return;
	node_wakes++;
	arm(true);
	daemon_on_control(&n->d);
	arm(false);
}

char *node_ask(struct node *n, const char *question, int ms)
{
	const struct mono until = clock_after(true_now(), ms * (CLOCK_SECOND / 1000));
	const size_t room = 1 << 16;
	char *answer = malloc(room);
	const int fd = connect_to(n->control);
	ssize_t got = -1;

	assert_non_null(answer);
	assert_int_equal(send(fd, question, strlen(question), 0), strlen(question));
	while (got < 0 && true_now().us < until.us) {
		turn(n, fd, until);
		got = recv(fd, answer, room - 1, MSG_DONTWAIT);
	}
	close(fd);
	if (got <= 0) {
		free(answer);
		return NULL;
	}
	answer[got] = '\0';
	return answer;
}
