/* SPDX-License-Identifier: Apache-2.0 */
#include "config/suites.h"
#include "config/near.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WORD_LEN 32	/* octets of a word with NUL */
#define ADD_KE_PREFIX 4 /* octets of "ke1_" */

/* The same algorithm by another name. */
static const struct {
	const char *name, *keyword;
} aliases[] = {
	{ "aes", "aes128" },
	{ "aes128cbc", "aes128" },
	{ "aes256cbc", "aes256" },
	{ "aes128gcm", "aes128gcm16" },
	{ "aes256gcm", "aes256gcm16" },
	{ "aes128gcm128", "aes128gcm16" },
	{ "aes256gcm128", "aes256gcm16" },
	{ "sha2_256", "sha256" },
	{ "sha2_384", "sha384" },
	{ "sha2_512", "sha512" },
	{ "sha2_256_128", "sha256" },
	{ "sha256_128", "sha256" },
	{ "prfsha2_256", "prfsha256" },
	{ "prfsha2_384", "prfsha384" },
	{ "prfsha2_512", "prfsha512" },
	{ "x25519", "curve25519" },
};

/* Known to others, and refused here for good. */
static const struct {
	const char *name, *instead;
} weak[] = {
	{ "des", "aes128" },	    { "3des", "aes128" },
	{ "null", "aes128gcm16" },  { "blowfish", "aes128" },
	{ "md5", "sha256" },	    { "md5_128", "sha256" },
	{ "sha", "sha256" },	    { "sha1", "sha256" },
	{ "sha1_160", "sha256" },   { "aesxcbc", "sha256" },
	{ "prfmd5", "prfsha256" },  { "prfsha1", "prfsha256" },
	{ "modp768", "modp2048" },  { "modp1024", "modp2048" },
	{ "modp1536", "modp2048" }, { "modp1024s160", "modp2048" },
};

struct parser {
	const char *text;
	uint8_t protocol;
	struct suites_fault *fault;
};

struct word {
	char text[WORD_LEN];
	size_t at, len; /* in the whole string */
};

