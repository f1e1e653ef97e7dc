/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between engine and keyholder: there and back, and what others might send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/key_message.h"
#include "lib/flip.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct blob octets(const char *text)
{
	struct blob b;

	assert_int_equal(blob_copy(&b, BYTES((const uint8_t *)text, strlen(text))), 0);
	return b;
}

/* The header of an IKE_SA_INIT and two octets of a nonce. */
static const uint8_t sa_init[30] = { [0] = 1, [17] = 0x20, [18] = 34, [19] = 8, [27] = 28, 2, 3 };

static struct job *sign_job(void)
{
	struct job *j = job_new(JOB_SIGN);

	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, BYTES(sa_init, sizeof(sa_init))), 0);
	return j;
}

static struct job *ppk_job(void)
{
	struct job *j = job_new(JOB_PPK);

	j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	j->id = octets("mesh");
	for (size_t i = 0; i < JOB_SK; i++) {
		assert_int_equal(secret_new(&j->sk[i], 32), 0);
		memset(j->sk[i].p, (int)i + 1, 32);
	}
	return j;
}

/* The message as the other side has it; job NULL: it is made anew. */
static struct key_message send_over(const struct key_message *m, struct job *job)
{
	struct key_message out;
	struct secret wire = { 0 };

	assert_int_equal(key_message_put(m, &wire), 0);
	assert_int_equal(key_message_peek(secret_view(&wire), &out), 0);
	assert_int_equal(out.kind, m->kind);
	assert_int_equal(out.id, m->id);
	assert_int_equal(out.answer, m->answer);
	assert_int_equal(out.result, m->result);
	out.job = job;
	assert_int_equal(key_message_take(secret_view(&wire), &out), 0);
	secret_free(&wire);
	return out;
}

static void test_signing(void **state)
{
	struct job *asked = sign_job(), *done;
	struct key_message m = { .kind = KEY_SIGN,
				 .id = UINT64_C(0x1122334455667788),
				 .fingerprint = "aa:bb",
				 .job = asked };
	struct key_message there, back;

	(void)state;
	there = send_over(&m, NULL);
	assert_string_equal(there.fingerprint, "aa:bb");
	assert_ptr_equal(there.job->scheme, asked->scheme);
	assert_true(bytes_equal(blob_view(&there.job->tbs), blob_view(&asked->tbs)));

	done = there.job;
	done->signature = octets("signature");
	strcpy(done->judged.text, "");
	back = send_over(
		&(struct key_message){ .kind = KEY_SIGN, .answer = true, .id = m.id, .job = done },
		asked);
	assert_ptr_equal(back.job, asked);
	assert_int_equal(asked->result, 0);
	assert_true(bytes_equal(blob_view(&asked->signature), blob_view(&done->signature)));

	/* A refusal takes the place of what was there. */
	blob_free(&done->signature);
	strcpy(done->judged.text, "expired");
	send_over(
		&(struct key_message){
			.kind = KEY_SIGN, .answer = true, .result = -EKEYEXPIRED, .job = done },
		asked);
	assert_int_equal(asked->result, -EKEYEXPIRED);
	assert_int_equal(asked->signature.n, 0);
	assert_string_equal(asked->judged.text, "expired");
	job_free(done);
	job_free(asked);
}

/* RFC 7296 2.15: it begins with a whole IKE_SA_INIT message, and goes on. */
static void test_nothing_else_is_signed(void **state)
{
	static const struct {
		size_t at;
		uint8_t octet;
	} wrong[] = { { 17, 0x10 }, { 18, 35 }, { 18, 0x20 }, { 23, 1 },
		      { 24, 1 },    { 27, 27 }, { 27, 30 },   { 27, 31 } };
	struct job *j = sign_job();
	struct key_message m = { .kind = KEY_SIGN, .job = j }, out;
	struct secret wire = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const uint8_t right = j->tbs.p[wrong[i].at];

		j->tbs.p[wrong[i].at] = wrong[i].octet;
		assert_int_equal(key_message_put(&m, &wire), 0);
		assert_int_equal(key_message_take(secret_view(&wire), &out), -EBADMSG);
		assert_null(out.job);
		secret_free(&wire);
		j->tbs.p[wrong[i].at] = right;
	}
	for (size_t n = 0; n <= 28; n++) {
		j->tbs.n = n;
		assert_int_equal(key_message_put(&m, &wire), 0);
		assert_int_equal(key_message_take(secret_view(&wire), &out), -EBADMSG);
		secret_free(&wire);
	}
	j->tbs.n = 29;
	assert_int_equal(key_message_put(&m, &wire), 0);
	assert_int_equal(key_message_take(secret_view(&wire), &out), 0);
	job_free(out.job);
	secret_free(&wire);
	job_free(j);
}

