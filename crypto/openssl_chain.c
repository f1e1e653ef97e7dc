/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains. OpenSSL builds and checks them (RFC 5280 6); the policy is ours: any CA given is an
 * anchor even if it is not self-signed, at most seven intermediates, at least 112 bits of security
 * (so no SHA-1 but in a root's own signature), sane RSA keys, and RFC 4945's view of key usages.
 * Lists of revoked certificates are those that were handed in. Nothing is ever fetched.
 */
#include "crypto/openssl_chain.h"
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECURITY_LEVEL 2 /* 112 bits */
#define NAME_IN_TEXT 160 /* octets of a subject within a verdict's text */

X509_STORE *lib_anchor_new(X509 *ca)
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

const char *lib_time_text(time_t at, char out[static LIB_TIME_LEN])
{
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(out, LIB_TIME_LEN, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(out, LIB_TIME_LEN, "(time out of range)");
	return out;
}

enum verdict lib_say(enum verdict v, char *text, X509 *cert, const char *what, ...)
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
	return lib_say(VERDICT_NO_TRUSTED_CA, text, cert,
		       "is not under a trusted CA (issuer \"%s\")", issuer);
}

static enum verdict say_dates(enum verdict v, char *text, X509 *cert, time_t at)
{
	char limit[LIB_TIME_LEN], now[LIB_TIME_LEN];

	if (v == VERDICT_EXPIRED)
		return lib_say(v, text, cert, "expired on %s; it is %s",
			       lib_time_text(lib_time(X509_get0_notAfter(cert)), limit),
			       lib_time_text(at, now));
	return lib_say(v, text, cert, "is not valid before %s; it is %s",
		       lib_time_text(lib_time(X509_get0_notBefore(cert)), limit),
		       lib_time_text(at, now));
}

enum verdict lib_dates_check(X509 *cert, time_t at, char *text)
{
	if (at > lib_time(X509_get0_notAfter(cert)))
		return say_dates(VERDICT_EXPIRED, text, cert, at);
	if (at < lib_time(X509_get0_notBefore(cert)))
		return say_dates(VERDICT_NOT_YET_VALID, text, cert, at);
	return VERDICT_GOOD;
}

static enum verdict say_key(char *text, X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	return lib_say(VERDICT_WEAK_KEY, text, cert,
		       "has a weak key of %d bits (RSA needs 2048 to 8192 and a sane exponent)",
		       key == NULL ? 0 : EVP_PKEY_get_bits(key));
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
enum verdict lib_leaf_check(X509 *leaf, char *text)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (key == NULL || lib_key_type(key) == KEY_NONE)
		return lib_say(VERDICT_WRONG_KEY_TYPE, text, leaf,
			       "has a key of a type that is not supported");
	if (!lib_key_is_sane(key))
		return say_key(text, leaf);
	/* RFC 4945 5.1.3.2: KeyUsage, when there, has one of these. It is all ones when absent. */
	if ((X509_get_key_usage(leaf) &
	     (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION)) == 0)
		return lib_say(VERDICT_BAD_CHAIN, text, leaf, "is not for signatures (keyUsage)");
	if (!eku_is_fine(leaf))
		return lib_say(VERDICT_BAD_CHAIN, text, leaf, "is not for IKE (extendedKeyUsage)");
	return VERDICT_GOOD;
}

/* ---- revocation ----------------------------------------------------------------------------- */

/* What the callback below needs to know, and finds out. */
struct revocation {
	const struct chain_rules *rules;
	char *text, *warning;
	enum verdict verdict; /* about the lists; VERDICT_GOOD: nothing was found */
	X509_CRL *stale;      /* the library forgets which list it found out of date */
	int unsure_of;	      /* depth of the certificate whose list proves nothing; -1: none */
};

/* Nobody can tell whether the certificate is revoked. */
static bool is_unknown(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		return true;
	default:
		return false;
	}
}

