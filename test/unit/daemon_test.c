/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon without a kernel: what a bad configuration, run directory or command meets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/run_dir.h"
#include "config_file.h"
#include "lib/holder.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOGGED "log: @LOG\n"

static struct pki pki;

struct fixture {
	struct daemon d;
	struct holder holder;
	char config[80], log[80];
};

static void write_config(const struct fixture *f, const char *text)
{
	char *filled = pki_fill(&pki, text);
	FILE *out = fopen(f->config, "w");

	assert_non_null(out);
	fputs(filled, out);
	assert_int_equal(fclose(out), 0);
	free(filled);
}

/* All that the daemon has said; for the last one who asks. */
static bool log_says(const struct fixture *f, const char *part)
{
	static char text[16384];
	FILE *in = fopen(f->log, "r");
	size_t n;

	assert_non_null(in);
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	if (!strstr(text, part))
		fprintf(stderr, "not in the log: %s\n%s", part, text);
	return strstr(text, part) != NULL;
}

/* A daemon that has loaded a good file. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct key_client_options line = { 0 };
	size_t errors;

	assert_non_null(f);
	snprintf(f->config, sizeof(f->config), "%s/ikemesh.yml", pki.dir);
	snprintf(f->log, sizeof(f->log), "%s", pki_find(&pki, "LOG")->path);
	assert_int_equal(truncate(f->log, 0), 0);
	write_config(f, NETS CREDENTIALS LOGGED);
	f->d.options.config_path = f->config;
	holder_open(&f->holder, f->config);
	holder_run(&f->holder);
	line.path = f->holder.path;
	assert_int_equal(key_client_open(&line, &f->d.keys), 0);
	assert_int_equal(pool_open(1, 8, &f->d.pool), 0);
	assert_int_equal(log_open(LOG_TO_FILE, f->log, REPORT_INFO, &f->d.log), 0);
	assert_int_equal(daemon_load(&f->d, &errors), 0);
	assert_non_null(f->d.config);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	config_free(f->d.config);
	free(f->d.config);
	pool_close(f->d.pool);
	key_client_close(f->d.keys);
	keyring_drop(f->d.ring);
	holder_close(&f->holder);
	log_close(f->d.log);
	unlink(f->config);
	free(f);
	return 0;
}

static int no_random(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	memset(out, 1, n);
	return 0;
}

/* What comes of it; d.reloading.text says it. */
static int reload(struct fixture *f)
{
	struct daemon *d = &f->d;

	daemon_reload(d, false, 0);
	while (daemon_reloads(d)) {
		struct pollfd p[] = {
			{ .fd = key_client_fd(d->keys), .events = POLLIN },
			{ .fd = pool_fd(d->pool), .events = POLLIN },
		};

		assert_true(poll(p, 2, 20000) > 0);
		daemon_take_jobs(d);
	}
	return d->reloading.err;
}

static void assert_refused(struct fixture *f, const char *text, const char *said)
{
	const struct config *config = f->d.config;
	const struct keyring *ring = f->d.ring;

	write_config(f, text);
	assert_int_not_equal(reload(f), 0);
	assert_non_null(strstr(f->d.reloading.text, "the old configuration stays"));
	assert_ptr_equal(f->d.config, config);
	assert_ptr_equal(f->d.ring, ring);
	assert_true(log_says(f, said));
}

static void test_a_reload_whose_log_is_bad_changes_nothing(void **state)
{
	assert_refused(*state, NETS CREDENTIALS "- @OTHER_CA\nlog: /nonexistent/log\n",
		       "cannot write the log /nonexistent/log: No such file or directory");
	assert_refused(*state, NETS CREDENTIALS "- @OTHER_CA\nlog: /dev/full\n",
		       "cannot write the log /dev/full: is not a regular file");
}

static void test_a_reload_that_peers_would_refuse_changes_nothing(void **state)
{
	assert_refused(*state,
		       NETS "instance_certificate: @HOST\ninstance_private_key: @KEY\n"
			    "ca_certificates: [@OTHER_CA]\nstrict_ca: true\n" LOGGED,
		       "does not verify under ca_certificates");
}

