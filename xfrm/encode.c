/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/encode.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ike/ip.h"
#include "xfrm/beside.h"

/* As the kernel's crypto names what IANA numbers. */
static const struct {
	uint16_t id;
	const char *name;
} encr_names[] = {
	{ ENCR_AES_CBC, "cbc(aes)" },
	{ ENCR_AES_GCM_16, "rfc4106(gcm(aes))" },
}, integ_names[] = {
	{ AUTH_HMAC_SHA2_256_128, "hmac(sha256)" },
	{ AUTH_HMAC_SHA2_384_192, "hmac(sha384)" },
	{ AUTH_HMAC_SHA2_512_256, "hmac(sha512)" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALG_NAME_ROOM 64     /* of alg_name in the kernel's structs */
#define REPLAY_LEGACY_MAX 32 /* packets: beyond, the window needs a bitmap */

static const char *encr_name(uint16_t id)
{
	for (size_t i = 0; i < COUNT(encr_names); i++)
		if (encr_names[i].id == id)
			return encr_names[i].name;
	return NULL;
}

static const char *integ_name(uint16_t id)
{
	for (size_t i = 0; i < COUNT(integ_names); i++)
		if (integ_names[i].id == id)
			return integ_names[i].name;
	return NULL;
}

static uint16_t af(const struct ip *ip)
{
	return ip->family == 4 ? AF_INET : AF_INET6;
}

static void put_ip(xfrm_address_t *to, const struct ip *ip)
{
	memcpy(to, ip->b, ip_len(ip));
}

static struct nlmsghdr *start(void *buf, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	return nlh;
}

static uint64_t limit(uint64_t n)
{
	return n ? n : XFRM_INF;
}

/*
 * The kernel looks at the limits before it counts a packet. So a hard limit of n lets n packets
 * pass, and to be told of packet n takes a soft limit of n - 1: of none for the first one.
 */
static void put_lifetime(struct xfrm_lifetime_cfg *lft, const struct sa_spec *sa)
{
	lft->soft_byte_limit = limit(sa->soft_bytes);
	lft->hard_byte_limit = limit(sa->hard_bytes);
	lft->soft_packet_limit = sa->soft_packets ? sa->soft_packets - 1 : XFRM_INF;
	lft->hard_packet_limit = limit(sa->hard_packets);
	lft->soft_add_expires_seconds = sa->soft_s;
	lft->hard_add_expires_seconds = sa->hard_s;
}

/* Host to host: a peer speaks for its own address only. */
static void put_sa_selector(struct xfrm_selector *sel, const struct sa_spec *sa)
{
	put_ip(&sel->saddr, &sa->src);
	put_ip(&sel->daddr, &sa->dst);
	sel->prefixlen_s = (uint8_t)ip_bits(&sa->src);
	sel->prefixlen_d = (uint8_t)ip_bits(&sa->dst);
	sel->family = af(&sa->src);
	sel->proto = sa->sel_protocol;
	sel->sport = htons(sa->sel_src_port);
	sel->sport_mask = sa->sel_src_port ? 0xffff : 0;
	sel->dport = htons(sa->sel_dst_port);
	sel->dport_mask = sa->sel_dst_port ? 0xffff : 0;
}

static void put_name(char out[static ALG_NAME_ROOM], const char *name)
{
	snprintf(out, ALG_NAME_ROOM, "%s", name);
}

static void put_aead(struct nlmsghdr *nlh, const struct sa_spec *sa)
{
	struct {
		struct xfrm_algo_aead a;
		uint8_t key[SA_KEY_MAX];
	} alg = { 0 };

	put_name(alg.a.alg_name, encr_name(sa->encr->id));
	alg.a.alg_key_len = (uint32_t)sa->key_len * 8;
	alg.a.alg_icv_len = (uint32_t)sa->encr->icv_len * 8;
	memcpy(alg.a.alg_key, sa->key, sa->key_len);
	mnl_attr_put(nlh, XFRMA_ALG_AEAD, sizeof(alg.a) + sa->key_len, &alg);
	wipe(&alg, sizeof(alg));
}

static void put_crypt(struct nlmsghdr *nlh, const struct encr_alg *encr, const uint8_t *key)
{
	struct {
		struct xfrm_algo a;
		uint8_t key[ENCR_MAX_KEY];
	} alg = { 0 };

	put_name(alg.a.alg_name, encr_name(encr->id));
	alg.a.alg_key_len = (uint32_t)encr->key_len * 8;
	memcpy(alg.a.alg_key, key, encr->key_len);
	mnl_attr_put(nlh, XFRMA_ALG_CRYPT, sizeof(alg.a) + encr->key_len, &alg);
	wipe(&alg, sizeof(alg));
}

static void put_auth(struct nlmsghdr *nlh, const struct integ_alg *integ, const uint8_t *key)
{
	struct {
		struct xfrm_algo_auth a;
		uint8_t key[INTEG_MAX_LEN];
	} alg = { 0 };

	put_name(alg.a.alg_name, integ_name(integ->id));
	alg.a.alg_key_len = (uint32_t)integ->key_len * 8;
	alg.a.alg_trunc_len = (uint32_t)integ->icv_len * 8;
	memcpy(alg.a.alg_key, key, integ->key_len);
	mnl_attr_put(nlh, XFRMA_ALG_AUTH_TRUNC, sizeof(alg.a) + integ->key_len, &alg);
	wipe(&alg, sizeof(alg));
}

static bool keyed_well(const struct sa_spec *sa)
{
	const struct encr_alg *encr = sa->encr;
	size_t len;

	if (!encr || !encr_name(encr->id) || encr->aead == (sa->integ != NULL))
		return false;
	if (sa->integ && !integ_name(sa->integ->id))
		return false;
	len = encr->key_len + encr->salt_len + (sa->integ ? sa->integ->key_len : 0);
	return sa->key_len == len && len <= SA_KEY_MAX && encr->key_len <= ENCR_MAX_KEY &&
	       (!sa->integ || sa->integ->key_len <= INTEG_MAX_LEN);
}

static void put_keys(struct nlmsghdr *nlh, const struct sa_spec *sa)
{
	if (sa->encr->aead) {
		put_aead(nlh, sa);
		return;
	}
	put_auth(nlh, sa->integ, sa->key + sa->encr->key_len);
	put_crypt(nlh, sa->encr, sa->key);
}

/* RFC 3948: ESP in UDP. */
static void put_encap(struct nlmsghdr *nlh, const struct sa_spec *sa)
{
	struct xfrm_encap_tmpl encap = {
		.encap_type = 2, /* UDP_ENCAP_ESPINUDP */
		.encap_sport = htons(sa->encap_src_port),
		.encap_dport = htons(sa->encap_dst_port),
	};

	mnl_attr_put(nlh, XFRMA_ENCAP, sizeof(encap), &encap);
}

/* How large a window the SA is to have; a sender needs none, but for older kernels with ESN. */
static uint32_t replay_window(const struct sa_spec *sa, bool knows_dir)
{
	if (!sa->inbound)
		return sa->esn && !knows_dir ? 1 : 0;
	if (sa->replay_window > XFRMA_REPLAY_ESN_MAX)
		return XFRMA_REPLAY_ESN_MAX;
	return sa->esn && !sa->replay_window ? 1 : sa->replay_window;
}

/* The window's bitmap may be left out: the kernel makes it, empty, of so many words. */
static void put_replay(struct nlmsghdr *nlh, struct xfrm_usersa_info *info,
		       const struct sa_spec *sa, bool knows_dir)
{
	uint32_t window = replay_window(sa, knows_dir);
	struct xfrm_replay_state_esn replay = { .bmp_len = (window + 31) / 32,
						.replay_window = window };

	if (!sa->esn && window <= REPLAY_LEGACY_MAX) {
		info->replay_window = (uint8_t)window;
		return;
	}
	if (sa->esn)
		info->flags |= XFRM_STATE_ESN;
	mnl_attr_put(nlh, XFRMA_REPLAY_ESN_VAL, sizeof(replay), &replay);
}

struct nlmsghdr *encode_sa_add(void *buf, const struct sa_spec *sa, bool knows_dir)
{
	struct nlmsghdr *nlh = start(buf, XFRM_MSG_NEWSA);
	struct xfrm_usersa_info *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	if (!keyed_well(sa))
		return NULL;
	put_sa_selector(&info->sel, sa);
	put_ip(&info->id.daddr, &sa->dst);
	info->id.spi = htonl(sa->spi);
	info->id.proto = IPPROTO_ESP;
	put_ip(&info->saddr, &sa->src);
	put_lifetime(&info->lft, sa);
	info->reqid = IKEMESH_REQID;
	info->family = af(&sa->src);
	info->mode = XFRM_MODE_TRANSPORT;
	put_keys(nlh, sa);
	if (sa->encap)
		put_encap(nlh, sa);
	put_replay(nlh, info, sa, knows_dir);
	if (knows_dir)
		mnl_attr_put_u8(nlh, XFRM_ATTR_SA_DIR, sa->inbound ? SA_DIR_IN : SA_DIR_OUT);
	if (sa->keepalive_s)
		mnl_attr_put_u32(nlh, XFRM_ATTR_NAT_KEEPALIVE, sa->keepalive_s);
	return nlh;
}

struct nlmsghdr *encode_sa_update(void *buf, const struct sa_spec *sa, bool knows_dir)
{
	struct nlmsghdr *nlh = encode_sa_add(buf, sa, knows_dir);

	if (nlh != NULL)
		nlh->nlmsg_type = XFRM_MSG_UPDSA;
	return nlh;
}

static struct nlmsghdr *name_sa(void *buf, uint16_t type, const struct sa_ref *ref)
{
	struct nlmsghdr *nlh = start(buf, type);
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	put_ip(&id->daddr, &ref->dst);
	id->spi = htonl(ref->spi);
	id->family = af(&ref->dst);
	id->proto = IPPROTO_ESP;
	return nlh;
}

struct nlmsghdr *encode_sa_delete(void *buf, const struct sa_ref *ref)
{
	return name_sa(buf, XFRM_MSG_DELSA, ref);
}

struct nlmsghdr *encode_sa_get(void *buf, const struct sa_ref *ref)
{
	return name_sa(buf, XFRM_MSG_GETSA, ref);
}

struct nlmsghdr *encode_sa_dir_probe(void *buf)
{
	struct sa_ref nobody = { .dst = ip_v4(0, 0, 0, 0), .spi = 1 };
	struct nlmsghdr *nlh = name_sa(buf, XFRM_MSG_GETSA, &nobody);

	mnl_attr_put_u8(nlh, XFRM_ATTR_SA_DIR, SA_DIR_IN);
	return nlh;
}

struct nlmsghdr *encode_keepalive_probe(void *buf)
{
	struct sa_ref nobody = { .dst = ip_v4(0, 0, 0, 0), .spi = 1 };
	struct nlmsghdr *nlh = name_sa(buf, XFRM_MSG_GETSA, &nobody);

	mnl_attr_put_u8(nlh, XFRM_ATTR_NAT_KEEPALIVE, 0);
	return nlh;
}

struct nlmsghdr *encode_sa_dump(void *buf)
{
	struct nlmsghdr *nlh = start(buf, XFRM_MSG_GETSA);

	nlh->nlmsg_flags |= NLM_F_DUMP;
	/* A request for a dump has no fixed part: the kernel reads attributes from its beginning.
	 */
	mnl_attr_put_u8(nlh, XFRMA_PROTO, IPPROTO_ESP);
	return nlh;
}

static void put_selector(struct xfrm_selector *sel, const struct policy *p)
{
	put_ip(&sel->saddr, &p->src.ip);
	put_ip(&sel->daddr, &p->dst.ip);
	sel->prefixlen_s = p->src.prefix;
	sel->prefixlen_d = p->dst.prefix;
	sel->family = af(&p->src.ip);
	sel->proto = p->protocol;
	sel->sport = htons(p->src_port);
	sel->sport_mask = htons(p->src_port_mask);
	sel->dport = htons(p->dst_port);
	sel->dport_mask = htons(p->dst_port_mask);
	sel->user = p->beside ? BESIDE_USER : 0;
}

/*
 * Addresses unspecified: the SA is found by the packet's destination and the reqid. What stands
 * between the fields goes to the kernel, too, and an initializer may leave it as it was.
 */
static void fill_template(struct xfrm_user_tmpl *t, uint16_t family, uint32_t reqid)
{
	memset(t, 0, sizeof(*t));
	t->id.proto = IPPROTO_ESP;
	t->family = family;
	t->reqid = reqid;
	t->mode = XFRM_MODE_TRANSPORT;
	t->aalgos = t->ealgos = t->calgos = UINT32_MAX;
}

static void put_template(struct nlmsghdr *nlh, const struct policy *p)
{
	const bool any = p->beside && p->dir != POLICY_OUT;
	struct xfrm_user_tmpl t;

	fill_template(&t, af(&p->src.ip), any ? 0 : IKEMESH_REQID);
	t.optional = p->optional;
	mnl_attr_put(nlh, XFRMA_TMPL, sizeof(t), &t);
}

static void put_no_limits(struct xfrm_lifetime_cfg *lft)
{
	lft->soft_byte_limit = lft->hard_byte_limit = XFRM_INF;
	lft->soft_packet_limit = lft->hard_packet_limit = XFRM_INF;
}

struct nlmsghdr *encode_policy_put(void *buf, const struct policy *p, bool replace)
{
	struct nlmsghdr *nlh = start(buf, replace ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY);
	struct xfrm_userpolicy_info *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	put_selector(&info->sel, p);
	put_no_limits(&info->lft);
	info->priority = p->priority;
	info->index = p->index;
	info->dir = (uint8_t)p->dir;
	info->action = p->kind == POLICY_BLOCK ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	if (p->kind == POLICY_PROTECT)
		put_template(nlh, p);
	return nlh;
}

static struct nlmsghdr *name_policy(void *buf, uint16_t type, const struct policy *p,
				    uint32_t index)
{
	struct nlmsghdr *nlh = start(buf, type);
	struct xfrm_userpolicy_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	put_selector(&id->sel, p);
	id->index = index;
	id->dir = (uint8_t)p->dir;
	return nlh;
}

struct nlmsghdr *encode_policy_delete(void *buf, const struct policy *p)
{
	return name_policy(buf, XFRM_MSG_DELPOLICY, p, p->index);
}

struct nlmsghdr *encode_policy_get(void *buf, const struct policy *p)
{
	return name_policy(buf, XFRM_MSG_GETPOLICY, p, 0);
}

struct nlmsghdr *encode_policy_dump(void *buf)
{
	struct nlmsghdr *nlh = start(buf, XFRM_MSG_GETPOLICY);

	nlh->nlmsg_flags |= NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct xfrm_userpolicy_id));
	return nlh;
}

