# SPDX-License-Identifier: Apache-2.0
# What a strongSwan allows its peers, met by ikemesh hosts. half-open: somebody forges the address of an ikemesh host
# and fills the places that strongSwan has for half-open IKE SAs of one address (5; it asks for cookies from 3 on).
# Asked for a cookie the host comes up at once; where it is ignored it comes up as soon as that ends, and `why` says
# meanwhile what it may be. shared and own: a strongSwan of that uniqueids, to which ikemesh hosts talk that share a
# certificate, or have each their own. One of them is reset and one re-authenticates, and the others' packets go on:
# nobody of us says INITIAL_CONTACT to a strongSwan, which would drop the SAs of all. With shared certificates and
# uniqueids=yes or replace it drops them by itself each time: that is told by `why`, and costs nobody else anything.
# cases: half-open shared-no
# long: shared-never shared-replace own-yes own-replace own-never
# timeout: 200
# takes: 30
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16

half_open() {
	local mac began
	host s strongswan 10.1.0.9/16
	host c strongswan 10.1.0.10/16
	host m ikemesh 10.1.0.1/16
	host f plain 10.1.0.8/16
	[ "${KIND[m]}" = ikemesh ] || skip "this is about ikemesh"
	configure s charon=$'cookie_threshold = 0\n    cookie_threshold_ip = 0\n    half_open_timeout = 8'
	start s c m
	capture
	forge() { # TO: as m
		mac=$(ip -n "$1" link show dev eth0 | sed -n 's|.*link/ether \([^ ]*\).*|\1|p')
		on f "$LAB_TOP/build/test/flood" eth0 "$mac" "$(address "$1")" 10.1.0.1 20 1 >/dev/null || fail "nothing is forged"
	}

	forge s
	now
	began=$NOW
	reaches() { on m ping -n -c 1 -W 0.3 "$(address "$1")" >/dev/null 2>&1; }
	! reaches s || fail "m was not ignored"
	expect_log s 'half-open IKE_SA limit'
	_why() { [[ $(ikectl m why 10.1.0.9) == *"$1"* ]]; }
	until_ok 5 _why 'half open' || fail "why does not say so: $(ikectl m why 10.1.0.9)"
	until_ok 15 reaches s || fail "m does not come up: $(ikectl m why 10.1.0.9)"
	now
	report "ignored for 8 s: up $((NOW - began - 8000)) ms after that"
	[ $((NOW - began)) -lt 12000 ] || fail "that is too long"
	expect_established m
	_why 'nothing is amiss' || fail "$(ikectl m why 10.1.0.9)"

	# Long after c was started: within 10 s of its host's boot it takes no cookie at all.
	forge c
	now
	began=$NOW
	until_ok 5 reaches c || fail "m does not come up: $(ikectl m why 10.1.0.10)"
	now
	report "asked for a cookie: up after $((NOW - began)) ms"
	# RFC 7296 2.6: the cookie comes first, before SA.
	[ "$(count 'src 10.1.0.1 and dst 10.1.0.10 and udp dst port 500 and udp[26] = 34 and udp[24] = 41')" = 1 ] ||
		fail "no cookie was asked for, or returned more than once"
	expect_established m
}

uniqueness() { # shared|own UNIQUEIDS
	local i h
	for h in s m1 m2 m3; do
		[ "$1" = shared ] || { cert $h ca && configure $h certificate=$h; }
	done
	host s strongswan 10.1.0.9/16
	for i in 1 2 3; do host m$i ikemesh 10.1.0.$i/16; done
	[ "${KIND[m1]}" = ikemesh ] || skip "this is about ikemesh"
	acquaint s m1 m2 m3
	eval "usual_$(declare -f ipsec_conf)"
	ipsec_conf() { usual_ipsec_conf "$1" | sed "s/uniqueids=no/uniqueids=$UNIQUE/"; }
	start s m1 m2 m3
	for i in 1 2 3; do bring_up m$i s; done
	bring_up m1 m2
	printf '%s\n' 'm1 10.1.0.9' 'm2 10.1.0.9' 'm1 10.1.0.2' 's 10.1.0.1' 's 10.1.0.2' >"$SCRATCH/streams"
	"$FAN" -k -c 60000 -i 50 -w 2000 <"$SCRATCH/streams" >"$SCRATCH/fan" &
	FANS=$!
	nap 0.5
	crash m3
	ip -n m3 xfrm state flush
	start m3
	bring_up m3 s 20
	ikectl m2 rotate --wait >/dev/null || true
	nap 1
	if [ "$1-$UNIQUE" = shared-replace ]; then
		until_ok 10 flaps || fail "why does not say so: $(ikectl m1 why 10.1.0.9)"
	fi
	kill -TERM $FANS
	wait $FANS || true
	report "$(awk '{ printf "%s%s to %s: %d of %d lost", NR == 1 ? "" : "; ", $1, $2, $3 - $4, $3 }' "$SCRATCH/fan")"
	expect_alive s m1 m2 m3
	awk '{ if ($3 < 40) exit 1 }' "$SCRATCH/fan" || fail "hardly any pings: $(cat "$SCRATCH/fan")"
	[ "$1-$UNIQUE" != shared-replace ] || sed -i '/10\.1\.0\.9\|^s/d' "$SCRATCH/fan" # what it makes of its own
	awk '$3 > $4 { exit 1 }' "$SCRATCH/fan" || fail "pings were lost: $(cat "$SCRATCH/fan")"
}
flaps() { [[ $(ikectl m1 why 10.1.0.9) == *uniqueids* ]]; }

UNIQUE=${1#*-}
case $1 in
half-open) half_open ;;
*) uniqueness "${1%-*}" ;;
esac
