/* SPDX-License-Identifier: Apache-2.0 */
/* Whom another configuration would cut off, and when the next step to another CA is safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/preflight.h"
#include "cmd/ikemeshd/rotate_json.h"
#include "crypto/pattern.h"
#include "lib/testpki.h"
#include <stdlib.h>
#include <string.h>

static struct testpki_cert old_ca, new_ca, ours_old, ours_new, peer_old, peer_new, peer_expired,
	peer_bound;
static struct cert_info old_info, new_info;

static int make_pki(void **state)
{
	struct testpki_spec expired = { .subject = "O=Example, CN=late",
					.issuer = &old_ca,
					.slot = 4,
					.not_after = TESTPKI_NOW - TESTPKI_DAY };

	struct testpki_spec bound = {
		.subject = "O=Example, CN=peer", .issuer = &old_ca, .slot = 3, .san = "IP:10.1.0.2"
	};

	(void)state;
	testpki_ca(&old_ca, "O=Example, CN=Old CA");
	testpki_make(&new_ca, &(struct testpki_spec){
				      .subject = "O=Example, CN=New CA", .ca = true, .slot = 2 });
	testpki_leaf(&ours_old, &old_ca, "O=Example, CN=we");
	testpki_leaf(&ours_new, &new_ca, "O=Example, CN=we");
	testpki_make(&peer_old, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							.issuer = &old_ca,
							.slot = 3 });
	testpki_make(&peer_new, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							.issuer = &new_ca,
							.slot = 3 });
	testpki_make(&peer_expired, &expired);
	testpki_make(&peer_bound, &bound);
	assert_int_equal(cert_describe(blob_view(&old_ca.der), &old_info), 0);
	assert_int_equal(cert_describe(blob_view(&new_ca.der), &new_info), 0);
	return 0;
}

static int drop_pki(void **state)
{
	struct testpki_cert *all[] = { &peer_bound, &peer_expired, &peer_new, &peer_old,
				       &ours_new,   &ours_old,	   &new_ca,   &old_ca };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		testpki_free(all[i]);
	return 0;
}

/* --- a configuration ----------------------------------------------------------------------- */

enum cas {
	OLD = 1,
	NEW = 2,
	BOTH = 3,
};

/* Borrows the certificates. */
struct side {
	struct spec spec;
	struct ca_spec cas[2];
	struct trust *trust;
};

static void side_make(struct side *s, enum cas cas, const struct testpki_cert *own)
{
	*s = (struct side){ .trust = trust_new() };
	s->spec.cas = s->cas;
	if (cas & OLD)
		s->cas[s->spec.n_cas++] = (struct ca_spec){ .der = old_ca.der, .info = old_info };
	if (cas & NEW)
		s->cas[s->spec.n_cas++] = (struct ca_spec){ .der = new_ca.der, .info = new_info };
	for (size_t i = 0; i < s->spec.n_cas; i++)
		assert_int_equal(trust_add_ca(s->trust, blob_view(&s->cas[i].der)), 0);
	s->spec.credential.certs[0] = own->der;
	s->spec.credential.n_certs = 1;
	s->spec.credential.generation = 2;
	assert_int_equal(cert_describe(blob_view(&own->der), &s->spec.credential.leaf), 0);
}

/* --- peers --------------------------------------------------------------------------------- */

struct shown {
	struct cert_info leaf;
	struct bytes chain[1];
	uint8_t hashes[40];
};

static void show(struct shown *s, struct peer *p, uint8_t host, const struct testpki_cert *cert,
		 enum cas names)
{
	const uint8_t address[4] = { 10, 1, 0, host };
	size_t n = 0;

	assert_int_equal(cert_describe(blob_view(&cert->der), &s->leaf), 0);
	s->chain[0] = blob_view(&cert->der);
	if (names & OLD)
		memcpy(s->hashes + 20 * n++, old_info.spki_sha1, 20);
	if (names & NEW)
		memcpy(s->hashes + 20 * n++, new_info.spki_sha1, 20);
	*p = (struct peer){ .remote = ip_from(4, address) };
	p->ike.peer_cert = &s->leaf;
	p->ike.peer_chain = s->chain;
	p->ike.n_peer_chain = 1;
	p->ike.peer_cas = BYTES(s->hashes, 20 * n);
	p->ike.credential = 1;
}

/* One peer, going from one side to the other. */
static struct preflight fly(enum cas from, const struct testpki_cert *had, enum cas to,
			    const struct testpki_cert *gets, const struct testpki_cert *shows,
			    enum cas names)
{
	struct shown s = { 0 };
	struct peer p;
	struct peers ps = { .p = &p, .n = 1 };
	struct preflight out;
	struct side a, b;

	side_make(&a, from, had);
	side_make(&b, to, gets);
	show(&s, &p, 2, shows, names);
	const struct preflight_sides sides = {
		.old = &a.spec, .new = &b.spec, .trust = b.trust, .now = TESTPKI_NOW
	};
	assert_int_equal(preflight_run(&sides, &ps, &out), 0);
	trust_free(a.trust);
	trust_free(b.trust);
	return out;
}

