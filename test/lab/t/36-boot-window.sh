# SPDX-License-Identifier: Apache-2.0
# From power-on to the daemon's readiness, with systemd as PID 1: a peer in a protected subnet, joined by a
# cable from the start, sends cleartext to the booting host as fast as it can, and a service of the host's
# sends as soon as there is a network. Nothing gets out or in. `unguarded` is the same without
# ikemesh-policy.service: something must, or the test sees nothing.
# cases: guarded
# long: unguarded
# boots
# timeout: 240
. "$LAB_TOP/test/lab/certs.sh"
ca ca
cert instance ca
machine m
install m
files=$SCRATCH/m/files
cp "$CERTS"/instance.pem "$CERTS"/instance.key "$CERTS"/ca.pem "$files/etc/ikemesh/"
config() { # FILE
	cat >"$1" <<-YML
		ipsec_subnets: [10.1.0.0/16]
		no_ipsec_subnets: [10.1.9.0/24]
		instance_certificate: /etc/ikemesh/instance.pem
		instance_private_key: /etc/ikemesh/instance.key
		ca_certificates: [/etc/ikemesh/ca.pem]
		on_stop: clear
	YML
}
config "$files/etc/ikemesh/ikemesh.yml"
mkdir -p "$files/usr/local/sbin"

# The cable, and the peer at its far end, which knows no IPsec: before anything of ours.
unit m lab-wire.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=ikemesh-policy.service network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
ExecStart=/bin/bash /usr/local/sbin/lab-wire
UNIT
cat >"$files/usr/local/sbin/lab-wire" <<'SH'
ip netns add peer
ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns peer
ip -n peer -batch - <<IP
link set lo up
link set eth0 up
addr add 10.1.0.2/16 dev eth0
neigh add 10.1.0.1 lladdr 02:00:00:00:00:01 dev eth0
IP
ip netns exec peer tcpdump -i eth0 -n -Z root -U --immediate-mode -w /lab/wire.pcap 2>/lab/tcpdump.log &
until grep -q 'listening on' /lab/tcpdump.log; do sleep 0.05; done
ip netns exec peer bash /usr/local/sbin/lab-send knock 10.1.0.1 9001 9002 &
ip netns exec peer nc -u -l -k 9003 >/lab/peer-heard-udp &
ip netns exec peer nc -l -k 9004 >/lab/peer-heard-tcp &
exit 0
SH

# What both send: a datagram each 20 ms, and a connection each second.
cat >"$files/usr/local/sbin/lab-send" <<'SH'
exec 2>/dev/null
mkfifo "/run/nap-$1" && exec 3<>"/run/nap-$1"
for ((i = 0; ; i++)); do
	[ ! -e /run/quiet ] || exit 0
	echo "$1" >"/dev/udp/$2/$3"
	((i % 50)) || timeout 3 bash -c "echo $1 >/dev/tcp/$2/$4" &
	read -rt 0.02 -u 3
done
SH

# The network, as a network manager would bring it up.
unit m lab-network.service <<'UNIT'
[Unit]
DefaultDependencies=no
Wants=network-pre.target network.target
After=network-pre.target lab-wire.service
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link set eth0 up
ExecStart=/bin/ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev eth0
ExecStart=/bin/ip addr add 10.1.0.1/16 dev eth0
ExecStart=/bin/bash -c 'cut -d " " -f 1 /proc/uptime >/lab/up'
UNIT

# A service that listens, and sends the moment it can.
unit m lab-service.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=lab-wire.service
Before=ikemesh-policy.service
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=none
ExecStart=/bin/bash /usr/local/sbin/lab-service
UNIT
cat >"$files/usr/local/sbin/lab-service" <<'SH'
nc -u -l -k 9001 >/lab/host-heard-udp &
nc -l -k 9002 >/lab/host-heard-tcp &
bash /usr/local/sbin/lab-send own 10.1.0.2 9003 9004 &
exit 0
SH

# When ikemeshd is ready: the peer learns IPsec too, and they speak.
unit m lab-end.service <<'UNIT'
[Unit]
After=ikemesh.service multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-end
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-end" <<'SH'
cut -d ' ' -f 1 /proc/uptime >/lab/ready
systemctl is-active ikemesh ikemesh-policy >/lab/active
ip xfrm policy list nosock >/lab/policies
sleep 1
: >/run/quiet
cp /lab/host-heard-udp /lab/heard-udp
cp /lab/host-heard-tcp /lab/heard-tcp
config=/run/peer.yml
sed 's/on_stop.*/log: stderr/' /etc/ikemesh/ikemesh.yml >$config
ip netns exec peer /usr/sbin/ikemeshd --config $config --run-dir /run/peer --state-dir /run/peer-state 2>/lab/peer.log &
until [ -S /run/peer/control.sock ]; do sleep 0.1; done
ping -n -c 10 -i 0.1 -W 5 10.1.0.2 >/lab/ping
SH
for u in lab-wire lab-network lab-service; do enable m $u.service sysinit.target; done
enable m lab-end.service multi-user.target
enable m ikemesh-policy.service sysinit.target
enable m ikemesh.service multi-user.target

case $1 in
guarded) boot m ;;
unguarded) boot m systemd.mask=ikemesh-policy.service ;;
esac

wire=$SCRATCH/m/wire.pcap
count() { tcpdump -n -r "$wire" "$1" 2>/dev/null | wc -l; }
IKE='(udp port 500 or udp port 4500)'
knocked=$(count 'src 10.1.0.2 and (udp port 9001 or tcp port 9002)')
clear=$(count "src 10.1.0.1 and ip and not esp and not $IKE")
heard=$(($(wc -l <"$SCRATCH/m/heard-udp") + $(wc -l <"$SCRATCH/m/heard-tcp")))
[ "$(cat "$SCRATCH/m/active")" = $'active\nactive' ] || [ "$1" = unguarded ] ||
	fail "the units: $(tr '\n' ' ' <"$SCRATCH/m/active"); $(grep -a ikemesh "$SCRATCH/m/journal" | tail -n 12)"
[ "$knocked" -gt 50 ] || fail "the peer sent $knocked packets only"
report "network at $(cat "$SCRATCH/m/up") s, ikemeshd ready at $(cat "$SCRATCH/m/ready") s of the machine's time"
report "of $knocked cleartext packets of the peer's $heard were heard, and $clear of the host's own were on the wire"
case $1 in
guarded)
	[ "$heard" = 0 ] || fail "$heard messages came in, in the clear"
	[ "$clear" = 0 ] || fail "in the clear: $(tcpdump -n -r "$wire" "src 10.1.0.1 and ip and not esp and not $IKE" 2>/dev/null | head -n 3)"
	;;
unguarded)
	[ "$heard" -gt 0 ] && [ "$clear" -gt 0 ] || fail "nothing leaked without the policies: the test is blind"
	;;
esac
grep -q ' 10 received' "$SCRATCH/m/ping" || fail "the two do not speak in the end: $(tail -n 3 "$SCRATCH/m/ping"); $(tail -n 5 "$SCRATCH/m/peer.log")"
[ "$(count 'esp and src 10.1.0.1')" -ge 10 ] || fail "no ESP"
say "and with IPsec on both sides they speak"
