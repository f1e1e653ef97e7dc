/* SPDX-License-Identifier: Apache-2.0 */
/* instance_certificate, instance_private_key and ca_certificates, and whether they fit. */
#include "config/certs.h"
#include "config/key_uri.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct material {
	struct reading *r;
	struct certs own; /* as they stand in instance_certificate */
	struct certs cas;
	struct sign_key *key;
	struct place key_at;
	char *key_file; /* what key_at.file borrows from */
};

static const struct key_row *row_of(const char *name)
{
	return schema_find(name);
}

/* --- the key ------------------------------------------------------------------------------- */

static bool is_key(const struct block *b)
{
	return strstr(b->label, "PRIVATE KEY") != NULL;
}

/* The first private key, or the last block of another kind. */
static struct block find_key(const struct source *s)
{
	struct block_cursor cursor = { 0 };
	struct block b = { 0 };

	while (block_next(secret_view(&s->content), &cursor, &b))
		if (is_key(&b))
			break;
	return b;
}

static void key_error(struct reading *r, const struct source *s, struct place at, int error)
{
	const char *file = source_name(r, s);

	if (error == -ENOMEM)
		r->report.no_memory = true;
	else if (error == -EACCES)
		report_add(
			&r->report, PROBLEM_ERROR, at, NULL,
			"instance_private_key has a pass phrase, and nobody is there to type it: "
			"openssl pkey -in %s -out KEY.pem writes it without",
			s->path ? file : "OLD.pem");
	else
		report_add(&r->report, PROBLEM_ERROR, at, NULL,
			   "instance_private_key is not a private key: its content is damaged, or "
			   "of a "
			   "kind that is not supported");
}

static void check_mode(struct reading *r, const struct source *s)
{
	struct place at = node_place(s->node);

	if (s->mode & 077)
		report_add(&r->report, PROBLEM_WARNING, at, NULL,
			   "%s holds the private key and is open to others than its owner (mode "
			   "%04o): chmod 600 %s",
			   source_name(r, s), (unsigned)s->mode, source_name(r, s));
}

static void read_key(struct material *m, const struct node *node)
{
	struct reading *r = m->r;
	struct source s;
	struct block b;
	int e;

	if (node->kind == NODE_SCALAR && key_uri_is(node->text)) {
		m->key_at = node_place(node);
		m->key = key_uri_read(r, node);
		return;
	}
	if (!source_open(r, row_of("instance_private_key"), node, &s))
		return;
	check_mode(r, &s);
	b = find_key(&s);
	m->key_at = source_place(r, &s, b.line, 1);
	if (!is_key(&b)) {
		report_add(&r->report, PROBLEM_ERROR, m->key_at, NULL,
			   "instance_private_key: a PRIVATE KEY was expected, not %s", b.label);
	} else if (!strncmp(b.label, "EXAMPLE", 7)) {
		report_add(&r->report, PROBLEM_ERROR, m->key_at, NULL,
			   "instance_private_key is the example of the guide, not a key");
	} else if (!source_block_broken(r, &s, &b)) {
		e = sign_key_from_pem(b.text, &m->key);
		if (e)
			key_error(r, &s, m->key_at, e);
	}
	m->key_file = s.path;
	s.path = NULL;
	source_close(&s);
}

/* --- the certificate and what goes with it ------------------------------------------------- */

static void read_own(struct material *m, const struct node *node)
{
	const struct key_row *row = row_of("instance_certificate");
	struct source s;

	if (!source_open(m->r, row, node, &s))
		return;
	(void)certs_read(m->r, row, &s, &m->own);
	source_close(&s);
}

/* The certificate of our key; of several (a renewed one) that which lasts longest. */
static struct cert *find_leaf(struct material *m)
{
	struct cert *leaf = NULL;

	for (size_t i = 0; m->key && i < m->own.n; i++) {
		struct cert *c = &m->own.p[i];

		if (!sign_key_matches(m->key, blob_view(&c->der)))
			continue;
		if (!leaf || c->info.not_after > leaf->info.not_after)
			leaf = c;
	}
	return leaf;
}

