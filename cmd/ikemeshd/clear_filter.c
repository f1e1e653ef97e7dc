/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clear_filter.h"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define IKE_PORT 500
#define IKE_PORT_NATT 4500

/*
 * The kernel lets a socket have 20 KiB of filters (net.core.optmem_max), the old one and the new
 * one while they change places, each instruction taking one to three of its own of 8 octets. These
 * are the shares of the parts that grow; the rest is for the addresses to be left out.
 */
#define SOURCES_ROOM 200
#define AT_END 2

/* Where the fields of a header are. */
struct layout {
	uint8_t family;
	uint32_t protocol, src, dst;
	unsigned words; /* of an address */
};

static const struct layout layouts[] = {
	{ .family = 4, .protocol = 9, .src = 12, .dst = 16, .words = 1 },
	{ .family = 6, .protocol = 6, .src = 8, .dst = 24, .words = 4 },
};

static const struct layout *layout_of(uint8_t family)
{
	return &layouts[family == 6];
}

/* ---- what the policies say --------------------------------------------------------------------
 */

static bool lets_in(const struct policy *p, uint8_t family)
{
	return p->dir == POLICY_IN && p->kind == POLICY_PROTECT && p->optional &&
	       p->src.ip.family == family;
}

bool clear_filter_wanted(const struct policy_set *policies, uint8_t family)
{
	for (size_t i = 0; i < policies->n; i++) {
		if (lets_in(&policies->p[i], family))
			return true;
	}
	return false;
}

/* Of the policies for a local address, whose it is. */
static const struct ip *own_of(const struct policy *p, uint8_t family)
{
	const bool one =
		p->dir == POLICY_IN && p->kind == POLICY_PROTECT && p->dst.ip.family == family;

	return one ? &p->dst.ip : NULL;
}

#define OWN_MAX 16 /* local addresses; with more, what is not for us is judged later */

/* At most OWN_MAX + 1. */
static size_t find_own(const struct policy_set *policies, uint8_t family,
		       struct ip own[static OWN_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < policies->n && n <= OWN_MAX; i++) {
		const struct ip *ip = own_of(&policies->p[i], family);
		size_t k = 0;

		while (ip != NULL && k < n && !ip_equal(&own[k], ip))
			k++;
		if (ip != NULL && k == n)
			own[n++] = *ip;
	}
	return n;
}

/*
 * Does it decide on all that comes from its source to this address of ours? (Every one of them has
 * the same policies.) What it decides for a part only can be left to the exact judgement, unless it
 * lets in.
 */
static bool concerns_source(const struct policy *p, uint8_t family, const struct ip *own)
{
	const bool whole = p->protocol == 0 && p->src_port_mask == 0 && p->dst_port_mask == 0;

	return p->dir == POLICY_IN && p->src.ip.family == family && (whole || lets_in(p, family)) &&
	       (p->dst.prefix == 0 ||
		(p->dst.prefix == ip_bits(&p->dst.ip) && ip_equal(&p->dst.ip, own)));
}

static int by_priority(const void *a, const void *b)
{
	const struct policy *const *x = a, *const *y = b;

	if ((*x)->priority != (*y)->priority)
		return (*x)->priority < (*y)->priority ? -1 : 1;
	return *x < *y ? -1 : 1;
}

/* ---- a small assembler ------------------------------------------------------------------------
 */

/* The addresses are loaded once, into the scratch memory: a load costs ten times a comparison. */
#define AT_SRC 0
#define AT_DST 4

struct code {
	struct sock_filter *out;
	size_t n;
	const struct layout *l;
};

static void put(struct code *c, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	c->out[c->n++] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
}

static void verdict(struct code *c, bool pass)
{
	put(c, BPF_RET | BPF_K, pass ? CLEAR_SNAP : 0, 0, 0);
}

