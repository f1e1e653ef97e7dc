#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/cppcheck.sh BUILD_DIR
# cppcheck over the programs' sources, with the compiler's command lines. Prints "ok" or "FAIL", and each
# finding that is not in cppcheck.txt, where those stand that were looked at and are none, with the reason.
# First shows that it finds something in a file made up for that.
set -eu
here=$(dirname "$0")
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # ARGUMENT…
	nice cppcheck --quiet --std=c11 --library=posix --library=gnu \
		--library="$here/cppcheck.cfg" --enable=warning,performance,portability --template='{file}:{line}: {severity} {id}: {message}' "$@" 2>&1
}

printf '%s\n' 'int f(void);' 'int f(void) { int a[2]; a[0] = 1; return a[2]; }' >"$work/bad.c"
check "$work/bad.c" | grep -q arrayIndexOutOfBounds || { echo "FAIL cppcheck: it finds nothing"; exit 1; }

grep -v '^#' "$here/cppcheck.txt" | grep . >"$work/known"
mkdir -p "$build/cppcheck"
check --project="$build/compile_commands.json" -i test -i build --cppcheck-build-dir="$build/cppcheck" \
	--suppressions-list="$work/known" -j "$(nproc)" | sort -u >"$work/found" || true
if [ -s "$work/found" ]; then
	echo "FAIL cppcheck: $(wc -l <"$work/found") findings"
	cat "$work/found"
	exit 1
fi
echo "ok cppcheck: nothing in $(grep -c '"file":.*/\(crypto\|ike\|xfrm\|config\|cmd\)/' "$build/compile_commands.json") files"
