# SPDX-License-Identifier: Apache-2.0
# What a strongSwan does to its peer, in one table: host s restarts, crashes, is reset, reloads, re-authenticates
# (it breaks before it makes), and lets its SAs expire, beside an ikemesh host m; host u does the same at the same
# time beside a strongSwan t. UDP echo goes both ways in both pairs, each 10 ms: how many were lost, how long it was
# quiet, and what was in the clear from the undisturbed side. ikemesh is never the worse one by more than a moment,
# and never in the clear.
# cases: restart
# long: all
# timeout: 400
# takes: 60
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
INTERVAL=10 # ms
SLACK=1000  # ms by which the guest's one CPU may make one of two worse
ca ca
cert instance ca
host m ikemesh 10.1.0.1/16
host s strongswan 10.1.0.2/16
host t strongswan 10.2.0.1/16
host u strongswan 10.2.0.2/16
configure all ipsec_subnets='10.1.0.0/16 10.2.0.0/16'
acquaint m s
acquaint t u
for h in s t u; do on $h sh -c "echo 6 >/proc/sys/net/core/xfrm_acq_expires"; done # as the add-on has it
printf '%s\n' 'm 10.1.0.2' 's 10.1.0.1' 't 10.2.0.2' 'u 10.2.0.1' >"$SCRATCH/streams"

# both FUNCTION: on s and u at once, as far as one CPU can
both() {
	"$1" s &
	local one=$!
	"$1" u &
	wait $one
	wait $!
}
spawn() { # a starter on HOST; not for both(): it sets PID
	_start_strongswan "$1"
}
stop_it() { kill -TERM "${PID[$1]}"; }
kill_it() {
	kill -KILL "${PID[$1]}"
	kill -KILL "$(cat "$SCRATCH/$1/run/charon.pid")"
}
forget_it() { # the machine is reset: its kernel has nothing either
	kill_it "$1"
	ip -n "$1" xfrm state flush
	ip -n "$1" xfrm policy flush
}
gone() { ! kill -0 "${PID[s]}" 2>/dev/null && ! kill -0 "${PID[u]}" 2>/dev/null; }
begin_anew() {
	until_ok 20 gone || fail "strongSwan does not end"
	rm -f "$SCRATCH"/[su]/run/*.pid "$SCRATCH"/[su]/run/charon.*
	spawn s
	spawn u
}
reload_it() { ipsec_ "$1" reload >/dev/null 2>&1; }

restart() { both stop_it && begin_anew; }
crash_and_start() { both kill_it && begin_anew; }
reset_and_start() { both forget_it && begin_anew; }
reload() { both reload_it; }
nothing() { :; }

# event NAME SECONDS COMMAND: a line of the table
BAD=
event() {
	local lost longest clear
	say "$1"
	bring_up m s 30
	bring_up t u 30
	tcpdump -i wire -n -Z root -U --immediate-mode -B 8192 -w "$SCRATCH/step.pcap" 'udp port 9000' 2>"$SCRATCH/tcpdump.log" &
	local watch=$! fan
	until_ok 10 grep -q 'listening on' "$SCRATCH/tcpdump.log" || fail "no watch on the wire"
	"$FAN" -k -u 9000 -c 60000 -i $INTERVAL -w 3000 <"$SCRATCH/streams" >"$SCRATCH/fan" &
	fan=$!
	nap 1
	"$3"
	nap "$2"
	kill -TERM $fan
	wait $fan || true
	kill $watch
	wait $watch || true
	cp "$SCRATCH/fan" "$SCRATCH/fan-${1// /-}"
	read -r sent_m lost_m most_m sent_t lost_t most_t < <(awk '
		{ k = $2 ~ /^10\.1\./ ? 1 : 2; sent[k] += $3; lost[k] += $3 - $4; n = split($6, parts, ",") }
		{ for (i = 1; i <= n; i++) { split(parts[i], e, "-"); run = e[2] == "" ? 1 : e[2] - e[1] + 1
			if ($6 != "-" && run > most[k]) most[k] = run } }
		END { print sent[1], lost[1], most[1] + 0, sent[2], lost[2], most[2] + 0 }' "$SCRATCH/fan")
	clear_m=$(tcpdump -n -r "$SCRATCH/step.pcap" 'src 10.1.0.1' 2>/dev/null | wc -l)
	clear_t=$(tcpdump -n -r "$SCRATCH/step.pcap" 'src 10.2.0.1' 2>/dev/null | wc -l)
	[ -s "$SCRATCH/report" ] || report "| strongSwan | ikemesh beside it: lost, longest, in the clear | strongSwan beside it: the same |"
	report "| $1 | $lost_m of $sent_m, $((most_m * INTERVAL)) ms, $clear_m | $lost_t of $sent_t, $((most_t * INTERVAL)) ms, $clear_t |"
	[ "$sent_m" -gt 100 ] || fail "hardly any packets: $(cat "$SCRATCH/fan")"
	[ "$clear_m" = 0 ] || BAD+="$1: $clear_m packets in the clear; "
	[ $((most_m * INTERVAL)) -le $((most_t * INTERVAL + SLACK)) ] || BAD+="$1: $((most_m * INTERVAL)) ms instead of $((most_t * INTERVAL)); "
}
# with PARAMETERS of conn %default, one a line. t begins anew as well: it may still send on what u has lost.
with() {
	stop s u t
	configure s conn="$1"
	configure u conn="$1"
	start s u t
}

start m s t u
event "restarts" 6 restart
[ "$1" = restart ] || {
	event "crashes and starts" 8 crash_and_start
	event "is reset and starts" 8 reset_and_start
	event "reloads" 4 reload
}
# From the first packet on it is 12 s until it re-authenticates.
with 'ikelifetime=16s
    margintime=4s
    rekeyfuzz=0%'
event "re-authenticates" 14 nothing
[ "$1" = restart ] || {
	with 'lifetime=8s
    margintime=1s
    rekeyfuzz=0%
    rekey=no'
	event "lets its SAs expire" 10 nothing
}
[ -z "$BAD" ] || fail "$BAD"
