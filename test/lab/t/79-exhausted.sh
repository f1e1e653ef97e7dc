# SPDX-License-Identifier: Apache-2.0
# A host on which something has run out, and running traffic that notices nothing: CASE
# descriptors  the engine may open nothing more: whoever asks has to wait and is answered in the end, nobody turns
#              in circles for it, and a peer's re-authentication goes through meanwhile
# disk         state directory and log are full: what was written stays whole, what cannot be written is refused or
#              told, and all is written again once there is room
# cases: descriptors disk
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
# reauthenticates: from b's side, so that a has to answer with new SAs
reauthenticates() {
	local before
	before=$(ike_sas)
	ikectl b reauth "$(address a)" >/dev/null || fail "reauth"
	until_ok 20 eval '[ "$(ike_sas)" -gt '"$before"' ]' || fail "no new IKE SA: $(ikectl b statusall)"
}
ike_sas() { grep -c 'IKE SA .* established with' "$SCRATCH/b/log"; }

ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
if [ "$1" = disk ]; then
	mkdir "$SCRATCH/a/state"
	mount -t tmpfs -o size=64k,mode=700 tmpfs "$SCRATCH/a/state"
fi
start a b
bring_up a b

case $1 in
descriptors)
	engine=$(process a engine) free=0
	while [ -e "/proc/$engine/fd/$free" ]; do free=$((free + 1)); done
	stream a b 12 0.01
	prlimit --pid "$engine" --nofile="$free:"
	ikectl a statusall >"$SCRATCH/answer" 2>&1 &
	asker=$!
	from=$(cpu_of a)
	nap 4
	used=$(($(cpu_of a) - from))
	[ ! -s "$SCRATCH/answer" ] || fail "it was answered, so this shows nothing: $(cat "$SCRATCH/answer")"
	reauthenticates
	prlimit --pid "$engine" --nofile=1024:
	wait "$asker" || fail "who waited was not answered: $(cat "$SCRATCH/answer")"
	grep -q "$(address b)" "$SCRATCH/answer" || fail "answered with: $(cat "$SCRATCH/answer")"
	expect_log a 'whoever asks at the control socket has to wait: Too many open files'
	streamed a b
	report "without descriptors: $used ms of CPU in 4 s, $LOST of $SENT pings lost"
	[ "$LOST" = 0 ] && [ "$used" -le 400 ] || fail "lost $LOST, CPU $used ms"
	;;
disk)
	state=$SCRATCH/a/state
	sed -i "s,^log:.*,log: $state/log," "$SCRATCH/a/ikemesh.yml"
	ikectl a reload || fail "the log cannot be in the state directory"
	stream a b 15 0.01
	dd if=/dev/zero of="$state/fill" bs=1k 2>/dev/null && fail "the disk is not full"
	cp "$state/policies.yml" "$SCRATCH/policies"
	! ikectl a mode optional >"$SCRATCH/mode" 2>&1 || fail "a mode that cannot be written is in force"
	grep -q 'the mode cannot be written to .*No space left on device' "$SCRATCH/mode" || fail "mode: $(cat "$SCRATCH/mode")"
	[ ! -e "$state/mode" ] && [ ! -e "$state/mode.new" ] || fail "something of it is left: $(ls "$state")"
	for i in $(seq 30); do # the log's last page has room yet
		ikectl a reload >/dev/null || fail "reload on a full disk"
		! grep -q 'cannot be written (No space left on device)' "$SCRATCH/a/log" || break
	done
	expect_log a "the log $state/log cannot be written .No space left on device"
	cmp "$state/policies.yml" "$SCRATCH/policies" || fail "what is protected did not stay whole"
	reauthenticates
	rm "$state/fill"
	ikectl a mode optional || fail "mode, with room"
	ikectl a mode file || fail "mode file, with room"
	grep -Eq '[0-9]+ lines? could not be written here: No space left on device' "$state/log" ||
		fail "the log does not tell of the gap: $(tail -n 5 "$state/log")"
	streamed a b
	report "with a full disk: $LOST of $SENT pings lost"
	[ "$LOST" = 0 ] || fail "$LOST pings lost"
	;;
esac
expect_alive a b
expect_established a b
