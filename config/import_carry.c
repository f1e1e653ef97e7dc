/* SPDX-License-Identifier: Apache-2.0 */
#include "config/import_carry.h"
#include "config/schema.h"
#include "config/suites.h"
#include "ike/ip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char by_hand[] = "write it into the result, if it is needed";

/* --- what is told ---------------------------------------------------------------------------- */

void carry_lost(struct tree *t, struct setting *s, const char *why, const char *mend)
{
	if (!s->told)
		import_note(t->im, IMPORT_LOST, s->file, s->line, mend,
			    "%s is not carried over: %s", s->key, why);
	s->told = true;
}

void carry_needless(struct tree *t, struct setting *s, const char *why)
{
	if (!s->told)
		import_note(t->im, IMPORT_NEEDLESS, s->file, s->line, NULL, "%s: %s", s->key, why);
	s->told = true;
}

void carry_untrapped(struct tree *t, struct section *in, const char *key, struct setting *s)
{
	if (s && s->told)
		return;
	import_note(
		t->im, IMPORT_LOST, s ? s->file : in->file, s ? s->line : in->line,
		"give entries `optional: true`, or list such hosts in no_ipsec_subnets, unless "
		"all do IPsec",
		"%s: %s=%s is not carried over as it was: strongSwan sets no trap and talks in "
		"the clear until somebody negotiates, and ikemesh enforces IPsec from the start",
		in->name, key, setting_or(s, "none"));
	if (s)
		s->told = true;
}

bool carry_is_yes(const struct setting *s)
{
	return s && (!strcmp(s->value, "yes") || !strcmp(s->value, "true") ||
		     !strcmp(s->value, "1") || !strcmp(s->value, "enabled"));
}

/* Keys hold for all peers: the first one that says something is heard. */
static void carry_one(struct tree *t, const char *key, const char *value, struct setting *s)
{
	const struct import_value *first = import_find(t->im, key);
	char why[160];

	if (!first) {
		import_add(t->im, key, value, false, s->file, s->line);
	} else if (strcmp(first->text, value)) {
		snprintf(why, sizeof(why), "line %u has another value, and %s holds for all peers",
			 first->line, key);
		carry_lost(t, s, why, "look which one it should be");
	}
}

/* --- numbers and words ----------------------------------------------------------------------- */

uint64_t carry_seconds(const struct setting *s, uint64_t fallback)
{
	uint64_t n;
	char *end;

	if (!s || s->value[0] < '0' || s->value[0] > '9')
		return fallback;
	n = strtoull(s->value, &end, 10);
	if (n > UINT32_MAX || (end[0] && end[1]))
		return fallback;
	switch (*end) {
	case 'd':
		return n * 86400;
	case 'h':
		return n * 3600;
	case 'm':
		return n * 60;
	case 's':
	case '\0':
		return n;
	default:
		return fallback;
	}
}

static void carry_number(struct tree *t, const struct fate_row *row, struct setting *s,
			 uint64_t margin)
{
	const struct key_row *key = schema_find(row->to);
	char text[32];
	uint64_t value;

	if (key->type == VALUE_DURATION) {
		value = carry_seconds(s, UINT64_MAX);
		if (value == UINT64_MAX || (value && value <= margin)) {
			carry_lost(t, s, "not a time that can be carried over", by_hand);
			return;
		}
		value -= value ? margin : 0;
		snprintf(text, sizeof(text), "%" PRIu64 "%s",
			 value % 3600 == 0 ? value / 3600
			 : value % 60 == 0 ? value / 60
					   : value,
			 value == 0	     ? ""
			 : value % 3600 == 0 ? "h"
			 : value % 60 == 0   ? "m"
					     : "s");
	} else {
		snprintf(text, sizeof(text), "%s", s->value);
	}
	if (schema_number(key, text, &value))
		carry_lost(t, s, "not a value that ikemesh takes", by_hand);
	else
		carry_one(t, row->to, text, s);
}