__attribute__((format(printf, 4, 5))) static int fail(struct parser *p, const struct word *w,
						      const char *instead, const char *format, ...)
{
	va_list args;

	*p->fault = (struct suites_fault){ .instead = instead };
	if (w) {
		p->fault->at = w->at;
		p->fault->len = w->len;
	}
	va_start(args, format);
	vsnprintf(p->fault->message, sizeof(p->fault->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* --- words --------------------------------------------------------------------------------- */

/* Every keyword there is, by number; NULL beyond the last. *t is what it stands for. */
static const char *keyword_at(size_t i, struct transform *t)
{
	static const struct {
		const char *keyword;
		uint8_t type;
		uint16_t id;
	} others[] = {
		{ "esn", TRANSFORM_ESN, ESN_YES },
		{ "noesn", TRANSFORM_ESN, ESN_NO },
		{ "modpnone", TRANSFORM_KE, KE_NONE },
	};

	for (const struct encr_alg *const *a = encr_all(); *a; a++)
		if (i-- == 0) {
			*t = (struct transform){ TRANSFORM_ENCR, (*a)->id, (*a)->key_bits };
			return (*a)->keyword;
		}
	for (const struct integ_alg *const *a = integ_all(); *a; a++)
		if (i-- == 0) {
			*t = (struct transform){ TRANSFORM_INTEG, (*a)->id, 0 };
			return (*a)->keyword;
		}
	for (const struct prf_alg *const *a = prf_all(); *a; a++)
		if (i-- == 0) {
			*t = (struct transform){ TRANSFORM_PRF, (*a)->id, 0 };
			return (*a)->keyword;
		}
	for (const struct ke_alg *const *a = ke_all(); *a; a++)
		if (i-- == 0) {
			*t = (struct transform){ TRANSFORM_KE, (*a)->id, 0 };
			return (*a)->keyword;
		}
	if (i >= sizeof(others) / sizeof(others[0]))
		return NULL;
	*t = (struct transform){ others[i].type, others[i].id, 0 };
	return others[i].keyword;
}

/* The type that "ke1_" to "ke7_" in front of a word stand for (RFC 9370); 0: no such prefix. */
static uint8_t add_ke_type(const char *word)
{
	if (strncasecmp(word, "ke", 2) || word[2] < '1' || word[2] > '7' || word[3] != '_')
		return 0;
	return (uint8_t)(TRANSFORM_ADDKE1 + word[2] - '1');
}

static bool word_find(const char *word, struct transform *t);

static bool add_ke_find(const char *word, struct transform *t)
{
	const uint8_t type = add_ke_type(word);

	if (!strcasecmp(word + ADD_KE_PREFIX, "none")) {
		*t = (struct transform){ type, KE_NONE, 0 };
		return true;
	}
	if (add_ke_type(word + ADD_KE_PREFIX) || !word_find(word + ADD_KE_PREFIX, t) ||
	    t->type != TRANSFORM_KE || t->id == KE_NONE)
		return false;
	t->type = type;
	return true;
}

static bool word_find(const char *word, struct transform *t)
{
	const char *keyword;

	if (add_ke_type(word))
		return add_ke_find(word, t);

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcasecmp(word, aliases[i].name))
			word = aliases[i].keyword;
	for (size_t i = 0; (keyword = keyword_at(i, t)); i++)
		if (!strcasecmp(word, keyword))
			return true;
	return false;
}

static bool same(const struct transform *a, const struct transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

/* The keyword of a transform, without "ke1_" in front; "" if it has none. */
static const char *keyword_of(const struct transform *t)
{
	const struct transform ke = { TRANSFORM_KE, t->id, 0 };
	struct transform known;
	const char *keyword;

	if (t->type >= TRANSFORM_ADDKE1)
		return t->id == KE_NONE ? "none" : keyword_of(&ke);

	for (size_t i = 0; (keyword = keyword_at(i, &known)); i++)
		if (same(&known, t))
			return keyword;
	return "";
}

/* Those nearest to a word that there is not, best first: "modp2048, modp3072". */
static const char *near_words(const char *word, char *out, size_t size)
{
	const char *best = NULL, *keyword;
	unsigned least = NEAR_FAR;
	struct transform t;
	size_t n = 0;

	for (size_t i = 0; (keyword = keyword_at(i, &t)); i++) {
		unsigned d = near_distance(word, keyword);

		if (d < least) {
			least = d;
			best = keyword;
		}
	}
	*out = '\0';
	if (!near_enough(word, least))
		return NULL;
	for (unsigned d = least; d <= least + 1; d++)
		for (size_t i = 0; (keyword = keyword_at(i, &t)); i++)
			if (n < size && near_distance(word, keyword) == d)
				n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
						      keyword);
	return best;
}

static const char *all_words(char *out, size_t size)
{
	struct transform t;
	const char *keyword;
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; n < size && (keyword = keyword_at(i, &t)); i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", keyword);
	return out;
}

static int unknown_word(struct parser *p, const struct word *w)
{
	char words[192];
	const char *best, *bare = w->text;

	if (add_ke_type(bare))
		bare += ADD_KE_PREFIX;

	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		if (!strcasecmp(bare, weak[i].name))
			return fail(p, w, bare == w->text ? weak[i].instead : NULL,
				    "'%s' is too weak and refused: use %s", w->text,
				    weak[i].instead);
	if ((best = near_words(bare, words, sizeof(words))))
		return fail(p, w, bare == w->text ? best : NULL,
			    "unknown algorithm '%s': did you mean %s?", w->text, words);
	return fail(p, w, NULL, "unknown algorithm '%s': there are %s", w->text,
		    all_words(words, sizeof(words)));
}

/* --- one proposal -------------------------------------------------------------------------- */

static bool has(const struct proposal_spec *s, uint8_t type)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->t[i].type == type)
			return true;
	return false;
}

static bool is_aead(const struct transform *t)
{
	const struct encr_alg *alg = encr_by_id(t->id, t->key_bits);

	return t->type == TRANSFORM_ENCR && alg && alg->aead;
}

