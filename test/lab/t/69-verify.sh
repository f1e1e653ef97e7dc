# SPDX-License-Identifier: Apache-2.0
# `ikectl verify`: one verdict, by traffic. The case: what the peers are.
# cases: ikemesh
# long: strongswan
# takes: 40
ca ca
cert instance ca
configure all no_ipsec_subnets=10.1.0.9/32
configure a yaml='encapsulation: never'
host a ikemesh 10.1.0.1/16
host good "$1" 10.1.0.2/16
host mute "$1" 10.1.0.3/16
host filtered "$1" 10.1.0.4/16
host none plain 10.1.0.5/16
host bypassed plain 10.1.0.9/16
on mute iptables-legacy -A INPUT -p icmp --icmp-type echo-request -j DROP
on filtered iptables-legacy -A INPUT -p esp -j DROP
start a good mute filtered

expect_verdict() { # HOST VERDICT STATUS
	local code=0 said
	said=$(ikectl a verify "$(address "$1")") || code=$?
	report "$(printf '%-9s %s' "$1" "$(head -n 1 <<<"$said")")"
	[[ $code = "$3" && $said = "$(address "$1"): $2: "* ]] || fail "verify $1: exit status $code, $said"
}
capture
expect_verdict good protected 0
expect_esp a good
expect_no_clear a good
expect_verdict mute protected-no-echo 0
expect_verdict filtered esp-filtered 1
expect_verdict none no-sa 1
expect_verdict bypassed not-protected 1
ikectl a verify --json 10.1.0.2 | grep -q '"protected": true' || fail 'the JSON does not say that it is protected'
expect_alive a
