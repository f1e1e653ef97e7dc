/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyholder, a process of its own, killed at each single message that it exchanges with the
 * engine: before it has read it, when it has, before it has answered, when it has. Another one is
 * started, as the guardian does; what a handshake and a reload need of it is done in the end.
 *
 * And a reload with each single allocation of the engine's loop failing: the configuration in force
 * is the new one, whole, or the old one, whole.
 */
#include "faults/heap.h"
#include "faults/node.h"

#include "../unit/config_file.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/shortage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a keyholder that dies ------------------------------------------------------------------- */

enum moment {
	BEFORE_READ,
	AFTER_READ,
	BEFORE_WRITE,
	AFTER_WRITE,
};

static const char *const moments[] = { "before it reads", "when it has read", "before it answers",
				       "when it has answered" };

/* In the keyholder's process alone. */
static struct {
	bool armed;
	enum moment moment;
	uint64_t n, counted;
} death;

static void may_die(enum moment moment)
{
	if (death.armed && moment == death.moment && ++death.counted == death.n)
		kill(getpid(), SIGKILL);
}

ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t n;

	may_die(BEFORE_READ);
	n = __real_recvmsg(fd, m, flags);
	may_die(AFTER_READ);
	return n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t n;

	may_die(BEFORE_WRITE);
	n = __real_sendmsg(fd, m, flags);
	may_die(AFTER_WRITE);
	return n;
}

/* ---- who starts it, and asks it -------------------------------------------------------------- */

#define STEP_S 20
#define WITH_PPK                                                                    \
	"ppk: 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" \
	"ppk_id: mesh\n"

static struct pki pki;

struct world {
	char dir[40], path[64], config[80];
	int listener;
	pid_t keyholder;
	unsigned deaths;
	struct key_client *client;
};

static void be_keyholder(const struct world *w, enum moment moment, uint64_t n)
{
	const struct keyholder_options o = {
		.config_path = w->config, .listener = w->listener, .user = geteuid(), .stop = -1
	};

	death.armed = n > 0;
	death.moment = moment;
	death.n = n;
	_exit(keyholder_serve(&o));
}

static void start_keyholder(struct world *w, enum moment moment, uint64_t n)
{
	w->keyholder = fork();
	assert_true(w->keyholder >= 0);
	if (w->keyholder == 0)
		be_keyholder(w, moment, n);
}

/* Killed, and by nothing else: the next one lives. */
static void look_after(struct world *w)
{
	int status;

	if (waitpid(w->keyholder, &status, WNOHANG) != w->keyholder)
		return;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	w->deaths++;
	start_keyholder(w, BEFORE_READ, 0);
}

static void open_world(struct world *w, enum moment moment, uint64_t n)
{
	const struct key_client_options line = { .path = w->path };
	char *text = pki_fill(&pki, NETS CREDENTIALS WITH_PPK);
	FILE *out;

	*w = (struct world){ .dir = "/tmp/ikemesh-killed-XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/" KEYHOLDER_SOCKET, w->dir);
	snprintf(w->config, sizeof(w->config), "%s/ikemesh.yml", w->dir);
	out = fopen(w->config, "w");
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
	free(text);
	w->listener = key_channel_listen(w->path, geteuid());
	assert_true(w->listener >= 0);
	start_keyholder(w, moment, n);
	assert_int_equal(key_client_open(&line, &w->client), 0);
}

static void close_world(struct world *w)
{
	key_client_close(w->client);
	kill(w->keyholder, SIGKILL);
	waitpid(w->keyholder, NULL, 0);
	close(w->listener);
	unlink(w->path);
	unlink(w->config);
	assert_int_equal(rmdir(w->dir), 0);
}

struct answer {
	bool done;
	struct key_message m;
	int content;
	struct job *job;
};

static void on_answer(void *arg, const struct key_message *m, int *content)
{
	struct answer *a = arg;

	a->done = true;
	a->m = *m;
	a->content = *content;
	*content = -1;
}

static void on_job(void *arg, struct job *job)
{
	struct answer *a = arg;

	a->done = true;
	a->job = job;
}

static void wait_for(struct world *w, struct answer *a)
{
	const struct mono until = clock_after(clock_now(), 2 * STEP_S * CLOCK_SECOND);

	while (!a->done) {
		struct pollfd p = { .fd = key_client_fd(w->client), .events = POLLIN };

		assert_true(clock_now().us < until.us);
		poll(&p, 1, 20);
		look_after(w);
		key_client_turn(w->client);
	}
}

static struct answer ask(struct world *w, const struct key_message *m)
{
	struct answer a = { .content = -1 };

	assert_int_equal(key_client_ask(w->client, m, STEP_S, on_answer, NULL, &a), 0);
	wait_for(w, &a);
	return a;
}

/* As a reload does it: what one has loaded that has died since is loaded once more. */
static uint64_t load(struct world *w, struct config *c)
{
	struct answer a, committed;
	struct problems ps;
	struct secret octets;
	bool there;

	do {
		a = ask(w, &(struct key_message){ .kind = KEY_LOAD });
		assert_int_equal(a.m.result, 0);
		committed =
			ask(w, &(struct key_message){ .kind = KEY_COMMIT, .serial = a.m.serial });
		if (committed.m.result != 0) {
			assert_int_equal(committed.m.result, -ESTALE);
			close(a.content);
		}
	} while (committed.m.result != 0);
	assert_int_equal(key_content_take(a.content, &octets), 0);
	assert_int_equal(wire_take_config(secret_view(&octets), &ps, c, &there), 0);
	assert_true(there);
	close(a.content);
	secret_free(&octets);
	problems_free(&ps);
	return a.m.serial;
}

