/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ikemesh.yml, any octets. The files that it names are those of pki.h, and no key is anywhere else.
 * What is wrong is said in printable lines in which there is no key. What is right becomes
 * policies, a view, and octets for the other process that are the same when they have come over
 * there.
 */
#include "fuzz/pki.h"

#include "cmd/ikemeshd/config_wire.h"
#include "config/diff.h"
#include "config/file.h"
#include "crypto/provider.h"
#include "xfrm/policy.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- instead of the machine --- */

int __wrap_file_read(const char *path, struct secret *out, mode_t *mode);
int __wrap_sign_key_from_uri(const char *uri, struct sign_key **out, char why[static KEY_WHY_LEN]);
int __real_provider_view_new(const char *properties, struct provider_view **out,
			     char why[static PROVIDER_TEXT_LEN]);
int __wrap_provider_view_new(const char *properties, struct provider_view **out,
			     char why[static PROVIDER_TEXT_LEN]);

int __wrap_file_read(const char *path, struct secret *out, mode_t *mode)
{
	const struct bytes content = fuzz_pki_file(path);

	*out = (struct secret){ 0 };
	*mode = 0600;
	return content.n == 0 ? -ENOENT : secret_copy(out, content);
}

int __wrap_sign_key_from_uri(const char *uri, struct sign_key **out, char why[static KEY_WHY_LEN])
{
	(void)uri;
	*out = NULL;
	strcpy(why, "there is no token here");
	return -ENOENT;
}

/* Each of them loads a library. */
int __wrap_provider_view_new(const char *properties, struct provider_view **out,
			     char why[static PROVIDER_TEXT_LEN])
{
	if (properties[0] == '\0' || strcmp(properties, "provider=default") == 0)
		return __real_provider_view_new(properties, out, why);
	*out = NULL;
	strcpy(why, "not known here");
	return -EINVAL;
}

/* --- what is said --- */

static void printable(const char *text)
{
	for (; *text != '\0'; text++)
		HOLDS((unsigned char)*text >= 0x20 && (unsigned char)*text != 0x7f);
}

static const char *key_piece(void)
{
	static char piece[33];
	const struct blob *pem = &fuzz_pki()->host.key_pem;

	if (piece[0] == '\0')
		memcpy(piece, pem->p + pem->n / 2, sizeof piece - 1);
	return piece;
}

static void check_problems(const struct problems *ps)
{
	size_t errors = 0;

	for (size_t i = 0; i < ps->n; i++) {
		char *text = problem_text(&ps->p[i]);

		HOLDS(text != NULL);
		printable(ps->p[i].message);
		HOLDS(strstr(text, key_piece()) == NULL);
		errors += ps->p[i].level == PROBLEM_ERROR;
		free(text);
	}
	HOLDS(errors == ps->errors);
}

/* --- what it is good for --- */

static void over_there(const struct problems *ps, const struct config *c)
{
	struct secret once = { 0 }, twice = { 0 };
	struct problems ps2;
	struct config c2;
	bool there;

	HOLDS(wire_put_config(ps, c, &once) == 0);
	HOLDS(wire_take_config(secret_view(&once), &ps2, &c2, &there) == 0 && there);
	HOLDS(wire_put_config(&ps2, &c2, &twice) == 0);
	HOLDS(bytes_equal(secret_view(&once), secret_view(&twice)));
	HOLDS(c2.key == NULL);
	secret_free(&once);
	secret_free(&twice);
	problems_free(&ps2);
	config_free(&c2);
}

static void policies_of(const struct config *c)
{
	const struct ip locals[] = { { .family = 4, .b = { 10, 0, 0, 1 } },
				     { .family = 6, .b = { 0xfd, 0, [15] = 1 } } };
	struct policy_set set;

	if (policy_build(&c->spec, locals, 2, &set) == 0)
		policy_set_free(&set);
}

static void unchanged(const struct config *c)
{
	struct view a, b;
	struct diff d;

	HOLDS(view_of(c, &a) == 0 && view_of(c, &b) == 0);
	HOLDS(config_diff(&a, &b, &d) == 0);
	HOLDS(d.n == 0);
	diff_free(&d);
	view_free(&a);
	view_free(&b);
}

FUZZ_TARGET(input)
{
	struct exact text = exact_of(feed_rest(input));
	struct problems ps = { 0 };
	struct config c;
	int r;

	fuzz_pki();
	r = config_parse("f.yml", BYTES(text.p, text.n), TESTPKI_NOW, &c, &ps);
	HOLDS((r == 0) == (ps.errors == 0));
	check_problems(&ps);
	if (r == 0) {
		over_there(&ps, &c);
		policies_of(&c);
		unchanged(&c);
	}
	config_free(&c);
	problems_free(&ps);
	exact_free(&text);
}
