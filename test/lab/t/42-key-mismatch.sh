# SPDX-License-Identifier: Apache-2.0
# A key that does not belong to the certificate is found before anything starts, and told with its place.
ca ca
cert instance ca
cert other ca
configure a key="$CERTS/other.key"
host a ikemesh 10.1.0.1/16
[ "${KIND[a]}" = ikemesh ] || skip "strongSwan has no such check"
ikemesh_config a >"$SCRATCH/a/ikemesh.yml"
rc=0
on a "$BIN/ikemeshd" --check --config "$SCRATCH/a/ikemesh.yml" >"$SCRATCH/a/log" 2>&1 || rc=$?
[ $rc = 2 ] || fail "--check ends with $rc, not 2: $(cat "$SCRATCH/a/log")"
expect_log a 'error: instance_private_key .*is not the key of "O=lab, CN=instance"'
rc=0
on a timeout 10 "$BIN/ikemeshd" --config "$SCRATCH/a/ikemesh.yml" --run-dir "$SCRATCH/a/run" >>"$SCRATCH/a/log" 2>&1 || rc=$?
case $rc in 0 | 124) fail "the daemon starts all the same: $(cat "$SCRATCH/a/log")" ;; esac
[ -z "$(on a ip xfrm policy list nosock)" ] || fail "it left policies: $(on a ip xfrm policy list nosock)"

say "with the right key it is content"
configure a key="$CERTS/instance.key"
ikemesh_config a >"$SCRATCH/a/ikemesh.yml"
on a "$BIN/ikemeshd" --check --config "$SCRATCH/a/ikemesh.yml" || fail "--check refuses a good file"
