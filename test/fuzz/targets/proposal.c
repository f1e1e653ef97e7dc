/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strongSwan's proposal strings. What is read is written and read again to the same; what is not
 * read is explained, and the place lies within the string.
 */
#include "fuzz/frame.h"

#include "config/suites.h"
#include <stdlib.h>
#include <string.h>

static bool same(const struct proposal_spec *a, const struct proposal_spec *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->t[i].type != b->t[i].type || a->t[i].id != b->t[i].id ||
		    a->t[i].key_bits != b->t[i].key_bits)
			return false;
	return true;
}

static void read_again(const struct proposal_spec *p, uint8_t protocol)
{
	struct proposal_spec again[SPEC_PROPOSALS];
	char text[1024], error[256];
	size_t n;

	suites_text(p, protocol, text, sizeof text);
	HOLDS(strlen(text) < sizeof text - 1);
	HOLDS_OF(suites_parse(text, protocol, again, SPEC_PROPOSALS, &n, error, sizeof error) == 0,
		 text);
	HOLDS_OF(n == 1 && same(p, &again[0]), text);
}

FUZZ_TARGET(input)
{
	const uint8_t protocol = feed_u8(input) % 2 == 0 ? PROTO_IKE : PROTO_ESP;
	char *text = exact_text(feed_rest(input));
	struct proposal_spec p[SPEC_PROPOSALS];
	struct suites_fault fault = { 0 };
	size_t n = 0;

	if (suites_read(text, protocol, p, SPEC_PROPOSALS, &n, &fault) == 0) {
		HOLDS(n >= 1 && n <= SPEC_PROPOSALS);
		for (size_t i = 0; i < n; i++)
			read_again(&p[i], protocol);
	} else {
		HOLDS(fault.message[0] != '\0');
		HOLDS(fault.at + fault.len <= strlen(text));
	}
	free(text);
}
