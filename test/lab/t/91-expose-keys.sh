# SPDX-License-Identifier: Apache-2.0
# --expose-keys: the keys of IKE and ESP are in files of root's alone, the daemon says so wherever anybody looks,
# and none of them is in its log, which says all that it can. The long form gives capture and files to Wireshark
# (package tshark), which reads IKE_AUTH and the pings with them.
# cases: ikemesh
# long: tshark
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
peer=b
if [ "$1" = tshark ]; then
	command -v tshark >/dev/null || skip "tshark is not installed"
	host c strongswan 10.1.0.3/16
	peer="b c"
fi
keys=$SCRATCH/keys
configure a arguments="--expose-keys $keys --log-level debug"
capture
start a $peer
for p in $peer; do
	ping_all a "$p" 5 0.05
done
ikectl a rekey-ike "$(address b)"
until_ok 10 eval '[ "$(wc -l <"$keys/ikev2_decryption_table")" -ge 2 ]' || fail "no keys of the rekeyed IKE SA: $(cat "$keys"/*)"
ping_all a b 3 0.05
for f in . ikev2_decryption_table esp_sa; do
	mode=$(stat -c '%U %a' "$keys/$f")
	case $f in .) [ "$mode" = 'root 700' ] ;; *) [ "$mode" = 'root 600' ] ;; esac || fail "$f is $mode"
done
[ "$(wc -l <"$keys/esp_sa")" -ge 2 ] || fail "$(cat "$keys/esp_sa")"
status a | grep -q "ALL KEYS ARE WRITTEN TO $keys" || fail "statusall says nothing of it"
ikectl a doctor >"$SCRATCH/doctor" || true
grep -q "all keys of IKE and ESP are written to $keys" "$SCRATCH/doctor" || fail "doctor says nothing of it: $(cat "$SCRATCH/doctor")"
expect_log a "ALL KEYS OF IKE AND ESP ARE WRITTEN TO $keys"
grep -q ' debug: ' "$SCRATCH/a/log" || fail "nothing was said at level debug"
n=0
for key in $(grep -ohE '[0-9a-f]{32,}' "$keys/ikev2_decryption_table" "$keys/esp_sa"); do
	n=$((n + 1))
	! grep -iq "${key:0:16}" "$SCRATCH/a/log" || fail "a key is in the log: $(grep -i "${key:0:16}" "$SCRATCH/a/log")"
done
[ "$n" -ge 10 ] || fail "only $n keys"
report "$n keys exposed, root's alone; none of them in $(wc -l <"$SCRATCH/a/log") lines of log"

# Another one's directory is refused, and nothing starts.
stop a
chmod 755 "$keys"
start_refused=0
nsenter --net=/run/netns/a "$BIN/ikemeshd" --config "$SCRATCH/a/ikemesh.yml" --run-dir "$SCRATCH/a/run" --state-dir "$SCRATCH/a/state" \
	--expose-keys "$keys" >"$SCRATCH/refused" 2>&1 || start_refused=$?
[ $start_refused = 1 ] && grep -q "must be root's, with mode 0700" "$SCRATCH/refused" || fail "it started, or did not say why not ($start_refused): $(cat "$SCRATCH/refused")"
chmod 700 "$keys"
[ "$1" = tshark ] || exit 0

read_with_keys() { # FILTER FIELD…
	local filter=$1 f fields=()
	shift
	for f; do fields+=(-e "$f"); done
	WIRESHARK_CONFIG_DIR=$keys tshark -r "$SCRATCH/wire.pcap" -o esp.enable_encryption_decode:TRUE -Y "$filter" -T fields "${fields[@]}" 2>"$SCRATCH/tshark.log"
}
for p in $peer; do
	read_with_keys "isakmp.exchangetype == 35 && ip.addr == $(address "$p")" ip.src isakmp.typepayload | sort -u >"$SCRATCH/auth-$p"
	sed "s/^/        /" "$SCRATCH/auth-$p"
	# 39: Authentication, 44: traffic selectors; inside the payload that is encrypted
	for from in "$(address a)" "$(address "$p")"; do
		grep "^$from" "$SCRATCH/auth-$p" | grep -q '39.*44' || fail "IKE_AUTH of $from was not read: $(cat "$SCRATCH/auth-$p" "$SCRATCH/tshark.log")"
	done
	n=$(read_with_keys "esp && icmp && ip.addr == $(address "$p")" icmp.seq | wc -l)
	[ "$n" -ge 10 ] || fail "only $n pings with $p were read: $(cat "$SCRATCH/tshark.log")"
	report "tshark reads IKE_AUTH both ways and $n pings with ${KIND[$p]}"
done
