# SPDX-License-Identifier: Apache-2.0
# With xfrm_acq_expires at 6 s, as the add-on sets it, a handshake that takes longer still succeeds: the
# SPIs that it has reserved are not lost half-way.
# takes: 20
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
start a b
for h in a b; do
	on $h sysctl -qw net.core.xfrm_acq_expires=6
	netem_ike $h delay 2500ms
done
capture
now
began=$NOW
on a ping -n -c 1 -W 1 10.1.0.2 >/dev/null 2>&1 || true
until_ok 60 _has_sa a a b || fail "no SA after a minute"
now
report "the SA stood after $(((NOW - began) / 1000)) s"
[ $((NOW - began)) -gt 6000 ] || fail "that was not slow"
netem_off a b
ping_all a b
ping_all b a
expect_sa a b
expect_no_clear a b
