/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/keyholder_sandbox.h"
#include "cmd/ikemeshd/sandbox.h"
#include "config/file.h"
#include "config/key_uri.h"
#include "config/yaml.h"

#include <stdio.h>
#include <string.h>

/* Wherever in the file it stands: what is no key of ours there does no harm. */
static bool asks_for_library(const struct node *map)
{
	for (size_t i = 0; map->kind == NODE_MAP && i + 1 < map->n; i += 2) {
		const struct node *key = map->items[i], *value = map->items[i + 1];

		if (key->kind != NODE_SCALAR || value->kind != NODE_SCALAR)
			continue;
		if (strcmp(key->text, "crypto_properties") == 0 && !node_is_null(value))
			return true;
		if (strcmp(key->text, "instance_private_key") == 0 && key_uri_is(value->text))
			return true;
	}
	return false;
}

bool keyholder_needs_library(const char *config_path)
{
	struct secret text;
	struct yaml_fault fault;
	struct yaml_doc doc;
	bool needs = false;
	mode_t mode;

	if (file_read(config_path, &text, &mode) != 0)
		return false;
	if (yaml_doc_read(secret_view(&text), &doc, &fault) == 0) {
		for (size_t i = 0; i < doc.n && !needs; i++)
			needs = asks_for_library(doc.nodes[i]);
		yaml_doc_free(&doc);
	}
	secret_free(&text);
	return needs;
}

bool keyholder_enter_sandbox(const char *config_path)
{
	const bool needs = keyholder_needs_library(config_path);
	int err = sandbox_enter(needs ? SANDBOX_TOKEN : SANDBOX_KEYHOLDER);

	if (err != 0)
		fprintf(stderr,
			"ikemeshd: WARNING: the keyholder has no sandbox, this kernel has no "
			"filter of system calls (CONFIG_SECCOMP_FILTER): %s\n",
			strerror(-err));
	return err == 0 && !needs;
}
