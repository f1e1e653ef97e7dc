/* SPDX-License-Identifier: Apache-2.0 */
/* The keyholder as the engine meets it: loads, signs, looks, dies and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder.h"
#include "config_file.h"
#include "lib/holder.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define WITH_PPK                                                                    \
	"ppk: 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" \
	"ppk_id: mesh\n"

static struct pki pki;

struct fixture {
	struct holder holder;
	struct key_client *client;
	char config[80];
	unsigned said; /* texts for people */
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

static void count_said(void *arg, enum report_level level, const char *text)
{
	struct fixture *f = arg;

	(void)level;
	(void)text;
	f->said++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct key_client_options o = { .say = count_said, .arg = f };

	snprintf(f->config, sizeof(f->config), "%s/ikemesh.yml", pki.dir);
	write_config(f, NETS CREDENTIALS WITH_PPK);
	holder_open(&f->holder, f->config);
	o.path = f->holder.path;
	assert_int_equal(key_client_open(&o, &f->client), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	key_client_close(f->client);
	holder_close(&f->holder);
	unlink(f->config);
	free(f);
	return 0;
}

/* ---- questions ----------------------------------------------------------------------------- */

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

static struct answer ask(struct fixture *f, const struct key_message *m, unsigned seconds)
{
	struct answer a = { .content = -1 };

	assert_int_equal(key_client_ask(f->client, m, seconds, on_answer, NULL, &a), 0);
	holder_wait(f->client, &a.done);
	return a;
}

/* The configuration that is loaded; the caller's. */
static struct answer load(struct fixture *f, struct config *c)
{
	struct answer a = ask(f, &(struct key_message){ .kind = KEY_LOAD }, 20);
	struct problems ps;
	struct secret octets;
	bool there;

	assert_int_equal(a.m.result, 0);
	assert_int_equal(key_content_take(a.content, &octets), 0);
	assert_int_equal(wire_take_config(secret_view(&octets), &ps, c, &there), 0);
	assert_true(there);
	close(a.content);
	secret_free(&octets);
	problems_free(&ps);
	return a;
}

static int commit(struct fixture *f, uint64_t serial)
{
	return ask(f, &(struct key_message){ .kind = KEY_COMMIT, .serial = serial }, 20).m.result;
}

/* Loads what the file has now, and commits to it. */
static struct config put_in_force(struct fixture *f)
{
	struct config c;
	struct answer a = load(f, &c);

	assert_int_equal(commit(f, a.m.serial), 0);
	return c;
}

/* The header of an IKE_SA_INIT and two octets of a nonce. */
static const uint8_t sa_init[30] = { [0] = 1, [17] = 0x20, [18] = 34, [19] = 8, [27] = 28, 2, 3 };

static struct job *new_sign_job(void)
{
	struct job *j = job_new(JOB_SIGN);

	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, BYTES(sa_init, sizeof(sa_init))), 0);
	return j;
}

/* With the key of this certificate; the job is the caller's. */
static struct job *sign(struct fixture *f, const char *fingerprint)
{
	struct answer a = { 0 };

	assert_int_equal(key_client_job(f->client, new_sign_job(), fingerprint, on_job, &a), 0);
	holder_wait(f->client, &a.done);
	return a.job;
}

static void assert_signed(const struct job *j, const struct config *c)
{
	assert_int_equal(j->result, 0);
	assert_int_equal(trust_check_signature(blob_view(&c->spec.credential.certs[0]), j->scheme,
					       blob_view(&j->tbs), blob_view(&j->signature)),
			 VERDICT_GOOD);
}

static void assert_signs(struct fixture *f, const struct config *c)
{
	struct job *j = sign(f, c->spec.credential.leaf.fingerprint);

	assert_signed(j, c);
	job_free(j);
}

