# SPDX-License-Identifier: Apache-2.0
# A host is reset while its peers send every 10 ms: the daemon is killed, the kernel's SAs and policies
# are gone, and 2 s later it starts anew. Its peers still send on the SAs that it lost. How long after
# the daemon is up until each peer is answered, over several resets; nobody has a dead-peer timer.
# The case: both sides send, or the others only; over IPv6; with ESP in UDP. strongswan-*: the same with
# strongSwan everywhere. What the engine that heals may do is no more than its unit has (hostile).
# At the end somebody flushes the SAs beneath the daemon. LAB_RESETS and LAB_PEERS (all ikemesh but the
# last) make it longer; LAB_WAIT: seconds that strongSwan is waited for.
# cases: both others others-v6 others-udp
# long: strongswan-both strongswan-others
# alone
# timeout: 900
RESETS=${LAB_RESETS:-3} N=${LAB_PEERS:-3} LIMIT=30 # seconds to wait for traffic
KIND_OF_ALL=ikemesh
case $1 in
strongswan-*) KIND_OF_ALL=strongswan RESETS=${LAB_RESETS:-1} LIMIT=${LAB_WAIT:-60} ;;
*-v6) family 6 ;;
*-udp) UDP=$'\nencapsulation: always' ;;
esac
ca ca
cert instance ca
configure all yaml="dpd_delay: 0s${UDP-}" conn="${UDP+forceencaps=yes}"
host r $KIND_OF_ALL 10.1.0.1/16 fd00:1::1/64
PEERS=()
for i in $(seq "$N"); do
	kind=$KIND_OF_ALL
	[ "$i" -lt "$N" ] || kind=strongswan
	host "p$i" $kind "10.1.0.$((i + 1))/16" "fd00:1::$((i + 1))/64"
	PEERS+=("p$i")
done

start r
start "${PEERS[@]}"
for h in "${PEERS[@]}"; do bring_up "$h" r 20; done
nap 2

pinging() { # FROM TO: every 10 ms, with the time of each answer, until it is killed
	nsenter "--net=/run/netns/$1" stdbuf -oL ping -n -D -i 0.01 "$(address "$2")" >"$SCRATCH/$1/pings-$2" 2>&1 &
	PINGING+=($!)
}
# Milliseconds from $1 (seconds since the epoch) to the first answer that $2 got afterwards.
first_after() {
	awk -v up="$1" '/icmp_seq=.*time=/ {
		at = substr($1, 2) + 0
		if (at > up + 0) { printf "%d\n", (at - up) * 1000; exit }
	}' "$SCRATCH/$2/pings-r"
}
up_since() { # when the daemon of r said that it is up; strongSwan: when its policies were seen
	case ${KIND[r]} in
	ikemesh) stat -c %.6Z "$SCRATCH/r/run/control.sock" ;;
	strongswan) echo "$EPOCHREALTIME" ;;
	esac
}
all_back() {
	local h
	for h in "${PEERS[@]}"; do [ -n "$(first_after "$BORN" "$h")" ] || return 1; done
}
# ms from $1 on, or what was waited for in vain
outage() { # SINCE HOST
	local ms
	ms=$(first_after "$1" "$2")
	echo "${ms:-$((LIMIT * 1000))}"
}

for i in $(seq "$RESETS"); do
	PINGING=()
	for h in "${PEERS[@]}"; do
		pinging "$h" r
		case $1 in *both) pinging r "$h" ;; esac
	done
	nap 1
	for h in "${PEERS[@]}"; do [ -n "$(first_after 0 "$h")" ] || fail "no traffic from $h before reset $i"; done
	crash r
	on r ip xfrm state flush
	on r ip xfrm policy flush
	nap 2
	BORN=$EPOCHREALTIME
	start r
	UP=$(up_since)
	nap 2 # a process costs more here than what is measured: none is started meanwhile
	until_ok "$LIMIT" all_back || true
	for h in "${PEERS[@]}"; do
		outage "$UP" "$h" >>"$SCRATCH/$h/outages"
		outage "$BORN" "$h" >>"$SCRATCH/$h/since-start"
	done
	say "reset $i: $(for h in "${PEERS[@]}"; do echo -n "$h ${KIND[$h]} $(tail -n 1 "$SCRATCH/$h/outages") ms; "; done)"
	kill "${PINGING[@]}"
	nap 3 # what is still on its way, and the deletion of what is left over
done

figures() { # FILE: "median M ms, worst W ms"; sets WORST
	local t
	mapfile -t t < <(sort -n "$1")
	WORST=${t[-1]}
	FIGURES="median ${t[$((${#t[@]} / 2))]} ms, worst $WORST ms"
	[ "$WORST" -lt $((LIMIT * 1000)) ] || FIGURES+=" or more"
}
worst_of_all=0
for h in "${PEERS[@]}"; do
	figures "$SCRATCH/$h/since-start"
	since_start=$FIGURES
	figures "$SCRATCH/$h/outages"
	[ "$WORST" -le $worst_of_all ] || worst_of_all=$WORST
	report "$h (${KIND[$h]}): $FIGURES after the daemon of r (${KIND[r]}) is up; since its start $since_start; $RESETS resets"
done
expect_alive r "${PEERS[@]}"
case $1 in strongswan-*) exit 0 ;; esac
[ "$worst_of_all" -lt 1000 ] || fail "traffic was away for $worst_of_all ms"
for h in "${PEERS[@]}"; do ping_all "$h" r 5 0.1; done
case $1 in others*) expect_log r 'sends on an SA that this host has lost' ;; esac
expect_status r 'lost SAs: [0-9]+ stray ESP packets'

# The daemon lives on while somebody deletes the kernel's SAs beneath it, one by one (of a flush the kernel
# itself tells): found in the same way.
stream p1 r 6 0.05
nap 1
on r ip xfrm state deleteall
streamed p1 r
expect_log r 'the kernel lost CHILD_SA'
[ "$LOST" -lt 40 ] || fail "after the end of the SAs $LOST of $SENT pings at 50 ms were lost"
report "after all of the kernel's SAs were deleted $LOST of $SENT pings at 50 ms were lost"
