/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/xfrm_spec.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/ip.h"

static void give_up(const char *text)
{
	fprintf(stderr, "xfrm_spec: cannot read '%s'\n", text);
	abort();
}

struct ip xfrm_ip(const char *text)
{
	struct ip ip;

	if (!ip_parse(text, &ip))
		give_up(text);
	return ip;
}

struct subnet xfrm_subnet(const char *text)
{
	struct subnet net;
	bool bits;

	if (!subnet_parse(text, &net, &bits))
		give_up(text);
	return net;
}

struct policy_flow xfrm_flow(const char *src, const char *dst, uint8_t protocol, uint16_t src_port,
			     uint16_t dst_port)
{
	return (struct policy_flow){ xfrm_ip(src), xfrm_ip(dst), protocol, src_port, dst_port };
}

static struct subnet_spec entry(const char *text)
{
	struct subnet_spec e = { 0 };
	char net[SUBNET_TEXT_LEN + 16], *end, *rest;
	unsigned port;

	snprintf(net, sizeof(net), "%s", text);
	end = strpbrk(net, "? ");
	rest = end;
	if (end && *end == '?') {
		e.optional = true;
		rest = end + 1;
	}
	if (end && sscanf(rest, " udp/%u", &port) == 1) {
		e.protocol = IPPROTO_UDP;
		e.port = (uint16_t)port;
	} else if (end && sscanf(rest, " tcp/%u", &port) == 1) {
		e.protocol = IPPROTO_TCP;
		e.port = (uint16_t)port;
	}
	if (end)
		*end = '\0';
	e.net = xfrm_subnet(net);
	return e;
}

static size_t entries(const char *const *texts, struct subnet_spec **out)
{
	size_t n = 0;

	while (texts[n])
		n++;
	*out = calloc(n + 1, sizeof(**out));
	if (!*out)
		abort();
	for (size_t i = 0; i < n; i++)
		(*out)[i] = entry(texts[i]);
	return n;
}

struct spec xfrm_spec(const char *const *protect, const char *const *bypass)
{
	struct spec s = { 0 };

	s.n_protect = entries(protect, &s.protect);
	s.n_bypass = entries(bypass, &s.bypass);
	return s;
}

void xfrm_spec_free(struct spec *s)
{
	free(s->protect);
	free(s->bypass);
	*s = (struct spec){ 0 };
}

struct policy_set xfrm_build(const struct spec *spec, const struct ip *locals, size_t n)
{
	struct policy_set set;

	if (policy_build(spec, locals, n, &set))
		abort();
	return set;
}

const char *xfrm_policy_text(const struct policy *p)
{
	static const char *const dirs[] = { "in", "out", "fwd" };
	static const char *const kinds[] = { "protect", "bypass", "block" };
	static char text[4][256];
	static unsigned turn;
	char src[SUBNET_TEXT_LEN], dst[SUBNET_TEXT_LEN], *to = text[turn++ % 4];

	snprintf(to, sizeof(text[0]),
		 "%s %s%s %s %u/%x => %s %u/%x proto %u priority %#x index %#x", dirs[p->dir],
		 kinds[p->kind], p->optional ? "?" : "", subnet_text(&p->src, src), p->src_port,
		 p->src_port_mask, subnet_text(&p->dst, dst), p->dst_port, p->dst_port_mask,
		 p->protocol, p->priority, p->index);
	return to;
}