void carry_each(struct tree *t, struct setting *s,
		void (*one)(struct tree *t, struct setting *s, char *word, void *with), void *with)
{
	char *copy = import_copy(t->im, s->value, strlen(s->value)), *rest = copy, *word;

	while (rest && (word = strsep(&rest, ","))) {
		size_t n;

		word += strspn(word, " \t");
		n = strlen(word);
		while (n && (word[n - 1] == ' ' || word[n - 1] == '\t'))
			word[--n] = '\0';
		if (n)
			one(t, s, word, with);
	}
	free(copy);
}

/* --- proposals ------------------------------------------------------------------------------- */

struct proposals {
	uint8_t protocol;
	char text[1024];
	size_t n;
	bool strict;
};

static void add_proposal(struct tree *t, struct setting *s, char *word, void *with)
{
	struct proposals *p = with;
	struct proposal_spec spec[8];
	size_t n = strlen(word), parsed;
	struct suites_fault fault;

	if (word[n - 1] == '!') {
		p->strict = true;
		word[--n] = '\0';
	}
	if (!n || !strcmp(word, "default"))
		return;
	if (suites_read(word, p->protocol, spec, sizeof(spec) / sizeof(spec[0]), &parsed, &fault))
		import_note(t->im, IMPORT_LOST, s->file, s->line,
			    "give the peers another one first, if it is their only one",
			    "%s: %s: %s", s->key, word, fault.message);
	else if (p->n + n + 3 < sizeof(p->text))
		p->n += (size_t)snprintf(p->text + p->n, sizeof(p->text) - p->n, "%s%s",
					 p->n ? "," : "", word);
}

static void carry_proposals(struct tree *t, const struct fate_row *row, struct setting *s, bool ike)
{
	struct proposals p = { .protocol = ike ? PROTO_IKE : PROTO_ESP };
	const bool seen = s->told;

	if (seen)
		return;
	carry_each(t, s, add_proposal, &p);
	if (p.n) {
		snprintf(p.text + p.n, sizeof(p.text) - p.n, "!");
		carry_one(t, row->to, p.text, s);
	} else {
		carry_lost(t, s, "nothing of it can be carried over", "choose proposals");
	}
	s->told = true;
}

/* --- all settings of a section --------------------------------------------------------------- */

static bool is_among(const char *list, const char *word)
{
	char padded[64];

	if (!list || strlen(word) > sizeof(padded) - 3)
		return false;
	snprintf(padded, sizeof(padded), " %s ", word);
	return strstr(list, padded) != NULL;
}

static void carry_setting(struct tree *t, const struct fate_row *row, struct setting *s,
			  uint64_t margin)
{
	if (is_among(row->unless, s->value))
		return;
	switch (row->fate) {
	case FATE_TAKEN:
		break;
	case FATE_NEEDLESS:
		if (row->why)
			carry_needless(t, s, row->why);
		break;
	case FATE_LOST:
		carry_lost(t, s, row->why, row->mend);
		break;
	case FATE_IKE:
	case FATE_ESP:
		carry_proposals(t, row, s, row->fate == FATE_IKE);
		break;
	case FATE_NUMBER:
		carry_number(t, row, s, 0);
		break;
	case FATE_MARGIN:
		carry_number(t, row, s, margin);
		break;
	case FATE_ENCAP:
		if (carry_is_yes(s))
			carry_one(t, row->to, "always", s);
		break;
	}
}

void carry_settings(struct tree *t, const struct layers *l, const struct fate_row *rows,
		    uint64_t margin)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->p[i]->n_settings; k++) {
			struct setting *s = l->p[i]->settings[k];
			const struct fate_row *row = rows;

			if (layers_get(l, s->key) != s)
				continue; /* overridden */
			while (row->key && strcmp(row->key, s->key))
				row++;
			if (row->key)
				carry_setting(t, row, s, margin);
			else
				carry_lost(t, s, "ikemesh has nothing like it", by_hand);
		}
	}
}

