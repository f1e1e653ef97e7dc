/* SPDX-License-Identifier: Apache-2.0 */
#include "cases/shown.h"

#include <stdlib.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))
#define CA_NAME "O=Example, CN=Test CA"

void shown_cert(struct draft *said, struct bytes der)
{
	struct blob body;

	cert_encode(draft_begin(said), CERT_X509_SIGNATURE, der);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, PAYLOAD_CERT), blob_view(&body));
	blob_free(&body);
}

void shown_id(struct draft *said, uint8_t type, struct bytes data)
{
	struct blob body;

	id_encode(draft_begin(said), PAYLOAD_IDI, type, data);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, PAYLOAD_IDI), blob_view(&body));
	blob_free(&body);
}

void shown_cert_at(struct draft *said, size_t at, struct bytes der)
{
	struct blob body;

	cert_encode(draft_begin(said), CERT_X509_SIGNATURE, der);
	draft_end(said);
	body = draft_take_last(said);
	draft_insert(said, at, PAYLOAD_CERT, blob_view(&body));
	blob_free(&body);
}

size_t shown_place(struct draft *said)
{
	return (size_t)(draft_find(said, PAYLOAD_CERT) - said->p);
}

static struct testpki_cert kept[KEPT_LAST + 1];

static void kept_free(void)
{
	for (size_t i = 0; i < N(kept); i++)
		if (kept[i].der.n > 0)
			testpki_free(&kept[i]);
}

struct testpki_cert *shown_once(enum kept which, const struct testpki_spec *spec)
{
	static bool registered;

	if (!registered)
		atexit(kept_free);
	registered = true;
	if (kept[which].der.n == 0)
		testpki_make(&kept[which], spec);
	return &kept[which];
}

struct testpki_cert *shown_ca(void)
{
	return shown_once(KEPT_CA, &(struct testpki_spec){ .subject = CA_NAME, .ca = true });
}

struct testpki_cert *shown_stranger(void)
{
	return shown_once(
		KEPT_STRANGER,
		&(struct testpki_spec){ .subject = "O=Example, CN=peer", .slot = 3, .ca = true });
}

struct testpki_cert *shown_host(void)
{
	return shown_once(KEPT_HOST,
			  &(struct testpki_spec){ .subject = "O=Example, CN=host",
						  .issuer = shown_ca(),
						  .slot = 2,
						  .san = "DNS:host.example, IP:10.0.0.2" });
}

enum outcome shown(struct scene *s, const struct testpki_cert *leaf,
		   const struct testpki_cert *above, uint8_t id_type, struct bytes id)
{
	const struct sign_key *const own = s->d.peer_doer.key;
	struct sign_key *key = NULL;
	struct draft said;
	enum outcome o;

	scene_auth(s, &said);
	shown_cert(&said, blob_view(&leaf->der));
	if (above != NULL)
		shown_cert_at(&said, shown_place(&said) + 1, blob_view(&above->der));
	if (id.n > 0)
		shown_id(&said, id_type, id);
	if (sign_key_from_pem(blob_view(&leaf->key_pem), &key) == 0 && sign_key_bits(key) >= 2048)
		s->d.peer_doer.key = key;
	peer_sign(&s->d.peer, &said);
	s->d.peer_doer.key = own;
	o = scene_say(s, &said);
	sign_key_free(key);
	return o;
}
