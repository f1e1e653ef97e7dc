/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/auth.h"

#include "ike/intauth.h"
#include "ike/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int auth_octets(const struct ike_sa *sa, bool of_initiator, struct bytes sk_p, struct bytes id_body,
		struct blob *out)
{
	const struct handshake *hs = sa->hs;
	const struct prf_alg *prf = sa->suite.prf;
	const struct bytes message = blob_view(of_initiator ? &hs->init_i : &hs->init_r);
	const struct bytes nonce = blob_view(of_initiator ? &hs->nr : &hs->ni);
	uint8_t maced[PRF_MAX_LEN];
	struct blob intauth;
	struct writer w;
	int r = prf->compute(prf, sk_p, &id_body, 1, maced);

	if (r == 0)
		r = intauth_octets(sa, &intauth);
	if (r != 0)
		return r;
	out->n = message.n + nonce.n + prf->len + intauth.n;
	out->p = malloc(out->n);
	if (out->p == NULL) {
		out->n = 0;
		blob_free(&intauth);
		return -ENOMEM;
	}
	w = writer_of(out->p, out->n);
	write_bytes(&w, message);
	write_bytes(&w, nonce);
	write_bytes(&w, BYTES(maced, prf->len));
	write_bytes(&w, blob_view(&intauth)); /* RFC 9242 3.3.2 */
	blob_free(&intauth);
	return 0;
}

static int id_body_of(const struct credential_spec *cred, struct blob *out)
{
	out->n = 4 + cred->id.n;
	out->p = calloc(1, out->n);
	if (out->p == NULL)
		return -ENOMEM;
	out->p[0] = cred->id_type;
	memcpy(out->p + 4, cred->id.p, cred->id.n);
	return 0;
}

bool auth_choose_scheme(const struct engine *e, struct ike_sa *sa)
{
	sa->hs->our_scheme =
		sig_choose(e->spec->credential.key, sa->hs->peer_hashes, sa->hs->peer_scheme);
	return sa->hs->our_scheme != NULL;
}

struct job *auth_sign_job(const struct engine *e, struct ike_sa *sa, struct bytes sk_p)
{
	struct job *job = job_new(JOB_SIGN);
	struct blob id = { 0 };

	if (job == NULL)
		return NULL;
	job->scheme = sa->hs->our_scheme;
	job->credential = e->spec->credential.generation;
	if (id_body_of(&e->spec->credential, &id) != 0 ||
	    auth_octets(sa, sa->initiator, sk_p, blob_view(&id), &job->tbs) != 0) {
		job_free(job);
		job = NULL;
	}
	blob_free(&id);
	return job;
}

int auth_data(const struct ike_sa *sa, struct bytes signature, struct blob *out)
{
	const struct sig_scheme *s = sa->hs->our_scheme;
	const bool named = s->method == AUTH_METHOD_DIGITAL_SIGNATURE; /* RFC 7427 3 */
	const size_t head = named ? 1 + s->algid_len : 0;

	blob_free(out);
	out->p = malloc(head + signature.n);
	if (out->p == NULL)
		return -ENOMEM;
	out->n = head + signature.n;
	if (named) {
		out->p[0] = (uint8_t)s->algid_len;
		memcpy(out->p + 1, s->algid, s->algid_len);
	}
	memcpy(out->p + head, signature.p, signature.n);
	return 0;
}

void auth_encode_ours(const struct engine *e, const struct ike_sa *sa, struct builder *b)
{
	const struct credential_spec *cred = &e->spec->credential;
	const struct handshake *hs = sa->hs;

	id_encode(b, sa->initiator ? PAYLOAD_IDI : PAYLOAD_IDR, cred->id_type,
		  blob_view(&cred->id));
	for (size_t i = 0; i < cred->n_certs; i++)
		cert_encode(b, CERT_X509_SIGNATURE, blob_view(&cred->certs[i]));
	if (hs->our_scheme->method == AUTH_METHOD_DIGITAL_SIGNATURE)
		auth_signature_encode(b, BYTES(hs->our_scheme->algid, hs->our_scheme->algid_len),
				      blob_view(&hs->signature));
	else
		auth_encode(b, hs->our_scheme->method, blob_view(&hs->signature));
}

#define CERTREQ_MAX 64 /* CAs named; more would not help a peer to choose */

void auth_encode_certreq(const struct engine *e, struct builder *b)
{
	uint8_t hashes[20 * CERTREQ_MAX];
	size_t n = e->spec->n_cas < CERTREQ_MAX ? e->spec->n_cas : CERTREQ_MAX;

	for (size_t i = 0; i < n; i++)
		memcpy(hashes + 20 * i, e->spec->cas[i].info.spki_sha1, 20);
	certreq_encode(b, CERT_X509_SIGNATURE, BYTES(hashes, 20 * n));
}