static void test_each_scheme(void **state)
{
	struct job *j = sign_job();

	(void)state;
	for (const struct sig_scheme *const *s = sig_all(); *s != NULL; s++) {
		struct key_message m = { .kind = KEY_SIGN, .job = j };

		j->scheme = *s;
		m = send_over(&m, NULL);
		assert_ptr_equal(m.job->scheme, *s);
		job_free(m.job);
	}
	job_free(j);
}

static void test_a_ppk(void **state)
{
	struct job *asked = ppk_job(), *done;
	struct key_message m = { .kind = KEY_PPK, .job = asked };

	(void)state;
	done = send_over(&m, NULL).job;
	assert_ptr_equal(done->prf, asked->prf);
	assert_true(bytes_equal(blob_view(&done->id), blob_view(&asked->id)));
	assert_memory_equal(done->sk[2].p, asked->sk[2].p, 32);
	memset(done->sk[0].p, 0x77, 32);
	send_over(&(struct key_message){ .kind = KEY_PPK, .answer = true, .job = done }, asked);
	assert_int_equal(asked->sk[0].p[31], 0x77);
	job_free(done);
	job_free(asked);
}

static void test_the_others(void **state)
{
	static const struct key_message all[] = {
		{ .kind = KEY_HELLO, .version = KEY_VERSION },
		{ .kind = KEY_HELLO, .answer = true, .result = -EPROTO, .version = "another" },
		{ .kind = KEY_PING, .id = 1 },
		{ .kind = KEY_PING, .answer = true, .resident = UINT64_MAX, .cpu_us = 5 },
		{ .kind = KEY_LOAD, .id = 2 },
		{ .kind = KEY_LOAD, .answer = true, .serial = UINT64_MAX },
		{ .kind = KEY_COMMIT, .serial = 7 },
		{ .kind = KEY_LOOK, .serial = 8 },
		{ .kind = KEY_LOOK, .answer = true, .serial = 9 },
		{ .kind = KEY_CHECK, .path = "/etc/ikemesh/other.yml" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct key_message m = send_over(&all[i], NULL);

		assert_int_equal(m.serial, all[i].serial);
		assert_int_equal(m.resident, all[i].resident);
		assert_int_equal(m.cpu_us, all[i].cpu_us);
		assert_string_equal(m.path, all[i].path);
		assert_string_equal(m.version, all[i].version);
		assert_null(m.job);
	}
}

static void test_what_is_too_long(void **state)
{
	struct job *j = sign_job();
	struct key_message m = { .kind = KEY_SIGN, .job = j };
	struct secret wire = { 0 };

	(void)state;
	blob_free(&j->tbs);
	j->tbs.n = KEY_MESSAGE_MAX;
	j->tbs.p = calloc(1, j->tbs.n);
	assert_int_equal(key_message_put(&m, &wire), -EINVAL);
	assert_null(wire.p);
	job_free(j);
}

/* Either side takes what it can, and nothing is read beyond it. */
static void try_both(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct key_message m;

	(void)arg;
	(void)what;
	if (key_message_peek(BYTES(p, n), &m) != 0)
		return;
	m.job = m.answer ? job_new(m.kind == KEY_PPK ? JOB_PPK : JOB_SIGN) : NULL;
	struct job *mine = m.job;
	if (key_message_take(BYTES(p, n), &m) != 0)
		assert_null(m.job);
	else if (mine == NULL)
		mine = m.job;
	job_free(mine);
}

static void test_octets_of_others(void **state)
{
	struct job *jobs[] = { sign_job(), ppk_job() };

	(void)state;
	jobs[0]->signature = octets("signature");
	for (int i = 0; i < 4; i++) {
		const struct key_message m = { .kind = i / 2 == 0 ? KEY_SIGN : KEY_PPK,
					       .answer = i % 2 == 1,
					       .fingerprint = "aa:bb",
					       .job = jobs[i / 2] };
		struct secret wire = { 0 };

		assert_int_equal(key_message_put(&m, &wire), 0);
		flip_all(secret_view(&wire), try_both, NULL);
		secret_free(&wire);
	}
	job_free(jobs[0]);
	job_free(jobs[1]);
}

/* An answer for one kind of job is none for another. */
static void test_an_answer_of_another_kind(void **state)
{
	struct job *sign = sign_job(), *ppk = ppk_job();
	struct key_message m = { .kind = KEY_PPK, .answer = true, .job = ppk };
	struct secret wire = { 0 };

	(void)state;
	assert_int_equal(key_message_put(&m, &wire), 0);
	m.job = sign;
	assert_int_equal(key_message_take(secret_view(&wire), &m), -EBADMSG);
	m.job = NULL;
	assert_int_equal(key_message_take(secret_view(&wire), &m), -EBADMSG);
	secret_free(&wire);
	job_free(sign);
	job_free(ppk);
}

/* ---- the channel --------------------------------------------------------------------------- */

static void test_content_goes_along(void **state)
{
	const struct bytes text = BYTES((const uint8_t *)"what is long", 12);
	uint8_t buffer[16];
	struct secret got;
	int ends[2], fd, content;
	size_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(key_channel_receive(ends[1], buffer, sizeof(buffer), &n, &content),
			 -EAGAIN);
	fd = key_content_put(text);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1); /* it is sealed */
	assert_int_equal(key_channel_send(ends[0], BYTES(text.p, 4), fd), 0);
	close(fd);
	assert_int_equal(key_channel_receive(ends[1], buffer, sizeof(buffer), &n, &content), 0);
	assert_int_equal(n, 4);
	assert_int_equal(key_content_take(content, &got), 0);
	assert_true(bytes_equal(secret_view(&got), text));
	secret_free(&got);
	close(content);
	/* One octet too many, and the end. */
	assert_int_equal(
		key_channel_send(ends[0], BYTES((const uint8_t *)"0123456789abcdefX", 17), -1), 0);
	assert_int_equal(key_channel_receive(ends[1], buffer, sizeof(buffer), &n, &content),
			 -EBADMSG);
	close(ends[0]);
	assert_int_equal(key_channel_receive(ends[1], buffer, sizeof(buffer), &n, &content),
			 -EPIPE);
	close(ends[1]);
}

