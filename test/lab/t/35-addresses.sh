# SPDX-License-Identifier: Apache-2.0
# Addresses come, go and move under traffic; new ones are found by neighbour discovery from a cold cache.
# cases: come-and-go move cold own strict local
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b ikemesh 10.1.0.2/16 fd00:1::2/64
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
policies() { ip -n "$1" xfrm policy list nosock | grep -c "src $2/\|dst $2/" || true; } # HOST ADDRESS
covered() { [ "$(policies "$1" "$2")" -ge 3 ]; }
uncovered() { [ "$(policies "$1" "$2")" = 0 ]; }
no_sa_of() { ! ip -n "$1" xfrm state list | grep -q "src $2 \|dst $2\$"; }
took() { now && report "$1 after $((NOW - MARK)) ms"; }
mark() { now && MARK=$NOW; }
no_clear_of() { # ADDRESS
	local seen
	seen=$(captured "host $1 and not esp and not $IKE and not $UNHEARD and not $NEIGHBOURS")
	[ -z "$seen" ] || fail "in the clear with $1: $(head -n 3 <<<"$seen")"
	say "nothing in the clear with $1"
}

case $1 in
come-and-go)
	start a b
	capture
	bring_up a b
	stream a b 6 0.005
	nap 1
	mark
	ip -n a addr add 10.1.0.11/16 dev eth0
	until_ok 3 covered a 10.1.0.11 || fail "no policies for 10.1.0.11"
	took "an address more: its policies stand"
	on a ping -n -q -c 3 -i 0.2 -W 2 -I 10.1.0.11 10.1.0.2 || fail "10.1.0.11 does not reach b"
	ip -n a addr add 10.1.0.12/32 dev lo # a VIP
	until_ok 3 covered a 10.1.0.12 || fail "no policies for 10.1.0.12"
	mark
	ip -n a addr del 10.1.0.11/16 dev eth0
	until_ok 3 uncovered a 10.1.0.11 || fail "policies of 10.1.0.11 are left"
	until_ok 3 no_sa_of a 10.1.0.11 || fail "SAs of 10.1.0.11 are left"
	took "an address less: its policies and SAs are gone"
	streamed a b
	[ "$LOST" = 0 ] || fail "$LOST pings from the address that stayed were lost"
	expect_log a 'our address is not on this host any more'
	no_clear_of 10.1.0.11
	expect_no_clear a b
	;;
move)
	host c ikemesh 10.1.0.3/16
	ip -n a addr add 10.1.0.100/32 dev eth0
	start a b c
	capture
	ADDRESS[vip.4]=10.1.0.100
	bring_up c vip
	stream c vip 12 0.005
	nap 2
	say "10.1.0.100 moves from a to b"
	ip -n a addr del 10.1.0.100/32 dev eth0
	ip -n b addr add 10.1.0.100/32 dev eth0
	ip -n c neigh flush to 10.1.0.100
	nap 4
	say "and back"
	ip -n b addr del 10.1.0.100/32 dev eth0
	ip -n a addr add 10.1.0.100/32 dev eth0
	ip -n c neigh flush to 10.1.0.100
	streamed c vip
	report "two moves: $LOST of $SENT pings lost, one each 5 ms"
	[ "$LOST" -lt 1000 ] || fail "it takes more than 2.5 s to follow a move"
	until_ok 2 no_sa_of b 10.1.0.100 || fail "b has SAs of the address that left"
	no_clear_of 10.1.0.100
	pings c vip 10
	[ "$LOST" = 0 ] || fail "$LOST pings lost at the end"
	;;
cold)
	family 6
	start a b
	capture
	for h in a b; do ip -n $h -6 neigh flush dev eth0; done
	pings a b 5
	[ "$LOST" -le 1 ] || fail "$LOST first packets were lost"
	expect_sa a b
	for h in a b; do ip -n $h -6 neigh flush dev eth0; done
	ping_all b a 10
	say "a neighbour that is probed, one address to the other, stays reachable"
	ip -n a -6 neigh replace "$(address b)" lladdr "$(ip -n b -o link show eth0 | sed 's/.*ether \([^ ]*\).*/\1/')" dev eth0 nud probe
	until_ok 5 eval 'ip -n a -6 neigh show to "$(address b)" | grep -q REACHABLE' ||
		fail "neighbour discovery has no answer: $(ip -n a -6 neigh show)"
	expect_no_clear a b
	[ "$(count "icmp6 and ip6[40] == 135 and src $(address a)")" -ge 1 ] || fail "no neighbour solicitation was seen"
	;;
own | strict)
	[ "$1" = own ] || configure a yaml='strict_default: true' ipsec_subnets=10.1.0.0/16
	ip -n a addr add 10.1.0.11/16 dev eth0
	ip -n a addr add fd00:1::11/64 dev eth0 nodad
	start a b
	for to in 10.1.0.1 10.1.0.11 fd00:1::1 fd00:1::11; do
		for from in 10.1.0.1 10.1.0.11 fd00:1::1 fd00:1::11; do
			[ "${to/:/}" = "$to" ] && [ "${from/:/}" != "$from" ] && continue
			[ "${to/:/}" != "$to" ] && [ "${from/:/}" = "$from" ] && continue
			on a ping -n -q -c 2 -i 0.2 -W 1 -I "$from" "$to" >/dev/null || fail "a does not reach itself: $from to $to"
		done
	done
	for to in 127.0.0.1 ::1; do on a ping -n -q -c 2 -i 0.2 -W 1 "$to" >/dev/null || fail "a does not reach $to"; done
	say "a reaches each of its addresses from each"
	! ip -n a xfrm state list | grep -q . || fail "it asked for SAs with itself: $(ip -n a xfrm state list)"
	expect_no_log a 'negotiat'
	;;
local)
	ip -n a addr add 10.1.0.11/16 dev eth0
	configure a yaml='local_addresses: [10.1.0.1, fd00:1::/64]'
	configure b optional=true
	start a b
	covered a 10.1.0.1 || fail "no policies for 10.1.0.1"
	uncovered a 10.1.0.11 || fail "policies for 10.1.0.11"
	capture
	bring_up a b
	expect_sa a b
	on a ping -n -q -c 3 -i 0.2 -W 1 -I 10.1.0.11 10.1.0.2 || fail "10.1.0.11 does not reach b in the clear"
	no_sa_of a 10.1.0.11 || fail "a has SAs of 10.1.0.11"
	[ "$(count "host 10.1.0.11 and icmp")" -ge 6 ] || fail "10.1.0.11 was not in the clear"
	expect_log a "peer's CHILD_SA refused: TS_UNACCEPTABLE: our address is not in local_addresses"
	;;
esac
