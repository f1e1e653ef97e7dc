/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/config_wire.h"

#include "crypto/pattern.h"
#include "ike/archive.h"

#include <errno.h>
#include <stdlib.h>

/* More than any configuration of config/ has. */
#define SUBNETS_MAX 65536
#define CAS_MAX 4096
#define TEXTS_MAX 4096
#define LISTS_MAX 4096
#define LIST_MAX (8u << 20) /* octets of one CRL */
#define PROBLEM_TEXT_MAX (1u << 20)

/* ---- pieces ------------------------------------------------------------------------------- */

/* One of an enumeration, up to its last. What is saved stays as it is, whatever it is. */
static unsigned choice(struct archive *a, unsigned v, unsigned last)
{
	uint32_t wide = v;

	archive_u32(a, &wide);
	if (wide > last)
		a->failed = true;
	if (!a->loads)
		return v;
	return a->failed ? 0 : wide;
}

/* Room for n of something that is to be read; n octets at least must follow. */
static void *room_for(struct archive *a, size_t n, size_t size)
{
	void *p = a->failed || n > a->in.left ? NULL : calloc(n + 1, size);

	a->failed = a->failed || p == NULL;
	return p;
}

static void subnet_fields(struct archive *a, struct subnet_spec *s)
{
	archive_ip(a, &s->net.ip);
	archive_u8(a, &s->net.prefix);
	if (s->net.ip.family == 0 || s->net.prefix > ip_bits(&s->net.ip))
		a->failed = true;
	archive_bool(a, &s->optional);
	archive_bool(a, &s->optional_in_file);
	archive_u8(a, &s->protocol);
	archive_u16(a, &s->port);
	archive_u32(a, &s->line);
}

static void subnets(struct archive *a, struct subnet_spec **list, size_t *n)
{
	size_t many = archive_count(a, n, SUBNETS_MAX);

	if (a->loads)
		*list = room_for(a, many, sizeof(**list));
	for (size_t i = 0; i < many && !a->failed; i++)
		subnet_fields(a, &(*list)[i]);
}

static void proposals(struct archive *a, struct proposal_spec *list, size_t *n)
{
	size_t many = archive_count(a, n, SPEC_PROPOSALS);

	for (size_t i = 0; i < many; i++) {
		size_t transforms = archive_count(a, &list[i].n, PROPOSAL_TRANSFORMS);

		for (size_t j = 0; j < transforms; j++) {
			archive_u8(a, &list[i].t[j].type);
			archive_u16(a, &list[i].t[j].id);
			archive_u16(a, &list[i].t[j].key_bits);
		}
	}
}

static void describe(struct archive *a, const struct blob *der, struct cert_info *out)
{
	if (a->loads && !a->failed && cert_describe(blob_view(der), out) != 0)
		a->failed = true;
}

static void credential(struct archive *a, struct credential_spec *c)
{
	size_t n = archive_count(a, &c->n_certs, CERT_CHAIN_MAX);

	if (n == 0) /* whoever has a configuration has a certificate */
		a->failed = true;
	archive_u32(a, &c->generation);
	for (size_t i = 0; i < n; i++)
		archive_blob(a, &c->certs[i], CERT_SIZE_MAX);
	archive_u8(a, &c->id_type);
	archive_blob(a, &c->id, CERT_SIZE_MAX);
	c->key = (enum key_type)choice(a, c->key, KEY_ED25519);
	archive_uint(a, &c->key_bits);
	describe(a, &c->certs[0], &c->leaf);
}

static void cas(struct archive *a, struct spec *s)
{
	size_t n = archive_count(a, &s->n_cas, CAS_MAX);

	if (a->loads)
		s->cas = room_for(a, n, sizeof(*s->cas));
	for (size_t i = 0; i < n && !a->failed; i++) {
		archive_blob(a, &s->cas[i].der, CERT_SIZE_MAX);
		describe(a, &s->cas[i].der, &s->cas[i].info);
	}
}

static void texts(struct archive *a, char ***list, size_t *n)
{
	size_t many = archive_count(a, n, TEXTS_MAX);

	if (a->loads)
		*list = room_for(a, many, sizeof(**list));
	for (size_t i = 0; i < many && !a->failed; i++)
		archive_string(a, &(*list)[i], PATTERN_TEXT_LEN);
}

/* ---- lists of revoked certificates --------------------------------------------------------- */

static void list_field(struct archive *a, const struct crls *lists, size_t i, struct crls *to)
{
	struct blob der = { 0 };

	if (!a->loads && crls_der(lists, i, &der) != 0)
		a->failed = true;
	archive_blob(a, &der, LIST_MAX);
	if (a->loads && !a->failed && crls_add(to, blob_view(&der)) != 0)
		a->failed = true;
	blob_free(&der);
}