/* --- subnets --------------------------------------------------------------------------------- */

struct selector {
	const char *whole;
	enum carry_kind kind;
	bool optional;
};

/* "udp/53", "tcp", "6/%any" as ", protocol: udp, port: 53". false: it cannot be said. */
static bool limit_text(const char *limit, char *out, size_t room)
{
	const size_t n = strcspn(limit, "/");
	const char *port = limit[n] ? limit + n + 1 : "";
	const bool any =
		!*port || !strcmp(port, "%any") || !strcmp(port, "0") || !strcmp(port, "any");

	out[0] = '\0';
	if (!n || (n == 4 && !strncmp(limit, "%any", 4)))
		return any;
	if (strspn(limit, "abcdefghijklmnopqrstuvwxyz0123456789") != n ||
	    (!any &&
	     (strspn(port, "0123456789") != strlen(port) || strtoul(port, NULL, 10) > 65535)))
		return false;
	snprintf(out, room, ", protocol: %.*s%s%s", (int)n, limit,
		 any ? "" : ", port: ", any ? "" : port);
	return n < 12 && strlen(port) < 6;
}

/* Digits that are beyond all ports. */
static bool has_no_port(const char *limit)
{
	const char *slash = strchr(limit, '/');

	return slash && slash[1] && strspn(slash + 1, "0123456789") == strlen(slash + 1) &&
	       strtoul(slash + 1, NULL, 10) > 65535;
}

static void add_selector(struct tree *t, struct setting *s, const char *net, const char *limit,
			 const struct selector *how)
{
	const char *key = how->kind == CARRY_PROTECT ? "ipsec_subnets" : "no_ipsec_subnets";
	char said[64] = "", entry[256];

	if (limit && !limit_text(limit, said, sizeof(said))) {
		import_note(t->im, IMPORT_LOST, s->file, s->line, by_hand,
			    has_no_port(limit)
				    ? "%s: %s[%s]: this is no port: they end with 65535"
				    : "%s: %s[%s]: an entry has one protocol and one port at most",
			    s->key, net, limit);
		return;
	}
	if (said[0] && how->kind == CARRY_PROTECT) {
		import_note(t->im, IMPORT_LOST, s->file, s->line,
			    "list what is to be in the clear in no_ipsec_subnets",
			    "%s: %s[%s]: IPsec protects all traffic of a subnet, not one protocol",
			    s->key, net, limit);
		return;
	}
	if (!said[0] && !how->optional) {
		import_add(t->im, key, net, strchr(net, ':') == NULL, s->file, s->line);
		return;
	}
	snprintf(entry, sizeof(entry), "{subnet: \"%s\"%s%s}", net, said,
		 how->optional ? ", optional: true" : "");
	import_add(t->im, key, entry, true, s->file, s->line);
}

static bool is_neighbour_discovery(const char *limit)
{
	return limit && (!strncmp(limit, "ipv6-icmp", 9) || !strncmp(limit, "58", 2));
}

static void carry_selector(struct tree *t, struct setting *s, char *word, void *with)
{
	const struct selector *how = with;
	const char *limit = how->whole;
	char *bracket = strchr(word, '[');
	struct subnet net;
	struct ip ip;
	bool host_bits;

	if (bracket && word[strlen(word) - 1] == ']') {
		word[strlen(word) - 1] = '\0';
		*bracket = '\0';
		limit = bracket + 1;
	}
	if (how->kind == CARRY_BYPASS && is_neighbour_discovery(limit))
		carry_needless(t, s, "ICMPv6 that IPv6 needs always passes");
	else if (subnet_parse(word, &net, &host_bits) || ip_parse(word, &ip))
		add_selector(t, s, word, limit, how);
	else
		import_note(t->im, IMPORT_LOST, s->file, s->line,
			    "write the subnets that are meant into the result",
			    "%s: %s is no subnet", s->key, word);
}

void carry_subnets(struct tree *t, struct setting *s, const char *whole, enum carry_kind kind,
		   bool optional)
{
	struct selector how = { whole, kind, optional };

	carry_each(t, s, carry_selector, &how);
}

