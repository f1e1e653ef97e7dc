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
ikectl a disable
left=$(on a ip xfrm policy list nosock)
[ -z "$left" ] || fail "policies are left: $left"
expect_no_sa a
ping_all a b
family 6
ping_all a b