/* Certificates of encoding 4, in order; others are skipped (RFC 7296 3.6). */
static int collect_certs(struct engine *e, const struct payloads *ps, struct job *job)
{
	for (size_t i = 0; i < ps->n; i++) {
		uint8_t encoding;
		struct bytes data;
		if (ps->p[i].type != PAYLOAD_CERT ||
		    !cert_decode(ps->p[i].body, &encoding, &data) ||
		    encoding != CERT_X509_SIGNATURE || data.n == 0)
			continue;
		/* RFC 8019 4.7: a stranger's chain costs us time and memory. */
		if (data.n > CERT_SIZE_MAX || job->n_certs == CERT_CHAIN_MAX) {
			load_limit(e, LIMIT_CERTIFICATES);
			continue;
		}
		int r = blob_copy(&job->certs[job->n_certs], data);
		if (r != 0)
			return r;
		job->n_certs++;
	}
	return 0;
}

/* A peer of the fleet's shared certificate may leave it out: it knows that we have it. */
static int own_certs_if_shared(const struct engine *e, const struct id_view *id, struct job *job)
{
	const struct credential_spec *cred = &e->spec->credential;

	if (job->n_certs > 0 || id->type != ID_DER_ASN1_DN ||
	    !dn_equal(id->data, blob_view(&cred->id)))
		return 0;
	for (size_t i = 0; i < cred->n_certs; i++) {
		int r = blob_copy(&job->certs[i], blob_view(&cred->certs[i]));
		if (r != 0)
			return r;
		job->n_certs++;
	}
	return 0;
}

static const struct sig_scheme *scheme_of(uint8_t method, struct bytes *data, const char **why)
{
	struct bytes algid, signature;
	const struct sig_scheme *s;

	if (method != AUTH_METHOD_DIGITAL_SIGNATURE) {
		s = sig_by_method(method);
		if (s == NULL)
			*why = "peer authenticates by a method that is not supported (PSK, EAP?)";
		return s;
	}
	if (!auth_signature_decode(*data, &algid, &signature)) {
		*why = "peer's signature is malformed";
		return NULL;
	}
	s = sig_by_algid(algid);
	if (s == NULL)
		*why = "peer's signature algorithm is not supported";
	*data = signature;
	return s;
}

static int note_identity(struct ike_sa *sa, const struct id_view *id)
{
	blob_free(&sa->peer_id);
	sa->peer_id_type = id->type;
	return blob_copy(&sa->peer_id, id->data);
}

static int fill(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		const struct id_view *id, struct bytes signature, struct job *job)
{
	int r = note_identity(sa, id);

	if (r == 0)
		r = auth_octets(sa, !sa->initiator,
				secret_view(sa->initiator ? &sa->keys.pr : &sa->keys.pi), id->whole,
				&job->tbs);
	if (r == 0)
		r = blob_copy(&job->signature, signature);
	if (r == 0)
		r = collect_certs(e, ps, job);
	if (r == 0)
		r = own_certs_if_shared(e, id, job);
	if (r == 0)
		r = blob_copy(&job->id, id->data);
	job->id_type = id->type;
	job->address_n = ip_len(&sa->pair->key.remote);
	memcpy(job->address, sa->pair->key.remote.b, job->address_n);
	return r;
}

uint16_t auth_verify_job(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
			 struct job **out, const char **why)
{
	const struct payload *idp = payloads_find(ps, sa->initiator ? PAYLOAD_IDR : PAYLOAD_IDI);
	const struct payload *authp = payloads_find(ps, PAYLOAD_AUTH);
	struct id_view id;
	struct bytes data;
	uint8_t method;

	*out = NULL;
	*why = "peer sent no identity, or a malformed one";
	if (idp == NULL || !id_decode(idp->body, &id))
		return NOTIFY_INVALID_SYNTAX;
	*why = "peer sent no AUTH payload: it wants EAP, which is not supported";
	if (authp == NULL)
		return NOTIFY_AUTHENTICATION_FAILED;
	*why = "peer's AUTH payload is malformed";
	if (!auth_decode(authp->body, &method, &data))
		return NOTIFY_INVALID_SYNTAX;
	struct notify_view n;
	if (sa->hs->without_ppk && notify_find(ps, NOTIFY_NO_PPK_AUTH, &n))
		data = n.data; /* RFC 8784 3: the method is still AUTH's */
	const struct sig_scheme *scheme = scheme_of(method, &data, why);
	if (scheme == NULL)
		return NOTIFY_AUTHENTICATION_FAILED;
	struct job *job = job_new(JOB_VERIFY);
	*why = "out of memory";
	if (job == NULL || fill(e, sa, ps, &id, data, job) != 0) {
		job_free(job);
		return NOTIFY_AUTHENTICATION_FAILED;
	}
	*why = "peer sent no certificate";
	if (job->n_certs == 0) {
		job_free(job);
		return NOTIFY_AUTHENTICATION_FAILED;
	}
	job->scheme = scheme;
	sa->hs->peer_scheme = scheme;
	*out = job;
	return 0;
}
