# SPDX-License-Identifier: Apache-2.0
# Where protocol 50 is filtered, ESP goes inside UDP though there is no NAT: `encapsulation: always`. One
# side's word is enough. The wire of this test drops ESP. The case: who b is, and who insists.
# cases: ikemesh-ours strongswan-ours strongswan-theirs
# takes: 25
IFS=- read -r peer insists <<<"$1"
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b "$peer" 10.1.0.2/16 fd00:1::2/64
case $insists in
ours) configure a yaml='encapsulation: always' ;;
theirs) configure b conn='    forceencaps=yes' ;;
esac
for h in a b; do
	tc qdisc add dev w-$h clsact
	tc filter add dev w-$h ingress protocol ip flower ip_proto 50 action drop
	tc filter add dev w-$h ingress protocol ipv6 flower ip_proto 50 action drop
done
start a b
capture
for family in 4 6; do
	family $family
	for way in 'a b' 'b a'; do
		read -r from to <<<"$way"
		bring_up "$from" "$to" 20
		ping_all "$from" "$to" 5
		if [ "$from" = a ]; then
			ikectl a down "$(address b)"
			nap 1
		fi
	done
	expect_esp a b
	expect_no_clear a b
	[ "$(count "host $(address a) and esp")" = 0 ] || fail "protocol 50 on the wire, over IPv$family"
done
[ "$peer" = strongswan ] || expect_status a 'ESP in UDP'
report "over IPv4 and IPv6, begun by either side: $(count "$UDP_ESP") packets of ESP in UDP, none of protocol 50"
expect_alive a b
