# SPDX-License-Identifier: Apache-2.0
# Policies and SAs that are not ours are the same after start, traffic, reload, mode, stop and disable as before,
# and a strongSwan tunnel of the same host carries its traffic through all of it. Those that come before ours
# are told of, and one that has the very selector of ours costs that one alone.
# takes: 30
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 198.51.100.1/24
host b ikemesh 10.1.0.2/16
host s strongswan 198.51.100.2/24
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
KEY=0x0123456789abcdef0123456789abcdef01234567
ip -n a -batch - <<IP
xfrm policy add src 192.0.2.1/32 dst 192.0.2.2/32 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 77 mode tunnel
xfrm policy add src 192.0.2.2/32 dst 192.0.2.1/32 dir in tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 77 mode tunnel
xfrm policy add src 10.1.0.1/32 dst 10.1.7.0/24 dir out action block priority 1000
xfrm policy add src 10.1.0.1/32 dst 10.1.8.0/24 dir out action allow priority 100
xfrm policy add src 10.6.0.0/16 dst 10.1.0.1/32 dir fwd action block priority 100
xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x7701 reqid 77 mode tunnel aead rfc4106(gcm(aes)) $KEY 128
xfrm state add src 10.1.0.1 dst 10.1.0.2 proto esp spi 0x7702 reqid 78 mode transport aead rfc4106(gcm(aes)) $KEY 128 sel src 10.1.0.1/32 dst 10.1.0.2/32 proto 47
IP
foreign() { # what there is of it, in a fixed order
	on a ip xfrm policy list nosock | awk '/^src/ { printf "%s", n++ ? "\n" : "" } { $1 = $1; printf "%s ", $0 } END { print "" }' |
		grep -E '192\.0\.2\.|10\.1\.[78]\.|10\.8\.0\.2|fwd action block priority 100 ' | sort
	on a ip xfrm state list reqid 77
	on a ip xfrm state list reqid 78
}
# A tunnel between 10.8.0.1 here and 10.8.0.2 there, by a charon beside us. It has no port left but its own.
tunnel() { # NAME LEFT RIGHT OWN NET AUTO
	ipsec_conf() { cat "$SCRATCH/$1/tunnel.conf"; }
	cat >"$SCRATCH/$1/tunnel.conf" <<-CONF
		config setup
		    uniqueids=no
		conn tunnel
		    keyexchange=ikev2
		    leftcert=$CERTS/instance.pem
		    left=$2
		    right=$3
		    leftsubnet=$4/32
		    rightsubnet=$5/32
		    rightid=%any
		    rightikeport=4600
		    leftikeport=4600
		    auto=add
	CONF
	configure "$1" charon='port = 4510
    port_nat_t = 4600'
	_prepare_strongswan "$1"
	_start_strongswan "$1"
}
ip -n a addr add 10.8.0.1/32 dev lo
ip -n s addr add 10.8.0.2/32 dev lo
ip -n a route add 10.8.0.2/32 via 198.51.100.2
ip -n s route add 10.8.0.1/32 via 198.51.100.1
mkdir -p "$SCRATCH/tunnel-a"
KIND[tunnel-a]=strongswan
: >"$SCRATCH/tunnel-a/log"
: >/run/netns/tunnel-a
mount --bind /run/netns/a /run/netns/tunnel-a # the same host once more, for its charon
tunnel tunnel-a 198.51.100.1 198.51.100.2 10.8.0.1 10.8.0.2
tunnel s 198.51.100.2 198.51.100.1 10.8.0.2 10.8.0.1
until_ok 20 ipsec_ s status && until_ok 20 ipsec_ tunnel-a up tunnel || fail "no tunnel: $(tail -n 20 "$SCRATCH/tunnel-a/log")"
through_the_tunnel() { on a ping -n -q -c 2 -i 0.2 -W 2 -I 10.8.0.1 10.8.0.2 >/dev/null || fail "after $1, the tunnel is dead"; }
through_the_tunnel "its start"
foreign >"$SCRATCH/before"
[ "$(grep -c 192.0.2 "$SCRATCH/before")" -ge 3 ] || fail "the foreign ones are not there: $(cat "$SCRATCH/before")"
same() {
	foreign >"$SCRATCH/after"
	diff "$SCRATCH/before" "$SCRATCH/after" || fail "after $1, foreign policies or SAs have changed"
	through_the_tunnel "$1"
	say "after $1, what is foreign is as before"
}
configure a ipsec_subnets='10.1.0.0/16 10.6.0.0/16' # of the last there is a policy already, and not ours
start a b
same start
expect_log a 'kernel policies are not complete: 1 policies of others have our selectors'
say "two of them come before ours"
expect_log a 'not ours comes before 1 of ours and blocks.*10\.6\.0\.0/16 => 10\.1\.0\.1/32 priority 100'
expect_log a 'not ours comes before 1 of ours and blocks.*10\.1\.7\.0/24 priority 1000'
expect_log a 'not ours comes before 1 of ours and lets.*pass in the clear.*10\.1\.8\.0/24 priority 100$'
expect_status a 'Policies of others that come before ours'
ip -n a xfrm policy del src 10.1.0.1/32 dst 10.1.8.0/24 dir out
[[ $(status a) != *10.1.8.0/24* ]] || fail "statusall tells of one that has gone"
ip -n a xfrm policy add src 10.1.0.1/32 dst 10.1.8.0/24 dir out action allow priority 100
[[ $(status a) == *10.1.8.0/24* ]] || fail "statusall does not tell of one that has come"
bring_up a b
ping_all a b
same traffic
[[ $(ikectl a reload) == *'loaded anew, but the kernel does not have all'* ]] || fail "reload does not say what is missing"
same reload
[[ $(ikectl a mode optional) == *'done, but the kernel does not have all'* ]] || fail "mode does not say what is missing"
same "mode optional"
ikectl a mode --force enforced
same "mode enforced"
stop a
same stop
ikectl a disable
same disable
start a
crash a
ikectl a disable
same "crash and disable"

say "and whoever flushes all that there is, as other key daemons do, does not open this host for long"
start a
bring_up a b
capture
stream a b 4 0.01
sleep 1
on a ip xfrm policy flush
on a ip xfrm state flush
streamed a b
expect_log a 'somebody removed policies of ours'
expect_log a "somebody flushed the kernel's SAs"
seen=$(count "src $(address a) and dst $(address b) and icmp")
report "after a flush of policies and SAs $seen of 10 ms pings left in the clear, and $LOST of $SENT were lost"
[ "$seen" -le 20 ] || fail "$seen pings left in the clear"
ping_all a b
