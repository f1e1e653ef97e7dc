/* SPDX-License-Identifier: Apache-2.0 */
/* The tree and its places, what is refused, and that no text keeps the reader busy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/lift.h"
#include "config/yaml.h"
#include "lib/flip.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX 5 /* of processor time, with sanitizers on a slow machine */

static struct bytes text_of(const char *text)
{
	return BYTES((const uint8_t *)text, strlen(text));
}

static struct yaml_doc read_good(const char *text)
{
	struct yaml_fault fault;
	struct yaml_doc doc;

	if (yaml_doc_read(text_of(text), &doc, &fault))
		fail_msg("line %u: %s", fault.line, fault.what);
	return doc;
}

static void assert_at(const struct node *node, unsigned line, unsigned column)
{
	assert_non_null(node);
	assert_int_equal(node->line, line);
	assert_int_equal(node->column, column);
}

static void test_places(void **state)
{
	struct yaml_doc doc = read_good("# a comment\n"
					"a: one\n"
					"b:\n"
					"  - 'two'\n"
					"  - {c: \"three\"}\n"
					"d: |\n"
					"  four\n"
					"  five\n"
					"e:\n");
	const struct node *b = node_get(doc.root, "b");

	(void)state;
	assert_at(node_get(doc.root, "a"), 2, 4);
	assert_string_equal(node_get(doc.root, "a")->text, "one");
	assert_true(node_get(doc.root, "a")->plain);
	assert_at(b, 4, 3);
	assert_int_equal(b->kind, NODE_LIST);
	assert_int_equal(b->n, 2);
	assert_false(b->items[0]->plain);
	assert_at(node_get(b->items[1], "c"), 5, 9);
	assert_at(node_get(doc.root, "d"), 6, 4);
	assert_true(node_get(doc.root, "d")->literal);
	assert_string_equal(node_get(doc.root, "d")->text, "four\nfive\n");
	assert_true(node_is_null(node_get(doc.root, "e")));
	assert_null(node_get(doc.root, "f"));
	assert_null(node_get(NULL, "f"));
	assert_null(node_get(b, "f"));
	yaml_doc_free(&doc);
}

static void test_line_ends(void **state)
{
	struct yaml_doc doc = read_good("a: |\r\n  x\r\n  y\r\nb: 2\r\n");

	(void)state;
	assert_string_equal(node_get(doc.root, "a")->text, "x\ny\n");
	assert_at(node_get(doc.root, "b"), 4, 4);
	yaml_doc_free(&doc);
	doc = read_good("a: 1"); /* no last line end */
	assert_string_equal(node_get(doc.root, "a")->text, "1");
	yaml_doc_free(&doc);
}

static void test_nothing(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# only this\n", "---\n...\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct yaml_doc doc = read_good(texts[i]);

		assert_true(!doc.root || node_is_null(doc.root));
		yaml_doc_free(&doc);
	}
}

static void test_alias(void **state)
{
	struct yaml_doc doc = read_good("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n");

	(void)state;
	assert_ptr_equal(node_get(doc.root, "a"), node_get(doc.root, "b"));
	assert_at(node_get(doc.root, "b"), 1, 4); /* where the anchor stands */
	yaml_doc_free(&doc);
}

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *says;
	} cases[] = {
		{ "a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']'" },
		{ "a: 1\n b: 2\n", 2, 3, "mapping values are not allowed" },
		{ "a:\n\t- 1\n", 2, 1, "cannot start any token" },
		{ "a: 'x\n", 2, 1, "end of stream" },
		{ "a: 1\n---\nb: 2\n", 2, 1, "second document" },
		{ "? [a]\n: 1\n", 1, 3, "a key must be a word" },
		{ "a: *b\n", 1, 4, "without its anchor" },
		{ "a: &b [*b]\n", 1, 8, "an alias of what it stands in" },
		{ "a: !x y\n", 1, 4, "tag" },
		{ "a: \"x\\0y\"\n", 1, 4, "NUL" },
		{ "a: 1\nb: \x01\n", 2, 4, "control characters" },
		{ "a: 1\nb: \xff\n", 2, 4, "UTF-8" },
		{ "{a: 1}}\n", 1, 7, "document start" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct yaml_fault fault;
		struct yaml_doc doc;

		assert_int_equal(yaml_doc_read(text_of(cases[i].text), &doc, &fault), -EINVAL);
		if (!strstr(fault.what, cases[i].says) || fault.line != cases[i].line ||
		    fault.column != cases[i].column)
			fail_msg("%s: %u:%u: %s", cases[i].text, fault.line, fault.column,
				 fault.what);
		assert_null(doc.root);
		assert_int_equal(doc.n, 0);
	}
}

