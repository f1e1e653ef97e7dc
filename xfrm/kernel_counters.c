/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of SAs: of one, or of many in a few system calls. */
#include "xfrm/kernel_inside.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/secret.h"
#include "xfrm/decode.h"

#define ANSWER_LEN 4096 /* octets of the answer to one request; 16 fit where a dump does */
#define ANSWERS_AT_ONCE (ANSWER_ROOM / ANSWER_LEN)
#define REQUEST_LEN 128 /* octets of one request */

static int take_sa(const struct nlmsghdr *nlh, void *arg)
{
	struct sa_held *out = arg;

	decode_sa(nlh, out);
	return 0;
}

static int get_sa(struct kernel *k, const struct sa_ref *ref, struct sa_held *out)
{
	union request buf;
	int r;

	*out = (struct sa_held){ 0 };
	r = kernel_ask(k, encode_sa_get(&buf, ref), take_sa, out);
	wipe(k->answer, ENCODE_ROOM); /* the kernel tells the keys too */
	return r;
}

int kernel_sa_find(struct kernel *k, const struct sa_ref *ref)
{
	struct sa_held held;

	return get_sa(k, ref, &held);
}

int kernel_sa_counters(struct kernel *k, const struct sa_ref *ref, struct sa_counters *out)
{
	struct sa_held held;
	int r = get_sa(k, ref, &held);

	*out = held.counters;
	if (!r && held.reqid != IKEMESH_REQID)
		return -ESRCH;
	return r;
}

/* ---- of many ------------------------------------------------------------------------------- */

/* The last one asks for an acknowledgement too: then all have been answered. */
static int send_gets(struct kernel *k, const struct sa_ref *refs, size_t n)
{
	union {
		uint64_t align8;
		uint8_t octets[KERNEL_COUNTERS_MAX * REQUEST_LEN];
	} all;
	union request buf;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *nlh = encode_sa_get(&buf, &refs[i]);

		if (nlh->nlmsg_len > REQUEST_LEN)
			return -EMSGSIZE;
		nlh->nlmsg_seq = ++k->seq;
		nlh->nlmsg_pid = mnl_socket_get_portid(k->requests);
		nlh->nlmsg_flags |= i == n - 1 ? NLM_F_ACK : 0;
		memcpy(all.octets + len, nlh, nlh->nlmsg_len);
		len += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	k->error[0] = '\0';
	return mnl_socket_sendto(k->requests, all.octets, len) < 0 ? -errno : 0;
}

/* true: it was the acknowledgement, or the error, of the last request. */
static bool take_one(struct kernel *k, const struct nlmsghdr *nlh, uint32_t first, size_t n,
		     struct sa_counters *out, int *errors)
{
	const uint32_t i = nlh->nlmsg_seq - first;
	struct sa_held held = { 0 };
	int r;

	if (i >= n)
		return false;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		r = decode_error(nlh, k->error, sizeof(k->error));
		errors[i] = r != 0 ? r : errors[i];
		return i == n - 1;
	}
	decode_sa(nlh, &held);
	out[i] = held.counters;
	errors[i] = held.reqid == IKEMESH_REQID ? 0 : -ESRCH;
	return false;
}

/* As many datagrams as are there. 1: more are to come, 0: that was the last, or negative errno. */
static int receive_some(struct kernel *k, uint32_t first, size_t n, struct sa_counters *out,
			int *errors)
{
	struct mmsghdr msgs[ANSWERS_AT_ONCE];
	struct iovec iov[ANSWERS_AT_ONCE];
	bool last = false;
	int got;

	memset(msgs, 0, sizeof(msgs));
	for (size_t i = 0; i < ANSWERS_AT_ONCE; i++) {
		iov[i] = (struct iovec){ k->answer + i * ANSWER_LEN, ANSWER_LEN };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	do
		got = recvmmsg(mnl_socket_get_fd(k->requests), msgs, ANSWERS_AT_ONCE,
			       MSG_WAITFORONE, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (int i = 0; i < got; i++) {
		const struct nlmsghdr *nlh = iov[i].iov_base;
		int left = (int)msgs[i].msg_len;

		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			last |= take_one(k, nlh, first, n, out, errors);
		wipe(iov[i].iov_base, msgs[i].msg_len); /* the kernel tells the keys too */
	}
	return !last;
}

void kernel_sas_counters(struct kernel *k, const struct sa_ref *refs, size_t n,
			 struct sa_counters *out, int *errors)
{
	const uint32_t first = k->seq + 1;
	int r = n <= KERNEL_COUNTERS_MAX ? send_gets(k, refs, n) : -E2BIG;

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct sa_counters){ 0 };
		errors[i] = r != 0 ? r : -EIO; /* until its answer comes */
	}
	if (r != 0 || n == 0)
		return;
	do
		r = receive_some(k, first, n, out, errors);
	while (r == 1);
	for (size_t i = 0; r < 0 && i < n; i++)
		errors[i] = errors[i] == -EIO ? r : errors[i];
}
