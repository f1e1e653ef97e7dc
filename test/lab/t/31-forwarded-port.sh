# SPDX-License-Identifier: Apache-2.0
# Host b forwards a port into a container. Whoever is in a protected subnet reaches it through ESP only;
# whoever is in a subnet without IPsec, in the clear.
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/24 no_ipsec_subnets=10.1.9.0/24
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host c plain 10.1.0.3/16
host d plain 10.1.9.4/16
ip netns add box
ip link add eth0 netns box type veth peer name box netns b
ip -n box link set lo up
ip -n box addr add 10.99.0.2/24 dev eth0
ip -n box link set eth0 up
ip -n b addr add 10.99.0.1/24 dev box
ip -n b link set box up
ip -n box route add default via 10.99.0.1
on b sysctl -qw net.ipv4.ip_forward=1
on b iptables-legacy -t nat -A PREROUTING -i eth0 -p udp --dport 8080 -j DNAT --to-destination 10.99.0.2:80
on box tcpdump -i eth0 -n -Z root -l --immediate-mode -A udp port 80 >"$SCRATCH/box.txt" 2>"$SCRATCH/box.log" &
until_ok 10 grep -q 'listening on' "$SCRATCH/box.log" || fail "no capture in the box"
start a b
capture

knock() { # HOST: says its name to the forwarded port
	say "$1 knocks at the forwarded port"
	on "$1" bash -c 'for i in 1 2 3; do echo "here is $1" >/dev/udp/10.1.0.2/8080 || true; sleep 0.1; done' knock "$1"
}
arrived() { nap 0.5 && grep -c "here is $1" "$SCRATCH/box.txt" || true; }

knock d
[ "$(arrived d)" = 3 ] || fail "the port is not forwarded at all"
knock c
[ "$(arrived c)" = 0 ] || fail "$(arrived c) packets of c arrived in the clear from a protected subnet"
bring_up a b
knock a
[ "$(arrived a)" = 3 ] || fail "$(arrived a) of 3 packets of a arrived through ESP"
expect_no_clear a b
