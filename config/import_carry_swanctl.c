/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings of swanctl.conf(5) mean to a mesh. */
#include "config/import_carry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char gateway[] = "keep strongSwan for this connection";

static const struct fate_row conn_rows[] = {
	TAKEN("local_addrs"),
	TAKEN("remote_addrs"),
	LOST("version", " 0 2 ", "ikemesh speaks IKEv2 alone", "move such peers to IKEv2 first"),
	KEY("proposals", FATE_IKE, "ike_proposals", " default "),
	KEY("encap", FATE_ENCAP, "encapsulation", NULL),
	KEY("dpd_delay", FATE_NUMBER, "dpd_delay", " 0 0s "),
	KEY("rekey_time", FATE_NUMBER, "ike_lifetime", NULL),
	LOST("reauth_time", " 0 0s 0h ", "ikemesh proves identities anew when they change",
	     "`ikectl reauth` does it at any time"),
	NEEDLESS("dpd_timeout", "strongSwan heeds it with IKEv1 alone"),
	LOST("vips", NULL, "ikemesh asks for no addresses", gateway),
	LOST("pools", NULL, "ikemesh hands no addresses on", gateway),
	LOST("ppk_id", NULL, "the PPK is common to the mesh", "set ppk and ppk_id"),
	LOST("ppk_required", " no ", "the PPK is common to the mesh", "set ppk_required"),
	LOST("local_port", " 500 4500 ", "the ports are 500 and 4500", gateway),
	LOST("remote_port", " 500 4500 ", "the ports are 500 and 4500", gateway),
	SILENT("aggressive"),
	SILENT("pull"),
	SILENT("mobike"),
	SILENT("fragmentation"),
	SILENT("childless"),
	SILENT("send_certreq"),
	LOST("send_cert", " always ifasked ", "ikemesh sends its certificate", NULL),
	SILENT("keyingtries"),
	SILENT("unique"),
	SILENT("over_time"),
	SILENT("rand_time"),
	{ 0 },
};

static const struct fate_row child_rows[] = {
	TAKEN("local_ts"),
	TAKEN("remote_ts"),
	TAKEN("mode"),
	TAKEN("policy_optional"),
	TAKEN("start_action"),
	SILENT("close_action"),
	SILENT("dpd_action"),
	SILENT("life_time"),
	SILENT("rand_time"),
	SILENT("life_bytes"),
	SILENT("rand_bytes"),
	SILENT("life_packets"),
	SILENT("rand_packets"),
	NEEDLESS("reqid", "ikemesh chooses its own"),
	KEY("esp_proposals", FATE_ESP, "esp_proposals", " default "),
	LOST("ah_proposals", NULL, "there is ESP alone", "peers must take ESP"),
	KEY("rekey_time", FATE_NUMBER, "esp_lifetime", NULL),
	KEY("rekey_bytes", FATE_NUMBER, "esp_byte_limit", NULL),
	KEY("rekey_packets", FATE_NUMBER, "esp_packet_limit", NULL),
	KEY("inactivity", FATE_NUMBER, "idle_timeout", NULL),
	KEY("replay_window", FATE_NUMBER, "replay_window", NULL),
	LOST("updown", NULL, "ikemesh runs no script", "`ikectl monitor --json` tells one"),
	LOST("ipcomp", " no ", "there is no compression (IPComp)", NULL),
	LOST("policies", " yes ", "ikemesh owns its policies", gateway),
	LOST("mark_in", NULL, "policies have no marks", gateway),
	LOST("mark_out", NULL, "policies have no marks", gateway),
	LOST("if_id_in", NULL, "policies belong to no interface", gateway),
	LOST("if_id_out", NULL, "policies belong to no interface", gateway),
	LOST("priority", " 0 ", "precedence says which list wins", "see precedence"),
	{ 0 },
};

static const struct fate_row local_rows[] = {
	TAKEN("auth"),
	TAKEN("certs"),
	SILENT("round"),
	LOST("id", NULL, "peers see the certificate's subject as our identity",
	     "see that theirs of us, if they name one, is that subject"),
	{ 0 },
};

