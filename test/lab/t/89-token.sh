# SPDX-License-Identifier: Apache-2.0
# The private key stays in a token, SoftHSM's: handshakes with strongSwan in both directions, a rekey, the
# re-authentication of all after a reload, and what is said of a PIN that does not fit. The PIN is never shown.
# takes: 8
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
PIN=83519462
export SOFTHSM2_CONF=$SCRATCH/softhsm2.conf
mkdir -p "$SCRATCH/tokens"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$SCRATCH/tokens" >"$SOFTHSM2_CONF"
printf '%s\n' $PIN >"$SCRATCH/pin"
chmod 600 "$SCRATCH/pin"
ca ca
cert instance ca
cert mine ca
softhsm2-util --init-token --free --label mesh --so-pin 1234567 --pin $PIN >"$SCRATCH/out" 2>&1 || fail "no token: $(cat "$SCRATCH/out")"
openssl pkcs8 -topk8 -nocrypt -in "$CERTS/mine.key" -out "$SCRATCH/mine.p8"
softhsm2-util --import "$SCRATCH/mine.p8" --token mesh --label mine --id 01 --pin $PIN >"$SCRATCH/out" 2>&1 ||
	fail "no key in the token: $(cat "$SCRATCH/out")"
# From here on the token alone has it.
rm -f "$SCRATCH/mine.p8" "$CERTS/mine.key"

host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
host c strongswan 10.1.0.3/16
configure a certificate=mine key="pkcs11:token=mesh;object=mine?pin-source=$SCRATCH/pin" yaml=$'ike_lifetime: 6s\nesp_lifetime: 4s'
configure b conn='    reauth=no'
configure c conn='    reauth=no'
start a b c
capture
bring_up a b
bring_up c a
ping_all a b 5
expect_esp a b
expect_log b "received end entity cert \"O=lab, CN=mine\""
expect_log b "authentication of 'O=lab, CN=mine' with .* successful"
expect_log c "authentication of 'O=lab, CN=mine' with .* successful"
expect_log a 'IKE SA .* rekeyed' 15
n=$(grep -cE 'CHILD_SA .* installed' "$SCRATCH/a/log")
[ "$n" -ge 3 ] || fail "no CHILD_SA has been rekeyed: $n in all"
ikectl a reload || fail "the configuration is not read again"
ikectl a rotate --wait >"$SCRATCH/out" 2>&1 || fail "not authenticated anew: $(cat "$SCRATCH/out")"
say "$(tail -n 1 "$SCRATCH/out")"
n=$(grep -cE "authentication of 'O=lab, CN=mine' with .* successful" "$SCRATCH/b/log")
[ "$n" -ge 2 ] || fail "b has seen $n signatures"
report "$n signatures of the token seen by b"
ping_all a b 5
ping_all a c 5
expect_no_clear a b
expect_alive a b c

rc=0
sed "s|?pin-source=.*|?pin-value=0000|" "$SCRATCH/a/ikemesh.yml" >"$SCRATCH/wrong.yml"
"$BIN/ikemeshd" --check --config "$SCRATCH/wrong.yml" >"$SCRATCH/out" 2>&1 || rc=$?
[ $rc != 0 ] && grep -q 'object=mine: PIN incorrect' "$SCRATCH/out" || fail "check says $rc: $(cat "$SCRATCH/out")"
say "$(grep -m 1 PIN "$SCRATCH/out")"
! grep -l "$PIN" "$SCRATCH"/*/log "$SCRATCH/out" || fail "the PIN stands in there"
