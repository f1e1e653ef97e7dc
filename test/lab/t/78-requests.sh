# SPDX-License-Identifier: Apache-2.0
# What else strongSwan may ask for, and what we may ask of it: one CHILD_SA is deleted and the IKE SA
# stays; selectors are narrowed to a port, by either side; we re-authenticate, make before break.
# cases: delete-child narrow-theirs narrow-ours reauth-ours
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
stroke() { nsenter -t "${PID[b]}" -m -n /usr/lib/ipsec/stroke "$@"; }
swan() { nsenter -t "${PID[b]}" -m -n swanctl "$@"; }
# swan_children NAME SELECTOR…: b has a connection with a with these CHILD_SAs, and none of ipsec.conf's
swan_children() {
	{
		echo "connections { a { version = 2"
		echo "local_addrs = 10.1.0.2"
		echo "remote_addrs = 10.1.0.1"
		echo "proposals = aes128-sha256-modp2048"
		echo "local { certs = $CERTS/instance.pem }"
		echo "remote { auth = pubkey }"
		echo "children {"
		while [ $# -gt 0 ]; do
			echo "$1 { mode = transport"
			echo "esp_proposals = aes128gcm16"
			echo "local_ts = $2 }"
			shift 2
		done
		echo "} } }"
	} >"$SCRATCH/b/run/a.conf"
	swan --load-conns --file /run/a.conf >"$SCRATCH/out" 2>&1 || fail "swanctl: $(cat "$SCRATCH/out")"
}
serve() { # a server on b's port 7000 that says what it was told
	on b timeout 20 nc -l -W 1 -p 7000 </dev/null >"$SCRATCH/heard" 2>"$SCRATCH/nc" &
	SERVER=$!
	until_ok 5 grep -q ':1B58 00000000:0000 0A' <(on b cat /proc/net/tcp) || true
	nap 0.5
}
reaches_port() {
	serve
	on a timeout 10 bash -c 'echo hello >/dev/tcp/10.1.0.2/7000' || fail "no TCP connection to port 7000"
	wait $SERVER || true
	grep -q hello "$SCRATCH/heard" || fail "nothing arrives at port 7000: $(cat "$SCRATCH/nc")"
	say "a reaches b's port 7000"
}
case $1 in narrow-*)
	configure b ipsec_subnets=10.9.0.0/16 charon='load = aes sha1 sha2 md5 hmac kdf mgf1 gmp nonce random drbg fips-prf xcbc pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke vici updown counters'
	;;
esac
start a b
capture

case $1 in
delete-child)
	bring_up a b
	ping_all a b 3
	child=$(ipsec_ b status | grep -oE '\{[0-9]+\}: *INSTALLED' | grep -oE '\{[0-9]+\}')
	before=$(ikectl a statusall | grep 'IKEv2 SPIs')
	stroke down-nb "$child"
	expect_log a 'peer deleted CHILD_SA'
	expect_no_sa a
	bring_up a b
	ping_all a b 5
	ping_all b a 5
	after=$(ikectl a statusall | grep 'IKEv2 SPIs')
	[ "${before%%,*}" = "${after%%,*}" ] || fail "another IKE SA: before $before, after $after"
	expect_no_clear a b
	;;
narrow-theirs)
	# An SA for everything, and one for a port beside it: each carries its own.
	swan_children all '10.1.0.2/32' port '10.1.0.2/32[tcp/7000]'
	bring_up a b
	swan --initiate --child port --timeout 10 >"$SCRATCH/out" 2>&1 || fail "$(tail -n 5 "$SCRATCH/out"); $(tail -n 2 "$SCRATCH/a/log")"
	expect_status a '10\.1\.0\.1/32.* === 10\.1\.0\.2/32\[tcp/7000\]'
	reaches_port
	ping_all a b 5
	carried() { ikectl a statusall | grep -B 1 "$1\$" | grep -oE '[0-9]+ bytes_[io] \([0-9]+'; }
	carried '/32' >"$SCRATCH/all" || fail "the SA for everything has carried nothing"
	carried '/7000\]' >"$SCRATCH/port" || fail "the SA for the port has carried nothing"
	[ "$(wc -l <"$SCRATCH/port")" = 2 ] || fail "the SA for the port has carried nothing one way: $(ikectl a statusall)"
	expect_no_clear a b
	;;
narrow-ours)
	# b allows that one port only: what it makes of our offer for everything serves that port, and no more.
	swan_children port '10.1.0.2/32[tcp/7000]'
	reaches_port
	expect_status a '=== 10\.1\.0\.2/32\[tcp/7000\]'
	ping_none a b 10 0.5
	n=$(count "src 10.1.0.1 and $IKE")
	reaches_port
	expect_no_clear a b
	[ "$n" -le 40 ] || fail "$n IKE packets of a: it asks again and again"
	report "for what b does not allow, a sent $n IKE packets in 5 s"
	;;
reauth-ours)
	configure b conn='    reauth=no'
	bring_up a b
	ping_all a b 3
	stream a b 8 0.01
	stream b a 8 0.01
	for i in 1 2 3; do
		nap 1
		ikectl a reauth 10.1.0.2 >/dev/null
	done
	streamed a b
	lost=$LOST
	streamed b a
	made=$(($(grep -c 'IKE SA .* established' "$SCRATCH/a/log") - 1))
	report "$made re-authentications under pings at 10 ms, $((lost + LOST)) of $((2 * SENT)) lost"
	# strongSwan sends on its new SA before its answer, which makes ours, has arrived.
	[ $((lost + LOST)) -le 6 ] || fail "lost: $lost from a, $LOST from b"
	[ "$made" = 3 ] || fail "$made re-authentications, not 3"
	live() { [ "$(status "$1" | grep -c 'INSTALLED, TRANSPORT')" = 1 ] && [ "$(status "$1" | grep -c ': ESTABLISHED')" = 1 ]; }
	until_ok 10 live a || fail "not one IKE SA with one CHILD_SA on a: $(status a)"
	until_ok 10 live b || fail "not one IKE SA with one CHILD_SA on b: $(status b)"
	expect_no_clear a b
	;;
esac
expect_alive a b
