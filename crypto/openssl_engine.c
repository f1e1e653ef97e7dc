/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines: what OpenSSL had before its providers, and the only way to PKCS#11 in Debian 12. One
 * that was found stays for as long as the process does: to give it up would close the sessions
 * behind the keys that it has handed out.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/openssl_lib.h"
#include <openssl/engine.h>
#include <stdlib.h>
#include <string.h>

struct running {
	struct running *next;
	ENGINE *engine;
};

static struct running *all;

static ENGINE *running(const char *name)
{
	for (const struct running *r = all; r != NULL; r = r->next)
		if (strcmp(ENGINE_get_id(r->engine), name) == 0)
			return r->engine;
	return NULL;
}

static ENGINE *start(const char *name)
{
	struct running *r = malloc(sizeof(*r));
	ENGINE *engine;

	if (r == NULL)
		return NULL;
	ENGINE_load_dynamic();
	engine = ENGINE_by_id(name);
	/* Otherwise it tells standard error what it cannot find, and that may have a PIN in it. */
	if (engine != NULL && ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1) == 1 &&
	    ENGINE_init(engine) == 1) {
		*r = (struct running){ .next = all, .engine = engine };
		all = r;
		return engine;
	}
	ENGINE_free(engine);
	free(r);
	return NULL;
}

static ENGINE *engine_of(const char *name)
{
	ENGINE *engine = running(name);

	return engine != NULL ? engine : start(name);
}

bool lib_engine_ready(const char *engine)
{
	return engine_of(engine) != NULL;
}

EVP_PKEY *lib_engine_key(const char *engine, const char *uri, UI_METHOD *ui, void *ui_data)
{
	ENGINE *e = engine_of(engine);

	return e == NULL ? NULL : ENGINE_load_private_key(e, uri, ui, ui_data);
}
