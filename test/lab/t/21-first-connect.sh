# SPDX-License-Identifier: Apache-2.0
# A TCP connection is the first thing that is sent to a peer: its SYN is held back, not lost, so nothing
# is sent twice.
# cases: ikemesh strongswan
# alone
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b "$1" 10.1.0.2/16
start a b
capture
echo hello | on b timeout 20 nc -N -l 7000 >/dev/null &
server=$!
until_ok 5 on b sh -c 'ss -Hltn | grep -q :7000' || fail "no server"
began=$NOW
answer=$(on a timeout 20 nc -d 10.1.0.2 7000) || fail "no connection"
now
[ "$answer" = hello ] || fail "the answer is: $answer"
wait "$server"
resent=$(on a awk '/^TcpExt:/ { if (!n) { n = split($0, name) } else for (i = 2; i <= n; i++) if (name[i] == "TCPSynRetrans") print $i }' /proc/net/netstat)
report "connected, answered and closed in $((NOW - began)) ms, $resent SYN sent again"
expect_esp a b
expect_no_clear a b
[ "$resent" = 0 ] || fail "the SYN was sent $resent times again"