static void assert_fine(struct preflight p)
{
	if (p.n > 0)
		fail_msg("%s", p.findings[0].text);
	assert_int_equal(p.checked, 1);
	preflight_free(&p);
}

static void assert_found(struct preflight p, bool error, const char *part)
{
	assert_int_equal(p.n, 1);
	assert_int_equal(p.errors, error);
	assert_int_equal(p.findings[0].error, error);
	if (strstr(p.findings[0].text, part) == NULL)
		fail_msg("%s", p.findings[0].text);
	preflight_free(&p);
}

/* --- the three steps ----------------------------------------------------------------------- */

static void test_steps_in_their_order(void **state)
{
	(void)state;
	/* Nothing new. */
	assert_fine(fly(OLD, &ours_old, OLD, &ours_old, &peer_old, OLD));
	/* 1: the new CA beside the old one. */
	assert_fine(fly(OLD, &ours_old, BOTH, &ours_old, &peer_old, OLD));
	/* 2: a certificate under the new CA, when the peer names both. */
	assert_fine(fly(BOTH, &ours_old, BOTH, &ours_new, &peer_old, BOTH));
	assert_fine(fly(BOTH, &ours_old, BOTH, &ours_new, &peer_new, BOTH));
	/* 3: the old CA goes, when the peer is under the new one. */
	assert_fine(fly(BOTH, &ours_new, NEW, &ours_new, &peer_new, BOTH));
	assert_fine(fly(BOTH, &ours_new, NEW, &ours_new, &peer_new, NEW));
}

static void test_steps_too_early(void **state)
{
	(void)state;
	/* 2 before the peer has had its 1. */
	assert_found(fly(BOTH, &ours_old, BOTH, &ours_new, &peer_old, OLD), true,
		     "would refuse the new instance_certificate");
	/* 3 while the peer is under the old CA. */
	assert_found(fly(BOTH, &ours_new, NEW, &ours_new, &peer_old, BOTH), true,
		     "would be refused under the new ca_certificates: certificate \"O=Example, "
		     "CN=peer\" is not under a trusted CA");
}

/* RFC 7296 3.7: a CERTREQ is a hint, and there need be none. */
static void test_a_peer_that_names_no_cas(void **state)
{
	(void)state;
	assert_fine(fly(BOTH, &ours_old, BOTH, &ours_new, &peer_old, 0));
}

/* What the old configuration would cut off as well is no reason to keep it. */
static void test_no_worse_than_before(void **state)
{
	(void)state;
	assert_found(fly(OLD, &ours_old, BOTH, &ours_old, &peer_expired, BOTH), false, "expired");
	assert_found(fly(BOTH, &ours_new, NEW, &ours_new, &peer_new, OLD), false,
		     "would refuse the new instance_certificate");
}

/* What was copied is judged the same when the core has nothing of it any more. */
static void test_peers_with_copies_of_their_own(void **state)
{
	struct shown *old = calloc(1, sizeof(*old)), *new = calloc(1, sizeof(*new));
	struct peers ps = { .p = calloc(4, sizeof(*ps.p)), .n = 4 };
	struct preflight found;
	struct side a, b;

	(void)state;
	side_make(&a, BOTH, &ours_new);
	side_make(&b, NEW, &ours_new);
	/* Two of them show the same, one another, and of one nothing is known. */
	show(old, &ps.p[0], 2, &peer_old, BOTH);
	show(new, &ps.p[1], 3, &peer_new, BOTH);
	ps.p[2] = ps.p[0];
	ps.p[2].remote.b[3] = 4;
	ps.p[3] = (struct peer){ .remote = ip_v4(10, 1, 0, 5) };
	assert_int_equal(peers_own(&ps), 0);
	assert_int_equal(ps.n_shown, 3);
	memset(old, 0x5a, sizeof(*old));
	memset(new, 0x5a, sizeof(*new));
	free(old);
	free(new);
	const struct preflight_sides sides = {
		.old = &a.spec, .new = &b.spec, .trust = b.trust, .now = TESTPKI_NOW
	};
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_int_equal(found.checked, 3);
	assert_int_equal(found.unchecked, 1);
	assert_int_equal(found.errors, 2);
	for (size_t i = 0; i < found.n; i++)
		assert_int_not_equal(found.findings[i].remote.b[3], 3);
	preflight_free(&found);
	peers_free(&ps);
	trust_free(a.trust);
	trust_free(b.trust);
}

