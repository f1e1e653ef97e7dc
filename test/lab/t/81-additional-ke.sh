# SPDX-License-Identifier: Apache-2.0
# Additional key exchanges (RFC 9370) in IKE_INTERMEDIATE (RFC 9242), and in IKE_FOLLOWUP_KE when the IKE SA
# is rekeyed. FIRST-SECOND, the first sends, and so initiates. They ask for ML-KEM-768 where OpenSSL has it,
# and for ecp384 where it does not. A strongSwan before 6.0 knows none of it: it is met without, and refused by
# a host that insists. Debian 12's is such a one; docs/lab.md says how to have a later one.
# cases: ikemesh-ikemesh ikemesh-strongswan strongswan-ikemesh
IFS=- read -r first second <<<"$1"
PLAIN=aes256-sha384-modp2048
HYBRID=$PLAIN-ke1_mlkem768-ke1_ecp384
read -r MAJOR MINOR < <(ipsec --version 2>/dev/null | sed -n 's/.*strongSwan U\([0-9]*\)\.\([0-9]*\).*/\1 \2/p') || :
modern() { [ "$first-$second" = ikemesh-ikemesh ] || [ "${MAJOR:-0}" -ge 6 ]; } # all know of it
# strongSwan goes on on port 4500 (MOBIKE), where four octets of zeros come first.
of_type() { echo "(udp port 500 and udp[26] == $1) or (udp port 4500 and udp[8:4] == 0 and udp[30] == $1)"; }
intermediate=$(of_type 43)
followup=$(of_type 44)

ca ca
cert instance ca
host a "$first" 10.1.0.1/16
host b "$second" 10.1.0.2/16
configure all ike_proposals="$HYBRID,$PLAIN!"
us=a them=b
[ "$first" = ikemesh ] || us=b them=a
if ! modern; then
	configure $them ike_proposals="$PLAIN!"
elif [ "${KIND[$them]}" = strongswan ]; then
	# 6.0's plug-in of OpenSSL has no ML-KEM, and finds out too late.
	[ "$MAJOR.$MINOR" != 6.0 ] || configure $them ike_proposals="$PLAIN-ke1_ecp384!"
	[ "$MAJOR.$MINOR" = 6.0 ] || configure $them ike_proposals="$HYBRID!"
	configure $them charon='load = aes sha1 sha2 md5 hmac kdf mgf1 gmp openssl gcm nonce random drbg pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke vici updown'
fi
start a b
capture
bring_up a b
expect_established a b
ping_all a b 20 0.02
if ! modern; then
	expect_status $us 'IKE proposal: AES_CBC_256/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/MODP_2048'
	[[ $(status $us) != */KE1_* ]] || fail "an additional key exchange with a peer that knows none"
	[ "$(count "$intermediate")" = 0 ] || fail "IKE_INTERMEDIATE with a peer that does not know it"
	say "a host that insists"
	stop a b
	configure $us ike_proposals="$HYBRID!"
	start a b
	ping_none a b 4
	expect_log $us 'NO_PROPOSAL_CHOSEN'
	for h in a b; do expect_no_sa $h; done
	expect_no_clear a b
	expect_alive $us
	report "a peer without it is met without, and refused by a host that insists"
	exit 0
fi
expect_status $us 'IKE proposal: .*/MODP_2048/KE1_(ML_KEM_768|ECP_384)'
method=$(status $us | sed -n 's/.*\/KE1_\([A-Z0-9_]*\).*/\1/p' | head -n 1)
[ "$(count "$intermediate")" -ge 2 ] || fail "no IKE_INTERMEDIATE on the wire"
say "rekeying, by either side, under pings"
stream a b 12 0.01
for h in $us $them; do
	case ${KIND[$h]} in
	ikemesh) ikectl $h rekey-ike "$(address "$([ $h = a ] && echo b || echo a)")" ;;
	*) nsenter -t "${PID[$h]}" -m -n swanctl --rekey --ike "$(status $h | sed -n 's/^ *\(ipsec-[^[]*\)\[.*ESTABLISHED.*/\1/p' | head -n 1)" ;;
	esac
	expect_log $us 'IKE SA \[[0-9]*\] rekeyed' 10
	nap 3
done
streamed a b
[ "$LOST" = 0 ] || fail "$LOST of $SENT pings lost in the rekeyings"
[ "$(count "$followup")" -ge 4 ] || fail "no IKE_FOLLOWUP_KE on the wire: $(count "$followup")"
expect_status $us 'IKE proposal: .*/MODP_2048/KE1_(ML_KEM_768|ECP_384)'
expect_established a b
expect_esp a b
expect_no_clear a b
expect_sa a b
expect_alive $us
report "$method in $(count "$intermediate") IKE_INTERMEDIATE and $(count "$followup") IKE_FOLLOWUP_KE datagrams, $LOST of $SENT pings lost"
