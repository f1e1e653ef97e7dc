/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom to trust. OpenSSL builds and checks the chain (RFC 5280 6); the policy is ours: any CA given
 * is an anchor even if it is not self-signed, at most seven intermediates, at least 112 bits of
 * security (so no SHA-1 but in a root's own signature), sane RSA keys, and RFC 4945's view of key
 * usages. Nothing is ever fetched.
 */
#include "crypto/trust.h"
#include "crypto/openssl_lib.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECURITY_LEVEL 2 /* 112 bits */
#define NAME_IN_TEXT 160 /* octets of a subject within a verdict's text */
#define TIME_LEN 32

/*
 * A store for each CA: two CAs of one name (an old and a new one) are then told apart by their
 * keys, which the library does not do within a store unless the certificates name the key.
 */
struct trust {
	X509_STORE **stores;
	size_t n;
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
	return calloc(1, sizeof(struct trust));
}

void trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		X509_STORE_free(t->stores[i]);
	free(t->stores);
	free(t);
}

/* NULL on no memory. */
static X509_STORE *store_new(X509 *ca)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;

	if (store == NULL || X509_STORE_add_cert(store, ca) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	param = X509_STORE_get0_param(store);
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(param, CERT_CHAIN_MAX - 1);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	return store;
}

static int add_store(struct trust *t, X509 *ca)
{
	X509_STORE **stores = realloc(t->stores, (t->n + 1) * sizeof(*stores));

	if (stores == NULL)
		return -ENOMEM;
	t->stores = stores;
	t->stores[t->n] = store_new(ca);
	if (t->stores[t->n] == NULL)
		return -ENOMEM;
	t->n++;
	return 0;
}

int trust_add_ca(struct trust *t, struct bytes der)
{
	X509 *cert = lib_cert(der);
	int r;

	if (cert == NULL)
		return -EINVAL;
	r = X509_check_ca(cert) == 1 ? add_store(t, cert) : -EPERM;
	X509_free(cert);
	ERR_clear_error();
	return r;
}

/* "2031-01-02 03:04:05 UTC" */
static const char *time_text(time_t at, char out[static TIME_LEN])
{
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(out, TIME_LEN, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(out, TIME_LEN, "(time out of range)");
	return out;
}

/* A verdict about one certificate: its subject in quotes, then what is said of it. Cut if too long.
 */
__attribute__((format(printf, 4, 5))) static enum verdict say(enum verdict v, char *text,
							      X509 *cert, const char *what, ...)
{
	char subject[NAME_IN_TEXT] = "(unknown)";
	va_list arguments;
	int n;

	if (cert != NULL)
		lib_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	n = snprintf(text, VERDICT_TEXT_LEN, "certificate \"%s\" ", subject);
	va_start(arguments, what);
	(void)vsnprintf(text + n, VERDICT_TEXT_LEN - (size_t)n, what, arguments);
	va_end(arguments);
	return v;
}

static enum verdict say_no_ca(char *text, X509 *cert)
{
	char issuer[NAME_IN_TEXT / 2] = "(unknown)";

	if (cert != NULL)
		lib_name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	return say(VERDICT_NO_TRUSTED_CA, text, cert, "is not under a trusted CA (issuer \"%s\")",
		   issuer);
}

static enum verdict say_dates(enum verdict v, char *text, X509 *cert, time_t at)
{
	char limit[TIME_LEN], now[TIME_LEN];

	if (v == VERDICT_EXPIRED)
		return say(v, text, cert, "expired on %s; it is %s",
			   time_text(lib_time(X509_get0_notAfter(cert)), limit),
			   time_text(at, now));
	return say(v, text, cert, "is not valid before %s; it is %s",
		   time_text(lib_time(X509_get0_notBefore(cert)), limit), time_text(at, now));
}

static enum verdict say_key(char *text, X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	return say(VERDICT_WEAK_KEY, text, cert,
		   "has a weak key of %d bits (RSA needs 2048 to 8192 and a sane exponent)",
		   key == NULL ? 0 : EVP_PKEY_get_bits(key));
}

/* What the library found, in our words. */
static enum verdict chain_verdict(X509_STORE_CTX *ctx, time_t at, char *text)
{
	int error = X509_STORE_CTX_get_error(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return say_dates(VERDICT_EXPIRED, text, cert, at);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return say_dates(VERDICT_NOT_YET_VALID, text, cert, at);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return say_no_ca(text, cert);
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
		return say_key(text, cert);
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_UNSPECIFIED:
		return say(VERDICT_FAILED, text, cert, "could not be checked");
	default:
		return say(VERDICT_BAD_CHAIN, text, cert, "is refused: %s",
			   X509_verify_cert_error_string(error));
	}
}

/*
 * RFC 4945 5.1.3.12: EKU absent, or any, or one for IKE. TLS's own are taken as well, since that is
 * what tools put into instance certificates.
 */
static bool eku_is_fine(X509 *leaf)
{
	static const int fine[] = { NID_anyExtendedKeyUsage, NID_ipsec_IKE, NID_ipsecEndSystem,
				    NID_ipsecTunnel,	     NID_ipsecUser, NID_server_auth,
				    NID_client_auth };
	int critical = -1;
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
	bool found = false;

	if (eku == NULL)
		return critical == -1; /* absent, and not malformed or twice */
	for (int i = 0; !found && i < sk_ASN1_OBJECT_num(eku); i++)
		for (size_t j = 0; !found && j < sizeof(fine) / sizeof(fine[0]); j++)
			found = OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == fine[j];
	sk_ASN1_OBJECT_pop_free(eku, ASN1_OBJECT_free);
	return found;
}

/* What we ask of a leaf beyond RFC 5280's path validation. */
static enum verdict check_leaf(X509 *leaf, char *text)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (key == NULL || lib_key_type(key) == KEY_NONE)
		return say(VERDICT_WRONG_KEY_TYPE, text, leaf,
			   "has a key of a type that is not supported");
	if (!lib_key_is_sane(key))
		return say_key(text, leaf);
	/* RFC 4945 5.1.3.2: KeyUsage, when there, has one of these. It is all ones when absent. */
	if ((X509_get_key_usage(leaf) &
	     (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION)) == 0)
		return say(VERDICT_BAD_CHAIN, text, leaf, "is not for signatures (keyUsage)");
	if (!eku_is_fine(leaf))
		return say(VERDICT_BAD_CHAIN, text, leaf, "is not for IKE (extendedKeyUsage)");
	return VERDICT_GOOD;
}

