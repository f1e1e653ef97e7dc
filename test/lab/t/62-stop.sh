# SPDX-License-Identifier: Apache-2.0
# SIGTERM: the peer is told by DELETE, our SAs go, our policies stay and nothing leaves in the clear.
# cases: ikemesh strongswan
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b "$1" 10.1.0.2/16
start a b
capture
bring_up a b
expect_sa a b
stop a
expect_no_sa a
gone() { ! on b ip xfrm state list | grep -Eq '^\s(aead|enc) '; }
until_ok 3 gone || fail "b still has SAs: $(on b ip xfrm state list)"
say "b has taken its SAs down"
[ "$1" != strongswan ] || expect_log b 'received DELETE for'
ping_none a b 3
expect_no_clear a b
