# SPDX-License-Identifier: Apache-2.0
# ikectl disable takes enforcement off: with a daemon, and after one that was killed.
# cases: running crashed
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b plain 10.1.0.2/16 fd00:1::2/64
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
start a
ping_none a b 2
[ "$1" = running ] || crash a
if [ "$1" = crashed ]; then
	say "one that is only starting is not overlooked: it would set the policies anew"
	exec 9<"$SCRATCH/a/run/lock"
	flock -n 9
	! ikectl a disable 9<&- 2>"$SCRATCH/err" || fail "off while a daemon starts"
	grep -q 'holds .*/lock' "$SCRATCH/err" || fail "$(cat "$SCRATCH/err")"
	[ -n "$(on a ip xfrm policy list nosock)" ] || fail "the policies were removed beneath it"
	exec 9<&-
fi
ikectl a disable
left=$(on a ip xfrm policy list nosock)
[ -z "$left" ] || fail "policies are left: $left"
expect_no_sa a
ping_all a b
family 6
ping_all a b
