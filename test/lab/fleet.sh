# SPDX-License-Identifier: Apache-2.0
# A fleet of hosts that each can run strongSwan or ikemesh, or for a moment both: h1, h2 … are the hosts and what
# ikemesh goes by there, s1, s2 … what strongSwan goes by. Sourced after lab.sh and addon.sh.
#
#   fleet N                 so many hosts, and the add-on's file, imported
#   swan I, convert I, go_back I
#   talk_begin, talk_end    TCP connections among all, which must not break
#   all_talk                each is answered by each
#   step_begin; step_end TEXT I    pings among all meanwhile: a line of the table. LOST of those that host I sent
#                           or was sent, CLEAR_OURS packets in the clear from hosts that ran ikemesh at the end
BAD=
declare -A RUNS=() TALK=()

fleet() {
	local i h
	HOW_MANY=$1
	INTERVAL=$((2 * $1 * $1)) # ms between two pings of a stream: more, and the guest's one CPU throws some away
	ca ca
	cert instance ca
	for ((i = 1; i <= $1; i++)); do
		host "h$i" ikemesh "10.1.0.$i/16"
		KIND[s$i]=strongswan ADDRESS[s$i.4]=${ADDRESS[h$i.4]}
		mkdir -p "$SCRATCH/s$i"
		: >"$SCRATCH/s$i/log"
		: >"/run/netns/s$i"
		mount --bind "/run/netns/h$i" "/run/netns/s$i" # the same host once more
		on "h$i" sh -c 'echo 6 >/proc/sys/net/core/xfrm_acq_expires' # as the add-on has it
	done
	acquaint $(seq -f 'h%g' "$1")
	addon_manifest instance ca >"$SCRATCH/ipsec-addon.yml"
	"$BIN/ikectl" import --output "$SCRATCH/imported" "$SCRATCH/ipsec-addon.yml" >"$SCRATCH/out" 2>&1 || true
	[ -s "$SCRATCH/imported/ikemesh.yml" ] || fail "import: $(cat "$SCRATCH/out")"
	for ((i = 1; i <= $1; i++)); do cp "$SCRATCH/imported"/* "$SCRATCH/h$i/"; done
}
ikemesh_config() { cat "$SCRATCH/imported/ikemesh.yml" && printf 'takeover: true\nlog: stderr\n'; }

swan() {
	start "s$1"
	RUNS[$1]=strongswan
}
convert() { # I [killed]: twice its engine is killed meanwhile, and the next one goes on
	crash "s$1"
	RUNS[$1]=ikemesh
	start "h$1"
	if [ "${2-}" = killed ]; then
		kill -KILL "$(process "h$1" engine)"
		until_ok 20 _is_ahead "h$1" || fail "h$1 does not take over: $(status "h$1")"
		kill -KILL "$(process "h$1" engine)"
	fi
	ikectl "h$1" wait --timeout 60s || fail "h$1 does not take over: $(status "h$1")"
	until_ok 20 _is_alone "h$1" || fail "h$1 still has what strongSwan left: $(status "h$1")"
}
_is_ahead() { [[ $(status "$1") == *"our SAs are in use"* ]]; }
_is_alone() { ! [[ $(status "$1") == *Takeover:* ]]; }
go_back() {
	ikectl "h$1" release >/dev/null || fail "h$1 does not let go"
	unset "PID[h$1]"
	swan "$1"
	ikectl "h$1" disable >"$SCRATCH/out" || fail "policies are left on h$1"
	grep -q "SAs with $((HOW_MANY - 1)) of $((HOW_MANY - 1)) peers" "$SCRATCH/out" || fail "strongSwan on h$1 has not met all: $(cat "$SCRATCH/out"; status "s$1")"
	say "$(grep 'SAs with' "$SCRATCH/out")"
}

# --- traffic
_peers() { # I: the addresses of the others
	local j
	for ((j = 1; j <= HOW_MANY; j++)); do [ "$1" = $j ] || echo "10.1.0.$j"; done
}
talk_begin() {
	local i
	for ((i = 1; i <= HOW_MANY; i++)); do
		on "h$i" perl "$LAB_TOP/test/lab/talk.pl" "$SCRATCH/stop" "10.1.0.$i" $(_peers $i | awk -F . -v i=$i '$4 > i') \
			>"$SCRATCH/h$i/talk" 2>&1 &
		TALK[$i]=$!
	done
}
talk_end() {
	local i n lines broken
	: >"$SCRATCH/stop"
	for ((i = 1; i <= HOW_MANY; i++)); do wait "${TALK[$i]}" || fail "h$i: $(cat "$SCRATCH/h$i/talk")"; done
	read -r n lines broken < <(cat "$SCRATCH"/h*/talk | awk '{ n++; l += $3 } $3 != $4 || $5 || $3 < 100 { b++ } END { print n + 0, l, b + 0 }')
	report "$lines lines over $n TCP connections through all of it; $broken connections broke"
	[ "$broken" = 0 ] && [ "$n" = $((HOW_MANY * (HOW_MANY - 1) / 2)) ] || fail "broken: $(cat "$SCRATCH"/h*/talk)"
}
_streams() {
	local i a
	for ((i = 1; i <= HOW_MANY; i++)); do for a in $(_peers $i); do echo "h$i $a"; done; done
}
all_talk() {
	_streams | "$FAN" -c 5 -i 100 -w 1000 -a >"$SCRATCH/out" && awk '$4 == 0 { bad = 1 } END { exit bad }' "$SCRATCH/out"
}