static enum verdict say_no_crl(X509_STORE_CTX *ctx, char *text)
{
	int error = X509_STORE_CTX_get_error(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
	char issuer[NAME_IN_TEXT / 2] = "(unknown)", when[LIB_TIME_LEN];

	if (cert != NULL)
		lib_name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	if (error == X509_V_ERR_CRL_HAS_EXPIRED && crl != NULL)
		return lib_say(VERDICT_NO_CRL, text, cert,
			       "may be revoked: the CRL of \"%s\" was to be replaced by %s", issuer,
			       lib_time_text(lib_time(X509_CRL_get0_nextUpdate(crl)), when));
	if (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER)
		return lib_say(VERDICT_NO_CRL, text, cert,
			       "may be revoked: there is no CRL of \"%s\"", issuer);
	return lib_say(VERDICT_NO_CRL, text, cert,
		       "may be revoked: the CRL of \"%s\" is refused: %s", issuer,
		       X509_verify_cert_error_string(error));
}

static enum verdict say_revoked(X509_STORE_CTX *ctx, const struct revocation *r)
{
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	char entry[80];

	lib_revocation_text(crl != NULL ? crl : r->stale, cert, entry, sizeof(entry));
	return lib_say(VERDICT_REVOKED, r->text, cert, "was revoked%s", entry);
}

/*
 * Asked by the library about each fault: 1, and it goes on. An anchor is believed since it was
 * given to us, whatever lists there are of who signed it (RFC 5280 6.1.1).
 */
static int judge_fault(int fine, X509_STORE_CTX *ctx)
{
	struct revocation *r = X509_STORE_CTX_get_ex_data(ctx, 0);
	int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
	int anchor = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (fine == 1 || r == NULL)
		return fine;
	/* The list is at hand now, and not when all is over. */
	if (error == X509_V_ERR_CERT_REVOKED) {
		if (r->unsure_of == depth) /* by a list that nobody need believe */
			return 1;
		r->verdict = say_revoked(ctx, r);
		return 0;
	}
	if (!is_unknown(error))
		return 0;
	if (depth != anchor && r->rules->crl_policy == CRL_HARD) {
		r->verdict = say_no_crl(ctx, r->text);
		return 0;
	}
	if (depth != anchor && r->warning[0] == '\0')
		(void)say_no_crl(ctx, r->warning);
	if (error == X509_V_ERR_CRL_HAS_EXPIRED) /* what was revoked stays so */
		r->stale = X509_STORE_CTX_get0_current_crl(ctx);
	else
		r->unsure_of = depth;
	return 1;
}

static X509 *anchor_cert(X509_STORE *anchor)
{
	return X509_OBJECT_get0_X509(sk_X509_OBJECT_value(X509_STORE_get0_objects(anchor), 0));
}

/*
 * The lists to be looked at under one anchor: all, but of those that bear its name only the ones
 * that it signed, if there are any. The library tells the lists of two CAs of one name apart by
 * their authorityKeyIdentifier alone, which many have not. NULL on no memory.
 */
static STACK_OF(X509_CRL) * lists_under(X509_STORE *anchor, const struct crls *crls)
{
	X509 *ca = anchor_cert(anchor);
	STACK_OF(X509_CRL) *lists = crls == NULL ? NULL : sk_X509_CRL_dup(lib_crls(crls));
	int named = 0, signed_by_it = 0;

	for (int i = 0; i < sk_X509_CRL_num(lists); i++)
		named += X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(lists, i)),
				       X509_get_subject_name(ca)) == 0;
	for (int i = named < 2 ? -1 : sk_X509_CRL_num(lists) - 1; i >= 0; i--) {
		X509_CRL *crl = sk_X509_CRL_value(lists, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) != 0)
			continue;
		if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1)
			signed_by_it++;
		else if (signed_by_it > 0 || named > 1)
			(void)sk_X509_CRL_delete(lists, i);
		named--;
	}
	return lists;
}

static void look_at_crls(X509_STORE_CTX *ctx, STACK_OF(X509_CRL) * lists)
{
	X509_STORE_CTX_set0_crls(ctx, lists);
	(void)X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx),
					  X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
						  X509_V_FLAG_EXTENDED_CRL_SUPPORT |
						  X509_V_FLAG_USE_DELTAS);
	X509_STORE_CTX_set_verify_cb(ctx, judge_fault);
}

