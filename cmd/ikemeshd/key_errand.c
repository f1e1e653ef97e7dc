/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/key_errand.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/keyholder_sandbox.h"
#include "crypto/provider.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Takes the octets. */
static int put_content(struct key_errand *e, int err, struct secret *octets)
{
	if (err == 0) {
		e->content = key_content_put(secret_view(octets));
		err = e->content < 0 ? e->content : 0;
	}
	secret_free(octets);
	return err;
}

static int put_config(struct key_errand *e, const struct problems *ps, const struct config *c)
{
	struct secret octets = { 0 };
	int err = wire_put_config(ps, c, &octets);

	return put_content(e, err, &octets);
}

/* Once: the properties of a process cannot change, and the engine refuses another's. */
static int use_properties(struct key_errand *e, const struct config *c)
{
	int err;

	if (c->crypto_properties == NULL || *e->restricted)
		return 0;
	err = provider_use(c->crypto_properties);
	*e->restricted = err == 0;
	return err;
}

/* What only the keyholder may have, and what it needs to know of it. */
static int make_ring(struct key_errand *e, struct config *c)
{
	struct trust *trust = c->trust;

	c->trust = NULL;
	e->ring = keyring_new(trust);
	if (e->ring == NULL)
		return -ENOMEM;
	e->ring->key = c->key;
	c->key = NULL;
	ppk_move(&e->ring->ppk, &c->ppk);
	memcpy(e->ring->fingerprint, c->spec.credential.leaf.fingerprint,
	       sizeof(e->ring->fingerprint));
	e->ring->files = c->crl_files;
	e->ring->n_files = c->n_crl_files;
	c->crl_files = NULL;
	c->n_crl_files = 0;
	/* Any number that no other keyholder had: this one may be the next of many. */
	if (random_fill((uint8_t *)&e->serial, sizeof(e->serial)) != 0)
		return -EIO;
	e->ring->serial = e->ring->files_serial = e->serial;
	return 0;
}

static void load(struct key_errand *e)
{
	struct problems ps = { 0 };
	struct config c;
	bool good;
	int err;

	if (e->no_library && keyholder_needs_library(e->path)) {
		e->result = -ERESTART;
		return;
	}
	err = config_load(e->path, time(NULL), &c, &ps);
	good = err == 0;
	if (good)
		err = use_properties(e, &c);
	if (err == 0 || err == -EINVAL)
		err = put_config(e, &ps, good ? &c : NULL);
	if (err == 0 && good)
		err = make_ring(e, &c);
	if (good)
		config_free(&c);
	problems_free(&ps);
	e->result = err;
}

/*
 * Another file, of whose texts nothing is told that is no configuration: who asks might only want
 * to know what stands in it.
 */
static void check(struct key_errand *e)
{
	struct problems ps = { 0 }, counts = { 0 };
	struct config c;
	int err = config_load(e->path, time(NULL), &c, &ps);
	bool good = err == 0;

	counts.errors = ps.errors;
	counts.faults = ps.faults;
	if (err == 0 || err == -EINVAL)
		err = put_config(e, &counts, good ? &c : NULL);
	if (good)
		config_free(&c);
	problems_free(&ps);
	e->result = err;
}

static void look(struct key_errand *e)
{
	struct keyring *ring = e->ring;
	struct secret octets = { 0 };
	const uint64_t known = e->serial;
	bool changed = false;

	for (size_t i = 0; i < ring->n_files; i++)
		changed |= crl_file_look(&ring->files[i]) != CRL_SAME;
	ring->files_serial += changed;
	e->serial = ring->files_serial;
	e->result = 0;
	if (e->serial != known)
		e->result = put_content(e, wire_put_crl_files(ring->files, ring->n_files, &octets),
					&octets);
}

static void run(struct chore *c)
{
	struct key_errand *e = (struct key_errand *)c;

	if (e->kind == KEY_LOAD)
		load(e);
	else if (e->kind == KEY_CHECK)
		check(e);
	else
		look(e);
}

void key_errand_init(struct key_errand *e, enum key_kind kind)
{
	*e = (struct key_errand){ .chore.run = run, .kind = kind, .content = -1 };
}

void key_errand_wipe(struct key_errand *e)
{
	if (e->content >= 0)
		close(e->content);
	e->content = -1;
	keyring_drop(e->ring);
	e->ring = NULL;
}