static void crl_file_fields(struct archive *a, struct crl_file *f)
{
	bool read = !a->loads && f->crls != NULL;
	int64_t fault = f->fault;
	size_t n = read ? crls_count(f->crls) : 0, many;

	archive_string(a, &f->path, WIRE_PATH_MAX);
	archive_i64(a, &fault);
	archive_bool(a, &read);
	many = archive_count(a, &n, LISTS_MAX);
	if (a->loads) {
		f->fault = (int)fault;
		f->crls = read && !a->failed ? crls_new() : NULL;
		if (f->path == NULL || f->fault != fault || read != (f->crls != NULL) ||
		    (many > 0 && f->crls == NULL))
			a->failed = true;
	}
	for (size_t i = 0; i < many && !a->failed; i++)
		list_field(a, f->crls, i, f->crls);
}

static void crl_files(struct archive *a, struct crl_file **files, size_t *n)
{
	size_t many = archive_count(a, n, TEXTS_MAX);

	if (a->loads)
		*files = room_for(a, many, sizeof(**files));
	for (size_t i = 0; i < many && !a->failed; i++)
		crl_file_fields(a, &(*files)[i]);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void spec_fields(struct archive *a, struct spec *s)
{
	subnets(a, &s->protect, &s->n_protect);
	subnets(a, &s->bypass, &s->n_bypass);
	s->precedence = (enum precedence)choice(a, s->precedence, PRECEDENCE_LONGEST);
	subnets(a, &s->local, &s->n_local);
	archive_bool(a, &s->optional);
	archive_bool(a, &s->allow_icmp_errors);
	archive_bool(a, &s->strict_default);
	proposals(a, s->ike, &s->n_ike);
	proposals(a, s->esp, &s->n_esp);
	credential(a, &s->credential);
	cas(a, s);
	archive_u32(a, &s->ike_lifetime_s);
	archive_u32(a, &s->esp_lifetime_s);
	archive_u64(a, &s->esp_byte_limit);
	archive_u64(a, &s->esp_packet_limit);
	archive_u32(a, &s->dpd_delay_s);
	archive_u32(a, &s->dpd_timeout_s);
	archive_u32(a, &s->replay_window);
	archive_u16(a, &s->fragment_size);
	s->encapsulation = (enum encap_mode)choice(a, s->encapsulation, ENCAP_NEVER);
	archive_u32(a, &s->prestart_timeout_s);
	archive_u32(a, &s->idle_timeout_s);
	archive_u32(a, &s->max_pairs);
	archive_u32(a, &s->half_open_limit);
	archive_u32(a, &s->half_open_per_source);
	archive_u32(a, &s->cookie_threshold);
	archive_u32(a, &s->error_replies);
	archive_u32(a, &s->child_requests_per_minute);
	archive_blob(a, &s->ppk_id, PPK_ID_MAX);
	archive_bool(a, &s->ppk_required);
}

static void rules_fields(struct archive *a, struct trust_rules *r)
{
	archive_bool(a, &r->strict_ca);
	archive_bool(a, &r->bind_address);
	r->crl_policy = (enum crl_policy)choice(a, r->crl_policy, CRL_HARD);
}

static void levels_field(struct archive *a, struct config *c)
{
	archive_octets(a, c->log_levels, sizeof(c->log_levels));
	for (size_t i = 0; i < sizeof(c->log_levels); i++)
		if (c->log_levels[i] > REPORT_LEVELS)
			a->failed = true;
}

/* key and ppk stay where they are; trust is built of the others. */
static void config_fields(struct archive *a, struct config *c)
{
	size_t days;

	spec_fields(a, &c->spec);
	c->on_stop = (enum on_stop)choice(a, c->on_stop, ON_STOP_CLEAR);
	archive_bool(a, &c->takeover);
	c->log = (enum log_target)choice(a, c->log, LOG_TO_FILE);
	archive_string(a, &c->log_path, WIRE_PATH_MAX);
	archive_string(a, &c->control_group, WIRE_PATH_MAX);
	levels_field(a, c);
	archive_string(a, &c->crypto_properties, WIRE_PATH_MAX);
	days = archive_count(a, &c->n_expiry_days, EXPIRY_DAYS_MAX);
	for (size_t i = 0; i < days; i++)
		archive_u32(a, &c->expiry_days[i]);
	archive_bool(a, &c->reauth_on_reload);
	archive_endpoint(a, &c->metrics_listen);
	archive_bool(a, &c->metrics_per_peer);
	rules_fields(a, &c->rules);
	c->on_expiry = (enum on_expiry)choice(a, c->on_expiry, EXPIRY_CLOSE);
	texts(a, &c->identities, &c->n_identities);
	crl_files(a, &c->crl_files, &c->n_crl_files);
	archive_i64(a, &c->modified_ns);
}

static void problem_fields(struct archive *a, struct problem *p)
{
	p->level = (enum problem_level)choice(a, p->level, PROBLEM_ERROR);
	archive_string(a, &p->file, WIRE_PATH_MAX);
	archive_uint(a, &p->line);
	archive_uint(a, &p->column);
	archive_string(a, &p->message, PROBLEM_TEXT_MAX);
	archive_string(a, &p->mend, PROBLEM_TEXT_MAX);
	if (p->file == NULL || p->message == NULL)
		a->failed = true;
}

static void problems_fields(struct archive *a, struct problems *ps)
{
	size_t n = archive_count(a, &ps->n, TEXTS_MAX);

	(void)archive_count(a, &ps->errors, SIZE_MAX);
	(void)archive_count(a, &ps->faults, SIZE_MAX);
	if (a->loads)
		ps->p = room_for(a, n, sizeof(*ps->p));
	for (size_t i = 0; i < n && !a->failed; i++)
		problem_fields(a, &ps->p[i]);
}

/* ---- both ways ----------------------------------------------------------------------------- */

/* A list that could not be had counts nothing: what frees it goes by the number. */
static void settle(struct config *c)
{
	struct spec *s = &c->spec;

	s->n_protect = s->protect != NULL ? s->n_protect : 0;
	s->n_bypass = s->bypass != NULL ? s->n_bypass : 0;
	s->n_local = s->local != NULL ? s->n_local : 0;
	s->n_cas = s->cas != NULL ? s->n_cas : 0;
	c->n_identities = c->identities != NULL ? c->n_identities : 0;
	c->n_crl_files = c->crl_files != NULL ? c->n_crl_files : 0;
}

int wire_put_config(const struct problems *ps, const struct config *c, struct secret *out)
{
	struct archive a = archive_saver();
	struct problems problems = *ps;
	bool there = c != NULL;

	problems_fields(&a, &problems);
	archive_bool(&a, &there);
	if (c != NULL) {
		struct config copy = *c; /* the archive may write: to nothing that lasts */

		config_fields(&a, &copy);
	}
	return archive_take(&a, out);
}

int wire_take_config(struct bytes from, struct problems *ps, struct config *c, bool *there)
{
	struct archive a = archive_loader(from);

	*ps = (struct problems){ 0 };
	*c = (struct config){ 0 };
	*there = false;
	problems_fields(&a, ps);
	archive_bool(&a, there);
	if (*there)
		config_fields(&a, c);
	settle(c);
	ps->n = ps->p != NULL ? ps->n : 0;
	if (!a.failed && reader_done(&a.in) && (!*there || config_build_trust(c) == 0))
		return 0;
	problems_free(ps);
	config_free(c);
	*there = false;
	return -EBADMSG;
}

int wire_put_crl_files(const struct crl_file *files, size_t n, struct secret *out)
{
	struct archive a = archive_saver();
	struct crl_file *list = (struct crl_file *)files; /* only read by one that saves */

	crl_files(&a, &list, &n);
	return archive_take(&a, out);
}

int wire_take_crl_files(struct bytes from, struct crl_file **files, size_t *n)
{
	struct archive a = archive_loader(from);

	crl_files(&a, files, n);
	if (!a.failed && reader_done(&a.in))
		return 0;
	for (size_t i = 0; *files != NULL && i < *n; i++)
		crl_file_wipe(&(*files)[i]);
	free(*files);
	*files = NULL;
	*n = 0;
	return -EBADMSG;
}

/* ---- whom to trust ------------------------------------------------------------------------- */

static int add_patterns(const struct config *c, struct trust *t)
{
	for (size_t i = 0; i < c->n_identities; i++) {
		struct pattern *p;
		const char *why;

		if (c->identities[i] == NULL || pattern_parse(c->identities[i], &p, &why) != 0 ||
		    trust_add_pattern(t, p) != 0)
			return -EBADMSG;
	}
	return 0;
}

static int add_all(const struct config *c, struct trust *t)
{
	struct crls *lists;

	for (size_t i = 0; i < c->spec.n_cas; i++)
		if (trust_add_ca(t, blob_view(&c->spec.cas[i].der)) != 0)
			return -EBADMSG;
	if (add_patterns(c, t) != 0 ||
	    trust_add_own(t, blob_view(&c->spec.credential.certs[0])) != 0)
		return -EBADMSG;
	trust_set_rules(t, &c->rules);
	if (c->n_crl_files == 0)
		return 0;
	lists = crl_files_join(c->crl_files, c->n_crl_files);
	trust_set_crls(t, lists);
	crls_drop(lists);
	return lists != NULL ? 0 : -EBADMSG;
}

int config_build_trust(struct config *c)
{
	struct trust *t = trust_new();

	if (t == NULL || add_all(c, t) != 0) {
		trust_free(t);
		return -EBADMSG;
	}
	trust_free(c->trust);
	c->trust = t;
	return 0;
}
