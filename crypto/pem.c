/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pem.h"
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#define LABEL_MAX 64 /* octets; the longest in use has 21 */

/* Where needle starts in text, or text.n. */
static size_t find(struct bytes text, const char *needle)
{
	const uint8_t *at = text.n == 0 ? NULL : memmem(text.p, text.n, needle, strlen(needle));
	return at == NULL ? text.n : (size_t)(at - text.p);
}

static struct bytes skip(struct bytes b, size_t n)
{
	return BYTES(b.p + n, b.n - n);
}

/* Takes "-----<word><label>-----" off the front of *text, which starts with its dashes. */
static int take_boundary(struct bytes *text, const char *opening, struct bytes *label)
{
	struct bytes rest = skip(*text, strlen(opening));
	struct bytes near = BYTES(rest.p, rest.n < LABEL_MAX ? rest.n : LABEL_MAX);
	size_t n = find(near, "-----");

	if (n == near.n || memchr(near.p, '\n', n) != NULL)
		return -EINVAL;
	*label = BYTES(rest.p, n);
	*text = skip(rest, n + strlen("-----"));
	return 0;
}

int pem_next(struct bytes *text, struct pem_block *block)
{
	static const char begin[] = "-----BEGIN ";
	static const char end[] = "-----END ";
	struct bytes label;
	size_t n = find(*text, begin);

	if (n == text->n)
		return -ENOENT;
	*text = skip(*text, n);
	if (take_boundary(text, begin, &block->label) != 0)
		return -EINVAL;
	n = find(*text, end);
	if (n == text->n)
		return -EINVAL;
	block->body = BYTES(text->p, n);
	*text = skip(*text, n);
	if (take_boundary(text, end, &label) != 0 || !bytes_equal(label, block->label))
		return -EINVAL;
	return 0;
}

bool pem_is_encrypted(const struct pem_block *block)
{
	return find(block->body, "Proc-Type:") != block->body.n &&
	       find(block->body, "ENCRYPTED") != block->body.n;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* RFC 4648 4; -1 for any other octet. */
static int sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes into out, which has room for 3 octets per 4 of text. The length, or -EINVAL. */
static ssize_t base64_decode(struct bytes text, uint8_t *out)
{
	uint32_t group = 0;
	size_t digits = 0, pads = 0, n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int value = sextet(text.p[i]);

		if (is_space(text.p[i]))
			continue;
		if (text.p[i] == '=') {
			pads++;
			continue;
		}
		if (value < 0 || pads > 0)
			return -EINVAL;
		group = group << 6 | (uint32_t)value;
		if (++digits % 4 != 0)
			continue;
		out[n++] = (uint8_t)(group >> 16);
		out[n++] = (uint8_t)(group >> 8);
		out[n++] = (uint8_t)group;
	}
	if ((digits + pads) % 4 != 0 || pads > 2 || n == 0)
		return -EINVAL;
	if (pads == 2)
		out[n++] = (uint8_t)(group >> 4);
	if (pads == 1) {
		out[n++] = (uint8_t)(group >> 10);
		out[n++] = (uint8_t)(group >> 2);
	}
	wipe(&group, sizeof(group));
	return (ssize_t)n;
}

int pem_decode(const struct pem_block *block, struct secret *out)
{
	struct secret room;
	ssize_t n;
	int r = secret_new(&room, block->body.n / 4 * 3 + 3);

	*out = (struct secret){ 0 };
	if (r != 0)
		return r;
	n = base64_decode(block->body, room.p);
	r = n < 0 ? -EINVAL : secret_copy(out, BYTES(room.p, (size_t)n));
	secret_free(&room);
	return r;
}
