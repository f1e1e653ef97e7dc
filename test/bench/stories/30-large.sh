# SPDX-License-Identifier: Apache-2.0
# Start and reload with many subnets: the case is their number.
# cases: 100
# long: 2000
# alone
# timeout: 5400
. "$LAB_TOP/test/bench/stories/fleet.bash"
N=$1

subnets=()
for ((i = 0; i < N; i++)); do subnets+=("172.$((16 + i / 256)).$((i % 256)).0/24"); done

begin() { # KIND
	_prepare_"${KIND[$1]}" "$1"
	_start_"${KIND[$1]}" "$1"
	until_ok 900 ready "$1" || fail "$1 is not ready: $(tail -n 5 "$SCRATCH/$1/log")"
}
ready() {
	case ${KIND[$1]} in
	ikemesh) [ -S "$SCRATCH/$1/run/control.sock" ] ;;
	*) _routed "$1" "$N" ;;
	esac
}
reload() {
	case ${KIND[$1]} in
	ikemesh) ikectl "$1" reload >"$SCRATCH/reloaded" ;;
	*) ipsec_ "$1" reload && ipsec_ "$1" statusall >"$SCRATCH/reloaded" ;; # when it answers, it has read it
	esac
}

host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
configure all ipsec_subnets="${subnets[*]}"
configure b plugins="$OPENSSL_PLUGINS"
for round in 1 2 3; do
	for name in a b; do
		kind=$([ $name = a ] && echo ikemesh || echo openssl)
		ms_of begin $name
		record "start_ms_$N" "$kind" "$TOOK"
		cpu=$(cpu_of $name)
		record "start_cpu_ms_$N" "$kind" "$cpu"
		ms_of reload $name
		record "reload_ms_$N" "$kind" "$TOOK"
		nap 1
		record "reload_cpu_ms_$N" "$kind" "$(per "$(cpu_of $name)" "$cpu" 1)"
		memory $name
		record "pss_kib_$N" "$kind" "$PSS"
		if [ $name = a ]; then stop a; else crash b; fi # which would take its time
		on $name ip xfrm policy flush
		rm -rf "$SCRATCH/$name/run" "$SCRATCH/$name/state"
	done
done