/* logrotate has moved it away: the new one is written, whatever the configuration is like. */
static void test_the_log_is_opened_anew_by_a_bad_reload_too(void **state)
{
	struct fixture *f = *state;
	char old[128];

	snprintf(old, sizeof(old), "%s.1", f->log);
	assert_int_equal(rename(f->log, old), 0);
	assert_refused(f, "ipsec_subnets: [300.0.0.0/8]\n", "300.0.0.0/8");
	assert_int_equal(unlink(old), 0);
}

static void test_a_reload_of_a_fifo_changes_nothing(void **state)
{
	struct fixture *f = *state;

	unlink(f->config);
	assert_int_equal(mkfifo(f->config, 0600), 0);
	assert_int_not_equal(reload(f), 0);
	assert_true(log_says(f, "is not a regular file"));
}

/* What the service manager hears of a reload, a bad one too: it would wait for READY=1. */
static void test_the_service_manager_is_told(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct fixture *f = *state;
	char said[128];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	long long us;
	ssize_t n;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", pki.dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	write_config(f, "nonsense\n");
	assert_int_not_equal(reload(f), 0);
	unsetenv("NOTIFY_SOCKET");
	n = recv(fd, said, sizeof(said) - 1, 0);
	assert_true(n > 0);
	said[n] = '\0';
	assert_int_equal(sscanf(said, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
	assert_true(us > 0);
	n = recv(fd, said, sizeof(said) - 1, 0);
	assert_int_equal(n, strlen("READY=1"));
	assert_memory_equal(said, "READY=1", (size_t)n);
	close(fd);
	unlink(a.sun_path);
}

/* Before there is anything in the kernel that would outlive it. */
static void test_a_run_dir_that_cannot_be_is_told_in_words(void **state)
{
	struct fixture *f = *state;
	char dir[151];
	const struct guardian_options o = { .run_dir = "/nonexistent/run" };
	int lock = -1;

	memset(dir, 'x', sizeof(dir) - 1);
	memcpy(dir, "/tmp/", 5);
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(run_dir_take(dir, f->d.log, &lock), -ENAMETOOLONG);
	assert_true(log_says(f, "--run-dir is too long for the control socket's address: 150 "
				"characters, of at most 90"));
	assert_int_equal(run_dir_take("/nonexistent/run", f->d.log, &lock), -ENOENT);
	assert_true(log_says(f, "cannot use /nonexistent/run as the run directory (--run-dir): No "
				"such file or directory"));
	assert_int_equal(run_dir_take(f->log, f->d.log, &lock), -ENOTDIR);
	assert_true(log_says(f, "as the run directory (--run-dir): Not a directory"));
	assert_int_equal(guardian_run(&o), 1);
}

/* Nobody else has it while the program is executed anew. */
static void test_the_lock_on_the_run_dir_is_passed_on(void **state)
{
	struct fixture *f = *state;
	int lock, other, again;
	char path[80];

	assert_int_equal(run_dir_take(f->holder.dir, f->d.log, &lock), 0);
	assert_int_equal(run_dir_pass(f->d.log, lock), 0);
	close(lock); /* as it is when the next program runs */
	assert_int_equal(run_dir_take(f->holder.dir, f->d.log, &again), 0);
	assert_true(fcntl(again, F_GETFD) & FD_CLOEXEC);
	assert_null(getenv("IKEMESH_LOCK"));
	assert_int_equal(run_dir_take(f->holder.dir, f->d.log, &other), -EBUSY);
	close(other);
	close(again);
	snprintf(path, sizeof(path), "%s/lock", f->holder.dir);
	unlink(path);
}

static bool is_in_force(const struct fixture *f, const char *net)
{
	char text[SUBNET_TEXT_LEN];

	return strcmp(subnet_text(&f->d.config->spec.protect[0].net, text), net) == 0;
}

/* One that is asked for while another is under way comes after it, once for all who ask. */
static void test_reloads_are_folded(void **state)
{
	const struct engine_options options = { .random = no_random };
	struct fixture *f = *state;
	struct hands hands;

	f->d.engine = engine_new(&options);
	hands = daemon_hands(&f->d);
	performer_init(&f->d.performer, &hands);
	write_config(f, "nonsense\n");
	daemon_reload(&f->d, false, 0);
	assert_true(daemon_reloads(&f->d));
	assert_int_equal(reload(f), -EINVAL); /* of which this is the second */
	assert_int_equal(f->d.metrics.reloads_failed, 2);
	daemon_reload(&f->d, false, 0);
	daemon_reload(&f->d, false, 0);
	daemon_reload(&f->d, false, 0);
	assert_int_equal(reload(f), -EINVAL);
	assert_int_equal(f->d.metrics.reloads_failed, 4);
	assert_true(is_in_force(f, "10.0.0.0/20"));
	performer_free(&f->d.performer);
	engine_free(f->d.engine);
}

/* What was asked of one that has died is asked of the next. */
static void test_a_reload_outlives_the_keyholder(void **state)
{
	struct fixture *f = *state;

	holder_kill(&f->holder);
	write_config(f, "nonsense\n");
	daemon_reload(&f->d, false, 0);
	holder_run(&f->holder); /* another one is asked again */
	assert_int_equal(reload(f), -EINVAL);
}

/* The service manager need not try again: it is not mended by that. */
static void test_a_bad_file_has_a_status_of_its_own(void **state)
{
	struct fixture *f = *state;
	const struct daemon_options o = { .config_path = f->config,
					  .run_dir = f->holder.dir,
					  .log_level = REPORT_INFO };

	write_config(f, NETS CREDENTIALS LOGGED "esp_lifetime: often\n");
	assert_int_equal(daemon_run(&o), DAEMON_BAD_CONFIG);
}

/* The daemon's answer to `up ADDRESS`, which begins nothing, says so. */
static void assert_up_refused(struct daemon *d, const char *address, const char *why)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "up", "peer", address);
	json_t *answer = daemon_answer(d, request);
	const char *error = json_string_value(json_object_get(answer, "error"));

	assert_false(json_is_true(json_object_get(answer, "ok")));
	if (!error || !strstr(error, why))
		fail_msg("up %s: %s", address, error ? error : "accepted");
	json_decref(answer);
	json_decref(request);
}

