# SPDX-License-Identifier: Apache-2.0
# systemctl restart, again and again, on a machine with systemd as PID 1, while pings at 2 ms go both ways
# with a peer: the next ikemeshd goes on with the same SAs, no packet is lost, nobody negotiates afresh,
# and nothing is in the clear. The same with a reload, with kill -9, and with SIGSTOP, which the watchdog
# ends. At last a stop, after which the peer knows that the SAs are gone. LAB_RESTARTS makes it longer.
# All this in the sandbox of the unit, which `systemd-analyze security` rates.
# boots
# timeout: 360
TIMES=${LAB_RESTARTS:-5}
. "$LAB_TOP/test/lab/certs.sh"
ca ca
cert instance ca
machine m
install m
files=$SCRATCH/m/files
cp "$CERTS"/instance.pem "$CERTS"/instance.key "$CERTS"/ca.pem "$files/etc/ikemesh/"
cat >"$files/etc/ikemesh/ikemesh.yml" <<'YML'
ipsec_subnets: [10.1.0.0/16]
instance_certificate: /etc/ikemesh/instance.pem
instance_private_key: /etc/ikemesh/instance.key
ca_certificates: [/etc/ikemesh/ca.pem]
esp_lifetime: 7s
ike_lifetime: 17s
YML
mkdir -p "$files/usr/local/sbin" "$files/etc/systemd/system/ikemesh.service.d"
printf '[Service]\nWatchdogSec=2\n' >"$files/etc/systemd/system/ikemesh.service.d/watchdog.conf"
unit m lab-network.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service ikemesh-policy.service
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
ExecStart=/bin/bash -e /usr/local/sbin/lab-network
UNIT
cat >"$files/usr/local/sbin/lab-network" <<'SH'
ip netns add peer
ip link add eth0 type veth peer name eth0 netns peer
ip -n peer link set lo up
ip -n peer link set eth0 up
ip -n peer addr add 10.1.0.2/16 dev eth0
ip link set eth0 up
ip addr add 10.1.0.1/16 dev eth0
ip netns exec peer tcpdump -i eth0 -n -Z root -U --immediate-mode -w /lab/wire.pcap 2>/lab/tcpdump.log &
until grep -q 'listening on' /lab/tcpdump.log; do sleep 0.05; done
SH
unit m lab-end.service <<'UNIT'
[Unit]
After=ikemesh.service multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-end
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-end" <<SH
TIMES=$TIMES
SH
cat >>"$files/usr/local/sbin/lab-end" <<'SH'
sed 's/esp_lifetime.*/log: stderr/; s/^ike_lifetime.*//' /etc/ikemesh/ikemesh.yml >/run/peer.yml
ip netns exec peer /usr/sbin/ikemeshd --config /run/peer.yml --run-dir /run/peer --state-dir /run/peer-state 2>/lab/peer.log &
until [ -S /run/peer/control.sock ]; do sleep 0.1; done
ping -n -c 5 -i 0.1 -W 5 10.1.0.2 >/lab/first
pings() { # NAME
	ping -n -i 0.002 10.1.0.2 >"/lab/$1-out" 2>&1 &
	local out=$!
	ip netns exec peer ping -n -i 0.002 10.1.0.1 >"/lab/$1-in" 2>&1 &
	PINGS="$out $!"
}
pings_end() { sleep 0.3; kill -INT $PINGS; wait $PINGS; }
negotiated() { grep -c 'IKE SA .* established' /lab/peer.log; }
negotiated >/lab/before
pings restart
sleep 0.5
for i in $(seq $TIMES); do
	systemctl restart ikemesh || echo "restart $i failed" >>/lab/trouble
	sleep 0.7
done
systemctl reload ikemesh || echo "reload failed" >>/lab/trouble
sleep 0.5
pings_end
negotiated >/lab/after
systemctl show -p NFileDescriptorStore ikemesh >/lab/store
pings kill
sleep 0.5
for i in $(seq $TIMES); do
	systemctl kill -s KILL ikemesh
	sleep 0.5
	until systemctl -q is-active ikemesh; do sleep 0.1; done
	sleep 0.5
done
pings_end
negotiated >/lab/after-kill
pings watchdog
sleep 0.5
systemctl show -p NRestarts --value ikemesh >/lab/restarts-before
before=$(systemctl show -p MainPID --value ikemesh)
kill -STOP $before
for i in $(seq 100); do
	now=$(systemctl show -p MainPID --value ikemesh)
	[ "$now" = $before ] || [ "$now" = 0 ] || ! systemctl -q is-active ikemesh || break
	sleep 0.1
