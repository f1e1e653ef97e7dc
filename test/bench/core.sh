#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# core.sh BENCH OUT - the in-process bench: what BENCH (build/test/ikemesh-bench) measures, each part as a
# JSON object in OUT, and by callgrind the instructions of a handshake that are neither crypto nor the bench.
set -eu
bench=$1 out=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Both ends together: all within engine_step(), without the stand-ins of the library's functions.
instructions() { # PAIRS N
	local file=$dir/callgrind.out annotated=$dir/annotated
	rm -f "$file"
	valgrind --tool=callgrind --instr-atstart=no --toggle-collect=engine_step \
		--callgrind-out-file="$file" "$bench" count "$1" "$2" >"$dir/count" 2>"$dir/valgrind"
	grep -q '"counted": true' "$dir/count" || { echo "core.sh: callgrind counts nothing: was valgrind there at build time?" >&2; exit 1; }
	callgrind_annotate --auto=no --inclusive=yes --threshold=100 "$file" >"$annotated" 2>/dev/null
	awk -v n="$2" -v pairs="$1" '
		{ ir = $1; gsub(",", "", ir) }
		/PROGRAM TOTALS/ { total = ir }
		/:__wrap_(ossl_|sha1)[a-z_0-9]*( \[|$)/ {
			name = $0; sub(/.*:__wrap_/, "", name); sub(/[^a-z_0-9].*/, "", name)
			if (ir > crypto[name]) crypto[name] = ir
		}
		END {
			for (name in crypto) total -= crypto[name]
			printf "{\"part\": \"instructions\", \"pairs\": %d, \"a_handshake\": %.0f}\n", pairs, total / n
		}' "$annotated"
}

: >"$out"
for part in "ratio 60" "cold 40" "cores 24" growth memory; do
	"$bench" $part >>"$out"
done
for pairs in 10 100 1000 10000 100000; do
	instructions $pairs 200 >>"$out"
done
