# SPDX-License-Identifier: Apache-2.0
# Between a and b stands a router inside the protected subnet whose link to b takes 1300 octets only. It
# does no IPsec, so what it says of too large packets is refused, and they are lost without a word. With
# allow_icmp_errors the path's MTU is learned. Also: what ESP adds, as it is on the wire.
# cases: 4 6
# takes: 20
family "$1"
ca ca
cert instance ca
if [ "$1" = 4 ]; then
	host a ikemesh 10.1.0.1/24
	host r plain 10.1.0.254/24
	host b ikemesh 10.1.1.2/24
	near=10.1.0.254 far=10.1.1.254 length=24 header=20 any=-4
else
	host a ikemesh fd00:1::1/64
	host r plain fd00:1::fe/64
	host b ikemesh fd00:1:0:1::2/64
	near=fd00:1::fe far=fd00:1:0:1::fe length=64 header=40 any=-6 nodad=nodad
fi
configure all ipsec_subnets='10.1.0.0/16 fd00:1::/48'

# b's link is another one; r is at both.
ip -batch - <<IP
link add far type bridge mcast_snooping 0
link set far up
link set w-b master far
link add w-r1 type veth peer name eth1 netns r
link set w-r1 master far up
IP
ip -n r link set eth1 mtu 1300 up
ip -n r addr add $far/$length dev eth1 ${nodad-}
ip -n b link set eth0 mtu 1300
ip -n a route add default via $near
ip -n b route add default via $far
on r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

start a b
capture
bring_up a b 20
to=$(address b)

# ESP's length less that of the ICMP message in it, by size of the message
grows=
for n in 0 1 2 3; do
	on a ping -n -c 1 -W 2 -s $((100 + n)) "$to" >/dev/null || fail "a ping of $((100 + n)) octets is lost"
	esp=$(captured "src host $(address a) and esp" | sed -n '$s/.*length \([0-9]*\)$/\1/p')
	grows+=" $((esp - 108 - n))"
done
[ "$(tr ' ' '\n' <<<"$grows" | sort -n | xargs)" = '34 35 36 37' ] || fail "ESP adds$grows octets"

# A TCP stream of 200 KB from a to b: the octets that arrived within some seconds
arrives() {
	on b timeout "$1" nc $any -l 7000 </dev/null >"$SCRATCH/heard" &
	until_ok 5 on b bash -c 'ss -Hltn | grep -q :7000'
	head -c 200000 /dev/zero | on a timeout "$1" nc -N "$to" 7000 || true
	HEARD=$(stat -c %s "$SCRATCH/heard")
}
arrives 4
without=$HEARD
[ "$without" -lt 2000 ] || fail "$without octets arrived although the path's MTU cannot be known"
ikectl a status "$to" | tee -a "$SCRATCH/status"
grep -q "of the 1500 .* up to 1466 fit" "$SCRATCH/status" || fail "status does not say what fits"

# Containers that send more than fits
ip -n a link add docker0 type bridge
ip -n a link set docker0 mtu 1500 up

# The doctor hears what the kernel refuses.
sick=0
ikectl a doctor "$to" >"$SCRATCH/doctor" || sick=$?
grep -A 1 '^ERROR' "$SCRATCH/doctor" || true
[ "$sick" = 2 ] && grep -A 1 '^ERROR *path:' "$SCRATCH/doctor" | grep -q "allow_icmp_errors: true.: $near said that the next link takes 1300" ||
	fail "doctor does not say what would help: $(cat "$SCRATCH/doctor")"
grep -A 1 '^WARNING *mtu: docker0 (bridge) has an MTU of 1500.* eth0 takes 1463' "$SCRATCH/doctor" | grep -q 'an MTU of 1460' ||
	fail "doctor does not see what containers send: $(cat "$SCRATCH/doctor")"
ip -n a link set docker0 mtu 1460
found=$(sed -n 's/^ERROR *path: .* of up to \([0-9]*\) octets arrive.*/\1/p' "$SCRATCH/doctor")

configure a yaml='allow_icmp_errors: true'
ikemesh_config a >"$SCRATCH/a/ikemesh.yml"
ikectl a reload
arrives 10
[ "$HEARD" = 200000 ] || fail "$HEARD of 200000 octets arrived with allow_icmp_errors"
ikectl a status "$to" | tee "$SCRATCH/status"
largest=$((header + (1300 - header - 32) / 4 * 4 - 2))
grep -q "of the 1300 .* up to $largest fit" "$SCRATCH/status" || fail "status does not say what fits"
[ $((largest - found)) -lt 4 ] || fail "doctor found $found, and $largest fit"
ikectl a doctor "$to" >"$SCRATCH/doctor" || true
grep -q '^good *mtu: eth0' "$SCRATCH/doctor" || fail "doctor: $(cat "$SCRATCH/doctor")"
grep -q '^good *path: .*the kernel knows' "$SCRATCH/doctor" || fail "doctor: $(cat "$SCRATCH/doctor")"
expect_no_clear a b
report "ESP adds$grows octets; doctor: up to $found arrive of $largest that fit; of 200000 octets $without arrived without, $HEARD with allow_icmp_errors"
