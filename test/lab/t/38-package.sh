# SPDX-License-Identifier: Apache-2.0
# The Debian package on a machine with systemd as PID 1, from its installation to its purge: nothing starts
# before it is configured; enable and start, pings as ESP with the key by LoadCredential=, a reload, a
# restart, and an upgrade to a higher version under pings at 2 ms both ways, of which none is lost, with no
# new negotiation; ikemesh.target waits for a peer; stop; and a purge leaves nothing.
# boots
# timeout: 480
# takes: 60
. "$LAB_TOP/test/lab/certs.sh"
deb=$(ls "$LAB_TOP"/build/deb/ikemesh_*.deb 2>/dev/null | tail -n 1)
[ -n "$deb" ] || fail "there is no package: ./run deb"
ca ca
cert instance ca
cert renewed ca
machine m
files=$SCRATCH/m/files
mkdir -p "$files/root/debs" "$files/root/keys" "$files/usr/local/sbin"
cp "$deb" "$files/root/debs/old.deb"
dpkg-deb -R "$deb" "$SCRATCH/higher"
sed -i 's/^Version: .*/&+1/' "$SCRATCH/higher/DEBIAN/control"
dpkg-deb --root-owner-group -Znone -b "$SCRATCH/higher" "$files/root/debs/new.deb" >/dev/null
cp "$CERTS"/instance.pem "$CERTS"/ca.pem "$CERTS"/instance.key "$CERTS"/renewed.pem "$CERTS"/renewed.key \
	"$files/root/keys/"
cat >"$files/root/keys/ikemesh.yml" <<'YML'
ipsec_subnets: [10.1.0.0/16]
instance_certificate: /etc/ikemesh/instance.pem
instance_private_key: /run/credentials/ikemesh-keyholder.service/instance.key
ca_certificates: [/etc/ikemesh/ca.pem]
metrics_listen: 9500
control_group: ikemesh
YML
unit m lab-main.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-main
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-main" <<'SH'
export DEBIAN_FRONTEND=noninteractive
trouble() { echo "$*" >>/lab/trouble; }
sysctls() { cat /proc/sys/net/core/xfrm_larval_drop /proc/sys/net/core/xfrm_acq_expires; }
ours() { find / -xdev \( -path /proc -o -path /sys -o -path /lab -o -path /old -o -path /root \) -prune -o -name '*ike*mesh*' -print -o -name '*ikectl*' -print 2>/dev/null; }
ours >/lab/ours-before
sysctls >/lab/sysctls-before
ip netns add peer
ip link add eth0 type veth peer name eth0 netns peer
ip -n peer link set lo up
ip -n peer link set eth0 up
ip -n peer addr add 10.1.0.2/16 dev eth0
ip link set eth0 up
ip addr add 10.1.0.1/16 dev eth0
ip netns exec peer tcpdump -i eth0 -n -Z root -U --immediate-mode -w /lab/wire.pcap 2>/lab/tcpdump.log &

