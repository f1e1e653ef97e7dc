# SPDX-License-Identifier: Apache-2.0
# A host is reset while its peers send every 10 ms: the daemon is killed, the kernel's SAs and policies
# are gone, and 2 s later it starts anew. Its peers still send on the SAs that it lost. How long after
# the daemon is up until each peer is answered, over several resets; nobody has a dead-peer timer.
# The case: both sides send, or the others only. strongswan-*: the same with strongSwan everywhere.
# cases: both others
# long: strongswan-both strongswan-others
# alone
# timeout: 600
RESETS=${LAB_RESETS:-5} LIMIT=30 # seconds to wait for traffic
case $1 in
strongswan-*) KINDS="strongswan strongswan strongswan strongswan" RESETS=1 LIMIT=120 ;;
*) KINDS="ikemesh ikemesh ikemesh strongswan" ;;
esac
read -r kind_r kind_p kind_q kind_s <<<"$KINDS"
ca ca
cert instance ca
configure all yaml='dpd_delay: 0s'
host r "$kind_r" 10.1.0.1/16
host p "$kind_p" 10.1.0.2/16
host q "$kind_q" 10.1.0.3/16
host s "$kind_s" 10.1.0.4/16
start r p q s
PEERS="p q s"
for h in $PEERS; do bring_up "$h" r; done
nap 2

pinging() { # FROM TO: every 10 ms, with the time of each answer, until it is killed
	on "$1" stdbuf -oL ping -n -D -i 0.01 "$(address "$2")" >"$SCRATCH/$1/pings-$2" 2>&1 &
	PINGING+=($!)
}
# Milliseconds from $1 (seconds since the epoch) to the first answer that $2 got afterwards.
first_after() {
	awk -v up="$1" '/icmp_seq=.*time=/ {
		at = substr($1, 2) + 0
		if (at > up + 0) { printf "%d\n", (at - up) * 1000; exit }
	}' "$SCRATCH/$2/pings-r"
}
up_since() { # when the daemon of r said that it is up
	case ${KIND[r]} in
	ikemesh) stat -c %.6Z "$SCRATCH/r/run/control.sock" ;;
	strongswan) echo "$EPOCHREALTIME" ;;
	esac
}
is_back() { [ -n "$(first_after "$UP" "$1")" ]; }

for h in $PEERS; do : >"$SCRATCH/$h/outages"; done
for i in $(seq "$RESETS"); do
	PINGING=()
	for h in $PEERS; do
		pinging "$h" r
		case $1 in *both) pinging r "$h" ;; esac
	done
	nap 1
	for h in $PEERS; do [ -n "$(first_after 0 "$h")" ] || fail "no traffic from $h before reset $i"; done
	crash r
	on r ip xfrm state flush
	on r ip xfrm policy flush
	nap 2
	start r
	UP=$(up_since)
	nap 2 # a process costs more here than what is measured: none is started meanwhile
	for h in $PEERS; do
		if until_ok "$LIMIT" is_back "$h"; then
			first_after "$UP" "$h" >>"$SCRATCH/$h/outages"
		else
			echo "$((LIMIT * 1000))" >>"$SCRATCH/$h/outages"
		fi
	done
	say "reset $i: $(for h in $PEERS; do echo -n "$h ${KIND[$h]} $(tail -n 1 "$SCRATCH/$h/outages") ms; "; done)"
	kill "${PINGING[@]}"
	nap 3 # what is still on its way, and the deletion of what is left over
done

worst_of_all=0
for h in $PEERS; do
	mapfile -t T < <(sort -n "$SCRATCH/$h/outages")
	[ "${T[-1]}" -le $worst_of_all ] || worst_of_all=${T[-1]}
	over=
	[ "${T[-1]}" -lt $((LIMIT * 1000)) ] || over="or more "
	report "$h (${KIND[$h]}): median ${T[$((${#T[@]} / 2))]} ms, worst ${T[-1]} ms ${over}after the daemon of r (${KIND[r]}) is up, ${#T[@]} resets"
done
case $1 in
strongswan-*) ;;
*)
	[ "$worst_of_all" -lt 1000 ] || fail "traffic was away for $worst_of_all ms"
	for h in $PEERS; do ping_all "$h" r 5 0.1; done
	[ "$1" = both ] || expect_log r 'sends on an SA that this host has lost'
	;;
esac
expect_alive r p q s
