/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/key_message.h"

#include "ike/archive.h"
#include "ike/message/message.h"
#include "ike/spec.h"

#include <errno.h>

#define TBS_MAX 70000	   /* octets: RFC 7296 2.15, a message and some */
#define SIGNATURE_MAX 4096 /* octets */
#define VERSION_2_0 0x20   /* RFC 7296 3.1 */

/* ---- pieces -------------------------------------------------------------------------------- */

static void scheme_field(struct archive *a, const struct sig_scheme **v)
{
	const struct sig_scheme *const *all = sig_all();
	uint8_t i = 0;

	if (!a->loads)
		while (all[i] != NULL && all[i] != *v)
			i++;
	archive_u8(a, &i);
	for (uint8_t j = 0; j <= i && !a->failed; j++)
		if (all[j] == NULL)
			a->failed = true;
	if (a->loads)
		*v = a->failed ? NULL : all[i];
}

/* Results are put in the place of what was there. */
static void result_blob(struct archive *a, struct blob *v, size_t most)
{
	if (a->loads)
		blob_free(v);
	archive_blob(a, v, most);
	if (a->loads && a->failed)
		blob_free(v);
}

static void sk_fields(struct archive *a, struct job *job)
{
	for (size_t i = 0; i < JOB_SK; i++) {
		if (a->loads)
			secret_free(&job->sk[i]);
		archive_secret(a, &job->sk[i], PRF_MAX_LEN);
	}
}

/* ---- each kind ----------------------------------------------------------------------------- */

static void hello(struct archive *a, struct key_message *m)
{
	archive_text(a, m->version, sizeof(m->version));
}

static void usage_in_answer(struct archive *a, struct key_message *m)
{
	if (!m->answer)
		return;
	archive_u64(a, &m->resident);
	archive_u64(a, &m->cpu_us);
}

/*
 * RFC 7296 2.15: what is signed begins with our own first message. What TLS 1.3 and SSH sign does
 * not, so an engine that was turned hostile cannot have the key used there.
 */
static bool is_of_ike_auth(struct bytes tbs)
{
	struct ike_header h = { 0 };

	if (tbs.n < IKE_HEADER_LEN)
		return false;
	(void)ike_header_decode(BYTES(tbs.p, IKE_HEADER_LEN), &h);
	return h.version == VERSION_2_0 && h.exchange == EXCHANGE_IKE_SA_INIT &&
	       h.message_id == 0 && h.length >= IKE_HEADER_LEN && h.length < tbs.n;
}

static void sign(struct archive *a, struct key_message *m)
{
	if (m->answer) {
		archive_text(a, m->job->judged.text, sizeof(m->job->judged.text));
		result_blob(a, &m->job->signature, SIGNATURE_MAX);
	} else {
		archive_text(a, m->fingerprint, sizeof(m->fingerprint));
		scheme_field(a, &m->job->scheme);
		archive_blob(a, &m->job->tbs, TBS_MAX);
		if (a->loads && !a->failed && !is_of_ike_auth(blob_view(&m->job->tbs)))
			a->failed = true;
	}
}

/* RFC 8784 3: the keys that the PPK is mixed into, and the same with it. */
static void ppk(struct archive *a, struct key_message *m)
{
	if (!m->answer) {
		archive_prf(a, &m->job->prf);
		if (a->loads && m->job->prf == NULL)
			a->failed = true;
		archive_blob(a, &m->job->id, PPK_ID_MAX);
	} else {
		archive_text(a, m->job->judged.text, sizeof(m->job->judged.text));
	}
	sk_fields(a, m->job);
}

static void serial_of_answer(struct archive *a, struct key_message *m)
{
	if (m->answer)
		archive_u64(a, &m->serial);
}

static void serial(struct archive *a, struct key_message *m)
{
	archive_u64(a, &m->serial);
}

static void serial_of_question(struct archive *a, struct key_message *m)
{
	if (!m->answer)
		archive_u64(a, &m->serial);
}

static void path_of_question(struct archive *a, struct key_message *m)
{
	if (!m->answer)
		archive_text(a, m->path, sizeof(m->path));
}

static const struct {
	void (*fields)(struct archive *a, struct key_message *m);
	bool has_job;
	enum job_kind job;
} kinds[] = {
	[KEY_HELLO] = { hello },
	[KEY_PING] = { usage_in_answer },
	[KEY_SIGN] = { sign, true, JOB_SIGN },
	[KEY_PPK] = { ppk, true, JOB_PPK },
	[KEY_LOAD] = { serial_of_answer },
	[KEY_COMMIT] = { serial_of_question },
	[KEY_LOOK] = { serial },
	[KEY_CHECK] = { path_of_question },
};

static void header(struct archive *a, struct key_message *m)
{
	uint8_t kind = a->loads ? 0 : (uint8_t)m->kind;
	uint32_t result = a->loads ? 0 : (uint32_t)m->result;

	archive_u8(a, &kind);
	if (kind < KEY_HELLO || kind > KEY_CHECK)
		a->failed = true;
	archive_bool(a, &m->answer);
	archive_u64(a, &m->id);
	archive_u32(a, &result);
	m->kind = a->failed ? KEY_PING : (enum key_kind)kind;
	m->result = (int32_t)result;
}

/* ---- both ways ----------------------------------------------------------------------------- */

int key_message_put(const struct key_message *m, struct secret *out)
{
	struct archive a = archive_saver();
	struct key_message copy = *m;

	header(&a, &copy);
	if (!a.failed)
		kinds[m->kind].fields(&a, &copy);
	if (a.failed || a.n > KEY_MESSAGE_MAX) {
		archive_free(&a);
		return -EINVAL;
	}
	return archive_take(&a, out);
}

int key_message_peek(struct bytes from, struct key_message *out)
{
	struct archive a = archive_loader(from);

	*out = (struct key_message){ 0 };
	header(&a, out);
	return a.failed ? -EBADMSG : 0;
}

int key_message_take(struct bytes from, struct key_message *out)
{
	struct archive a = archive_loader(from);
	struct job *given = out->job, *made = NULL;

	*out = (struct key_message){ 0 };
	header(&a, out);
	if (!a.failed && kinds[out->kind].has_job) {
		if (!out->answer)
			made = job_new(kinds[out->kind].job);
		out->job = out->answer ? given : made;
		if (out->job == NULL || out->job->kind != kinds[out->kind].job)
			a.failed = true;
	}
	if (!a.failed)
		kinds[out->kind].fields(&a, out);
	if (!a.failed && reader_done(&a.in)) {
		if (out->job != NULL && out->answer)
			out->job->result = out->result;
		return 0;
	}
	job_free(made);
	out->job = NULL;
	return -EBADMSG;
}