/* --- hostile texts ------------------------------------------------------------------------- */

/* head, then part over and over up to 4 MiB, then tail. */
static char *repeated(const char *head, const char *part, const char *tail)
{
	size_t room = 4u << 20, n = strlen(head), each = strlen(part);
	char *text = malloc(room + 1);

	assert_non_null(text);
	memcpy(text, head, n);
	while (n + each + strlen(tail) <= room) {
		memcpy(text + n, part, each);
		n += each;
	}
	strcpy(text + n, tail);
	return text;
}

static void test_hostile(void **state)
{
	static const struct {
		const char *head, *part, *tail, *says; /* says NULL: it is good YAML */
	} cases[] = {
		{ "", "[", "", "deeper" },
		{ "", "{a: ", "", "deeper" },
		{ "", "- ", "", "deeper" },
		{ "", "- - - ", "x\n", "deeper" },
		{ "", "? ", "", "a key must be" },
		{ "", "[[],", "", "deeper" },
		{ "", "- x\n", "", "65536 values" },
		{ "[", "x,", "]", "65536 values" },
		{ "a: &x [1]\nb: [", "*x,", "]", "256 aliases" },
		{ "a: [", "&x 1,", "]", "256 anchors" },
		{ "", "\n", "", NULL },
		{ "a: ", "x", "", NULL },
		{ "a: \"", "\\n", "\"", NULL },
		{ "a: |\n", "  x\n", "", NULL },
		{ "", "# x\n", "", NULL },
		{ "a: ", " ", "b", NULL },
		{ "", "-", "", NULL },
		{ "", "'", "", NULL },
		{ "", "!", "", NULL },
		{ "", "&", "", "" },
		{ "", "*", "", "" },
		{ "", "%", "", "" },
		{ "", "a:\n", "", "1000 keys" },
	};
	struct yaml_fault fault;
	struct yaml_doc doc;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = repeated(cases[i].head, cases[i].part, cases[i].tail);
		clock_t start = clock();
		int r = yaml_doc_read(text_of(text), &doc, &fault);

		if (clock() - start > SECONDS_MAX * CLOCKS_PER_SEC)
			fail_msg("'%s' took too long", cases[i].part);
		if (r && cases[i].says && !strstr(fault.what, cases[i].says))
			fail_msg("'%s': %s", cases[i].part, fault.what);
		if (cases[i].says)
			assert_int_equal(r, -EINVAL);
		yaml_doc_free(&doc);
		free(text);
	}
}

static void test_laughs(void **state)
{
	char text[4096] = "a0: &a0 [x]\n";
	struct yaml_doc doc;

	(void)state;
	for (unsigned i = 1; i < 25; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "a%u: &a%u [*a%u, *a%u, *a%u, *a%u]\n", i, i, i - 1, i - 1, i - 1, i - 1);
	/* 4^24 texts if it were written out; here an alias is the node itself */
	doc = read_good(text);
	assert_true(doc.n < 200);
	yaml_doc_free(&doc);
}

/* --- truncate and flip --------------------------------------------------------------------- */

static void try_read(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct yaml_fault fault;
	struct yaml_doc doc;
	int r = yaml_doc_read(BYTES(p, n), &doc, &fault);

	(void)arg;
	if (r != 0 && (r != -EINVAL || !fault.what || !fault.line))
		fail_msg("%s", what);
	yaml_doc_free(&doc);
}

