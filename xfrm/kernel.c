/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/xfrm.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/secret.h"
#include "xfrm/decode.h"
#include "xfrm/encode.h"
#include "xfrm/kernel_inside.h"
#include "xfrm/resync.h"
#include "xfrm/shadow.h"

#define BATCH_ROOM 32768	    /* octets of requests in one send */
#define EVENT_QUEUE (16 << 20)	    /* octets the kernel may queue: acquires of a whole fleet */
#define REQUEST_QUEUE (1024 * 1024) /* octets: errors of a whole batch */
#define DUMP_TRIES 8		    /* a dump that changes while it is read starts again */

static ssize_t receive(const struct mnl_socket *s, void *buf, size_t room)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(s, buf, room);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* What one received buffer says about request seq: 1 if more is to come, else its outcome. */
static int take_answer(struct kernel *k, ssize_t n, uint32_t seq, take_fn take, void *arg,
		       bool *interrupted)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)k->answer;
	int left = (int)n, r;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return decode_error(nlh, k->error, sizeof(k->error));
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		if (take && (r = take(nlh, arg)))
			return r;
	}
	return 1;
}

static int send_request(struct kernel *k, struct nlmsghdr *nlh)
{
	nlh->nlmsg_seq = ++k->seq;
	nlh->nlmsg_pid = mnl_socket_get_portid(k->requests); /* what comes of it names it */
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		nlh->nlmsg_flags |= NLM_F_ACK;
	k->error[0] = '\0';
	return mnl_socket_sendto(k->requests, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

int kernel_ask(struct kernel *k, struct nlmsghdr *nlh, take_fn take, void *arg)
{
	bool interrupted = false;
	int r = send_request(k, nlh);

	if (r)
		return r;
	do {
		ssize_t n = receive(k->requests, k->answer, sizeof(k->answer));

		r = n < 0 ? (int)n : take_answer(k, n, k->seq, take, arg, &interrupted);
	} while (r == 1);
	return r ? r : interrupted ? -EINTR : 0;
}

static void enlarge(const struct mnl_socket *s, int octets)
{
	int fd = mnl_socket_get_fd(s);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
}

static struct mnl_socket *open_socket(unsigned groups, int queue)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	int saved;

	if (s && !mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID)) {
		enlarge(s, queue);
		return s;
	}
	saved = errno;
	if (s)
		mnl_socket_close(s);
	errno = saved;
	return NULL;
}

static unsigned group(unsigned n)
{
	return 1u << (n - 1);
}

/* Answers say why (extended), and do not repeat the request (it may hold keys). */
static void prepare_requests(struct kernel *k)
{
	union request buf;
	int on = 1, r;

	mnl_socket_setsockopt(k->requests, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(k->requests, NETLINK_CAP_ACK, &on, sizeof(on));
	k->knows_dir = kernel_ask(k, encode_sa_dir_probe(&buf), NULL, NULL) == -EINVAL;
	r = kernel_ask(k, encode_keepalive_probe(&buf), NULL, NULL);
	k->knows_keepalive = k->knows_dir && (r == -EINVAL || r == -ERANGE);
	k->error[0] = '\0';
}

bool kernel_knows_keepalive(const struct kernel *k)
{
	return k->knows_keepalive;
}

/*
 * Of what comes and goes only the going is heard, and not what this object itself asked for: in the
 * kernel, as a fleet's SAs would fill the queue. The fields are in host order, which a filter is
 * not.
 */
static int leave_out_what_we_did(const struct kernel *k)
{
	const uint32_t type = offsetof(struct nlmsghdr, nlmsg_type),
		       port = offsetof(struct nlmsghdr, nlmsg_pid);
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_FLUSHPOLICY), 7, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_FLUSHSA), 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_DELPOLICY), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_ACQUIRE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_EXPIRE), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_MAPPING), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, port),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(mnl_socket_get_portid(k->requests)), 0,
			 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = (struct sock_filter *)code,
	};

	return setsockopt(mnl_socket_get_fd(k->events), SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}

int kernel_open(struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int r;

	*out = NULL;
	if (!k)
		return -ENOMEM;
	k->requests = open_socket(0, REQUEST_QUEUE);
	if (k->requests)
		k->events = open_socket(group(XFRMNLGRP_ACQUIRE) | group(XFRMNLGRP_EXPIRE) |
						group(XFRMNLGRP_MAPPING) | group(XFRMNLGRP_POLICY) |
						group(XFRMNLGRP_SA),
					EVENT_QUEUE);
	if (!k->requests || !k->events || leave_out_what_we_did(k)) {
		r = -errno;
		kernel_close(k);
		return r;
	}
	prepare_requests(k);
	*out = k;
	return 0;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	if (k->requests)
		mnl_socket_close(k->requests);
	if (k->events)
		mnl_socket_close(k->events);
	wipe(k->answer, sizeof(k->answer));
	free(k);
}

