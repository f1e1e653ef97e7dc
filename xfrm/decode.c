/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/socket.h>

#include "ike/ip.h"
#include "xfrm/attribute.h"
#include "xfrm/beside.h"

static bool get_ip(uint16_t af, const xfrm_address_t *from, struct ip *out)
{
	if (af != AF_INET && af != AF_INET6)
		return false;
	*out = ip_from(af == AF_INET ? 4 : 6, (const uint8_t *)from);
	return true;
}

static bool get_subnet(uint16_t af, const xfrm_address_t *from, uint8_t prefix, struct subnet *out)
{
	out->prefix = prefix;
	return get_ip(af, from, &out->ip) && prefix <= ip_bits(&out->ip);
}

/* Copies the fixed part of a message of this type: in a dump it may not be aligned as it should.
 * false if the message is another or too short. */
static bool fixed_part(const struct nlmsghdr *nlh, uint16_t type, void *to, size_t size)
{
	if (nlh->nlmsg_type != type || nlh->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(size))
		return false;
	memcpy(to, NLMSG_DATA(nlh), size);
	return true;
}

static bool get_selector(const struct xfrm_selector *sel, struct policy *p)
{
	p->protocol = sel->proto;
	p->src_port = ntohs(sel->sport);
	p->src_port_mask = ntohs(sel->sport_mask);
	p->dst_port = ntohs(sel->dport);
	p->dst_port_mask = ntohs(sel->dport_mask);
	p->beside = sel->user == BESIDE_USER;
	return get_subnet(sel->family, &sel->saddr, sel->prefixlen_s, &p->src) &&
	       get_subnet(sel->family, &sel->daddr, sel->prefixlen_d, &p->dst);
}

static bool unspecified(const xfrm_address_t *a)
{
	static const xfrm_address_t none;

	return !memcmp(a->a6, none.a6, sizeof(none.a6));
}

/* Is it the template that encode.c writes, its optional flag aside? */
static bool plain_template(const struct xfrm_user_tmpl *t)
{
	return t->id.proto == IPPROTO_ESP && !t->id.spi && t->mode == XFRM_MODE_TRANSPORT &&
	       !t->share && unspecified(&t->id.daddr) && unspecified(&t->saddr) &&
	       t->aalgos == UINT32_MAX && t->ealgos == UINT32_MAX;
}

static void get_templates(struct bytes templates, struct policy_held *out)
{
	struct xfrm_user_tmpl t;

	if (templates.n < sizeof(t))
		return;
	memcpy(&t, templates.p, sizeof(t));
	if (out->policy.kind == POLICY_BYPASS)
		out->policy.kind = POLICY_PROTECT;
	out->policy.optional = t.optional;
	out->tmpl_reqid = t.reqid;
	out->tunnel = t.mode == XFRM_MODE_TUNNEL;
	out->odd |= templates.n != sizeof(t) || !plain_template(&t);
}

static void get_policy_attributes(const struct nlmsghdr *nlh, size_t fixed, struct policy_held *out)
{
	struct attributes a = attributes_of(nlh, fixed);
	struct attribute attr;

	while (attribute_next(&a, &attr)) {
		switch (attr.type) {
		case XFRMA_TMPL:
			get_templates(attr.value, out);
			break;
		case XFRMA_MARK:
		case XFRMA_IF_ID:
		case XFRMA_SEC_CTX:
			out->apart = true;
			break;
		case XFRMA_OFFLOAD_DEV:
			out->odd = true;
			break;
		default:
			break;
		}
	}
}

/* Its attributes stand behind the message's fixed part. */
static bool get_policy(const struct xfrm_userpolicy_info *info, const struct nlmsghdr *nlh,
		       size_t fixed, struct policy_held *out)
{
	struct policy *p = &out->policy;

	if (info->dir > POLICY_FWD)
		return false; /* other directions: policies of sockets */
	p->dir = (enum policy_dir)info->dir;
	p->kind = info->action == XFRM_POLICY_ALLOW ? POLICY_BYPASS : POLICY_BLOCK;
	p->priority = info->priority;
	p->index = info->index;
	if (!get_selector(&info->sel, p))
		return false;
	out->odd = info->flags || info->share;
	out->apart = info->sel.ifindex;
	get_policy_attributes(nlh, fixed, out);
	out->ours = !out->apart && policy_is_ours(p, out->tmpl_reqid);
	return true;
}

bool decode_policy(const struct nlmsghdr *nlh, struct policy_held *out)
{
	struct xfrm_userpolicy_info info;

	*out = (struct policy_held){ 0 };
	return fixed_part(nlh, XFRM_MSG_NEWPOLICY, &info, sizeof(info)) &&
	       get_policy(&info, nlh, sizeof(info), out);
}

bool decode_default(const struct nlmsghdr *nlh, struct policy_default *out)
{
	struct xfrm_userpolicy_default d;

	if (!fixed_part(nlh, XFRM_MSG_GETDEFAULT, &d, sizeof(d)))
		return false;
	out->in = (enum default_action)d.in;
	out->fwd = (enum default_action)d.fwd;
	out->out = (enum default_action)d.out;
	return true;
}

static bool get_sa_name(const struct xfrm_usersa_info *info, struct sa_ref *out)
{
	out->spi = ntohl(info->id.spi);
	return info->id.proto == IPPROTO_ESP && get_ip(info->family, &info->saddr, &out->src) &&
	       get_ip(info->family, &info->id.daddr, &out->dst);
}