done
sleep 3
pings_end
[ "$(systemctl show -p MainPID --value ikemesh)" = "$now" ] || echo "the watchdog's is not the last one" >>/lab/trouble
negotiated >/lab/after-watchdog
systemd-analyze security --no-pager ikemesh 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: //p' >/lab/score
systemd-analyze security --no-pager ikemesh-policy 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: //p' >/lab/score-policy
grep -E '^(Uid|VmLck|CapBnd|CapEff|NoNewPrivs|Seccomp):' "/proc/$now/status" >/lab/process
cmp /run/credentials/ikemesh.service/modules.builtin "/lib/modules/$(uname -r)/modules.builtin" || echo "no modules.builtin in the sandbox" >>/lab/trouble
grep . /proc/sys/net/core/xfrm_larval_drop /proc/sys/net/core/xfrm_acq_expires >/lab/sysctls
systemctl is-active ikemesh >/lab/active
systemctl stop ikemesh
sleep 0.5
ip netns exec peer ip xfrm state list >/lab/peer-states
ip xfrm state list >/lab/states
ip xfrm policy list nosock >/lab/policies
SH
enable m lab-network.service sysinit.target
enable m lab-end.service multi-user.target
enable m ikemesh-policy.service sysinit.target
enable m ikemesh.service multi-user.target
boot m

at=$SCRATCH/m
lost() { # FILE: sets SENT, LOST: what has no answer although a later one has; the rest may be under way
	read -r SENT LOST < <(awk '
		/icmp_seq=.*time=/ { sub(/.*icmp_seq=/, ""); if (!($1 in seen)) n++; seen[$1] = 1; if ($1 + 0 > last) last = $1 + 0 }
		END { print last + 0, last - n }' "$at/$1")
	[ "$SENT" -gt 100 ] || fail "$1: $(tail -n 3 "$at/$1")"
}
journal() { grep -a ikemesh "$at/journal" | tail -n "${1:-15}"; }
[ ! -e "$at/trouble" ] || fail "$(cat "$at/trouble"); $(journal)"
lost restart-out
out="$LOST of $SENT"
lost restart-in
in="$LOST of $SENT"
taken=$(grep -acE 'taken over from the predecessor: [1-9] IKE SA' "$at/journal" || true)
report "$TIMES restarts and a reload: $out pings out lost, $in pings in; $(($(cat "$at/after") - $(cat "$at/before"))) new negotiations; $taken successors took the SAs over"
[ "${out%% *}" = 0 ] && [ "${in%% *}" = 0 ] || fail "lost: $out out, $in in; $(journal)"
[ "$(cat "$at/after")" = "$(cat "$at/before")" ] || fail "they negotiated afresh: $(journal)"
[ "$taken" -ge "$TIMES" ] || fail "only $taken successors took over: $(journal)"
lost kill-out
out="$LOST of $SENT"
lost kill-in
died=$(grep -acE 'predecessor, which died: [1-9] IKE SA' "$at/journal" || true)
report "$TIMES times kill -9: $out pings out lost, $LOST of $SENT in; $(($(cat "$at/after-kill") - $(cat "$at/after"))) new negotiations; $died successors took the SAs over"
[ "${out%% *}" = 0 ] && [ "$LOST" = 0 ] && [ "$died" -ge "$TIMES" ] || fail "after kill -9: $(journal 40)"
lost watchdog-out
out="$LOST of $SENT"
lost watchdog-in
grep -aq 'Watchdog timeout' "$at/journal" || fail "the watchdog saw nothing: $(journal 40)"
[ "$died" -gt "$TIMES" ] ||
	fail "nobody took over from the one that hung: $(journal 40)"
report "SIGSTOP, and the watchdog: $out pings out lost, $LOST of $SENT in; $(($(cat "$at/after-watchdog") - $(cat "$at/after-kill"))) new negotiations"
[ "${out%% *}" = 0 ] && [ "$LOST" = 0 ] || fail "after the watchdog: $(journal 40)"
report "systemd-analyze security: ikemesh $(cat "$at/score"), ikemesh-policy $(cat "$at/score-policy"); $(tr -s '\t\n' ' ' <"$at/process")"
read -r score _ <"$at/score"
[ "${score/./}" -le 20 ] || fail "the sandbox is weak: $(cat "$at/score")"
grep -q '^Uid:.990' "$at/process" && grep -q '^CapEff:.0*1000$' "$at/process" || fail "more than least privilege: $(cat "$at/process")"
grep -q '^Seccomp:.2' "$at/process" && grep -q '^NoNewPrivs:.1' "$at/process" || fail "no sandbox: $(cat "$at/process")"
grep -Eq '^VmLck:.*[1-9]' "$at/process" || fail "its memory is not locked: $(cat "$at/process")"
[ "$(tr '\n' ' ' <"$at/sysctls")" = '/proc/sys/net/core/xfrm_larval_drop:0 /proc/sys/net/core/xfrm_acq_expires:3 ' ] || fail "$(cat "$at/sysctls")"
! grep -aE 'Read-only file system|Operation not permitted|Permission denied' "$at/journal" | grep -a ikemesh || fail "the sandbox is too small"
[ "$(cat "$at/active")" = active ] || fail "it was not started again: $(journal)"
clear=$(tcpdump -n -r "$at/wire.pcap" 'host 10.1.0.1 and ip and not esp and not (udp port 500 or udp port 4500)' 2>/dev/null | wc -l)
[ "$clear" = 0 ] || fail "$clear packets in the clear"
! grep -E '^\s(aead|enc) ' "$at/states" "$at/peer-states" || fail "SAs are left after the stop"
grep -q . "$at/policies" || fail "the policies went with the stop"
say "nothing in the clear; stopped, the SAs are gone on both sides, and the policies stay"
