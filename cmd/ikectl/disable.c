/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/disable.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/handback.h"
#include "xfrm/found.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define GONE_WITHIN_S 5
#define POLL_MS 20

/* The daemon holds RUN_DIR/lock as long as it lives. */
static bool daemon_is_gone(const char *run_dir)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	char path[4096];
	bool gone = false;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", run_dir);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT;
	for (int i = 0; i < GONE_WITHIN_S * 1000 / POLL_MS && !gone; i++) {
		gone = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (!gone)
			nanosleep(&pause, NULL);
	}
	close(fd);
	return gone;
}

/* By this command. 0: it is gone, or there was none: *was_there tells. */
static int stop_daemon(const char *run_dir, const char *command, bool *was_there)
{
	json_t *request = json_pack("{s:s}", "command", command), *answer;
	char error[CLIENT_ERROR_LEN];
	int err;

	answer = client_ask(run_dir, request, &err, error);
	json_decref(request);
	*was_there = answer != NULL;
	if (answer == NULL && (err == -ENOENT || err == -ECONNREFUSED)) {
		if (daemon_is_gone(run_dir))
			return 0;
		fprintf(stderr,
			"ikectl: an ikemeshd that does not answer holds %s/lock, perhaps since it "
			"is starting; try again, or stop it first\n",
			run_dir);
		return -1;
	}
	if (answer == NULL) {
		fprintf(stderr, "ikectl: %s\n", error);
		return -1;
	}
	json_decref(answer);
	if (!daemon_is_gone(run_dir)) {
		fprintf(stderr,
			"ikectl: the daemon has not gone within %d s; stop it and try again\n",
			GONE_WITHIN_S);
		return -1;
	}
	return 0;
}

/* Half a minute of silence is for nobody who waits at a prompt. */
static void tell_progress(const struct handback *h)
{
	fprintf(stderr,
		"ikectl: another IKE daemon has SAs with %zu of %zu peers so far; ours carry on "
		"meanwhile\n",
		h->n_peers - h->n_missing, h->n_peers);
}

/*
 * Is there another IKE daemon with policies for what ours protect? What fails here costs packets at
 * worst: ours are removed all the same.
 */
static bool hand_back(struct kernel *k)
{
	struct handback h = { .kernel = k, .progress = tell_progress };
	int err = handback_run(&h);
	bool other;

	if (err != 0)
		fprintf(stderr, "ikectl: the other IKE daemon is not waited for: %s\n",
			strerror(-err));
	else if (h.n_peers > 0)
		printf("another IKE daemon has SAs with %zu of %zu peers that ours were with\n",
		       h.n_peers - h.n_missing, h.n_peers);
	else if (handback_is_released(&h))
		printf("no other IKE daemon has policies for what ours protect\n");
	other = h.n_peers > 0;
	handback_free(&h);
	return other;
}

/* *other: another IKE daemon has policies for what ours protected. */
static int clear_kernel(const char *run_dir, bool *other)
{
	struct kernel *k = NULL;
	size_t policies = 0, sas = 0;
	int err = kernel_open(&k), err2;

	if (err == 0) {
		*other = hand_back(k);
		err = found_loosen(k, run_dir);
		err2 = kernel_remove_ours(k, &policies, &sas);
		err = err2 != 0 ? err2 : err;
		kernel_close(k);
	}
	if (err != 0) {
		fprintf(stderr, "ikectl: not all of ours could be removed from the kernel: %s%s\n",
			strerror(-err), err == -EPERM ? ": run this as root" : "");
		return -1;
	}
	printf("left over in the kernel and removed: %zu policies, %zu SAs\n", policies, sas);
	return 0;
}

static void told(void *arg, const char *name, int value, int error)
{
	(void)arg;
	if (error != 0)
		fprintf(stderr, "ikectl: net.core.%s = %d: %s\n", name, value, strerror(-error));
	else
		printf("net.core.%s is %d again\n", name, value);
}

int disable(const char *run_dir)
{
	bool was_there, other = false;

	if (stop_daemon(run_dir, "disable", &was_there) != 0)
		return EXIT_FAILURE;
	if (was_there)
		printf("the daemon told its peers and has left\n");
	if (clear_kernel(run_dir, &other) != 0 || found_restore_sysctls(run_dir, told, NULL) != 0)
		return EXIT_FAILURE;
	printf("IPsec by ikemesh is off on this host: traffic goes %s, until ikemeshd is "
	       "started\nor, if ikemesh-policy.service is enabled, until the next boot\n",
	       other ? "as the other IKE daemon has it" : "in the clear");
	return EXIT_SUCCESS;
}

int release(const char *run_dir)
{
	bool was_there;

	if (stop_daemon(run_dir, "release", &was_there) != 0)
		return EXIT_FAILURE;
	if (!was_there) {
		fprintf(stderr, "ikectl: ikemeshd is not running\n");
		return EXIT_FAILURE;
	}
	printf("the daemon has left; its SAs carry the traffic: start the next IKE daemon, then "
	       "say "
	       "`ikectl\ndisable`, which has that one make its own first\n");
	return EXIT_SUCCESS;
}
