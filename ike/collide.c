/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/collide.h"

#include "ike/message/iana.h"

#include <string.h>

/* RFC 7296 2.8.1: octet by octet; a nonce that is a prefix of another is the lower one. */
static int compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

static struct bytes lowest(struct nonces n)
{
	return compare(n.i, n.r) <= 0 ? n.i : n.r;
}

bool collide_ours_loses(struct nonces ours, struct nonces theirs)
{
	return compare(lowest(ours), lowest(theirs)) < 0;
}

uint16_t collide_request(enum asked asked, enum doing doing)
{
	/* Rows: what the peer asks for; columns: what we are doing. RFC 7296 2.25.1, 2.25.2. */
	static const uint16_t table[3][6] = {
		[ASKED_NEW_CHILD] = { [DOING_REKEY_IKE] = NOTIFY_TEMPORARY_FAILURE,
				      [DOING_DELETE_IKE] = NOTIFY_TEMPORARY_FAILURE },
		[ASKED_REKEY_CHILD] = { [DOING_DELETE_THIS] = NOTIFY_TEMPORARY_FAILURE,
					[DOING_REKEY_IKE] = NOTIFY_TEMPORARY_FAILURE,
					[DOING_DELETE_IKE] = NOTIFY_TEMPORARY_FAILURE },
		[ASKED_REKEY_IKE] = { [DOING_DELETE_THIS] = NOTIFY_TEMPORARY_FAILURE,
				      [DOING_OTHER] = NOTIFY_TEMPORARY_FAILURE,
				      [DOING_DELETE_IKE] = NOTIFY_TEMPORARY_FAILURE },
	};
	return table[asked][doing];
}