static void test_nobody_negotiates_with_himself(void **state)
{
	const struct engine_options options = { .random = no_random };
	struct fixture *f = *state;
	struct subnet_spec *all = f->d.config->spec.protect;
	char text[IP_TEXT_LEN];
	const struct ip *locals;
	bool host_bits;
	size_t n;

	assert_true(subnet_parse("0.0.0.0/0", &all->net, &host_bits));
	f->d.engine = engine_new(&options);
	assert_int_equal(addresses_open(&f->d.addresses), 0);
	assert_int_equal(routes_open(&f->d.routes, NULL), 0);
	locals = addresses_list(f->d.addresses, &n);
	for (size_t i = 0; i < n; i++)
		assert_up_refused(&f->d, ip_text(&locals[i], text), "of this host itself");
	assert_up_refused(&f->d, "127.0.0.1", "of this host itself"); /* not on that list */
	routes_close(&f->d.routes);
	addresses_close(f->d.addresses);
	engine_free(f->d.engine);
}

static int make_pki(void **state)
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

static int drop_pki(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* Answers a request; what stands at `name` in the answer holds `part`. */
static void assert_answer(struct daemon *d, const char *text, const char *name, const char *part)
{
	json_t *request = json_loads(text, 0, NULL), *answer;
	const char *said;

	assert_non_null(request);
	answer = daemon_answer(d, request);
	said = json_string_value(json_object_get(answer, name));
	if (!said || !strstr(said, part))
		fail_msg("%s: %s", text, said ? said : "nothing");
	json_decref(answer);
	json_decref(request);
}

static void test_a_mode_that_cannot_be_changes_nothing(void **state)
{
	const struct engine_options options = { .random = no_random };
	static const char *const wrong[][2] = {
		{ "{\"command\":\"mode\",\"mode\":\"strict\"}", "optional, enforced or file" },
		{ "{\"command\":\"mode\",\"mode\":1}", "optional, enforced or file" },
		{ "{\"command\":\"mode\",\"mode\":\"optional\",\"confirm_within_s\":0}",
		  "from 1 to 604800" },
		{ "{\"command\":\"mode\",\"mode\":\"optional\",\"confirm_within_s\":\"5m\"}",
		  "from 1 to 604800" },
		{ "{\"command\":\"mode\",\"mode\":\"optional\",\"subnet\":7}", "must be a subnet" },
		{ "{\"command\":\"mode\",\"mode\":\"optional\",\"subnet\":\"10.0.0.0/21\"}",
		  "10.0.0.0/21 is no entry of ipsec_subnets: it lies inside 10.0.0.0/20" },
		{ "{\"command\":\"mode\",\"mode\":\"file\",\"subnet\":\"10.77.0.0/16\"}",
		  "10.77.0.0/16 is no entry of ipsec_subnets" },
		{ "{\"command\":\"confirm\"}", "no mode waits to be confirmed" },
	};
	struct fixture *f = *state;

	f->d.engine = engine_new(&options);
	assert_int_equal(clear_open(&f->d.clear), 0);
	f->d.mode.back_at = MONO_NEVER;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_answer(&f->d, wrong[i][0], "error", wrong[i][1]);
	assert_false(f->d.config->spec.protect[0].optional);
	assert_int_equal(f->d.mode.now.all, MODE_FILE);
	clear_close(f->d.clear);
	engine_free(f->d.engine);
}

/* Enforced would cut somebody off: he is named, and it is not done. */
static void test_a_mode_that_cuts_off_is_refused(void **state)
{
	const struct engine_options options = { .random = no_random };
	const struct ip peer = ip_v4(10, 0, 1, 7);
	struct fixture *f = *state;
	json_t *request = json_pack("{s:s, s:s}", "command", "mode", "mode", "enforced"), *answer;
	struct spec *spec = &f->d.config->spec;

	f->d.engine = engine_new(&options);
	f->d.mode.back_at = MONO_NEVER;
	f->d.mode.now.all = MODE_OPTIONAL;
	mode_apply(&f->d.mode.now, spec);
	assert_int_equal(clear_open(&f->d.clear), 0);
	clear_note(f->d.clear, &peer, clock_now());
	answer = daemon_answer(&f->d, request);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_true(json_is_false(json_object_get(answer, "done")));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(answer, "clear"), 0), "peer")),
			    "10.0.1.7");
	assert_true(spec->protect[0].optional);
	assert_int_equal(f->d.mode.now.all, MODE_OPTIONAL);
	json_decref(answer);
	json_decref(request);
	clear_close(f->d.clear);
	engine_free(f->d.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_reload_whose_log_is_bad_changes_nothing),
		TEST(test_a_reload_that_peers_would_refuse_changes_nothing),
		TEST(test_the_log_is_opened_anew_by_a_bad_reload_too),
		TEST(test_a_reload_of_a_fifo_changes_nothing),
		TEST(test_the_service_manager_is_told),
		TEST(test_a_bad_file_has_a_status_of_its_own),
		TEST(test_a_run_dir_that_cannot_be_is_told_in_words),
		TEST(test_the_lock_on_the_run_dir_is_passed_on),
		TEST(test_reloads_are_folded),
		TEST(test_a_reload_outlives_the_keyholder),
		TEST(test_nobody_negotiates_with_himself),
		TEST(test_a_mode_that_cannot_be_changes_nothing),
		TEST(test_a_mode_that_cuts_off_is_refused),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
