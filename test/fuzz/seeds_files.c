/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of what comes from files and from the other process, and the words that they are made of.
 */
#include "fuzz/pki.h"
#include "fuzz/seeds.h"

#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/key_message.h"
#include "config/schema.h"
#include "config/suites.h"
#include "ike/message/cursor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 32768

#define NETS               \
	"ipsec_subnets:\n" \
	"- 10.0.0.0/20\n"
#define CREDENTIALS                       \
	"instance_certificate: /p/host\n" \
	"instance_private_key: /p/key\n"  \
	"ca_certificates:\n"              \
	"- /p/ca\n"

static void write_text(struct writer *w, const char *text)
{
	write_bytes(w, BYTES((const uint8_t *)text, strlen(text)));
}

static void seed_text(const char *target, const char *text)
{
	seed_write(target, BYTES((const uint8_t *)text, strlen(text)));
}

/* --- ikemesh.yml --- */

static const char *const configurations[] = {
	NETS CREDENTIALS,
	NETS "- {subnet: 10.9.0.0/16, optional: true}\n" CREDENTIALS "- /p/other-ca\n"
	     "no_ipsec_subnets:\n"
	     "- {subnet: 10.0.1.0/24, protocol: tcp, port: 22}\n"
	     "- 10.0.2.0/24\n"
	     "precedence: longest-prefix\n"
	     "local_addresses: [10.0.0.0/24]\n"
	     "peer_identities: ['*.example', 'O=Example, CN=*']\n"
	     "crls: [/p/list, /p/revoking, /nowhere]\n"
	     "crl_policy: hard\n"
	     "ppk: /p/ppk\n"
	     "ppk_id: mesh\n"
	     "expiry_warning_days: [30, 7]\n"
	     "log_levels: [debug, ike=trace]\n",
	"properties:\n  ipsec:\n    ipsec_subnets: [fd00::/64]\n    optional: true\n",
	"addons:\n- name: x\n  jobs:\n  - name: ipsec\n    properties:\n      ipsec:\n"
	"        ipsec_subnets: [10.0.0.0/8]\n",
	"a: &a [1, *a]\nb: {<<: *a}\n",
	"instance_private_key: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MIIabc=\n"
	"  -----END RSA PRIVATE KEY-----\nipsec_subnets: 10.0.0.0/8\n",
	"ipsec_subnets: [10.0.0.0/33, 10.0.0.1/8, x]\nunknown_key: 1\noptional: maybe\n",
	"ipsec_subnets:\n\t- 10.0.0.0/8\n\"unclosed: 1\n",
	"{\n",
};

/* Each key with its example, and with what is none. */
static void each_key(void)
{
	char text[2048];
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	for (size_t i = 0; i < n; i++) {
		const char *value = rows[i].example != NULL ? rows[i].example : rows[i].fallback;
		const bool list = value != NULL && strchr(value, '\n') != NULL;

		snprintf(text, sizeof text, "%s%s%s:%s%s\n", NETS, CREDENTIALS, rows[i].name,
			 list ? "\n" : " ", value == NULL ? "[]" : value);
		seed_text("config", text);
		snprintf(text, sizeof text, "%s%s%s: 999999999999\n", NETS, CREDENTIALS,
			 rows[i].name);
		seed_text("config", text);
	}
}

void seeds_config(void)
{
	for (size_t i = 0; i < sizeof configurations / sizeof configurations[0]; i++)
		seed_text("config", configurations[i]);
	each_key();
}

/* --- certificates --- */

static void seed_kind(enum certificate_kind kind, const uint8_t *more, size_t n_more,
		      struct bytes content)
{
	static uint8_t buf[ROOM];
	struct writer w = writer_of(buf, sizeof buf);

	write_u8(&w, (uint8_t)kind);
	write_bytes(&w, BYTES(more, n_more));
	write_bytes(&w, content);
	seed_write("certificate", writer_view(&w));
}

/* What is inside of the outer SEQUENCE, up to the signature: the first element of it. */
static struct bytes to_be_signed(struct bytes der)
{
	size_t head = 2 + (der.p[1] & 0x80 ? der.p[1] & 0x7f : 0), n = 0, inner;

	inner = 2 + (der.p[head + 1] & 0x80 ? der.p[head + 1] & 0x7f : 0);
	if (inner == 2)
		n = der.p[head + 1];
	for (size_t i = 2; i < inner; i++)
		n = n << 8 | der.p[head + i];
	return BYTES(der.p + head, inner + n);
}

