/* SPDX-License-Identifier: Apache-2.0 */
/* What the parameters of ipsec.conf(5) mean to a mesh. */
#include "config/import_carry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char gateway[] = "keep strongSwan for this connection";
static const char identity[] = "peers see the certificate's subject as our identity";

static const struct fate_row conn_rows[] = {
	TAKEN("type"),
	TAKEN("auto"),
	TAKEN("also"),
	TAKEN("left"),
	TAKEN("right"),
	TAKEN("leftsubnet"),
	TAKEN("rightsubnet"),
	TAKEN("leftprotoport"),
	TAKEN("rightprotoport"),
	TAKEN("leftcert"),
	TAKEN("rightid"),
	TAKEN("authby"),
	TAKEN("leftauth"),
	TAKEN("rightauth"),
	TAKEN("policy_optional"),
	TAKEN("margintime"),
	TAKEN("rekeymargin"),
	KEY("ike", FATE_IKE, "ike_proposals", NULL),
	KEY("esp", FATE_ESP, "esp_proposals", NULL),
	KEY("ikelifetime", FATE_MARGIN, "ike_lifetime", NULL),
	KEY("lifetime", FATE_MARGIN, "esp_lifetime", NULL),
	KEY("keylife", FATE_MARGIN, "esp_lifetime", NULL),
	KEY("lifebytes", FATE_NUMBER, "esp_byte_limit", NULL),
	KEY("lifepackets", FATE_NUMBER, "esp_packet_limit", NULL),
	KEY("dpddelay", FATE_NUMBER, "dpd_delay", " 0 0s "),
	KEY("inactivity", FATE_NUMBER, "idle_timeout", NULL),
	KEY("replay_window", FATE_NUMBER, "replay_window", " -1 "),
	KEY("forceencaps", FATE_ENCAP, "encapsulation", NULL),
	LOST("keyexchange", " ike ikev2 ", "ikemesh speaks IKEv2 alone",
	     "move such peers to IKEv2 first"),
	LOST("leftid", " %any %fromcert ", identity,
	     "see that theirs of us, if they name one, is that subject"),
	LOST("rightca", " %any ", "ca_certificates hold for all peers",
	     "leave only CAs there that may vouch for peers"),
	SILENT("leftca"),
	LOST("rightcert", NULL, "peers are believed by their CA, not by a file",
	     "list their CA in ca_certificates"),
	LOST("leftsendcert", " always ifasked yes ", "ikemesh sends its certificate", NULL),
	LOST("leftupdown", NULL, "ikemesh runs no script", "`ikectl monitor --json` tells one"),
	LOST("leftfirewall", " no ", "ikemesh writes no firewall rules", "allow what it let in"),
	LOST("leftsourceip", NULL, "ikemesh hands no addresses on", gateway),
	LOST("rightsourceip", NULL, "ikemesh hands no addresses on", gateway),
	LOST("compress", " no ", "there is no compression (IPComp)", NULL),
	LOST("ah", NULL, "there is ESP alone", "peers must take ESP"),
	LOST("rekey", " yes ", "ikemesh replaces keys always", NULL),
	LOST("mark", NULL, "policies have no marks", gateway),
	LOST("mark_in", NULL, "policies have no marks", gateway),
	LOST("mark_out", NULL, "policies have no marks", gateway),
	LOST("installpolicy", " yes ", "ikemesh owns its policies", gateway),
	NEEDLESS("dpdtimeout", "strongSwan heeds it with IKEv1 alone"),
	NEEDLESS("reqid", "ikemesh chooses its own"),
	SILENT("dpdaction"),
	SILENT("closeaction"),
	SILENT("rekeyfuzz"),
	SILENT("keyingtries"),
	SILENT("mobike"),
	SILENT("fragmentation"),
	SILENT("reauth"),
	SILENT("rightsendcert"),
	LOST("sha256_96", " no ", "HMAC-SHA-256 is cut to 128 bits alone", gateway),
	{ 0 },
};

static const struct fate_row setup_rows[] = {
	TAKEN("strictcrlpolicy"),
	SILENT("uniqueids"),
	SILENT("cachecrls"),
	SILENT("charonstart"),
	SILENT("plutostart"),
	SILENT("nat_traversal"),
	NEEDLESS("charondebug", "log_levels and `ikectl log` say what is told"),
	{ 0 },
};

