/* SPDX-License-Identifier: Apache-2.0 */
#include "config/view.h"
#include "config/certs.h"
#include "config/listen.h"
#include "config/suites.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERT_LINE_LEN (CERT_TEXT_LEN + 192)

bool values_add(struct values *v, const char *text)
{
	char **more = realloc(v->p, (v->n + 1) * sizeof(*more));

	if (!more)
		return false;
	v->p = more;
	v->p[v->n] = strdup(text);
	if (!v->p[v->n])
		return false;
	v->n++;
	return true;
}

static void values_free(struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->p[i]);
	free(v->p);
}

const char *entry_text(const struct subnet_spec *entry, char out[static ENTRY_TEXT_LEN])
{
	char net[SUBNET_TEXT_LEN], what[24] = "", port[8] = "";

	if (entry->port)
		snprintf(port, sizeof(port), "/%u", entry->port);
	if (entry->protocol == IPPROTO_TCP || entry->protocol == IPPROTO_UDP)
		snprintf(what, sizeof(what), " %s%s",
			 entry->protocol == IPPROTO_TCP ? "tcp" : "udp", port);
	else if (entry->protocol)
		snprintf(what, sizeof(what), " protocol %u%s", entry->protocol, port);
	snprintf(out, ENTRY_TEXT_LEN, "%s%s%s", subnet_text(&entry->net, net), what,
		 entry->optional_in_file ? " optional" : "");
	return out;
}

static bool add_entries(const struct subnet_spec *list, size_t n, struct values *out)
{
	char text[ENTRY_TEXT_LEN];

	for (size_t i = 0; i < n; i++)
		if (!values_add(out, entry_text(&list[i], text)))
			return false;
	return true;
}

static bool add_subnets(const struct spec *s, const struct key_row *row, struct values *out)
{
	if (!strcmp(row->name, "ipsec_subnets"))
		return add_entries(s->protect, s->n_protect, out);
	if (!strcmp(row->name, "no_ipsec_subnets"))
		return add_entries(s->bypass, s->n_bypass, out);
	return add_entries(s->local, s->n_local, out);
}

static bool add_proposals(const struct spec *s, const struct key_row *row, struct values *out)
{
	bool ike = row->protocol == PROTO_IKE;
	const struct proposal_spec *p = ike ? s->ike : s->esp;
	size_t n = ike ? s->n_ike : s->n_esp, len = 0;
	char text[2048] = "";

	/* One text: their order matters. */
	for (size_t i = 0; i < n && len + 256 < sizeof(text); i++) {
		char one[256];

		suites_text(&p[i], row->protocol, one, sizeof(one));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ", " : "", one);
	}
	return values_add(out, text);
}

static bool add_certificate(const struct cert_info *c, struct values *out)
{
	char line[CERT_LINE_LEN], until[TIME_TEXT_LEN];

	snprintf(line, sizeof(line), "\"%s\", until %s, SHA-256 %s", c->subject,
		 time_text(c->not_after, until), c->fingerprint);
	return values_add(out, line);
}

static bool add_certificates(const struct credential_spec *c, struct values *out)
{
	for (size_t i = 0; i < c->n_certs; i++) {
		struct cert_info info;

		if (!cert_describe(blob_view(&c->certs[i]), &info) && !add_certificate(&info, out))
			return false;
	}
	return true;
}

static bool add_cas(const struct spec *s, struct values *out)
{
	for (size_t i = 0; i < s->n_cas; i++)
		if (!add_certificate(&s->cas[i].info, out))
			return false;
	return true;
}

static bool add_log(const struct config *c, struct values *out)
{
	static const char *const words[] = {
		[LOG_TO_JOURNAL] = "journal",
		[LOG_TO_SYSLOG] = "syslog",
		[LOG_TO_STDERR] = "stderr",
	};

	return values_add(out, c->log == LOG_TO_FILE ? c->log_path : words[c->log]);
}