static void say_mismatch(struct material *m)
{
	report_add(
		&m->r->report, PROBLEM_ERROR, m->key_at, NULL,
		"instance_private_key (%u bits) is not the key of \"%s\" in instance_certificate: "
		"both must come from one request",
		sign_key_bits(m->key), m->own.p[0].info.subject);
}

static bool is_root(const struct cert *c)
{
	return !strcmp(c->info.subject, c->info.issuer);
}

/* Moves the certificate's octets to the end of the chain. */
static void chain_add(struct credential_spec *to, struct cert *c)
{
	to->certs[to->n_certs++] = c->der;
	c->der = (struct blob){ 0 };
}

static struct cert *issuer_of(struct certs *list, const struct cert *c)
{
	for (size_t i = 0; i < list->n; i++) {
		struct cert *other = &list->p[i];

		if (other->der.n && other != c && !strcmp(other->info.subject, c->info.issuer))
			return other;
	}
	return NULL;
}

/* From the leaf up. A root is not sent (RFC 7296 3.6 lets it go): whoever believes it has it. */
static void build_chain(struct material *m, struct cert *leaf)
{
	struct credential_spec *to = &m->r->out->spec.credential;
	struct cert *c = leaf;

	while (c && to->n_certs < CERT_CHAIN_MAX && (c == leaf || !is_root(c))) {
		struct cert *next = is_root(c) ? NULL : issuer_of(&m->own, c);

		chain_add(to, c);
		c = next;
	}
	for (size_t i = 0; i < m->own.n; i++) {
		struct cert *left = &m->own.p[i];

		if (left->der.n && !is_root(left))
			report_add(&m->r->report, PROBLEM_WARNING, left->at, NULL,
				   "\"%s\" is no part of the chain of \"%s\" and is left out",
				   left->info.subject, leaf->info.subject);
	}
}

static void set_identity(struct material *m, const struct cert *leaf)
{
	static const uint8_t empty_name[] = { 0x30, 0x00 };
	struct credential_spec *to = &m->r->out->spec.credential;
	int e = cert_subject_der(blob_view(&to->certs[0]), &to->id);

	if (e)
		m->r->report.no_memory |= e == -ENOMEM;
	else if (bytes_equal(blob_view(&to->id), BYTES(empty_name, sizeof(empty_name))))
		report_add(&m->r->report, PROBLEM_ERROR, leaf->at, NULL,
			   "instance_certificate has no subject: peers could not tell who we are");
	to->generation = 1;
	to->id_type = ID_DER_ASN1_DN;
	to->key = leaf->info.key;
	to->key_bits = leaf->info.key_bits;
	to->leaf = leaf->info;
}

/* --- the CAs ------------------------------------------------------------------------------- */

/* A certificate or the path of one, if not a good one. Of other words enough is said once. */
static bool may_be_ca(const char *text)
{
	return strstr(text, "-----") || strpbrk(text, "/.(");
}

static void not_a_list(struct material *m, const struct node *node)
{
	static const char mend[] = "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----\n  ...\n"
				   "  -----END CERTIFICATE-----";
	char said[SHOWN_LEN];
	char *path_mend = NULL;

	if (may_be_ca(node->text) && !strstr(node->text, "-----") && strlen(node->text) < SHOWN_LEN)
		path_mend = report_text(&m->r->report, "ca_certificates:\n- %s",
					shown(node->text, said));
	report_add(&m->r->report, PROBLEM_ERROR, node_place(node), path_mend ? path_mend : mend,
		   "ca_certificates: a list was expected, each certificate behind a dash, also if "
		   "there is only one");
	free(path_mend);
}

static void read_ca(struct material *m, const struct node *node)
{
	const struct key_row *row = row_of("ca_certificates");
	struct source s;

	if (!source_open(m->r, row, node, &s))
		return;
	(void)certs_read(m->r, row, &s, &m->cas);
	source_close(&s);
}

