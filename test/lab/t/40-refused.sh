# SPDX-License-Identifier: Apache-2.0
# What does not fit is refused: both sides say with whom and why, there is no SA, and nobody dies of it.
# REASON-ROLE-PEER: the role is that of host a, the one that refuses or is refused; its peer is b.
# cases: wrong_ca-initiator-strongswan wrong_ca-responder-strongswan wrong_ca-initiator-ikemesh
# cases: expired-initiator-strongswan expired-responder-strongswan expired-initiator-ikemesh
# cases: not_yet_valid-initiator-strongswan not_yet_valid-responder-strongswan not_yet_valid-initiator-ikemesh
# cases: proposal-initiator-strongswan proposal-responder-strongswan proposal-initiator-ikemesh
# cases: esp_proposal-initiator-strongswan esp_proposal-responder-strongswan esp_proposal-initiator-ikemesh
IFS=- read -r reason role peer <<<"$1"
ca ca
cert instance ca

# What host a has to say, and what the other side gets to know.
notify=AUTHENTICATION_FAILED
case $reason in
wrong_ca)
	ca otherca
	cert stranger otherca
	configure b certificate=stranger ca='otherca ca' # b would take a, a does not take b
	why='unknown CA|no trusted CA'
	;;
expired)
	cert expired ca rsa3072 '20 days ago' '2 days ago'
	configure b certificate=expired
	why='certificate (has )?expired'
	# ikemesh shows no certificate that has expired: it refuses itself.
	[ "$peer" != ikemesh ] || why='AUTHENTICATION_FAILED'
	;;
not_yet_valid)
	cert early ca rsa3072 'now + 2 days' '1 year'
	configure b certificate=early
	why='not yet valid'
	;;
proposal)
	configure b ike_proposals='aes256-sha384-modp3072!'
	why=NO_PROPOSAL_CHOSEN notify=NO_PROPOSAL_CHOSEN
	;;
esp_proposal)
	configure b esp_proposals='aes256gcm16!'
	why=NO_PROPOSAL_CHOSEN notify=NO_PROPOSAL_CHOSEN
	;;
esac
host a ikemesh 10.1.0.1/16
host b "$peer" 10.1.0.2/16
start a b
capture
case $role in
initiator) ping_none a b 3 ;;
responder) ping_none b a 3 ;;
esac

expect_log a "10\.1\.0\.2.*($why)|($why).*10\.1\.0\.2"
expect_status a "10\.1\.0\.2.*($why)"
case $peer in
ikemesh)
	[ "$reason" != expired ] || notify='our own certificate expired'
	expect_log b "10\.1\.0\.1.*$notify|$notify.*10\.1\.0\.1"
	expect_status b "10\.1\.0\.1.*$notify"
	;;
strongswan)
	short=$(sed 's/AUTHENTICATION_FAILED/AUTH_FAILED/;s/NO_PROPOSAL_CHOSEN/NO_PROP/' <<<"$notify")
	case $reason-$role in
	*proposal-initiator) expect_log b "generating IKE_.* response .*N\($short\)" ;; # it refuses
	*) expect_log b "parsed .*N\($short\)" ;;                                     # it is refused
	esac
	;;
esac
expect_no_clear a b
# strongSwan, when asked, has SAs until it hears that it was not believed; and a asks again.
_holds_none() { ! on "$1" ip xfrm state list | grep -qE '^\s(aead|enc) '; }
for h in a b; do
	until_ok 5 _holds_none $h || true
	expect_no_sa $h
done
expect_alive a b