bool decode_sa(const struct nlmsghdr *nlh, struct sa_held *out)
{
	struct xfrm_usersa_info info;
	uint64_t used;

	*out = (struct sa_held){ 0 };
	if (!fixed_part(nlh, XFRM_MSG_NEWSA, &info, sizeof(info)) || !get_sa_name(&info, &out->ref))
		return false;
	out->reqid = info.reqid;
	out->larval = !info.id.spi;
	out->transport = info.mode == XFRM_MODE_TRANSPORT;
	out->soft_reached = info.curlft.packets >= info.lft.soft_packet_limit ||
			    info.curlft.bytes >= info.lft.soft_byte_limit;
	out->counters.bytes = info.curlft.bytes;
	out->counters.packets = info.curlft.packets;
	out->counters.added = (int64_t)info.curlft.add_time;
	out->counters.last_used =
		(int64_t)info.curlft.use_time; /* the first; older kernels know no more */
	if (attribute_get(nlh, sizeof(info), XFRMA_LASTUSED, &used, sizeof(used)))
		out->counters.last_used = (int64_t)used;
	return true;
}

static bool decode_acquire(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	struct xfrm_user_acquire a;
	struct xfrm_user_tmpl t;

	if (!fixed_part(nlh, XFRM_MSG_ACQUIRE, &a, sizeof(a)) || a.id.proto != IPPROTO_ESP ||
	    !attribute_get(nlh, sizeof(a), XFRMA_TMPL, &t, sizeof(t)))
		return false;
	out->kind = KERNEL_ACQUIRE;
	out->reqid = t.reqid;
	out->protocol = a.sel.proto;
	out->src_port = ntohs(a.sel.sport);
	out->dst_port = ntohs(a.sel.dport);
	out->seq = a.seq;
	out->policy_index = a.policy.index;
	return get_ip(t.family, &a.saddr, &out->src) && get_ip(t.family, &a.id.daddr, &out->dst);
}

static bool decode_expire(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	struct xfrm_user_expire e;
	struct sa_ref ref;

	if (!fixed_part(nlh, XFRM_MSG_EXPIRE, &e, sizeof(e)) || !e.state.id.spi ||
	    !get_sa_name(&e.state, &ref))
		return false;
	out->kind = KERNEL_EXPIRE;
	out->reqid = e.state.reqid;
	out->src = ref.src;
	out->dst = ref.dst;
	out->spi = ref.spi;
	out->hard = e.hard;
	return true;
}

static bool decode_mapping(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	struct xfrm_user_mapping m;

	if (!fixed_part(nlh, XFRM_MSG_MAPPING, &m, sizeof(m)) || m.id.proto != IPPROTO_ESP)
		return false;
	out->kind = KERNEL_MAPPING;
	out->reqid = m.reqid;
	out->spi = ntohl(m.id.spi);
	out->new_src_port = ntohs(m.new_sport);
	return get_ip(m.id.family, &m.id.daddr, &out->dst) &&
	       get_ip(m.id.family, &m.old_saddr, &out->src) &&
	       get_ip(m.id.family, &m.new_saddr, &out->new_src);
}

/* Whose it was stands in it: as it would be listed. */
static bool decode_policy_removed(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	struct xfrm_userpolicy_info info;
	struct xfrm_userpolicy_id id;
	struct policy_held held = { 0 };

	if (!fixed_part(nlh, XFRM_MSG_DELPOLICY, &id, sizeof(id)) ||
	    !attribute_get(nlh, sizeof(id), XFRMA_POLICY, &info, sizeof(info)) ||
	    !get_policy(&info, nlh, sizeof(id), &held) || !held.ours)
		return false;
	out->kind = KERNEL_POLICY_REMOVED;
	out->policy_index = info.index;
	out->reqid = IKEMESH_REQID;
	return true;
}

static bool decode_flush(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	if (nlh->nlmsg_type != XFRM_MSG_FLUSHPOLICY && nlh->nlmsg_type != XFRM_MSG_FLUSHSA)
		return false;
	out->kind = nlh->nlmsg_type == XFRM_MSG_FLUSHPOLICY ? KERNEL_POLICY_REMOVED
							    : KERNEL_SAS_REMOVED;
	out->reqid = IKEMESH_REQID; /* ours among them */
	return true;
}

bool decode_event(const struct nlmsghdr *nlh, struct kernel_event *out)
{
	*out = (struct kernel_event){ 0 };
	return decode_acquire(nlh, out) || decode_expire(nlh, out) || decode_mapping(nlh, out) ||
	       decode_policy_removed(nlh, out) || decode_flush(nlh, out);
}

/* What was asked is repeated in front of the extended text, unless the kernel capped it. */
static size_t error_fixed_part(const struct nlmsghdr *nlh, const struct nlmsgerr *e)
{
	size_t fixed = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > NLMSG_HDRLEN)
		fixed += e->msg.nlmsg_len - NLMSG_HDRLEN;
	return fixed;
}

static void get_text(struct bytes from, char *text, size_t size)
{
	size_t n = 0;

	for (; n + 1 < size && n < from.n && from.p[n]; n++)
		text[n] = from.p[n] < ' ' || from.p[n] > '~' ? '?' : (char)from.p[n];
	text[n] = '\0';
}

int decode_error(const struct nlmsghdr *nlh, char *text, size_t size)
{
	struct attribute attr;
	struct attributes a;
	struct nlmsgerr e;

	text[0] = '\0';
	if (!fixed_part(nlh, NLMSG_ERROR, &e, sizeof(e)))
		return -EPROTO;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return e.error;
	a = attributes_of(nlh, error_fixed_part(nlh, &e));
	while (attribute_next(&a, &attr))
		if (attr.type == NLMSGERR_ATTR_MSG)
			get_text(attr.value, text, size);
	return e.error;
}
