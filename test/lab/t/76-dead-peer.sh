# SPDX-License-Identifier: Apache-2.0
# Host b is reset: its daemon is killed, its kernel's policies and SAs are gone, and 2 s later it starts
# anew. Host a keeps sending, and b has nothing of its own to send: a has to find out. Traffic is back
# within dpd_timeout + 1 s of b's start, as packets that get no answer are the only sign of it.
# Before that, idle pairs: with dpd_delay at 2 s not one packet passes. The case is what b is.
# LAB_IDLE_SECONDS=60 is the long run.
# cases: ikemesh strongswan
# takes: 50
IDLE=${LAB_IDLE_SECONDS:-12} DELAY=2 TIMEOUT=6
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b "$1" 10.1.0.2/16
configure all yaml=$'dpd_delay: '$DELAY$'s\ndpd_timeout: '$TIMEOUT's'
start a b
bring_up a b
ping_all a b 3
nap 3 # the tail of the handshake, and a last look at the counters
capture
nap "$IDLE"
seen=$(captured "host 10.1.0.1 and host 10.1.0.2 and not $NEIGHBOURS")
[ -z "$seen" ] || fail "an idle pair sent: $(head -n 5 <<<"$seen") ($(wc -l <<<"$seen") packets)"
expect_established a

# The times of the last answer and of the first one after the reset, from ping's own numbers.
stream a b $((TIMEOUT + 10)) 0.05
nap 2
crash b
on b ip xfrm state flush
on b ip xfrm policy flush
say "b has forgotten everything"
nap 2
answered() { grep -c 'time=' "$SCRATCH/a/stream-b" || true; }
start b
now
started=$NOW before=$(answered)
again() { [ "$(answered)" -gt "$before" ]; }
until_ok $((TIMEOUT + 1)) again || fail "no traffic $((TIMEOUT + 1)) s after b's start: $(status a)"
now
back=$((NOW - started))
nap 1
kill -INT "${PID[stream-a-b]}"
streamed a b
report "not one packet in $IDLE idle seconds; traffic is back $back ms after the start of the host that was reset, $LOST of $SENT pings at 50 ms lost"
expect_silent a b # b, while it has no policies, says that nobody listens on port 500
ping_all b a 5
expect_alive a b