static void assert_signs_not(struct fixture *f, const char *fingerprint, const char *why)
{
	struct job *j = sign(f, fingerprint);

	assert_int_equal(j->result, -ENOKEY);
	assert_non_null(strstr(j->judged.text, why));
	assert_int_equal(j->signature.n, 0);
	job_free(j);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_it_loads_and_signs(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	struct config c;

	holder_run(&f->holder);
	a = load(f, &c);
	assert_null(c.key);
	assert_signs(f, &c); /* before it is in force: a handshake may be quick */
	assert_int_equal(commit(f, a.m.serial + 1), -ESTALE);
	assert_int_equal(commit(f, a.m.serial), 0);
	assert_int_equal(commit(f, a.m.serial), 0); /* asked again */
	assert_signs(f, &c);
	assert_signs_not(f, "00:11", "another key by now");
	config_free(&c);
}

static void test_the_ppk(void **state)
{
	struct fixture *f = *state;
	struct config c;
	struct answer a = { 0 };
	struct job *j = job_new(JOB_PPK);
	uint8_t expected[32];
	static const uint8_t before[32] = { 0 };
	const uint8_t key[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
				0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
				0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	const struct bytes seed = BYTES(before, sizeof(before));

	holder_run(&f->holder);
	c = put_in_force(f);
	j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	assert_int_equal(blob_copy(&j->id, blob_view(&c.spec.ppk_id)), 0);
	for (size_t i = 0; i < JOB_SK; i++)
		assert_int_equal(secret_new(&j->sk[i], 32), 0);
	assert_int_equal(key_client_job(f->client, j, "", on_job, &a), 0);
	holder_wait(f->client, &a.done);
	assert_int_equal(j->result, 0);
	assert_int_equal(prf_plus(j->prf, BYTES(key, sizeof(key)), &seed, 1, expected, 32), 0);
	assert_memory_equal(j->sk[1].p, expected, 32);
	job_free(j);
	config_free(&c);
}

/* An exchange that has shown the old certificate is signed with its key; one before that is not. */
static void test_the_key_before_is_kept(void **state)
{
	struct fixture *f = *state;
	struct config old, next, last;

	holder_run(&f->holder);
	old = put_in_force(f);
	write_config(f, NETS "instance_certificate: @HOST_B\ninstance_private_key: @KEY_B\n"
			     "ca_certificates: [@CA]\n");
	next = put_in_force(f);
	assert_signs(f, &old);
	assert_signs(f, &next);
	/* The same certificate once more drives nobody out. */
	config_free(&next);
	next = put_in_force(f);
	assert_signs(f, &old);
	write_config(f, NETS "instance_certificate: @HOST_C\ninstance_private_key: @KEY_C\n"
			     "ca_certificates: [@CA]\n");
	last = put_in_force(f);
	assert_signs(f, &next);
	assert_signs(f, &last);
	assert_signs_not(f, old.spec.credential.leaf.fingerprint, "another key by now");
	config_free(&old);
	config_free(&next);
	config_free(&last);
}

static void test_it_says_what_it_takes(void **state)
{
	struct fixture *f = *state;
	struct key_client_state s = { 0 };

	holder_run(&f->holder);
	for (int i = 0; i < 100 && s.resident == 0; i++) {
		ask(f, &(struct key_message){ .kind = KEY_PING }, 5);
		key_client_state(f->client, &s);
	}
	assert_true(s.resident > 100000);
	holder_kill(&f->holder);
	assert_int_equal(ask(f, &(struct key_message){ .kind = KEY_PING }, 1).m.result, -ETIMEDOUT);
	key_client_state(f->client, &s);
	assert_int_equal(s.resident, 0);
}

/* The holder's thread stands still from pause_holder() on until it is let go. */
static int stopped[2], let_go[2];

static void stand_still(int signal)
{
	char c = 0;

	(void)signal;
	(void)!write(stopped[1], &c, 1);
	(void)!read(let_go[0], &c, 1);
}

static void pause_holder(const struct fixture *f)
{
	const struct sigaction action = { .sa_handler = stand_still };
	char c;

	assert_int_equal(pipe(stopped) | pipe(let_go), 0);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_kill(f->holder.thread, SIGUSR1), 0);
	assert_int_equal(read(stopped[0], &c, 1), 1);
}

static void let_holder_go(void)
{
	assert_int_equal(write(let_go[1], "", 1), 1);
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

#define MANY 60

/* Where it signs itself: who has much to be signed does not keep a successor from its answers. */
static void test_on_one_core_each_has_its_turn(void **state)
{
	struct fixture *f = *state;
	const struct key_client_options o = { .path = f->holder.path };
	struct fixture other = { 0 };
	struct answer a[MANY] = { 0 }, pong = { .content = -1 };
	const struct key_message ping = { .kind = KEY_PING };
	cpu_set_t all, one;
	uint64_t before, after;
	struct config c;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	holder_run(&f->holder);
	c = put_in_force(f);
	assert_int_equal(key_client_open(&o, &other.client), 0);
	ask(&other, &ping, 5);

	pause_holder(f);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(key_client_job(f->client, new_sign_job(),
						c.spec.credential.leaf.fingerprint, on_job, &a[i]),
				 0);
	assert_int_equal(key_client_ask(other.client, &ping, 5, on_answer, NULL, &pong), 0);
	before = cpu_us();
	let_holder_go();
	holder_wait(other.client, &pong.done);
	for (size_t i = 0; i < MANY; i++) {
		holder_wait(f->client, &a[i].done);
		assert_signed(a[i].job, &c);
		job_free(a[i].job);
	}
	after = cpu_us();
	assert_true(pong.m.cpu_us - before < (after - before) / 4);

	key_client_close(other.client);
	config_free(&c);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	for (size_t i = 0; i < 2; i++) {
		close(stopped[i]);
		close(let_go[i]);
	}
}

/* What is open when it dies is asked of the next one, which has to read the file for it. */
static void test_another_one_takes_over(void **state)
{
	struct fixture *f = *state;
	struct key_client_state s;
	struct answer a = { 0 }, b = { 0 };
	struct config c;

	holder_run(&f->holder);
	c = put_in_force(f);
	for (int i = 0; i < 5; i++) {
		holder_kill(&f->holder);
		a.done = b.done = false;
		assert_int_equal(key_client_job(f->client, new_sign_job(),
						c.spec.credential.leaf.fingerprint, on_job, &a),
				 0);
		assert_int_equal(key_client_job(f->client, new_sign_job(),
						c.spec.credential.leaf.fingerprint, on_job, &b),
				 0);
		assert_int_equal(key_client_jobs(f->client), 2);
		holder_run(&f->holder);
		holder_wait(f->client, &a.done);
		holder_wait(f->client, &b.done);
		assert_signed(a.job, &c);
		assert_signed(b.job, &c);
		job_free(a.job);
		job_free(b.job);
	}
	key_client_state(f->client, &s);
	assert_int_equal(s.renewed, 5);
	assert_int_equal(s.timeouts, 0);
	assert_false(s.away);
	config_free(&c);
}

/* The file has another key by then, or is broken: told as what it is, and mended by a load. */
static void test_another_one_with_another_key(void **state)
{
	struct fixture *f = *state;
	struct config c;

	holder_run(&f->holder);
	c = put_in_force(f);
	holder_kill(&f->holder);
	write_config(f, NETS "instance_certificate: @HOST_B\ninstance_private_key: @KEY_B\n"
			     "ca_certificates: [@CA]\n");
	holder_run(&f->holder);
	assert_signs_not(f, c.spec.credential.leaf.fingerprint, "another key by now");
	holder_kill(&f->holder);
	write_config(f, "nonsense\n");
	holder_run(&f->holder);
	assert_signs_not(f, c.spec.credential.leaf.fingerprint, "has errors");
	config_free(&c);
	write_config(f, NETS CREDENTIALS);
	c = put_in_force(f);
	assert_signs(f, &c);
	config_free(&c);
}

static void test_a_bad_file(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	struct problems ps;
	struct config c;
	struct secret octets;
	bool there;

	write_config(f, NETS "secret_word: 1\n");
	holder_run(&f->holder);
	a = ask(f, &(struct key_message){ .kind = KEY_LOAD }, 20);
	assert_int_equal(a.m.result, 0);
	assert_int_equal(key_content_take(a.content, &octets), 0);
	assert_int_equal(wire_take_config(secret_view(&octets), &ps, &c, &there), 0);
	close(a.content);
	assert_false(there);
	assert_true(ps.errors > 0 && ps.n > 0);
	assert_non_null(memmem(octets.p, octets.n, "secret_word", 11));
	secret_free(&octets);
	problems_free(&ps);

	/* Of any other file nothing is told but how many errors it has. */
	a = ask(f, &(struct key_message){ .kind = KEY_CHECK, .path = "/proc/self/status" }, 20);
	assert_int_equal(a.m.result, 0);
	close(a.content);
	struct key_message m = { .kind = KEY_CHECK };
	snprintf(m.path, sizeof(m.path), "%s", f->config);
	a = ask(f, &m, 20);
	assert_int_equal(a.m.result, 0);
	assert_int_equal(key_content_take(a.content, &octets), 0);
	close(a.content);
	assert_null(memmem(octets.p, octets.n, "secret_word", 11));
	assert_int_equal(wire_take_config(secret_view(&octets), &ps, &c, &there), 0);
	assert_false(there);
	assert_true(ps.errors > 0 && ps.n == 0);
	problems_free(&ps);
	secret_free(&octets);
}

static void put_list(const char *name)
{
	const struct pki_file *from = pki_find(&pki, name), *to = pki_find(&pki, "LIST");
	FILE *out = fopen(to->path, "w");

	assert_int_equal(fwrite(from->content, 1, from->n, out), from->n);
	assert_int_equal(fclose(out), 0);
}

static void test_it_looks_at_crls(void **state)
{
	struct fixture *f = *state;
	struct key_message look = { .kind = KEY_LOOK };
	struct crl_file *files;
	struct secret octets;
	struct config c;
	struct answer a;
	size_t n;

	put_list("NOBODY");
	write_config(f, NETS CREDENTIALS "crls: [@LIST]\n");
	holder_run(&f->holder);
	a = load(f, &c);
	assert_int_equal(crls_count(c.crl_files[0].crls), 1);
	assert_int_equal(commit(f, a.m.serial), 0);
	look.serial = a.m.serial;
	a = ask(f, &look, 20);
	assert_int_equal(a.m.result, 0);
	assert_int_equal(a.m.serial, look.serial);
	assert_int_equal(a.content, -1); /* nothing new */

	put_list("SOMEBODY");
	a = ask(f, &look, 20);
	assert_int_not_equal(a.m.serial, look.serial);
	assert_int_equal(key_content_take(a.content, &octets), 0);
	close(a.content);
	assert_int_equal(wire_take_crl_files(secret_view(&octets), &files, &n), 0);
	secret_free(&octets);
	assert_int_equal(n, 1);
	assert_false(crls_equal(files[0].crls, c.crl_files[0].crls));
	crl_file_wipe(&files[0]);
	free(files);
	look.serial = a.m.serial;

	/* The next keyholder knows nothing of that, and tells all. */
	holder_kill(&f->holder);
	holder_run(&f->holder);
	a = ask(f, &look, 20);
	assert_int_equal(a.m.result, 0);
	assert_true(a.content >= 0);
	close(a.content);
	config_free(&c);
}

/* Whoever is connected to a socket that nobody serves. */
static void test_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct key_client_state s;
	struct answer a = ask(f, &(struct key_message){ .kind = KEY_LOAD }, 3);

	assert_int_equal(a.m.result, -ETIMEDOUT);
	key_client_state(f->client, &s);
	assert_true(s.away);
	assert_true(s.away_us >= 2000000);
	assert_true(s.why[0] != '\0');
	assert_int_equal(s.timeouts, 1);
	assert_int_equal(s.open, 0);
	assert_int_equal(f->said, 1);
	holder_run(&f->holder);
	assert_int_equal(ask(f, &(struct key_message){ .kind = KEY_PING }, 5).m.result, 0);
	key_client_state(f->client, &s);
	assert_false(s.away);
	assert_int_equal(f->said, 2); /* it is there again */
}

static void test_there_is_no_socket(void **state)
{
	struct fixture *f = *state;
	struct key_client_options o = { .path = "/nonexistent/socket" };
	struct key_client *client;
	struct answer a = { .content = -1 };
	const struct key_message m = { .kind = KEY_PING };

	(void)f;
	assert_int_equal(key_client_open(&o, &client), 0);
	assert_int_equal(key_client_ask(client, &m, 1, on_answer, NULL, &a), 0);
	holder_wait(client, &a.done);
	assert_int_equal(a.m.result, -ETIMEDOUT);
	key_client_close(client);
}

/* ---- strangers ----------------------------------------------------------------------------- */

static int stranger(const struct fixture *f)
{
	int fd;

	while ((fd = key_channel_connect(f->holder.path)) == -EAGAIN) /* many at once */
		poll(NULL, 0, 1);
	assert_true(fd >= 0);
	return fd;
}

static void tell(int fd, const struct key_message *m)
{
	struct secret octets = { 0 };

	assert_int_equal(key_message_put(m, &octets), 0);
	assert_int_equal(key_channel_send(fd, secret_view(&octets), -1), 0);
	secret_free(&octets);
}

/* The answer; false: the line was closed. */
static bool hear(int fd, struct key_message *m)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t buffer[KEY_MESSAGE_MAX];
	int content;
	size_t n;

	assert_int_equal(poll(&p, 1, 10000), 1);
	*m = (struct key_message){ 0 };
	return key_channel_receive(fd, buffer, sizeof(buffer), &n, &content) == 0 &&
	       key_message_take(BYTES(buffer, n), m) == 0;
}