# --- a step, and its line of the table
step_begin() {
	tcpdump -i wire -n -Z root -U --immediate-mode -B 8192 -w "$SCRATCH/step.pcap" \
		'tcp port 7000 or (icmp and (icmp[0] == 8 or icmp[0] == 0))' 2>"$SCRATCH/tcpdump.log" &
	WATCH=$!
	until_ok 10 grep -q 'listening on' "$SCRATCH/tcpdump.log" || fail "no watch on the wire"
	_streams | "$FAN" -k -c 60000 -i $INTERVAL -w 3000 >"$SCRATCH/fan" &
	FANS=$!
	nap 0.5
	now
	STEP_BEGAN=$NOW
}
step_end() { # TEXT I
	local i sent most others clear clear_others=0
	nap 2
	now
	kill -TERM $FANS
	wait $FANS || true
	nap 0.3
	kill $WATCH
	wait $WATCH || true
	read -r sent LOST others most < <(awk -v own="h$2" -v address="10.1.0.$2" '
		{ sent += $3; mine = $1 == own || $2 == address; lost[mine] += $3 - $4; n = split($6, parts, ",") }
		{ for (i = 1; i <= n; i++) { split(parts[i], e, "-"); run = e[2] == "" ? 1 : e[2] - e[1] + 1
			if ($6 != "-" && run > most) most = run } }
		END { print sent, lost[1] + 0, lost[0] + 0, most + 0 }' "$SCRATCH/fan")
	CLEAR_OURS=0
	for ((i = 1; i <= HOW_MANY; i++)); do
		clear=$(tcpdump -n -r "$SCRATCH/step.pcap" "src 10.1.0.$i" 2>/dev/null | wc -l)
		if [ "${RUNS[$i]}" = ikemesh ]; then CLEAR_OURS=$((CLEAR_OURS + clear)); else clear_others=$((clear_others + clear)); fi
	done
	cp "$SCRATCH/fan" "$SCRATCH/fan-$2-${1//[ :]/-}"
	[ -s "$SCRATCH/report" ] && grep -q '| step' "$SCRATCH/report" ||
		report "| step | s | pings | lost, of this host | lost, of others | longest, ms | clear, from ikemesh | clear, from strongSwan |"
	report "| $1 | $(((NOW - STEP_BEGAN) / 1000)) | $sent | $LOST | $others | $((most * INTERVAL)) | $CLEAR_OURS | $clear_others |"
	[ "$sent" -gt 100 ] || fail "hardly any pings: $(cat "$SCRATCH/fan")"
}