static size_t count_aead(const struct proposal_spec *s, bool aead)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->t[i].type == TRANSFORM_ENCR && is_aead(&s->t[i]) == aead;
	return n;
}

/* In the order of the types, and as written within one. A second one of the same is dropped. */
static int add(struct parser *p, const struct word *w, struct proposal_spec *s, struct transform t)
{
	size_t to = s->n;

	for (size_t i = 0; i < s->n; i++)
		if (same(&s->t[i], &t))
			return 0;
	if (s->n == PROPOSAL_TRANSFORMS)
		return fail(p, w, NULL, "more than %d algorithms in one proposal",
			    PROPOSAL_TRANSFORMS);
	for (; to > 0 && s->t[to - 1].type > t.type; to--)
		s->t[to] = s->t[to - 1];
	s->t[to] = t;
	s->n++;
	return 0;
}

static void drop_type(struct proposal_spec *s, uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->t[i].type != type)
			s->t[n++] = s->t[i];
	s->n = n;
}

/* PRF_HMAC_SHA2_x goes with AUTH_HMAC_SHA2_x; 0 if there is none. */
static uint16_t prf_of(uint16_t integ)
{
	switch (integ) {
	case AUTH_HMAC_SHA2_256_128:
		return PRF_HMAC_SHA2_256;
	case AUTH_HMAC_SHA2_384_192:
		return PRF_HMAC_SHA2_384;
	case AUTH_HMAC_SHA2_512_256:
		return PRF_HMAC_SHA2_512;
	default:
		return 0;
	}
}

static int derive_prf(struct parser *p, struct proposal_spec *s)
{
	struct proposal_spec written = *s;
	int r = 0;

	for (size_t i = 0; !r && i < written.n; i++) {
		uint16_t prf = 0;

		if (written.t[i].type == TRANSFORM_INTEG)
			prf = prf_of(written.t[i].id);
		if (prf)
			r = add(p, NULL, s, (struct transform){ TRANSFORM_PRF, prf, 0 });
	}
	return r;
}

static int complete_ike(struct parser *p, const struct word *w, struct proposal_spec *s)
{
	int r;

	if (!has(s, TRANSFORM_PRF) && !has(s, TRANSFORM_INTEG) && !has(s, TRANSFORM_KE))
		return fail(
			p, w, NULL,
			"'%s' has no key exchange: it looks like an ESP proposal, which belongs "
			"into esp_proposals",
			w->text);
	if (!has(s, TRANSFORM_PRF) && (r = derive_prf(p, s)))
		return r;
	if (!has(s, TRANSFORM_PRF))
		return fail(p, w, NULL, "an IKE proposal needs a prf, such as prfsha256");
	if (!has(s, TRANSFORM_KE))
		return fail(p, w, NULL, "an IKE proposal needs a key exchange, such as modp2048");
	return 0;
}

static int complete_esp(struct parser *p, struct proposal_spec *s)
{
	if (has(s, TRANSFORM_ESN))
		return 0;
	/* Unless said otherwise: with both who know them, without with the others (RFC 4303 2.2.1).
	 */
	int r = add(p, NULL, s, (struct transform){ TRANSFORM_ESN, ESN_YES, 0 });
	return r ? r : add(p, NULL, s, (struct transform){ TRANSFORM_ESN, ESN_NO, 0 });
}

static bool is_ke(const struct transform *t)
{
	return t->id != KE_NONE && (t->type == TRANSFORM_KE || t->type >= TRANSFORM_ADDKE1);
}

/* RFC 9370 2.2.1: what is chosen may not be the same twice. This way it cannot be. */
static int check_repeats(struct parser *p, const struct word *w, const struct proposal_spec *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < i; k++)
			if (is_ke(&s->t[i]) && is_ke(&s->t[k]) && s->t[i].id == s->t[k].id)
				return fail(p, w, NULL,
					    "%s stands in more than one key exchange of '%s': each "
					    "must be another",
					    keyword_of(&s->t[i]), w->text);
	return 0;
}

