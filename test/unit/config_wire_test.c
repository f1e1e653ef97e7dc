/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration from one process to another: no field is forgotten, no key goes along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/config_wire.h"
#include "config_file.h"
#include "lib/flip.h"
#include <errno.h>

static struct pki pki;

static int setup(void **state)
{
	struct testpki_cert ca, other, host;
	struct blob none, one;

	(void)state;
	pki_start(&pki);
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=Other CA", .ca = true, .slot = 2 });
	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
	none = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca }, NULL);
	one = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &host } }, NULL);
	pki_add(&pki, "CA", blob_view(&ca.pem), 0600);
	pki_add(&pki, "OTHER_CA", blob_view(&other.pem), 0600);
	pki_add(&pki, "HOST", blob_view(&host.pem), 0600);
	pki_add(&pki, "KEY", blob_view(&host.key_pem), 0600);
	pki_add(&pki, "NONE", blob_view(&none), 0600);
	pki_add(&pki, "REVOKING", blob_view(&one), 0600);
	blob_free(&none);
	blob_free(&one);
	testpki_free(&host);
	testpki_free(&other);
	testpki_free(&ca);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

static const char full[] =
	NETS "- {subnet: 10.9.0.0/16, optional: true}\n" CREDENTIALS "- @OTHER_CA\n"
	     "no_ipsec_subnets:\n"
	     "- {subnet: 10.0.1.0/24, protocol: tcp, port: 22}\n"
	     "local_addresses: [10.0.0.0/24]\n"
	     "peer_identities: ['*.example', 'O=Example, CN=*']\n"
	     "crls: [@NONE, /nonexistent/list]\n"
	     "log: /var/log/ikemesh/log\n"
	     "ppk: 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
	     "ppk_id: mesh\n"
	     "dpd_delay: 60s\n"
	     "dpd_timeout: 30s\n"
	     "expiry_warning_days: [30, 7]\n";

static void read_config(const char *text, struct config *c, struct problems *ps)
{
	int r = pki_parse(&pki, text, c, ps);

	print_problems(ps);
	assert_int_equal(r, 0);
}

/* With as much in it as its arrays take: so that each of their octets counts. */
static void fill(struct config *c)
{
	c->spec.n_ike = c->spec.n_esp = SPEC_PROPOSALS;
	for (size_t i = 0; i < SPEC_PROPOSALS; i++)
		c->spec.ike[i].n = c->spec.esp[i].n = PROPOSAL_TRANSFORMS;
	c->n_expiry_days = EXPIRY_DAYS_MAX;
	c->crypto_properties = strdup("provider=default");
	free(c->control_group);
	c->control_group = strdup("adm");
	assert_true(c->crypto_properties != NULL && c->control_group != NULL);
}

static struct secret put(const struct problems *ps, const struct config *c)
{
	struct secret out = { 0 };

	assert_int_equal(wire_put_config(ps, c, &out), 0);
	return out;
}

/* What cannot be said (a number beyond its range) is noticed, too. */
static bool says_the_same(const struct problems *ps, const struct config *c, struct bytes as)
{
	struct secret out = { 0 };
	bool same = wire_put_config(ps, c, &out) == 0 && bytes_equal(secret_view(&out), as);

	secret_free(&out);
	return same;
}

static void test_there_and_back(void **state)
{
	struct problems ps, ps2;
	struct config c, c2;
	struct secret once, twice;
	bool there;

	(void)state;
	read_config(full, &c, &ps);
	assert_true(ps.n > 0); /* the list that is not there */
	fill(&c);
	once = put(&ps, &c);
	assert_int_equal(wire_take_config(secret_view(&once), &ps2, &c2, &there), 0);
	assert_true(there);
	twice = put(&ps2, &c2);
	assert_true(bytes_equal(secret_view(&once), secret_view(&twice)));

	/* What is found out anew is the same. */
	assert_memory_equal(&c.spec.credential.leaf, &c2.spec.credential.leaf,
			    sizeof(struct cert_info));
	assert_int_equal(c2.spec.n_cas, 2);
	for (size_t i = 0; i < c2.spec.n_cas; i++)
		assert_memory_equal(&c.spec.cas[i].info, &c2.spec.cas[i].info,
				    sizeof(struct cert_info));
	assert_int_equal(c2.crl_files[1].fault, -ENOENT);
	assert_null(c2.crl_files[1].crls);
	assert_int_equal(ps2.n, ps.n);
	assert_string_equal(ps2.p[0].message, ps.p[0].message);

	/* And nothing of what only one may have. */
	assert_non_null(c.key);
	assert_null(c2.key);
	assert_null(c2.ppk.key.p);
	assert_int_equal(c2.spec.ppk_id.n, 4);
	assert_null(memmem(once.p, once.n, c.ppk.key.p, c.ppk.key.n));

	secret_free(&once);
	secret_free(&twice);
	problems_free(&ps);
	problems_free(&ps2);
	config_free(&c);
	config_free(&c2);
}

