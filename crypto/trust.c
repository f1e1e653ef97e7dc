/* SPDX-License-Identifier: Apache-2.0 */
/* Whom to trust: the set, and all that is asked of a peer in order. */
#include "crypto/openssl_chain.h"
#include "crypto/pattern.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a trust set has in common with those made of it. A store for each CA: two CAs of one name
 * (an old and a new one) are then told apart by their keys, which the library does not do within a
 * store unless the certificates name the key.
 */
struct core {
	atomic_uint users;
	X509_STORE **anchors;
	size_t n_anchors;
	struct pattern **patterns;
	size_t n_patterns;
	X509 **own;
	size_t n_own;
	struct trust_rules rules;
};

struct trust {
	struct core *core;
	struct crls *crls;   /* NULL: revocation is not looked at */
	struct known *known; /* chains found good; not part of what is decided */
};

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
		[VERDICT_GOOD] = "good",
		[VERDICT_MALFORMED] = "malformed certificate",
		[VERDICT_NO_TRUSTED_CA] = "no trusted CA",
		[VERDICT_EXPIRED] = "certificate expired",
		[VERDICT_NOT_YET_VALID] = "certificate not yet valid",
		[VERDICT_BAD_CHAIN] = "bad certificate chain",
		[VERDICT_WEAK_KEY] = "weak key",
		[VERDICT_ID_MISMATCH] = "identity not in certificate",
		[VERDICT_REVOKED] = "certificate revoked",
		[VERDICT_NO_CRL] = "revocation unknown",
		[VERDICT_NOT_ALLOWED] = "not among peer_identities",
		[VERDICT_WRONG_ADDRESS] = "address not in certificate",
		[VERDICT_BAD_SIGNATURE] = "bad signature",
		[VERDICT_WRONG_KEY_TYPE] = "signature method does not fit the key",
		[VERDICT_FAILED] = "internal failure",
	};

	if ((size_t)v >= sizeof(names) / sizeof(names[0]))
		return "unknown verdict";
	return names[v];
}

struct trust *trust_new(void)
{
	struct trust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->core = calloc(1, sizeof(*t->core));
	t->known = lib_known_new();
	if (t->core != NULL && t->known != NULL) {
		atomic_init(&t->core->users, 1);
		return t;
	}
	free(t->core);
	lib_known_free(t->known);
	free(t);
	return NULL;
}

static void core_drop(struct core *c)
{
	if (atomic_fetch_sub(&c->users, 1) != 1)
		return;
	for (size_t i = 0; i < c->n_anchors; i++)
		X509_STORE_free(c->anchors[i]);
	for (size_t i = 0; i < c->n_patterns; i++)
		pattern_free(c->patterns[i]);
	for (size_t i = 0; i < c->n_own; i++)
		X509_free(c->own[i]);
	free(c->anchors);
	free(c->patterns);
	free(c->own);
	free(c);
}

void trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	core_drop(t->core);
	crls_drop(t->crls);
	lib_known_free(t->known);
	free(t);
}

struct trust *trust_with_crls(const struct trust *t, struct crls *crls)
{
	struct trust *other = calloc(1, sizeof(*other));

	if (other != NULL)
		other->known = lib_known_new();
	if (other == NULL || other->known == NULL) {
		free(other);
		return NULL;
	}
	other->core = t->core;
	atomic_fetch_add(&t->core->users, 1);
	other->crls = crls_keep(crls);
	return other;
}

void trust_set_crls(struct trust *t, struct crls *crls)
{
	crls_keep(crls);
	crls_drop(t->crls);
	t->crls = crls;
	lib_known_forget(t->known);
}

void trust_set_rules(struct trust *t, const struct trust_rules *rules)
{
	t->core->rules = *rules;
	lib_known_forget(t->known);
}

/* Room for one more. */
static void *grown(void *list, size_t n)
{
	return reallocarray(list, n + 1, sizeof(void *));
}

static int add_anchor(struct core *c, X509 *ca)
{
	X509_STORE **anchors = grown(c->anchors, c->n_anchors);

	if (anchors == NULL)
		return -ENOMEM;
	c->anchors = anchors;
	anchors[c->n_anchors] = lib_anchor_new(ca);
	if (anchors[c->n_anchors] == NULL)
		return -ENOMEM;
	c->n_anchors++;
	return 0;
}

int trust_add_ca(struct trust *t, struct bytes der)
{
	X509 *cert = lib_cert(der);
	int r;

	if (cert == NULL)
		return -EINVAL;
	r = X509_check_ca(cert) == 1 ? add_anchor(t->core, cert) : -EPERM;
	X509_free(cert);
	ERR_clear_error();
	return r;
}

int trust_add_own(struct trust *t, struct bytes der)
{
	X509 *cert = lib_cert(der), **own;

	if (cert == NULL)
		return -EINVAL;
	own = grown(t->core->own, t->core->n_own);
	if (own == NULL) {
		X509_free(cert);
		return -ENOMEM;
	}
	t->core->own = own;
	own[t->core->n_own++] = cert;
	return 0;
}

