# SPDX-License-Identifier: Apache-2.0
# A flood of IKE_SA_INIT under forged sources, 5,000 a second, as if of a /16. Meanwhile a new pair comes up
# each second, by cookie, and an old one pings: no handshake takes a second, no ping is lost, and the flooded
# host neither grows nor sends back more than it gets. Forged are addresses of the lab's own namespaces, and a
# host there gets the replies. The case: who is flooded; v6: from as many /64s of IPv6, subnet: from one of them.
# strongSwan is for its figures.
# cases: ikemesh v6
# long: strongswan subnet
# alone
# timeout: 300
CASE=$1 WHO=ikemesh VICTIM=10.1.0.1 SOURCES=10.9.0.0/16
case $CASE in
strongswan) WHO=strongswan ;;
v6) VICTIM=fd00:1::1 SOURCES=fd09::/16 && family 6 ;;
subnet) VICTIM=fd00:1::1 SOURCES=fd09::/64 && family 6 ;;
esac
RATE=${LAB_FLOOD_RATE:-5000}
SECONDS_=${LAB_FLOOD_SECONDS:-$([ -z "${LAB_ALL-}" ] && [ "$WHO" = ikemesh ] && echo 6 || echo 60)}
ca ca
cert instance ca
targets=()
for ((i = 1; i <= SECONDS_; i++)); do targets+=("10.1.4.$i/16"); done
host a "$WHO" 10.1.0.1/16 fd00:1::1/64 "${targets[@]}"
host b ikemesh 10.1.0.2/16 fd00:1::2/64
host c ikemesh 10.1.0.3/16
host f plain 10.1.0.9/16 fd00:1::9/64
acquaint a b c f
on a ip route add 10.9.0.0/16 via 10.1.0.9
on a ip route add fd09::/16 via fd00:1::9
configure all ipsec_subnets='10.1.0.0/16 fd00:1::/64'
configure a ipsec_subnets='10.1.0.0/16 10.9.0.0/16 fd00:1::/64 fd09::/16' no_ipsec_subnets='10.1.0.9/32 fd00:1::9/128'
if [ "$WHO" = strongswan ]; then
	# It answers on any address that it has, without policies for each.
	eval "routing_$(declare -f ipsec_conf)"
	ipsec_conf() { routing_ipsec_conf "$1" | sed '/^conn ipsec-/,$d' && printf '%s\n' 'conn any' '    left=%any' '    right=%any' '    auto=add'; }
fi
start a b c
bring_up b a

back() { on f sed -n 's/.*eth0: *\([0-9]*\) .*/\1/p' /proc/net/dev; } # octets that came to the host that forges
pid_of() { [ "$WHO" = ikemesh ] && process a engine || pgrep -P "${PID[a]}" charon || echo "${PID[a]}"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$ENGINE/status"; } # KiB
ENGINE=$(pid_of)
for ((i = 1; i <= SECONDS_; i++)); do echo "c 10.1.4.$i $((i * 1000 - 500))"; done >"$SCRATCH/streams"
read -r _ mac _ < <(ip -n a link show dev eth0 | grep -o 'link/ether .*')
handshakes() { # sets SLOWEST, P50, UP; figures of new pairs, one a second
	"$FAN" -a -c 20 -i 1000 -w 3000 <"$SCRATCH/streams" >"$SCRATCH/fan"
	read -r UP P50 P99 < <(paste -d' ' "$SCRATCH/streams" "$SCRATCH/fan" |
		awk '$7 > 0 { print $8 - $3 }' | sort -n | awk '{ v[NR] = $1 } END { print NR, v[int((NR + 1) / 2)] + 0, v[int(NR * 0.99 + 0.999)] + 0 }')
}

before=$(rss) cpu=$(cpu_of a) replies=$(back)
stream b a "$SECONDS_" 0.02
on f "$LAB_TOP/build/test/flood" eth0 "$mac" "$VICTIM" "$SOURCES" "$RATE" "$SECONDS_" >"$SCRATCH/flood" &
flood=$!
handshakes
wait $flood || fail 'the flood has a fault of its own'
cpu=$(($(cpu_of a) - cpu)) replies=$(($(back) - replies))
streamed b a
after=$(rss)
read -r sent octets ms generator <"$SCRATCH/flood"
report "$CASE, $((sent * 1000 / ms)) forged IKE_SA_INIT a second for $((ms / 1000)) s: $UP of $SECONDS_ new pairs up, median $P50 ms, p99 $P99 ms; pings of an old pair lost: $LOST of $SENT"
report "CPU of the daemon $((cpu * 100 / ms)) %, of the generator $((generator * 100 / ms)) %; memory $before to $after KiB; $octets octets came, $replies went back"
[ "$WHO" = ikemesh ] || exit 0
say "$(ikectl a metrics | grep -E '^ikemesh_(limits_reached|ike_drops|cookies|half_open|udp)')"
expect_alive a b c
[ "$UP" = "$SECONDS_" ] || fail "$((SECONDS_ - UP)) new pairs did not come up"
# Of a handful of handshakes the slowest one counts, on a machine that may be busy with other tests.
[ "$P99" -lt $((SECONDS_ >= 60 ? 1000 : 2000)) ] || fail "a handshake took $P99 ms"
[ "$LOST" = 0 ] || fail "$LOST pings of an old pair were lost"
[ "$replies" -lt "$octets" ] || fail 'more went back than came'
[ $((after - before)) -lt 8192 ] || fail "memory grew from $before to $after KiB"
