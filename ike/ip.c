/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/ip.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t ip_len(const struct ip *ip)
{
	if (ip->family == 4)
		return 4;
	return ip->family == 6 ? 16 : 0;
}

unsigned ip_bits(const struct ip *ip)
{
	return (unsigned)ip_len(ip) * 8;
}

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip){ .family = 4, .b = { a, b, c, d } };
}

struct ip ip_from(uint8_t family, const uint8_t *octets)
{
	struct ip ip = { .family = family };

	memcpy(ip.b, octets, ip_len(&ip));
	return ip;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, ip_len(a));
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return ip_compare(a, b) == 0;
}

/* The first `bits` bits of both are the same. */
static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool ip_is_link_local(const struct ip *ip)
{
	static const uint8_t v4[] = { 169, 254 };   /* RFC 3927: /16 */
	static const uint8_t v6[] = { 0xfe, 0x80 }; /* RFC 4291 2.5.6: /10 */

	if (ip->family == 4)
		return prefix_equal(ip->b, v4, 16);
	return ip->family == 6 && prefix_equal(ip->b, v6, 10);
}

bool ip_is_multicast(const struct ip *ip)
{
	if (ip->family == 4)
		return ip->b[0] >> 4 == 0xe;
	return ip->family == 6 && ip->b[0] == 0xff;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (ip->family == 4)
		return ip->b[0] == 127;
	return ip->family == 6 && memcmp(ip->b, one, sizeof(one)) == 0;
}

bool ip_parse(const char *text, struct ip *out)
{
	*out = (struct ip){ 0 };
	if (inet_pton(AF_INET, text, out->b) == 1) {
		out->family = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, out->b) == 1) {
		out->family = 6;
		return true;
	}
	*out = (struct ip){ 0 };
	return false;
}

const char *ip_text(const struct ip *ip, char out[static IP_TEXT_LEN])
{
	const int family = ip->family == 4 ? AF_INET : AF_INET6;

	if (ip->family == 0 || inet_ntop(family, ip->b, out, IP_TEXT_LEN) == NULL)
		snprintf(out, IP_TEXT_LEN, "%%any");
	return out;
}

bool subnet_contains(const struct subnet *net, const struct ip *ip)
{
	return net->ip.family != 0 && net->ip.family == ip->family &&
	       prefix_equal(net->ip.b, ip->b, net->prefix);
}

bool subnet_meets(const struct subnet *a, const struct subnet *b)
{
	return subnet_covers(a, b) || subnet_covers(b, a);
}

bool subnet_covers(const struct subnet *outer, const struct subnet *inner)
{
	return outer->prefix <= inner->prefix && subnet_contains(outer, &inner->ip);
}

bool subnet_equal(const struct subnet *a, const struct subnet *b)
{
	return a->prefix == b->prefix && ip_equal(&a->ip, &b->ip);
}

/* Up to three digits, without a leading zero, at most `max`. */
static bool parse_prefix(const char *text, unsigned max, uint8_t *out)
{
	unsigned v = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 3; n++)
		v = v * 10 + (unsigned)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || (text[0] == '0' && n > 1) || v > max)
		return false;
	*out = (uint8_t)v;
	return true;
}

/* Zeroes what lies behind the prefix; tells whether there was anything. */
static bool cut_host_bits(struct subnet *net)
{
	bool cut = false;

	for (unsigned i = net->prefix; i < ip_bits(&net->ip); i++) {
		const uint8_t bit = (uint8_t)(0x80u >> i % 8);
		cut = cut || (net->ip.b[i / 8] & bit) != 0;
		net->ip.b[i / 8] = (uint8_t)(net->ip.b[i / 8] & ~bit);
	}
	return cut;
}

bool subnet_parse(const char *text, struct subnet *out, bool *had_host_bits)
{
	const char *slash = strchr(text, '/');
	const size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[IP_TEXT_LEN];
	bool cut;

	*out = (struct subnet){ 0 };
	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!ip_parse(address, &out->ip))
		return false;
	out->prefix = (uint8_t)ip_bits(&out->ip);
	if (slash != NULL && !parse_prefix(slash + 1, ip_bits(&out->ip), &out->prefix)) {
		*out = (struct subnet){ 0 };
		return false;
	}
	cut = cut_host_bits(out);
	if (had_host_bits != NULL)
		*had_host_bits = cut;
	return true;
}

const char *subnet_text(const struct subnet *net, char out[static SUBNET_TEXT_LEN])
{
	char address[IP_TEXT_LEN];

	snprintf(out, SUBNET_TEXT_LEN, "%s/%u", ip_text(&net->ip, address), net->prefix);
	return out;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

const char *endpoint_text(const struct endpoint *e, char out[static ENDPOINT_TEXT_LEN])
{
	char address[IP_TEXT_LEN];

	snprintf(out, ENDPOINT_TEXT_LEN, "%s[%u]", ip_text(&e->ip, address), e->port);
	return out;
}