static void test_who_says_nonsense_is_sent_away(void **state)
{
	static const struct key_message ping = { .kind = KEY_PING };
	static const struct key_message hello = { .kind = KEY_HELLO, .version = KEY_VERSION };
	static const struct key_message answer = { .kind = KEY_PING, .answer = true };
	struct fixture *f = *state;
	struct key_message m;
	int fd;

	holder_run(&f->holder);
	fd = stranger(f); /* without a greeting */
	tell(fd, &ping);
	assert_false(hear(fd, &m));
	close(fd);
	fd = stranger(f);
	assert_int_equal(key_channel_send(fd, BYTES((const uint8_t *)"nonsense", 8), -1), 0);
	assert_false(hear(fd, &m));
	close(fd);
	fd = stranger(f);
	tell(fd, &hello);
	assert_true(hear(fd, &m));
	assert_int_equal(m.result, 0);
	tell(fd, &answer); /* it asked nothing */
	assert_false(hear(fd, &m));
	close(fd);
	fd = stranger(f); /* a descriptor is nothing to give to it */
	tell(fd, &hello);
	assert_true(hear(fd, &m));
	assert_int_equal(key_channel_send(fd, BYTES((const uint8_t *)"x", 1), 0), 0);
	assert_false(hear(fd, &m));
	close(fd);
	/* Others do not notice. */
	assert_int_equal(ask(f, &ping, 5).m.result, 0);
}

