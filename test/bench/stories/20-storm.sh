# SPDX-License-Identifier: Apache-2.0
# A host that wakes up among N peers sends to all of them in one moment, and again each second: when the last
# one is up, what it cost, what a peer keeps in memory, and what 3,000 of them cost while nothing happens.
# Besides: what a handshake costs beside a few pairs and beside all of them, and how long the daemon takes to
# load its configuration anew and to execute itself anew while it has them.
# cases: 30
# long: 300 1000 3000
# alone
# timeout: 5400
. "$LAB_TOP/test/bench/stories/fleet.bash"
N=$1
FEW=40 # handshakes that are compared
SPARE=$((2 * FEW + 5))
IDLE=${LAB_BENCH_IDLE:-30} # seconds
KINDS=(${LAB_BENCH_KINDS:-ikemesh openssl gmp})
SETTLE=${LAB_BENCH_SETTLE:-$((N < 300 ? 5 : 265))} # seconds: what is kept for a while is gone by then

connect() { # KIND N: UP peers are up after LAST ms
	local i=${BEGINS[$1]}
	peers "$1" "$2"
	streams "$i" 0 "${PEERS[@]}" >"$SCRATCH/streams"
	"$FAN" -a -c 600 <"$SCRATCH/streams" >"$SCRATCH/fan"
	UP=$(awk '$4 > 0' "$SCRATCH/fan" | wc -l)
	LAST=$(awk '$5 > last { last = $5 } END { print last + 0 }' "$SCRATCH/fan")
}

idle() { # KIND: per second
	local end ci w
	for end in "${BEGINS[$1]}" "${ANSWERS[$1]}"; do
		ci=$(cpu_of "$end") w=$(wakeups "$end")
		nap "$IDLE"
		record "idle_cpu_ms_a_second_$N" "$1" "$(per "$(cpu_of "$end")" "$ci" "$IDLE")"
		record "idle_wakeups_a_second_$N" "$1" "$(per "$(wakeups "$end")" "$w" "$IDLE")"
	done
}

# a_few KIND FIGURE: what so many handshakes at once cost now, both ends together
a_few() {
	local ci cr
	ci=$(cpu_of "i-$1") cr=$(cpu_of "r-$1")
	connect "$1" $FEW
	record "$2" "$1" "$(per $(($(cpu_of "i-$1") + $(cpu_of "r-$1"))) $((ci + cr)) $FEW)"
}

reload() { # KIND
	case $1 in
	ikemesh) ikectl "i-$1" reload >"$SCRATCH/reloaded" ;;
	*) ipsec_ "i-$1" reload && ipsec_ "i-$1" statusall >"$SCRATCH/reloaded" ;; # when it answers, it has read it
	esac
}

# The program is executed anew, and goes on with all pairs. strongSwan would begin without any.
anew() {
	kill -USR2 "${PID[i-ikemesh]}"
	until_ok 120 went_on || fail "nobody goes on"
}
went_on() { [ "$(grep -c ' is ready: ' "$SCRATCH/i-ikemesh/log")" -ge 2 ]; }

for kind in "${KINDS[@]}"; do
	fleet "$kind" "$N"
	connect "$kind" 5
	for end in i r; do
		memory "$end-$kind"
		record "pss_kib_of_5" "$kind" "$PSS"
		record "rss_kib_of_5" "$kind" "$RSS"
	done
	a_few "$kind" "beside_few_ms_$N"
	for end in i r; do
		memory "$end-$kind"
		eval "rss_$end=$RSS pss_$end=$PSS cpu_$end=$(cpu_of "$end-$kind")"
	done
	floor 50
	floor=$FLOOR_MS floor_outside=$FLOOR_OUTSIDE began=
	if outside; then began=$OUTSIDE; fi
	connect "$kind" "$N"
	[ -z "$began" ] || { outside && record "storm_both_ms_$N" "$kind" "$(per "$OUTSIDE" "$began" $((N * 1000)))"; }
	cpu_i=$(($(cpu_of "i-$kind") - cpu_i)) cpu_r=$(($(cpu_of "r-$kind") - cpu_r))
	floor 50
	record "storm_floor_ms_$N" "$kind" "$(awk "BEGIN { printf \"%.3f\", ($floor + $FLOOR_MS) / 2 }")"
	[ -z "$FLOOR_OUTSIDE" ] || record "storm_floor_outside_ms_$N" "$kind" "$(awk "BEGIN { printf \"%.3f\", ($floor_outside + $FLOOR_OUTSIDE) / 2 }")"
	record "up_of_$N" "$kind" "$UP"
	record "all_up_ms_$N" "$kind" "$LAST"
	record "storm_cpu_initiator_ms_$N" "$kind" "$(per $cpu_i 0 "$N")"
	record "storm_cpu_responder_ms_$N" "$kind" "$(per $cpu_r 0 "$N")"
	nap "$SETTLE"
	for end in i r; do
		[ "$N" -lt 300 ] || [ "$SETTLE" -ge 260 ] || break # what is not settled is no figure
		memory "$end-$kind"
		eval "record pss_kib_a_peer_$N $kind \$(per $PSS \$pss_$end $N)"
		eval "record rss_kib_a_peer_$N $kind \$(per $RSS \$rss_$end $N)"
	done
	for end in i r; do
		for try in 1 2 3; do
			ms_of status "$end-$kind" >"$SCRATCH/status"
			record "statusall_ms_$N" "$kind" "$TOOK"
		done
	done
	idle "$kind"
	a_few "$kind" "beside_all_ms_$N"
	nap 5
	for try in 1 2 3; do
		cpu=$(cpu_of "i-$kind")
		ms_of reload "$kind"
		record "reload_ms_of_$N" "$kind" "$TOOK"
		nap 1
		record "reload_cpu_ms_of_$N" "$kind" "$(per "$(cpu_of "i-$kind")" "$cpu" 1)"
	done
	if [ "$kind" = ikemesh ]; then
		ms_of anew
		record "start_ms_of_$N" "$kind" "$TOOK"
	fi
	expect_alive "i-$kind" "r-$kind"
	stop "i-$kind" "r-$kind"
done
