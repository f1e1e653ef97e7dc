# SPDX-License-Identifier: Apache-2.0
# Two hosts behind one address of a router and one peer: transport mode cannot tell them apart. The second
# one is refused, the peer says why, and the first one goes on undisturbed.
# cases: ikemesh strongswan
# takes: 20
ca ca
cert instance ca
host a "$1" 10.2.0.1/24
host c "$1" 10.2.0.3/24
host n plain 10.1.0.9/16
host b ikemesh 10.1.0.2/16
ip -batch - <<IP
link add inside type bridge mcast_snooping 0
link set inside up
link set w-a master inside
link set w-c master inside
link add w-n1 type veth peer name eth1 netns n
link set w-n1 master inside up
IP
ip -n n addr add 10.2.0.254/24 dev eth1
ip -n n link set eth1 up
ip -n a route add default via 10.2.0.254
ip -n c route add default via 10.2.0.254
on n sysctl -qw net.ipv4.ip_forward=1
on n iptables-legacy -t nat -A POSTROUTING -o eth0 -j MASQUERADE
start a b c
capture
bring_up a b 20
stream a b 10 0.05
ping_none c b 8 0.5
streamed a b
[ "$LOST" = 0 ] || fail "the first host lost $LOST of $SENT pings because of the second"
expect_log b '10\.1\.0\.9.*another host behind the same NAT address'
expect_status b 'another host behind the same NAT address'
case $1 in
ikemesh) expect_status c '10\.1\.0\.2.*TS_UNACCEPTABLE' ;;
strongswan) expect_log c 'TS_UNACC' ;;
esac
ping_all b n 5
expect_established a
expect_alive a b c
