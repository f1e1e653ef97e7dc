# SPDX-License-Identifier: Apache-2.0
# A forger sends ESP to a host, under the names of others in its protected subnet: with random SPIs, and
# then as one who knows better, in pairs of one SPI with rising numbers. His victims get, in all, no more
# octets than he sent, and so does each of them; with random SPIs they get none. The host keeps nothing
# of it, serves its real peers meanwhile, and finds one that lost its SAs right after.
# timeout: 240
SECONDS_EACH=${LAB_FORGER_SECONDS:-8}
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host f plain 10.1.9.9/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
# The victims have no IKE; each is there, so that what is sent to it does leave.
for i in $(seq 2 41); do echo "addr add 10.1.8.$i/16 dev eth0"; done >"$SCRATCH/f/victims"
ip -n f -batch "$SCRATCH/f/victims"
start a b
bring_up b a

forge() { # KIND SECONDS: prints the octets sent, IP headers included
	on f perl -MSocket -MTime::HiRes=time,sleep -e '
		my ($kind, $for) = @ARGV;
		socket(my $s, AF_INET, SOCK_RAW, 255) or die "socket: $!"; # IPPROTO_RAW: we write the header
		my $to = sockaddr_in(0, inet_aton("10.1.0.1"));
		my ($end, $n, $octets, $seq) = (time + $for, 0, 0, 1);
		sub packet {
			my ($victim, $spi, $seq) = @_;
			my $body = pack("NN", $spi, $seq) . ("x" x 92);
			my $p = pack("CCnnnCCna4a4", 0x45, 0, 20 + length $body, 0, 0, 64, 50, 0,
				inet_aton("10.1.8.$victim"), inet_aton("10.1.0.1")) . $body;
			send($s, $p, 0, $to) and $octets += length $p;
		}
		while (time < $end) {
			my $victim = 2 + int rand 40;
			if ($kind eq "random") {
				packet($victim, 256 + int rand 4e9, int rand 4e9);
			} else {
				packet($victim, 4711 + $victim, $seq++);
			}
			sleep 0.002 if ++$n % 4 == 0;
		}
		print "$octets\n"' "$1" "$2"
}
received() { # by the victims, from a: "OCTETS" and for each "ADDRESS OCTETS"
	captured 'src host 10.1.0.1 and dst net 10.1.8.0/24 and ip' >/dev/null
	tcpdump -n -v -r "$SCRATCH/wire.pcap" 'src host 10.1.0.1 and dst net 10.1.8.0/24 and ip' 2>/dev/null |
		awk '/^[^ ].* length [0-9]+\)/ { match($0, /length [0-9]+\)/); n += substr($0, RSTART + 7, RLENGTH - 8) } END { print n + 0 }'
}
counter() { ikectl a --json statusall | tr ',{' '\n\n' | sed -nE "s/^ *\"$1\": ?([0-9]+).*/\1/p" | head -n 1; }

stream b a $((SECONDS_EACH * 2 + 6)) 0.1
capture
sent=$(forge random "$SECONDS_EACH")
nap 1
got=$(received)
[ "$(counter strays)" -gt 100 ] || fail "a did not see the forged packets: $(counter strays) strays"
[ "$got" = 0 ] || fail "with random SPIs the victims got $got octets"
report "random SPIs: the forger sent $sent octets in $SECONDS_EACH s, a saw $(counter strays) packets, his victims got $got octets"

sent=$(forge pairs "$SECONDS_EACH")
nap 1
got=$(received)
[ "$(counter strays_asked)" -gt 10 ] || fail "a asked only $(counter strays_asked) of them: the forger was not seen"
[ "$got" -gt 0 ] && [ "$got" -le "$sent" ] || fail "the forger sent $sent octets, his victims got $got"
report "rising numbers: the forger sent $sent octets in $SECONDS_EACH s, his victims got $got octets in $(counter strays_asked) IKE_SA_INITs"
[ "$(counter pairs)" = 1 ] || fail "a keeps $(counter pairs) pairs"
streamed b a
[ "$LOST" = 0 ] || fail "$LOST of $SENT pings of a real peer were lost meanwhile"

stream b a 8 0.01
nap 1
crash a
on a ip xfrm state flush
nap 1
start a
expect_log a '10.1.0.2: peer sends on an SA that this host has lost' 5
streamed b a
ping_all b a 5
expect_alive a b
