# SPDX-License-Identifier: Apache-2.0
# The daemon is executed anew again and again (SIGUSR2, as for an upgrade) while pings at 2 ms go both
# ways with an ikemesh and a strongSwan peer, and keys are replaced every few seconds: no packet is
# lost or in the clear, nobody negotiates afresh, and afterwards rekeying and deletion still work.
# LAB_SUCCESSIONS makes it longer.
# takes: 20
# timeout: 300
TIMES=${LAB_SUCCESSIONS:-10}
ca ca
cert instance ca
configure all conn='    reauth=no'
configure a yaml=$'ike_lifetime: 11s\nesp_lifetime: 5s'
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host c strongswan 10.1.0.3/16
start a b c
for h in b c; do
	bring_up a "$h"
	ping_all a "$h" 3
done
capture
before=$(grep -cE 'established|negotiating' "$SCRATCH/a/log")
SECONDS_OF_TRAFFIC=$((TIMES * 13 / 10 + 3))
for h in b c; do
	stream a "$h" "$SECONDS_OF_TRAFFIC" 0.002
	stream "$h" a "$SECONDS_OF_TRAFFIC" 0.002
done
nap 1
pid=${PID[a]}
successors() { grep -c 'taken over from the predecessor' "$SCRATCH/a/log" || true; }
has_successors() { [ "$(successors)" -ge "$1" ]; }
for i in $(seq "$TIMES"); do
	kill -USR2 "$pid"
	until_ok 10 has_successors "$i" || fail "executed anew $i times, but $(successors) took over"
	nap 0.7
done
expect_alive a b c
[ "${PID[a]}" = "$pid" ] && kill -0 "$pid" || fail "it is another process"
lost=0 sent=0 each=()
for pair in 'a b' 'b a' 'a c' 'c a'; do
	read -r from to <<<"$pair"
	streamed "$from" "$to"
	lost=$((lost + LOST)) sent=$((sent + SENT)) each+=("$from to $to: $LOST")
done
report "$TIMES times executed anew, $(grep -c 'CHILD_SA .* installed' "$SCRATCH/a/log") CHILD_SAs and $(grep -c 'IKE SA .* rekeyed' "$SCRATCH/a/log") rekeyed IKE SAs meanwhile; $lost of $sent pings lost (${each[*]})"
[ "$lost" = 0 ] || fail "$lost of $sent pings were lost: ${each[*]}"
[ "$(grep -cE 'established|negotiating' "$SCRATCH/a/log")" = "$before" ] || fail "it negotiated afresh"
expect_no_log a 'of a former ikemeshd removed|handed over:'

# A configuration that the next one would not start with: it stays.
cp "$SCRATCH/a/ikemesh.yml" "$SCRATCH/a/good.yml"
echo 'esp_lifetime: never' >>"$SCRATCH/a/ikemesh.yml"
kill -USR2 "$pid"
expect_log a 'SIGUSR2: the program is not executed anew, .*has [0-9]+ error' 10
cp "$SCRATCH/a/good.yml" "$SCRATCH/a/ikemesh.yml"
[ "$(successors)" = "$TIMES" ] || fail "it was executed anew all the same"
kill -USR2 "$pid"
until_ok 10 has_successors $((TIMES + 1)) || fail "it was not executed anew afterwards"
for h in b c; do
	expect_no_clear a "$h"
	expect_sa a "$h"
	ikectl a rekey "$(address "$h")"
	ikectl a rekey-ike "$(address "$h")"
	ping_all a "$h" 3
	ikectl a down "$(address "$h")"
	nap 1
	! _has_sa a a "$h" || fail "the SAs with $h stay"
	bring_up a "$h"
done
