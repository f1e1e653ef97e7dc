# SPDX-License-Identifier: Apache-2.0
# strict_default: what no policy matches is dropped, and stop, start and disable put back what they should.
# on_stop: clear takes the policies, the sysctls and the default policy away with the daemon, whatever
# ended it the time before.
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 10.9.0.1/16
host b ikemesh 10.1.0.2/16
host c plain 10.9.0.3/16
host d plain 10.9.0.4/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
found() { # sysctls and default policy
	on a cat /proc/sys/net/core/xfrm_larval_drop /proc/sys/net/core/xfrm_acq_expires
	on a ip xfrm policy getdefault
}
found >"$SCRATCH/before"
configure a no_ipsec_subnets=10.9.0.3/32 yaml='strict_default: true
on_stop: clear'

start a b
bring_up a b
expect_established a b
on a ping -n -c 1 -W 2 10.9.0.3 || fail "no_ipsec_subnets are cut off"
! on a ping -n -c 1 -W 1 10.9.0.4 || fail "strict_default lets out whom no policy allows"
! on d ping -n -c 1 -W 1 10.9.0.1 || fail "strict_default lets in whom no policy allows"
explained=$(ikectl a explain 10.9.0.4)
[[ $explained == *': nothing, as strict_default says'*'out: no policy: packets are dropped'* ]] || fail "explain: $explained"
[[ $(on a ip xfrm policy getdefault) == *block*block*block* ]] || fail "the default policy: $(on a ip xfrm policy getdefault)"

say "a crash changes nothing, a start neither"
crash a
! on a ping -n -c 1 -W 1 10.9.0.4 || fail "strict_default ended with the daemon"
start a
bring_up a b

say "a reload takes it off and on"
sed -i 's/strict_default: true/strict_default: false/' "$SCRATCH/a/ikemesh.yml"
ikectl a reload
on a ping -n -c 1 -W 2 10.9.0.4 || fail "still strict after a reload without"
sed -i 's/strict_default: false/strict_default: true/' "$SCRATCH/a/ikemesh.yml"
ikectl a reload
! on a ping -n -c 1 -W 1 10.9.0.4 || fail "not strict after a reload with"

gone() { # WHAT
	local left
	left=$(on a ip xfrm policy list nosock)
	[ -z "$left" ] || fail "after $1, policies are left: $left"
	found >"$SCRATCH/after"
	diff "$SCRATCH/before" "$SCRATCH/after" || fail "after $1, sysctls or default policy are not as they were"
	on a ping -n -c 1 -W 2 10.9.0.4 || fail "after $1, d is not reached"
	say "after $1, nothing of ours is left"
}
stop a
expect_log a 'leaving \(stop\).*and policies'
gone "a stop with on_stop: clear"

say "set before there is a daemon, and by none"
on a "$BIN/ikemeshd" --policies --config "$SCRATCH/a/ikemesh.yml" --run-dir "$SCRATCH/a/run" --state-dir "$SCRATCH/a/state"
! on a ping -n -c 1 -W 1 10.9.0.4 || fail "--policies did not set the default policy"
ping_none a b 2
on a ip addr add 10.1.0.77/16 dev eth0
! on a ping -n -c 1 -W 1 -I 10.1.0.77 10.1.0.2 || fail "an address that came later is uncovered"
ikectl a disable
gone "--policies and disable"
