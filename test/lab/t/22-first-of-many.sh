# SPDX-License-Identifier: Apache-2.0
# The kernel holds first packets in one queue a policy, tries only the head, and drops what finds no SA once
# the head has its own. many: one packet to each of several peers at once, the first of them the quickest:
# all arrive. dead: the first is to a host that does not answer; the others do not wait for it.
# cases: many dead
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host c strongswan 10.1.0.3/16
host d ikemesh 10.1.0.4/16
if [ "$1" = dead ]; then
	KIND[b]=plain
	start a c d
else
	start a b c d
	netem c delay 20ms
	netem d delay 60ms
fi
capture
on a bash -c '
	ping -c 1 -W 5 10.1.0.2 >"$0.b" 2>&1 &
	sleep 0.02 # the head of the queue
	ping -c 1 -W 5 10.1.0.3 >"$0.c" 2>&1 &
	ping -c 1 -W 5 10.1.0.4 >"$0.d" 2>&1 &
	wait' "$SCRATCH/first"
for peer in b c d; do
	ms=$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$SCRATCH/first.$peer")
	report "$peer: $([ -n "$ms" ] && echo "answered after $ms ms" || echo "not answered")"
	if [ "$1$peer" = deadb ]; then
		[ -z "$ms" ] || fail "b answered: this has shown nothing"
		continue
	fi
	[ -n "$ms" ] || fail "the first packet to $peer is lost"
	[ "${ms%.*}" -lt 1000 ] || fail "the first packet to $peer waited $ms ms"
done
# A plain b says in the clear that nobody listens there.
[ "$1" = dead ] || expect_no_clear a b
expect_no_clear a c
expect_no_clear a d
expect_alive a d
