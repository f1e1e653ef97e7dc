# SPDX-License-Identifier: Apache-2.0
# Causes of failure, made on purpose: `ikectl why` on the side that can know names each one rightly. The
# table is printed. The case: what the peers are; a strongSwan is not asked itself.
# cases: ikemesh
# long: strongswan
# takes: 45
# timeout: 180
ca ca
ca other-ca - p256
cert instance ca
cert alien other-ca
cert stranger ca
cert old ca rsa3072 '20 days ago' '2 days ago'
cert early ca rsa3072 '2 years' '3 years'

host a ikemesh 10.1.0.1/16
host wrong-ca "$1" 10.1.0.11/16
host expired "$1" 10.1.0.12/16
host stranger "$1" 10.1.0.13/16
host ike-suite "$1" 10.1.0.14/16
host esp-suite "$1" 10.1.0.15/16
host selectors "$1" 10.1.0.16/16
host down plain 10.1.0.17/16
host no-ipsec plain 10.1.0.18/16
host filtered "$1" 10.1.0.19/16
host no-esp "$1" 10.1.0.20/16
host narrow "$1" 10.1.0.21/16
host slow "$1" 10.1.0.31/16
host right ikemesh 10.1.0.32/16

configure wrong-ca certificate=alien ca='ca other-ca'
configure expired certificate=old
configure stranger certificate=stranger
# Else the daemon would do something about filtered ESP itself: see 75-esp-filtered.
configure a yaml=$'peer_identities: ["CN=instance, O=lab"]\nencapsulation: never'
configure ike-suite ike_proposals='aes256-sha384-ecp384!'
configure esp-suite esp_proposals='aes256gcm16!'
configure selectors ipsec_subnets='10.9.0.0/16'
configure slow certificate=early
configure right certificate=early
ip -n down link set eth0 down
on filtered iptables-legacy -A INPUT -p udp --dport 500 -j DROP
on no-esp iptables-legacy -A INPUT -p esp -j DROP
# A bridge drops what is too large for the next port, and says nothing.
ip link set w-narrow mtu 1300

rows=( # who is asked, about whom, and what is to be said
	'a wrong-ca wrong-ca'
	'wrong-ca a refused-us'
	"a expired $([ "$1" = ikemesh ] && echo refused-us || echo expired)" # ours does not sign with it
	'expired a own-expired'
	'a stranger not-allowed'
	'a ike-suite no-common-ike-proposal'
	'ike-suite a no-common-ike-proposal'
	'a esp-suite no-common-esp-proposal'
	'esp-suite a no-common-esp-proposal'
	'a selectors selectors'
	'a down peer-down'
	'a no-ipsec no-ipsec'
	'a filtered ike-filtered'
	'a no-esp esp-filtered'
	'a narrow mtu'
	'slow right clock'
	'right slow clock'
)
start "${HOSTS[@]}"

say 'they talk to each other'
for row in "${rows[@]}"; do
	read -r from about _ <<<"$row"
	case $from in a | right) { on "$from" ping -n -c 8 -i 0.5 -W 1 "$(address "$about")" >/dev/null 2>&1 || true; } & ;; esac
done

why() { # FROM PEER: sets CAUSE and SENTENCE
	local json
	json=$(ikectl "$1" why --json "$2" || true)
	CAUSE=$(sed -n 's/^  "cause": "\(.*\)",$/\1/p' <<<"$json")
	SENTENCE=$(sed -n 's/^  "text": "\(.*\)",$/\1/p' <<<"$json")
}
why_is() { why "$1" "$2" && [ "$CAUSE" = "$3" ]; }

wrong=0
for row in "${rows[@]}"; do
	read -r from about cause <<<"$row"
	[ "${KIND[$from]}" = ikemesh ] || continue
	to=$(address "$about")
	until_ok 15 why_is "$from" "$to" "$cause" || wrong=$((wrong + 1))
	why "$from" "$to"
	report "$(printf '%-9s of %-10s %-23s %s' "$from" "$about" "$CAUSE" "$SENTENCE")"
	[ "$CAUSE" = "$cause" ] || say "but it is $cause: $(ikectl "$from" why "$to" || true)"
done
[ $wrong = 0 ] || fail "$wrong causes were not named rightly"

# Remembered when it is over, and where there is nothing: why there is nothing.
why_is a 10.1.0.99 no-traffic || fail "of an address that was never spoken to: $CAUSE"
why_is a 10.7.0.1 not-protected || fail "of an address in no subnet: $CAUSE"
why_is a 10.1.0.1 own-address || fail "of an address of its own: $CAUSE"
