# SPDX-License-Identifier: Apache-2.0
# What ./run demo shows, told to someone who sees it for the first time. It is a lab test like the
# others: each of its claims is checked, and it fails if one does not hold.
tell() { printf '\n== %s\n' "$*"; }
quietly() { "$@" >>"$SCRATCH/log" || { tail -n 5 "$SCRATCH/log" && exit 1; }; }

tell "Four hosts on one wire. a and b run ikemesh, c runs strongSwan, d runs nothing of the kind."
cat <<TEXT
   a  10.1.0.1   ikemesh
   b  10.1.0.2   ikemesh
   c  10.1.0.3   strongSwan $(ipsec version 2>/dev/null | sed -n 's/.*strongSwan U\([0-9.]*\).*/\1/p')
   d  10.1.9.4   an old machine that cannot do IPsec
TEXT
configure all ipsec_subnets=10.1.0.0/16 no_ipsec_subnets=10.1.9.0/24
quietly ca ca
quietly cert instance ca
quietly host a ikemesh 10.1.0.1/16
quietly host b ikemesh 10.1.0.2/16
quietly host c strongswan 10.1.0.3/16
quietly host d plain 10.1.9.4/16

tell "This is the configuration of a. Nobody is told about any other host."
ikemesh_config a | sed 's/^/   /'
quietly start a b c
quietly capture

ping_show() {
	tell "a pings $1, for the first time"
	on a ping -n -c 3 -i 0.2 "$(address "$1")" | sed -n '/bytes from/s/^/   /p;/packets transmitted/s/^/   /p' | tee "$SCRATCH/ping"
	grep -q ' 0% packet loss' "$SCRATCH/ping" || fail "pings from a to $1 were lost"
}
ping_show b
ping_show c
ping_show d

tell "What was on the wire between a and b: the negotiation (IKE), then ciphertext (ESP), both ways"
captured "host 10.1.0.1 and host 10.1.0.2 and not arp" | sed 's/^/   /'
tell "Between a and c, where strongSwan answers: the same"
captured "host 10.1.0.1 and host 10.1.0.3 and not arp" | sed 's/^/   /'
tell "Between a and d, which the configuration excepts: readable by anyone"
captured "host 10.1.0.1 and host 10.1.9.4 and not arp" | sed 's/^/   /'
{
	expect_esp a b
	expect_esp a c
	expect_no_clear a b
	expect_no_clear a c
	expect_clear a d
} >>"$SCRATCH/log"

tell "ikectl statusall, on a"
expect_established a >>"$SCRATCH/log"
status a | sed 's/^/   /'

tell "It holds: ESP both ways between a, b and c, no ping of theirs in the clear; in the clear to d only."