static void seed_signed(struct bytes der, enum certificate_kind kind)
{
	static const uint8_t how[] = { 0, 2, 4, 16 };

	for (size_t i = 0; i < sizeof how; i++)
		seed_kind(kind, &how[i], 1, to_be_signed(der));
}

static void seed_shown(void)
{
	const struct fuzz_pki *p = fuzz_pki();
	static uint8_t buf[ROOM];
	struct writer w = writer_of(buf, sizeof buf);
	struct blob name;

	if (cert_subject_der(blob_view(&p->host.der), &name) != 0)
		abort();
	write_u8(&w, CERTIFICATE_SHOWN);
	write_u8(&w, 0);
	write_u8(&w, 2);
	write_u16(&w, (uint16_t)p->host.der.n);
	write_bytes(&w, blob_view(&p->host.der));
	write_u16(&w, (uint16_t)p->ca.der.n);
	write_bytes(&w, blob_view(&p->ca.der));
	write_u8(&w, ID_DER_ASN1_DN);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)name.n);
	write_bytes(&w, blob_view(&name));
	write_u8(&w, 0);
	write_bytes(&w, BYTES((const uint8_t *)"\x0a\0\0\1", 4));
	write_u16(&w, 4);
	write_bytes(&w, BYTES((const uint8_t *)"said", 4));
	seed_write("certificate", writer_view(&w));
	blob_free(&name);
}

static void seed_odd(const char *subject, const char *san, const char *usage)
{
	const struct testpki_spec spec = { .subject = subject,
					   .issuer = &fuzz_pki()->ca,
					   .kind = TESTPKI_ECDSA_P256,
					   .slot = 3,
					   .san = san,
					   .key_usage = usage };
	struct testpki_cert c;

	testpki_make(&c, &spec);
	seed_kind(CERTIFICATE_ALONE, NULL, 0, blob_view(&c.der));
	seed_signed(blob_view(&c.der), CERTIFICATE_SIGNED);
	testpki_free(&c);
}

static const char *const patterns[] = { "*.example",	"O=Example, CN=*", "*@example",
					"10.0.0.0/8",	"fd00::1",	   "C=US, *, CN=a\\,b",
					"OU=x+CN=y, *", "host.*.example.", "=" };

void seeds_certificates(void)
{
	const struct fuzz_pki *p = fuzz_pki();

	seed_kind(CERTIFICATE_ALONE, NULL, 0, blob_view(&p->host.der));
	seed_kind(CERTIFICATE_ALONE, NULL, 0, blob_view(&p->ca.der));
	seed_kind(CERTIFICATE_LIST, NULL, 0, blob_view(&p->list));
	seed_kind(CERTIFICATE_LIST, NULL, 0, blob_view(&p->list_host));
	seed_kind(CERTIFICATE_LIST, NULL, 0, blob_view(&p->list_pem));
	seed_kind(CERTIFICATE_PEM, NULL, 0, blob_view(&p->ca.pem));
	seed_signed(blob_view(&p->host.der), CERTIFICATE_SIGNED);
	seed_signed(blob_view(&p->list), CERTIFICATE_LISTED);
	seed_signed(blob_view(&p->list_host), CERTIFICATE_LISTED);
	seed_odd("", "IP:10.0.0.1", NULL);
	seed_odd("C=US, O=a, OU=b + CN=c", "DNS:*.example, email:a@b.example", "none");
	seed_odd("CN=x", NULL, "keyCertSign");
	seed_shown();
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
		seed_kind(CERTIFICATE_PATTERN, NULL, 0,
			  BYTES((const uint8_t *)patterns[i], strlen(patterns[i])));
}

/* --- between the processes --- */

static void indented(FILE *out, const char *key, struct bytes pem)
{
	fprintf(out, "%s: |\n  ", key);
	for (size_t i = 0; i < pem.n; i++) {
		fputc(pem.p[i], out);
		if (pem.p[i] == '\n' && i + 1 < pem.n)
			fputs("  ", out);
	}
	fputc('\n', out);
}

static void seed_wire(uint8_t kind, const struct secret *said)
{
	static uint8_t buf[ROOM];
	struct writer w = writer_of(buf, sizeof buf);

	write_u8(&w, kind);
	write_bytes(&w, secret_view(said));
	seed_write("wire", writer_view(&w));
}