/* ---- the chain ------------------------------------------------------------------------------ */

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
		return lib_say(VERDICT_FAILED, text, cert, "could not be checked");
	default:
		return lib_say(VERDICT_BAD_CHAIN, text, cert, "is refused: %s",
			       X509_verify_cert_error_string(error));
	}
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

static void narrow(struct lib_span *span, time_t from, time_t until)
{
	if (from > span->from)
		span->from = from;
	if (until < span->until)
		span->until = until;
}

/* No earlier and no later than the dates of each certificate of the chain, and of each list. */
static struct lib_span span_of(X509_STORE_CTX *ctx, STACK_OF(X509_CRL) * lists)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	struct lib_span span = { .from = 0, .until = (time_t)INT64_MAX };

	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);

		narrow(&span, lib_time(X509_get0_notBefore(cert)),
		       lib_time(X509_get0_notAfter(cert)));
	}
	for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
		const X509_CRL *crl = sk_X509_CRL_value(lists, i);
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

		narrow(&span, lib_time(X509_CRL_get0_lastUpdate(crl)),
		       next != NULL ? lib_time(next) : span.until);
	}
	return span;
}

/* Under one of our CAs. */
static enum verdict verify_under(X509_STORE *anchor, const struct chain_rules *rules, X509 *leaf,
				 STACK_OF(X509) * others, char *text, char *warning,
				 struct lib_span *span)
{
	struct revocation r = { .rules = rules, .text = text, .warning = warning, .unsure_of = -1 };
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509_CRL) *lists = NULL;
	enum verdict v = VERDICT_FAILED;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, anchor, leaf, others) != 1 ||
	    X509_STORE_CTX_set_ex_data(ctx, 0, &r) != 1) {
		v = lib_say(VERDICT_FAILED, text, leaf, "could not be checked");
		goto out;
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), rules->at);
	lists = lists_under(anchor, rules->crls);
	if (rules->crls != NULL)
		look_at_crls(ctx, lists);
	if (X509_verify_cert(ctx) == 1) {
		v = check_chain_keys(ctx, text);
		*span = span_of(ctx, lists);
	} else {
		v = r.verdict != VERDICT_GOOD ? r.verdict : chain_verdict(ctx, rules->at, text);
	}
out:
	sk_X509_CRL_free(lists);
	X509_STORE_CTX_free(ctx);
	return v;
}

/* How near a chain came: of several CAs, the one that it nearly verified under is to be told. */
static int nearness(enum verdict v)
{
	switch (v) {
	case VERDICT_GOOD:
	case VERDICT_REVOKED:
		return 4;
	case VERDICT_EXPIRED:
	case VERDICT_NOT_YET_VALID:
	case VERDICT_NO_CRL:
		return 3;
	case VERDICT_NO_TRUSTED_CA:
		return 1;
	default:
		return 2;
	}
}

/* Revoked under one CA is revoked: its list was signed by who signed the certificate. */
enum verdict lib_chain_check(const struct chain_rules *rules, X509 *leaf, STACK_OF(X509) * others,
			     char *text, char *warning, struct lib_span *span)
{
	enum verdict best = say_no_ca(text, leaf);
	struct lib_span found = { 0 };

	warning[0] = '\0';
	for (size_t i = 0; i < rules->n_anchors && nearness(best) < 4; i++) {
		char why[VERDICT_TEXT_LEN] = "", but[VERDICT_TEXT_LEN] = "";
		enum verdict v =
			verify_under(rules->anchors[i], rules, leaf, others, why, but, &found);

		if (nearness(v) > nearness(best) || i == 0) {
			best = v;
			memcpy(text, why, sizeof(why));
			memcpy(warning, but, sizeof(but));
		}
	}
	/* What a list leaves open is asked again each time. */
	if (span != NULL)
		*span = warning[0] == '\0' ? found : (struct lib_span){ 0 };
	return best;
}