apt-get install -y /root/debs/old.deb >/lab/apt-install 2>&1 || trouble "not installed"
systemctl is-enabled ikemesh ikemesh-policy ikemesh.target >/lab/enabled
systemctl is-active ikemesh ikemesh-policy ikemesh.target >/lab/active
ip xfrm policy list nosock | grep -c priority >/lab/policies-installed
[ "$(ikectl --version)" = "ikectl $(dpkg-query -W -f '${Version}' ikemesh)" ] || trouble "the package has another version than the program"
stat -c %a /etc/ikemesh >/lab/mode
cp /root/keys/instance.pem /root/keys/ca.pem /root/keys/ikemesh.yml /etc/ikemesh/
mkdir -p /etc/systemd/system/ikemesh-keyholder.service.d /etc/systemd/system/ikemesh-wait.service.d
printf '[Service]\nLoadCredential=instance.key:/root/keys/instance.key\n' >/etc/systemd/system/ikemesh-keyholder.service.d/key.conf
printf '[Service]\nEnvironment="IKEMESH_WAIT=--peers 10.1.0.2 --timeout 60s"\n' >/etc/systemd/system/ikemesh-wait.service.d/peers.conf
systemctl daemon-reload
sed 's|/run/credentials.*|/root/keys/instance.key|; /^metrics_listen/d; $ a log: stderr' /etc/ikemesh/ikemesh.yml >/run/peer.yml
(sleep 1; exec ip netns exec peer /usr/sbin/ikemeshd --config /run/peer.yml --run-dir /run/peer --state-dir /run/peer-state 2>/lab/peer.log) &
systemctl enable --now ikemesh 2>/lab/enable || trouble "not started"
systemctl start ikemesh.target || trouble "the target was not reached"
ikectl wait --peers 10.1.0.2 --timeout 1s || trouble "the target came before the peer"
ikectl wait --peers 7 --timeout 2s 2>/lab/wait
echo "status $?" >>/lab/wait
ping -n -c 5 -i 0.1 -W 5 10.1.0.2 >/lab/first
systemctl enable --now ikemesh-exporter 2>>/lab/enable || trouble "no exporter"
for i in {1..50}; do
	timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9500 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3' >/lab/scraped 2>/dev/null && break
	sleep 0.2
done
systemctl show -p MainPID --value ikemesh-exporter | xargs -I PID grep -E '^(Uid|CapBnd|Seccomp):' /proc/PID/status >/lab/exporter
systemd-analyze security --no-pager ikemesh-exporter 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: //p' >/lab/score-exporter
negotiated() { grep -c 'IKE SA .* established' /lab/peer.log; }
negotiated >/lab/negotiated-before
ping -n -i 0.002 10.1.0.2 >/lab/stream-out 2>&1 &
streams=$!
ip netns exec peer ping -n -i 0.002 10.1.0.1 >/lab/stream-in 2>&1 &
streams+=" $!"
sleep 0.5
systemctl reload ikemesh || trouble "not reloaded"
cp /etc/ikemesh/ikemesh.yml /run/good.yml
echo 'esp_lifetime: often' >>/etc/ikemesh/ikemesh.yml
systemctl reload ikemesh 2>/lab/reload-refused && trouble "a reload that was refused went well"
cp /run/good.yml /etc/ikemesh/ikemesh.yml
sleep 0.5
systemctl restart ikemesh || trouble "not restarted"
sleep 0.5
pids() { systemctl show -p MainPID --value "$@" | tr '\n' ' '; }
before=$(pids ikemesh ikemesh-keyholder)
apt-get install -y /root/debs/new.deb >/lab/apt-upgrade 2>&1 || trouble "not upgraded"
sleep 0.5
kill -INT $streams; wait $streams
after=$(pids ikemesh ikemesh-keyholder)
[ "${before%% *}" != "${after%% *}" ] || trouble "the upgrade restarted nothing"
[ "${before#* }" != "${after#* }" ] || trouble "the upgrade left the old keyholder"
for unit in ikemesh ikemesh-keyholder; do
	pid=$(systemctl show -p MainPID --value $unit)
	echo "$unit: user $(stat -c %U "/proc/$pid") $(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -s '\t\n' ' ')"
done >/lab/processes
ls -ldn /run/ikemesh /run/ikemesh/* /var/lib/ikemesh /var/lib/ikemesh/* >/lab/owners
# An agent renews the certificate: two files, a second apart.
chmod 600 /run/ikemesh/control.sock # as it is without control_group
systemctl enable --now ikemesh-reload.path 2>>/lab/enable || trouble "no path unit"
serial() { ikectl --json certs | sed -n 's/.*"serial": "\(.*\)".*/\1/p' | head -n 1; }
serial >/lab/serials
cp /root/keys/renewed.key /root/keys/instance.key
sed -i 's|/run/credentials/[^ ]*|/etc/ikemesh/instance.key|' /etc/ikemesh/ikemesh.yml
install -m 600 /root/keys/renewed.key /etc/ikemesh/instance.key
sleep 1
cp /root/keys/renewed.pem /etc/ikemesh/instance.pem
for i in {1..60}; do
	[ "$(serial)" = "$(head -n 1 /lab/serials)" ] || break
	sleep 0.2