/* Keys that say more of who may be a peer: the one that refuses it is named. */
static void test_other_keys(void **state)
{
	static struct shown shown;
	struct pattern *pattern;
	struct preflight found;
	struct side a, b;
	struct peer p;
	struct peers ps = { .p = &p, .n = 1 };
	const char *why;

	(void)state;
	side_make(&a, OLD, &ours_old);
	side_make(&b, OLD, &ours_old);
	show(&shown, &p, 2, &peer_old, OLD);
	struct preflight_sides sides = {
		.old = &a.spec, .new = &b.spec, .trust = b.trust, .now = TESTPKI_NOW
	};
	sides.binds_address = true;
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_found(found, true, "the new bind_address_to_certificate");
	show(&shown, &p, 2, &peer_bound, OLD);
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_fine(found);
	show(&shown, &p, 3, &peer_bound, OLD);
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_found(found, true, "has no iPAddress of it");
	sides.binds_address = false;
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_fine(found);

	assert_int_equal(pattern_parse("CN=another", &pattern, &why), 0);
	assert_int_equal(trust_add_pattern(b.trust, pattern), 0);
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_found(found, true, "would be refused under the new peer_identities: certificate");
	trust_free(a.trust);
	trust_free(b.trust);
}

static void test_many_that_are_alike(void **state)
{
	static struct shown s, other;
	struct peer p[40];
	struct peers ps = { .p = p, .n = 40 };
	struct preflight found;
	struct side a, b;
	char text[2048];

	(void)state;
	side_make(&a, BOTH, &ours_new);
	side_make(&b, NEW, &ours_new);
	for (uint8_t i = 0; i < 40; i++)
		show(i % 2 ? &s : &other, &p[i], i, i % 2 ? &peer_old : &peer_new, BOTH);
	p[38].ike.peer_cert = NULL; /* nothing is known of one */
	p[38].ike.n_peer_chain = 0;
	const struct preflight_sides sides = {
		.old = &a.spec, .new = &b.spec, .trust = b.trust, .now = TESTPKI_NOW
	};
	assert_int_equal(preflight_run(&sides, &ps, &found), 0);
	assert_int_equal(found.errors, 20);
	assert_int_equal(found.checked, 39);
	assert_int_equal(found.unchecked, 1);
	preflight_text(&found, text, sizeof(text));
	assert_ptr_equal(strstr(text, "10.1.0.1 would be refused"), text);
	assert_non_null(strstr(text, "; 10.1.0.3 would be refused"));
	assert_non_null(strstr(text, " more"));
	preflight_free(&found);
	trust_free(a.trust);
	trust_free(b.trust);
}

/* --- rotate status ------------------------------------------------------------------------- */

static json_t *status(enum cas cas, const struct testpki_cert *own, struct peer *p, size_t n)
{
	static const struct rotation none;
	struct past_credential past[PAST_CREDENTIALS] = { { 0 } };
	struct peers ps = { .p = p, .n = n };
	struct side s;
	json_t *answer;

	side_make(&s, cas, own);
	past_add(past, &s.spec.credential);
	const struct rotate_sources sources = {
		.spec = &s.spec, .rotation = &none, .past = past, .wall_now = TESTPKI_NOW
	};
	answer = rotate_json(&sources, &ps);
	assert_non_null(answer);
	trust_free(s.trust);
	return answer;
}

static bool is_safe(const json_t *answer, size_t ca, const char *what)
{
	return json_is_true(
		json_object_get(json_array_get(json_object_get(answer, "cas"), ca), what));
}

static void test_what_is_safe_when(void **state)
{
	static struct shown early, late;
	struct peer p[2];
	json_t *a;

	(void)state;
	/* After step 1 here; 10.1.0.2 has not had it. */
	show(&early, &p[0], 2, &peer_old, OLD);
	show(&late, &p[1], 3, &peer_old, BOTH);
	a = status(BOTH, &ours_old, p, 2);
	assert_true(is_safe(a, 0, "certificates_are_safe"));
	assert_false(is_safe(a, 1, "certificates_are_safe"));
	assert_false(is_safe(a, 0, "removal_is_safe"));
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(json_object_get(a, "cas"), 1),
						    "not_accepted_by"),
				    0)),
			    "10.1.0.2");
	json_decref(a);
	/* Step 2 has reached us and 10.1.0.3. */
	show(&early, &p[0], 2, &peer_old, BOTH);
	show(&late, &p[1], 3, &peer_new, BOTH);
	a = status(BOTH, &ours_new, p, 2);
	assert_true(is_safe(a, 1, "certificates_are_safe"));
	assert_false(is_safe(a, 0, "removal_is_safe"));
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(json_array_get(json_object_get(a, "cas"), 0), "needed_by"),
			0)),
		"10.1.0.2");
	json_decref(a);
	/* And all. Our own certificate needs the new CA. */
	show(&early, &p[0], 2, &peer_new, BOTH);
	a = status(BOTH, &ours_new, p, 2);
	assert_true(is_safe(a, 0, "removal_is_safe"));
	assert_false(is_safe(a, 1, "removal_is_safe"));
	json_decref(a);
	/* Nobody removes the only one. */
	a = status(NEW, &ours_new, p, 2);
	assert_false(is_safe(a, 0, "removal_is_safe"));
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps_in_their_order),
		cmocka_unit_test(test_steps_too_early),
		cmocka_unit_test(test_a_peer_that_names_no_cas),
		cmocka_unit_test(test_no_worse_than_before),
		cmocka_unit_test(test_peers_with_copies_of_their_own),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_many_that_are_alike),
		cmocka_unit_test(test_what_is_safe_when),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