/* Every key of the verified chain. */
static enum verdict check_chain_keys(X509_STORE_CTX *ctx, char *text)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		EVP_PKEY *key = X509_get0_pubkey(cert);

		if (key == NULL || !lib_key_is_sane(key))
			return say_key(text, cert);
	}
	return VERDICT_GOOD;
}

/* Under one of our CAs. */
static enum verdict verify_under(X509_STORE *store, X509 *leaf, STACK_OF(X509) * others, time_t at,
				 char *text)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum verdict v = VERDICT_FAILED;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, leaf, others) != 1) {
		v = say(VERDICT_FAILED, text, leaf, "could not be checked");
		goto out;
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), at);
	v = X509_verify_cert(ctx) == 1 ? check_chain_keys(ctx, text) : chain_verdict(ctx, at, text);
out:
	X509_STORE_CTX_free(ctx);
	return v;
}

/* How near a chain came: of several CAs, the one that it nearly verified under is to be told. */
static int nearness(enum verdict v)
{
	switch (v) {
	case VERDICT_GOOD:
		return 4;
	case VERDICT_EXPIRED:
	case VERDICT_NOT_YET_VALID:
		return 3;
	case VERDICT_NO_TRUSTED_CA:
		return 1;
	default:
		return 2;
	}
}

static enum verdict verify_chain(const struct trust *t, X509 *leaf, STACK_OF(X509) * others,
				 time_t at, char *text)
{
	enum verdict best = say_no_ca(text, leaf);

	for (size_t i = 0; i < t->n && best != VERDICT_GOOD; i++) {
		char why[VERDICT_TEXT_LEN] = "";
		enum verdict v = verify_under(t->stores[i], leaf, others, at, why);

		if (nearness(v) > nearness(best) || i == 0) {
			best = v;
			memcpy(text, why, sizeof(why));
		}
	}
	return best;
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
				size_t n_certs, time_t at, char *text)
{
	STACK_OF(X509) * others;
	enum verdict v;

	if (n_certs > CERT_CHAIN_MAX)
		return say(VERDICT_BAD_CHAIN, text, leaf, "came with too many others");
	v = check_leaf(leaf, text);
	if (v != VERDICT_GOOD)
		return v;
	others = load_others(certs, n_certs);
	v = verify_chain(t, leaf, others, at, text);
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
	enum verdict v;

	if (leaf == NULL)
		return VERDICT_MALFORMED;
	v = check_chain(t, leaf, certs, n_certs, at, text);
	X509_free(leaf);
	return v;
}