const char *kernel_error(const struct kernel *k)
{
	return k->error;
}

int kernel_sa_add(struct kernel *k, const struct sa_spec *sa)
{
	union request buf;
	struct nlmsghdr *nlh = encode_sa_add(&buf, sa, k->knows_dir);
	int r = nlh ? kernel_ask(k, nlh, NULL, NULL) : -EINVAL;

	wipe(&buf, sizeof(buf));
	return r;
}

/* Notes the errors of n requests from `first` on. true: the last one's answer was among them. */
static bool take_errors(struct kernel *k, ssize_t got, uint32_t first, size_t n, int *errors)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)k->answer;
	bool last = false;
	int left = (int)got;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_seq - first >= n)
			continue;
		errors[nlh->nlmsg_seq - first] = decode_error(nlh, k->error, sizeof(k->error));
		last |= nlh->nlmsg_seq - first == n - 1;
	}
	return last;
}

/* All in one send; those that fail are answered, and the last one. */
static int send_sas(struct kernel *k, const struct sa_spec *const *sas, size_t n)
{
	union {
		uint64_t align8;
		uint8_t octets[KERNEL_SAS_MAX * ENCODE_ROOM];
	} all;
	union request buf;
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct nlmsghdr *nlh = encode_sa_add(&buf, sas[i], k->knows_dir);

		if (nlh == NULL) {
			r = -EINVAL;
			break;
		}
		nlh->nlmsg_seq = ++k->seq;
		nlh->nlmsg_pid = mnl_socket_get_portid(k->requests);
		nlh->nlmsg_flags |= i == n - 1 ? NLM_F_ACK : 0;
		memcpy(all.octets + len, nlh, nlh->nlmsg_len);
		len += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	k->error[0] = '\0';
	if (r == 0 && mnl_socket_sendto(k->requests, all.octets, len) < 0)
		r = -errno;
	wipe(&all, sizeof(all));
	wipe(&buf, sizeof(buf));
	return r;
}

