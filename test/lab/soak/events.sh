# SPDX-License-Identifier: Apache-2.0
# What may befall a host of a soak: `event KIND HOST`, the kinds of schedule.pl. Each is over when the host
# serves again; who has to renegotiate does so afterwards. What goes wrong is a `trouble`, and the soak goes on.
# $SCRATCH/events has them: BEGAN READY KIND HOST (ms since the epoch).
VIP=10.1.1.1 VIP_AT=
declare -A SECOND=() TURN=() CERT_OF=()

trouble() {
	say "TROUBLE: $*"
	printf '%s\n' "${*//$'\n'/; }" >>"$SCRATCH/trouble"
}
event() { # KIND HOST
	local began
	now
	began=$NOW
	say "event: $1 $2"
	"event_${1//-/_}" "$2" || trouble "$1 $2 ends with $?"
	now
	echo "$began $NOW $1 $2" >>"$SCRATCH/events"
}

# A soak goes on for long on a machine that has other things to do: it waits longer than a test does, and when
# something fails it goes on all the same, so that the report is there at the end.
be_patient() {
	eval "brief_$(declare -f until_ok)"
	until_ok() { brief_until_ok $(($1 * 3)) "${@:2}"; }
	_gone() { until_ok 20 is_gone "$1" && unset "PID[$1]" || trouble "$1 is in the state $(cut -d ' ' -f 3 "/proc/${PID[$1]}/stat" || true)"; }
	eval "final_$(declare -f fail)"
	fail() { trouble "$*"; }
}
is_gone() { # what is left of a process until its parent asks is none any more
	local stat
	read -r stat <"/proc/${PID[$1]}/stat" && [[ ${stat##*) } != [ZX]* ]] && return 1
	return 0
}

# Certificates that the configuration names are files of the host's own, which are replaced.
own() { # HOST CERTIFICATE
	cp "$CERTS/$2.pem" "$CERTS/own-$1.pem.new" && mv "$CERTS/own-$1.pem.new" "$CERTS/own-$1.pem"
	cp "$CERTS/$2.key" "$CERTS/own-$1.key.new" && mv "$CERTS/own-$1.key.new" "$CERTS/own-$1.key"
	chmod 600 "$CERTS/own-$1.key"
}
begin() { # HOST…: start, and tell the watch which process it is
	local h
	start "$@"
	for h in "$@"; do echo "${PID[$h]}" >"$SCRATCH/$h/pid"; done
}
successions() { grep -c 'taken over from the predecessor' "$SCRATCH/$1/log" || true; }
has_successions() { [ "$(successions "$1")" -ge "$2" ]; }
reload() { # HOST
	ikemesh_config "$1" >"$SCRATCH/$1/ikemesh.yml"
	ikectl "$1" reload >"$SCRATCH/$1/out" 2>&1
}
reaches() { on "$1" ping -n -q -c 1 -W 5 -I "$2" "$3"; } # HOST FROM TO

event_kill_engine() {
	local n
	n=$(successions "$1")
	kill -KILL "$(process "$1" engine)" || trouble "$1 has no engine to kill"
	until_ok 20 has_successions "$1" $((n + 1)) || trouble "$1: no engine took over from the one that was killed"
	until_ok 20 ikectl "$1" version || trouble "$1 does not answer after its engine was killed"
}
event_kill_keyholder() {
	kill -KILL "$(process "$1" keyholder)" || trouble "$1 has no keyholder to kill"
	until_ok 10 process "$1" keyholder || trouble "$1 has no keyholder after it was killed"
}
event_restart() {
	local n
	n=$(successions "$1")
	kill -USR2 "${PID[$1]}"
	until_ok 20 has_successions "$1" $((n + 1)) || trouble "$1 was not executed anew"
	until_ok 20 ikectl "$1" version || trouble "$1 does not answer after it was executed anew"
}
event_reload() {
	TURN[$1]=$((50 - ${TURN[$1]:-20}))
	configure "$1" yaml="$SHORT"$'\n'"dpd_delay: ${TURN[$1]}s"
	reload "$1" || trouble "$1 is not reloaded: $(cat "$SCRATCH/$1/out")"
}
event_broken_reload() {
	echo "ipsec_subnets: [" >>"$SCRATCH/$1/ikemesh.yml"
	! ikectl "$1" reload >"$SCRATCH/$1/out" 2>&1 || trouble "$1 takes a broken file"
	ikemesh_config "$1" >"$SCRATCH/$1/ikemesh.yml"
}
event_rotate() {
	local next=2
	[ "${CERT_OF[$1]:-1}" = 1 ] || next=1
	CERT_OF[$1]=$next
	own "$1" "$1-$next"
	reload "$1" || trouble "$1 does not take its other certificate: $(cat "$SCRATCH/$1/out")"
	ikectl "$1" rotate --wait >"$SCRATCH/$1/out" 2>&1 || trouble "$1 does not rotate: $(cat "$SCRATCH/$1/out")"
}
event_address() { # one more comes, or goes
	local a
	a=$(address "$1") a=${a/.0./.2.}
	if [ -n "${SECOND[$1]-}" ]; then
		ip -n "$1" addr del "$a/32" dev eth0
		SECOND[$1]=
		return 0
	fi
	ip -n "$1" addr add "$a/32" dev eth0
	SECOND[$1]=$a
	until_ok 20 reaches "$1" "$a" "$(address "$(other "$1")")" || trouble "$1 reaches nobody from its new address"
}
event_move() { # the address that is once in the mesh
	local o
	[ -z "$VIP_AT" ] || ip -n "$VIP_AT" addr del $VIP/32 dev eth0
	ip -n "$1" addr add $VIP/32 dev eth0
	VIP_AT=$1
	o=$(other "$1")
	ip -n "$o" neigh flush to $VIP # as an announcement of who moves it would
	until_ok 20 reaches "$o" "$(address "$o")" $VIP || trouble "$VIP is not reached on $1"
}
event_flood() {
	on f perl "$LAB_TOP/test/lab/soak/flood.pl" "$(address "$1")" 4 "$FLOOD_RATE" >>"$SCRATCH/flooded" &
	disown
}
event_stop() {
	stop "$1"
	nap 1
	begin "$1"
}
event_crash() {
	crash "$1"
	nap 1
	begin "$1"
}
# All at once is gone that a machine loses: processes, kernel state, addresses, /run.
event_reboot() {
	local p
	ip -n "$1" link set eth0 down
	for p in "${PID[$1]}" $(cat "/proc/${PID[$1]}/task/${PID[$1]}/children"); do kill -KILL "$p" 2>/dev/null || true; done
	_gone "$1" || trouble "$1 is not dead"
	nap 0.2
	printf '%s\n' 'addr flush dev eth0' 'xfrm state flush' 'xfrm policy flush' | ip -n "$1" -batch -
	rm -rf "$SCRATCH/$1/run"
	[ "$VIP_AT" != "$1" ] || VIP_AT=
	SECOND[$1]=
	nap 1
	on "$1" "$BIN/ikemeshd" --policies --config "$SCRATCH/$1/ikemesh.yml" --run-dir "$SCRATCH/$1/run" \
		--state-dir "$SCRATCH/$1/state" >>"$SCRATCH/$1/log" 2>&1 || trouble "$1: no policies at its boot"
	{
		for p in ${ADDRS[$1]}; do echo "addr add $p dev eth0"; done
		echo "link set eth0 up"
		cat "$SCRATCH/$1/neighbours"
	} >"$SCRATCH/$1/ip"
	ip -n "$1" -batch "$SCRATCH/$1/ip"
	begin "$1"
}
event_swan_restart() {
	stop "$1"
	begin "$1"
}
event_swan_crash() {
	crash "$1"
	printf '%s\n' 'xfrm state flush' 'xfrm policy flush' | ip -n "$1" -batch -
	begin "$1"
}
# other HOST: one that is never down
other() { [ "$1" = "${STEADY[0]}" ] && echo "${STEADY[1]}" || echo "${STEADY[0]}"; }
