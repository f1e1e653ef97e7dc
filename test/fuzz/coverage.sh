#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# coverage.sh [DOC]: what tests and what fuzz inputs reach of the rooms, in lines and branches, as a
# table; put into DOC between its markers. Run from the root of the checkout, with build/coverage
# built. Inputs: the corpora, and whatever the fuzzers of build/fuzz have found. Behind `./run coverage`.
set -eu
out=build/coverage/profile
bin=build/coverage/fuzz
rooms='ike/message ike crypto config xfrm'

tests() {
	LLVM_PROFILE_FILE=$PWD/$out/tests-%8m.profraw ctest --test-dir build/coverage -j "$(nproc)" -E '^(check_|fuzz_)' \
		>build/coverage-tests.log 2>&1 || tail -n 20 build/coverage-tests.log >&2
}

fuzz() {
	local t
	for t in $(test/fuzz/fuzz.sh list); do
		LLVM_PROFILE_FILE=$PWD/$out/fuzz-%8m.profraw $bin/fuzz_$t \
			{test/fuzz/corpus,test/fuzz/finds,build/fuzz/seeds,build/fuzz/vectors,build/fuzz/corpus}/"$t" >/dev/null
	done
}

# KIND: a line for each file, its path and lines, missed, branches, missed.
report() {
	llvm-cov report build/coverage/fuzz/coverage_map -instr-profile="$out/$1.profdata" \
		$(for r in ike crypto config xfrm; do find $r -name '*.c'; done) 2>/dev/null |
		awk -v root="$PWD/" '$1 ~ /\.c$/ { sub(root, "", $1); print $1, $8, $9, $11, $12 }'
}

# ROOM KIND: "LINES BRANCHES" in percent.
share() {
	awk -v room="$1/" 'index($1, room) == 1 { l += $2; lm += $3; b += $4; bm += $5 }
		END { printf "%.1f %.1f\n", 100 * (l - lm) / l, 100 * (b - bm) / b }' "$out/$2.report"
}

table() {
	local r
	echo '| | lines: tests | fuzzing | together | branches: tests | fuzzing | together |'
	echo '|---|---|---|---|---|---|---|'
	for r in $rooms; do
		set -- $(share $r tests) $(share $r fuzz) $(share $r both)
		echo "| $r/ | $1 % | $3 % | $5 % | $2 % | $4 % | $6 % |"
	done
}

rm -rf "$out"
mkdir -p "$out"
tests
fuzz
llvm-profdata merge -sparse "$out"/tests-*.profraw -o "$out/tests.profdata"
llvm-profdata merge -sparse "$out"/fuzz-*.profraw -o "$out/fuzz.profdata"
llvm-profdata merge -sparse "$out"/{tests,fuzz}.profdata -o "$out/both.profdata"
for kind in tests fuzz both; do report $kind >"$out/$kind.report"; done
table | tee "$out/table.md"
[ -z "${1-}" ] || sed -i -e '/<!-- coverage: end -->/{e cat '"$out/table.md"'
}' -e '/<!-- coverage: begin/,/<!-- coverage: end -->/{/^|/d}' "$1"