int kernel_sas_add(struct kernel *k, const struct sa_spec *const *sas, size_t n, int *errors)
{
	const uint32_t first = k->seq + 1;
	int r = n <= KERNEL_SAS_MAX ? send_sas(k, sas, n) : -E2BIG;
	bool answered = r != 0 || n == 0;

	for (size_t i = 0; i < n; i++)
		errors[i] = r;
	while (!answered) {
		ssize_t got = receive(k->requests, k->answer, sizeof(k->answer));

		answered = got < 0 || take_errors(k, got, first, n, errors);
		for (size_t i = 0; got < 0 && i < n; i++)
			errors[i] = (int)got;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = errors[i];
	return r;
}

int kernel_sa_update(struct kernel *k, const struct sa_spec *sa)
{
	union request buf;
	struct nlmsghdr *nlh = encode_sa_update(&buf, sa, k->knows_dir);

	return nlh ? kernel_ask(k, nlh, NULL, NULL) : -EINVAL;
}

int kernel_sa_delete(struct kernel *k, const struct sa_ref *ref)
{
	union request buf;

	return kernel_ask(k, encode_sa_delete(&buf, ref), NULL, NULL);
}

/* What a dump yields, kept until it is complete. */
struct sa_list {
	bool others; /* those that are not ours */
	struct sa_held *p;
	size_t n, room;
};

static int list_sa(const struct nlmsghdr *nlh, void *arg)
{
	struct sa_list *list = arg;
	struct sa_held held;

	if (!decode_sa(nlh, &held) || (held.reqid != IKEMESH_REQID) != list->others)
		return 0;
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct sa_held *more = reallocarray(list->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->p = more;
		list->room = room;
	}
	list->p[list->n++] = held;
	return 0;
}

/* What is left of a dump that was given up: the socket is to be dry before the next request. */
static void drain(struct kernel *k)
{
	int fd = mnl_socket_get_fd(k->requests);

	while (recv(fd, k->answer, sizeof(k->answer), MSG_DONTWAIT) > 0)
		;
}

static int list_sas(struct kernel *k, struct sa_list *list)
{
	union request buf;
	int r = -EINTR;

	for (int try = 0; r == -EINTR && try < DUMP_TRIES; try++) {
		list->n = 0;
		r = kernel_ask(k, encode_sa_dump(&buf), list_sa, list);
	}
	if (r)
		drain(k);
	wipe(k->answer, sizeof(k->answer)); /* the kernel tells the keys too */
	return r;
}

static int dump_sas(struct kernel *k, bool others, int (*each)(const struct sa_held *, void *),
		    void *arg)
{
	struct sa_list list = { .others = others };
	int r = list_sas(k, &list);

	for (size_t i = 0; !r && i < list.n; i++)
		r = each(&list.p[i], arg);
	free(list.p);
	return r;
}

int kernel_sa_dump(struct kernel *k, int (*each)(const struct sa_held *, void *), void *arg)
{
	return dump_sas(k, false, each, arg);
}

int kernel_sa_dump_others(struct kernel *k, int (*each)(const struct sa_held *, void *), void *arg)
{
	return dump_sas(k, true, each, arg);
}

static int put_policy(struct kernel *k, const struct policy *p, bool replace)
{
	union request buf;

	return kernel_ask(k, encode_policy_put(&buf, p, replace), NULL, NULL);
}

int kernel_policy_add(struct kernel *k, const struct policy *p)
{
	return put_policy(k, p, false);
}

int kernel_policy_update(struct kernel *k, const struct policy *p)
{
	return put_policy(k, p, true);
}

/* Where it fails, its answer is passed over by the request that comes next. */
int kernel_policy_poke(struct kernel *k, const struct policy *p)
{
	union request buf;
	struct nlmsghdr *nlh = encode_policy_put(&buf, p, true);

	nlh->nlmsg_seq = ++k->seq;
	nlh->nlmsg_pid = mnl_socket_get_portid(k->requests);
	return mnl_socket_sendto(k->requests, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static int take_policy(const struct nlmsghdr *nlh, void *arg)
{
	struct policy_held *out = arg;

	decode_policy(nlh, out);
	return 0;
}

/* Our policy with this selector, as the kernel holds it. -ENOENT: none, or somebody else's. */
static int find_ours(struct kernel *k, const struct policy *p, struct policy_held *held)
{
	union request buf;
	int r;

	*held = (struct policy_held){ 0 };
	r = kernel_ask(k, encode_policy_get(&buf, p), take_policy, held);
	if (!r && !held->ours)
		return -ENOENT;
	return r;
}

int kernel_policy_delete(struct kernel *k, const struct policy *p)
{
	struct policy_held held;
	union request buf;
	int r = find_ours(k, p, &held);

	return r ? r : kernel_ask(k, encode_policy_delete(&buf, &held.policy), NULL, NULL);
}

int kernel_policy_delete_other(struct kernel *k, const struct policy_held *held)
{
	union request buf;

	return held->ours ? -EINVAL : kernel_ask(k, encode_policy_delete(&buf, &held->policy), NULL, NULL);
}

int kernel_policy_nudge(struct kernel *k, const struct policy *p)
{
	struct policy_held held;
	int r = find_ours(k, p, &held);

	return r ? r : put_policy(k, &held.policy, true);
}

int kernel_nudge(struct kernel *k, const struct policy_set *set, const struct ip *local,
		 const struct ip *remote)
{
	int first = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct policy *p = &set->p[i];
		int r;

		if (p->dir != POLICY_OUT || p->kind != POLICY_PROTECT ||
		    !subnet_contains(&p->src, local) || !subnet_contains(&p->dst, remote))
			continue;
		r = kernel_policy_nudge(k, p);
		if (!first)
			first = r;
	}
	return first;
}

struct policy_list {
	struct policy_held *p;
	size_t n, room;
};

static int list_policy(const struct nlmsghdr *nlh, void *arg)
{
	struct policy_list *list = arg;
	struct policy_held held;

	if (!decode_policy(nlh, &held))
		return 0;
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct policy_held *more = reallocarray(list->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->p = more;
		list->room = room;
	}
	list->p[list->n++] = held;
	return 0;
}

static int list_policies(struct kernel *k, struct policy_list *list)
{
	union request buf;
	int r = -EINTR;

	for (int try = 0; r == -EINTR && try < DUMP_TRIES; try++) {
		list->n = 0;
		r = kernel_ask(k, encode_policy_dump(&buf), list_policy, list);
	}
	if (r)
		drain(k);
	return r;
}

int kernel_policy_dump(struct kernel *k, int (*each)(const struct policy_held *, void *), void *arg)
{
	struct policy_list list = { 0 };
	int r = list_policies(k, &list);

	for (size_t i = 0; !r && i < list.n; i++)
		r = each(&list.p[i], arg);
	free(list.p);
	return r;
}

/*
 * Many requests in one send, each answered only if it fails, and the last one in any case: system
 * calls are dear.
 */
struct batch {
	struct kernel *k;
	struct nlmsghdr *last;
	size_t len;	/* octets */
	uint32_t count; /* requests not sent yet */
	uint32_t first; /* sequence number of the first of them */
	size_t done;	/* requests that the kernel carried out */
	int error;	/* the first one */
	uint8_t octets[BATCH_ROOM] __attribute__((aligned(8)));
};

static void batch_failed(struct batch *b, int error, const char *text)
{
	if (b->error)
		return;
	b->error = error;
	snprintf(b->k->error, sizeof(b->k->error), "%s", text);
}

/* Notes each error in a received buffer; true when the last request's answer was among them. */
static bool batch_answers(struct batch *b, ssize_t n)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)b->k->answer;
	char text[sizeof(b->k->error)];
	int left = (int)n;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int error;

		if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_seq - b->first >= b->count)
			continue;
		error = decode_error(nlh, text, sizeof(text));
		b->done -= error != 0;
		/* what was to be deleted is gone already */
		if (error && error != -ENOENT && error != -ESRCH)
			batch_failed(b, error, text);
		if (nlh->nlmsg_seq == b->first + b->count - 1)
			return true;
	}
	return false;
}

