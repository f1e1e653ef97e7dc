# SPDX-License-Identifier: Apache-2.0
# Scripts that read strongSwan's statusall can read ours. And who may ask: root, and to look, a group.
ca ca
cert instance ca
configure all no_ipsec_subnets=10.1.9.0/24
host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
configure a yaml='control_group: games'
start a b
bring_up a b
for h in a b; do
	status $h >"$SCRATCH/$h/status"
	sed "s/^/        $h: /" "$SCRATCH/$h/status"
	for line in '^Status of ' '^ +uptime: .* since ' '^Listening IP addresses:' '^  10\.1\.0\.' '^Connections:' \
		'^ *ipsec-10\.1\.0\.0/16.*: ' 'TRANSPORT' '^Shunted Connections:' '^ *no-ipsec-10\.1\.9\.0/24.*PASS' \
		'^Routed Connections:' 'ROUTED, TRANSPORT' '^Security Associations \(1 up, 0 connecting\):' \
		'ESTABLISHED .* ago, 10\.1\.0\.[12]\[O=lab, CN=instance\]\.\.\.10\.1\.0\.[12]\[O=lab, CN=instance\]' \
		'IKEv2 SPIs: ' 'IKE proposal: AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048' \
		'INSTALLED, TRANSPORT, reqid [0-9]+, ESP( in UDP)? SPIs: [0-9a-f]+_i [0-9a-f]+_o' 'AES_GCM_16_128, [0-9]+ bytes_i' \
		'10\.1\.0\.[12]/32 === 10\.1\.0\.[12]/32'; do
		grep -Eq -- "$line" "$SCRATCH/$h/status" || fail "statusall of $h has no line like /$line/"
	done
done
[ "${KIND[a]}" = ikemesh ] || exit 0
ikectl a statusall --json >"$SCRATCH/a/json"
head -c 1 "$SCRATCH/a/json" | grep -q '{' || fail "--json is not JSON: $(head -n 3 "$SCRATCH/a/json")"

chmod 711 "$SCRATCH" "$SCRATCH/a"
as() { # GROUP ARGUMENT…: ikectl on a as a user in that group alone; sets CODE and SAID
	local group=$1
	shift
	CODE=0
	SAID=$(on a setpriv --reuid nobody --regid "$group" --clear-groups "$BIN/ikectl" --run-dir "$SCRATCH/a/run" "$@" 2>&1) || CODE=$?
}
expect_as() { # GROUP CODE REGEX ARGUMENT…
	local group=$1 code=$2 words=$3
	shift 3
	as "$group" "$@"
	[ $CODE = "$code" ] && grep -Eq -- "$words" <<<"$SAID" || fail "ikectl $* in group $group: $CODE, $SAID"
}
expect_as games 0 'ESTABLISHED' statusall
expect_as games 0 '10\.1\.0\.2' status
expect_as games 77 'only root may do this' reload
expect_as games 77 'only root may do this' mode optional
expect_as games 77 'only root may do this' down 10.1.0.2
expect_as nogroup 77 'may not ask .*: root may, and members of the group' statusall
report "a member of control_group may look, and gets exit status 77 for reload, mode and down; so does everybody else for all"