int trust_add_pattern(struct trust *t, struct pattern *p)
{
	struct pattern **patterns = grown(t->core->patterns, t->core->n_patterns);

	if (patterns == NULL) {
		pattern_free(p);
		return -ENOMEM;
	}
	t->core->patterns = patterns;
	patterns[t->core->n_patterns++] = p;
	return 0;
}

enum verdict trust_check_own(const struct trust *t, time_t at, char *text)
{
	char when[LIB_TIME_LEN], now[LIB_TIME_LEN];

	text[0] = '\0';
	for (size_t i = 0; i < t->core->n_own; i++) {
		const time_t until = lib_time(X509_get0_notAfter(t->core->own[i]));

		if (at <= until)
			continue;
		(void)snprintf(text, VERDICT_TEXT_LEN,
			       "our own certificate expired on %s (it is %s): put a new one into "
			       "instance_certificate, and run: ikectl reload",
			       lib_time_text(until, when), lib_time_text(at, now));
		return VERDICT_EXPIRED;
	}
	return VERDICT_GOOD;
}

/* The certificates behind the leaf. One that cannot be read is left out: it may not be needed. */
static STACK_OF(X509) * load_others(const struct bytes *certs, size_t n_certs)
{
	STACK_OF(X509) *others = sk_X509_new_null();

	for (size_t i = 1; others != NULL && i < n_certs; i++) {
		X509 *cert = lib_cert(certs[i]);

		if (cert != NULL && sk_X509_push(others, cert) <= 0)
			X509_free(cert);
	}
	return others;
}

/* The chain, its leaf being taken apart already. */
static enum verdict check_chain(const struct trust *t, X509 *leaf, const struct bytes *certs,
				size_t n_certs, time_t at, char *text, char *warning,
				struct lib_span *span)
{
	const struct chain_rules rules = {
		.anchors = t->core->anchors,
		.n_anchors = t->core->n_anchors,
		.crls = t->crls,
		.crl_policy = t->core->rules.crl_policy,
		.at = at,
	};
	STACK_OF(X509) * others;
	enum verdict v;

	warning[0] = '\0';
	if (n_certs > CERT_CHAIN_MAX)
		return lib_say(VERDICT_BAD_CHAIN, text, leaf, "came with too many others");
	v = lib_leaf_check(leaf, text);
	if (v != VERDICT_GOOD)
		return v;
	others = load_others(certs, n_certs);
	v = lib_chain_check(&rules, leaf, others, text, warning, span);
	sk_X509_pop_free(others, X509_free);
	ERR_clear_error();
	return v;
}

/* certs[0] taken apart, the caller's to free; or NULL, and text says why. */
static X509 *load_leaf(const struct bytes *certs, size_t n_certs, char *text)
{
	X509 *leaf = n_certs == 0 ? NULL : lib_cert(certs[0]);

	text[0] = '\0';
	if (n_certs == 0)
		(void)snprintf(text, VERDICT_TEXT_LEN, "no certificate was given");
	else if (leaf == NULL)
		(void)snprintf(text, VERDICT_TEXT_LEN,
			       "not a certificate (%zu octets of something else)", certs[0].n);
	return leaf;
}

enum verdict trust_check_chain(const struct trust *t, const struct bytes *certs, size_t n_certs,
			       time_t at, char *text)
{
	X509 *leaf = load_leaf(certs, n_certs, text);
	char warning[VERDICT_TEXT_LEN];
	enum verdict v;

	if (leaf == NULL)
		return VERDICT_MALFORMED;
	v = check_chain(t, leaf, certs, n_certs, at, text, warning, NULL);
	X509_free(leaf);
	return v;
}

enum verdict trust_check_signature(struct bytes leaf, const struct sig_scheme *scheme,
				   struct bytes tbs, struct bytes signature)
{
	X509 *cert = lib_cert(leaf);
	EVP_PKEY *key = cert == NULL ? NULL : X509_get0_pubkey(cert);
	enum verdict v = VERDICT_MALFORMED;

	if (key != NULL)
		v = lib_verify(key, scheme, tbs, signature);
	else if (cert != NULL)
		v = VERDICT_WRONG_KEY_TYPE;
	X509_free(cert);
	ERR_clear_error();
	return v;
}

static bool is_own(const struct trust *t, X509 *leaf)
{
	for (size_t i = 0; i < t->core->n_own; i++)
		if (X509_cmp(t->core->own[i], leaf) == 0)
			return true;
	return false;
}

/* What another certificate of the chain, or the want of one, did to the leaf. */
static bool is_about_cas(enum verdict v)
{
	return v == VERDICT_NO_TRUSTED_CA || v == VERDICT_BAD_CHAIN || v == VERDICT_WEAK_KEY ||
	       v == VERDICT_EXPIRED || v == VERDICT_NOT_YET_VALID;
}