static void test_places_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct key_message m;
	int fd[12];

	holder_run(&f->holder);
	assert_int_equal(ask(f, &(struct key_message){ .kind = KEY_PING }, 5).m.result, 0);
	for (int i = 0; i < 12; i++)
		fd[i] = stranger(f);
	assert_false(hear(fd[11], &m));
	assert_int_equal(ask(f, &(struct key_message){ .kind = KEY_PING }, 5).m.result, 0);
	for (int i = 0; i < 12; i++)
		close(fd[i]);
}

static void test_another_program_makes_it_go(void **state)
{
	static const struct key_message other = { .kind = KEY_HELLO, .version = "ikemesh 9" };
	struct fixture *f = *state;
	struct key_message m;
	int fd;

	holder_run(&f->holder);
	fd = stranger(f);
	tell(fd, &other);
	assert_true(hear(fd, &m));
	assert_int_equal(m.result, -EPROTO);
	assert_string_equal(m.version, KEY_VERSION);
	assert_int_equal(pthread_join(f->holder.thread, NULL), 0);
	f->holder.runs = false;
	assert_int_equal(f->holder.status, KEYHOLDER_OTHER_VERSION);
	close(fd);
}

static void add_host(const char *name, const char *key, const struct testpki_cert *ca,
		     unsigned slot)
{
	struct testpki_cert host;

	testpki_make(&host, &(struct testpki_spec){
				    .subject = "O=Example, CN=host", .issuer = ca, .slot = slot });
	pki_add(&pki, name, blob_view(&host.pem), 0600);
	pki_add(&pki, key, blob_view(&host.key_pem), 0600);
	testpki_free(&host);
}

