/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, identities and lists of revoked ones, as a peer shows them or others wrote them. */
#include "cases/scene.h"
#include "cases/shown.h"
#include "config/crl_file.h"
#include "crypto/crl.h"
#include "crypto/trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

/* ---- whose key counts: T35 --------------------------------------------------------------------
 */

static void key_of_another(struct scene *s)
{
	const struct testpki_cert *other = shown_stranger();
	struct draft said;

	/* A is valid, and AUTH is made with the key of B: alone, {A, B}, {B, A} with B's proof of
	 * A. */
	scene_auth(s, &said);
	shown_cert(&said, blob_view(&s->d.spec.credential.certs[0]));
	scene_say(s, &said);
	scene_auth(s, &said);
	shown_cert_at(&said, shown_place(&said), blob_view(&s->d.spec.credential.certs[0]));
	scene_say(s, &said);
	shown(s, other, NULL, 0, BYTES_NONE);
	scene_auth(s, &said);
	shown_cert_at(&said, shown_place(&said), blob_view(&other->der));
	scene_say(s, &said);
	scene_check(s, s->d.kernel.n_sas == 0, "no SA was made");
}

/* The right leaf first, an attacker's behind it: what is not needed is not looked at. */
static void stranger_behind(struct scene *s)
{
	struct draft said;

	scene_auth(s, &said);
	shown_cert_at(&said, shown_place(&said) + 1, blob_view(&shown_stranger()->der));
	scene_check(s, scene_say(s, &said) == OUT_GOES_ON, "the peer is let in");
}

/* ---- identities: T36, T72 ---------------------------------------------------------------------
 */

static void identities(struct scene *s)
{
	static const struct {
		uint8_t type;
		const char *text;
		size_t n;
	} ids[] = { { ID_FQDN, "core.example", 12 },
		    { ID_FQDN, "*.example", 9 },
		    { ID_FQDN, "host.example\0.evil", 18 },
		    { ID_FQDN, "host.exampl", 11 },
		    { ID_FQDN, "", 0 },
		    { ID_RFC822_ADDR, "host.example", 12 },
		    { ID_IPV4_ADDR, "\x0a\0\0\x63", 4 },
		    { ID_KEY_ID, "host.example", 12 } };
	const struct testpki_cert *leaf = shown_host();

	for (size_t i = 0; i < N(ids); i++) {
		struct draft said;

		scene_auth(s, &said);
		shown_cert(&said, blob_view(&leaf->der));
		shown_id(&said, ids[i].type, BYTES((const uint8_t *)ids[i].text, ids[i].n));
		peer_sign(&s->d.peer, &said);
		scene_say(s, &said);
	}
	struct blob dn = testpki_name("O=Example, CN=hos", false);
	shown(s, leaf, NULL, ID_DER_ASN1_DN, blob_view(&dn));
	blob_free(&dn);
}

/* RFC 5280 7.1: by value; PrintableString and UTF8String of one text are one name. */
static void name_of_another_string_type(struct scene *s)
{
	struct blob dn = testpki_name("O=Example, CN=host", true);

	scene_check(s, shown(s, shown_host(), NULL, ID_DER_ASN1_DN, blob_view(&dn)) == OUT_GOES_ON,
		    "it is one name");
	blob_free(&dn);
}

static void identities_printed(struct scene *s)
{
	uint8_t id[40];

	for (unsigned i = 0; i < 10000; i++) {
		const uint8_t type = (uint8_t)(i % 13);
		struct draft said, heard;

		if (i % 50 == 0)
			scene_clear(s);
		peer_wipe(&s->d.peer);
		s->d.peer.self.ip = fleet_address(1000 + i % 4000, false);
		s->d.spec.cookie_threshold = 100000;
		peer_ask_init(&s->d.peer, &said);
		struct blob x = peer_encode(&s->d.peer, &said);
		draft_free(&said);
		duet_give_from(&s->d, &s->d.peer.self, &s->d.us, blob_view(&x));
		blob_free(&x);
		duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
		peer_take_init(&s->d.peer, &heard);
		draft_free(&heard);
		peer_ask_auth(&s->d.peer, &said);
		rng_fill(&s->d.rng, id, sizeof id);
		shown_id(&said, type, BYTES(id, type == 1 ? 4 : type == 5 ? 16 : i % 40));
		s->d.doer.verdict = VERDICT_ID_MISMATCH;
		scene_say(s, &said);
		s->d.doer.verdict = VERDICT_GOOD;
		for (size_t k = 0; k < s->d.n_sent; k++)
			blob_free(&s->d.sent[k].b);
		s->d.n_sent = s->d.taken = 0;
		s->d.reports[0] = s->d.log[0] = s->d.happened[0] = '\0';
	}
	s->d.spec.cookie_threshold = 30;
	scene_clear(s);
}

