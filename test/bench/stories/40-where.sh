# SPDX-License-Identifier: Apache-2.0
# Where that part of our handshakes goes which is no crypto: the system calls and process switches of both ends, one
# handshake after the other, and what one of each costs in this guest. Besides, what either daemon has in memory
# before its first peer. The case is the number of handshakes.
# cases: 40
# alone
# timeout: 900
. "$LAB_TOP/test/bench/stories/fleet.bash"
N=$1
KINDS=(ikemesh openssl gmp)
BENCH=$LAB_TOP/build/test/ikemesh-bench
command -v strace >"$SCRATCH/strace" || fail "strace is not there: ./run bench installs it"

# switches NAME: how often its threads have been put aside so far, of their own will or not
switches() {
	local pid f line n=0
	for pid in $(pids "$1"); do
		for f in "/proc/$pid/task"/*/status; do
			while read -r line; do
				case $line in *voluntary_ctxt_switches:*) n=$((n + ${line#*:})) ;; esac
			done <"$f"
		done
	done
	echo $n
}

one_by_one() { # KIND N
	peers "$1" "$2"
	streams "${BEGINS[$1]}" 200 "${PEERS[@]}" >"$SCRATCH/streams"
	"$FAN" -c 10 -i 10 -w 500 <"$SCRATCH/streams" >"$SCRATCH/fan"
	until_ok 10 all_up "$1" $((NEXT[$1] - 1)) || fail "$1: not all peers came up"
}

# traced KIND N: sets CALLS, of all processes of both ends. What a process waits in is not counted twice.
traced() {
	local pid tracers=()
	rm -f "$SCRATCH/calls-"*
	for pid in $(pids "i-$1") $(pids "r-$1"); do
		strace -f -c -o "$SCRATCH/calls-$pid" -p "$pid" 2>"$SCRATCH/strace" &
		tracers+=($!)
	done
	nap 1
	one_by_one "$1" "$2"
	kill -INT "${tracers[@]}"
	wait "${tracers[@]}" || true
	CALLS=$(awk '/^ *[0-9]/ && $NF != "total" { n += $4 } END { print n + 0 }' "$SCRATCH/calls-"*)
}

# price COMMAND N: sets PRICE, ms of CPU, as the machine counts it; false where nobody says
price() {
	local began
	outside || return 1
	"$BENCH" "$1" 0
	outside
	began=$OUTSIDE
	"$BENCH" "$1" 0
	outside
	began=$((OUTSIDE + OUTSIDE - began)) # what its start alone takes
	"$BENCH" "$1" "$2"
	outside
	PRICE=$(awk "BEGIN { printf \"%.5f\", ($OUTSIDE - $began) / $2 / 1000 }")
}

for kind in "${KINDS[@]}"; do
	fleet "$kind" $((2 * N))
	for end in i r; do
		memory "$end-$kind"
		record pss_kib_of_0 "$kind" "$PSS"
	done
done
one_by_one ikemesh 5 # code and data are there
before=$(($(switches i-ikemesh) + $(switches r-ikemesh)))
one_by_one ikemesh "$N"
record switches_a_handshake ikemesh "$(per $(($(switches i-ikemesh) + $(switches r-ikemesh))) "$before" "$N")"
traced ikemesh "$N"
record calls_a_handshake ikemesh "$(per "$CALLS" 0 "$N")"
for round in 1 2 3 4 5; do
	if price calls 50000; then
		record call_ms guest "$PRICE"
		call=$PRICE
		price switches 10000
		record switch_ms guest "$(awk "BEGIN { printf \"%.5f\", $PRICE - 2 * $call }")"
	fi
done
expect_alive "${HOSTS[@]}"