/* See trust_add_own(). */
static void excuse(const struct trust *t, X509 *leaf, time_t at, struct peer_finding *out)
{
	char text[VERDICT_TEXT_LEN], why[VERDICT_TEXT_LEN];

	out->pinned = is_own(t, leaf);
	if (!out->pinned || t->core->rules.strict_ca || !is_about_cas(out->verdict) ||
	    lib_leaf_check(leaf, text) != VERDICT_GOOD ||
	    lib_dates_check(leaf, at, text) != VERDICT_GOOD)
		return;
	memcpy(why, out->text, sizeof(why));
	(void)snprintf(out->warning, sizeof(out->warning),
		       "believed only since its certificate is our own: %s: %s",
		       verdict_name(out->verdict), why);
	out->text[0] = '\0';
	out->excused = true;
	out->verdict = VERDICT_GOOD;
}

static enum verdict check_patterns(const struct trust *t, X509 *leaf, char *text)
{
	for (size_t i = 0; i < t->core->n_patterns; i++)
		if (lib_pattern_matches(t->core->patterns[i], leaf))
			return VERDICT_GOOD;
	if (t->core->n_patterns == 0)
		return VERDICT_GOOD;
	return lib_say(VERDICT_NOT_ALLOWED, text, leaf, "matches none of peer_identities");
}

static enum verdict check_address(const struct trust *t, X509 *leaf, struct bytes address,
				  char *text)
{
	char name[64];

	if (!t->core->rules.bind_address || address.n == 0 || lib_has_address(leaf, address))
		return VERDICT_GOOD;
	lib_id_text(address.n == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, address, name, sizeof(name));
	return lib_say(VERDICT_WRONG_ADDRESS, text, leaf, "has no iPAddress %s", name);
}

/* The chain was not known to be good. */
static X509 *judge_chain(const struct trust *t, const struct bytes *certs, size_t n_certs,
			 const uint8_t *key, time_t at, struct peer_finding *out)
{
	X509 *leaf = load_leaf(certs, n_certs, out->text);
	struct lib_span span = { 0 };

	if (leaf == NULL)
		return NULL;
	lib_cert_info(leaf, &out->leaf);
	out->verdict = check_chain(t, leaf, certs, n_certs, at, out->text, out->warning, &span);
	if (out->verdict == VERDICT_GOOD && key != NULL && at >= span.from && at < span.until)
		lib_known_add(t->known, key, leaf, &out->leaf, span);
	excuse(t, leaf, at, out);
	return leaf;
}

/* All that does not need the peer's word. The leaf is the caller's to free; NULL: it is none. */
static X509 *check_certs(const struct trust *t, const struct bytes *certs, size_t n_certs,
			 struct bytes address, time_t at, struct peer_finding *out)
{
	uint8_t key[LIB_KNOWN_KEY];
	const bool named = lib_known_key(certs, n_certs, key);
	X509 *leaf = named ? lib_known_find(t->known, key, at, &out->leaf) : NULL;

	if (leaf != NULL) {
		out->verdict = VERDICT_GOOD;
		out->pinned = is_own(t, leaf);
	} else {
		leaf = judge_chain(t, certs, n_certs, named ? key : NULL, at, out);
	}
	if (out->verdict == VERDICT_GOOD)
		out->verdict = check_patterns(t, leaf, out->text);
	if (out->verdict == VERDICT_GOOD)
		out->verdict = check_address(t, leaf, address, out->text);
	return leaf;
}

enum verdict trust_check_certs(const struct trust *t, const struct bytes *certs, size_t n_certs,
			       struct bytes address, time_t at, struct peer_finding *out)
{
	*out = (struct peer_finding){ .verdict = VERDICT_MALFORMED };
	X509_free(check_certs(t, certs, n_certs, address, at, out));
	return out->verdict;
}

struct known_tally trust_known(const struct trust *t)
{
	return lib_known_tally(t->known);
}

static enum verdict say_id(char *text, X509 *leaf, uint8_t id_type, struct bytes id)
{
	char name[80];

	lib_id_text(id_type, id, name, sizeof(name));
	return lib_say(VERDICT_ID_MISMATCH, text, leaf,
		       "does not hold the identity \"%s\" (type %u)", name, id_type);
}

static enum verdict check_signature(X509 *leaf, const struct peer_proof *proof, char *text)
{
	const struct sig_scheme *scheme = proof->scheme;
	enum verdict v = lib_verify(X509_get0_pubkey(leaf), scheme, proof->tbs, proof->signature);

	if (v == VERDICT_GOOD)
		return v;
	return lib_say(v, text, leaf, "did not make the signature (%s, %s)", verdict_name(v),
		       scheme == NULL ? "unknown method" : scheme->name);
}

enum verdict trust_check_peer(const struct trust *t, const struct peer_proof *proof, time_t at,
			      struct peer_finding *out)
{
	X509 *leaf;

	*out = (struct peer_finding){ .verdict = VERDICT_MALFORMED };
	leaf = check_certs(t, proof->certs, proof->n_certs, proof->address, at, out);
	if (out->verdict == VERDICT_GOOD && !lib_id_matches(leaf, proof->id_type, proof->id))
		out->verdict = say_id(out->text, leaf, proof->id_type, proof->id);
	if (out->verdict == VERDICT_GOOD)
		out->verdict = check_signature(leaf, proof, out->text);
	X509_free(leaf);
	return out->verdict;
}