static const struct fate_row ca_rows[] = {
	TAKEN("also"),
	TAKEN("auto"),
	TAKEN("cacert"),
	LOST("crluri", NULL, "ikemesh fetches nothing from the network",
	     "have the list put into a file and name it in crls"),
	LOST("crluri1", NULL, "ikemesh fetches nothing from the network",
	     "have the list put into a file and name it in crls"),
	LOST("crluri2", NULL, "ikemesh fetches nothing from the network",
	     "have the list put into a file and name it in crls"),
	LOST("ocspuri", NULL, "there is no OCSP", "use CRL files"),
	LOST("ocspuri1", NULL, "there is no OCSP", "use CRL files"),
	{ 0 },
};

/* --- connections ----------------------------------------------------------------------------- */

static bool by_certificate(const struct layers *l, struct tree *t)
{
	static const char *const keys[] = { "authby", "leftauth", "rightauth" };

	for (size_t i = 0; i < 3; i++) {
		struct setting *s = layers_get(l, keys[i]);

		if (!s || strstr(s->value, "pubkey") || !strncmp(s->value, "rsa", 3) ||
		    !strncmp(s->value, "ecdsa", 5) || !strncmp(s->value, "ed25519", 7))
			continue;
		carry_lost(t, s, "peers prove who they are by certificates alone",
			   "give these peers certificates; their connection is left out");
		return false;
	}
	return true;
}

static void carry_remote(struct tree *t, struct section *conn, const struct layers *l,
			 enum carry_kind kind)
{
	struct setting *net = layers_get(l, "rightsubnet"), *host = layers_get(l, "right");
	struct setting *port = layers_get(l, "rightprotoport");
	struct setting *own = layers_get(l, "leftprotoport");
	struct setting *s = net && strcmp(net->value, "%dynamic") ? net : host;

	if (own && strcmp(own->value, "%any"))
		carry_lost(t, own, "entries have the other host's port, not our own",
			   "write it the other way round, if that is meant");
	if (!s || s->value[0] == '%' || !strcmp(s->value, "0.0.0.0"))
		import_note(t->im, IMPORT_LOST, conn->file, conn->line,
			    "name the subnets of its peers in the result",
			    "conn %s: it says of no subnet that it is about it", conn->name);
	else
		carry_subnets(t, s, port ? port->value : NULL, kind,
			      carry_is_yes(layers_get(l, "policy_optional")));
}

static void carry_protected(struct tree *t, struct section *conn, const struct layers *l,
			    const char *dir)
{
	struct setting *certificate = layers_get(l, "leftcert"), *id = layers_get(l, "rightid");
	struct setting *margin = layers_get(l, "margintime"), *loaded = layers_get(l, "auto");
	char *certs;

	if (!by_certificate(l, t))
		return;
	if (loaded && (!strcmp(loaded->value, "add") || !strcmp(loaded->value, "start")) &&
	    !carry_is_yes(layers_get(l, "policy_optional")))
		carry_untrapped(t, conn, "auto", loaded);
	carry_remote(t, conn, l, CARRY_PROTECT);
	carry_local(t, layers_get(l, "left"));
	carry_local(t, layers_get(l, "leftsubnet"));
	if (certificate && asprintf(&certs, "%s/certs", dir) > 0) {
		carry_file(t, "instance_certificate", certificate, certs);
		free(certs);
	}
	if (id)
		carry_identity(t, id);
	carry_settings(t, l, conn_rows,
		       carry_seconds(margin ? margin : layers_get(l, "rekeymargin"), 540));
}

