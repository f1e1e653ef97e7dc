# SPDX-License-Identifier: Apache-2.0
# Post-quantum preshared keys, RFC 8784: FIRST-SECOND-STORY, the first sends, and so initiates. What each has:
# both       the same PPK, which neither insists on: it is used, and survives rekeying
# required   the same PPK, and both insist on it
# other      each one of its own, neither insists: they come up without
# other_req  the same, and ikemesh insists: refused, with the reason
# none_req   the peer has none, and ikemesh insists: refused, with the reason
# peer_req   ikemesh has none, and the peer insists: refused
# forged     PPKs of one name that differ: refused
# cases: ikemesh-strongswan-both strongswan-ikemesh-both ikemesh-strongswan-required strongswan-ikemesh-other
# long: ikemesh-ikemesh-both strongswan-ikemesh-required ikemesh-strongswan-other
# long: ikemesh-strongswan-other_req strongswan-ikemesh-other_req
# long: ikemesh-strongswan-none_req strongswan-ikemesh-none_req
# long: ikemesh-strongswan-peer_req strongswan-ikemesh-peer_req
# long: ikemesh-strongswan-forged strongswan-ikemesh-forged
IFS=- read -r first second story <<<"$1"
ours=0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20
theirs=0xf102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2f

# ppk NAME KIND ID SECRET REQUIRED
declare -A PPK_SECRET=() PPK_CONN=()
ppk() {
	configure "$1" yaml="ppk: $4
ppk_id: $3
ppk_required: $([ "$5" = yes ] && echo true || echo false)"
	PPK_CONN[$1]="ppk_id = $3
        ppk_required = $5"
	# As a responder strongSwan refuses any other than ppk_id at once, required or not; without it, it
	# takes what it has a secret for, and NO_PPK_AUTH for the rest.
	[ "$3" = mesh ] || [ $first = strongswan ] || PPK_CONN[$1]="ppk_required = $5"
	PPK_SECRET[$1]="ppk-mesh { id = $3
        secret = $4
    }"
}

# strongSwan knows PPKs by swanctl only.
ipsec_conf() { echo "config setup"; }
_ready_strongswan() {
	local name=$1 d=$SCRATCH/$1
	until_ok 30 test -S "$d/run/charon.vici" || fail "$name is not ready: $(tail -n 5 "$d/log")"
	cat >"$d/swanctl.conf" <<-CONF
		connections { mesh {
		        version = 2
		        local_addrs = $(address "$name")
		        remote_addrs = %any
		        proposals = $(option "$name" ike_proposals | tr -d '!')
		        ${PPK_CONN[$name]-}
		        local { auth = pubkey
		            certs = $CERTS/$(option "$name" certificate).pem
		        }
		        remote { auth = pubkey
		        }
		        children { net { mode = transport
		            local_ts = dynamic
		            remote_ts = 10.1.0.0/16
		            esp_proposals = $(option "$name" esp_proposals | tr -d '!')
		            start_action = trap
		        } }
		} }
		secrets { ${PPK_SECRET[$name]-}
		}
	CONF
	nsenter -t "${PID[$name]}" -m -n swanctl --load-all --file "$d/swanctl.conf" >>"$d/log" 2>&1 ||
		fail "$name does not take its configuration: $(tail -n 5 "$d/log")"
	until_ok 10 _routed "$name" 1 || fail "$name has no policy"
}

ca ca
cert instance ca
for h in a b; do
	configure $h charon='load = aes sha1 sha2 md5 hmac kdf mgf1 gmp gcm nonce random drbg pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke vici updown'
done
kinds=([0]=$first [1]=$second)
names=(a b)
for i in 0 1; do
	mine=$ours name=mesh required=no has=yes
	case $story-${kinds[$i]} in
	required-*) required=yes ;;
	other*-strongswan) name=another mine=$theirs ;;
	other_req-ikemesh) required=yes ;;
	none_req-strongswan) has=no ;;
	none_req-ikemesh) required=yes ;;
	peer_req-strongswan) required=yes ;;
	peer_req-ikemesh) has=no ;;
	forged-strongswan) mine=$theirs ;;
	esac
	[ $has = no ] || ppk "${names[$i]}" "${kinds[$i]}" $name $mine $required
done
host a "$first" 10.1.0.1/16
host b "$second" 10.1.0.2/16
start a b
capture
us=a them=b
[ "$first" = ikemesh ] || us=b them=a
case $story in
both | required)
	bring_up a b
	expect_log $us 'has the PPK in its keys'
	[ "${KIND[$them]}" = ikemesh ] || expect_log $them 'using PPK'
	expect_established a b
	say "rekeying"
	ikectl $us rekey "$(address $them)"
	ikectl $us rekey-ike "$(address $them)"
	expect_log $us 'IKE SA \[[0-9]*\] rekeyed' 10
	expect_status $us 'IKE proposal: .*, PPK'
	ping_all a b 50 0.02
	ping_all b a 50 0.02
	expect_esp a b
	expect_sa a b
	;;
other)
	bring_up a b
	expect_log $us 'is up without our PPK: the peer has another'
	expect_established a b
	ping_all a b
	;;
*)
	ping_none a b 4
	case $story in
	other_req) why="peer's PPK is not ours.*ppk_required|AUTHENTICATION_FAILED.*has another PPK" ;;
	none_req) why="peer does not use a PPK, and ppk_required is set here" ;;
	peer_req) why=AUTHENTICATION_FAILED ;;
	forged) why='AUTHENTICATION_FAILED' ;;
	esac
	# Where strongSwan is to begin and refuses what it gets, it tells nobody: charon aborts by itself.
	case $story-$first in
	peer_req-strongswan) expect_log a 'PPK required' ;;
	*) expect_log $us "$why" && expect_status $us "$why" ;;
	esac
	for h in a b; do expect_no_sa $h; done
	;;
esac
expect_no_clear a b
! grep -qi 010203040506 "$SCRATCH/$us/log" || fail "the PPK is in the log of $us"
expect_alive $us
