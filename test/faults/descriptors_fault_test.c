/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No more descriptors, for this process (EMFILE) or on the host (ENFILE): at each single call that
 * makes one, once, and from each on for as long as it lasts. What was wanted is done all the same
 * or refused in words, nothing is lost or left open, nobody turns in circles for it, and it goes on
 * when there are descriptors again.
 */
#include "faults/calls.h"
#include "faults/node.h"
#include "faults/points.h"

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/crash_secret.h"
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/tap.h"
#include "config/mode.h"
#include "config/remembered.h"
#include "xfrm/address.h"
#include "xfrm/kernel.h"
#include "xfrm/route.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct node node;

/* ---- who comes and cannot be let in --------------------------------------------------------- */

#define QUESTION "{\"command\":\"version\"}\n"

static enum outcome question(void)
{
	char *answer = node_ask(&node, QUESTION, 600);
	const bool good = answer != NULL && strstr(answer, "\"version\":") != NULL;
	const bool none = answer == NULL;

	free(answer);
	return good ? DONE : none ? REFUSED : WRONG;
}

static void test_a_question_to_the_daemon(void **state)
{
	(void)state;
	points_try("question at the control socket", question, CALLS_DESCRIPTOR, 1);
	assert_true(node_logged(&node, "whoever asks at the control socket has to wait"));
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

#define WAIT_MS 1500
#define WAKES_MAX (WAIT_MS / 250 * 2 + 8) /* four a second, and who comes and goes */

/* Whoever waits at the door wakes nobody but now and then, is told of, and is let in in the end. */
static void test_no_busy_loop_at_the_control_socket(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const struct calls_fault f = {
			.kind = CALLS_DESCRIPTOR, .n = 1, .error = errors[i], .lasting = true
		};
		const int64_t before = cpu_us();

		node_wakes = 0;
		calls_fail(&f);
		assert_null(node_ask(&node, QUESTION, WAIT_MS));
		print_message("%s for %d ms: %u wake-ups, %llu attempts, %lld ms of CPU\n",
			      strerror(errors[i]), WAIT_MS, node_wakes,
			      (unsigned long long)calls_failed(),
			      (long long)(cpu_us() - before) / 1000);
		assert_true(node_wakes <= WAKES_MAX);
		assert_true(calls_failed() >= 2 && calls_failed() <= WAKES_MAX);
		calls_fail(NULL);
		assert_int_equal(question(), DONE);
	}
}

static bool keyholder_answers(struct key_client *c)
{
	const struct mono until = clock_after(clock_now(), WAIT_MS * (CLOCK_SECOND / 1000));
	struct key_client_state s = { 0 };

	while (s.resident == 0 && clock_now().us < until.us) {
		struct pollfd p = { .fd = key_client_fd(c), .events = POLLIN };

		poll(&p, 1, 50);
		key_client_turn(c);
		key_client_state(c, &s);
	}
	return s.resident != 0;
}

/* The same at the keyholder's: another engine connects, or the one that was there comes again. */
static void test_no_busy_loop_at_the_keyholder(void **state)
{
	const struct calls_fault f = {
		.kind = CALLS_DESCRIPTOR, .n = 1, .error = EMFILE, .lasting = true
	};
	const struct key_client_options o = { .path = node.holder.path };
	struct key_client *c;
	const int64_t before = cpu_us();

	(void)state;
	calls_fail(&f);
	assert_int_equal(key_client_open(&o, &c), 0);
	assert_false(keyholder_answers(c));
	print_message("keyholder, %d ms: %llu attempts, %lld ms of CPU\n", WAIT_MS,
		      (unsigned long long)calls_failed(), (long long)(cpu_us() - before) / 1000);
	assert_true(calls_failed() >= 2 && calls_failed() <= WAKES_MAX);
	calls_fail(NULL);
	assert_true(keyholder_answers(c));
	key_client_close(c);
}

/* ---- engine and keyholder -------------------------------------------------------------------- */

struct answer {
	bool done;
	int result;
	bool content;
};

static void on_answer(void *arg, const struct key_message *m, int *content)
{
	struct answer *a = arg;

	*a = (struct answer){ .done = true, .result = m->result, .content = *content >= 0 };
}

/* A line of its own, and one question that is answered with a descriptor. */
static enum outcome keyholder_asked(void)
{
	const struct key_client_options o = { .path = node.holder.path };
	const struct key_message m = { .kind = KEY_CHECK };
	struct key_message check = m;
	struct answer a = { 0 };
	struct key_client *c;