done
serial >>/lab/serials
systemctl show -p Result --value ikemesh-reload >>/lab/serials
systemctl -q is-active ikemesh.target ikemesh-wait || trouble "a restart took the target down"
dpkg-query -W -f '${Version}\n' ikemesh >/lab/version
negotiated >/lab/negotiated-after
ikectl reset 10.1.0.2 >/dev/null # so that the keyholder has signed
ping -n -c 5 -i 0.1 -W 5 10.1.0.2 >/lab/again || trouble "no pings after the upgrade: $(tail -n 2 /lab/again)"
sysctls >/lab/sysctls-running
for unit in ikemesh ikemesh-keyholder ikemesh-policy ikemesh-wait ikemesh-exporter; do
	echo "$unit $(systemd-analyze security --no-pager $unit 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')"
done >/lab/scores
systemctl stop ikemesh || trouble "not stopped"
ip xfrm policy list nosock | grep -c priority >/lab/policies-stopped
ip xfrm state list | grep -c reqid >/lab/states-stopped
systemctl start ikemesh || trouble "not started again"
rm -rf /etc/systemd/system/ikemesh-keyholder.service.d /etc/systemd/system/ikemesh-wait.service.d
apt-get purge -y ikemesh >/lab/apt-purge 2>&1 || trouble "not purged"
getent passwd ikemesh >/lab/user-after
ours >/lab/ours-after
systemctl list-units --all --no-legend 'ikemesh*' >/lab/units-after
ip xfrm policy list nosock | grep -c priority >/lab/policies-purged
ip xfrm state list | grep -c reqid >/lab/states-purged
sysctls >/lab/sysctls-after
dpkg-query -W ikemesh >/lab/dpkg-after 2>&1
: >/lab/done
SH
enable m lab-main.service multi-user.target
boot m

