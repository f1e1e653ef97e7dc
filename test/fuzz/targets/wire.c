/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What crosses the line between the engine and the keyholder, read by either: the first octet says
 * whether a configuration, lists, a question, or an answer to one of ours. What is taken is put
 * again to what is taken again, and what is no message leaves nothing behind.
 */
#include "fuzz/pki.h"

#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/key_message.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void configuration(struct bytes from)
{
	struct secret once = { 0 }, twice = { 0 };
	struct problems ps;
	struct config c;
	bool there;

	if (wire_take_config(from, &ps, &c, &there) != 0) {
		HOLDS(ps.n == 0 && c.trust == NULL && c.key == NULL);
		return;
	}
	HOLDS(wire_put_config(&ps, there ? &c : NULL, &once) == 0);
	problems_free(&ps);
	config_free(&c);
	HOLDS(wire_take_config(secret_view(&once), &ps, &c, &there) == 0);
	HOLDS(wire_put_config(&ps, there ? &c : NULL, &twice) == 0);
	HOLDS(bytes_equal(secret_view(&once), secret_view(&twice)));
	problems_free(&ps);
	config_free(&c);
	secret_free(&once);
	secret_free(&twice);
}

static void lists(struct bytes from)
{
	struct secret out = { 0 };
	struct crl_file *files;
	size_t n;

	if (wire_take_crl_files(from, &files, &n) != 0) {
		HOLDS(files == NULL);
		return;
	}
	HOLDS(wire_put_crl_files(files, n, &out) == 0);
	for (size_t i = 0; i < n; i++)
		crl_file_wipe(&files[i]);
	free(files);
	secret_free(&out);
}

static void put_again(const struct key_message *m)
{
	struct secret out = { 0 };
	struct key_message again;

	if (key_message_put(m, &out) != 0)
		return; /* not to be said, though it was understood */
	HOLDS(key_message_peek(secret_view(&out), &again) == 0);
	HOLDS(again.kind == m->kind && again.id == m->id && again.answer == m->answer);
	secret_free(&out);
}

static void question(struct bytes from)
{
	struct key_message m, head;

	m.job = NULL;
	if (key_message_peek(from, &head) != 0 || head.answer)
		return;
	if (key_message_take(from, &m) != 0)
		return;
	HOLDS(m.kind == head.kind && m.id == head.id);
	put_again(&m);
	if (m.job != NULL)
		job_free(m.job);
}

static struct job *job_asked(enum key_kind kind)
{
	struct job *j = job_new(kind == KEY_PPK ? JOB_PPK : JOB_SIGN);

	HOLDS(j != NULL);
	if (kind == KEY_PPK)
		j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	else
		j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	return j;
}

static void answer(struct bytes from)
{
	struct key_message m;

	if (key_message_peek(from, &m) != 0 || !m.answer)
		return;
	m.job = m.kind == KEY_SIGN || m.kind == KEY_PPK ? job_asked(m.kind) : NULL;
	struct job *asked = m.job;

	if (key_message_take(from, &m) == 0)
		put_again(&m);
	if (asked != NULL)
		job_free(asked);
}

FUZZ_TARGET(input)
{
	const uint8_t kind = feed_u8(input) % 4;
	struct exact e = exact_of(feed_rest(input));
	static void (*const kinds[])(struct bytes from) = { configuration, lists, question,
							    answer };

	kinds[kind](BYTES(e.p, e.n));
	exact_free(&e);
}