/* Nothing there is no value. */
static bool add_text(const struct config *c, const struct key_row *row, struct values *out)
{
	const struct blob *id = &c->spec.ppk_id;
	char text[PPK_ID_MAX + 1];

	if (!strcmp(row->name, "crypto_properties"))
		return !c->crypto_properties || values_add(out, c->crypto_properties);
	if (!strcmp(row->name, "control_group"))
		return !c->control_group || values_add(out, c->control_group);
	if (strcmp(row->name, "ppk_id") || !id->n || id->n > PPK_ID_MAX)
		return true;
	memcpy(text, id->p, id->n);
	text[id->n] = '\0';
	return values_add(out, text);
}

static bool add_listen(const struct config *c, struct values *out)
{
	char text[LISTEN_TEXT_LEN];

	return !c->metrics_listen.port || values_add(out, listen_text(&c->metrics_listen, text));
}

static bool add_texts(const struct config *c, const struct key_row *row, struct values *out)
{
	if (!strcmp(row->name, "peer_identities")) {
		for (size_t i = 0; i < c->n_identities; i++)
			if (!values_add(out, c->identities[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i < c->n_crl_files; i++)
		if (!values_add(out, c->crl_files[i].path))
			return false;
	return true;
}

/* Of the file, whatever `ikectl mode` made of it. */
static bool all_optional(const struct spec *s)
{
	for (size_t i = 0; i < s->n_protect; i++)
		if (!s->protect[i].optional_in_file)
			return false;
	return s->n_protect > 0;
}

static bool add_number(const struct config *c, const struct key_row *row, struct values *out)
{
	char text[SCHEMA_TEXT_LEN];

	if (!strcmp(row->name, "optional"))
		return values_add(out, all_optional(&c->spec) ? "true" : "false");
	return values_add(out, schema_text(row, c, text));
}

static bool add_days(const struct config *c, struct values *out)
{
	for (size_t i = 0; i < c->n_expiry_days; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", (unsigned)c->expiry_days[i]);
		if (!values_add(out, text))
			return false;
	}
	return true;
}

static bool add_levels(const struct config *c, struct values *out)
{
	for (size_t i = 0; i < REPORT_N_AREAS; i++) {
		char text[40];

		if (c->log_levels[i] == 0)
			continue;
		snprintf(text, sizeof(text), "%s=%s", report_area_name((enum report_area)i),
			 report_level_name((enum report_level)(c->log_levels[i] - 1)));
		if (!values_add(out, text))
			return false;
	}
	return true;
}

static bool add_values(const struct config *c, const struct key_row *row, struct values *out)
{
	switch (row->type) {
	case VALUE_BOOL:
	case VALUE_DURATION:
	case VALUE_COUNT:
	case VALUE_SIZE:
	case VALUE_CHOICE:
		return add_number(c, row, out);
	case VALUE_SUBNETS:
		return add_subnets(&c->spec, row, out);
	case VALUE_PROPOSALS:
		return add_proposals(&c->spec, row, out);
	case VALUE_CERTIFICATES:
		return add_certificates(&c->spec.credential, out);
	case VALUE_CAS:
		return add_cas(&c->spec, out);
	case VALUE_LOG:
		return add_log(c, out);
	case VALUE_TEXT:
		return add_text(c, row, out);
	case VALUE_LISTEN:
		return add_listen(c, out);
	case VALUE_DAYS:
		return add_days(c, out);
	case VALUE_TEXTS:
		return add_texts(c, row, out);
	case VALUE_LEVELS:
		return add_levels(c, out);
	case VALUE_KEY:
	case VALUE_SECRET:
		break;
	}
	return true;
}

int view_init(struct view *out)
{
	schema_rows(&out->n);
	out->key = calloc(out->n, sizeof(*out->key));
	if (out->key)
		return 0;
	out->n = 0;
	return -ENOMEM;
}

int view_of(const struct config *c, struct view *out)
{
	const struct key_row *rows;
	size_t n;

	if (view_init(out))
		return -ENOMEM;
	rows = schema_rows(&n);
	for (size_t i = 0; i < n; i++) {
		if (!add_values(c, &rows[i], &out->key[i])) {
			view_free(out);
			return -ENOMEM;
		}
	}
	return 0;
}

void view_free(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		values_free(&v->key[i]);
	free(v->key);
	*v = (struct view){ 0 };
}

struct values *view_find(const struct view *v, const char *key)
{
	const struct key_row *row = schema_find(key);
	size_t n;

	return row && v->n ? &v->key[row - schema_rows(&n)] : NULL;
}