static void batch_flush(struct batch *b)
{
	bool complete = !b->count;

	if (!complete) {
		b->last->nlmsg_flags |= NLM_F_ACK;
		if (mnl_socket_sendto(b->k->requests, b->octets, b->len) < 0) {
			batch_failed(b, -errno, "");
			complete = true;
		} else {
			b->done += b->count;
		}
	}
	while (!complete) {
		ssize_t n = receive(b->k->requests, b->k->answer, sizeof(b->k->answer));

		if (n < 0)
			batch_failed(b, (int)n, "");
		complete = n < 0 || batch_answers(b, n);
	}
	b->len = b->count = 0;
}

static void batch_add(struct batch *b, struct nlmsghdr *nlh)
{
	if (b->len + NLMSG_ALIGN(nlh->nlmsg_len) > sizeof(b->octets))
		batch_flush(b);
	nlh->nlmsg_seq = ++b->k->seq;
	nlh->nlmsg_pid = mnl_socket_get_portid(b->k->requests);
	if (!b->count++)
		b->first = nlh->nlmsg_seq;
	b->last = (struct nlmsghdr *)(b->octets + b->len);
	memcpy(b->last, nlh, nlh->nlmsg_len);
	b->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

static void batch_init(struct batch *b, struct kernel *k)
{
	memset(b, 0, sizeof(*b));
	b->k = k;
	k->error[0] = '\0';
}

static void batch_step(struct batch *b, const struct resync_step *step)
{
	union request buf;

	switch (step->op) {
	case RESYNC_ADD:
		batch_add(b, encode_policy_put(&buf, &step->policy, false));
		break;
	case RESYNC_UPDATE:
		batch_add(b, encode_policy_put(&buf, &step->policy, true));
		break;
	case RESYNC_DELETE:
		batch_add(b, encode_policy_delete(&buf, &step->policy));
		break;
	}
}

/* What is to go stays where something that is to come was refused: rather too much than a gap. */
static void batch_plan(struct batch *b, const struct resync *plan)
{
	for (size_t i = 0; i < plan->n_building; i++)
		batch_step(b, &plan->step[i]);
	batch_flush(b);
	for (size_t i = plan->n_building, n = b->error ? i : plan->n; i < n; i++)
		batch_step(b, &plan->step[i]);
	batch_flush(b);
}

/* One pass over what is held. *blocked: how many of the wanted have a foreign one in their place.
 */
static int sync_once(struct kernel *k, const struct policy_set *wanted, size_t *changed,
		     size_t *blocked)
{
	struct policy_list held = { 0 };
	struct resync plan = { 0 };
	struct batch b;
	int r = list_policies(k, &held);

	batch_init(&b, k);
	if (!r)
		r = resync_plan(held.p, held.n, wanted, &plan);
	if (!r)
		batch_plan(&b, &plan);
	*changed = b.done;
	*blocked = plan.blocked;
	resync_free(&plan);
	free(held.p);
	return r ? r : b.error;
}

int kernel_policy_sync(struct kernel *k, const struct policy_set *wanted, size_t *changed)
{
	size_t blocked;
	int r = sync_once(k, wanted, changed, &blocked);

	if (!r && blocked) {
		snprintf(k->error, sizeof(k->error), "%zu policies of others have our selectors",
			 blocked);
		return -EEXIST;
	}
	return r;
}

int kernel_policy_shadows(struct kernel *k, const struct policy_set *wanted, struct shadows *out)
{
	struct policy_list held = { 0 };
	int r = list_policies(k, &held);

	if (!r)
		r = shadow_find(held.p, held.n, wanted, out);
	free(held.p);
	return r;
}

static int remove_sas(struct kernel *k, size_t *removed)
{
	struct sa_list list = { 0 };
	struct batch b;
	int r = list_sas(k, &list);

	batch_init(&b, k);
	for (size_t i = 0; !r && i < list.n; i++) {
		union request buf;

		if (!list.p[i].larval)
			batch_add(&b, encode_sa_delete(&buf, &list.p[i].ref));
	}
	batch_flush(&b);
	*removed = b.done;
	free(list.p);
	return r ? r : b.error;
}

int kernel_remove_ours(struct kernel *k, size_t *policies, size_t *sas)
{
	struct policy_set none = { 0 };
	size_t blocked;
	int r = sync_once(k, &none, policies, &blocked);
	int r2 = remove_sas(k, sas);

	return r ? r : r2;
}

static int take_default(const struct nlmsghdr *nlh, void *arg)
{
	return decode_default(nlh, arg) ? 0 : -EPROTO;
}

int kernel_default_get(struct kernel *k, struct policy_default *out)
{
	union request buf;

	*out = (struct policy_default){ DEFAULT_UNSPECIFIED };
	return kernel_ask(k, encode_default_get(&buf), take_default, out);
}

int kernel_default_set(struct kernel *k, const struct policy_default *d)
{
	union request buf;

	return kernel_ask(k, encode_default_set(&buf, d), NULL, NULL);
}

int kernel_event_fd(const struct kernel *k)
{
	return mnl_socket_get_fd(k->events);
}

static void take_events(const uint8_t *octets, size_t n,
			void (*each)(const struct kernel_event *, void *), void *arg)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)octets;
	int left = (int)n;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		struct kernel_event e;

		if (decode_event(nlh, &e) && e.reqid == IKEMESH_REQID)
			each(&e, arg);
	}
}

