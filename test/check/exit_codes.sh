#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# exit_codes.sh IKECTL - what ikectl ends with, as ikectl(8) has it, where no daemon is: 64 and a hint where it is
# called wrongly, 3 and what to do where a daemon is wanted. What a daemon is needed for: `./run lab exit-codes`.
set -u
ikectl=$1 failed=0 n=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
while IFS='|' read -r code words says; do
	[ -n "$code" ] || continue
	n=$((n + 1))
	read -ra line <<<"$words"
	"$ikectl" --run-dir "$dir" "${line[@]}" >"$dir/out" 2>&1 </dev/null
	is=$?
	[ $is = "$code" ] || { echo "ikectl $words: $is instead of $code: $(head -n 3 "$dir/out")" && failed=1; }
	grep -qE -- "$says" "$dir/out" || { echo "ikectl $words: does not say /$says/: $(head -n 3 "$dir/out")" && failed=1; }
done <<'TABLE'
0|--help|Exit status
0|--version|^ikectl [0-9]
0|version|not running
64||Exit status
64|nonsense|unknown command: nonsense; see --help
64|statsu|did you mean "status"\?
64|monitr|did you mean "monitor"\?
64|--nonsense status|option
64|--color blue status|auto, always or never: blue
64|status a b|one argument too many: b
64|statusall 10.1.0.2|one argument too many
64|up|a peer is missing
64|up --all 10.1.0.2|either a peer or --all
64|up nobody|not an IPv4 or IPv6 address: nobody
64|down|an argument is missing
64|down nobody|not an IPv4
64|rekey 10.1.0|not an IPv4
64|rekey --all|option
64|reset|an argument is missing
64|reset nobody --wait|not an IPv4
64|reauth nobody|not an IPv4
64|mode x|mode takes optional, enforced or file: x
64|mode optional --confirm-within never|--confirm-within takes a time
64|monitor nobody|not an IPv4
64|monitor --level loud|--level takes error, .*: loud
64|monitor --last few|take numbers
64|monitor --count -1|take numbers
64|top --sort colour|--sort takes traffic, age or trouble: colour
64|top --interval 0s|--interval takes a time
64|wait --timeout soon|--timeout takes a time
64|wait --peers nobody|--peers takes addresses
64|doctor nobody|not an IPv4
64|import|an argument is missing
2|import /nonexistent|there is no such file
2|import /dev/null|is not a regular file
64|rotate nonsense|rotate knows "status" only
3|status|start it .`systemctl start ikemesh`
3|statusall|start it
3|statusall --json|start it
3|up 10.1.0.2|start it
3|up --all|start it
3|up 10.1.0.2 --wait|start it
3|down 10.1.0.2|start it
3|rekey 10.1.0.2|start it
3|reset 10.1.0.2 --wait|start it
3|reload|start it
3|mode optional|start it
3|confirm|start it
3|monitor|start it
3|top --once|start it
3|top --json|start it
3|certs|start it
3|rotate --wait|start it
3|wait --timeout 1s|start it
3|wait --peers 10.1.0.2 --timeout 0s --json|"daemon": false
1|top|ikectl status
2|doctor|.
TABLE

# What could not be written was not told.
"$ikectl" --run-dir "$dir" version >/dev/full 2>"$dir/out"
is=$?
n=$((n + 1))
[ $is = 1 ] && grep -q 'cannot be written' "$dir/out" || { echo "ikectl version >/dev/full: $is: $(cat "$dir/out")" && failed=1; }

# Somebody who answers, and a disk that is full: it ends, and does not go on for ever.
perl -MIO::Socket::UNIX -e '
	my $l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 8) or die "$!"; alarm 20;
	while (my $c = $l->accept) {
		<$c>;
		print $c q({"format":"ikemesh-events/1","next":2,"stream":"s","lost":0,"events":[{"number":1,"at":"2026-11-22T12:00:00.000Z","level":"info","event":"up","peer":"10.1.0.2","text":"is up"}]}), "\n"
	}' "$dir/control.sock" &
server=$!
for ((i = 0; i < 100; i++)); do [ ! -S "$dir/control.sock" ] || break; sleep 0.05; done
for words in monitor 'monitor --json'; do
	n=$((n + 1))
	timeout 10 "$ikectl" --run-dir "$dir" $words >/dev/full 2>"$dir/out"
	is=$?
	[ $is = 1 ] && grep -q 'cannot be written: No space' "$dir/out" || { echo "ikectl $words >/dev/full: $is: $(cat "$dir/out")" && failed=1; }
done
kill "$server"
[ "$n" -gt 40 ] || { echo "only $n lines were tried" && failed=1; }
echo "$n command lines"
exit $failed
