# SPDX-License-Identifier: Apache-2.0
# A kernel that decrypts ESP while it puts packets together (esp4_offload, GRO) shows what it decrypted to
# packet sockets. Who has an SA is not taken for one in the clear all the same; who has none, is.
# long: decrypted
ca ca
cert instance ca
configure all optional=true
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host c plain 10.1.0.3/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
# Of the guest's own kernel only: a module would stay.
[ -z "${LAB_GUEST-}" ] || modprobe -q esp4_offload || true
[ -d /sys/module/esp4_offload ] || skip "no module esp4_offload here"

# feature COMMAND VALUE DEVICE: as ethtool sets one
feature() {
	perl -e 'socket(my $s, 2, 2, 0) or die; my $v = pack("LL", hex $ARGV[0], $ARGV[1]);
		ioctl($s, 0x8946, pack("a16P", $ARGV[2], $v)) or die "$ARGV[2]: $!"' "$@"
}
export -f feature
# A veth puts together what its other end did not leave to hardware: TSO off there, GRO on here.
for h in a b c; do
	feature 0x1f 0 w-$h
	on $h bash -c 'feature 0x2c 1 eth0'
done

start a b
bring_up a b
expect_sa a b
now
UP=$NOW
_is_old() { now; [ $NOW -gt $((UP + 11000)) ]; }
_names() { [[ $(ikectl a statusall) == *"
  $1 (ipsec-"* ]]; }
until_ok 15 _is_old
on a tcpdump -i eth0 -n -Z root -l --immediate-mode icmp >"$SCRATCH/a/seen" 2>"$SCRATCH/a/tcpdump.log" &
until_ok 10 grep -q 'listening on' "$SCRATCH/a/tcpdump.log" || fail "no capture on a"
ping_all b a 20 0.05
ping_all c a 3
nap 1.2
grep -q "10.1.0.2 > 10.1.0.1: ICMP" "$SCRATCH/a/seen" || fail "this kernel does not show what it decrypted"
say "a's packet sockets see what was decrypted"
! _names 10.1.0.2 || fail "b, which has an SA, is shown in the clear"
_names 10.1.0.3 || fail "c is not shown: $(ikectl a statusall)"
