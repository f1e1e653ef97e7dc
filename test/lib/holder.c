/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder.h"
#include "lib/holder.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE_US (20 * CLOCK_SECOND)

static void *serve(void *arg)
{
	struct holder *h = arg;
	const struct keyholder_options o = { .config_path = h->config_path,
					     .listener = h->listener,
					     .user = geteuid(),
					     .stop = h->stop };

	h->status = keyholder_serve(&o);
	return NULL;
}

void holder_open(struct holder *h, const char *config_path)
{
	*h = (struct holder){ .dir = "/tmp/ikemesh-holder-XXXXXX", .config_path = config_path };
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->path, sizeof(h->path), "%s/" KEYHOLDER_SOCKET, h->dir);
	h->listener = key_channel_listen(h->path, geteuid());
	h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(h->listener >= 0 && h->stop >= 0);
}

void holder_run(struct holder *h)
{
	assert_int_equal(pthread_create(&h->thread, NULL, serve, h), 0);
	h->runs = true;
}

int holder_kill(struct holder *h)
{
	uint64_t one = 1;

	if (!h->runs)
		return h->status;
	assert_int_equal(write(h->stop, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	assert_int_equal(read(h->stop, &one, sizeof(one)), sizeof(one));
	h->runs = false;
	return h->status;
}

void holder_close(struct holder *h)
{
	holder_kill(h);
	close(h->listener);
	close(h->stop);
	unlink(h->path);
	assert_int_equal(rmdir(h->dir), 0);
}

void holder_wait(struct key_client *c, const bool *done)
{
	const struct mono until = clock_after(clock_now(), PATIENCE_US);

	while (!*done) {
		struct pollfd p = { .fd = key_client_fd(c), .events = POLLIN };

		assert_true(clock_now().us < until.us);
		poll(&p, 1, 100);
		key_client_turn(c);
	}
}
