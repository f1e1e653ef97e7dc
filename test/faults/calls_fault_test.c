/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that allocate much, each with each single allocation of it failing, those of the libraries
 * among them: real key exchanges, signatures and chains; a configuration read, sent and put
 * together again; state saved and taken over; the status document and its text. It ends with what
 * was wanted or with an honest refusal, never with a wrong answer, and the next call is as good as
 * ever.
 */
#include "cmd/ikectl/show.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/shortage.h"
#include "cmd/ikemeshd/status_json.h"
#include "crypto/job.h"
#include "faults/heap.h"
#include "sim/duet.h"

#include <errno.h>
#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/config_file.h"

#define SHOWN 10
#define AFTER 8 /* points; then the call is made once more, with all the memory */

enum outcome {
	DONE,
	REFUSED,
	WRONG,
};

static const char *const outcomes[] = { "done", "refused", "WRONG" };

static void show(const char *what, uint64_t n, enum outcome was, enum outcome after)
{
	void *const *frames;
	const size_t depth = heap_who(&frames);

	print_message("%s, allocation %llu: %s, then %s\n", what, (unsigned long long)n,
		      outcomes[was], outcomes[after]);
	backtrace_symbols_fd(frames, (int)depth, 1);
}

/* call() arms the heap around what is tried, and tells what came of it. */
static void each_allocation(const char *what, enum outcome (*call)(void), uint64_t least)
{
	uint64_t points = 0, survived = 0;

	heap_fail(0);
	assert_int_equal(call(), DONE); /* what is made once a process is made */
	for (uint64_t n = 1;; n++) {
		enum outcome was, after = DONE;
		bool hit;

		heap_fail(n);
		was = call();
		hit = heap_failed();
		if (hit && n % AFTER == 0) {
			heap_fail(0);
			after = call();
		}
		if (was != WRONG && after == DONE)
			survived++;
		else if (n - 1 - survived < SHOWN) {
			heap_fail(n);
			was = call();
			show(what, n, was, after);
		}
		points++;
		if (!hit)
			break;
	}
	points--; /* the last one was none */
	survived--;
	print_message("%s: %llu injection points, %llu survived\n", what,
		      (unsigned long long)points, (unsigned long long)survived);
	assert_true(points >= least);
	assert_true(points == survived);
}

/* --- heavy crypto --- */

static struct testpki_cert ca, host;
static struct trust *trust;
static struct sign_key *key;
static uint16_t group;

static void run_armed(struct job *j, const struct trust *t)
{
	heap_arm(true);
	job_run(j, key, t, NULL, TESTPKI_NOW);
	heap_arm(false);
}

static struct job *ke_job(enum job_kind kind)
{
	struct job *j = job_new(kind);

	assert_non_null(j);
	j->ke = ke_by_id(group);
	return j;
}

static void given(struct blob *to, const struct blob *from)
{
	assert_int_equal(blob_copy(to, blob_view(from)), 0);
}

/* Generate, respond, derive. */
static enum outcome exchange(void)
{
	struct job *i = ke_job(JOB_KE_GENERATE), *r = ke_job(JOB_KE_RESPOND);
	enum outcome out = REFUSED;

	run_armed(i, NULL);
	if (i->result == 0) {
		given(&r->peer_public, &i->ke_public);
		run_armed(r, NULL);
	}
	if (i->result == 0 && r->result == 0) {
		i->kind = JOB_KE_DERIVE;
		given(&i->peer_public, &r->ke_public);
		run_armed(i, NULL);
		if (i->result == 0)
			out = secret_equal(secret_view(&i->shared), secret_view(&r->shared)) &&
					      i->shared.n == i->ke->secret_len
				      ? DONE
				      : WRONG;
	}
	job_free(i);
	job_free(r);
	return out;
}