	snprintf(check.path, sizeof(check.path), "%s", node.config);
	calls_arm(true);
	if (key_client_open(&o, &c) != 0) {
		calls_arm(false);
		return REFUSED;
	}
	assert_int_equal(key_client_ask(c, &check, 1, on_answer, NULL, &a), 0);
	holder_wait(c, &a.done);
	key_client_close(c);
	calls_arm(false);
	if (a.result == 0)
		return a.content ? DONE : WRONG;
	return a.result == -EMFILE || a.result == -ENFILE || a.result == -ETIMEDOUT ? REFUSED
										    : WRONG;
}

static void test_the_keyholder(void **state)
{
	(void)state;
	points_try("question to the keyholder", keyholder_asked, CALLS_DESCRIPTOR, 4);
}

/* What was lost on its way is told as what it is, and the line stays as it is. */
static void test_a_descriptor_lost_on_its_way(void **state)
{
	const struct calls_fault f = { .kind = CALLS_DESCRIPTOR, .error = EMFILE, .n = 1 };
	int pair[2], content, spare = key_content_put(BYTES((const uint8_t *)"octets", 6));
	uint8_t buffer[16];
	size_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			key_channel_send(pair[0], BYTES((const uint8_t *)"said", 4), spare), 0);
	calls_fail(&f);
	calls_arm(true);
	assert_int_equal(key_channel_receive(pair[1], buffer, sizeof(buffer), &n, &content),
			 -EMFILE);
	assert_int_equal(n, 4);
	assert_int_equal(content, -1);
	assert_int_equal(key_channel_receive(pair[1], buffer, sizeof(buffer), &n, &content), 0);
	calls_arm(false);
	calls_fail(NULL);
	assert_true(content >= 0);
	close(content);
	close(spare);
	close(pair[0]);
	close(pair[1]);
}

/* ---- a reload -------------------------------------------------------------------------------- */

static const char *const nets[] = { "10.0.0.0/20", "10.1.0.0/20" };

/* From the one to the other and back: the whole of the new one is in force, or of the old one. */
static enum outcome reload(void)
{
	const bool other = node_protects(&node, nets[0]);
	const struct config *old = node.d.config;
	char text[512];
	int err;

	snprintf(text, sizeof(text), "ipsec_subnets:\n- %s\n" NODE_CREDENTIALS "log: @LOG\n",
		 nets[other]);
	node_write_config(&node, text);
	node_forget_log(&node);
	err = node_reload(&node);
	if (err == 0)
		return node_protects(&node, nets[other]) ? DONE : WRONG;
	return node.d.config == old && node_protects(&node, nets[!other]) &&
			       strstr(node.d.reloading.text, "the old configuration stays") &&
			       node_logged(&node, "the old configuration stays")
		       ? REFUSED
		       : WRONG;
}