enum fate {
	GOES,  /* along: without it other octets come out */
	STAYS, /* behind, on purpose */
	APART, /* looked at by itself; or nothing */
};

/* Part of a struct that is not looked at octet by octet. */
struct part {
	size_t at, n;
	enum fate fate;
};

#define FROM_TO(type, first, last)   \
	.at = offsetof(type, first), \
	.n = offsetof(type, last) + sizeof(((type *)0)->last) - offsetof(type, first)
#define LIST(type, first, last)                          \
	{                                                \
		FROM_TO(type, first, last), .fate = GOES \
	}
#define ONE(type, member)                                   \
	{                                                   \
		FROM_TO(type, member, member), .fate = GOES \
	}
#define KEPT(type, member)                                   \
	{                                                    \
		FROM_TO(type, member, member), .fate = STAYS \
	}
#define OWN(type, member)                                    \
	{                                                    \
		FROM_TO(type, member, member), .fate = APART \
	}

/* What alignment leaves between two members: test/check/wire.sh sees to it that nothing else is
 * there. */
#define GAP(type, before, after)                                                                   \
	{                                                                                          \
		.at = offsetof(type, before) + sizeof(((type *)0)->before),                        \
		.n = offsetof(type, after) - offsetof(type, before) - sizeof(((type *)0)->before), \
		.fate = APART,                                                                     \
	}
static const struct part config_parts[] = {
	GAP(struct config, spec.precedence, spec.local),
	GAP(struct config, spec.strict_default, spec.ike),
	GAP(struct config, spec.credential.generation, spec.credential.certs),
	GAP(struct config, spec.credential.id_type, spec.credential.id),
	GAP(struct config, spec.esp_lifetime_s, spec.esp_byte_limit),
	GAP(struct config, spec.fragment_size, spec.encapsulation),
	GAP(struct config, spec.child_requests_per_minute, spec.ppk_id),
	GAP(struct config, spec.ppk_required, on_stop),
	GAP(struct config, takeover, log),
	GAP(struct config, log, log_path),
	GAP(struct config, reauth_on_reload, metrics_listen),
	GAP(struct config, metrics_listen.ip, metrics_listen.port),
	GAP(struct config, metrics_per_peer, rules),
	GAP(struct config, rules.bind_address, rules.crl_policy),
	GAP(struct config, on_expiry, identities),
	LIST(struct config, spec.protect, spec.n_protect),
	LIST(struct config, spec.bypass, spec.n_bypass),
	LIST(struct config, spec.local, spec.n_local),
	OWN(struct config, spec.ike),
	ONE(struct config, spec.n_ike),
	OWN(struct config, spec.esp),
	ONE(struct config, spec.n_esp),
	LIST(struct config, spec.credential.certs, spec.credential.n_certs),
	ONE(struct config, spec.credential.id),
	KEPT(struct config, spec.credential.leaf), /* of the certificate */
	LIST(struct config, spec.cas, spec.n_cas),
	ONE(struct config, spec.ppk_id),
	ONE(struct config, log_path),
	ONE(struct config, control_group),
	GAP(struct config, log_levels, key),
	KEPT(struct config, key),
	KEPT(struct config, ppk),
	KEPT(struct config, trust), /* built anew */
	ONE(struct config, crypto_properties),
	ONE(struct config, n_expiry_days),
	LIST(struct config, identities, n_identities),
	LIST(struct config, crl_files, n_crl_files),
};

static const struct part subnet_parts[] = {
	GAP(struct subnet_spec, protocol, port),
	GAP(struct subnet_spec, port, line),
};

static const struct part transform_parts[] = {
	GAP(struct transform, type, id),
};

static const struct part crl_file_parts[] = {
	GAP(struct crl_file, fault, seen), GAP(struct crl_file, seen, as),
	ONE(struct crl_file, path),	   ONE(struct crl_file, crls),
	KEPT(struct crl_file, seen), /* what the keyholder saw when it looked */
	KEPT(struct crl_file, as),
};

static const struct part problem_parts[] = {
	GAP(struct problem, level, file),
	ONE(struct problem, file),
	ONE(struct problem, message),
	ONE(struct problem, mend),
};

struct whole {
	const struct problems *ps;
	const struct config *c;
	struct bytes said;
};

static bool in_parts(const struct part *parts, size_t n_parts, size_t at)
{
	for (size_t i = 0; i < n_parts; i++)
		if (at >= parts[i].at && at < parts[i].at + parts[i].n)
			return true;
	return false;
}

