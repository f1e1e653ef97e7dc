# SPDX-License-Identifier: Apache-2.0
# Host a is behind a masquerading router, b is not. ESP goes inside UDP both ways, the mapping is kept
# alive, and followed when the router forgets it and makes another. The case: who a is, who b is.
# With a third word, a lets UDP 4500 pass in the clear, so that its kernel may send the keepalives.
# cases: ikemesh-ikemesh ikemesh-strongswan strongswan-ikemesh ikemesh-ikemesh-exempt
# timeout: 180
# takes: 30
IFS=- read -r inner outer exempt <<<"$1"
ca ca
cert instance ca
host a "$inner" 10.2.0.1/24
host n plain 10.1.0.9/16
host b "$outer" 10.1.0.2/16
configure b conn='    reauth=no' # its rekeying is not what this is about

[ -z "$exempt" ] || configure a yaml='no_ipsec_subnets:
- {subnet: 10.1.0.2/32, protocol: udp, port: 4500}'

# a's wire is another one; n, the router, is at both.
ip -batch - <<IP
link add inside type bridge mcast_snooping 0
link set inside up
link set w-a master inside
link add w-n1 type veth peer name eth1 netns n
link set w-n1 master inside up
IP
ip -n n addr add 10.2.0.254/24 dev eth1
ip -n n link set eth1 up
ip -n a route add default via 10.2.0.254
on n sysctl -qw net.ipv4.ip_forward=1
on n iptables-legacy -t nat -A POSTROUTING -o eth0 -j MASQUERADE
until_ok 10 on a ping -n -c 1 -W 1 10.1.0.2 || fail "the router does not route"

start a b
capture
tcpdump -i inside -n -Z root -U --immediate-mode -w "$SCRATCH/inside.pcap" 2>/dev/null &
bring_up a b 20
ping_all a b 20 0.05
# b knows a by the router's address.
ping_all b n 20 0.05
no_clear() {
	local seen
	# (When the router has forgotten, it says so, and quotes ESP in UDP.)
	seen=$(captured "ip and host 10.1.0.9 and not $IKE and not icmp[0] == 3")
	[ -z "$seen" ] || fail "neither IKE nor ESP in UDP: $(head -n 3 <<<"$seen") ($(wc -l <<<"$seen") packets)"
	[ "$(count "src host 10.1.0.9 and dst host 10.1.0.2 and $UDP_ESP")" -gt 0 ] || fail "no ESP in UDP from a"
	[ "$(count "src host 10.1.0.2 and dst host 10.1.0.9 and $UDP_ESP")" -gt 0 ] || fail "no ESP in UDP from b"
	say "on the wire: ESP in UDP both ways, and nothing else"
}
no_clear
# The addresses in checksums are not those on the wire: the kernel mends that.
for proto in '' -u; do
	on b timeout 10 nc $proto -l -W 1 7000 </dev/null >"$SCRATCH/heard$proto" &
	heard=$!
	until_ok 5 on b bash -c 'ss -Hltun 2>/dev/null | grep -q :7000'
	on a bash -c 'echo "hello" >/dev/'"$([ -n "$proto" ] && echo udp || echo tcp)"'/10.1.0.2/7000' || true
	wait $heard || true
	grep -q hello "$SCRATCH/heard$proto" || fail "nothing arrives by ${proto:-TCP} from a"
done

# The router forgets its mappings and makes others, while a sends.
port() { captured "src host 10.1.0.9 and dst host 10.1.0.2 and $UDP_ESP" | tail -n 1 | sed 's/.*10\.1\.0\.9\.\([0-9]*\) >.*/\1/'; }
before=$(port)
stream a b 7 0.02
nap 2
on n iptables-legacy -t nat -I POSTROUTING -o eth0 -p udp -j MASQUERADE --to-ports 40000-40099
ip -n n link set eth0 down # which is when masquerading forgets
ip -n n link set eth0 up
streamed a b
lost="$LOST of $SENT pings at 20 ms lost"
after=$(port)
[ "$before" != "$after" ] && [ "$after" -ge 40000 ] || fail "the mapping did not change: port $before, now $after"
ping_all a b 10 0.05
ping_all b n 10 0.05
no_clear
changed="mapping changed from port $before to $after, $lost meanwhile"

# Whoever is behind the router keeps the mapping alive: one octet, 20 s apart.
keepalives() { tcpdump -n -r "$SCRATCH/inside.pcap" 'src host 10.2.0.1 and udp dst port 4500 and udp[4:2] = 9 and udp[8] = 0xff' 2>/dev/null | wc -l; }
sent() { ikectl a statusall --json | tr ',{' '\n\n' | sed -nE 's/^ *"sent": ?([0-9]+).*/\1/p'; } # by the daemon
had=0
[ -z "$exempt" ] || { had=$(keepalives) && before=$(sent); }
seen() { [ "$(keepalives)" -gt "$had" ]; }
until_ok 25 seen || fail "no keepalive in 25 s"
by=
if [ -n "$exempt" ]; then
	nap 1
	by=$(($(sent) - before))
	case $(printf '6.11\n%s\n' "$(uname -r)" | sort -V | head -n 1) in
	6.11) [ "$by" = 0 ] || fail "the daemon sent $by datagrams beside the kernel's keepalives" ;;
	*) [ "$by" -gt 0 ] || fail "Linux $(uname -r) sent a keepalive itself?" ;;
	esac
	by=", by $([ "$by" = 0 ] && echo the kernel || echo the daemon) of Linux $(uname -r)"
fi
report "$changed; $(keepalives) keepalives$by"
ping_all b n 5
expect_alive a b
