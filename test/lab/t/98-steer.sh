# SPDX-License-Identifier: Apache-2.0
# What ikectl does with a peer's SAs, and what it ends with: up, down, rekey, reset, with their outcome; all peers at
# once; progress on a terminal and nowhere else.
# cases: exit-codes
ca ca
ca otherca
cert instance ca
cert stranger otherca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
host c strongswan 10.1.0.3/16
host e ikemesh 10.1.0.5/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
configure e certificate=stranger ca='otherca ca' # which a does not trust
start a b c e
TRIED=0
ends() { # CODE SAYS WORD…: `ikectl WORD…` on a ends with CODE, and says that
	local code=$1 says=$2 rc=0
	shift 2
	ikectl a "$@" >"$SCRATCH/out" 2>&1 || rc=$?
	[ "$rc" = "$code" ] || fail "ikectl $*: $rc instead of $code: $(cat "$SCRATCH/out")"
	[ -z "$says" ] || grep -qE -- "$says" "$SCRATCH/out" || fail "ikectl $* does not say /$says/: $(cat "$SCRATCH/out")"
	say "ikectl $*: $rc, $(head -n 1 "$SCRATCH/out")"
	TRIED=$((TRIED + 1))
}
ends 0 'all pairs that there are' up --all
ends 0 '10\.1\.0\.2: up$' up 10.1.0.2 --wait
ends 0 '10\.1\.0\.2: up$' up 10.1.0.2 --wait
ends 0 '"asked": 0' up 10.1.0.2 --wait --json
ends 0 '10\.1\.0\.3: up$' up 10.1.0.3 --wait
ends 1 'CA' up 10.1.0.5 --wait
ends 0 'rekeyed$' rekey 10.1.0.2 --wait
ends 0 'rekeyed$' rekey-ike 10.1.0.2 --wait
ends 0 'rekeyed$' rekey 10.1.0.3 --wait
ends 0 '10\.1\.0\.2: down$' down 10.1.0.2 --wait
ends 0 '10\.1\.0\.3: SAs deleted' down 10.1.0.3
ends 1 '^2 of 3 are up$' up --all
grep -q '^10\.1\.0\.5: negotiation failed: .*CA' "$SCRATCH/out" || fail "e is not told of: $(cat "$SCRATCH/out")"
ends 0 '"peer"|"asked": 0|"failed": \[\]' reset 10.1.0.3 --wait --json
for peer in b:10.1.0.2 c:10.1.0.3; do
	ping_all a "${peer%:*}" 2
	ends 0 'up again$' reset "${peer#*:}" --wait
	ping_all a "${peer%:*}" 5
done
one() { [ "$(status "$1" | grep -c ': ESTABLISHED')" = 1 ] && [ "$(status "$1" | grep -c 'INSTALLED, TRANSPORT')" = 1 ]; }
for h in b c; do until_ok 5 one $h || fail "$h has not one SA after the reset: $(status $h)"; done

ends 1 'did you mean 10\.1\.0\.[235]\?' down 10.1.0.22
ends 1 'ikectl status. lists' rekey 10.1.200.200
ends 1 'in none of ipsec_subnets' up 192.0.2.1
ends 0 'loaded anew' reload
ends 0 '.' mode optional
ends 64 'mode takes' mode x
ends 0 '' wait --peers 10.1.0.2 --timeout 10s
ends 1 'not within 1 s' wait --peers 10.1.0.99 --timeout 1s
ends 0 '"up": \[' wait --peers 10.1.0.2 --timeout 10s --json
ends 1 '"reason": "192.0.2.1 lies in none' wait --peers 10.1.0.2,192.0.2.1 --timeout 1s --json
ends 0 '.' monitor --last 1 --count 1
ends 0 '' monitor --last 10 --count 2
[ "$(wc -l <"$SCRATCH/out")" = 2 ] || fail "monitor --count 2 shows: $(cat "$SCRATCH/out")"
echo 'ipsec_subnets: nonsense' >"$SCRATCH/bad.yml"
ends 2 'nonsense' check "$SCRATCH/bad.yml"

# Nobody is at 10.1.0.9: that takes longer than a second.
rc=0
timeout -s INT 3 nsenter --net=/run/netns/a "$BIN/ikectl" --run-dir "$SCRATCH/a/run" up 10.1.0.9 --wait >"$SCRATCH/plain" 2>&1 || rc=$?
[ ! -s "$SCRATCH/plain" ] || fail "progress where no terminal is: $(cat "$SCRATCH/plain")"
terminal() { # TERM: what `up --wait` says on such a terminal
	timeout 4 script -qec "TERM=$1 timeout -s INT 3 $BIN/ikectl --run-dir $SCRATCH/a/run up 10.1.0.9 --wait" /dev/null </dev/null || true
}
nsenter --net=/run/netns/a bash -c "$(declare -f terminal); BIN=$BIN SCRATCH=$SCRATCH terminal xterm" >"$SCRATCH/tty" 2>&1
grep -q '0 of 1 done, 0 failed, 1 s' "$SCRATCH/tty" || fail "no progress on a terminal: $(cat -v "$SCRATCH/tty")"
nsenter --net=/run/netns/a bash -c "$(declare -f terminal); BIN=$BIN SCRATCH=$SCRATCH terminal dumb" >"$SCRATCH/dumb" 2>&1
! grep -q 'of 1 done' "$SCRATCH/dumb" || fail "progress on a dumb terminal: $(cat -v "$SCRATCH/dumb")"
report "$TRIED command lines ended as ikectl(8) says"
expect_alive a b c e