/* One receive call's worth of events. How many datagrams, or negative errno. */
static int receive_events(struct kernel *k, void (*each)(const struct kernel_event *, void *),
			  void *arg)
{
	struct sockaddr_nl from[EVENTS_AT_ONCE];
	struct mmsghdr msgs[EVENTS_AT_ONCE];
	struct iovec iov[EVENTS_AT_ONCE];
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (size_t i = 0; i < EVENTS_AT_ONCE; i++) {
		iov[i] = (struct iovec){ k->event[i], EVENT_ROOM };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &from[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(kernel_event_fd(k), msgs, EVENTS_AT_ONCE, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		if (!from[i].nl_pid) /* the kernel, and no process that plays it */
			take_events(k->event[i], msgs[i].msg_len, each, arg);
	return n;
}

int kernel_read_events(struct kernel *k, void (*each)(const struct kernel_event *, void *),
		       void *arg)
{
	static const struct kernel_event lost = { .kind = KERNEL_LOST };

	for (;;) {
		int n = receive_events(k, each, arg);

		/* Fewer than there was room for: there were no more. */
		if (n == -EAGAIN || (n >= 0 && n < EVENTS_AT_ONCE))
			return 0;
		if (n == -ENOBUFS)
			each(&lost, arg);
		else if (n < 0 && n != -EINTR)
			return n;
	}
}

int kernel_probe_esp(struct kernel *k)
{
	struct sa_spec sa = {
		.src = ip_v4(192, 0, 2, 1), /* RFC 5737: nobody's */
		.dst = ip_v4(192, 0, 2, 2),
		.encr = encr_by_id(ENCR_AES_GCM_16, 128),
		.hard_s = 1,
	};
	struct sa_ref ref = { .src = sa.src, .dst = sa.dst };
	int r;

	if (!sa.encr)
		return -EINVAL;
	sa.key_len = sa.encr->key_len + sa.encr->salt_len;
	r = random_fill((uint8_t *)&sa.spi, sizeof(sa.spi));
	if (!r)
		r = random_fill(sa.key, sa.key_len);
	sa.spi |= 0x100; /* RFC 4303 2.1: the first 255 are reserved */
	ref.spi = sa.spi;
	if (!r)
		r = kernel_sa_add(k, &sa);
	if (!r)
		kernel_sa_delete(k, &ref);
	wipe(&sa, sizeof(sa));
	return r;
}