/* Memory that its maker may still change, and a file, are no content. */
static void test_content_that_is_none(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct secret got;
	int ends[2];

	(void)state;
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(key_content_take(fd, &got), -EBADMSG);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(key_content_take(ends[0], &got), -EBADMSG);
	close(ends[0]);
	close(ends[1]);
}

static void test_descriptors_that_are_too_many(void **state)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(2 * sizeof(int))];
	} a = { 0 };
	struct iovec part = { .iov_base = (void *)"x", .iov_len = 1 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = a.octets,
			    .msg_controllen = sizeof(a.octets) };
	uint8_t buffer[16];
	int ends[2], two[2] = { 0, 1 }, content, before = dup(0), after;
	size_t n;

	(void)state;
	close(before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	a.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS,
				   .cmsg_len = CMSG_LEN(sizeof(two)) };
	memcpy(CMSG_DATA(&a.head), two, sizeof(two));
	assert_int_equal(sendmsg(ends[0], &m, 0), 1);
	assert_int_equal(key_channel_receive(ends[1], buffer, sizeof(buffer), &n, &content),
			 -EBADMSG);
	assert_int_equal(content, -1);
	close(ends[0]);
	close(ends[1]);
	after = dup(0); /* none of them is left open */
	assert_int_equal(after, before);
	close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_nothing_else_is_signed),
		cmocka_unit_test(test_each_scheme),
		cmocka_unit_test(test_a_ppk),
		cmocka_unit_test(test_the_others),
		cmocka_unit_test(test_what_is_too_long),
		cmocka_unit_test(test_octets_of_others),
		cmocka_unit_test(test_an_answer_of_another_kind),
		cmocka_unit_test(test_content_goes_along),
		cmocka_unit_test(test_content_that_is_none),
		cmocka_unit_test(test_descriptors_that_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
