/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crl.h"
#include "crypto/openssl_chain.h"
#include "crypto/pem.h"
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASN1_SEQUENCE 0x30

struct crls {
	atomic_uint users;
	STACK_OF(X509_CRL) * list;
};

struct crls *crls_new(void)
{
	struct crls *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	atomic_init(&c->users, 1);
	c->list = sk_X509_CRL_new_null();
	if (c->list != NULL)
		return c;
	free(c);
	return NULL;
}

struct crls *crls_keep(struct crls *c)
{
	if (c != NULL)
		atomic_fetch_add(&c->users, 1);
	return c;
}

void crls_drop(struct crls *c)
{
	if (c == NULL || atomic_fetch_sub(&c->users, 1) != 1)
		return;
	sk_X509_CRL_pop_free(c->list, X509_CRL_free);
	free(c);
}

/* Takes the list. */
static int push(STACK_OF(X509_CRL) * to, X509_CRL *crl)
{
	if (sk_X509_CRL_push(to, crl) > 0)
		return 0;
	X509_CRL_free(crl);
	return -ENOMEM;
}

static int add_der(STACK_OF(X509_CRL) * to, struct bytes der)
{
	const uint8_t *p = der.p;
	X509_CRL *crl = der.n > LONG_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);

	ERR_clear_error();
	if (crl != NULL && p == der.p + der.n)
		return push(to, crl);
	X509_CRL_free(crl);
	return -EINVAL;
}

static bool is_crl(const struct pem_block *block)
{
	static const char label[] = "X509 CRL";

	return bytes_equal(block->label, BYTES((const uint8_t *)label, strlen(label)));
}

static int add_pem(STACK_OF(X509_CRL) * to, struct bytes pem)
{
	struct pem_block block;
	struct secret der;
	int r, found = -ENOENT;

	while ((r = pem_next(&pem, &block)) == 0) {
		if (!is_crl(&block))
			continue;
		r = pem_decode(&block, &der);
		if (r != 0)
			return r;
		r = found = add_der(to, secret_view(&der));
		secret_free(&der);
		if (r != 0)
			return r;
	}
	return r == -ENOENT ? found : r;
}

/* Takes the lists of `from` if there is room for all. */
static int take_all(struct crls *c, STACK_OF(X509_CRL) * from)
{
	int n = sk_X509_CRL_num(from);

	if (sk_X509_CRL_reserve(c->list, n) != 1)
		return -ENOMEM;
	for (int i = 0; i < n; i++)
		(void)sk_X509_CRL_push(c->list, sk_X509_CRL_value(from, i));
	sk_X509_CRL_zero(from);
	return 0;
}

int crls_add(struct crls *c, struct bytes file)
{
	STACK_OF(X509_CRL) *fresh = sk_X509_CRL_new_null();
	int r = -ENOMEM;

	if (fresh != NULL && file.n > 0 && file.p[0] == ASN1_SEQUENCE)
		r = add_der(fresh, file);
	else if (fresh != NULL)
		r = add_pem(fresh, file);
	if (r == 0)
		r = take_all(c, fresh);
	sk_X509_CRL_pop_free(fresh, X509_CRL_free);
	return r;
}

int crls_join(struct crls *c, const struct crls *from)
{
	int n = sk_X509_CRL_num(from->list);

	if (sk_X509_CRL_reserve(c->list, n) != 1)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		X509_CRL *crl = sk_X509_CRL_value(from->list, i);

		if (X509_CRL_up_ref(crl) == 1)
			(void)sk_X509_CRL_push(c->list, crl);
	}
	return 0;
}

STACK_OF(X509_CRL) * lib_crls(const struct crls *c)
{
	return c->list;
}

size_t crls_count(const struct crls *c)
{
	return c == NULL ? 0 : (size_t)sk_X509_CRL_num(c->list);
}

static void describe_number(const X509_CRL *crl, struct crl_info *out)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);

	if (number != NULL)
		lib_hex_colons(
			BYTES(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number)),
			out->number, sizeof(out->number));
	ASN1_INTEGER_free(number);
}

void crls_describe(const struct crls *c, size_t i, struct crl_info *out)
{
	X509_CRL *crl = sk_X509_CRL_value(c->list, (int)i);
	int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

	*out = (struct crl_info){ 0 };
	lib_name_text(X509_CRL_get_issuer(crl), out->issuer, sizeof(out->issuer));
	describe_number(crl, out);
	out->this_update = lib_time(X509_CRL_get0_lastUpdate(crl));
	out->next_update = lib_time(X509_CRL_get0_nextUpdate(crl));
	out->revoked = revoked > 0 ? (size_t)revoked : 0;
	out->delta = X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0;
	ERR_clear_error();
}

int crls_der(const struct crls *c, size_t i, struct blob *out)
{
	unsigned char *der = NULL;
	const int n = i2d_X509_CRL(sk_X509_CRL_value(c->list, (int)i), &der);
	int r = n <= 0 ? -ENOMEM : blob_copy(out, BYTES(der, (size_t)n));

	OPENSSL_free(der);
	ERR_clear_error();
	return r;
}

bool crls_equal(const struct crls *a, const struct crls *b)
{
	if ((a == NULL) != (b == NULL) || crls_count(a) != crls_count(b))
		return false;
	for (int i = 0; i < (int)crls_count(a); i++)
		if (X509_CRL_match(sk_X509_CRL_value(a->list, i), sk_X509_CRL_value(b->list, i)) !=
		    0)
			return false;
	return true;
}

/* ---- what is said of a certificate in it -------------------------------------------------- */

/* RFC 5280 5.3.1 */
static const char *reason_name(long reason)
{
	static const char *const names[] = {
		"unspecified",	 "keyCompromise",	 "cACompromise",    "affiliationChanged",
		"superseded",	 "cessationOfOperation", "certificateHold", NULL,
		"removeFromCRL", "privilegeWithdrawn",	 "aACompromise",
	};

	if (reason < 0 || (size_t)reason >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[reason];
}

void lib_revocation_text(X509_CRL *crl, X509 *cert, char *out, size_t out_size)
{
	X509_REVOKED *entry = NULL;
	ASN1_ENUMERATED *code;
	const char *reason = NULL;
	char when[LIB_TIME_LEN];

	out[0] = '\0';
	if (crl == NULL || cert == NULL || X509_CRL_get0_by_cert(crl, &entry, cert) == 0 ||
	    entry == NULL)
		return;
	code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	if (code != NULL)
		reason = reason_name(ASN1_ENUMERATED_get(code));
	ASN1_ENUMERATED_free(code);
	(void)snprintf(out, out_size, " on %s%s%s%s",
		       lib_time_text(lib_time(X509_REVOKED_get0_revocationDate(entry)), when),
		       reason != NULL ? " (" : "", reason != NULL ? reason : "",
		       reason != NULL ? ")" : "");
	ERR_clear_error();
}
