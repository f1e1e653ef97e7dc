# SPDX-License-Identifier: Apache-2.0
# Handshakes one after the other, 200 ms apart, half a millisecond from host to host each way: what they cost
# both daemons, how long the first packet takes, and what a rekey costs. The case is the number of peers in each
# of LAB_BENCH_ROUNDS rounds, and once more as many where the machine tells what the guest had.
# cases: 10
# long: 50
# alone
# timeout: 2400
. "$LAB_TOP/test/bench/stories/fleet.bash"
N=$1 ROUNDS=${LAB_BENCH_ROUNDS:-5}
KINDS=(ikemesh openssl strongswan gmp)
EVERY=200

# pace KIND N: sets the CPU of both ends (ms) and FIRSTS, ms to the first answer of each
pace() {
	local kind=$1 i=${BEGINS[$1]} r=${ANSWERS[$1]} ci cr
	peers "$kind" "$2"
	streams "$i" $EVERY "${PEERS[@]}" >"$SCRATCH/streams"
	ci=$(cpu_of "$i") cr=$(cpu_of "$r")
	"$FAN" -c 30 -i 10 -w 500 <"$SCRATCH/streams" >"$SCRATCH/fan"
	until_ok 10 all_up "$kind" $((NEXT[$kind] - 1)) || fail "$kind: not all peers came up"
	CPU_I=$(($(cpu_of "$i") - ci)) CPU_R=$(($(cpu_of "$r") - cr))
	awk -v every=$EVERY '$5 != "-" { printf "%.1f\n", $5 - every * (NR - 1) }' "$SCRATCH/fan" >"$SCRATCH/firsts"
	# What was sent before the first answer and never had one.
	LOST=$(awk -v every=$EVERY '{
		n = 0; first = ($5 - every * (NR - 1)) / 10
		split($6, gaps, ",")
		for (g in gaps) if (gaps[g] != "-") {
			split(gaps[g], ends, "-"); if (ends[2] == "") ends[2] = ends[1]
			for (k = ends[1]; k <= ends[2] && k <= first; k++) n++
		}
		print n
	}' "$SCRATCH/fan" | awk '{ n += $1 } END { print n + 0 }')
}

# both KIND N: sets BOTH and BOTH_USER, us of CPU of both ends and the wire for N handshakes, all and in user mode,
# as the machine counts them. One packet begins each; the same packets with the SAs there, for as long, are
# taken off. False where nobody says.
both() {
	local kind=$1 at
	outside || return 1
	peers "$kind" "$2"
	streams "${BEGINS[$1]}" $EVERY "${PEERS[@]}" >"$SCRATCH/streams"
	outside
	at=("$OUTSIDE" "$OUTSIDE_USER")
	one_packet_each "$2"
	outside
	at+=("$OUTSIDE" "$OUTSIDE_USER")
	until_ok 10 all_up "$kind" $((NEXT[$kind] - 1)) || fail "$kind: not all peers came up"
	outside
	at+=("$OUTSIDE" "$OUTSIDE_USER")
	one_packet_each "$2"
	outside
	BOTH=$((at[2] - at[0] - (OUTSIDE - at[4]))) BOTH_USER=$((at[3] - at[1] - (OUTSIDE_USER - at[5])))
}
one_packet_each() {
	"$FAN" -c 1 -w 500 <"$SCRATCH/streams" >"$SCRATCH/fan" &
	nap $(($1 * EVERY / 1000 + 1))
	wait $!
}

rekey() { # KIND: all of its CHILD_SAs, begun by i-KIND
	local kind=$1 i=${BEGINS[$1]} r=${ANSWERS[$1]} ci cr before n
	ci=$(cpu_of "$i") cr=$(cpu_of "$r")
	if [ "$kind" = ikemesh ]; then
		for ((n = 1; n < NEXT[$kind]; n++)); do
			ikectl "$i" rekey "10.${NET[$kind]}.$((16 + n / 256)).$((n % 256))" >"$SCRATCH/rekey"
		done
	else
		ipsec_ "$i" stroke rekey "ipsec-10.${NET[$kind]}.16.0/20-10.${NET[$kind]}.0.1{*}" >"$SCRATCH/rekey" 2>&1
	fi
	before=-1
	while :; do # until neither end has anything to do
		nap 2
		CPU_I=$(($(cpu_of "$i") - ci)) CPU_R=$(($(cpu_of "$r") - cr))
		[ $((CPU_I + CPU_R)) -gt $((before + 20)) ] || break
		before=$((CPU_I + CPU_R))
	done
}

for kind in "${KINDS[@]}"; do
	fleet "$kind" $((2 * N * ROUNDS))
	netem "i-$kind" delay 0.5ms
	netem "r-$kind" delay 0.5ms
	pace "$kind" 5 # code and data are there
done
for ((round = 1; round <= ROUNDS; round++)); do
	floor 50
	record floor_ms guest "$FLOOR_MS"
	[ -z "$FLOOR_OUTSIDE" ] || record floor_outside_ms guest "$FLOOR_OUTSIDE"
	for kind in "${KINDS[@]}"; do
		pace "$kind" "$N"
		record handshake_initiator_ms "$kind" "$(per $CPU_I 0 "$N")"
		record handshake_responder_ms "$kind" "$(per $CPU_R 0 "$N")"
		if both "$kind" "$N"; then
			record handshake_both_ms "$kind" "$(per "$BOTH" 0 $((N * 1000)))"
			record handshake_both_user_ms "$kind" "$(per "$BOTH_USER" 0 $((N * 1000)))"
		fi
		record first_packets_lost "$kind" "$LOST"
		while read -r ms; do record first_answer_ms "$kind" "$ms"; done <"$SCRATCH/firsts"
	done
done
ALL=$((NEXT[ikemesh] - 1))
for kind in "${KINDS[@]}"; do
	rekey "$kind"
	record rekey_initiator_ms "$kind" "$(per $CPU_I 0 $ALL)"
	record rekey_responder_ms "$kind" "$(per $CPU_R 0 $ALL)"
done
expect_alive "${HOSTS[@]}"