at=$SCRATCH/m
one() { tr '\n' ' ' <"$at/$1" | sed 's/ $//'; }
journal() { grep -a ikemesh "$at/journal" | tail -n "${1:-20}"; }
lost() { # FILE
	read -r SENT LOST < <(awk '
		/icmp_seq=.*time=/ { sub(/.*icmp_seq=/, ""); if (!($1 in seen)) n++; seen[$1] = 1; if ($1 + 0 > last) last = $1 + 0 }
		END { print last + 0, last - n }' "$at/$1")
	[ "$SENT" -gt 100 ] || fail "$1: $(tail -n 3 "$at/$1")"
}
[ -e "$at/done" ] || fail "it did not come to its end: $(journal)"
[ ! -e "$at/trouble" ] || fail "$(one trouble); $(tail -n 5 "$at"/apt-*); $(journal)"
[ "$(one enabled)" = 'disabled disabled static' ] && [ "$(one active)" = 'inactive inactive inactive' ] && [ "$(one policies-installed)" = 0 ] ||
	fail "the installation alone started something: $(one enabled), $(one active), $(one policies-installed) policies"
[ "$(one mode)" = 700 ] || fail "/etc/ikemesh has mode $(one mode)"
say "installed: nothing enabled, nothing started"
grep -q ' 0% packet loss' "$at/first" || fail "no pings: $(tail -n 3 "$at/first"); $(journal)"
[ "$(tcpdump -n -r "$at/wire.pcap" esp 2>/dev/null | wc -l)" -ge 10 ] || fail "no ESP"
grep -q 'waiting for peers: 1 of 7 are up' "$at/wait" && grep -q 'status 1' "$at/wait" || fail "ikectl wait: $(one wait)"
say "enabled and started, the key by LoadCredential=; the target waited for the peer, and pings go as ESP"
grep -q '^ikemesh_up 1' "$at/scraped" && grep -q '^ikemesh_pairs{state="up"} 1' "$at/scraped" || fail "metrics: $(head -n 20 "$at/scraped"); $(journal)"
grep -Eq 'Uid:.6[0-9]{4}\>' "$at/exporter" || fail "the exporter is somebody: $(one exporter)"
report "ikemesh-exporter, as a dynamic user in the group ikemesh, answers: ikemesh_up 1; systemd-analyze security: $(one score-exporter)"
lost stream-out
out="$LOST of $SENT"
lost stream-in
report "a reload, a restart, an upgrade to $(one version): $out pings out lost, $LOST of $SENT in; $(($(one negotiated-after) - $(one negotiated-before))) new negotiations"
[ "${out%% *}" = 0 ] && [ "$LOST" = 0 ] || fail "pings were lost: $(journal 40)"
[ "$(one negotiated-after)" = "$(one negotiated-before)" ] || fail "they negotiated afresh: $(journal 40)"
[[ $(one version) = *+1 ]] || fail "it is version $(one version)"
grep -q . "$at/reload-refused" || fail "systemctl says nothing of a reload that was refused"
mapfile -t renewed <"$at/serials"
[ "${renewed[0]}" != "${renewed[1]}" ] && [ "${renewed[2]}" = success ] || fail "a renewed certificate is not in force: ${renewed[*]}; $(journal 40)"
report "ikemesh-reload.path: certificate and key replaced, a second apart: ${renewed[0]} before, ${renewed[1]} after"
while read -r unit score; do
	most=20
	[ $unit != ikemesh-keyholder ] || most=12
	[ $unit != ikemesh-policy ] || most=45
	[ "${score/./}" -le $most ] || fail "the sandbox of $unit is weak: $score"
done <"$at/scores"
report "systemd-analyze security: $(one scores)"
while read -r line; do report "$line"; done <"$at/processes"
! grep -aE "WITHOUT A SANDBOX|CAPABILITIES ARE KEPT|has no sandbox" "$at/journal" || fail "no sandbox"
grep -q '^ikemesh: user ikemesh CapEff: 0*1000 .*NoNewPrivs: 1 Seccomp: 2' "$at/processes" &&
	grep -q '^ikemesh-keyholder: user root CapEff: 0* CapBnd: 0* NoNewPrivs: 1 Seccomp: 2' "$at/processes" || fail "more than least privilege: $(one processes)"
[ ! -s "$at/user-after" ] || fail "left by the purge: user $(one user-after)"
[ "$(one policies-stopped)" -gt 0 ] && [ "$(one states-stopped)" = 0 ] || fail "stopped: $(one policies-stopped) policies, $(one states-stopped) SAs"
[ "$(one ours-after)" = "$(one ours-before)" ] || fail "left by the purge: $(diff "$at/ours-before" "$at/ours-after" | tr '\n' ' '); $(tail -n 5 "$at/apt-purge")"
[ ! -s "$at/units-after" ] || fail "units after the purge: $(one units-after)"
[ "$(one policies-purged) $(one states-purged)" = '0 0' ] || fail "in the kernel after the purge: $(one policies-purged) policies, $(one states-purged) SAs"
[ "$(one sysctls-running)" = '0 3' ] && [ "$(one sysctls-after)" = "$(one sysctls-before)" ] || fail "sysctls before $(one sysctls-before), running $(one sysctls-running), after $(one sysctls-after)"
grep -q 'no packages found' "$at/dpkg-after" || fail "dpkg: $(one dpkg-after)"
clear=$(tcpdump -n -r "$at/wire.pcap" 'host 10.1.0.1 and ip and not esp and not (udp port 500 or udp port 4500)' 2>/dev/null | wc -l)
report "purged: no file, unit, policy or SA is left, the sysctls are $(one sysctls-after) again; $clear packets in the clear"
[ "$clear" = 0 ] || fail "$clear packets in the clear"