static struct bytes string_view(const ASN1_STRING *s)
{
	return BYTES(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static bool same_ignoring_case(struct bytes a, struct bytes b)
{
	return a.n == b.n && strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

/* Neither empty, nor with a NUL, nor (a star) a pattern: T36, RFC 4945 3.1.2. */
static bool is_plain_name(struct bytes name)
{
	return name.n > 0 && memchr(name.p, 0, name.n) == NULL &&
	       memchr(name.p, '*', name.n) == NULL;
}

static bool dns_matches(struct bytes in_cert, struct bytes id)
{
	return is_plain_name(in_cert) && same_ignoring_case(in_cert, id);
}

/* RFC 5280 7.5: the mailbox by octets, the host without regard to case. */
static bool mailbox_matches(struct bytes in_cert, struct bytes id)
{
	const uint8_t *at;
	size_t local;

	if (!is_plain_name(in_cert) || in_cert.n != id.n)
		return false;
	at = memrchr(in_cert.p, '@', in_cert.n);
	if (at == NULL)
		return false;
	local = (size_t)(at - in_cert.p) + 1;
	return bytes_equal(BYTES(in_cert.p, local), BYTES(id.p, local)) &&
	       same_ignoring_case(BYTES(in_cert.p + local, in_cert.n - local),
				  BYTES(id.p + local, id.n - local));
}

static bool general_name_matches(const GENERAL_NAME *name, uint8_t id_type, struct bytes id)
{
	switch (id_type) {
	case ID_FQDN:
		return name->type == GEN_DNS && dns_matches(string_view(name->d.dNSName), id);
	case ID_RFC822_ADDR:
		return name->type == GEN_EMAIL &&
		       mailbox_matches(string_view(name->d.rfc822Name), id);
	case ID_IPV4_ADDR:
		return name->type == GEN_IPADD && id.n == 4 &&
		       bytes_equal(string_view(name->d.iPAddress), id);
	case ID_IPV6_ADDR:
		return name->type == GEN_IPADD && id.n == 16 &&
		       bytes_equal(string_view(name->d.iPAddress), id);
	default:
		return false;
	}
}

static bool subject_matches(X509 *cert, struct bytes id)
{
	X509_NAME *name = lib_name(id);
	/* The empty name says nothing, so it proves nothing. */
	bool equal = name != NULL && X509_NAME_entry_count(name) > 0 &&
		     lib_name_equal(name, X509_get_subject_name(cert));

	X509_NAME_free(name);
	return equal;
}

static bool id_matches(X509 *cert, uint8_t id_type, struct bytes id)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (id_type == ID_DER_ASN1_DN)
		return subject_matches(cert, id);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = general_name_matches(sk_GENERAL_NAME_value(names, i), id_type, id);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

bool trust_id_matches(struct bytes leaf, uint8_t id_type, struct bytes id)
{
	X509 *cert = lib_cert(leaf);
	bool matches = cert != NULL && id_matches(cert, id_type, id);

	X509_free(cert);
	return matches;
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

/* An identity as a person reads it. */
static void id_text(uint8_t id_type, struct bytes id, char *out, size_t out_size)
{
	out[0] = '\0';
	if (id_type == ID_DER_ASN1_DN)
		dn_to_text(id, out, out_size);
	else if (id_type == ID_IPV4_ADDR && id.n == 4)
		(void)inet_ntop(AF_INET, id.p, out, (socklen_t)out_size);
	else if (id_type == ID_IPV6_ADDR && id.n == 16)
		(void)inet_ntop(AF_INET6, id.p, out, (socklen_t)out_size);
	else
		lib_text_append(out, out_size, id, "\\\"");
}

static enum verdict say_id(char *text, X509 *leaf, uint8_t id_type, struct bytes id)
{
	char name[NAME_IN_TEXT / 2];

	id_text(id_type, id, name, sizeof(name));
	return say(VERDICT_ID_MISMATCH, text, leaf, "does not hold the identity \"%s\" (type %u)",
		   name, id_type);
}

static enum verdict check_signature(X509 *leaf, const struct peer_proof *proof, char *text)
{
	const struct sig_scheme *scheme = proof->scheme;
	enum verdict v = lib_verify(X509_get0_pubkey(leaf), scheme, proof->tbs, proof->signature);

	if (v == VERDICT_GOOD)
		return v;
	return say(v, text, leaf, "did not make the signature (%s, %s)", verdict_name(v),
		   scheme == NULL ? "unknown method" : scheme->name);
}

enum verdict trust_check_peer(const struct trust *t, const struct peer_proof *proof, time_t at,
			      struct cert_info *leaf_info, char *text)
{
	X509 *leaf = load_leaf(proof->certs, proof->n_certs, text);
	enum verdict v;

	*leaf_info = (struct cert_info){ 0 };
	if (leaf == NULL)
		return VERDICT_MALFORMED;
	lib_cert_info(leaf, leaf_info);
	v = check_chain(t, leaf, proof->certs, proof->n_certs, at, text);
	if (v == VERDICT_GOOD && !id_matches(leaf, proof->id_type, proof->id))
		v = say_id(text, leaf, proof->id_type, proof->id);
	if (v == VERDICT_GOOD)
		v = check_signature(leaf, proof, text);
	X509_free(leaf);
	return v;
}
