# SPDX-License-Identifier: Apache-2.0
# From power-on to the daemon's readiness, with systemd as PID 1: a peer in a protected subnet, joined by a
# cable from the start, sends cleartext to the booting host as fast as it can, and a service of the host's
# sends as soon as there is a network. Nothing gets out or in. `unguarded` is the same without
# ikemesh-policy.service: something must, or the test sees nothing.
#
# Then the peer learns IPsec, and under pings at 5 ms both ways the service is restarted, killed, reloaded,
# stopped, started and given a broken file: still not a packet in the clear. In the end on_stop: clear tells a
# stop from a restart and a shutdown.
# cases: guarded
# long: unguarded
# boots
# timeout: 420
# takes: 90
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
	YML
}
config "$files/etc/ikemesh/ikemesh.yml"
mkdir -p "$files/usr/local/sbin"

mkdir -p "$files/etc/systemd/system/ikemesh.service.d"
: >"$SCRATCH/m/ikemeshd.log"
chown 990:990 "$SCRATCH/m/ikemeshd.log" # the engine's
printf '[Service]\nReadWritePaths=/lab\n' >"$files/etc/systemd/system/ikemesh.service.d/log.conf"

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
ExecStart=/bin/bash -c '[ ! -e /lab/done ] || exit 0; journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
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
{ cat /etc/ikemesh/ikemesh.yml; echo 'log: stderr'; } >$config
ip netns exec peer /usr/sbin/ikemeshd --config $config --run-dir /run/peer --state-dir /run/peer-state 2>/lab/peer.log &
until [ -S /run/peer/control.sock ]; do sleep 0.1; done
ping -n -c 10 -i 0.1 -W 5 10.1.0.2 >/lab/ping
[ -e /lab/through-everything ] || exit 0

ping -n -i 0.005 10.1.0.2 >/lab/stream-out &
out=$!
ip netns exec peer ping -n -i 0.005 10.1.0.1 >/lab/stream-in &
in=$!
step() { # COMMAND…
	sleep 1
	echo "--- $*"
	"$@"
	sleep 1
	ping -n -c 1 -w 20 10.1.0.2 | grep 'packets transmitted'
}
{
	step systemctl restart ikemesh
	step systemctl kill -s KILL ikemesh
	step systemctl reload ikemesh
	systemctl stop ikemesh
	sleep 1
	step systemctl start ikemesh
	cp /etc/ikemesh/ikemesh.yml /run/good.yml
	echo 'ipsec_subnets: [' >>/etc/ikemesh/ikemesh.yml
	step systemctl reload ikemesh
	! systemctl restart ikemesh
	sleep 1
	cp /run/good.yml /etc/ikemesh/ikemesh.yml
	systemctl reset-failed ikemesh
	step systemctl start ikemesh
} >/lab/steps 2>&1
kill -INT $out $in
cp /lab/wire.pcap /lab/wire-through.pcap

policies() { ip xfrm policy list nosock | grep -c priority; }
echo 'on_stop: clear' >>/etc/ikemesh/ikemesh.yml
echo 'log: /lab/ikemeshd.log' >>/etc/ikemesh/ikemesh.yml
systemctl reload ikemesh
sleep 1
systemctl restart ikemesh
echo "after a restart $(policies)" >/lab/on-stop
systemctl stop ikemesh
echo "after a stop $(policies)" >>/lab/on-stop
systemctl start ikemesh
echo "after a start $(policies)" >>/lab/on-stop
journalctl -b -o short-monotonic >/lab/journal
: >/lab/done
systemctl --no-block poweroff
sleep 60
SH
for u in lab-wire lab-network lab-service; do enable m $u.service sysinit.target; done
enable m lab-end.service multi-user.target
enable m ikemesh-policy.service sysinit.target
enable m ikemesh.service multi-user.target

case $1 in
guarded)
	: >"$SCRATCH/m/through-everything"
	boot m
	;;
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
[ "$1" = guarded ] || exit 0

[ -e "$SCRATCH/m/done" ] || fail "the machine did not come to its end: $(tail -n 5 "$SCRATCH/m/steps")"
wire=$SCRATCH/m/wire-through.pcap
[ "$(grep -c ' 0% packet loss' "$SCRATCH/m/steps")" = 6 ] || fail "they do not speak after: $(cat "$SCRATCH/m/steps")"
answered() { grep -c 'icmp_seq=.*time=' "$SCRATCH/m/stream-$1"; }
report "restart, kill -9, reload, stop, start, broken file: of 5 ms pings $(answered out) and $(answered in) were answered"
clear=$(count "host 10.1.0.1 and host 10.1.0.2 and icmp and not icmp[0] == 3")
[ "$clear" = 0 ] || fail "$clear pings in the clear: $(tcpdump -n -r "$wire" "icmp and not icmp[0] == 3" 2>/dev/null | head -n 3)"
report "0 of them in the clear, $(count esp) packets of ESP"
on_stop=$(tr '\n' ' ' <"$SCRATCH/m/on-stop")
[[ $on_stop =~ 'after a restart '[1-9].*'after a stop 0 after a start '[1-9] ]] || fail "on_stop: clear: $on_stop"
for leaving in ': SAs and policies stay for the next' ' (stop): .*and policies$' ' (shutdown): .*the policies stay'; do
	grep -q "leaving$leaving" "$SCRATCH/m/ikemeshd.log" || fail "nobody was seen leaving$leaving: $(cat "$SCRATCH/m/ikemeshd.log")"
done
say "systemd tells a stop from a restart and a shutdown"
