# SPDX-License-Identifier: Apache-2.0
# Whom a host believes: certificates revoked while it runs, patterns, addresses, the shared certificate, and
# what becomes of it when its own certificate expires.
# cases: revoked identities address shared expires_keep
# long: expires_close
ca ca
cert instance ca
ikemesh_only() { [ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"; }

# A CRL is replaced, without a reload: who is revoked by it is out at once, the others notice nothing.
story_revoked() {
	cert bee ca
	cert sea ca
	crl none ca
	cp "$CERTS/none.crl" "$SCRATCH/ca.crl"
	configure a yaml="crls: [$SCRATCH/ca.crl]"
	configure b certificate=bee
	configure c certificate=sea
	host a ikemesh 10.1.0.1/16
	ikemesh_only
	host b ikemesh 10.1.0.2/16
	host c strongswan 10.1.0.3/16
	start a b c
	bring_up a b
	bring_up a c
	expect_status a 'CRL of "O=lab, CN=ca": 0 revoked, good until'

	say "b is revoked"
	stream a c 8 0.02
	crl some ca bee
	cp "$CERTS/some.crl" "$SCRATCH/ca.crl.new"
	now
	local since=$NOW
	mv "$SCRATCH/ca.crl.new" "$SCRATCH/ca.crl"
	expect_log a '10\.1\.0\.2: certificate revoked: certificate "O=lab, CN=bee" was revoked on .*: its SAs end'
	now
	report "$((NOW - since)) ms until the SAs of the revoked peer were gone"
	until_ok 5 _no_sas_with a 10.1.0.2 || fail "a has SAs with b"
	capture
	ping_none b a 3
	ping_none a b 2
	expect_status a '10\.1\.0\.2.*certificate revoked'
	expect_status a 'CRL of "O=lab, CN=ca": 1 revoked'
	expect_no_clear a b
	streamed a c
	[ "$LOST" = 0 ] || fail "$LOST of $SENT pings to c were lost"

	say "a file that is broken changes nothing"
	echo nonsense >"$SCRATCH/ca.crl"
	expect_log a 'ca\.crl has no CRL in it: the CRLs that were read of it before stay in force'
	ping_none b a 2
	expect_status a 'ca\.crl has no CRL in it'
	ikectl a reload || fail "a reload with a broken CRL is refused, which crl_policy soft does not ask for"
	ikectl b up 10.1.0.1 || true
	ping_none b a 2
	expect_alive a
}
_no_sas_with() { ! on "$1" ip xfrm state list | grep -q "\b${2//./\\.}\b.*proto\|src ${2//./\\.} \|dst ${2//./\\.}\$"; }

story_identities() {
	cert bee ca
	cert sea ca
	configure a yaml='peer_identities: ["CN=b*, O=lab", "*.example.org"]'
	configure b certificate=bee
	configure c certificate=sea
	host a ikemesh 10.1.0.1/16
	ikemesh_only
	host b strongswan 10.1.0.2/16
	host c strongswan 10.1.0.3/16
	start a b c
	bring_up a b
	ping_none c a 3
	expect_log a '10\.1\.0\.3.*not among peer_identities: certificate "O=lab, CN=sea" matches none'
	expect_status a '10\.1\.0\.3.*not among peer_identities'
	ping_none a c 3
	expect_status a 'peers must match: "CN=b\*, O=lab" or "\*\.example\.org"'
}

story_address() {
	SAN=IP:10.1.0.2 cert bee ca
	SAN=IP:10.1.0.9 cert sea ca
	configure a yaml='bind_address_to_certificate: true'
	configure b certificate=bee
	configure c certificate=sea
	host a ikemesh 10.1.0.1/16
	ikemesh_only
	host b ikemesh 10.1.0.2/16
	host c strongswan 10.1.0.3/16
	start a b c
	bring_up a b
	ping_none c a 3
	expect_log a '10\.1\.0\.3.*address not in certificate: certificate "O=lab, CN=sea" has no iPAddress 10\.1\.0\.3'
	expect_status a '10\.1\.0\.3.*address not in certificate'
	expect_status a "a peer's address must be in its certificate"
	expect_status b 'any holder of a certificate under the CAs can claim any address'
	on b "$BIN/ikemeshd" --check --config "$SCRATCH/b/ikemesh.yml" >"$SCRATCH/b/check" || fail "--check: $?"
	grep -q 'any holder of a certificate under the CAs can claim any address' "$SCRATCH/b/check" ||
		fail "--check does not say it: $(cat "$SCRATCH/b/check")"
}

# One certificate for all, and a CA that is not its own: seen at once, and not on the day of rotation.
story_shared() {
	ca wrong
	configure all ca=wrong
	host a ikemesh 10.1.0.1/16
	ikemesh_only
	host b ikemesh 10.1.0.2/16
	start a b
	expect_log a 'warning: instance_certificate does not verify under ca_certificates'
	bring_up a b
	expect_log a '10\.1\.0\.2: believed only since its certificate is our own: no trusted CA'
	for h in a b; do expect_status $h 'WARNING: peer believed only since its certificate is our own'; done

	say "with strict_ca that is an error"
	echo 'strict_ca: true' >>"$SCRATCH/a/ikemesh.yml"
	! ikectl a reload || fail "the reload is not refused"
	expect_log a 'error: instance_certificate does not verify under ca_certificates'
	ping_all a b 2
	stop a
	! on a "$BIN/ikemeshd" --check --config "$SCRATCH/a/ikemesh.yml" || fail "--check finds nothing"
}

# Nothing new is negotiated with a certificate that has expired; what is up goes on, or not.
story_expires() { # keep|close
	cert short ca rsa3072 '1 day ago' "@$(($(date +%s) + 25))"
	configure a certificate=short yaml="on_expiry: $1"
	host a ikemesh 10.1.0.1/16
	ikemesh_only
	host b strongswan 10.1.0.2/16
	host c ikemesh 10.1.0.3/16
	start a b c
	bring_up a b
	expect_log a 'our own certificate expired on .*: put a new one into instance_certificate.*ikectl reload' 40
	expect_status a 'ERROR: our own certificate expired on'
	capture
	ping_none c a 3
	ping_none a c 2
	expect_status a '10\.1\.0\.3.*our own certificate expired on'
	expect_no_clear a c
	if [ "$1" = keep ]; then
		ping_all a b 5 0.1
		ikectl a rekey 10.1.0.2 || fail "cannot rekey: $?"
		ping_all a b 5 0.1
	else
		expect_log a 'on_expiry: close: all SAs are deleted'
		expect_no_sa a
	fi

	say "a new one mends it, by a reload"
	local old=$CERTS/short.pem
	cert long ca
	sed -i "s|$CERTS/short|$CERTS/long|" "$SCRATCH/a/ikemesh.yml"
	[ -s "$old" ]
	ikectl a reload || fail "cannot reload: $?"
	bring_up c a 20
	bring_up a b 20
}

case $1 in
expires_*) story_expires "${1#expires_}" ;;
*) "story_$1" ;;
esac