static void carry_own(struct tree *t, struct setting *s, char *word, void *with)
{
	struct subnet net;
	bool host_bits;
	struct ip ip;

	(void)with;
	word[strcspn(word, "[")] = '\0';
	if (word[0] == '%' || !strcmp(word, "dynamic") || !word[0])
		return;
	if (ip_parse(word, &ip) ||
	    (subnet_parse(word, &net, &host_bits) && net.prefix == (net.ip.family == 4 ? 32 : 128)))
		carry_needless(
			t, s,
			"all addresses of a host are protected, so that one file does for all "
			"hosts; local_addresses would say which");
	else
		carry_lost(t, s,
			   "ikemesh protects a host's own addresses, and what is behind it not",
			   "keep a gateway for such subnets");
}

void carry_local(struct tree *t, struct setting *s)
{
	if (s)
		carry_each(t, s, carry_own, NULL);
}

/* --- files and identities -------------------------------------------------------------------- */

char *carry_home(struct tree *t, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *home;

	if (asprintf(&home, "%.*s/%s", slash ? (int)(slash - file) : 1, slash ? file : ".", name) <
	    0) {
		t->im->no_memory = true;
		return NULL;
	}
	return home;
}

void carry_file(struct tree *t, const char *key, struct setting *s, const char *dir)
{
	char *path;

	if (s->value[0] == '%') {
		carry_lost(t, s, "what is in a token is named by a pkcs11: URI",
			   "write that into the result");
		return;
	}
	if (asprintf(&path, "%s%s%s", s->value[0] == '/' ? "" : dir, s->value[0] == '/' ? "" : "/",
		     s->value) < 0) {
		t->im->no_memory = true;
		return;
	}
	if (!strcmp(key, "ca_certificates") || !strcmp(key, "crls"))
		import_add(t->im, key, path, false, s->file, s->line);
	else
		carry_one(t, key, path, s);
	free(path);
}

struct directory {
	struct tree *t;
	const char *key, *file;
};

static void add_file(void *to, const char *path)
{
	const struct directory *d = to;
	const struct import_value *first = import_find(d->t->im, d->key);
	const bool one =
		!strcmp(d->key, "instance_private_key") || !strcmp(d->key, "instance_certificate");

	if (!one || !first)
		import_add(d->t->im, d->key, path, false, d->file, 0);
	else if (strcmp(first->text, path))
		import_note(d->t->im, IMPORT_LOST, path, 0,
			    "see that the certificate's own is named",
			    "another file for %s beside %s", d->key, first->text);
}

void carry_directory(struct tree *t, const char *key, const char *dir, const char *file)
{
	struct directory d = { t, key, file };
	char *pattern;

	if (asprintf(&pattern, "%s/*", dir) < 0) {
		t->im->no_memory = true;
		return;
	}
	t->files->list(t->files->context, pattern, add_file, &d);
	free(pattern);
}

void carry_identity(struct tree *t, struct setting *s)
{
	const char *id = s->value;

	if (!strcmp(id, "%any") || !strcmp(id, "%fromcert"))
		return;
	if (id[0] == '%' || (id[0] == '@' && (id[1] == '#' || id[1] == '@')) || strchr(id, ':')) {
		carry_lost(t, s, "not an identity that peer_identities can name", by_hand);
		return;
	}
	import_add(t->im, "peer_identities", id + (id[0] == '@'), false, s->file, s->line);
}

void carry_defaults(struct tree *t, const char *file)
{
	static const char *const keys[] = { "ike_proposals", "esp_proposals" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (import_find(t->im, "ipsec_subnets") && !import_find(t->im, keys[i]))
			import_note(t->im, IMPORT_LOST, file, 0,
				    "write what all peers take into the result",
				    "strongSwan's own choice of %s is not ikemesh's, which is %s",
				    keys[i], schema_find(keys[i])->fallback);
}
