/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/der_bend.h"

#include <string.h>

#define OCTET_STRING 0x04
#define BIT_STRING 0x03
#define CONSTRUCTED 0x20

struct element {
	size_t at, length_at, value_at, n; /* n: of the value */
};

/* The element there; false if there is none that ends before `end`. */
static bool element_at(struct bytes der, size_t at, size_t end, struct element *out)
{
	size_t lengths = 0, n = 0;

	if (end - at < 2)
		return false;
	if (der.p[at + 1] < 0x80)
		n = der.p[at + 1];
	else
		lengths = der.p[at + 1] & 0x7f;
	if (lengths > 3 || end - at < 2 + lengths)
		return false;
	for (size_t i = 0; i < lengths; i++)
		n = n << 8 | der.p[at + 2 + i];
	*out = (struct element){
		.at = at, .length_at = at + 1, .value_at = at + 2 + lengths, .n = n
	};
	return n <= end - out->value_at;
}

/* Nothing but elements? */
static bool is_elements(struct bytes der, size_t at, size_t end)
{
	struct element e;

	while (at < end && element_at(der, at, end, &e))
		at = e.value_at + e.n;
	return at == end;
}

/* The elements from `at` on, and those in them, in order; *left counts down to the one that is
 * wanted.
 */
static bool find(struct bytes der, size_t at, size_t end, size_t *left, struct element *out)
{
	while (at < end && element_at(der, at, end, out)) {
		const struct element e = *out;
		const size_t skipped = der.p[e.at] == BIT_STRING; /* bits that are not used */
		const bool inner = (der.p[e.at] & CONSTRUCTED) != 0 ||
				   ((der.p[e.at] == OCTET_STRING || skipped > 0) && e.n > 2 &&
				    is_elements(der, e.value_at + skipped, e.value_at + e.n));

		if ((*left)-- == 0)
			return true;
		at = e.value_at + e.n;
		if (inner && find(der, e.value_at + skipped, at, left, out))
			return true;
	}
	return false;
}

size_t der_bends(struct bytes der)
{
	size_t left = SIZE_MAX;
	struct element e;

	(void)find(der, 0, der.n, &left, &e);
	return (SIZE_MAX - left) * DER_BENDS;
}

void der_bend(struct bytes der, size_t nth, uint8_t *copy)
{
	size_t left = nth / DER_BENDS;
	uint8_t *tag, *length;
	struct element e;

	memcpy(copy, der.p, der.n);
	if (!find(der, 0, der.n, &left, &e))
		return;
	tag = copy + e.at;
	length = copy + e.length_at;
	switch (nth % DER_BENDS) {
	case 0: /* the next type, or the next alternative of a CHOICE */
		*tag = (uint8_t)(*tag + 1);
		break;
	case 1:
		*tag ^= CONSTRUCTED;
		break;
	case 2: /* another class */
		*tag ^= 0x80;
		break;
	case 3: /* a tag of many octets */
		*tag |= 0x1f;
		break;
	case 4:
		*length = *length == 0 ? 0x7f : 0;
		break;
	case 5:
		*length = (uint8_t)(*length + 1);
		break;
	case 6:
		*length = (uint8_t)(*length - 1);
		break;
	case 7: /* indefinite */
		*length = 0x80;
		break;
	case 8: /* in four octets, whatever they say */
		*length = 0x84;
		break;
	default:
		if (e.n > 0)
			copy[e.value_at] ^= 0xff;
		else
			*tag = 0;
		break;
	}
}
