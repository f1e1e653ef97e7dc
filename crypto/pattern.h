/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates may be a peer's: one entry of peer_identities. It is held against the names in
 * the certificate, one of which the peer has to claim in IKE_AUTH anyway (RFC 4945 3.1). What is
 * written decides which of them:
 *
 *   with an equals sign     the subject. The attributes in the order of the certificate (as
 *                           statusall shows them) or exactly the other way round; all of them, but
 *                           that one `*` in place of an attribute stands for any number of further
 *                           ones. Two in one RDN are joined by a plus. Values are equal as RFC 5280
 *                           7.1 has it (string types, case and runs of spaces do not matter). A
 *                           backslash takes a comma, plus or backslash as it is.
 *   with an at sign         an rfc822Name. The part before it with regard to case.
 *   an address, or a subnet an iPAddress, the same or within it.
 *   anything else           a dNSName, without regard to case or to a dot at the end.
 *
 * A star stands for one or more characters other than a dot; as the whole value of an attribute for
 * any value, and before an at sign for anything. Stars in a certificate stand for nothing: such a
 * name matches no pattern, nor does one with a NUL, whatever is written.
 */
#ifndef IKEMESH_CRYPTO_PATTERN_H
#define IKEMESH_CRYPTO_PATTERN_H

#include "crypto/bytes.h"

#define PATTERN_TEXT_LEN 512 /* octets with the final NUL */

struct pattern;

/* 0; -EINVAL with *why, a static text; -ENOMEM. */
int pattern_parse(const char *text, struct pattern **out, const char **why);
void pattern_free(struct pattern *p);
const char *pattern_text(const struct pattern *p); /* as it was written */

/* der: a certificate. */
bool pattern_matches(const struct pattern *p, struct bytes der);

#endif