static const struct fate_row remote_rows[] = {
	TAKEN("auth"),
	TAKEN("id"),
	TAKEN("revocation"),
	SILENT("round"),
	LOST("cacerts", NULL, "ca_certificates hold for all peers",
	     "leave only CAs there that may vouch for peers"),
	LOST("certs", NULL, "peers are believed by their CA, not by a file",
	     "list their CA in ca_certificates"),
	{ 0 },
};

static const struct fate_row authority_rows[] = {
	TAKEN("cacert"),
	TAKEN("file"),
	LOST("crl_uris", NULL, "ikemesh fetches nothing from the network",
	     "have the list put into a file and name it in crls"),
	LOST("ocsp_uris", NULL, "there is no OCSP", "use CRL files"),
	{ 0 },
};

struct place_of {
	const char *dir; /* where x509, x509ca and the like are */
	const char *file;
};

/* Calls one with each section of all layers, by its name, once. */
typedef void each_section(struct tree *t, struct section *s, const struct layers *l, void *with);

static void for_each(struct tree *t, const struct layers *in, each_section *one, void *with)
{
	struct layers l;

	for (size_t i = 0; i < in->n; i++)
		for (size_t k = 0; k < in->p[i]->n_sections; k++) {
			struct section *s = in->p[i]->sections[k];

			layers_child(t, in, s->name, &l);
			if (l.n && l.p[0] == s)
				one(t, s, &l, with);
		}
}

/* A file of the directory's. */
static void carry_in(struct tree *t, const char *key, struct setting *s, const struct place_of *at,
		     const char *below)
{
	char *dir;

	if (!s)
		return;
	if (asprintf(&dir, "%s/%s", at->dir, below) < 0) {
		t->im->no_memory = true;
		return;
	}
	carry_file(t, key, s, dir);
	free(dir);
}

/* --- connections ----------------------------------------------------------------------------- */

struct connection {
	const struct place_of *at;
	struct section *section;
	const struct layers *layers;
	bool refused;  /* it cannot be carried over */
	bool protects; /* a child of it can */
};

static bool by_certificate(const struct layers *l, struct tree *t)
{
	struct setting *s = layers_get(l, "auth");

	if (!s || strstr(s->value, "pubkey") || !strncmp(s->value, "rsa", 3) ||
	    !strncmp(s->value, "ecdsa", 5) || !strncmp(s->value, "ed25519", 7))
		return true;
	carry_lost(t, s, "peers prove who they are by certificates alone",
		   "give these peers certificates; their connection is left out");
	return false;
}

static void carry_child(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	struct connection *c = with;
	const char *mode = setting_or(layers_get(l, "mode"), "tunnel");
	const bool pass = !strcmp(mode, "pass"), transport = !strcmp(mode, "transport");
	struct setting *ts = layers_get(l, "remote_ts"), *start = layers_get(l, "start_action");
	const bool optional = carry_is_yes(layers_get(l, "policy_optional"));

	if (!pass && !transport) {
		import_note(t->im, IMPORT_LOST, s->file, s->line, gateway,
			    "%s: mode = %s: ikemesh protects host to host, in transport mode alone",
			    s->name, mode);
		return;
	}
	if (transport && c->refused)
		return;
	if (!ts || !strcmp(ts->value, "dynamic"))
		ts = layers_get(c->layers, "remote_addrs");
	if (!ts || ts->value[0] == '%')
		import_note(t->im, IMPORT_LOST, s->file, s->line,
			    "name the subnets of its peers in the result",
			    "%s: it says of no subnet that it is about it", s->name);
	else
		carry_subnets(t, ts, NULL, pass ? CARRY_BYPASS : CARRY_PROTECT,
			      transport && optional);
	if (!transport)
		return;
	if (!optional && !strstr(setting_or(start, "none"), "trap"))
		carry_untrapped(t, s, "start_action", start);
	c->protects = true;
	carry_local(t, layers_get(l, "local_ts"));
	carry_settings(t, l, child_rows, 0);
}

