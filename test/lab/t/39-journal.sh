# SPDX-License-Identifier: Apache-2.0
# `journalctl -u ikemesh PEER=10.1.0.2` on a machine with systemd as PID 1: one pair's story, in order, with
# its fields: traffic asks, IKE_SA_INIT, IKE_AUTH, CHILD_SA up, rekeyed, the peer leaves, and comes back with a
# certificate of another CA. Another peer's messages are not in it. Then a log file: moved away, as logrotate
# does, and opened anew by SIGHUP, in the sandbox of the unit.
# boots
# timeout: 240
. "$LAB_TOP/test/lab/certs.sh"
ca ca
ca stranger
cert instance ca
cert other stranger
machine m
install m
files=$SCRATCH/m/files
cp "$CERTS"/{instance,other}.{pem,key} "$CERTS"/ca.pem "$CERTS"/stranger.pem "$files/etc/ikemesh/"
cat >"$files/etc/ikemesh/ikemesh.yml" <<'YML'
ipsec_subnets: [10.1.0.0/16]
instance_certificate: /etc/ikemesh/instance.pem
instance_private_key: /etc/ikemesh/instance.key
ca_certificates: [/etc/ikemesh/ca.pem]
log: journal
YML
mkdir -p "$files/usr/local/sbin"
unit m lab-network.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service ikemesh-policy.service
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash -e /usr/local/sbin/lab-network
UNIT
cat >"$files/usr/local/sbin/lab-network" <<'SH'
ip netns add peer
ip link add eth0 type veth peer name eth0 netns peer
ip -n peer link set lo up
ip -n peer link set eth0 up
ip -n peer addr add 10.1.0.2/16 dev eth0
ip -n peer addr add 10.1.0.3/16 dev eth0
ip link set eth0 up
ip addr add 10.1.0.1/16 dev eth0
SH
unit m lab-end.service <<'UNIT'
[Unit]
After=ikemesh.service multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-end
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-end" <<'SH'
peer() { # CONFIGURATION
	ip netns exec peer /usr/sbin/ikemeshd --config "$1" --run-dir /run/peer --state-dir /run/peer-state 2>>/lab/peer.log &
	PEER=$!
	until [ -S /run/peer/control.sock ]; do sleep 0.1; done
}
told() { # FIELD…: waits until the journal has such a message
	for i in $(seq 100); do
		sleep 0.1
		! journalctl -q -u ikemesh "$@" -o cat | grep -q . || return 0
	done
	echo "nothing was said with $*" >>/lab/trouble
}
sed 's/^log:.*/log: stderr/' /etc/ikemesh/ikemesh.yml >/run/peer.yml
sed 's,instance\.,other.,; s,^ca_cert.*,ca_certificates: [/etc/ikemesh/ca.pem\, /etc/ikemesh/stranger.pem],' /run/peer.yml >/run/stranger.yml
peer /run/peer.yml
ping -n -c 3 -i 0.1 -W 5 10.1.0.2 >/lab/first
ping -n -c 3 -i 0.1 -W 5 10.1.0.3 >/lab/second
ikectl rekey 10.1.0.2
told PEER=10.1.0.2 EXCHANGE=CREATE_CHILD_SA
sleep 0.5
kill $PEER
wait $PEER
told PEER=10.1.0.2 REASON=peer-deleted
rm -f /run/peer/control.sock
peer /run/stranger.yml
ping -n -c 1 -W 3 10.1.0.2 >/lab/third
told PEER=10.1.0.2 REASON=wrong-ca
journalctl -q -u ikemesh PEER=10.1.0.2 -o export >/lab/export
journalctl -q -u ikemesh PEER=10.1.0.2 -o short-precise --no-hostname >/lab/story
ikectl log net debug --for 10m >/lab/levels
ikectl log >>/lab/levels