static void test_a_reload(void **state)
{
	(void)state;
	points_try("reload", reload, CALLS_DESCRIPTOR, 8);
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum outcome of(int err)
{
	return err == 0 ? DONE : err == -EMFILE || err == -ENFILE ? REFUSED : WRONG;
}

/* What is read afterwards is the new mode, or, where it was refused, the old one. */
static enum outcome mode_kept(void)
{
	static bool optional;
	const struct mode was = { .all = optional ? MODE_OPTIONAL : MODE_ENFORCED };
	const struct mode is = { .all = optional ? MODE_ENFORCED : MODE_OPTIONAL };
	char why[MODE_TEXT_LEN];
	struct mode got;
	int err, read;

	calls_arm(true);
	err = mode_save(node.state, &is, why);
	calls_arm(false);
	if ((err != 0) != (why[0] != '\0') || mode_load(node.state, &got, why) != 0)
		return WRONG;
	if (got.all != (err == 0 ? is.all : was.all))
		return WRONG;
	optional = got.all == MODE_OPTIONAL;
	calls_arm(true);
	read = mode_load(node.state, &got, why);
	calls_arm(false);
	if (read != 0 && (got.all != MODE_ENFORCED || why[0] == '\0'))
		return WRONG;
	return err != 0 ? of(err) : of(read);
}

static enum outcome remembered(void)
{
	struct config c;
	int err;

	calls_arm(true);
	err = remembered_save(node.state, node.d.config);
	calls_arm(false);
	if (remembered_load(node.state, &c) != 0)
		return WRONG;
	config_free(&c);
	return of(err);
}

static enum outcome crash_secret(void)
{
	uint8_t first[QCD_SECRET_LEN], again[QCD_SECRET_LEN];
	char why[CRASH_SECRET_TEXT_LEN], path[128];
	int err;

	snprintf(path, sizeof(path), "%s/" CRASH_SECRET_FILE, node.state);
	calls_arm(true);
	err = crash_secret_load(node.state, CRASH_SECRET_MACHINE_ID, first, why);
	calls_arm(false);
	if (err == 0 && access(path, F_OK) == 0 &&
	    (crash_secret_load(node.state, CRASH_SECRET_MACHINE_ID, again, why) != 0))
		return WRONG;
	unlink(path);
	return of(err);
}

static enum outcome log_opened(void)
{
	struct log *l = NULL;
	int err;

	calls_arm(true);
	err = log_open(LOG_TO_FILE, node.log, REPORT_INFO, &l);
	if (err == 0) {
		err = log_reopen(l);
		log_text_in(l, AREA_DAEMON, REPORT_INFO, "a line");
	}
	calls_arm(false);
	if (l != NULL && !node_logged(&node, "a line"))
		return WRONG;
	log_close(l);
	node_forget_log(&node);
	return of(err);
}

static enum outcome keys_exposed(void)
{
	char why[EXPOSE_TEXT_LEN], dir[96];
	struct expose *x = NULL;
	int err;

	snprintf(dir, sizeof(dir), "%s/keys", node.dir);
	calls_arm(true);
	err = expose_open(dir, &x, why);
	calls_arm(false);
	expose_close(x);
	if (err != 0 && why[0] == '\0')
		return WRONG;
	snprintf(dir, sizeof(dir), "rm -rf %s/keys", node.dir);
	assert_int_equal(system(dir), 0);
	return of(err);
}

static void test_files(void **state)
{
	(void)state;
	points_try("mode written and read", mode_kept, CALLS_DESCRIPTOR, 3);
	points_try("protected subnets written", remembered, CALLS_DESCRIPTOR, 2);
	points_try("crash secret", crash_secret, CALLS_DESCRIPTOR, 3);
	points_try("log opened, and anew", log_opened, CALLS_DESCRIPTOR, 3);
	if (geteuid() == 0)
		points_try("keys exposed", keys_exposed, CALLS_DESCRIPTOR, 3);
}

/* ---- lists of revoked ones ------------------------------------------------------------------- */

/* One that could not be read for want of a descriptor is read at the next look. */
static void test_a_crl_is_looked_at_again(void **state)
{
	const struct calls_fault f = { .kind = CALLS_DESCRIPTOR, .error = EMFILE, .n = 1 };
	struct crl_file list = { .path = strdup(node.config) };

	(void)state;
	calls_fail(&f);
	calls_arm(true);
	assert_int_equal(crl_file_look(&list), CRL_BROKEN);
	calls_arm(false);
	calls_fail(NULL);
	assert_int_equal(list.fault, -EMFILE);
	assert_int_equal(crl_file_look(&list), CRL_BROKEN);
	assert_int_equal(list.fault, -ENODATA); /* what is wrong with the file itself */
	assert_int_equal(crl_file_look(&list), CRL_SAME);
	crl_file_wipe(&list);
}

/* ---- what the next process gets -------------------------------------------------------------- */

static int manager = -1;

static void drain_manager(void)
{
	char text[512];

	while (recv(manager, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

/* From nothing to a state that can be read: with a key of its own. */
static enum outcome state_kept(void)
{
	static const uint8_t octets[] = { 1, 2, 3 };
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h, got = { .used = { -1, -1 } };
	char why[HANDOVER_TEXT_LEN];
	enum outcome out = DONE;
	int err;

	calls_arm(true);
	handover_take(&h, why);
	assert_int_equal(secret_copy(&h.state, BYTES(octets, sizeof(octets))), 0);
	err = keepsake_begin(&k, &h);
	if (err == 0)
		err = keepsake_append(&k, BYTES(octets, sizeof(octets)));
	got.key = h.key;
	if (err == 0)
		err = handover_read(k.fd, &got, why);
	calls_arm(false);
	if (err == 0 && got.state.n != 2 * sizeof(octets))
		out = WRONG;
	else if (err != 0)
		out = REFUSED;
	secret_free(&got.state);
	keepsake_drop(&k);
	handover_wipe(&h);
	drain_manager();
	return out;
}

static enum outcome settled(void)
{
	int err;

	calls_arm(true);
	err = handover_settle();
	calls_arm(false);
	drain_manager();
	return of(err);
}

static void test_what_the_next_process_gets(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)state;
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", node.dir);
	assert_int_equal(bind(manager, (struct sockaddr *)&a, sizeof(a)), 0);
	points_try("state kept: no service manager", settled, CALLS_DESCRIPTOR, 1);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	points_try("state kept", state_kept, CALLS_DESCRIPTOR, 4);
	unsetenv("NOTIFY_SOCKET");
	close(manager);
	unlink(a.sun_path);
}

/* ---- a start --------------------------------------------------------------------------------- */

static enum outcome started(int err)
{
	return err == 0 ? DONE : err == -EMFILE || err == -ENFILE ? REFUSED : WRONG;
}

static enum outcome control_opened(void)
{
	struct control_options o = { .group = RIGHTS_NO_GROUP };
	struct control *c = NULL;
	char path[96];
	int err;

	snprintf(path, sizeof(path), "%s/another.sock", node.dir);
	o.path = path;
	calls_arm(true);
	err = control_open(&o, &c);
	if (err == 0)
		err = control_publish(c);
	calls_arm(false);
	control_close(c);
	return access(path, F_OK) == 0 ? WRONG : started(err);
}

static enum outcome loop_opened(void)
{
	struct watch *w = NULL;
	struct pool *p = NULL;
	struct loop *l = NULL;
	int err;

	calls_arm(true);
	err = loop_open(&l);
	if (err == 0)
		err = pool_open(1, 4, &p);
	if (err == 0)
		err = watch_open(&w);
	calls_arm(false);
	watch_close(w);
	pool_close(p);
	loop_close(l);
	return started(err);
}

static enum outcome sockets_opened(void)
{
	struct routes r = { -1, -1 };
	struct early *e = NULL;
	struct clear *c = NULL;
	int err;

	calls_arm(true);
	err = routes_open(&r, NULL);
	if (err == 0)
		err = clear_open(&c);
	if (err == 0)
		e = early_new(NULL);
	calls_arm(false);
	early_free(e);
	clear_close(c);
	routes_close(&r);
	return started(err);
}

static enum outcome netlink_opened(void)
{
	struct addresses *a = NULL;
	struct kernel *k = NULL;
	int err;

	calls_arm(true);
	err = addresses_open(&a);
	if (err == 0)
		err = kernel_open(&k);
	calls_arm(false);
	if (k != NULL)
		kernel_close(k);
	if (a != NULL)
		addresses_close(a);
	return started(err);
}

static enum outcome ports_opened(void)
{
	const struct udp_options ports = { .port = 47817, .port_natt = 47818 };
	char error[UDP_ERROR_LEN];
	struct udp *u = NULL;
	int err;

	calls_arm(true);
	err = udp_open(&ports, &u, error);
	calls_arm(false);
	udp_close(u);
	return err != 0 && error[0] == '\0' ? WRONG : started(err);
}

static void test_a_start(void **state)
{
	(void)state;
	points_try("control socket opened", control_opened, CALLS_DESCRIPTOR, 3);
	points_try("loop, pool and watch opened", loop_opened, CALLS_DESCRIPTOR, 4);
	points_try("IKE ports opened", ports_opened, CALLS_DESCRIPTOR, 2);
	if (geteuid() != 0)
		return;
	points_try("raw and packet sockets opened", sockets_opened, CALLS_DESCRIPTOR, 3);
	points_try("netlink opened", netlink_opened, CALLS_DESCRIPTOR, 2);
}

static int set_up(void **state)
{
	node_pki(state);
	node_arm = calls_arm;
	node_start(&node);
	return 0;
}

static int tear_down(void **state)
{
	node_end(&node);
	return node_pki_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_question_to_the_daemon),
		cmocka_unit_test(test_no_busy_loop_at_the_control_socket),
		cmocka_unit_test(test_no_busy_loop_at_the_keyholder),
		cmocka_unit_test(test_the_keyholder),
		cmocka_unit_test(test_a_descriptor_lost_on_its_way),
		cmocka_unit_test(test_a_reload),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_a_crl_is_looked_at_again),
		cmocka_unit_test(test_what_the_next_process_gets),
		cmocka_unit_test(test_a_start),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
