# SPDX-License-Identifier: Apache-2.0
# Something drops ESP and lets UDP pass: with `encapsulation: auto` the daemon finds out and puts ESP into UDP,
# and remembers it, over a restart too. Traffic that is one way by its nature is no such thing. The case: who
# the peers are.
# cases: ikemesh strongswan
# takes: 45
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b "$1" 10.1.0.2/16
host c "$1" 10.1.0.3/16
for h in a b; do
	on $h iptables-legacy -A INPUT -p esp -s 10.1.0.1 -j DROP
	on $h iptables-legacy -A INPUT -p esp -s 10.1.0.2 -j DROP
done
on c iptables-legacy -A INPUT -p udp --dport 514 -j DROP # c takes what comes and says nothing
start a b c

# memory PEER: what a remembers of it
memory() { ikectl a status --json "$1" | sed -n '/"encapsulation": {/,/}/ s/.*"state": "\(.*\)",*/\1/p'; }
remembers() { [ "$(memory "$1")" = "$2" ]; }

say 'the filter is found out'
on a bash -c 'for ((i = 0; i < 24; i++)); do echo log >/dev/udp/10.1.0.3/514; sleep 0.5; done' 2>/dev/null &
oneway=$!
now
began=$NOW
bring_up a b 30
now
report "answered $(((NOW - began) / 1000)) s after the first packet"
expect_status a 'ESP in UDP'
expect_log a 'ESP is filtered on the way, and passes in UDP'
until_ok 5 remembers 10.1.0.2 helps || fail "remembered is '$(memory 10.1.0.2)'"
ikectl a why 10.1.0.2 | grep -q 'plain ESP is filtered on the way' || fail "why: $(ikectl a why 10.1.0.2)"
capture
ping_all a b 10 0.05
ping_all b a 10 0.05
[ "$(count "host 10.1.0.2 and esp")" = 0 ] || fail 'there is plain ESP still'
[ "$(count "$UDP_ESP")" -ge 40 ] || fail 'there is no ESP in UDP'

say 'it is remembered'
kill -USR2 "${PID[a]}"
expect_log a 'is ready' 10
until_ok 10 remembers 10.1.0.2 helps || fail "after a restart, remembered is '$(memory 10.1.0.2)'"
ikectl a down 10.1.0.2
nap 1
bring_up a b 5
ping_all a b 10 0.05

wait $oneway
[ "$(memory 10.1.0.3)" != helps ] || fail 'traffic that is one way is taken for a filter'
[ "$1" = strongswan ] || ! grep -q '10.1.0.3.*trying it in UDP' "$SCRATCH/a/log" || fail 'a peer that counts was doubted'
report "of traffic that is one way: $(memory 10.1.0.3 | grep . || echo nothing) remembered"
expect_alive a b c
