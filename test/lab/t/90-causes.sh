# SPDX-License-Identifier: Apache-2.0
# Causes of failure, made on purpose: `ikectl why` on the side that can know names each one rightly. The
# table is printed.
# takes: 45
# timeout: 180
ca ca
ca other-ca
cert instance ca
cert alien other-ca
cert old ca rsa3072 '20 days ago' '2 days ago'
cert early ca rsa3072 '2 years' '3 years'

host a ikemesh 10.1.0.1/16
host wrong-ca ikemesh 10.1.0.11/16
host expired ikemesh 10.1.0.12/16
host ike-suite ikemesh 10.1.0.14/16
host esp-suite ikemesh 10.1.0.15/16
host selectors ikemesh 10.1.0.16/16
host down plain 10.1.0.17/16
host no-ipsec plain 10.1.0.18/16
host filtered ikemesh 10.1.0.19/16
host no-esp ikemesh 10.1.0.20/16
host narrow ikemesh 10.1.0.21/16
host slow ikemesh 10.1.0.31/16
host right ikemesh 10.1.0.32/16

configure wrong-ca certificate=alien
configure expired certificate=old
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

causes=(
	'wrong-ca       wrong-ca                 a'
	'expired        expired                  a'
	'ike-suite      no-common-ike-proposal   a ike-suite'
	'esp-suite      no-common-esp-proposal   a esp-suite'
	'selectors      selectors                a'
	'down           peer-down                a'
	'no-ipsec       no-ipsec                 a'
	'filtered       ike-filtered             a'
	'no-esp         esp-filtered             a'
	'narrow         mtu                      a'
	'slow           clock                    right'
)
ikemeshes=()
for name in "${HOSTS[@]}"; do [ "${KIND[$name]}" != ikemesh ] || ikemeshes+=("$name"); done
start "${ikemeshes[@]}"

say 'a talks to all of them'
for row in "${causes[@]}"; do
	read -r peer _ from _ <<<"$row"
	on "$from" ping -n -c 8 -i 0.5 -W 1 "$(address "$peer")" >/dev/null 2>&1 &
done

why() { # FROM PEER: sets CAUSE and SENTENCE
	local json
	json=$(ikectl "$1" why --json "$2" || true)
	CAUSE=$(sed -n 's/^  "cause": "\(.*\)",$/\1/p' <<<"$json")
	SENTENCE=$(sed -n 's/^  "text": "\(.*\)",$/\1/p' <<<"$json")
}
why_is() { why "$1" "$2" && [ "$CAUSE" = "$3" ]; }

wrong=0
for row in "${causes[@]}"; do
	read -r peer cause sides <<<"$row"
	for side in $sides; do
		other=$peer
		[ "$side" != "$peer" ] || other=a
		until_ok 15 why_is "$side" "$(address "$other")" "$cause" || wrong=$((wrong + 1))
		why "$side" "$(address "$other")"
		report "$(printf '%-10s asked about %-10s %-24s %s' "$side" "$other" "$CAUSE" "$SENTENCE")"
		[ "$CAUSE" = "$cause" ] || report "           but it is $cause: $(ikectl "$side" why "$(address "$other")" || true)"
	done
done
[ $wrong = 0 ] || fail "$wrong causes were not named rightly"

# Remembered when it is over, and where there is nothing: why there is nothing.
why_is a 10.1.0.99 no-traffic || fail "of an address that was never spoken to: $CAUSE"
why_is a 10.7.0.1 not-protected || fail "of an address in no subnet: $CAUSE"
why_is a 10.1.0.1 own-address || fail "of an address of its own: $CAUSE"