static void test_key_exchanges(void **state)
{
	static const struct {
		uint16_t id;
		const char *name;
	} rows[] = { { KE_MODP_2048, "modp2048" },
		     { KE_ECP_256, "ecp256" },
		     { KE_CURVE25519, "curve25519" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		group = rows[i].id;
		each_allocation(rows[i].name, exchange, 30);
	}
}

static struct job *to_sign(void)
{
	static const char octets[] = "octets of RFC 7296 2.15";
	struct job *j = job_new(JOB_SIGN);

	assert_non_null(j);
	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, BYTES((const uint8_t *)octets, strlen(octets))), 0);
	return j;
}

static struct job *to_verify(bool forged)
{
	static const char name[] = "host.example";
	struct job *j = to_sign();

	job_run(j, key, NULL, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, 0);
	j->signature.p[9] ^= forged;
	j->kind = JOB_VERIFY;
	given(&j->certs[0], &host.der);
	j->n_certs = 1;
	j->id_type = ID_FQDN;
	assert_int_equal(blob_copy(&j->id, BYTES((const uint8_t *)name, strlen(name))), 0);
	return j;
}

static enum outcome sign(void)
{
	struct job *j = to_sign(), *v = NULL;
	enum outcome out = REFUSED;

	run_armed(j, NULL);
	if (j->result == 0) {
		v = to_verify(false);
		blob_free(&v->signature);
		given(&v->signature, &j->signature);
		job_run(v, NULL, trust, NULL, TESTPKI_NOW);
		out = v->judged.verdict == VERDICT_GOOD ? DONE : WRONG;
	}
	job_free(j);
	job_free(v);
	return out;
}

/* A ring of its own each time: one that has seen the chain before remembers it. */
static enum outcome verify(bool forged)
{
	struct job *j = to_verify(forged);
	struct trust *t = trust_new();
	enum outcome out;

	assert_non_null(t);
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	run_armed(j, t);
	if (j->judged.verdict == (forged ? VERDICT_BAD_SIGNATURE : VERDICT_GOOD))
		out = DONE;
	else
		out = j->judged.verdict == VERDICT_GOOD ? WRONG : REFUSED;
	trust_free(t);
	job_free(j);
	return out;
}

static enum outcome verify_good(void)
{
	return verify(false);
}

static enum outcome verify_forged(void)
{
	return verify(true);
}

static void test_signatures(void **state)
{
	(void)state;
	each_allocation("sign", sign, 20);
	each_allocation("verify", verify_good, 100);
	each_allocation("verify what is forged", verify_forged, 100);
}

/* --- a configuration --- */

static struct pki files;
static char *text;

static void problems_drop(struct problems *ps)
{
	problems_free(ps);
	*ps = (struct problems){ 0 };
}

static enum outcome config_read(void)
{
	struct problems ps = { 0 };
	struct config c = { 0 };
	int r;

	heap_arm(true);
	r = config_parse("test.yml", BYTES((const uint8_t *)text, strlen(text)), TESTPKI_NOW, &c,
			 &ps);
	heap_arm(false);
	problems_drop(&ps);
	if (r == 0)
		config_free(&c);
	return r == 0 ? DONE : r == -ENOMEM || (r == -EINVAL && heap_failed()) ? REFUSED : WRONG;
}

static struct config sent;

/* As a reload does: sent by the keyholder, put together by the engine. */
static enum outcome config_sent(void)
{
	struct problems none = { 0 }, ps = { 0 };
	struct config c2 = { 0 };
	struct secret wire = { 0 };
	bool there = false;
	int r;

	heap_arm(true);
	r = wire_put_config(&none, &sent, &wire);
	if (r == 0)
		r = wire_take_config(secret_view(&wire), &ps, &c2, &there);
	if (r == 0)
		r = config_build_trust(&c2);
	heap_arm(false);
	if (there)
		config_free(&c2);
	secret_free(&wire);
	problems_drop(&ps);
	return r == 0 && there ? DONE : r != 0 ? REFUSED : WRONG;
}