/*
 * Each octet of object (size) is changed in turn: what comes out is
 * another thing then. This is what finds a field that nobody named.
 */
static void assert_each_octet_counts(const struct whole *w, void *object, size_t size,
				     const struct part *parts, size_t n_parts, const char *what)
{
	uint8_t *octets = object;

	for (size_t i = 0; i < size; i++) {
		if (in_parts(parts, n_parts, i))
			continue;
		octets[i] ^= 1;
		if (says_the_same(w->ps, w->c, w->said))
			fail_msg("octet %zu of %s does not go along: name its field in "
				 "config_wire.c",
				 i, what);
		octets[i] ^= 1;
	}
	for (size_t i = 0; i < n_parts; i++) {
		uint8_t kept[sizeof(struct cert_info)];

		if (parts[i].fate == APART)
			continue;
		assert_true(parts[i].n <= sizeof(kept));
		memcpy(kept, octets + parts[i].at, parts[i].n);
		memset(octets + parts[i].at, 0, parts[i].n);
		if (says_the_same(w->ps, w->c, w->said) != (parts[i].fate == STAYS))
			fail_msg("part %zu of %s", i, what);
		memcpy(octets + parts[i].at, kept, parts[i].n);
	}
}

#define N(a) (sizeof(a) / sizeof(*(a)))

static void test_each_octet_counts(void **state)
{
	struct problems ps;
	struct config c;
	struct secret said;
	struct problem *with_mend;
	struct whole w;

	(void)state;
	read_config(full, &c, &ps);
	fill(&c);
	said = put(&ps, &c);
	w = (struct whole){ .ps = &ps, .c = &c, .said = secret_view(&said) };
	assert_each_octet_counts(&w, &c, sizeof(c), config_parts, N(config_parts), "struct config");
	for (size_t i = 0; i < SPEC_PROPOSALS; i++) {
		struct proposal_spec *both[] = { &c.spec.ike[i], &c.spec.esp[i] };

		for (size_t j = 0; j < 2 * PROPOSAL_TRANSFORMS; j++)
			assert_each_octet_counts(&w, &both[j % 2]->t[j / 2],
						 sizeof(struct transform), transform_parts,
						 N(transform_parts), "struct transform");
	}
	assert_each_octet_counts(&w, &c.spec.protect[1], sizeof(struct subnet_spec), subnet_parts,
				 N(subnet_parts), "struct subnet_spec");
	assert_each_octet_counts(&w, &c.crl_files[0], sizeof(struct crl_file), crl_file_parts,
				 N(crl_file_parts), "struct crl_file");
	assert_int_equal(ps.n, 2);
	with_mend = &ps.p[ps.p[0].mend != NULL ? 0 : 1];
	assert_each_octet_counts(&w, with_mend, sizeof(struct problem), problem_parts,
				 N(problem_parts), "struct problem");
	assert_true(says_the_same(&ps, &c, secret_view(&said)));
	secret_free(&said);
	problems_free(&ps);
	config_free(&c);
}

static void assert_judges(const char *lines, time_t at, enum verdict verdict)
{
	char text[1024];
	struct problems ps, ps2;
	struct config c, c2;
	struct secret wire;
	struct bytes chain[1];
	struct peer_finding before, after;
	bool there;

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", lines);
	read_config(text, &c, &ps);
	wire = put(&ps, &c);
	assert_int_equal(wire_take_config(secret_view(&wire), &ps2, &c2, &there), 0);
	chain[0] = blob_view(&c.spec.credential.certs[0]);
	trust_check_certs(c.trust, chain, 1, BYTES_NONE, at, &before);
	trust_check_certs(c2.trust, chain, 1, BYTES_NONE, at, &after);
	assert_int_equal(before.verdict, verdict);
	assert_memory_equal(&before, &after, sizeof(before));
	secret_free(&wire);
	problems_free(&ps);
	problems_free(&ps2);
	config_free(&c);
	config_free(&c2);
}

/* The trust that is built anew judges as the one that config/ has built. */
static void test_whom_to_trust(void **state)
{
	(void)state;
	assert_judges("", TESTPKI_NOW, VERDICT_GOOD);
	assert_judges("", TESTPKI_NOW + 1000 * TESTPKI_DAY, VERDICT_EXPIRED);
	assert_judges("peer_identities: [nobody.example]\n", TESTPKI_NOW, VERDICT_NOT_ALLOWED);
	assert_judges("crls: [@REVOKING]\n", TESTPKI_NOW, VERDICT_REVOKED);
	assert_judges("crls: [@NONE]\ncrl_policy: hard\n", TESTPKI_NOW + 10 * TESTPKI_DAY,
		      VERDICT_NO_CRL);
}