static void check_auth(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	struct connection *c = with;

	if (!strncmp(s->name, "local", 5) || !strncmp(s->name, "remote", 6))
		c->refused |= !by_certificate(l, t);
}

static void carry_auth(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	const struct connection *c = with;
	struct setting *id = layers_get(l, "id"), *revocation = layers_get(l, "revocation");

	if (!strncmp(s->name, "local", 5)) {
		carry_in(t, "instance_certificate", layers_get(l, "certs"), c->at, "x509");
		carry_settings(t, l, local_rows, 0);
	} else if (!strncmp(s->name, "remote", 6)) {
		if (id)
			carry_identity(t, id);
		if (revocation && !strcmp(revocation->value, "strict"))
			import_add(t->im, "crl_policy", "hard", false, revocation->file,
				   revocation->line);
		carry_settings(t, l, remote_rows, 0);
	}
}

static void carry_connection(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	struct connection c = { .at = with, .section = s, .layers = l };
	struct layers children;

	for_each(t, l, check_auth, &c);
	layers_child(t, l, "children", &children);
	for_each(t, &children, carry_child, &c);
	if (!c.protects)
		return;
	carry_local(t, layers_get(l, "local_addrs"));
	for_each(t, l, carry_auth, &c);
	carry_settings(t, l, conn_rows, 0);
}

/* --- secrets and authorities ----------------------------------------------------------------- */

static bool is_key(const char *name)
{
	return !strncmp(name, "private", 7) || !strncmp(name, "rsa", 3) ||
	       !strncmp(name, "ecdsa", 5) || !strncmp(name, "pkcs8", 5);
}

static void carry_secret(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	struct setting *file = layers_get(l, "file");

	(void)with;
	if (is_key(s->name) && file)
		import_note(t->im, IMPORT_LOST, s->file, s->line,
			    "`openssl pkey` writes it without one",
			    "%s: %s: a key must have no pass phrase", s->name, file->value);
	else
		import_note(t->im, IMPORT_LOST, s->file, s->line, "peers need certificates",
			    "%s: ikemesh knows keys in files and tokens alone", s->name);
}

static void carry_authority(struct tree *t, struct section *s, const struct layers *l, void *with)
{
	(void)s;
	carry_in(t, "ca_certificates", layers_get(l, "cacert"), with, "x509ca");
	carry_in(t, "ca_certificates", layers_get(l, "file"), with, "x509ca");
	carry_settings(t, l, authority_rows, 0);
}

static void carry_files(struct tree *t, const struct place_of *at)
{
	static const struct {
		const char *key, *dir;
	} all[] = {
		{ "ca_certificates", "x509ca" },       { "crls", "x509crl" },
		{ "instance_private_key", "private" }, { "instance_private_key", "rsa" },
		{ "instance_private_key", "ecdsa" },   { "instance_private_key", "pkcs8" },
	};
	char *dir;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (asprintf(&dir, "%s/%s", at->dir, all[i].dir) < 0) {
			t->im->no_memory = true;
			return;
		}
		carry_directory(t, all[i].key, dir, at->file);
		free(dir);
	}
}

static void carry_section(struct tree *t, const char *name, each_section *one, void *with)
{
	struct section *s = tree_find(t, NULL, name);
	struct layers l;

	if (!s)
		return;
	layers_of(t, s, &l);
	for_each(t, &l, one, with);
}

void swanctl_carry(struct tree *t, const char *file)
{
	char *dir = carry_home(t, file, ""), *end;
	struct place_of at = { dir, file };

	if (!dir)
		return;
	dir[strlen(dir) - 1] = '\0';
	end = strrchr(dir, '/');
	if (end && !strcmp(end, "/conf.d")) /* its files stand beside that */
		*end = '\0';
	carry_section(t, "connections", carry_connection, &at);
	carry_section(t, "secrets", carry_secret, &at);
	carry_section(t, "authorities", carry_authority, &at);
	carry_defaults(t, file);
	if (tree_find(t, NULL, "connections"))
		carry_files(t, &at);
	free(dir);
}
