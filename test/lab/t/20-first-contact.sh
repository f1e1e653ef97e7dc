# SPDX-License-Identifier: Apache-2.0
# From a cold start, 100 pings at 1 ms: not one is lost. strongSwan loses what is sent before the SA stands.
# cases: ikemesh ikemesh-to-strongswan strongswan-to-ikemesh v6
# alone
ca ca
cert instance ca
case $1 in
ikemesh-to-strongswan) host a ikemesh 10.1.0.1/16 && host b strongswan 10.1.0.2/16 ;;
strongswan-to-ikemesh) host a strongswan 10.1.0.1/16 && host b ikemesh 10.1.0.2/16 ;;
v6) family 6 && host a ikemesh fd00:1::1/64 && host b ikemesh fd00:1::2/64 ;;
*) host a ikemesh 10.1.0.1/16 && host b ikemesh 10.1.0.2/16 ;;
esac
netem a delay 0.5ms
netem b delay 0.5ms
start a b
capture
pings a b 100 0.001
report "$1: $LOST of $SENT lost, the first answer after $FIRST ms"
expect_no_clear a b
# Linux holds back whatever waits for an SA, but for ICMPv6 echo replies: b may drop the first of these in
# the moment before its outbound SA stands. What a sent has arrived all the same.
[ "$1" != v6 ] || LOST=$((SENT - $(count "src fd00:1::1 and esp")))
[ "${KIND[a]}" = strongswan ] || [ "$LOST" = 0 ] || fail "$LOST of $SENT were lost"
[ "$1" = ikemesh ] || exit 0

host c strongswan 10.1.0.3/16
host d strongswan 10.1.0.4/16
netem c delay 0.5ms
netem d delay 0.5ms
start c d
pings c d 100 0.001
report "strongSwan with itself: $LOST of $SENT lost, the first answer after ${FIRST:-?} ms"