/* The accumulator is this value: dropped. */
static void drop_if(struct code *c, uint32_t value)
{
	put(c, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	verdict(c, false);
}

static uint32_t word_of(const struct ip *ip, unsigned word)
{
	const uint8_t *p = ip->b + 4 * word;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Instructions of a test of one address. */
static size_t test_len(const struct subnet *net)
{
	return 2 * (net->prefix / 32u) + (net->prefix % 32 != 0 ? 3 : 0);
}

/* Goes past `behind` more instructions if the address at this place is not in net. */
static void test(struct code *c, uint32_t at, const struct subnet *net, size_t behind)
{
	const size_t end = c->n + test_len(net) + behind;

	for (unsigned w = 0; w * 32 < net->prefix; w++) {
		const unsigned bits = net->prefix - w * 32u;

		put(c, BPF_LD | BPF_MEM, at + w, 0, 0);
		if (bits < 32)
			put(c, BPF_ALU | BPF_AND | BPF_K, UINT32_MAX << (32 - bits), 0, 0);
		put(c, BPF_JMP | BPF_JEQ | BPF_K, word_of(&net->ip, w), 0,
		    (uint8_t)(end - c->n - 1));
	}
}

static void load(struct code *c, uint32_t from, uint32_t at)
{
	for (unsigned w = 0; w < c->l->words; w++) {
		put(c, BPF_LD | BPF_W | BPF_ABS, from + 4 * w, 0, 0);
		put(c, BPF_ST, at + w, 0, 0);
	}
}

/* ---- the filter -------------------------------------------------------------------------------
 */

/* The accumulator is the protocol. */
static void drop_ike(struct code *c)
{
	const size_t from = c->n;

	put(c, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 0);
	if (c->l->family == 4) {
		/* Of a fragment that is not the first nothing can be told, but IKE's are such. */
		put(c, BPF_LD | BPF_H | BPF_ABS, 6, 0, 0);
		put(c, BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 0, 1);
		verdict(c, false);
		put(c, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
	} else {
		put(c, BPF_LDX | BPF_IMM, 40, 0, 0); /* a word: BPF_W is 0 */
	}
	put(c, BPF_LD | BPF_H | BPF_IND, 2, 0, 0);
	drop_if(c, IKE_PORT);
	drop_if(c, IKE_PORT_NATT);
	c->out[from].jf = (uint8_t)(c->n - from - 1);
}

static void drop_protected(struct code *c)
{
	put(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE), 0, 0);
	put(c, BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 1, 0);
	verdict(c, false);
	put(c, BPF_LD | BPF_B | BPF_ABS, c->l->protocol, 0, 0);
	drop_if(c, IPPROTO_ESP);
	if (c->l->family == 6) {
		/* A fragment: what it is of stands in the header behind. */
		put(c, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 0, 3);
		put(c, BPF_LD | BPF_B | BPF_ABS, 40, 0, 0);
		drop_if(c, IPPROTO_ESP);
		put(c, BPF_LD | BPF_B | BPF_ABS, c->l->protocol, 0, 0);
	}
	drop_ike(c);
}

/* What this host routes for others. */
static void drop_not_for_us(struct code *c, const struct ip *own, size_t n)
{
	size_t to_fix[OWN_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct subnet host = policy_host(&own[i]);

		test(c, AT_DST, &host, 1);
		to_fix[i] = c->n;
		put(c, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	verdict(c, false);
	for (size_t i = 0; i < n; i++)
		c->out[to_fix[i]].k = (uint32_t)(c->n - to_fix[i] - 1);
}

/* What comes from one of these: we ourselves, or who was heard lately. As many as there is room. */
static void drop_from(struct code *c, const struct ip *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct subnet host = policy_host(&from[i]);

		if (from[i].family != c->l->family)
			continue;
		if (c->n + test_len(&host) + 1 + SOURCES_ROOM + AT_END > CLEAR_FILTER_MAX)
			return;
		test(c, AT_SRC, &host, 1);
		verdict(c, false);
	}
}

static bool said_before(const struct policy *const *by, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (subnet_equal(&by[k]->src, &by[i]->src))
			return true;
	}
	return false;
}

/* The first that has the source in it decides, as it does in the kernel. */
static void judge_source(struct code *c, const struct policy *const *by, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (said_before(by, i))
			continue;
		if (c->n + test_len(&by[i]->src) + 1 + AT_END > CLEAR_FILTER_MAX) {
			verdict(c, true);
			return;
		}
		test(c, AT_SRC, &by[i]->src, 1);
		verdict(c, lets_in(by[i], c->l->family));
	}
	verdict(c, false);
}

size_t clear_filter(const struct policy_set *policies, uint8_t family, const struct ip *seen,
		    size_t n_seen, struct sock_filter out[static CLEAR_FILTER_MAX])
{
	struct code c = { .out = out, .l = layout_of(family) };
	const struct policy **by = calloc(policies->n + 1, sizeof(*by));
	struct ip own[OWN_MAX + 1];
	size_t n = 0, n_own = find_own(policies, family, own);

	drop_protected(&c);
	load(&c, c.l->src, AT_SRC);
	load(&c, c.l->dst, AT_DST);
	if (n_own <= OWN_MAX) {
		drop_not_for_us(&c, own, n_own);
		drop_from(&c, own, n_own);
	}
	drop_from(&c, seen, n_seen);
	for (size_t i = 0; by != NULL && n_own > 0 && i < policies->n; i++) {
		if (concerns_source(&policies->p[i], family, &own[0]))
			by[n++] = &policies->p[i];
	}
	if (n > 0)
		qsort(by, n, sizeof(*by), by_priority);
	if (by != NULL)
		judge_source(&c, by, n);
	else
		verdict(&c, true);
	free(by);
	return c.n;
}

/* ---- the exact judgement ----------------------------------------------------------------------
 */

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* RFC 8200 4: what may stand before ESP. */
static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT;
}

