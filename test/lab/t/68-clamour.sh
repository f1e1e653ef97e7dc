# SPDX-License-Identifier: Apache-2.0
# 200 clients at the control socket, half of them mute, slow or sending garbage: handshakes go on at the same
# rate, everybody who asks properly gets an answer, and statusall comes in time. The case is how many pairs the
# asked daemon has. The others are the addresses of one host with one daemon.
# cases: 40
# long: 1000
# alone
# takes: 40
# timeout: 600
N=$1
ROUNDS=$((N > 100 ? 1 : 3)) # of handshakes: without clients, and with them
ca ca
cert instance ca
addresses=()
for ((i = 1; i <= N; i++)); do
	addresses+=("10.2.$((4 + i / 256)).$((i % 256))/16")
	echo "a 10.2.$((4 + i / 256)).$((i % 256))" >>"$SCRATCH/streams"
done
host a ikemesh 10.2.0.1/16
host b ikemesh "${addresses[@]}"
acquaint a b
configure a ipsec_subnets=10.2.4.0/22
configure b ipsec_subnets=10.2.0.1/32
start a b
SOCKET=$SCRATCH/a/run/control.sock

# down: no SA is left on a
none_left() { ikectl a status --json | grep -q '"ike_sas": 0'; }
down() {
	sed 's/.* \(.*\)/{"command":"down","peer":"\1"}/' "$SCRATCH/streams" | on a perl -MIO::Socket::UNIX -ne '
		$s = IO::Socket::UNIX->new(Peer => "'"$SOCKET"'") or die; print $s $_; $s->flush; () = <$s>'
	until_ok 30 none_left || fail 'SAs are left'
}
# handshakes: from the first packets to all until three quarters were answered (the last ones wait for a
# retransmission now and then); sets TOOK, in ms
handshakes() {
	"$FAN" -a -c 1000 -i 100 <"$SCRATCH/streams" >"$SCRATCH/fan"
	! awk '$4 == 0' "$SCRATCH/fan" | grep -q . || fail 'not all came up'
	TOOK=$(awk '{ print $5 }' "$SCRATCH/fan" | sort -n | sed -n "$((N * 3 / 4))p")
}
rate() { awk -v n="$N" '{ ms += $1 } END { printf "%.1f", NR * n * 750 / ms }' "$SCRATCH/$1"; } # in a second
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

handshakes # the first one of a kernel loads modules
: >"$SCRATCH/quiet" >"$SCRATCH/loud"
for ((i = 0; i < ROUNDS; i++)); do
	down
	handshakes
	echo "$TOOK" >>"$SCRATCH/quiet"
	down
	on a perl "$LAB_TOP/test/lab/clamour.pl" "$SOCKET" 200 "$SCRATCH/stop" >>"$SCRATCH/clamour" &
	clamour=$!
	nap 2
	handshakes
	echo "$TOOK" >>"$SCRATCH/loud"
	if [ $i = $((ROUNDS - 1)) ]; then
		nap 1
		on a perl "$LAB_TOP/test/lab/clamour.pl" "$SOCKET" 0 - >"$SCRATCH/statusall"
	fi
	touch "$SCRATCH/stop"
	wait $clamour || fail 'the clients have a fault of their own'
	rm "$SCRATCH/stop"
done
quiet=$(rate quiet) loud=$(rate loud) took=$(median <"$SCRATCH/statusall")
worst=$(sort -n "$SCRATCH/statusall" | tail -n 1)
report "handshakes a second: $quiet; with 200 clients $loud, that is $(awk "BEGIN { printf \"%.2f\", $loud / $quiet }") of it (ms: $(paste -sd' ' "$SCRATCH/quiet"); $(paste -sd' ' "$SCRATCH/loud"))"
report "statusall of $N pairs beside them: median $took ms, the slowest ${worst% *} ms, ${worst#* } octets"
while read -r line; do report "their half that asks properly: $line"; done <"$SCRATCH/clamour"
expect_alive a b
# The guest has one CPU, and the clients need some of it. Who is held up by a mute one has a tenth left.
awk "BEGIN { exit !($loud >= 0.5 * $quiet) }" || fail 'clients hold handshakes up'
awk "BEGIN { exit !($took < 100) }" || fail "statusall took $took ms"
! grep -v ' unanswered 0 ' "$SCRATCH/clamour" || fail 'somebody who asked properly got no answer'