sed -i 's,^log:.*,log: /var/log/ikemesh/ikemesh.log,' /etc/ikemesh/ikemesh.yml
ikectl reload >>/lab/levels
ikectl log net info >/dev/null
mv /var/log/ikemesh/ikemesh.log /var/log/ikemesh/ikemesh.log.1
systemctl kill --kill-whom=main --signal=HUP ikemesh.service
for i in $(seq 100); do [ ! -s /var/log/ikemesh/ikemesh.log ] || break; sleep 0.1; done
sleep 0.5
ikectl log net notice >/dev/null
cp /var/log/ikemesh/ikemesh.log /lab/file
cp /var/log/ikemesh/ikemesh.log.1 /lab/file.1
SH
enable m lab-network.service sysinit.target
enable m lab-end.service multi-user.target
enable m ikemesh-policy.service sysinit.target
enable m ikemesh.service multi-user.target
boot m

at=$SCRATCH/m
[ ! -e "$at/trouble" ] || fail "$(cat "$at/trouble"); $(grep -a ikemesh "$at/journal" | tail -n 20)"
sed 's/^/        /' "$at/story"
# AREA EXCHANGE MESSAGE_ID REASON MESSAGE, one a line; what is not there is -.
awk 'BEGIN { RS = ""; FS = "\n" }
	{ split("", f); for (i = 1; i <= NF; i++) { n = index($i, "="); f[substr($i, 1, n - 1)] = substr($i, n + 1) }
	print given(f["AREA"]), given(f["EXCHANGE"]), given(f["MESSAGE_ID"]), given(f["REASON"]), given(f["PEER"]), f["MESSAGE"] }
	function given(v) { return v == "" ? "-" : v }' "$at/export" >"$SCRATCH/fields"
in_order() { # REGEX…: lines of the story, each behind the one before
	local regex line=0 next
	for regex; do
		next=$(awk -v after=$line -v r="$regex" 'NR > after && $0 ~ r { print NR; exit }' "$SCRATCH/fields")
		[ -n "$next" ] || fail "no /$regex/ behind line $line of: $(cat "$SCRATCH/fields")"
		line=$next
	done
}
in_order \
	'^xfrm - - - 10.1.0.2 .*the kernel asks for an SA' \
	'^ike IKE_SA_INIT 0 - 10.1.0.2 .*peer answers: AES_' \
	'^ike IKE_AUTH 1 - 10.1.0.2 .*IKE SA .* established with ' \
	'^child - - - 10.1.0.2 .*CHILD_SA .* installed with SPIs' \
	'^child CREATE_CHILD_SA [0-9]+ - 10.1.0.2 .*rekeyed' \
	'^ike INFORMATIONAL [0-9]+ peer-deleted 10.1.0.2 .*peer deleted IKE SA' \
	'^ike IKE_SA_INIT 0 - 10.1.0.2 .*peer answers' \
	'^auth IKE_AUTH 1 wrong-ca 10.1.0.2 .*negotiation failed: '
! grep -v ' 10\.1\.0\.2 ' "$SCRATCH/fields" || fail "another peer's message is in it"
grep -aq '10\.1\.0\.3: IKE SA .* established' "$at/journal" || fail "the other peer was not heard of"
grep -q '^IKE_SPI=[0-9a-f]\{16\}_i [0-9a-f]\{16\}_r' "$at/export" || fail "no IKE_SPI: $(head -n 40 "$at/export")"
report "$(wc -l <"$SCRATCH/fields") messages of PEER=10.1.0.2, in order: asked, IKE_SA_INIT, IKE_AUTH, CHILD_SA, rekeyed, peer-deleted, wrong-ca"
grep -Eq '^net +debug .*; info again in [0-9]+ (minutes|seconds)' "$at/levels" || fail "ikectl log: $(cat "$at/levels")"
grep -q 'log level of net is info' "$at/file.1" && grep -q 'log level of net is notice' "$at/file" &&
	! grep -q 'log level of net is info' "$at/file" ||
	fail "the file was not opened anew: $(cat "$at/file.1"); then $(cat "$at/file"); $(grep -a ikemesh "$at/journal" | tail -n 8)"
report "the log file was moved away and opened anew: $(wc -l <"$at/file.1") and $(wc -l <"$at/file") lines"
