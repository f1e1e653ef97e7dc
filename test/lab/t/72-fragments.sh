# SPDX-License-Identifier: Apache-2.0
# Certificates of 4096 bits in a chain of three, and a wire that drops the fragments of IP datagrams: IKE
# cuts its messages itself. Over IPv4 and IPv6, begun by either side.
# cases: ikemesh strongswan
# timeout: 180
# takes: 25
ca root - rsa4096
ca middle root rsa4096
cert leaf middle rsa4096
bundle chain leaf middle
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b "$1" 10.1.0.2/16 fd00:1::2/64
configure all ca=root certificate=chain
# strongSwan sends intermediates that it knows; it knows them from its files.
[ "$1" = ikemesh ] || configure b ca='root middle' certificate=leaf

# The wire: what comes in at one port of the bridge leaves at another, but for fragments.
for h in a b; do
	tc qdisc add dev w-$h clsact
	for proto in ip ipv6; do tc filter add dev w-$h ingress protocol $proto flower ip_flags frag action drop; done
done
large() { # FROM TO: a datagram that needs fragments
	on "$1" ping -n -c 1 -W 1 -s 3000 "$(address "$2")"
}
for f in 4 6; do
	family $f
	until_ok 10 on a ping -n -c 1 -W 1 "$(address b)" || fail "no ping over IPv$f in the clear, without fragments"
	! large a b >/dev/null || fail "fragments of IPv$f pass: this would show nothing"
done
start a b
capture
for f in 4 6; do
	family $f
	for way in 'a b' 'b a'; do
		read -r from to <<<"$way"
		bring_up "$from" "$to" 20
		ping_all "$from" "$to" 3
		status a >"$SCRATCH/status-$f-$from"
		grep -q 'ESTABLISHED' "$SCRATCH/status-$f-$from" || fail "no IKE SA over IPv$f"
		if [ "$from" = a ]; then
			ikectl a down "$(address b)"
			gone() { ! on a ip xfrm state list src "$(address a)" | grep -qE '^\s(aead|enc) '; }
			until_ok 10 gone || fail "the SAs over IPv$f do not go"
			# strongSwan, too, has to have done with it, before it begins anew.
			nap 0.5
		fi
	done
	expect_esp a b
	expect_no_clear a b
done
# Each of the messages with a chain in it was cut: more than one datagram of the largest size.
cut4=$(count "ip and $IKE and greater 1000") cut6=$(count "ip6 and $IKE and greater 1000")
[ "$cut4" -ge 6 ] && [ "$cut6" -ge 6 ] || fail "only $cut4 and $cut6 large datagrams of IKE: was anything cut?"
most=$(tcpdump -n -v -r "$SCRATCH/wire.pcap" "$IKE" 2>/dev/null | grep -oE '(length|payload length:) [0-9]+' | grep -oE '[0-9]+' | sort -n | tail -n 1)
report "$cut4 large IKE datagrams over IPv4, $cut6 over IPv6, the largest of $most octets; retransmitted: $(grep -c retransmi "$SCRATCH/b/log" || true)"
expect_alive a b
