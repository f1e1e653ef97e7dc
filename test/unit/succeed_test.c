/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon does for who comes after it when a step cannot be kept. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 47815 /* anybody's; where it is taken, the test is skipped */

static int some_random(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	memset(out, 7, n);
	return 0;
}

/* A service manager that hears of it, and does nothing. */
static int manager(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/ikemesh-test-keep-%d", (int)getpid());
	unlink(a.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	return fd;
}

static void manager_end(int fd)
{
	close(fd);
	unlink(getenv("NOTIFY_SOCKET"));
	unsetenv("NOTIFY_SOCKET");
}

/* Nothing can be written to it from now on. */
static void spoil(struct keepsake *k)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", k->fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(k->fd);
	k->fd = fd;
}

/* What is written has no SA in it: a header of the core's. */
static void assert_kept(const struct daemon *d)
{
	struct handover got = { .key = d->handover.key, .used = { -1, -1 } };
	char why[HANDOVER_TEXT_LEN];

	assert_true(d->keepsake.fd >= 0);
	assert_int_equal(handover_read(d->keepsake.fd, &got, why), 0);
	assert_true(got.state.n > 0);
	secret_free(&got.state);
	assert_true(d->keep_at.us == MONO_NEVER.us);
}

static void test_begun_anew(void **state)
{
	static const uint8_t record[] = { 1, 2, 3 };
	const struct bytes step = BYTES(record, sizeof(record));
	const struct engine_options options = { .random = some_random, .keeps = true };
	const struct udp_options ports = { .port = PORT };
	struct daemon d = { .keepsake = KEEPSAKE_NONE };
	struct blob certificate = { .p = (uint8_t *)record, .n = sizeof(record) };
	char error[UDP_ERROR_LEN];
	int systemd = manager(), key;

	(void)state;
	if (udp_open(&ports, &d.udp, error) != 0) {
		manager_end(systemd);
		skip();
	}
	d.engine = engine_new(&options);
	d.config = calloc(1, sizeof(*d.config));
	d.config->spec.credential.certs[0] = certificate;
	assert_int_equal(log_open(LOG_TO_STDERR, NULL, REPORT_ERROR, &d.log), 0);
	assert_int_equal(daemon_succeed_take(&d), 0);

	/* The first step begins it. */
	daemon_succeed_keep(&d, step);
	assert_kept(&d);

	/* One that cannot be written is in the next one. */
	const uint64_t first = d.keepsake.sequence;

	spoil(&d.keepsake);
	daemon_succeed_keep(&d, step);
	assert_kept(&d);
	assert_int_equal(d.keepsake.sequence, first + 1);

	/* Nor can that be begun: what is there is of no use any more, and it is tried again later.
	 */
	key = d.handover.key;
	d.handover.key = -1;
	spoil(&d.keepsake);
	daemon_succeed_keep(&d, step);
	assert_int_equal(d.keepsake.fd, -1);
	assert_true(d.keep_at.us > clock_now().us);
	daemon_succeed_keep(&d, step);
	daemon_succeed_tidy(&d);
	assert_int_equal(d.keepsake.fd, -1);
	d.handover.key = key;
	daemon_succeed_tidy(&d);
	assert_int_equal(d.keepsake.fd, -1);
	d.keep_at = clock_now();
	daemon_succeed_tidy(&d);
	assert_kept(&d);

	keepsake_close(&d.keepsake);
	handover_wipe(&d.handover);
	udp_close(d.udp);
	engine_free(d.engine);
	free(d.config);
	log_close(d.log);
	manager_end(systemd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
