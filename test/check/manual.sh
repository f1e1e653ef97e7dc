#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# manual.sh BUILD_DIR - the manual knows each key of the schema, each command of ikectl, and each option of
# ikemeshd; the example configuration knows each key too.
set -eu
build=$1 failed=0 n=0
stands() { # WHAT FILE: as a heading of its own
	n=$((n + 1))
	grep -qE "^\.BI? ${1//-/\\\\-}( |\$)" "$2" || { echo "$2: nothing of $1" >&2 && failed=1; }
}
while read -r key; do
	stands "$key" "$build/man/ikemesh.yml.5"
	grep -qE "^#? ?$key:" docs/ikemesh.yml.example || { echo "docs/ikemesh.yml.example: nothing of $key" >&2 && failed=1; }
done < <(sed -nE 's/^\t\t\.name = "([a-z_]+)",$/\1/p' config/schema.c)
while read -r command; do
	stands "$command" "$build/man/ikectl.8"
done < <(sed -nE '/struct command commands\[\]/,/^};/ s/.*\.name = "([a-z-]+)".*/\1/p' cmd/ikectl/main.c)
while read -r option; do
	stands "--$option" docs/man/ikemeshd.8
done < <(sed -nE '/struct option options\[\]/,/^};/ s/^\t\{ "([a-z-]+)",.*/\1/p' cmd/ikemeshd/main.c)
[ "$n" -gt 60 ] || { echo "only $n keys, commands and options were found" >&2 && failed=1; }
echo "$n keys, commands and options"
exit $failed