static void test_configuration(void **state)
{
	struct problems ps = { 0 };

	(void)state;
	pki_start(&files);
	pki_add(&files, "HOST", blob_view(&host.pem), 0644);
	pki_add(&files, "KEY", blob_view(&host.key_pem), 0600);
	pki_add(&files, "CA", blob_view(&ca.pem), 0644);
	text = pki_fill(&files, NETS CREDENTIALS "no_ipsec_subnets:\n- 10.0.15.0/24\n"
						 "peer_identities:\n- \"CN=*\"\n");
	each_allocation("configuration read", config_read, 200);
	assert_int_equal(config_parse("test.yml", BYTES((const uint8_t *)text, strlen(text)),
				      TESTPKI_NOW, &sent, &ps),
			 0);
	each_allocation("configuration sent", config_sent, 40);
	config_free(&sent);
	problems_drop(&ps);
	free(text);
	pki_end(&files);
}

/* --- state and status --- */

static struct duet duet;

static enum outcome state_saved(void)
{
	struct secret saved = { 0 };
	int r;

	heap_arm(true);
	r = engine_save(duet.engine, &saved);
	heap_arm(false);
	secret_free(&saved);
	return r == 0 ? DONE : r == -ENOMEM ? REFUSED : WRONG;
}

static struct secret saved_state;

static int random_none(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	memset(out, 1, n);
	return 0;
}

/* What could not be taken over is lost whole: an SA or none, and nothing half of it. */
static enum outcome state_taken(void)
{
	const struct engine_options o = { .random = random_none, .awaits_state = true };
	const struct event spec = { .kind = EVENT_SPEC, .spec = { &duet.spec } };
	const struct event loaded = { .kind = EVENT_STATE_LOADED,
				      .state_loaded = { .state = secret_view(&saved_state) } };
	struct status_counters c = { 0 };
	struct engine *e;
	struct actions out;

	actions_init(&out);
	heap_arm(true);
	e = engine_new(&o);
	if (e != NULL) {
		engine_step(e, duet.now, &spec, &out);
		engine_step(e, duet.now, &loaded, &out);
	}
	heap_arm(false);
	if (e != NULL)
		engine_counters(e, &c);
	engine_free(e);
	actions_free(&out);
	if (c.ike_sas == 1 && c.child_sas == 1)
		return DONE;
	return c.child_sas == 0 ? REFUSED : WRONG;
}

static enum outcome status_told(void)
{
	const struct status_sources s = {
		.engine = duet.engine,
		.spec = &duet.spec,
		.now = duet.now,
		.started = duet.now,
		.config_path = "/etc/x.yml",
	};
	FILE *out = fopen("/dev/null", "w");
	json_t *all;

	assert_non_null(out);
	heap_arm(true);
	all = status_json(&s);
	if (all != NULL)
		show_statusall(all, out);
	heap_arm(false);
	json_decref(all);
	fclose(out);
	return all != NULL ? DONE : REFUSED;
}

static void test_state_and_status(void **state)
{
	(void)state;
	duet_start(&duet, &(struct duet_options){ .seed = 1 });
	duet_core_up(&duet);
	assert_int_equal(engine_save(duet.engine, &saved_state), 0);
	each_allocation("state saved", state_saved, 3);
	each_allocation("state taken over", state_taken, 20);
	each_allocation("status told", status_told, 100);
	secret_free(&saved_state);
	duet_end(&duet);
}

static int set_up(void **state)
{
	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&host, &(struct testpki_spec){ .subject = "O=Example, CN=host",
						    .issuer = &ca,
						    .slot = 1,
						    .san = "DNS:host.example" });
	trust = trust_new();
	assert_non_null(trust);
	assert_int_equal(trust_add_ca(trust, blob_view(&ca.der)), 0);
	return sign_key_from_pem(blob_view(&host.key_pem), &key);
}

static int tear_down(void **state)
{
	(void)state;
	sign_key_free(key);
	trust_free(trust);
	testpki_free(&host);
	testpki_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_exchanges),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_state_and_status),
	};

	shortage_watch();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