static void test_flip(void **state)
{
	static const char good[] =
		"releases:\n- {name: ipsec, version: 1.0.0}\n"
		"addons:\n- name: &n 'ipsec'\n  jobs:\n  - name: *n\n"
		"    properties:\n      ipsec:\n        pem: |\n"
		"          -----BEGIN X-----\n          ab+/\n"
		"        text: \"a\\x41\\n\" # b\n        more: >-\n          x\n";

	(void)state;
	assert_true(flip_all(text_of(good), try_read, NULL) > 2000);
}

/* --- keys are lifted out ------------------------------------------------------------------- */

#define KEY_BODY "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"

static void test_lift(void **state)
{
	static const char text[] = "key: |\n"
				   "  -----BEGIN RSA PRIVATE KEY-----\n"
				   "  Proc-Type: 4,ENCRYPTED\n"
				   "  " KEY_BODY "\n"
				   "  -----END RSA PRIVATE KEY-----\n"
				   "cert: |\n"
				   "  -----BEGIN CERTIFICATE-----\n"
				   "  MIICcert\n"
				   "  -----END CERTIFICATE-----\n"
				   "quoted: \"-----BEGIN PRIVATE KEY-----\\nQUJD\\nREVG\\n"
				   "-----END PRIVATE KEY-----\\n\"\n";
	struct secret back;
	struct text masked;
	struct lifted keys;
	struct yaml_doc doc;
	size_t where;

	(void)state;
	assert_int_equal(lift_keys(text_of(text), &masked, &keys, &where), 0);
	assert_int_equal(keys.n, 2);
	assert_null(strstr(masked.p, KEY_BODY));
	assert_null(strstr(masked.p, "QUJD"));
	assert_non_null(strstr(masked.p, "MIICcert"));
	assert_non_null(strstr(masked.p, "Proc-Type: 4,ENCRYPTED"));
	assert_true(lift_has(masked.p, masked.n));
	doc = read_good(masked.p);
	assert_int_equal(lift_restore(&keys, node_get(doc.root, "key")->text, &back), 0);
	assert_int_equal(back.n,
			 strlen("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: "
				"4,ENCRYPTED\n" KEY_BODY "\n-----END RSA PRIVATE KEY-----\n"));
	assert_non_null(memmem(back.p, back.n, "\n" KEY_BODY "\n", strlen(KEY_BODY) + 2));
	secret_free(&back);
	assert_int_equal(lift_restore(&keys, node_get(doc.root, "quoted")->text, &back), 0);
	assert_memory_equal(back.p,
			    "-----BEGIN PRIVATE KEY-----\nQUJD\nREVG\n-----END PRIVATE KEY-----\n",
			    back.n);
	secret_free(&back);
	yaml_doc_free(&doc);
	free(masked.p);
	lift_free(&keys);
}

static void test_lift_odd(void **state)
{
	struct secret back;
	struct text masked;
	struct lifted keys;
	size_t where = 0;
	char *many;

	(void)state;
	/* no END: lines of base64 are the key, what follows is not */
	assert_int_equal(lift_keys(text_of("k: |\n  -----BEGIN PRIVATE KEY-----\n  QUJD\nlog: x\n"),
				   &masked, &keys, &where),
			 0);
	assert_null(strstr(masked.p, "QUJD"));
	assert_non_null(strstr(masked.p, "log: x"));
	/* more stand-ins than there were characters */
	assert_int_equal(lift_restore(&keys,
				      "\xee\x80\x80\xee\x80\x80\xee\x80\x80\xee\x80\x80"
				      "\xee\x80\x80",
				      &back),
			 -EINVAL);
	assert_int_equal(lift_restore(&keys, "\xee\x80\x8f", &back), -EINVAL);
	free(masked.p);
	lift_free(&keys);
	assert_int_equal(lift_keys(text_of("ab\xee\x80\x81"), &masked, &keys, &where), -EILSEQ);
	assert_int_equal(where, 2);
	many = repeated("", "-----BEGIN PRIVATE KEY-----\nx\n", "");
	assert_int_equal(lift_keys(text_of(many), &masked, &keys, &where), -E2BIG);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),	cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_alias),
		cmocka_unit_test(test_faults),	cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_laughs),	cmocka_unit_test(test_flip),
		cmocka_unit_test(test_lift),	cmocka_unit_test(test_lift_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