static int make_pki(void **state)
{
	struct testpki_cert ca, host;
	struct blob nobody, somebody;

	(void)state;
	pki_start(&pki);
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
	nobody = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca }, NULL);
	somebody = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &host } },
			       NULL);
	pki_add(&pki, "CA", blob_view(&ca.pem), 0600);
	pki_add(&pki, "HOST", blob_view(&host.pem), 0600);
	pki_add(&pki, "KEY", blob_view(&host.key_pem), 0600);
	add_host("HOST_B", "KEY_B", &ca, 2);
	add_host("HOST_C", "KEY_C", &ca, 3);
	pki_add(&pki, "NOBODY", blob_view(&nobody), 0600);
	pki_add(&pki, "SOMEBODY", blob_view(&somebody), 0600);
	pki_text(&pki, "LIST", "");
	blob_free(&nobody);
	blob_free(&somebody);
	testpki_free(&host);
	testpki_free(&ca);
	return 0;
}

static int drop_pki(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(test_it_loads_and_signs),
		TEST(test_the_ppk),
		TEST(test_the_key_before_is_kept),
		TEST(test_it_says_what_it_takes),
		TEST(test_on_one_core_each_has_its_turn),
		TEST(test_another_one_takes_over),
		TEST(test_another_one_with_another_key),
		TEST(test_a_bad_file),
		TEST(test_it_looks_at_crls),
		TEST(test_nobody_answers),
		TEST(test_there_is_no_socket),
		TEST(test_who_says_nonsense_is_sent_away),
		TEST(test_places_are_bounded),
		TEST(test_another_program_makes_it_go),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