/* The header of an IKE_SA_INIT and two octets of a nonce. */
static const uint8_t sa_init[30] = { [0] = 1, [17] = 0x20, [18] = 34, [19] = 8, [27] = 28, 2, 3 };

static void sign(struct world *w, const struct config *c)
{
	struct job *j = job_new(JOB_SIGN);
	struct answer a = { 0 };

	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, BYTES(sa_init, sizeof(sa_init))), 0);
	assert_int_equal(
		key_client_job(w->client, j, c->spec.credential.leaf.fingerprint, on_job, &a), 0);
	wait_for(w, &a);
	assert_int_equal(j->result, 0);
	assert_int_equal(trust_check_signature(blob_view(&c->spec.credential.certs[0]), j->scheme,
					       blob_view(&j->tbs), blob_view(&j->signature)),
			 VERDICT_GOOD);
	job_free(j);
}

static void use_ppk(struct world *w, const struct config *c)
{
	struct job *j = job_new(JOB_PPK);
	struct answer a = { 0 };

	j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	assert_int_equal(blob_copy(&j->id, blob_view(&c->spec.ppk_id)), 0);
	for (size_t i = 0; i < JOB_SK; i++)
		assert_int_equal(secret_new(&j->sk[i], 32), 0);
	assert_int_equal(key_client_job(w->client, j, "", on_job, &a), 0);
	wait_for(w, &a);
	assert_int_equal(j->result, 0);
	job_free(j);
}

/* What the engine asks: at its start, in two handshakes, of CRLs, and whether anybody is there. */
static bool lives(enum moment moment, uint64_t n)
{
	struct key_client_state s;
	struct config c;
	struct world w;
	struct answer a;
	uint64_t serial;

	open_world(&w, moment, n);
	serial = load(&w, &c);
	sign(&w, &c);
	use_ppk(&w, &c);
	a = ask(&w, &(struct key_message){ .kind = KEY_LOOK, .serial = serial });
	assert_int_equal(a.m.result, 0);
	if (a.content >= 0) /* another one has others */
		close(a.content);
	a = ask(&w, &(struct key_message){ .kind = KEY_PING });
	assert_int_equal(a.m.result, 0);
	sign(&w, &c);
	key_client_state(w.client, &s);
	assert_false(s.away);
	assert_int_equal(s.timeouts, 0);
	assert_true(s.renewed <= w.deaths);
	config_free(&c);
	close_world(&w);
	return w.deaths > 0;
}

static void test_killed_at_each_message(void **state)
{
	unsigned all = 0;

	(void)state;
	assert_false(lives(BEFORE_READ, 0));
	for (enum moment moment = BEFORE_READ; moment <= AFTER_WRITE; moment++) {
		unsigned points = 0;

		while (lives(moment, points + 1))
			points++;
		print_message("keyholder killed %s: %u points, all survived\n", moments[moment],
			      points);
		assert_true(points >= 8);
		all += points;
	}
	print_message("keyholder killed: %u injection points, %u survived\n", all, all);
}

/* ---- a reload without memory ----------------------------------------------------------------- */

#define AFTER 8 /* points; then it is loaded once more, with all the memory */

static struct node node;

static void arm_heap(bool on)
{
	heap_arm(on);
}

static bool reload(void)
{
	static const char *const nets[] = { "10.0.0.0/20", "10.1.0.0/20" };
	const bool other = node_protects(&node, nets[0]);
	const struct config *old = node.d.config;
	char text[512];

	snprintf(text, sizeof(text), "ipsec_subnets:\n- %s\n" NODE_CREDENTIALS "log: @LOG\n",
		 nets[other]);
	node_write_config(&node, text);
	if (node_reload(&node) == 0)
		return node_protects(&node, nets[other]);
	return heap_failed() && node.d.config == old && node_protects(&node, nets[!other]) &&
	       strstr(node.d.reloading.text, "the old configuration stays") != NULL;
}

static void test_a_reload_without_memory(void **state)
{
	unsigned points = 0, survived = 0;

	(void)state;
	node_arm = arm_heap;
	node_start(&node);
	heap_fail(0);
	assert_true(reload());
	for (uint64_t n = 1;; n++) {
		bool good, hit;

		heap_fail(n);
		good = reload();
		hit = heap_failed();
		heap_fail(0);
		if (!hit)
			break;
		points++;
		survived += good && (n % AFTER != 0 || reload());
	}
	print_message("reload, each allocation of the loop: %u injection points, %u survived\n",
		      points, survived);
	assert_true(points >= 20);
	assert_int_equal(points, survived);
	node_end(&node);
}

static int set_up(void **state)
{
	pki_usual(&pki);
	return node_pki(state);
}

static int tear_down(void **state)
{
	pki_end(&pki);
	return node_pki_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_each_message),
		cmocka_unit_test(test_a_reload_without_memory),
	};

	shortage_watch();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