static void test_only_problems(void **state)
{
	struct problems ps, ps2;
	struct config c;
	struct secret wire = { 0 };
	bool there;

	(void)state;
	assert_int_equal(pki_parse(&pki, NETS "nonsense: 1\n", &c, &ps), -EINVAL);
	assert_int_equal(wire_put_config(&ps, NULL, &wire), 0);
	assert_int_equal(wire_take_config(secret_view(&wire), &ps2, &c, &there), 0);
	assert_false(there);
	assert_int_equal(ps2.errors, ps.errors);
	assert_int_equal(ps2.n, ps.n);
	for (size_t i = 0; i < ps.n; i++) {
		char *a = problem_text(&ps.p[i]), *b = problem_text(&ps2.p[i]);

		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	secret_free(&wire);
	problems_free(&ps);
	problems_free(&ps2);
}

static void test_files_of_crls(void **state)
{
	struct crl_file files[2] = { { .path = pki_find(&pki, "REVOKING")->path },
				     { .path = (char *)"/nonexistent/list" } };
	struct crl_file *back;
	struct secret wire = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(crl_file_look(&files[0]), CRL_REPLACED);
	assert_int_equal(crl_file_look(&files[1]), CRL_BROKEN);
	assert_int_equal(wire_put_crl_files(files, 2, &wire), 0);
	assert_int_equal(wire_take_crl_files(secret_view(&wire), &back, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(back[0].path, files[0].path);
	assert_true(crls_equal(back[0].crls, files[0].crls));
	assert_false(crls_equal(back[1].crls, files[0].crls));
	assert_int_equal(back[1].fault, -ENOENT);
	for (size_t i = 0; i < n; i++)
		crl_file_wipe(&back[i]);
	free(back);
	wire.p[wire.n - 1] ^= 0xff; /* within the signature: another list, of the same length */
	assert_int_equal(wire_take_crl_files(BYTES(wire.p, wire.n - 1), &back, &n), -EBADMSG);
	assert_null(back);
	secret_free(&wire);
	crls_drop(files[0].crls);
}

/* One octet says whether a file was read: lists of one that was not are nonsense. */
static void test_lists_of_a_file_that_was_not_read(void **state)
{
	struct crl_file file = { .path = pki_find(&pki, "REVOKING")->path };
	struct secret wire = { 0 };

	(void)state;
	assert_int_equal(crl_file_look(&file), CRL_REPLACED);
	assert_int_equal(wire_put_crl_files(&file, 1, &wire), 0);
	for (size_t i = 0; i < wire.n; i++) {
		struct crl_file *back;
		size_t n;

		wire.p[i] ^= 1;
		if (wire_take_crl_files(secret_view(&wire), &back, &n) == 0) {
			for (size_t k = 0; k < n; k++)
				crl_file_wipe(&back[k]);
			free(back);
		}
		wire.p[i] ^= 1;
	}
	secret_free(&wire);
	crls_drop(file.crls);
}

/* Whatever comes is refused, or is a configuration that can be used. */
static void try_octets(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct problems ps;
	struct config c;
	bool there;

	(void)arg;
	(void)what;
	if (wire_take_config(BYTES(p, n), &ps, &c, &there) != 0) {
		assert_null(ps.p);
		assert_null(c.trust);
		return;
	}
	if (there) {
		struct secret again = { 0 };

		assert_non_null(c.trust);
		assert_int_equal(wire_put_config(&ps, &c, &again), 0);
		secret_free(&again);
	}
	config_free(&c);
	problems_free(&ps);
}

static void test_octets_of_others(void **state)
{
	struct problems ps;
	struct config c;
	struct secret wire;
	uint32_t seed = 1;

	(void)state;
	read_config(full, &c, &ps);
	wire = put(&ps, &c);
	assert_int_equal(flip_prefixes(secret_view(&wire), try_octets, NULL), wire.n);
	/* One bit of each octet; and then ones that say "very many". */
	for (size_t i = 0; i < wire.n; i++) {
		const uint8_t was = wire.p[i];

		seed = seed * 1103515245 + 12345;
		wire.p[i] ^= (uint8_t)(1u << (seed >> 16) % 8);
		flip_none(secret_view(&wire), try_octets, NULL);
		wire.p[i] = 0xff;
		flip_none(secret_view(&wire), try_octets, NULL);
		wire.p[i] = was;
	}
	secret_free(&wire);
	problems_free(&ps);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_each_octet_counts),
		cmocka_unit_test(test_whom_to_trust),
		cmocka_unit_test(test_only_problems),
		cmocka_unit_test(test_files_of_crls),
		cmocka_unit_test(test_lists_of_a_file_that_was_not_read),
		cmocka_unit_test(test_octets_of_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