/* RFC 7296 3.3.3: which types a proposal must have. */
static int complete(struct parser *p, const struct word *w, struct proposal_spec *s)
{
	size_t aead = count_aead(s, true), classic = count_aead(s, false);
	int r;

	if (!aead && !classic)
		return fail(p, w, NULL, "a proposal needs a cipher, such as aes128gcm16");
	/* RFC 7296 3.3: they would have to be two proposals; strongSwan refuses it too. */
	if (aead && classic)
		return fail(p, w, NULL,
			    "ciphers with and without their own integrity cannot stand in one "
			    "proposal: separate them by a comma");
	r = p->protocol == PROTO_IKE ? complete_ike(p, w, s) : complete_esp(p, s);
	if (r)
		return r;
	if (classic && !has(s, TRANSFORM_INTEG))
		return fail(p, w, NULL, "%s needs an integrity algorithm, such as sha256",
			    keyword_of(&s->t[0]));
	if (aead)
		drop_type(s, TRANSFORM_INTEG);
	return check_repeats(p, w, s);
}

/* RFC 9370 1.3: a KEM comes on top of an exchange that has stood the test of time. */
static int lonely_kem(struct parser *p, const struct word *w, const struct transform *t)
{
	return fail(p, w, t->id == KE_ML_KEM_768 ? "curve25519-ke1_mlkem768" : NULL,
		    "'%s' does not stand alone: write ke1_%s, beside a key exchange such as "
		    "curve25519",
		    w->text, keyword_of(t));
}

static bool is_kem(const struct transform *t)
{
	const struct ke_alg *ke = ke_by_id(t->id);

	return t->type == TRANSFORM_KE && ke && ke->encapsulate;
}

/* Words that have no place in this kind of proposal. */
static int check_place(struct parser *p, const struct word *w, const struct transform *t)
{
	if (p->protocol == PROTO_ESP && t->type == TRANSFORM_PRF)
		return fail(p, w, NULL,
			    "'%s' has no place in an ESP proposal: it looks like an IKE proposal, "
			    "which belongs into ike_proposals",
			    w->text);
	if (p->protocol == PROTO_ESP && (t->type >= TRANSFORM_ADDKE1 || is_kem(t)))
		return fail(
			p, w, NULL,
			"'%s' has no place in an ESP proposal: the IKE SA has the additional key "
			"exchanges, and its keys are in those of traffic",
			w->text);
	if (is_kem(t))
		return lonely_kem(p, w, t);
	if (p->protocol == PROTO_IKE && t->type == TRANSFORM_ESN)
		return fail(p, w, NULL,
			    "'%s' has no place in an IKE proposal: it looks like an ESP proposal, "
			    "which belongs into esp_proposals",
			    w->text);
	if (p->protocol == PROTO_IKE && t->type == TRANSFORM_KE && t->id == KE_NONE)
		return fail(p, w, "modp2048", "an IKE proposal cannot do without a key exchange");
	return 0;
}

/* --- the string ---------------------------------------------------------------------------- */

/* text[at .. at + len) without the spaces around it. */
static struct word word_cut(const char *text, size_t at, size_t len)
{
	struct word w = { .at = at, .len = len };

	while (w.len && (text[w.at] == ' ' || text[w.at] == '\t')) {
		w.at++;
		w.len--;
	}
	while (w.len && (text[w.at + w.len - 1] == ' ' || text[w.at + w.len - 1] == '\t'))
		w.len--;
	snprintf(w.text, sizeof(w.text), "%.*s", (int)w.len, text + w.at);
	return w;
}

static int take_word(struct parser *p, const struct word *w, struct proposal_spec *s)
{
	struct transform t;
	int r;

	if (!w->len)
		return fail(p, w, NULL, "a word is missing between the separators");
	if (strchr(w->text, '!'))
		return fail(p, w, NULL, "'!' stands at the very end only");
	if (!word_find(w->text, &t))
		return unknown_word(p, w);
	if ((r = check_place(p, w, &t)))
		return r;
	return add(p, w, s, t);
}

