/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/command.h"
#include "cmd/ikectl/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *command_option(const struct invocation *in, const char *name)
{
	for (size_t i = in->n_options; i > 0; i--) {
		if (strcmp(in->options[i - 1].name, name) == 0)
			return in->options[i - 1].value;
	}
	return NULL;
}

enum status command_status(int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return STATUS_NO_DAEMON;
	case -EACCES:
	case -EPERM:
		return STATUS_NOT_ALLOWED;
	}
	return STATUS_FAILED;
}

json_t *command_ask(const struct invocation *in, json_t *request, enum status *status)
{
	char error[CLIENT_ERROR_LEN];
	int err = -ENOMEM;
	json_t *answer = client_ask(in->run_dir, request, &err, error);

	json_decref(request);
	*status = STATUS_GOOD;
	if (answer == NULL) {
		fprintf(stderr, "ikectl: %s\n", error);
		*status = command_status(err);
	}
	return answer;
}

void command_print_json(const json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2));
	printf("\n");
}

enum status command_misuse(const char *what, const char *of)
{
	fprintf(stderr, "ikectl: %s%s%s; see --help\n", what, of != NULL ? ": " : "",
		of != NULL ? of : "");
	return STATUS_USAGE;
}