static struct nlmsghdr *name_default(void *buf, uint16_t type, const struct policy_default *d)
{
	struct nlmsghdr *nlh = start(buf, type);
	struct xfrm_userpolicy_default *to = mnl_nlmsg_put_extra_header(nlh, sizeof(*to));

	to->in = (uint8_t)d->in;
	to->fwd = (uint8_t)d->fwd;
	to->out = (uint8_t)d->out;
	return nlh;
}

struct nlmsghdr *encode_default_get(void *buf)
{
	static const struct policy_default none;

	return name_default(buf, XFRM_MSG_GETDEFAULT, &none);
}

struct nlmsghdr *encode_default_set(void *buf, const struct policy_default *d)
{
	return name_default(buf, XFRM_MSG_SETDEFAULT, d);
}

struct xfrm_userpolicy_info encode_socket_bypass(enum policy_dir dir, uint16_t family)
{
	struct xfrm_userpolicy_info info = { 0 };

	info.sel.family = family;
	put_no_limits(&info.lft);
	info.dir = (uint8_t)dir;
	info.action = XFRM_POLICY_ALLOW;
	return info;
}

struct socket_ask encode_socket_ask(uint32_t reqid, uint16_t family)
{
	struct socket_ask ask = { .info = encode_socket_bypass(POLICY_OUT, family) };

	fill_template(&ask.tmpl, family, reqid);
	return ask;
}