static void carry_conn(struct tree *t, struct section *conn, const char *dir)
{
	struct layers l;
	struct setting *loaded, *type;

	layers_of(t, conn, &l);
	loaded = layers_get(&l, "auto");
	type = layers_get(&l, "type");
	if (!loaded || !strcmp(loaded->value, "ignore")) {
		if (!conn->is_base)
			import_note(t->im, IMPORT_NEEDLESS, conn->file, conn->line, NULL,
				    "conn %s: without auto= strongSwan does not load it, either",
				    conn->name);
	} else if (!strcmp(setting_or(type, "tunnel"), "transport")) {
		carry_protected(t, conn, &l, dir);
	} else if (!strcmp(setting_or(type, ""), "passthrough") ||
		   !strcmp(setting_or(type, ""), "pass")) {
		carry_remote(t, conn, &l, CARRY_BYPASS);
	} else {
		import_note(
			t->im, IMPORT_LOST, type ? type->file : conn->file,
			type ? type->line : conn->line, gateway,
			"conn %s: type=%s: ikemesh protects host to host, in transport mode alone",
			conn->name, setting_or(type, "tunnel, the default"));
	}
}

static void carry_ca(struct tree *t, struct section *ca, const char *dir)
{
	struct setting *loaded, *path;
	struct layers l;
	char *cas;

	layers_of(t, ca, &l);
	loaded = layers_get(&l, "auto");
	path = layers_get(&l, "cacert");
	if (!loaded || strcmp(loaded->value, "add"))
		return;
	if (path && asprintf(&cas, "%s/cacerts", dir) > 0) {
		carry_file(t, "ca_certificates", path, cas);
		free(cas);
	}
	carry_settings(t, &l, ca_rows, 0);
}

static void carry_setup(struct tree *t, struct section *setup)
{
	struct setting *strict;
	struct layers l;

	layers_of(t, setup, &l);
	strict = layers_get(&l, "strictcrlpolicy");
	if (strict && strcmp(strict->value, "no"))
		import_add(t->im, "crl_policy", "hard", false, strict->file, strict->line);
	carry_settings(t, &l, setup_rows, 0);
}

/* --- ipsec.secrets, which lies beside it ----------------------------------------------------- */

static void carry_secrets(struct tree *t, const char *dir)
{
	char *keys;

	if (asprintf(&keys, "%s/private", dir) < 0) {
		t->im->no_memory = true;
		return;
	}
	for (size_t i = 0; i < t->root.n_settings; i++) {
		struct setting *s = t->root.settings[i];

		if (!strcmp(s->key, "key"))
			carry_file(t, "instance_private_key", s, keys);
		else
			import_note(t->im, IMPORT_LOST, s->file, s->line,
				    !strcmp(s->key, "secret")
					    ? "peers need certificates"
					    : "`openssl pkey` writes it without one",
				    !strcmp(s->key, "secret")
					    ? "%s: ikemesh knows keys in files and tokens alone"
					    : "%s: a key must have no pass phrase",
				    s->value);
	}
	free(keys);
}

static void read_secrets(struct tree *t, const char *file)
{
	/* A pattern, of nothing else: it need not be there. */
	if (!strstr(file, "ipsec.secrets"))
		tree_include(t, &t->root, "ipsec.secret[s]", file, 0, secrets_parse);
}

static void carry_all(struct tree *t, const char *dir)
{
	struct layers l;

	/* Who is inherited from is known before anybody is carried over. */
	for (size_t i = 0; i < t->root.n_sections; i++)
		layers_of(t, t->root.sections[i], &l);
	for (size_t i = 0; i < t->root.n_sections; i++) {
		struct section *s = t->root.sections[i];

		if (!strcmp(s->name, "%default"))
			continue;
		if (!strcmp(s->type, "conn"))
			carry_conn(t, s, dir);
		else if (!strcmp(s->type, "ca"))
			carry_ca(t, s, dir);
		else
			carry_setup(t, s);
	}
}

void conf_carry(struct tree *t, const char *file)
{
	const bool secrets_alone = t->root.n_sections == 0;
	char *dir = carry_home(t, file, "ipsec.d"), *path;

	if (!dir)
		return;
	if (!secrets_alone)
		read_secrets(t, file);
	carry_all(t, dir);
	carry_defaults(t, file);
	carry_secrets(t, dir);
	if (!secrets_alone && asprintf(&path, "%s/cacerts", dir) > 0) {
		carry_directory(t, "ca_certificates", path, file);
		free(path);
	}
	if (!secrets_alone && asprintf(&path, "%s/crls", dir) > 0) {
		carry_directory(t, "crls", path, file);
		free(path);
	}
	free(dir);
}
