/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the OpenSSL files share: handles fetched once, keys judged in one place.
 *
 * The handles live as long as the process. They are filled in by CRYPTO_THREAD_run_once(), perhaps
 * once more by provider_use() while there is one thread only, and read-only from then on, so any
 * thread may use them.
 */
#ifndef IKEMESH_CRYPTO_OPENSSL_LIB_H
#define IKEMESH_CRYPTO_OPENSSL_LIB_H

#include "crypto/suite.h"
#include "crypto/trust.h"
#include <openssl/evp.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

/* NULL: the library has no such algorithm, or none that we name. */
const EVP_MD *lib_digest(const char *name);
const EVP_CIPHER *lib_cipher(const char *name);
/* A context of HMAC with that digest and a dummy key, to be duplicated. */
const EVP_MAC_CTX *lib_hmac(const char *digest);

struct ke_key {
	EVP_PKEY *pkey;
};

/* NULL without memory, and pkey is freed. */
struct ke_key *lib_ke_key(EVP_PKEY *pkey);
/* The private octets of a key that has no parameters; 0, -EIO or -ENOMEM. */
int lib_raw_private(const EVP_PKEY *pkey, struct secret *value);

/* "DH", "EC", "X25519": how the library calls the kind of a group; NULL: none of ours. */
const char *lib_group_type(const char *group);

/*
 * The default properties have changed: all handles are fetched once more. Certificates are no
 * longer read by way of a context of their own, which has properties of its own. Before there is a
 * second thread.
 */
void lib_handles_renew(void);
void lib_groups_renew(void);
void lib_parse_restrict(void);

/* KEY_NONE: of a type or curve that is not supported. */
enum key_type lib_key_type(const EVP_PKEY *key);

/*
 * RFC 8247 3.1.1 and CVE-2018-17540: RSA of 2048 to 8192 bits, its exponent odd and
 * 3 <= e < 2^64. Keys of other types are fine.
 */
bool lib_key_is_sane(const EVP_PKEY *key);

/* Exactly one certificate of at most CERT_SIZE_MAX octets, the caller's to free; or NULL. */
X509 *lib_cert(struct bytes der);

/* What cert_describe() tells. */
void lib_cert_info(X509 *cert, struct cert_info *out);

/* dn_to_text() and dn_equal() of names already taken apart. */
void lib_name_text(const X509_NAME *name, char *out, size_t out_size);
bool lib_name_equal(const X509_NAME *a, const X509_NAME *b);

/* Exactly one Name, the caller's to free; or NULL. */
X509_NAME *lib_name(struct bytes der);

/* Seconds since the epoch; 0 for a time that cannot be read. */
time_t lib_time(const ASN1_TIME *t);

/*
 * Appends n octets to the text in out (out_size with the final NUL): printable ASCII as it is, the
 * characters of `special` behind a backslash, others as \xHH. What does not fit is cut.
 */
void lib_text_append(char *out, size_t out_size, struct bytes octets, const char *special);

/* "0a:1b:2c"; what does not fit is cut. */
void lib_hex_colons(struct bytes octets, char *out, size_t out_size);

/* The attribute of that name in lib_name_text(), whatever its case; NID_undef: none. */
int lib_attribute_nid(const char *name);

struct sign_key {
	EVP_PKEY *pkey;	  /* of a key outside (sign_key_from_uri) only a handle on it */
	EVP_PKEY *public; /* then its public part, without the device; else NULL */
	enum key_type type;
};

/* As the library makes it: DER for ECDSA. out is as large as the key's EVP_PKEY_get_size(). */
bool lib_sign_der(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		  struct blob *out);
/* The same with a key outside, which nobody may be looking for meanwhile. */
bool lib_sign_outside(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		      struct blob *out);

/* What an engine knows by that name; NULL, and the library's list of errors says why. */
EVP_PKEY *lib_engine_key(const char *engine, const char *uri, UI_METHOD *ui, void *ui_data);
/* It is installed. Like the one above: by one thread at a time. */
bool lib_engine_ready(const char *engine);

enum verdict lib_verify(EVP_PKEY *key, const struct sig_scheme *scheme, struct bytes tbs,
			struct bytes signature);

#endif
