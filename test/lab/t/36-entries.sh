# SPDX-License-Identifier: Apache-2.0
# Entries for one protocol and port, of which the port is the peer's, and optional ones among enforced
# ones: what goes, what comes, and what is said of it.
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host p plain 10.1.0.9/16
host q plain 10.1.7.1/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
configure a ipsec_subnets= yaml="ipsec_subnets:
- 10.1.0.0/16
- {subnet: 10.1.7.0/24, optional: true}
no_ipsec_subnets:
- {subnet: 10.1.0.9/32, protocol: udp, port: 53}"
start a
capture
listen() { # HOST PORT: one datagram, which is answered
	nsenter "--net=/run/netns/$1" timeout 5 nc -u -l -n "$2" <<<"answer of $1" >"$SCRATCH/$1/heard" 2>/dev/null &
	HEARS=$!
	until_ok 3 eval "on $1 ss -Hlnu | grep -q ':$2 '" || fail "nobody listens on $1 port $2"
}
tell() { # FROM SOURCE-PORT TO PORT: what is answered within a second
	echo "word of $1" | on "$1" nc -u -n -p "$2" -w 1 "$(address "$3")" "$4" 2>/dev/null || true
}
heard() { kill "$HEARS" 2>/dev/null || true; wait "$HEARS" 2>/dev/null || true; cat "$SCRATCH/$1/heard"; }

listen p 53
[ "$(tell a 4001 p 53)" = "answer of p" ] || fail "what goes to port 53 is not answered"
[ "$(heard p)" = "word of a" ] || fail "what goes to port 53 does not arrive"
listen p 54
[ -z "$(tell a 4002 p 54)" ] || fail "port 54 answers"
[ -z "$(heard p)" ] || fail "what goes to port 54 arrives"
listen a 4003
tell p 53 a 4003 >/dev/null
[ "$(heard a)" = "word of p" ] || fail "what comes from port 53 does not arrive"
listen a 53
tell p 4004 a 53 >/dev/null
[ -z "$(heard a)" ] || fail "what comes to our port 53 from another port arrives"
ping_none a p 2
ping_all a q 3
ping_all q a 3
seen=$(captured "src $(address a) and dst $(address p) and not $IKE and not $NEIGHBOURS and not udp port 53")
[ -z "$seen" ] || fail "in the clear from a to p: $seen"
explained() { # TARGET REGEX
	ikectl a explain "$1" >"$SCRATCH/explained"
	grep -Eq -- "$2" "$SCRATCH/explained" || fail "explain $1 does not say /$2/: $(cat "$SCRATCH/explained")"
}
explained 10.1.0.9:53/udp 'by 10.1.0.9/32 udp/53 of no_ipsec_subnets'
explained 10.1.0.9:53/udp '^  out: bypass 10.1.0.1/32 => 10.1.0.9/32\[53\] \(udp\)'
explained 10.1.0.9:53/udp '^  in:  bypass 10.1.0.9/32\[53\] => 10.1.0.1/32 \(udp\)'
explained 10.1.0.9:53/tcp 'by 10.1.0.0/16 of ipsec_subnets'
explained 10.1.0.9 'not by 10.1.0.9/32 udp/53 of no_ipsec_subnets .*: is about another protocol or port'
explained 10.1.7.1 'ESP where there is an SA, else in the clear'
explained 10.1.7.1 '^  in:  protect \(optional\) 10.1.7.0/24 => 10.1.0.1/32'
explained 10.1.0.1 'an address of this host'
explained 224.0.0.18 'by what is built in for multicast'