/* ---- name constraints: T67 ---------------------------------------------------------------------
 */

static void name_constraints(struct scene *s)
{
	static const char *const sans[] = { "DNS:vpn.eXample.org", "DNS:VPN.EXAMPLE.ORG",
					    "DNS:example.org" };
	struct testpki_cert middle, leaf;

	testpki_make(&middle,
		     &(struct testpki_spec){ .subject = "O=Example, CN=Middle",
					     .issuer = shown_ca(),
					     .slot = 3,
					     .ca = true,
					     .name_constraints = "excluded;DNS:example.org" });
	for (size_t i = 0; i < N(sans); i++) {
		testpki_make(&leaf, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							    .issuer = &middle,
							    .slot = 2,
							    .san = sans[i] });
		shown(s, &leaf, &middle, 0, BYTES_NONE);
		testpki_free(&leaf);
	}
	testpki_free(&middle);
}

/* ---- nobody is asked over the network: T66 ----------------------------------------------------
 */

/* Where somebody would connect to; open as long as the program runs. */
static int listener(uint16_t *port)
{
	static int fd = -1;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0 && bind(fd, (const void *)&at, sizeof at) == 0 &&
			    listen(fd, 5) == 0);
	}
	assert_int_equal(getsockname(fd, (void *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void places_to_ask(struct scene *s)
{
	char crl[64], ocsp[64];
	uint16_t port;
	int fd = listener(&port);

	snprintf(crl, sizeof crl, "http://127.0.0.1:%u/ca.crl", port);
	snprintf(ocsp, sizeof ocsp, "http://127.0.0.1:%u/ocsp", port);
	for (int trusted = 0; trusted < 2; trusted++) {
		const struct testpki_spec spec = { .subject = "O=Example, CN=peer",
						   .issuer =
							   trusted ? shown_ca() : shown_stranger(),
						   .slot = 2,
						   .crl_at = crl,
						   .ocsp_at = ocsp };
		enum outcome o = shown(s, shown_once(KEPT_TELLING + (unsigned)trusted, &spec),
				       trusted ? NULL : shown_stranger(), 0, BYTES_NONE);

		scene_check(s, (o == OUT_GOES_ON) == (trusted != 0), "the chain alone decides");
	}
	scene_check(s, accept(fd, NULL, NULL) < 0 && errno == EAGAIN,
		    "nobody connected to either place");
}

/* ---- CERT and CERTREQ payloads: T68 -----------------------------------------------------------
 */

static void cert_payloads(struct scene *s)
{
	static const uint8_t encodings[] = { 0, 1, 7, 11, 12, 13, 200 };
	struct draft said;
	uint8_t *large = calloc(1, 61000);

	assert_non_null(large);
	for (size_t i = 0; i < N(encodings); i++) {
		scene_auth(s, &said);
		draft_find(&said, PAYLOAD_CERT)->body.p[0] = encodings[i];
		scene_say(s, &said);
	}
	for (size_t n = 0; n < 2; n++) { /* no octet at all; an encoding without a certificate */
		scene_auth(s, &said);
		draft_set(draft_find(&said, PAYLOAD_CERT), BYTES((const uint8_t *)"\x04", n));
		scene_say(s, &said);
	}
	for (size_t n = 9; n <= 100; n += 91) {
		scene_auth(s, &said);
		for (size_t i = 1; i < n; i++)
			draft_insert(&said, shown_place(&said), PAYLOAD_CERT,
				     BYTES((const uint8_t *)"\x04x", 2));
		scene_say_fragmented(s, &said, 1200);
	}
	large[0] = CERT_X509_SIGNATURE;
	for (size_t n = 20000; n <= 60000; n += 40000) {
		scene_auth(s, &said);
		draft_set(draft_find(&said, PAYLOAD_CERT), BYTES(large, n));
		scene_say_fragmented(s, &said, 1400);
	}
	free(large);
}

static void certreq_payloads(struct scene *s)
{
	/* 65515 do not fit into 64 KiB with what else there is. */
	static const size_t lengths[] = { 0, 1, 19, 20, 21, 22, 4000, 65515 };
	static const uint8_t body[65515] = { CERT_X509_SIGNATURE };

	for (size_t i = 0; i < N(lengths); i++) {
		struct draft said;

		scene_auth(s, &said);
		draft_drop(&said, PAYLOAD_CERTREQ);
		draft_add(&said, PAYLOAD_CERTREQ, BYTES(body, lengths[i]));
		scene_check(s,
			    scene_say_fragmented(s, &said, 1400) !=
				    (lengths[i] > 4000 ? OUT_GOES_ON : OUT_DROP),
			    "only what is too long is dropped");
	}
}

/* ---- lists of revoked certificates: T70 -------------------------------------------------------
 */

/* The handshake of a peer where this list, which names it, is in force. */
static enum outcome with_list(struct scene *s, const struct testpki_cert *issuer, bool forged)
{
	const struct testpki_cert *peer =
		shown_once(KEPT_REVOKED, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
								 .issuer = shown_ca(),
								 .slot = 2 });
	const struct testpki_crl_spec spec = { .issuer = issuer,
					       .revoked = { peer },
					       .bad_signature = forged };
	const struct trust *const own = s->d.doer.trust;
	struct blob der = testpki_crl(&spec, NULL);
	struct crls *lists = crls_new();
	struct trust *t;
	enum outcome o;

	assert_non_null(lists);
	assert_int_equal(crls_add(lists, blob_view(&der)), 0);
	t = trust_with_crls(own, lists);
	assert_non_null(t);
	s->d.doer.trust = t;
	o = shown(s, peer, NULL, 0, BYTES_NONE);
	scene_clear(s);
	s->d.doer.trust = own;
	trust_free(t);
	crls_drop(lists);
	blob_free(&der);
	return o;
}

static void revocation_lists(struct scene *s)
{
	scene_check(s, with_list(s, shown_ca(), false) == OUT_ERROR, "the genuine list counts");
	scene_check(s, with_list(s, shown_ca(), true) == OUT_GOES_ON, "the forged one does not");
	scene_check(s, with_list(s, shown_stranger(), false) == OUT_GOES_ON,
		    "another CA's does not");
}

static void large_list(struct scene *s)
{
	char path[] = "/tmp/ikemesh-case-XXXXXX";
	struct crl_file f = { .path = path };
	int fd = mkstemp(path);

	assert_true(fd >= 0 && ftruncate(fd, 64 << 20) == 0);
	scene_check(s, crl_file_look(&f) == CRL_BROKEN && f.fault == -EFBIG,
		    "refused as too large");
	close(fd);
	unlink(path);
}

#define REFUSED                              \
	{                                    \
		NOTIFY_AUTHENTICATION_FAILED \
	}
#define BOTH (ALLOW(OUT_GOES_ON))

const struct bad_case cases_certificates[] = {
	{ "T35", "key_of_another", "CVE-2020-16088 OpenIKED, CVE-2023-26463 strongSwan",
	  "AUTH by B's key with A's certificate, {A, B}; same subject, other key", 0, REFUSED,
	  .real = true, .play = key_of_another },
	{ "T35", "stranger_behind", "CVE-2020-16088 OpenIKED",
	  "{leaf, attacker's} with the leaf's AUTH", BOTH, .real = true, .play = stranger_behind },
	{ "T36",
	  "identities",
	  "RFC 4945 3.1.2, 3.1.5",
	  "ID of others, a wildcard, with NUL, cut, empty, of other types, another DN",
	  0,
	  { NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX },
	  .real = true,
	  .play = identities },
	{ "T36", "name_of_another_string_type", "RFC 5280 7.1",
	  "a DN as UTF8String that is PrintableString in the certificate", BOTH, .real = true,
	  .play = name_of_another_string_type },
	{ "T72",
	  "identities_printed",
	  "OpenIKED PR 91",
	  "10,000 IDs of types 0 to 12, all refused",
	  0,
	  { NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX },
	  .play = identities_printed },
	{ "T66", "places_to_ask", "CVE-2022-40617 strongSwan",
	  "certificates of strangers and of ours that name a CRL and an OCSP place", BOTH, REFUSED,
	  .real = true, .play = places_to_ask },
	{ "T67", "name_constraints", "CVE-2026-35331 strongSwan",
	  "excluded example.org; leaves vpn.eXample.org, VPN.EXAMPLE.ORG, example.org", 0, REFUSED,
	  .real = true, .play = name_constraints },
	{ "T68",
	  "cert_payloads",
	  "CVE-2026-35329 strongSwan",
	  "CERT encodings 0, 1, 7, 11, 12, 13, 200; empty; 9 and 100 of them; 20 and 60 KB",
	  0,
	  { NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX },
	  .real = true,
	  .play = cert_payloads },
	{ "T68",
	  "certreq_payloads",
	  "CVE-2026-35329 strongSwan",
	  "CERTREQ of 0, 1, 19, 20, 21, 22, 4000, 65515 octets",
	  ALLOW(OUT_GOES_ON) | ALLOW(OUT_KEPT) | ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .real = true,
	  .play = certreq_payloads },
	{ "T70", "revocation_lists", "PKITS 4.4, 4.14",
	  "the peer revoked: by its CA, under a bad signature, by another CA", BOTH, REFUSED,
	  .real = true, .play = revocation_lists },
	{ "T70", "large_list", "PKITS 4.14", "a CRL file of 64 MiB", 0, .play = large_list },
	{ .name = NULL },
};
