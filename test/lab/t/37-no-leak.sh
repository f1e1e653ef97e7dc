# SPDX-License-Identifier: Apache-2.0
# Two enforced hosts under pings at 5 ms both ways, and one of them through all that a daemon goes through:
# kill -9, stop and start, reload, a reload of a broken file, a start with one. Not a packet in the clear.
# takes: 40
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
capture
start a b
bring_up a b
SECONDS_IN_ALL=30
stream a b $SECONDS_IN_ALL 0.005
stream b a $SECONDS_IN_ALL 0.005
moment() { nap 1; }

moment
say "reload, as it is and with another subnet"
ikectl a reload
echo "no_ipsec_subnets: [10.1.7.0/24]" >>"$SCRATCH/a/ikemesh.yml"
kill -HUP "${PID[a]}"
expect_log a 'was loaded anew'
moment

crash a
moment
start a
bring_up a b
moment

stop a
moment
say "a broken file: no start, no boot, and what the kernel has stays"
echo "ipsec_subnets: [" >"$SCRATCH/a/broken.yml"
before=$(on a ip xfrm policy list nosock)
rc=0
on a "$BIN/ikemeshd" --config "$SCRATCH/a/broken.yml" --run-dir "$SCRATCH/a/run" --state-dir "$SCRATCH/a/state" \
	>>"$SCRATCH/a/log" 2>&1 || rc=$?
[ $rc != 0 ] || fail "it started with a broken file"
[ "$(on a ip xfrm policy list nosock)" = "$before" ] || fail "a start that failed has changed the policies"
moment
rc=0
say "nor is a boot with a broken file open: what was protected last is protected again"
ip -n a link set eth0 down # as a host boots: nothing in the kernel, and no network yet
on a ip xfrm policy flush
on a "$BIN/ikemeshd" --policies --config "$SCRATCH/a/broken.yml" --run-dir "$SCRATCH/a/run" \
	--state-dir "$SCRATCH/a/state" >>"$SCRATCH/a/log" 2>&1 || rc=$?
[ $rc = 2 ] || fail "--policies with a broken file ends with $rc"
expect_log a 'what ikemeshd protected last is protected again'
[ "$(on a ip xfrm policy list nosock | wc -l)" = "$(wc -l <<<"$before")" ] || fail "not the same policies as before"
ip -n a link set eth0 up
moment
start a
bring_up a b

say "reload of a broken file"
cp "$SCRATCH/a/ikemesh.yml" "$SCRATCH/a/good.yml"
cp "$SCRATCH/a/broken.yml" "$SCRATCH/a/ikemesh.yml"
! ikectl a reload || fail "a broken file was loaded"
[ "$(on a ip xfrm policy list nosock | grep -c reqid)" = 3 ] || fail "a broken file has changed the policies"
ping_all a b
cp "$SCRATCH/a/good.yml" "$SCRATCH/a/ikemesh.yml"
crash a b
moment
start a b
bring_up a b
streamed a b
report "a to b: $ANSWERED of $SENT pings at 5 ms answered"
streamed b a
report "b to a: $ANSWERED of $SENT"
clear=$(count "host $(address a) and host $(address b) and not esp and not $IKE and not $UNHEARD and not $NEIGHBOURS")
report "$clear packets in the clear, $(count "esp") as ESP"
expect_no_clear a b
expect_esp a b
