# SPDX-License-Identifier: Apache-2.0
# Twenty pairs meet over a link that loses packets, 50 ms each way: all come up, and in good time. Twenty
# pairs of strongSwans do the same meanwhile.
# cases: 20 30
# timeout: 300
# takes: 60
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16
N=20

# The neighbours are known beforehand: this is about IKE, not about ARP over such a link.
neighbours() { # HOST I OF
	local i mac
	mac=$(ip -n "$3" -br link show eth0 | awk '{ print $3 }')
	for i in $(seq $N); do echo "neigh add 10.1.$2.$i lladdr $mac dev eth0 nud permanent"; done >"$SCRATCH/$1/neighbours"
	ip -n "$1" -batch "$SCRATCH/$1/neighbours"
}

# Addresses I.1 to I.20 on one host and J.1 to J.20 on the other: pairs of their own, met by number.
fleet() { # HOST KIND I HOST KIND J
	local i left=() right=()
	for i in $(seq $N); do left+=("10.1.$3.$i/16") right+=("10.1.$6.$i/16"); done
	host "$1" "$2" "${left[@]}"
	host "$4" "$5" "${right[@]}"
	for i in $(seq $N); do
		echo "route add 10.1.$6.$i dev eth0 src 10.1.$3.$i"
	done >"$SCRATCH/$1/routes"
	ip -n "$1" -batch "$SCRATCH/$1/routes"
	neighbours "$1" "$6" "$4"
	neighbours "$4" "$3" "$1"
}

# For each pair the time (ms) from its first packet to its outbound SA, as the kernel tells it.
times() { # HOST I J SINCE(ms)
	awk -v since="$4" -v i="10.1.$2." -v j="10.1.$3." '
		/^\[/ { split(substr($1, 13), t, /[:\]]/); at = (t[1] * 60 + t[2]) * 60 + t[3]; $1 = ""; sub(/^ /, "") }
		/^src / && index($2, i) == 1 && index($4, j) == 1 && !($4 in seen) { seen[$4] = 1; printf "%d\n", at * 1000 - since }
	' "$SCRATCH/$1/monitor" | sort -n
}

trial() { # NAME HOST I HOST J LOSS SECONDS
	local i end since
	netem "$2" delay 50ms loss "$6%"
	netem "$4" delay 50ms loss "$6%"
	TZ=UTC on "$2" ip -ts xfrm monitor SA >"$SCRATCH/$2/monitor" &
	local monitor=$!
	now
	since=$((NOW % 86400000)) end=$((NOW + $7 * 1000))
	while now && [ "$NOW" -lt $end ] && [ "$(times "$2" "$3" "$5" $since | wc -l)" -lt $N ]; do
		# A packet for every pair each second, as an application would.
		on "$2" bash -c 'for i in $(seq $1); do echo x >/dev/udp/10.1.$2.$i/9 || true; done 2>/dev/null' x $N "$5"
		nap 1
	done
	kill $monitor
	netem_off "$2" "$4"
	mapfile -t TIMES < <(times "$2" "$3" "$5" $since)
	UP=${#TIMES[@]}
	say "$1: ${TIMES[*]}"
	report "$1: $UP of $N pairs up at $6 % loss, median ${TIMES[$((UP / 2))]:-?} ms, worst ${TIMES[-1]:-?} ms"
}

fleet a ikemesh 1 b ikemesh 2
fleet c strongswan 3 d strongswan 4
start a b c d
capture
trial strongSwan c 3 d 4 "$1" 60 &
beside=$!
trial ikemesh a 1 b 2 "$1" 90
[ "$UP" = $N ] || fail "$((N - UP)) pairs did not come up"
for i in $(seq $N); do on a ping -n -c 3 -i 0.2 -W 2 "10.1.2.$i" >"$SCRATCH/ping.$i" & pids[$i]=$!; done
for i in $(seq $N); do wait "${pids[$i]}" || fail "pair $i does not pass packets"; done
seen=$(captured 'net 10.1.1.0/24 and not esp and not udp port 500 and not udp port 4500 and not arp')
[ -z "$seen" ] || fail "in the clear: $(head -n 3 <<<"$seen")"
wait $beside || fail "the trial of strongSwan did not end well"
