#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/hardening.sh BUILD_DIR…
# What the programs in BUILD_DIR/bin are guarded with, read from the programs themselves: each line
# "ok" or "FAIL". First shows on a program made up for that, built without any of it, that the lack of
# each is found.
#
# Of FORTIFY a program shows that it has it, and not how much: the level is read from the compiler's
# command lines. Of CET the compiler marks each object, but a linker marks the program only if the C
# library's start files are marked, which Debian 12's are not: what counts here is that every object was
# compiled with it.
set -eu
export LC_ALL=C

PROGRAMS="ikemeshd ikectl ikemesh-exporter"

# Each: exit status 0 if PROGRAM has it.
has_pie() { readelf -Wh "$1" | grep -q 'Type: *DYN' && readelf -Wd "$1" | grep -q 'FLAGS_1.* PIE'; }
has_relro() { readelf -Wl "$1" | grep -q GNU_RELRO; }
has_now() { readelf -Wd "$1" | grep -q 'FLAGS_1.* NOW'; }
has_no_exec_stack() { readelf -Wl "$1" | grep GNU_STACK | grep -qv 'E *0x'; }
has_no_writable_code() { ! readelf -Wl "$1" | grep -E '^ *LOAD' | grep -q 'RWE'; }
has_no_text_relocations() { ! readelf -Wd "$1" | grep -q TEXTREL; }
has_stack_protector() { imports "$1" __stack_chk_fail; }
has_fortify() { [ "$(imports "$1" '__[a-z]*_chk' | grep -c .)" -ge 4 ]; }
has_strong() { compiled_with "$1" -fstack-protector-strong; }
has_stack_clash() { compiled_with "$1" -fstack-clash-protection; }
has_cet() { [ "$(uname -m)" != x86_64 ] || compiled_with "$1" -fcf-protection=full; }
FACTS="pie relro now no_exec_stack no_writable_code no_text_relocations stack_protector fortify strong
	stack_clash cet"

imports() { # PROGRAM NAME: prints those that match
	readelf -W --dyn-syms "$1" | awk -v want="^($2)(@|\$)" '$7 == "UND" && $8 ~ want { print $8; n++ } END { exit !n }'
}

compiled_with() { # PROGRAM OPTION: every object of it, by what the compiler wrote down
	local all without
	all=$(readelf --debug-dump=info --dwarf-depth=1 "$1" 2>/dev/null | grep -a 'DW_AT_producer.*GNU C' || true)
	[ -n "$all" ] || return 1
	without=$(printf '%s\n' "$all" | grep -cv -- "$2" || true)
	[ "$without" = 0 ]
}

# The last -D_FORTIFY_SOURCE of a command line counts.
fortify_level() { # BUILD_DIR: the lowest level that a file of ours was compiled with
	awk '/"command":/ && / -c [^ ]*\/(crypto|ike|xfrm|config|cmd)\/[^ ]*\.c/ && !/ -c [^ ]*\/test\// {
		n = split($0, word, " "); level = 0
		for (i = 1; i <= n; i++)
			if (sub(/^-D_FORTIFY_SOURCE=/, "", word[i])) level = word[i] + 0
		if (!seen++ || level < least) least = level
	} END { print seen ? least : 0 }' "$1/compile_commands.json"
}

wanted_level() {
	local known
	known=$(echo | ${CC:-cc} -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include features.h -dM -E - |
		awk '$2 == "__USE_FORTIFY_LEVEL" { print $3 }')
	echo "${known:-2}"
}

self_test() {
	local fact found=
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	printf '%s\n' '#include <stdio.h>' 'int main(void) { return puts("x") < 0; }' >"$dir/bare.c"
	${CC:-cc} -g -O2 -U_FORTIFY_SOURCE -fno-stack-protector -fno-stack-clash-protection -fcf-protection=none \
		-fno-pie -no-pie -Wl,-z,norelro,-z,lazy,-z,execstack "$dir/bare.c" -o "$dir/bare" 2>/dev/null
	for fact in $FACTS; do
		case $fact in no_writable_code | no_text_relocations) continue ;; esac
		! "has_$fact" "$dir/bare" || found="$found $fact"
	done
	echo 'int data = 1; int main(void) { return data; }' >"$dir/bare.c"
	${CC:-cc} -O2 -nostdlib -static -fno-pie -no-pie -Wl,-N,-e,main "$dir/bare.c" -o "$dir/bare" 2>/dev/null
	! has_no_writable_code "$dir/bare" || found="$found no_writable_code"
	rm -rf "$dir"
	trap - EXIT
	[ -z "$found" ] || { echo "FAIL hardening.sh does not see the lack of:$found"; exit 1; }
}

self_test
rc=0
tell() { # WELL TEXT
	[ "$1" = 0 ] || rc=1
	[ "$1" = 0 ] && echo "ok hardening: $2" || echo "FAIL hardening: $2"
}

for build in "$@"; do
	for program in $PROGRAMS; do
		lacks=
		for fact in $FACTS; do
			"has_$fact" "$build/bin/$program" >/dev/null || lacks="$lacks $fact"
		done
		tell "$([ -z "$lacks" ] && echo 0 || echo 1)" "$build/bin/$program${lacks:+ lacks$lacks}"
	done
	level=$(fortify_level "$build")
	tell "$([ "$level" -ge "$(wanted_level)" ] && echo 0 || echo 1)" "$build: FORTIFY $level"
done
exit $rc