static void seed_configuration(const char *more)
{
	const struct fuzz_pki *p = fuzz_pki();
	struct problems ps = { 0 };
	struct secret said = { 0 };
	struct config c;
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	fputs(NETS, out);
	indented(out, "instance_certificate", blob_view(&p->host.pem));
	indented(out, "instance_private_key", blob_view(&p->host.key_pem));
	fputs("ca_certificates:\n- |\n  ", out);
	for (size_t i = 0; i < p->ca.pem.n; i++)
		fprintf(out, "%c%s", p->ca.pem.p[i],
			p->ca.pem.p[i] == '\n' && i + 1 < p->ca.pem.n ? "  " : "");
	fprintf(out, "\n%s", more);
	fclose(out);
	HOLDS_OF(config_parse("f.yml", BYTES((uint8_t *)text, n), TESTPKI_NOW, &c, &ps) == 0, text);
	HOLDS(wire_put_config(&ps, &c, &said) == 0);
	seed_wire(0, &said);
	secret_free(&said);
	config_free(&c);
	problems_free(&ps);
	free(text);
}

static struct job *job_of(enum key_kind kind)
{
	static const uint8_t sa_init[30] = {
		[0] = 1, [17] = 0x20, [18] = 34, [19] = 8, [27] = 28, 2, 3
	};
	struct job *j;

	if (kind != KEY_SIGN && kind != KEY_PPK)
		return NULL;
	j = job_new(kind == KEY_SIGN ? JOB_SIGN : JOB_PPK);
	HOLDS(j != NULL && blob_copy(&j->tbs, BYTES(sa_init, sizeof sa_init)) == 0);
	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	j->prf = prf_by_id(PRF_HMAC_SHA2_256);
	HOLDS(blob_copy(&j->id, BYTES((const uint8_t *)"mesh", 4)) == 0);
	for (size_t i = 0; i < JOB_SK; i++)
		HOLDS(secret_new(&j->sk[i], 32) == 0);
	return j;
}

static void seed_message(enum key_kind kind, bool answers)
{
	struct key_message m = { .kind = kind,
				 .answer = answers,
				 .id = 7,
				 .version = KEY_VERSION,
				 .fingerprint = "aa:bb",
				 .path = "/etc/x",
				 .serial = 3,
				 .job = job_of(kind) };
	struct secret said = { 0 };

	if (answers && kind == KEY_SIGN)
		HOLDS(blob_copy(&m.job->signature, BYTES((const uint8_t *)"signature", 9)) == 0);
	if (key_message_put(&m, &said) == 0)
		seed_wire(answers ? 3 : 2, &said);
	secret_free(&said);
	if (m.job != NULL)
		job_free(m.job);
}

void seeds_wire(void)
{
	struct problems ps = { 0 };
	struct secret said = { 0 };

	seed_configuration("");
	seed_configuration("crls: [/nowhere]\n");
	seed_configuration(
		"peer_identities: [a.example]\nlog: /var/log/x\nppk_id: mesh\n"
		"ppk: 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
	HOLDS(wire_put_config(&ps, NULL, &said) == 0);
	seed_wire(0, &said);
	secret_free(&said);
	HOLDS(wire_put_crl_files(NULL, 0, &said) == 0);
	seed_wire(1, &said);
	secret_free(&said);
	for (int kind = KEY_HELLO; kind <= KEY_CHECK; kind++)
		for (int answers = 0; answers < 2; answers++)
			seed_message((enum key_kind)kind, answers != 0);
}

/* --- the control socket --- */

static const char *const requests[] = {
	"{\"command\":\"version\"}\n",
	"{\"command\":\"statusall\"}\n",
	"{\"command\":\"status\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"pairs\"}\n",
	"{\"command\":\"config\"}\n",
	"{\"command\":\"explain\",\"address\":\"10.0.0.2\",\"protocol\":6,\"port\":22}\n",
	"{\"command\":\"up\",\"peer\":\"10.0.0.3\"}\n",
	"{\"command\":\"down\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"rekey\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"rekey-ike\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"reauth\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"reset\",\"peer\":\"10.0.0.2\"}\n",
	"{\"command\":\"disable\"}\n",
	"{\"command\":\"reload\",\"force\":true}\n",
	"{\"command\":\"log\",\"area\":\"ike\",\"level\":\"debug\",\"for_s\":60}\n",
	"{\"command\":\"events\",\"from\":1,\"stream\":\"0123456789abcdef\",\"wait\":true}\n",
	"{\"command\":\"events\",\"last\":5,\"peer\":\"10.0.0.2\",\"level\":\"info\"}\n",
	"{\"command\":1}\n",
	"[]\n",
	"{\"a\":1,\"a\":2}\n",
};

void seeds_control(void)
{
	uint8_t buf[1024];

	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		for (size_t cut = 0; cut < 2; cut++) {
			struct writer w = writer_of(buf, sizeof buf);
			size_t n = strlen(requests[i]), first = cut ? n / 2 : n;

			write_u8(&w, 12);
			write_u16(&w, (uint16_t)first);
			write_bytes(&w, BYTES((const uint8_t *)requests[i], first));
			if (cut) {
				write_u8(&w, 12);
				write_u16(&w, (uint16_t)(n - first));
				write_text(&w, requests[i] + first);
			}
			write_u8(&w, 6);
			seed_write("control", writer_view(&w));
		}
}

/* --- dictionaries --- */

static FILE *dictionary(const char *dir, const char *target)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s.dict", dir, target);
	out = fopen(path, "w");
	if (out == NULL)
		abort();
	return out;
}