static void read_cas(struct material *m, const struct node *node)
{
	bool one = node->kind == NODE_SCALAR && !node_is_null(node);

	if (one) {
		not_a_list(m, node);
		if (may_be_ca(node->text))
			read_ca(m, node);
	} else if (node->kind != NODE_LIST || !node->n) {
		expected(m->r, row_of("ca_certificates"), node);
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->n; i++)
		read_ca(m, node->items[i]);
}

static bool is_repeated(const struct certs *list, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (bytes_equal(blob_view(&list->p[i].der), blob_view(&list->p[j].der)))
			return true;
	return false;
}

static void check_ca_end(struct material *m, const struct cert *c)
{
	char when[TIME_TEXT_LEN];

	if (c->info.not_after < m->r->now)
		report_add(
			&m->r->report, PROBLEM_WARNING, c->at, NULL,
			"CA certificate \"%s\" expired on %s; peers will refuse what is under it",
			c->info.subject, time_text(c->info.not_after, when));
}

static void trust_ca(struct material *m, struct cert *c)
{
	struct spec *spec = &m->r->out->spec;
	int e = trust_add_ca(m->r->out->trust, blob_view(&c->der));

	check_ca_end(m, c);
	cert_check(m->r, c, "CA certificate");
	if (e == -ENOMEM)
		m->r->report.no_memory = true;
	else if (e || !c->info.is_ca)
		report_add(
			&m->r->report, PROBLEM_ERROR, c->at, NULL,
			"\"%s\" is not a CA (basicConstraints CA:TRUE is missing): it cannot vouch "
			"for others",
			c->info.subject);
	if (e || !c->info.is_ca)
		return;
	spec->cas[spec->n_cas++] = (struct ca_spec){ .der = c->der, .info = c->info };
	c->der = (struct blob){ 0 };
}

static void build_trust(struct material *m)
{
	struct config *out = m->r->out;

	out->trust = trust_new();
	out->spec.cas = calloc(m->cas.n ? m->cas.n : 1, sizeof(*out->spec.cas));
	if (!out->trust || !out->spec.cas) {
		m->r->report.no_memory = true;
		return;
	}
	for (size_t i = m->cas.n; i-- > 0;)
		if (is_repeated(&m->cas, i)) {
			report_add(&m->r->report, PROBLEM_NOTICE, m->cas.p[i].at, NULL,
				   "the CA \"%s\" stands in ca_certificates twice",
				   m->cas.p[i].info.subject);
			blob_free(&m->cas.p[i].der);
		}
	for (size_t i = 0; i < m->cas.n; i++)
		if (m->cas.p[i].der.n)
			trust_ca(m, &m->cas.p[i]);
}

/* --- together ------------------------------------------------------------------------------ */

/* The leaf's own dates were told: a time at which they hold. */
static time_t time_of(const struct material *m, const struct cert *leaf)
{
	time_t at = m->r->now;

	if (at > leaf->info.not_after)
		at = leaf->info.not_after;
	return at < leaf->info.not_before ? leaf->info.not_before : at;
}

/*
 * What nobody who has the same configuration would take is an error: loaded on all hosts of a fleet
 * at once, such a file would have every one of them refuse every other. Dates of the others in the
 * chain stay a warning, as somebody else has to mend them.
 */
static enum problem_level level_of(enum verdict v)
{
	switch (v) {
	case VERDICT_EXPIRED:
	case VERDICT_NOT_YET_VALID:
	case VERDICT_NOT_ALLOWED:
		return PROBLEM_WARNING;
	case VERDICT_REVOKED:
	case VERDICT_NO_CRL:
		return PROBLEM_FAULT;
	default:
		return PROBLEM_ERROR;
	}
}