static int one_proposal(struct parser *p, size_t at, size_t len, struct proposal_spec *s)
{
	const struct word whole = word_cut(p->text, at, len);
	size_t end = at + len;
	int r = 0;

	*s = (struct proposal_spec){ 0 };
	if (!whole.len)
		return fail(p, &whole, NULL, "a proposal is missing between the commas");
	while (!r) {
		size_t n = 0;
		struct word w;

		while (at + n < end && p->text[at + n] != '-')
			n++;
		w = word_cut(p->text, at, n);
		r = take_word(p, &w, s);
		at += n + 1;
		if (at > end)
			break;
	}
	return r ? r : complete(p, &whole, s);
}

int suites_read(const char *text, uint8_t protocol, struct proposal_spec *out, size_t room,
		size_t *n, struct suites_fault *fault)
{
	struct parser p = { .text = text, .protocol = protocol, .fault = fault };
	size_t end = strlen(text), at = 0;
	int r;

	*n = 0;
	while (end && (text[end - 1] == ' ' || text[end - 1] == '\t'))
		end--;
	if (end && text[end - 1] == '!')
		end--;
	do {
		size_t len = strcspn(text + at, ",");

		if (at + len > end)
			len = end - at;
		if (*n == room)
			return fail(&p, NULL, NULL, "more than %zu proposals", room);
		r = one_proposal(&p, at, len, &out[*n]);
		if (r)
			return r;
		++*n;
		at += len + 1;
	} while (at <= end);
	return 0;
}

int suites_parse(const char *text, uint8_t protocol, struct proposal_spec *out, size_t room,
		 size_t *n, char *error, size_t error_size)
{
	struct suites_fault fault;
	int r = suites_read(text, protocol, out, room, n, &fault);

	snprintf(error, error_size, "%s", r ? fault.message : "");
	return r;
}

/* --- back to text -------------------------------------------------------------------------- */

/* The prfs are those that reading would derive again. */
static bool prf_is_derived(const struct proposal_spec *p)
{
	struct proposal_spec plain = *p;
	struct suites_fault fault;
	struct parser parser = { .text = "", .fault = &fault };

	drop_type(&plain, TRANSFORM_PRF);
	if (derive_prf(&parser, &plain) || plain.n != p->n)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!same(&plain.t[i], &p->t[i]))
			return false;
	return true;
}

/* Both, the extended ones first, or none named at all (IKE). */
static bool esn_is_implied(const struct proposal_spec *p)
{
	uint16_t ids[2] = { ESN_YES, ESN_NO };
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type != TRANSFORM_ESN)
			continue;
		if (n == 2 || p->t[i].id != ids[n])
			return false;
		n++;
	}
	return n != 1;
}

static size_t word_write(char *out, size_t size, bool more, const struct transform *t)
{
	char prefix[8] = "";

	if (t->type >= TRANSFORM_ADDKE1)
		snprintf(prefix, sizeof(prefix), "ke%d_", t->type - TRANSFORM_ADDKE1 + 1);
	return (size_t)snprintf(out, size, "%s%s%s", more ? "-" : "", prefix, keyword_of(t));
}

void suites_text(const struct proposal_spec *p, uint8_t protocol, char *out, size_t size)
{
	/* strongSwan's order: the prf after the integrity algorithm that it replaces. */
	static const uint8_t order[] = { TRANSFORM_ENCR,
					 TRANSFORM_INTEG,
					 TRANSFORM_PRF,
					 TRANSFORM_KE,
					 6,
					 7,
					 8,
					 9,
					 10,
					 11,
					 12,
					 TRANSFORM_ESN };
	bool skip_prf = protocol == PROTO_IKE && prf_is_derived(p);
	bool skip_esn = esn_is_implied(p);
	size_t n = 0;

	if (size)
		*out = '\0';
	for (size_t o = 0; o < sizeof(order); o++) {
		if ((order[o] == TRANSFORM_PRF && skip_prf) ||
		    (order[o] == TRANSFORM_ESN && skip_esn))
			continue;
		for (size_t i = 0; i < p->n && n < size; i++)
			if (p->t[i].type == order[o])
				n += word_write(out + n, size - n, n > 0, &p->t[i]);
	}
}