/* Where what the selectors look at begins, and of which protocol it is. false: no such packet. */
static bool find_transport(const struct layout *l, const uint8_t *p, size_t n, uint8_t *protocol,
			   size_t *at, bool *later_fragment)
{
	if (n < (l->family == 4 ? 20u : 40u) || p[0] >> 4 != l->family)
		return false;
	*protocol = p[l->protocol];
	*later_fragment = false;
	*at = 40;
	if (l->family == 4) {
		*at = (p[0] & 0xfu) * 4u;
		*later_fragment = (get_u16(p + 6) & 0x1fff) != 0;
		return true;
	}
	while (is_extension(*protocol) && !*later_fragment) {
		if (*at > n || n - *at < 8)
			return false;
		if (*protocol == IPPROTO_FRAGMENT) {
			*later_fragment = (get_u16(p + *at + 2) & 0xfff8) != 0;
			*protocol = p[*at];
			*at += 8;
		} else {
			*protocol = p[*at];
			*at += (p[*at + 1] + 1u) * 8u;
		}
	}
	return !is_extension(*protocol);
}

static void read_ports(const uint8_t *p, size_t n, size_t at, struct policy_flow *flow)
{
	const bool icmp = flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6;

	if (at > n || n - at < 4)
		return;
	flow->src_port = icmp ? p[at] : get_u16(p + at);
	flow->dst_port = icmp ? p[at + 1] : get_u16(p + at + 2);
}

static bool is_ike(const struct policy_flow *flow)
{
	return flow->protocol == IPPROTO_UDP &&
	       (flow->dst_port == IKE_PORT || flow->dst_port == IKE_PORT_NATT);
}

bool clear_packet(const struct policy_set *policies, uint8_t family, const uint8_t *p, size_t n,
		  struct ip *src)
{
	const struct layout *l = layout_of(family);
	const struct policy *decides;
	struct policy_flow flow = { 0 };
	bool later_fragment;
	size_t at;

	if (!find_transport(l, p, n, &flow.protocol, &at, &later_fragment))
		return false;
	flow.src = ip_from(family, p + l->src);
	flow.dst = ip_from(family, p + l->dst);
	if (!later_fragment)
		read_ports(p, n, at, &flow);
	*src = flow.src;
	if (flow.protocol == IPPROTO_ESP || is_ike(&flow) ||
	    (later_fragment && flow.protocol == IPPROTO_UDP))
		return false;
	decides = policy_lookup(policies, POLICY_IN, &flow);
	if (decides == NULL || !lets_in(decides, family))
		return false;
	for (size_t i = 0; i < policies->n; i++) {
		if (policies->p[i].dir == POLICY_IN && ip_equal(&policies->p[i].dst.ip, src))
			return false; /* we ourselves */
	}
	return true;
}
