#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh list                   the targets, one a line
# fuzz.sh seeds                  makes what all of them begin with
# fuzz.sh run TARGET SECONDS     prints one line, and where it fails the end of the log
# fuzz.sh corpus TARGET [DIR...] of its seeds and these: the fewest that reach as much, into test/fuzz/corpus
# fuzz.sh all SECONDS            every target for so long, as many at once as there are cores
# Run from the root of the checkout, with build/fuzz built. Behind `./run fuzz`.
set -eu
bin=build/fuzz/fuzz

targets() { basename -s .c test/fuzz/targets/*.c; }

seeds() {
	mkdir -p build/fuzz/seeds build/fuzz/vectors
	$bin/fuzz_seeds build/fuzz/seeds >build/fuzz/seeds.log
	[ -e build/fuzz/vectors/complete ] || ! test/fuzz/vectors.sh $bin/fuzz_seeds build/fuzz/vectors >>build/fuzz/seeds.log ||
		touch build/fuzz/vectors/complete
}

# What libFuzzer printed last of this kind.
number() { sed -nE "s/.*$1 *([0-9]+).*/\1/p" "$2" | tail -n 1; }

# Octets that an input may have.
longest() {
	case $1 in
	config | certificate | state | wire) echo 16384 ;;
	control) echo 4400 ;;
	*) echo 4096 ;;
	esac
}

run() { # TARGET SECONDS
	local t=$1 seconds=$2 log=build/fuzz/$1.log rc=0 where=() d cpu
	mkdir -p "build/fuzz/corpus/$t" build/fuzz/finds
	for d in test/fuzz/corpus test/fuzz/finds build/fuzz/seeds build/fuzz/vectors; do
		[ ! -d "$d/$t" ] || where+=("$d/$t")
	done
	d=build/fuzz/seeds/$t.dict
	[ ! -e "$d" ] || where+=(-dict="$d")
	export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=5:detect_leaks=1
	export UBSAN_OPTIONS=print_stacktrace=1
	TIMEFORMAT='%U %S'
	{ time $bin/fuzz_$t -max_total_time="$seconds" -max_len="$(longest "$t")" -entropic=0 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="build/fuzz/finds/$t-" \
		"build/fuzz/corpus/$t" "${where[@]}" >"$log" 2>&1; } 2>"$log.time" || rc=1
	cpu=$(tail -n 1 "$log.time" | awk '{ print int($1 + $2 + 0.5) }')
	awk -v ok="$([ $rc = 0 ] && echo ok || echo FAIL)" -v t="$t" -v s="$seconds" -v cpu="${cpu:-0}" \
		-v runs="$(number 'number_of_executed_units:' "$log")" -v edges="$(number ' cov:' "$log")" \
		-v corpus="$(number ' corp:' "$log")" -v rss="$(number 'peak_rss_mb:' "$log")" 'BEGIN {
		printf "%s fuzz_%s (%d s): %d executions, %d a second, %d a CPU second, %d edges, %d inputs kept, %d MiB, %s\n",
			ok, t, s, runs, runs / s, cpu ? runs / cpu : 0, edges, corpus, rss, ok == "ok" ? "no find" : "a find"
	}'
	[ $rc = 0 ] || grep -aE 'ERROR|SUMMARY|does not hold|runtime error|^    #[0-9]+ |Test unit written' "$log" | head -n 24
	return $rc
}

corpus() { # TARGET DIR...
	local t=$1 fresh
	shift
	fresh=$(mktemp -d)
	$bin/fuzz_$t -merge=1 -max_len="$(longest "$t")" "$fresh" "build/fuzz/seeds/$t" $(ls -d "test/fuzz/corpus/$t" 2>/dev/null) "$@" 2>&1 |
		sed -nE 's/.*MERGE-OUTER: ([0-9]+ new files.*)/\1/p'
	rm -rf "test/fuzz/corpus/$t"
	mkdir -p test/fuzz/corpus
	mv "$fresh" "test/fuzz/corpus/$t"
	chmod 755 "test/fuzz/corpus/$t"
}

all() { # SECONDS
	targets | xargs -P "$(nproc)" -I @ "$0" run @ "$1"
}

case ${1-} in
list) targets ;;
seeds) seeds ;;
run | all | corpus) "$@" ;;
*)
	sed -n 's/^# \(fuzz.sh\)/\1/p' "$0"
	exit 2
	;;
esac
