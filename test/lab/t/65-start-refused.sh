# SPDX-License-Identifier: Apache-2.0
# A daemon that cannot start leaves nothing that is enforced: the host still speaks with its peers.
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b plain 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
ikemesh_config a >"$SCRATCH/a/ikemesh.yml"

refuses() { # RUN_DIR REASON
	! on a timeout 20 "$BIN/ikemeshd" --config "$SCRATCH/a/ikemesh.yml" --run-dir "$1" >>"$SCRATCH/a/log" 2>&1 ||
		fail "it started, and ended in peace, with --run-dir $1"
	expect_log a "$2"
	left=$(on a ip xfrm policy list nosock)
	[ -z "$left" ] || fail "policies are left: $left"
	ping_all a b 2
}
refuses "$SCRATCH/a/$(printf '%0150d' 0)" '--run-dir is too long'
refuses "$SCRATCH/a/log" 'as the run directory \(--run-dir\): Not a directory'
mkdir -p -m 711 "$SCRATCH/a/run" && mkdir "$SCRATCH/a/run/control.sock" # something that the socket cannot replace
refuses "$SCRATCH/a/run" 'control.sock: Is a directory'

# A log that cannot be written is no reason to leave a host without its mesh.
rmdir "$SCRATCH/a/run/control.sock"
_prepare_ikemesh() { ikemesh_config "$1" | sed 's,^log: stderr,log: /nonexistent/log,' >"$SCRATCH/$1/ikemesh.yml"; }
start a
expect_log a 'cannot write the log /nonexistent/log: No such file or directory; it goes to stderr'
