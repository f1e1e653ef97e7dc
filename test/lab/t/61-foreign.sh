# SPDX-License-Identifier: Apache-2.0
# Policies and SAs that are not ours are the same after start, traffic, stop and disable as before.
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
KEY=0x0123456789abcdef0123456789abcdef01234567
ip -n a -batch - <<IP
xfrm policy add src 192.0.2.1/32 dst 192.0.2.2/32 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 77 mode tunnel
xfrm policy add src 192.0.2.2/32 dst 192.0.2.1/32 dir in tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 77 mode tunnel
xfrm policy add src 10.1.0.1/32 dst 10.1.7.0/24 dir out action block priority 1000
xfrm policy add src 10.1.0.1/32 dst 10.1.8.0/24 dir out action allow priority 100
xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x7701 reqid 77 mode tunnel aead rfc4106(gcm(aes)) $KEY 128
xfrm state add src 10.1.0.1 dst 10.1.0.2 proto esp spi 0x7702 reqid 78 mode transport aead rfc4106(gcm(aes)) $KEY 128 sel src 10.1.0.1/32 dst 10.1.0.2/32 proto 47
IP
foreign() { # what there is of it, in a fixed order
	on a ip xfrm policy list nosock | paste -s -d ' ' | sed 's/ src \([0-9]*\.[0-9.]*\/[0-9]* dst\)/\nsrc \1/g' |
		grep -E '192\.0\.2\.|10\.1\.[78]\.' | tr -s ' \t' ' ' | sort
	on a ip xfrm state list reqid 77
	on a ip xfrm state list reqid 78
}
foreign >"$SCRATCH/before"
[ "$(grep -c 192.0.2 "$SCRATCH/before")" -ge 3 ] || fail "the foreign ones are not there: $(cat "$SCRATCH/before")"
same() {
	foreign >"$SCRATCH/after"
	diff "$SCRATCH/before" "$SCRATCH/after" || fail "after $1, foreign policies or SAs have changed"
	say "after $1, what is foreign is as before"
}
start a b
same start
bring_up a b
ping_all a b
same traffic
stop a
same stop
ikectl a disable
same disable
start a
crash a
ikectl a disable
same "crash and disable"