/* Would a peer with our CAs believe us? */
static void check_chain(struct material *m, const struct cert *leaf)
{
	const struct credential_spec *c = &m->r->out->spec.credential;
	struct bytes certs[CERT_CHAIN_MAX];
	struct peer_finding f;

	for (size_t i = 0; i < c->n_certs; i++)
		certs[i] = blob_view(&c->certs[i]);
	trust_check_certs(m->r->out->trust, certs, c->n_certs, BYTES_NONE, time_of(m, leaf), &f);
	if (f.verdict == VERDICT_NOT_ALLOWED)
		report_add(&m->r->report, PROBLEM_WARNING, leaf->at, NULL,
			   "instance_certificate matches none of peer_identities: peers that have "
			   "the same will refuse it");
	else if (f.verdict != VERDICT_GOOD)
		report_add(&m->r->report, level_of(f.verdict), leaf->at, NULL,
			   "instance_certificate does not verify under ca_certificates, and peers "
			   "with the same CAs will refuse it: %s: %s",
			   verdict_name(f.verdict), f.text);
	else if (f.warning[0] != '\0')
		report_add(&m->r->report, PROBLEM_WARNING, leaf->at, NULL, "%s%s",
			   f.excused ? "instance_certificate does not verify under "
				       "ca_certificates; a peer that shows it is "
				     : "instance_certificate: ",
			   f.warning);
}

/* Nothing new is signed with it from then on; what runs goes on, or not: key on_expiry. */
static void check_own_dates(struct material *m, const struct cert *leaf)
{
	char when[TIME_TEXT_LEN];

	if (leaf->info.not_after < m->r->now)
		report_add(&m->r->report, PROBLEM_FAULT, leaf->at, NULL,
			   "instance_certificate \"%s\" expired on %s, and nothing new is "
			   "negotiated with it: put a new one there, and run: ikectl reload",
			   leaf->info.subject, time_text(leaf->info.not_after, when));
}

#define YEAR ((time_t)365 * 86400)

/* A clock that is wrong judges every certificate wrongly: better said than guessed at. */
static void check_clock(struct material *m, const struct cert *leaf)
{
	static const time_t built = IKEMESH_BUILD_TIME;
	char now[TIME_TEXT_LEN], then[TIME_TEXT_LEN];

	if (m->r->now < built)
		report_add(&m->r->report, PROBLEM_WARNING, leaf->at, NULL,
			   "this host's clock must be wrong: it says %s, and this program was "
			   "built on %s; certificates are judged by it",
			   time_text(m->r->now, now), time_text(built, then));
	else if (leaf->info.not_before > m->r->now + 2 * YEAR)
		report_add(&m->r->report, PROBLEM_WARNING, leaf->at, NULL,
			   "this host's clock must be wrong: it says %s, years before "
			   "instance_certificate begins (%s)",
			   time_text(m->r->now, now), time_text(leaf->info.not_before, then));
}

static void fit_together(struct material *m)
{
	struct cert *leaf = find_leaf(m);
	size_t errors;

	if (!m->own.n)
		return;
	if (m->key && !leaf)
		say_mismatch(m);
	if (!leaf)
		leaf = &m->own.p[0]; /* there is an error: only to find more of them */
	check_clock(m, leaf);
	errors = m->r->report.ps->errors;
	check_own_dates(m, leaf);
	cert_check(m->r, leaf, "instance_certificate");
	build_chain(m, leaf);
	set_identity(m, leaf);
	if (m->r->out->trust &&
	    trust_add_own(m->r->out->trust, blob_view(&m->r->out->spec.credential.certs[0])) ==
		    -ENOMEM)
		m->r->report.no_memory = true;
	/* A key that nobody takes was told. */
	if (m->r->out->trust && m->r->out->spec.n_cas && errors == m->r->report.ps->errors)
		check_chain(m, leaf);
}

void read_credentials(struct reading *r, const struct node *certificate, const struct node *key,
		      const struct node *cas, const struct node *settings)
{
	struct material m = { .r = r };

	if (key)
		read_key(&m, key);
	if (certificate)
		read_own(&m, certificate);
	if (cas)
		read_cas(&m, cas);
	build_trust(&m);
	read_peer_rules(r, settings);
	if (!r->report.no_memory)
		fit_together(&m);
	r->out->key = m.key;
	certs_free(&m.own);
	certs_free(&m.cas);
	free(m.key_file);
}