/* Two octets, as notify types and transform ids are. */
static void numbers(FILE *out, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		fprintf(out, "\"\\x%02x\\x%02x\"\n", i >> 8, i & 0xff);
}

static void words_of_messages(FILE *out)
{
	numbers(out, 1, 48);			     /* errors, transform ids, payload types */
	numbers(out, 16384, 16442);		     /* status notifies */
	for (unsigned type = 33; type <= 53; type++) /* a payload header with a length */
		fprintf(out, "\"\\x%02x\\x00\\x00\\x08\"\n\"\\x%02x\\x80\\x00\\x04\"\n", type,
			type);
	fclose(out);
}

static void words_of_configurations(FILE *out)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, "\"%s: \"\n", rows[i].name);
		for (size_t k = 0; rows[i].choices != NULL && rows[i].choices[k] != NULL; k++)
			fprintf(out, "\"%s\"\n", rows[i].choices[k]);
	}
	fputs("\"/p/host\"\n\"/p/key\"\n\"/p/ca\"\n\"/p/list\"\n\"/p/ppk\"\n\"-----BEGIN \"\n"
	      "\"subnet: \"\n\"optional: true\"\n\"protocol: \"\n\"port: \"\n\"\\x0a- \"\n\"\\x0a  "
	      "\"\n"
	      "\"&a\"\n\"*a\"\n\"|\\x0a\"\n\"properties:\"\n\"ipsec:\"\n\"addons:\"\n\"jobs:\"\n",
	      out);
	fclose(out);
}

static void words_of_proposals(FILE *out)
{
	for (size_t i = 0; encr_all()[i] != NULL; i++)
		fprintf(out, "\"%s\"\n", encr_all()[i]->keyword);
	for (size_t i = 0; integ_all()[i] != NULL; i++)
		fprintf(out, "\"%s\"\n", integ_all()[i]->keyword);
	for (size_t i = 0; prf_all()[i] != NULL; i++)
		fprintf(out, "\"%s\"\n", prf_all()[i]->keyword);
	for (size_t i = 0; ke_all()[i] != NULL; i++)
		fprintf(out, "\"%s\"\n\"ke1_%s\"\n", ke_all()[i]->keyword, ke_all()[i]->keyword);
	fputs("\"esn\"\n\"noesn\"\n\"none\"\n\"!\"\n\",\"\n", out);
	fclose(out);
}

static void words_of_requests(FILE *out)
{
	static const char *const words[] = { "command", "peer",	 "address", "protocol", "port",
					     "area",	"level", "for_s",   "from",	"last",
					     "stream",	"wait",	 "force",   "local" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		fprintf(out, "\"\\\"%s\\\":\"\n", words[i]);
	fputs("\"\\\"10.0.0.2\\\"\"\n\"\\x0a\"\n\"true\"\n\"null\"\n", out);
	fclose(out);
}

void seeds_words(const char *dir)
{
	words_of_messages(dictionary(dir, "message"));
	words_of_messages(dictionary(dir, "inside"));
	words_of_messages(dictionary(dir, "engine"));
	words_of_configurations(dictionary(dir, "config"));
	words_of_proposals(dictionary(dir, "proposal"));
	words_of_requests(dictionary(dir, "control"));
}
